#include "http/credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "moonwatch/clock.h"

enum kind { KIND_CA, KIND_CERT, KIND_KEY, KIND_TOKEN };

static const char *const kind_names[] = {
    [KIND_CA] = "ca_file",
    [KIND_CERT] = "cert_file",
    [KIND_KEY] = "key_file",
    [KIND_TOKEN] = "token_file",
};

struct entry {
  char *path; /* NULL: free */
  enum kind kind;
  struct stat seen;
  bool settled; /* seen is enough to tell whether it has changed */
  struct mw_buf content;
  const char *token;
  uint64_t used; /* the number of the reading */
};

struct mw_keyring {
  uint64_t readings_total;
  struct entry entries[MW_KEYRING_FILES_MAX];
};

struct mw_keyring *mw_keyring_new(struct mw_error *err)
{
  struct mw_keyring *keyring = calloc(1, sizeof *keyring);

  if (!keyring)
    mw_error_set(err, ENOMEM, "out of memory for credentials");
  return keyring;
}

static void wipe(struct entry *entry)
{
  if (entry->content.data)
    explicit_bzero(entry->content.data, entry->content.capacity_bytes);
  mw_buf_deinit(&entry->content);
  free(entry->path);
  *entry = (struct entry){0};
}

void mw_keyring_free(struct mw_keyring *keyring)
{
  if (!keyring)
    return;
  for (size_t i = 0; i < MW_KEYRING_FILES_MAX; i++)
    wipe(&keyring->entries[i]);
  free(keyring);
}

/* ---- What is in a file ---- */

static bool contains(const struct mw_buf *text, const char *word)
{
  return text->len_bytes > 0 && memmem(text->data, text->len_bytes, word, strlen(word));
}

static int check_pem(const struct entry *entry, struct mw_error *err)
{
  const struct mw_buf *text = &entry->content;
  bool is_key = entry->kind == KIND_KEY;

  if (is_key && contains(text, "ENCRYPTED"))
    return mw_error_set(err, EBADMSG, "%s needs a pass phrase: give a key without one",
                        entry->path);
  if (contains(text, is_key ? "PRIVATE KEY-----" : "-----BEGIN CERTIFICATE-----") ||
      (!is_key && contains(text, "-----BEGIN TRUSTED CERTIFICATE-----")))
    return 0;
  return mw_error_set(err, EBADMSG, "%s holds no %s in PEM", entry->path,
                      is_key ? "private key" : "certificate");
}

static bool is_blank(char byte)
{
  return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* Without blanks around it, and only what can stand in a header. */
static int find_token(struct entry *entry, struct mw_error *err)
{
  struct mw_buf *text = &entry->content;
  size_t start = 0;

  while (text->len_bytes > 0 && is_blank(text->data[text->len_bytes - 1]))
    text->len_bytes--;
  text->data[text->len_bytes] = '\0';
  while (start < text->len_bytes && is_blank(text->data[start]))
    start++;
  if (start == text->len_bytes)
    return mw_error_set(err, EBADMSG, "%s is empty: a token was expected", entry->path);
  for (size_t i = start; i < text->len_bytes; i++)
    if (text->data[i] <= ' ' || text->data[i] > '~')
      return mw_error_set(err, EBADMSG, "%s holds no token: byte %zu is not printable ASCII",
                          entry->path, i + 1);
  entry->token = text->data + start;
  return 0;
}

/* ---- Reading ---- */

static bool is_older(const struct timespec *time, int64_t now_ns)
{
  return (int64_t)time->tv_sec * MW_NS_PER_S + time->tv_nsec <
         now_ns - (int64_t)MW_SETTLING_S * MW_NS_PER_S;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
  return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_unchanged(const struct entry *entry, const struct stat *now)
{
  const struct stat *seen = &entry->seen;

  return entry->settled && seen->st_dev == now->st_dev && seen->st_ino == now->st_ino &&
         seen->st_size == now->st_size && is_same_time(&seen->st_mtim, &now->st_mtim) &&
         is_same_time(&seen->st_ctim, &now->st_ctim);
}

/* Room for all of it at once: a buffer that grows leaves copies behind. */
static int read_content(struct entry *entry, int fd, const struct stat *status,
                        struct mw_error *err)
{
  struct mw_buf *content = &entry->content;
  size_t max_bytes = entry->kind == KIND_TOKEN ? MW_TOKEN_MAX_BYTES : MW_PEM_MAX_BYTES;
  int64_t now_ns = mw_clock_wall_ns(mw_clock_system());

  mw_buf_init(content, max_bytes);
  size_t expected_bytes = (size_t)status->st_size < max_bytes ? (size_t)status->st_size : max_bytes;
  int rc = mw_buf_reserve(content, expected_bytes, err);
  if (rc < 0)
    mw_error_prefix(err, "cannot read %s", entry->path);
  else
    rc = mw_file_read_fd(fd, entry->path, content, err);
  if (rc < 0)
    return rc;
  entry->seen = *status;
  entry->settled = is_older(&status->st_mtim, now_ns) && is_older(&status->st_ctim, now_ns);
  return entry->kind == KIND_TOKEN ? find_token(entry, err) : check_pem(entry, err);
}

static int fill(struct entry *entry, enum kind kind, const char *path, int fd,
                const struct stat *status, struct mw_error *err)
{
  wipe(entry);
  entry->kind = kind;
  entry->path = strdup(path);
  if (!entry->path)
    return mw_error_set(err, ENOMEM, "out of memory for credentials");
  int rc = read_content(entry, fd, status, err);
  if (rc < 0)
    wipe(entry);
  return rc;
}

/* The entry of that file, or the one to be used for it: a free one, or the one not used longest. */
static struct entry *place_for(struct mw_keyring *keyring, enum kind kind, const char *path)
{
  struct entry *oldest = &keyring->entries[0];

  for (size_t i = 0; i < MW_KEYRING_FILES_MAX; i++) {
    struct entry *entry = &keyring->entries[i];
    if (entry->path && entry->kind == kind && strcmp(entry->path, path) == 0)
      return entry;
    if (entry->used < oldest->used)
      oldest = entry;
  }
  wipe(oldest);
  return oldest;
}

static int read_file(struct mw_keyring *keyring, enum kind kind, const char *path,
                     const struct entry **out, struct mw_error *err)
{
  struct entry *entry = place_for(keyring, kind, path);
  struct stat status;
  MW_AUTO_CLOSE int fd = mw_file_open(AT_FDCWD, path, err);

  if (fd < 0)
    return fd;
  if (fstat(fd, &status) < 0)
    return mw_error_set(err, errno, "cannot stat %s: %s", path, strerror(errno));
  if (!entry->path || !is_unchanged(entry, &status)) {
    int rc = fill(entry, kind, path, fd, &status, err);
    if (rc < 0)
      return rc;
  }
  entry->used = ++keyring->readings_total;
  *out = entry;
  return 0;
}

static int read_pem(struct mw_keyring *keyring, enum kind kind, const char *path,
                    struct mw_slice *out, struct mw_error *err)
{
  const struct entry *entry = NULL;

  if (!path)
    return 0;
  int rc = read_file(keyring, kind, path, &entry, err);
  if (entry)
    *out = (struct mw_slice){entry->content.data, entry->content.len_bytes};
  else
    mw_error_prefix(err, "%s", kind_names[kind]);
  return rc;
}

static int read_token(struct mw_keyring *keyring, const char *path, const char **out,
                      struct mw_error *err)
{
  const struct entry *entry = NULL;

  if (!path)
    return 0;
  int rc = read_file(keyring, KIND_TOKEN, path, &entry, err);
  if (entry)
    *out = entry->token;
  else
    mw_error_prefix(err, "%s", kind_names[KIND_TOKEN]);
  return rc;
}

int mw_keyring_read(struct mw_keyring *keyring, const struct mw_http_credentials *paths,
                    bool with_token, struct mw_secrets *out, struct mw_error *err)
{
  struct mw_secrets secrets = {0};
  int rc = 0;

  if (!paths->insecure_skip_verify)
    rc = read_pem(keyring, KIND_CA, paths->ca_file, &secrets.ca, err);
  if (rc == 0)
    rc = read_pem(keyring, KIND_CERT, paths->cert_file, &secrets.cert, err);
  if (rc == 0)
    rc = read_pem(keyring, KIND_KEY, paths->key_file, &secrets.key, err);
  if (rc == 0 && with_token)
    rc = read_token(keyring, paths->token_file, &secrets.token, err);
  if (rc == 0)
    *out = secrets;
  return rc;
}
