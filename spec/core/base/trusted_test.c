#include "base/trusted.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "support/tmptree.h"

#define STRANGER 4711

/* Exit codes of the process that stands in for a test. */
enum { OPENED, REFUSED, NOT_PERMITTED = 77 };

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  struct mw_error err;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  tmptree_remove(f->dir);
  free(f);
  return 0;
}

static const char *below(const struct fixture *f, const char *name)
{
  static char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s/%s", f->dir, name);
  return path;
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
  tmptree_write(below(f, name), text);
}

static void link_to(const struct fixture *f, const char *target, const char *name)
{
  assert_int_equal(0, symlink(target, below(f, name)));
}

/* The text of the file @p path, or "" when it was refused. */
static const char *text_of(struct fixture *f, const char *path)
{
  static char text[256];
  int fd = mw_trusted_open(path, &f->err);

  text[0] = '\0';
  if (fd < 0)
    return text;
  ssize_t bytes = read(fd, text, sizeof text - 1);
  assert_true(bytes >= 0);
  text[bytes] = '\0';
  close(fd);
  return text;
}

/* @p wanted with the folder of the test for each '~'. */
static void assert_refused(struct fixture *f, const char *path, int code, const char *wanted)
{
  char text[MW_ERROR_TEXT_BYTES] = "";

  assert_int_equal(-code, mw_trusted_open(path, &f->err));
  assert_int_equal(code, f->err.code);
  for (; *wanted; wanted++)
    snprintf(text + strlen(text), sizeof text - strlen(text), *wanted == '~' ? "%s" : "%.1s",
             *wanted == '~' ? f->dir : wanted);
  assert_string_equal(text, f->err.text);
}

static void opens_what_only_root_and_the_user_can_write(void **state)
{
  struct fixture *f = *state;

  write_file(f, "a/b/file", "good");
  assert_string_equal("good", text_of(f, below(f, "a/b/file")));
  assert_string_equal("good", text_of(f, below(f, "a//./b/../b/file")));
}

static void follows_links(void **state)
{
  struct fixture *f = *state;
  char target[TMPTREE_PATH_BYTES];

  write_file(f, "a/b/file", "good");
  link_to(f, "a/b", "folder");
  link_to(f, "../a/../a/b/file", "a/up");
  snprintf(target, sizeof target, "%s", below(f, "a/up"));
  link_to(f, target, "absolute");
  assert_string_equal("good", text_of(f, below(f, "folder/file")));
  assert_string_equal("good", text_of(f, below(f, "absolute")));
}

static void takes_a_path_from_the_working_directory(void **state)
{
  struct fixture *f = *state;
  int here = open(".", O_PATH | O_CLOEXEC);

  write_file(f, "a/file", "good");
  assert_int_equal(0, chdir(f->dir));
  assert_string_equal("good", text_of(f, "a/file"));
  assert_int_equal(0, chmod(f->dir, 0777));
  assert_refused(f, "a/file", EPERM, "~ can be written by everybody; cure: chmod go-w ~");
  assert_int_equal(0, fchdir(here));
  close(here);
}

static void refuses_what_others_can_write(void **state)
{
  struct fixture *f = *state;

  write_file(f, "a/file", "bad");
  chmod(below(f, "a/file"), 0664);
  assert_refused(f, below(f, "a/file"), EPERM,
                 "~/a/file can be written by its group; cure: chmod g-w ~/a/file");
  chmod(below(f, "a/file"), 0646);
  assert_refused(f, below(f, "a/file"), EPERM,
                 "~/a/file can be written by everybody; cure: chmod o-w ~/a/file");
  chmod(below(f, "a/file"), 0644);
  assert_string_equal("bad", text_of(f, below(f, "a/file")));
}

static void refuses_what_others_can_replace(void **state)
{
  struct fixture *f = *state;

  write_file(f, "a/b/file", "bad");
  chmod(below(f, "a"), 0777);
  assert_refused(f, below(f, "a/b/file"), EPERM,
                 "~/a can be written by everybody; cure: chmod go-w ~/a");
}

static void quotes_what_a_shell_would_cut(void **state)
{
  struct fixture *f = *state;

  write_file(f, "it's a file", "bad");
  chmod(below(f, "it's a file"), 0622);
  assert_refused(f, below(f, "it's a file"), EPERM,
                 "~/it's a file can be written by everybody; cure: chmod go-w '~/it'\\''s a file'");
}

static void looks_at_where_links_lead(void **state)
{
  struct fixture *f = *state;

  write_file(f, "open/file", "bad");
  chmod(below(f, "open"), 0777);
  link_to(f, "open/file", "link");
  assert_refused(f, below(f, "link"), EPERM,
                 "~/open can be written by everybody; cure: chmod go-w ~/open");
}

static void bears_a_sticky_folder(void **state)
{
  struct fixture *f = *state;

  write_file(f, "tmp/file", "good");
  chmod(below(f, "tmp"), 01777);
  assert_string_equal("good", text_of(f, below(f, "tmp/file")));
  chmod(below(f, "tmp/file"), 01666); /* on a file the bit means nothing */
  assert_refused(f, below(f, "tmp/file"), EPERM,
                 "~/tmp/file can be written by everybody; cure: chmod go-w ~/tmp/file");
}

static void refuses_what_belongs_to_others(void **state)
{
  struct fixture *f = *state;

  if (geteuid() != 0)
    skip(); /* only root can give files away */
  write_file(f, "tmp/file", "bad");
  chmod(below(f, "tmp"), 01777);
  assert_int_equal(0, chown(below(f, "tmp/file"), STRANGER, 0));
  assert_refused(f, below(f, "tmp/file"), EPERM,
                 "~/tmp/file belongs to user 4711, not to root; cure: chown root ~/tmp/file");
  assert_int_equal(0, chown(below(f, "tmp/file"), 0, 0));
  assert_int_equal(0, chown(below(f, "tmp"), STRANGER, 0));
  assert_refused(f, below(f, "tmp/file"), EPERM,
                 "~/tmp belongs to user 4711, not to root; cure: chown root ~/tmp");
}

static void refuses_a_link_that_belongs_to_others(void **state)
{
  struct fixture *f = *state;

  if (geteuid() != 0)
    skip(); /* only root can give files away */
  write_file(f, "file", "elsewhere");
  write_file(f, "tmp/file", "good");
  chmod(below(f, "tmp"), 01777);
  link_to(f, "../file", "tmp/link");
  assert_int_equal(0, lchown(below(f, "tmp/link"), STRANGER, 0));
  assert_refused(f, below(f, "tmp/link"), EPERM,
                 "~/tmp/link belongs to user 4711, not to root; cure: chown root ~/tmp/link");
}

static void trusts_the_user_that_runs_it_and_root(void **state)
{
  struct fixture *f = *state;

  if (geteuid() != 0)
    skip(); /* only root can become another user */
  chmod(f->dir, 0755);
  write_file(f, "own", "own");
  write_file(f, "foreign", "foreign");
  write_file(f, "secret", "secret");
  write_file(f, "root", "root");
  assert_int_equal(0, chown(below(f, "own"), STRANGER, 0));
  assert_int_equal(0, chown(below(f, "foreign"), STRANGER + 1, 0));
  chmod(below(f, "secret"), 0600);
  assert_int_equal(0, seteuid(STRANGER));
  assert_string_equal("own", text_of(f, below(f, "own")));
  assert_string_equal("root", text_of(f, below(f, "root")));
  assert_refused(f, below(f, "foreign"), EPERM,
                 "~/foreign belongs to user 4712, neither to root nor to user 4711, which runs "
                 "this; cure: chown 4711 ~/foreign");
  assert_refused(f, below(f, "secret"), EACCES, "cannot open ~/secret: Permission denied");
  assert_int_equal(0, seteuid(0));
}

static int mount_read_only(const char *from, const char *at)
{
  return mount(from, at, NULL, MS_BIND, NULL) == 0 &&
                 mount(NULL, at, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0
             ? 0
             : -1;
}

/* Open DIR/at/file where DIR/from/open is mounted read-only at DIR/at, with no way to write but
 * that; @p of_its_own: DIR/from is another file system. No assertions: they would be lost. */
static int open_read_only(const struct fixture *f, bool of_its_own, uid_t owner)
{
  char from[TMPTREE_PATH_BYTES], at[TMPTREE_PATH_BYTES];
  struct mw_error err;

  snprintf(from, sizeof from, "%s/from", f->dir);
  snprintf(at, sizeof at, "%s/at", f->dir);
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
      (of_its_own && mount("tmpfs", from, "tmpfs", 0, NULL) < 0))
    return NOT_PERMITTED;
  strcat(from, "/open");
  mkdir(from, 0755);
  int fd = open(below(f, "from/open/file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  close(fd);
  if (fd < 0 || chmod(from, 0777) < 0 || chown(from, owner, 0) < 0 || mount_read_only(from, at) < 0)
    return NOT_PERMITTED;
  return mw_trusted_open(below(f, "at/file"), &err) >= 0 ? OPENED : REFUSED;
}

static void assert_read_only(struct fixture *f, bool of_its_own, uid_t owner, int wanted)
{
  int status;

  mkdir(below(f, "from"), 0755);
  mkdir(below(f, "at"), 0755);
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0)
    _exit(open_read_only(f, of_its_own, owner));
  assert_int_equal(pid, waitpid(pid, &status, 0));
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == NOT_PERMITTED) {
    print_message("needs root that may mount\n");
    skip();
  }
  assert_int_equal(wanted, WEXITSTATUS(status));
}

static void refuses_what_is_read_only_in_here_alone(void **state)
{
  assert_read_only(*state, false, 0, REFUSED);
}

static void bears_the_mode_of_a_folder_that_a_container_is_given(void **state)
{
  assert_read_only(*state, true, 0, OPENED);
}

static void refuses_a_strangers_folder_that_a_container_is_given(void **state)
{
  assert_read_only(*state, true, STRANGER, REFUSED);
}

static void tells_what_cannot_be_opened(void **state)
{
  struct fixture *f = *state;
  char name[300], longest[PATH_MAX + 10];

  write_file(f, "file", "");
  assert_int_equal(0, mkfifo(below(f, "fifo"), 0600));
  link_to(f, "loop", "loop");
  link_to(f, "nowhere", "dangling");
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = '\0';

  assert_refused(f, below(f, "none"), ENOENT, "cannot open ~/none: No such file or directory");
  assert_refused(f, below(f, "dangling"), ENOENT,
                 "cannot open ~/nowhere: No such file or directory");
  assert_refused(f, below(f, "file/x"), ENOTDIR, "cannot open ~/file/x: Not a directory");
  assert_refused(f, f->dir, EINVAL, "cannot read ~: not a regular file");
  assert_refused(f, below(f, "fifo"), EINVAL, "cannot read ~/fifo: not a regular file");
  assert_refused(f, below(f, "loop"), ELOOP,
                 "cannot open ~/loop: Too many levels of symbolic links");
  assert_int_equal(-ENAMETOOLONG, mw_trusted_open(below(f, name), &f->err));
  assert_int_equal(-ENAMETOOLONG, mw_trusted_open(longest, &f->err));
  assert_int_equal(-ENOENT, mw_trusted_open("", NULL));
}

static void opens_folders_that_can_be_listed(void **state)
{
  struct fixture *f = *state;

  write_file(f, "a/file", "");
  int fd = mw_trusted_open_dir(below(f, "a"), &f->err);
  assert_true(fd >= 0);
  DIR *dir = fdopendir(fd);
  assert_non_null(dir);
  assert_non_null(readdir(dir));
  closedir(dir);
  assert_int_equal(-ENOTDIR, mw_trusted_open_dir(below(f, "a/file"), &f->err));
  chmod(below(f, "a"), 0775);
  assert_int_equal(-EPERM, mw_trusted_open_dir(below(f, "a"), &f->err));
}

/* Swap the link between a folder that can be trusted and one that cannot, until it is killed. */
static void swap_for_ever(const char *dir)
{
  char link[TMPTREE_PATH_BYTES], other[TMPTREE_PATH_BYTES];

  snprintf(link, sizeof link, "%s/link", dir);
  snprintf(other, sizeof other, "%s/other", dir);
  for (unsigned turn = 0;; turn++)
    if (symlink(turn % 2 ? "good" : "bad", other) < 0 || rename(other, link) < 0)
      _exit(1);
}

static void never_opens_what_was_swapped_in(void **state)
{
  struct fixture *f = *state;
  unsigned opened = 0, refused = 0;

  write_file(f, "good/file", "good");
  write_file(f, "bad/file", "bad");
  chmod(below(f, "bad"), 0777);
  link_to(f, "good", "link");
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    swap_for_ever(f->dir);
  for (unsigned i = 0; i < 1000000 && (opened < 500 || refused < 500); i++) {
    const char *text = text_of(f, below(f, "link/file"));
    opened += *text != '\0';
    refused += *text == '\0';
    assert_true(*text == '\0' || strcmp(text, "good") == 0);
  }
  kill(pid, SIGKILL);
  assert_int_equal(pid, waitpid(pid, NULL, 0));
  assert_true(opened > 0 && refused > 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(opens_what_only_root_and_the_user_can_write, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(follows_links, set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_a_path_from_the_working_directory, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_what_others_can_write, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_what_others_can_replace, set_up, tear_down),
      cmocka_unit_test_setup_teardown(quotes_what_a_shell_would_cut, set_up, tear_down),
      cmocka_unit_test_setup_teardown(looks_at_where_links_lead, set_up, tear_down),
      cmocka_unit_test_setup_teardown(bears_a_sticky_folder, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_what_belongs_to_others, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_a_link_that_belongs_to_others, set_up, tear_down),
      cmocka_unit_test_setup_teardown(trusts_the_user_that_runs_it_and_root, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_what_is_read_only_in_here_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(bears_the_mode_of_a_folder_that_a_container_is_given, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(refuses_a_strangers_folder_that_a_container_is_given, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(tells_what_cannot_be_opened, set_up, tear_down),
      cmocka_unit_test_setup_teardown(opens_folders_that_can_be_listed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(never_opens_what_was_swapped_in, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
