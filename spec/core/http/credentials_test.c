#include "http/credentials.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/http/http_support.h"

#define CERTIFICATE "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
#define PRIVATE_KEY "-----BEGIN PRIVATE KEY-----\nQUJD\n-----END PRIVATE KEY-----\n"

static struct mw_keyring *keyring;
static struct mw_secrets secrets;
static struct mw_error err;

static int new_keyring(void **state)
{
  (void)state;
  secrets = (struct mw_secrets){0};
  err = (struct mw_error){0};
  keyring = mw_keyring_new(NULL);
  return keyring ? 0 : -1;
}

static int free_keyring(void **state)
{
  (void)state;
  mw_keyring_free(keyring);
  return 0;
}

static int read_token(const char *path)
{
  return mw_keyring_read(keyring, &(struct mw_http_credentials){.token_file = path}, true, &secrets,
                         &err);
}

/* ---- What is in a file ---- */

static void reads_what_is_there(void **state)
{
  const struct mw_http_credentials all = {
      .ca_file = put("ca", CERTIFICATE CERTIFICATE),
      .cert_file = put("cert", CERTIFICATE),
      .key_file = put("key", PRIVATE_KEY),
      .token_file = put("token", " \t\r\neyJh.bGc-~!\r\n\n"),
  };
  (void)state;

  assert_int_equal(0, mw_keyring_read(keyring, &all, true, &secrets, &err));
  assert_int_equal(strlen(CERTIFICATE CERTIFICATE), secrets.ca.len_bytes);
  assert_memory_equal(CERTIFICATE, secrets.cert.data, secrets.cert.len_bytes);
  assert_memory_equal(PRIVATE_KEY, secrets.key.data, secrets.key.len_bytes);
  assert_string_equal("eyJh.bGc-~!", secrets.token);

  assert_int_equal(
      0, mw_keyring_read(keyring, &(struct mw_http_credentials){0}, true, &secrets, &err));
  assert_null(secrets.ca.data);
  assert_null(secrets.token);
}

static void one_file_may_hold_certificate_and_key(void **state)
{
  const char *both = put("both", CERTIFICATE PRIVATE_KEY);
  const struct mw_http_credentials credentials = {.cert_file = both, .key_file = both};
  (void)state;

  assert_int_equal(0, mw_keyring_read(keyring, &credentials, true, &secrets, &err));
  assert_int_equal(secrets.cert.len_bytes, secrets.key.len_bytes);
}

static void what_is_not_wanted_is_not_read(void **state)
{
  const struct mw_http_credentials credentials = {
      .ca_file = "/nonexistent/ca", .insecure_skip_verify = true, .token_file = "/nonexistent/t"};
  (void)state;

  assert_int_equal(0, mw_keyring_read(keyring, &credentials, false, &secrets, &err));
  assert_null(secrets.token);
}

static void refuses_what_is_no_token_and_does_not_repeat_it(void **state)
{
  static const struct {
    const char *text;
    size_t len_bytes;
    const char *why;
  } cases[] = {
      {"", 0, "is empty: a token was expected"},
      {" \n", 2, "is empty: a token was expected"},
      {"hush hush", 9, "holds no token: byte 5 is not printable ASCII"},
      {"hush\r\nX: y", 10, "holds no token: byte 5"},
      {"hush\0", 5, "holds no token: byte 5"},
      {"hush\xc3\xa4", 6, "holds no token: byte 5"},
      {"hush\x7f", 5, "holds no token: byte 5"},
  };
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const char *path = put_bytes("token", cases[i].text, cases[i].len_bytes);
    assert_int_equal(-EBADMSG, read_token(path));
    assert_non_null(strstr(err.text, cases[i].why));
    assert_non_null(strstr(err.text, path));
    assert_null(strstr(err.text, "hush"));
  }
}

static void refuses_what_is_no_pem(void **state)
{
  const char *key = put("key", PRIVATE_KEY), *cert = put("cert", CERTIFICATE);
  const char *locked = put("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
  const struct {
    struct mw_http_credentials credentials;
    const char *why;
  } cases[] = {
      {{.ca_file = key}, "/key holds no certificate in PEM"},
      {{.cert_file = key, .key_file = key}, "cert_file: "},
      {{.cert_file = cert, .key_file = cert}, "/cert holds no private key in PEM"},
      {{.cert_file = cert, .key_file = locked}, "/locked needs a pass phrase"},
  };
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(-EBADMSG,
                     mw_keyring_read(keyring, &cases[i].credentials, true, &secrets, &err));
    assert_non_null(strstr(err.text, cases[i].why));
  }
}

static void has_ceilings(void **state)
{
  char *large = malloc(MW_PEM_MAX_BYTES + 1);
  (void)state;

  memset(large, 'x', MW_PEM_MAX_BYTES + 1);
  assert_int_equal(0, read_token(put_bytes("token", large, MW_TOKEN_MAX_BYTES)));
  assert_int_equal(-EMSGSIZE, read_token(put_bytes("token", large, MW_TOKEN_MAX_BYTES + 1)));
  const struct mw_http_credentials credentials = {.ca_file =
                                                      put_bytes("ca", large, MW_PEM_MAX_BYTES + 1)};
  assert_int_equal(-EMSGSIZE, mw_keyring_read(keyring, &credentials, true, &secrets, &err));
  free(large);
}

static void says_which_file_cannot_be_read(void **state)
{
  (void)state;

  assert_int_equal(-ENOENT, read_token("/nonexistent/token"));
  assert_string_equal("token_file: cannot open /nonexistent/token: No such file or directory",
                      err.text);
  assert_int_equal(-EINVAL, read_token(folder));
  assert_non_null(strstr(err.text, "not a regular file"));
  assert_int_equal(0, mkfifo(in_folder("fifo"), 0600));
  assert_int_equal(-EINVAL, read_token(in_folder("fifo"))); /* and does not wait for a writer */
}

static void says_that_a_right_is_missing(void **state)
{
  const char *path = put("token", "abc");
  (void)state;

  if (geteuid() == 0)
    skip(); /* root may read everything */
  chmod(path, 0);
  assert_int_equal(-EACCES, read_token(path));
}

/* ---- Rotation ---- */

static void age(const char *path)
{
  const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

  assert_int_equal(0, utimensat(AT_FDCWD, path, times, 0));
}

static void a_file_that_was_replaced_is_read_anew(void **state)
{
  (void)state;

  assert_int_equal(0, read_token(put("token", "first")));
  assert_string_equal("first", secrets.token);
  assert_int_equal(0, read_token(put("token", "other")));
  assert_string_equal("other", secrets.token);
}

static void a_file_that_was_written_in_place_is_read_anew(void **state)
{
  const char *path = put("token", "first");
  (void)state;

  age(path);
  assert_int_equal(0, read_token(path));
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  assert_int_equal(5, write(fd, "other", 5));
  close(fd);
  age(path); /* same inode, size and mtime: the kernel keeps ctime by itself */
  assert_int_equal(0, read_token(path));
  assert_string_equal("other", secrets.token);
}

/* As Kubernetes does it: token -> ..data/token, ..data -> ..2026_1, and ..data is swapped. */
static void a_swapped_symbolic_link_is_followed(void **state)
{
  char path[300];
  (void)state;

  snprintf(path, sizeof path, "%s/token", folder);
  unlink(path);
  assert_int_equal(0, mkdir(in_folder("..1"), 0700));
  assert_int_equal(0, mkdir(in_folder("..2"), 0700));
  put("..1/token", "first");
  put("..2/token", "other");
  assert_int_equal(0, symlink("..1", in_folder("..data")));
  assert_int_equal(0, symlink("..data/token", path));
  assert_int_equal(0, read_token(path));
  assert_string_equal("first", secrets.token);

  assert_int_equal(0, symlink("..2", in_folder("..data_tmp")));
  assert_int_equal(0, rename(in_folder("..data_tmp"), in_folder("..data")));
  assert_int_equal(0, read_token(path));
  assert_string_equal("other", secrets.token);
  unlink(path);
}

static void a_file_that_is_gone_does_not_count_any_more(void **state)
{
  const char *path = put("token", "abc");
  (void)state;

  assert_int_equal(0, read_token(path));
  unlink(path);
  assert_int_equal(-ENOENT, read_token(path));
  assert_int_equal(0, read_token(put("token", "def")));
  assert_string_equal("def", secrets.token);
}

static void keeps_no_more_files_than_it_may(void **state)
{
  char name[16], text[16];
  (void)state;

  for (int round = 0; round < 2; round++)
    for (int i = 0; i < MW_KEYRING_FILES_MAX + 10; i++) {
      snprintf(name, sizeof name, "t%d", i);
      snprintf(text, sizeof text, "token%d", i);
      assert_int_equal(0, read_token(round == 0 ? put(name, text) : in_folder(name)));
      assert_string_equal(text, secrets.token);
    }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(reads_what_is_there, new_keyring, free_keyring),
      cmocka_unit_test_setup_teardown(one_file_may_hold_certificate_and_key, new_keyring,
                                      free_keyring),
      cmocka_unit_test_setup_teardown(what_is_not_wanted_is_not_read, new_keyring, free_keyring),
      cmocka_unit_test_setup_teardown(refuses_what_is_no_token_and_does_not_repeat_it, new_keyring,
                                      free_keyring),
      cmocka_unit_test_setup_teardown(refuses_what_is_no_pem, new_keyring, free_keyring),
      cmocka_unit_test_setup_teardown(has_ceilings, new_keyring, free_keyring),
      cmocka_unit_test_setup_teardown(says_which_file_cannot_be_read, new_keyring, free_keyring),
      cmocka_unit_test_setup_teardown(says_that_a_right_is_missing, new_keyring, free_keyring),
      cmocka_unit_test_setup_teardown(a_file_that_was_replaced_is_read_anew, new_keyring,
                                      free_keyring),
      cmocka_unit_test_setup_teardown(a_file_that_was_written_in_place_is_read_anew, new_keyring,
                                      free_keyring),
      cmocka_unit_test_setup_teardown(a_swapped_symbolic_link_is_followed, new_keyring,
                                      free_keyring),
      cmocka_unit_test_setup_teardown(a_file_that_is_gone_does_not_count_any_more, new_keyring,
                                      free_keyring),
      cmocka_unit_test_setup_teardown(keeps_no_more_files_than_it_may, new_keyring, free_keyring),
  };
  return cmocka_run_group_tests_name("http/credentials", tests, make_folder, remove_folder);
}
