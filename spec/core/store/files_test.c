/* The directory, its files, and what may be wrong with them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <lmdb.h>

#include "store_fixture.h"

static void data_path(const struct fixture *fixture, char out[static TMPTREE_PATH_BYTES])
{
  snprintf(out, TMPTREE_PATH_BYTES, "%s/data.mdb", fixture->dir);
}

static void close_store(struct fixture *fixture)
{
  mw_store_free(fixture->store);
  fixture->store = NULL;
}

static void fails_to_open(struct fixture *fixture, struct mw_store_config config, int code,
                          const char *piece)
{
  assert_null(open_with(fixture, config));
  says(fixture, piece);
  assert_int_equal(fixture->err.code, code);
}

static unsigned mode_of(const char *path)
{
  struct stat status;

  assert_int_equal(stat(path, &status), 0);
  return status.st_mode & 07777;
}

/* ---- Who may ---- */

static void belongs_to_its_user_alone(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];

  data_path(fixture, path);
  assert_int_equal(mode_of(path), 0600);
  assert_int_equal(mode_of(fixture->dir), 0700);
  snprintf(path, sizeof path, "%s/writer.lock", fixture->dir);
  assert_int_equal(mode_of(path), 0600);
}

static void refuses_what_others_may_write(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];

  close_store(fixture);
  data_path(fixture, path);
  chmod(path, 0666);
  fails_to_open(fixture, (struct mw_store_config){0}, EPERM, "cure: chmod go-w /");
  chmod(path, 0600);
  chmod(fixture->dir, 0777);
  fails_to_open(fixture, (struct mw_store_config){0}, EPERM, "cure: chmod go-w /");
  fails_to_open(fixture, (struct mw_store_config){.read_only = true}, EPERM, "others may write");
}

static void refuses_a_link_in_the_place_of_its_file(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES], other[TMPTREE_PATH_BYTES];

  close_store(fixture);
  data_path(fixture, path);
  snprintf(other, sizeof other, "%s/elsewhere", fixture->root);
  assert_int_equal(rename(path, other), 0);
  assert_int_equal(symlink(other, path), 0);
  fails_to_open(fixture, (struct mw_store_config){0}, EBADMSG, "is not a regular file");
}

static void is_open_once_in_a_process(void **state)
{
  struct fixture *fixture = *state;

  fails_to_open(fixture, (struct mw_store_config){0}, EBUSY, "open in this process already");
  fails_to_open(fixture, (struct mw_store_config){.read_only = true}, EBUSY, "in this process");
  close_store(fixture);
  reopen(fixture);
}

/* ---- Other processes ---- */

struct child {
  pid_t pid;
  int from, to; /* pipes */
};

static struct child start(void (*work)(struct fixture *fixture, int out, int in),
                          struct fixture *fixture)
{
  int from[2], to[2];

  assert_int_equal(pipe(from), 0);
  assert_int_equal(pipe(to), 0);
  struct child child = {.pid = fork(), .from = from[0], .to = to[1]};
  assert_true(child.pid >= 0);
  if (child.pid == 0) {
    close(from[0]);
    close(to[1]);
    work(fixture, from[1], to[0]);
    _exit(0);
  }
  close(from[1]);
  close(to[0]);
  return child;
}

static void finish(struct child *child)
{
  int status;

  close(child->to);
  close(child->from);
  assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
}

/* Hold the store open until the pipe ends. */
static void hold(struct fixture *fixture, int out, int in)
{
  char byte;

  fixture->store = open_with(fixture, (struct mw_store_config){0});
  if (!fixture->store || mw_store_put(fixture->store, text("k"), text("v"), NULL) < 0)
    _exit(1);
  if (write(out, "x", 1) != 1 || read(in, &byte, 1) != 0)
    _exit(1);
}

static void has_one_writer_and_says_who(void **state)
{
  struct fixture *fixture = *state;
  char who[64], byte;

  close_store(fixture);
  struct child child = start(hold, fixture);
  assert_int_equal(read(child.from, &byte, 1), 1);
  snprintf(who, sizeof who, "process %d writes the store in ", (int)child.pid);
  fails_to_open(fixture, (struct mw_store_config){0}, EBUSY, who);

  fixture->store = open_with(fixture, (struct mw_store_config){.read_only = true});
  assert_non_null(fixture->store);
  expect(fixture, "k", "v");
  assert_int_equal(mw_store_put(fixture->store, text("k"), text("w"), &fixture->err), -EROFS);
  says(fixture, "for reading only");
  finish(&child);
  reopen(fixture);
}

/* Put key after key, and tell each that is committed, until somebody ends this process. */
static void write_for_ever(struct fixture *fixture, int out, int in)
{
  char value[3000];

  (void)in;
  memset(value, 'v', sizeof value);
  fixture->store = open_with(fixture, (struct mw_store_config){0});
  for (uint32_t i = 0; fixture->store; i++) {
    char key[16];
    snprintf(key, sizeof key, "%u", i);
    struct mw_store_bytes bytes = {value, i % sizeof value};
    if (mw_store_put(fixture->store, text(key), bytes, NULL) < 0 ||
        write(out, &i, sizeof i) != sizeof i)
      _exit(1);
  }
}

static uint32_t kill_after(struct child *child, uint32_t wanted)
{
  uint32_t last = 0, i;

  while (last < wanted && read(child->from, &i, sizeof i) == sizeof i)
    last = i;
  assert_int_equal(last, wanted);
  kill(child->pid, SIGKILL);
  while (read(child->from, &i, sizeof i) == sizeof i)
    last = i;
  finish(child);
  return last;
}

static void keeps_all_that_was_committed_when_it_is_killed(void **state)
{
  struct fixture *fixture = *state;

  for (uint32_t round = 1; round <= 4; round++) {
    close_store(fixture);
    struct child child = start(write_for_ever, fixture);
    uint32_t last = kill_after(&child, 20 * round);
    reopen(fixture);
    for (uint32_t i = 0; i <= last; i++) {
      struct mw_store_value got = {0};
      char key[16];
      snprintf(key, sizeof key, "%u", i);
      assert_int_equal(mw_store_get(fixture->store, text(key), &got, &fixture->err), 1);
      assert_int_equal(got.len_bytes, i % 3000);
      mw_store_value_deinit(&got);
    }
  }
}

static void try_store_of_parent(struct fixture *fixture, int out, int in)
{
  struct mw_store_value got = {0};
  int rc = mw_store_get(fixture->store, text("k"), &got, NULL);

  (void)in;
  if (write(out, &rc, sizeof rc) != sizeof rc)
    _exit(1);
}

static void does_not_survive_fork(void **state)
{
  struct fixture *fixture = *state;
  int rc = 0;

  struct child child = start(try_store_of_parent, fixture);
  assert_int_equal(read(child.from, &rc, sizeof rc), sizeof rc);
  assert_int_equal(rc, -EBADF);
  finish(&child);
  put(fixture, "k", "v");
}

/* Read while another process makes the file larger than this one has mapped. */
static void grow_it(struct fixture *fixture, int out, int in)
{
  static char value[65536];
  char byte;

  fixture->store = open_with(fixture, (struct mw_store_config){0});
  if (!fixture->store || mw_store_put(fixture->store, text("0"), text("v"), NULL) < 0 ||
      write(out, "x", 1) != 1 || read(in, &byte, 1) != 1)
    _exit(1);
  for (unsigned i = 1; i < 100; i++) {
    char key[16];
    snprintf(key, sizeof key, "%u", i);
    if (mw_store_put(fixture->store, text(key), (struct mw_store_bytes){value, sizeof value},
                     NULL) < 0)
      _exit(1);
  }
  if (write(out, "x", 1) != 1 || read(in, &byte, 1) != 0)
    _exit(1);
}

static void reads_what_another_process_made_larger(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_value got = {0};
  char byte;

  close_store(fixture);
  struct child child = start(grow_it, fixture);
  assert_int_equal(read(child.from, &byte, 1), 1);
  fixture->store = open_with(fixture, (struct mw_store_config){.read_only = true});
  assert_non_null(fixture->store);
  expect(fixture, "0", "v");
  assert_int_equal(write(child.to, "x", 1), 1);
  assert_int_equal(read(child.from, &byte, 1), 1);
  assert_int_equal(mw_store_get(fixture->store, text("99"), &got, &fixture->err), 1);
  assert_int_equal(got.len_bytes, 65536);
  mw_store_value_deinit(&got);
  finish(&child);
}

static int never_return(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                        struct mw_error *err)
{
  const int *pipes = data;
  char byte;

  (void)key, (void)value, (void)err;
  if (write(pipes[0], "x", 1) != 1 || read(pipes[1], &byte, 1) != 0)
    _exit(1);
  return 0;
}

static void read_for_ever(struct fixture *fixture, int out, int in)
{
  int pipes[] = {out, in};

  fixture->store = open_with(fixture, (struct mw_store_config){.read_only = true});
  if (fixture->store)
    mw_store_each(fixture->store, text(""), never_return, pipes, NULL);
}

/* @return how many of @p wanted values could be put in the place of the last one. */
static unsigned replace_often(struct fixture *fixture, unsigned wanted)
{
  static char value[50000];
  unsigned done = 0;

  while (done < wanted &&
         mw_store_put(fixture->store, text("k"), (struct mw_store_bytes){value, sizeof value},
                      &fixture->err) == 0)
    done++;
  return done;
}

static void forgets_who_died_while_it_read(void **state)
{
  struct fixture *fixture = *state;
  char byte;

  close_store(fixture);
  fixture->store = open_with(fixture, (struct mw_store_config){.max_bytes = 1 << 20});
  assert_int_equal(replace_often(fixture, 100), 100);
  struct child child = start(read_for_ever, fixture);
  assert_int_equal(read(child.from, &byte, 1), 1);
  assert_true(replace_often(fixture, 100) < 100); /* it reads: no page may be used again */
  assert_int_equal(fixture->err.code, EFBIG);
  kill(child.pid, SIGKILL);
  finish(&child);
  assert_int_equal(replace_often(fixture, 100), 100);
}

/* ---- What is no store ---- */

static void says_when_there_is_none_to_read(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];

  close_store(fixture);
  data_path(fixture, path);
  assert_int_equal(unlink(path), 0);
  fails_to_open(fixture, (struct mw_store_config){.read_only = true}, ENOENT, "there is no store");
  reopen(fixture);
}

static void begins_anew_with_an_empty_file(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];

  close_store(fixture);
  data_path(fixture, path);
  assert_int_equal(truncate(path, 0), 0); /* as kill -9 may leave it in the first instant */
  reopen(fixture);
  put(fixture, "k", "v");
}

static void refuses_what_is_no_database(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];
  static char text_of_10000[10001];

  close_store(fixture);
  data_path(fixture, path);
  tmptree_write(path, "hello");
  fails_to_open(fixture, (struct mw_store_config){0}, EBADMSG, "is cut off");
  memset(text_of_10000, 'x', 10000);
  tmptree_write(path, text_of_10000);
  fails_to_open(fixture, (struct mw_store_config){0}, EBADMSG,
                "is not a store; move it away to begin");
}

static void make_database(const char *dir, const char *name)
{
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi dbi;

  assert_int_equal(mdb_env_create(&env), 0);
  assert_int_equal(mdb_env_set_maxdbs(env, 1), 0);
  assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
  assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
  assert_int_equal(mdb_dbi_open(txn, name, MDB_CREATE, &dbi), 0);
  assert_int_equal(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

static void refuses_what_others_made(void **state)
{
  static const struct {
    const char *name, *piece;
    int code;
  } cases[] = {
      {"somebody's", "is an LMDB file of another program", EBADMSG},
      {"moonwatch-store-2", "was written by a newer moonwatch (moonwatch-store-2)", EPROTO},
  };
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];

  close_store(fixture);
  data_path(fixture, path);
  for (size_t i = 0; i < 2; i++) {
    assert_int_equal(unlink(path), 0);
    make_database(fixture->dir, cases[i].name);
    fails_to_open(fixture, (struct mw_store_config){0}, cases[i].code, cases[i].piece);
  }
}

/* ---- What is damaged ---- */

static void fill(struct fixture *fixture)
{
  static char value[9000];

  memset(value, 'v', sizeof value);
  for (unsigned i = 0; i < 300; i++) {
    char key[16];
    snprintf(key, sizeof key, "%u", i);
    struct mw_store_bytes bytes = {value, i * 30 % sizeof value};
    assert_int_equal(mw_store_put(fixture->store, text(key), bytes, NULL), 0);
  }
}

static void refuses_a_file_that_is_cut_off(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];
  struct stat status;

  fill(fixture);
  close_store(fixture);
  data_path(fixture, path);
  assert_int_equal(stat(path, &status), 0);
  for (off_t left = status.st_size - 4096; left > 0; left -= 4096 * 7) {
    assert_int_equal(truncate(path, left), 0);
    struct mw_store *store = open_with(fixture, (struct mw_store_config){0});
    if (!store)
      assert_int_equal(fixture->err.code, EBADMSG);
    else
      assert_true(left > status.st_size / 2); /* what was cut off was free */
    mw_store_free(store);
  }
}

static void sets_what_is_damaged_aside(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];

  fill(fixture);
  assert_null(mw_store_set_aside_why(fixture->store));
  close_store(fixture);
  data_path(fixture, path);
  assert_int_equal(truncate(path, 20000), 0);
  fixture->store = open_with(fixture, (struct mw_store_config){.set_damaged_aside = true});
  assert_non_null(fixture->store);
  assert_non_null(strstr(mw_store_set_aside_why(fixture->store), "data.mdb is "));
  expect(fixture, "1", NULL);
  put(fixture, "1", "anew");
  snprintf(path, sizeof path, "%s/data.mdb.damaged", fixture->dir);
  assert_int_equal(access(path, F_OK), 0);
}

static int note_key(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                    struct mw_error *err)
{
  (void)err;
  assert_null(value);
  snprintf(data, 16, "%.*s", (int)key.len_bytes, (const char *)key.data);
  return 0;
}

/* Change the bytes @p wanted wherever they are in the file: pages that are free have older copies.
 */
static void change(const char *path, const char *wanted)
{
  static char content[1 << 20];
  size_t used = tmptree_read(path, content, sizeof content);
  char *found = content;
  unsigned count = 0;
  int fd = open(path, O_WRONLY | O_CLOEXEC);

  while ((found = memmem(found, used - (size_t)(found - content), wanted, strlen(wanted)))) {
    assert_int_equal(pwrite(fd, "?", 1, found - content), 1);
    found++;
    count++;
  }
  assert_true(count > 0);
  close(fd);
}

static int ignore(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                  struct mw_error *err)
{
  (void)data, (void)key, (void)value, (void)err;
  return 0;
}

static void finds_a_value_that_changed(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_value got = {0};
  struct mw_store_report report;
  char path[TMPTREE_PATH_BYTES], damaged[16] = "";

  put(fixture, "bad", "to be changed");
  put(fixture, "good", "to be kept");
  close_store(fixture);
  data_path(fixture, path);
  change(path, "to be changed");
  reopen(fixture);
  assert_int_equal(mw_store_get(fixture->store, text("bad"), &got, &fixture->err), -EBADMSG);
  says(fixture, "under \"bad\" has changed on the disk");
  assert_int_equal(mw_store_each(fixture->store, text(""), ignore, NULL, NULL), -EBADMSG);
  expect(fixture, "good", "to be kept");
  assert_int_equal(mw_store_check(fixture->store, note_key, damaged, &report, NULL), 0);
  assert_int_equal(report.entries_count, 2);
  assert_int_equal(report.damaged_count, 1);
  assert_string_equal(damaged, "bad");
  put(fixture, "bad", "replaced");
  expect(fixture, "bad", "replaced");
  mw_store_value_deinit(&got);
}

/* ---- The file system ---- */

/* A small file system of one's own at the root of the fixture; false: no right to mount. */
static bool mount_small(struct fixture *fixture, const char *options)
{
  close_store(fixture);
  return mount("tmpfs", fixture->root, "tmpfs", 0, options) == 0;
}

static void survives_a_full_disk(void **state)
{
  struct fixture *fixture = *state;
  static char value[65536];
  int rc = 0;

  if (!mount_small(fixture, "size=1m,mode=0755"))
    skip(); /* needs CAP_SYS_ADMIN */
  reopen(fixture);
  put(fixture, "first", "kept");
  for (unsigned i = 0; rc == 0 && i < 64; i++) {
    char key[16];
    snprintf(key, sizeof key, "%u", i);
    rc = mw_store_put(fixture->store, text(key), (struct mw_store_bytes){value, sizeof value},
                      &fixture->err);
  }
  assert_int_equal(rc, -ENOSPC);
  says(fixture, "free space on its file system");
  expect(fixture, "first", "kept");
  reopen(fixture);
  expect(fixture, "first", "kept");
  close_store(fixture);
  umount(fixture->root);
}

static void says_that_a_file_system_is_read_only(void **state)
{
  struct fixture *fixture = *state;

  if (!mount_small(fixture, "mode=0755"))
    skip(); /* needs CAP_SYS_ADMIN */
  reopen(fixture);
  put(fixture, "k", "v");
  close_store(fixture);
  assert_int_equal(mount("tmpfs", fixture->root, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
  fails_to_open(fixture, (struct mw_store_config){0}, EROFS, "is mounted read-only");
  fixture->store = open_with(fixture, (struct mw_store_config){.read_only = true});
  assert_non_null(fixture->store);
  expect(fixture, "k", "v");
  close_store(fixture);
  umount(fixture->root);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(belongs_to_its_user_alone),
      TEST(refuses_what_others_may_write),
      TEST(refuses_a_link_in_the_place_of_its_file),
      TEST(is_open_once_in_a_process),
      TEST(has_one_writer_and_says_who),
      TEST(keeps_all_that_was_committed_when_it_is_killed),
      TEST(does_not_survive_fork),
      TEST(reads_what_another_process_made_larger),
      TEST(forgets_who_died_while_it_read),
      TEST(says_when_there_is_none_to_read),
      TEST(begins_anew_with_an_empty_file),
      TEST(refuses_what_is_no_database),
      TEST(refuses_what_others_made),
      TEST(refuses_a_file_that_is_cut_off),
      TEST(sets_what_is_damaged_aside),
      TEST(finds_a_value_that_changed),
      TEST(survives_a_full_disk),
      TEST(says_that_a_file_system_is_read_only),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
