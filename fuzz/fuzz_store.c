/*
 * A sound file of the store with bytes that are not: the input is a list of changes, three bytes of
 * place and one of value each. What is opened all the same is read to its end and written to, and
 * neither crashes nor goes on for ever. No child process stands between: if the look at all pages
 * lets anything through that harms LMDB, this is where it shows.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "moonwatch/store.h"

#define CHANGE_BYTES 4
#define CHANGES_MAX 64
#define FILE_MAX_BYTES ((size_t)1 << 20)
#define PAGE_BYTES 4096u
#define RECORDS 160

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

static char dir[64], path[96];
static uint8_t sound[FILE_MAX_BYTES], damaged[FILE_MAX_BYTES];
static size_t file_bytes;

static struct mw_store_bytes key_of(unsigned i, char text[static 32])
{
  int key_bytes = snprintf(text, 32, "key %04u of a few", i * 7 % RECORDS);

  return (struct mw_store_bytes){text, (size_t)key_bytes};
}

static struct mw_store *open_store(void)
{
  struct mw_store_config config = {.dir = dir, .max_bytes = FILE_MAX_BYTES};
  struct mw_error err;
  struct mw_store *store = mw_store_open(&config, &err);

  assert(store || err.code == EBADMSG || err.code == EPROTO || err.code == EFBIG);
  return store;
}

static void remove_dir(void)
{
  unlink(path); /* the last one may be too damaged to be opened */
  struct mw_store *store = open_store();

  if (store)
    mw_store_destroy(store, NULL);
  mw_store_free(store);
}

/* Branches, leaves, pages in a row, a few free ones. */
static void make_sound_file(void)
{
  static const char value[9000];
  char text[32];

  strcpy(dir, "/dev/shm/moonwatch-fuzz.XXXXXX");
  if (!mkdtemp(dir)) {
    strcpy(dir, "/tmp/moonwatch-fuzz.XXXXXX");
    assert(mkdtemp(dir));
  }
  snprintf(path, sizeof path, "%s/data.mdb", dir);
  struct mw_store *store = open_store();
  for (unsigned i = 0; i < RECORDS; i++) {
    struct mw_store_bytes bytes = {value, i % 20 == 0 ? sizeof value : i * 3};
    assert(mw_store_put(store, key_of(i, text), bytes, NULL) == 0);
  }
  for (unsigned i = 0; i < RECORDS; i += 9) {
    struct mw_store_bytes key = key_of(i, text);
    assert(mw_store_delete(store, &key, 1, NULL, NULL, NULL) == 0);
  }
  mw_store_free(store);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = read(fd, sound, sizeof sound);
  close(fd);
  assert(got > 0 && got < (ssize_t)sizeof sound);
  file_bytes = (size_t)got;
  atexit(remove_dir);
}

static void write_file(const uint8_t *content, size_t len_bytes)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  assert(fd >= 0 && write(fd, content, len_bytes) == (ssize_t)len_bytes);
  close(fd);
}

/* The place: a page, and how far into it; heads and the ends of pages are more worth a change. */
static void change(const uint8_t *step)
{
  size_t page = step[0] % (file_bytes / PAGE_BYTES);
  size_t offset = (step[1] | (size_t)step[2] << 8) % PAGE_BYTES;

  damaged[page * PAGE_BYTES + offset] = step[3];
}

static int count(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                 struct mw_error *err)
{
  unsigned *records = data;

  (void)err;
  assert(key.len_bytes > 0 && (!value || value->len_bytes < FILE_MAX_BYTES));
  return ++*records > 100 * RECORDS ? -ELOOP : 0;
}

static void use(struct mw_store *store)
{
  static const char value[5000];
  struct mw_store_report report = {0};
  struct mw_store_value got = {0};
  unsigned records = 0;
  char text[32];

  int rc = mw_store_check(store, count, &records, &report, NULL);
  assert(rc == 0 && report.entries_count <= RECORDS);
  mw_store_each(store, (struct mw_store_bytes){"", 0}, count, &records, NULL);
  for (unsigned i = 0; i < RECORDS; i++) {
    struct mw_store_bytes key = key_of(i, text);
    mw_store_get(store, key, &got, NULL);
    if (i % 8 == 0)
      mw_store_delete(store, &key, 1, count, &records, NULL);
    if (i % 8 == 1)
      mw_store_put(store, key, (struct mw_store_bytes){value, i * 30}, NULL);
  }
  mw_store_value_deinit(&got);
  mw_store_clear(store, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  if (file_bytes == 0)
    make_sound_file();
  memcpy(damaged, sound, file_bytes);
  for (size_t i = 0; i + CHANGE_BYTES <= len_bytes && i < CHANGES_MAX * CHANGE_BYTES;
       i += CHANGE_BYTES)
    change(data + i);
  /* the odd byte at the end cuts the file off */
  size_t kept_bytes =
      len_bytes % CHANGE_BYTES == 1 ? file_bytes * data[len_bytes - 1] / 255 : file_bytes;
  write_file(damaged, kept_bytes);
  struct mw_store *store = open_store();
  if (store)
    use(store);
  mw_store_free(store);
  return 0;
}
