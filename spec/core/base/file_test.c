#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir_path[] = "/tmp/moonwatch-file-XXXXXX";
static int dir_fd;

static int make_dir(void **state)
{
  (void)state;
  if (!mkdtemp(dir_path))
    return -1;
  dir_fd = open(dir_path, O_DIRECTORY | O_CLOEXEC);
  return dir_fd < 0 ? -1 : 0;
}

static int remove_dir(void **state)
{
  (void)state;
  unlinkat(dir_fd, "file", 0);
  unlinkat(dir_fd, "fifo", 0);
  close(dir_fd);
  return rmdir(dir_path);
}

static void write_file(const char *content, size_t len_bytes)
{
  int fd = openat(dir_fd, "file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(len_bytes, write(fd, content, len_bytes));
  close(fd);
}

static void reads_a_file_relative_to_a_directory(void **state)
{
  MW_AUTO_BUF text;
  (void)state;

  mw_buf_init(&text, 100);
  write_file("12\n\0x", 5);
  assert_int_equal(0, mw_file_read(dir_fd, "file", &text, NULL));
  assert_int_equal(5, text.len_bytes);
  assert_memory_equal("12\n\0x", text.data, 6);
}

static void replaces_what_the_buffer_held(void **state)
{
  MW_AUTO_BUF text;
  (void)state;

  mw_buf_init(&text, 100);
  mw_buf_append_text(&text, "a longer text of before", NULL);
  write_file("new", 3);
  assert_int_equal(0, mw_file_read(dir_fd, "file", &text, NULL));
  assert_string_equal("new", text.data);
}

static void an_empty_file_is_an_empty_text(void **state)
{
  MW_AUTO_BUF text;
  (void)state;

  mw_buf_init(&text, 100);
  write_file("", 0);
  assert_int_equal(0, mw_file_read(dir_fd, "file", &text, NULL));
  assert_string_equal("", text.data);
}

static void reads_up_to_the_ceiling_and_refuses_one_byte_more(void **state)
{
  static char content[10001];
  static const size_t ceilings[] = {1, 4095, 4096, 4097, 8192, 10000};
  struct mw_error err;
  (void)state;

  memset(content, 'x', sizeof content);
  for (size_t i = 0; i < sizeof ceilings / sizeof ceilings[0]; i++) {
    MW_AUTO_BUF text;
    mw_buf_init(&text, ceilings[i]);
    write_file(content, ceilings[i]);
    assert_int_equal(0, mw_file_read(dir_fd, "file", &text, NULL));
    assert_int_equal(ceilings[i], text.len_bytes);
    write_file(content, ceilings[i] + 1);
    assert_int_equal(-EMSGSIZE, mw_file_read(dir_fd, "file", &text, &err));
  }
  assert_string_equal("cannot read file: larger than the limit of 10000 bytes", err.text);
}

static void reads_a_descriptor_from_its_start_each_time(void **state)
{
  MW_AUTO_BUF text;
  (void)state;

  mw_buf_init(&text, 100);
  write_file("one", 3);
  int fd = mw_file_open(dir_fd, "file", NULL);
  assert_int_equal(0, mw_file_read_fd(fd, "file", &text, NULL));
  write_file("two2", 4);
  assert_int_equal(0, mw_file_read_fd(fd, "file", &text, NULL));
  assert_string_equal("two2", text.data);
  close(fd);
}

static void reads_files_of_proc_that_say_they_are_empty(void **state)
{
  MW_AUTO_BUF text;
  (void)state;

  mw_buf_init(&text, 1 << 20);
  assert_int_equal(0, mw_file_read(AT_FDCWD, "/proc/self/status", &text, NULL));
  assert_non_null(strstr(text.data, "\nPid:"));
}

static void descriptors_do_not_reach_child_processes(void **state)
{
  (void)state;
  write_file("", 0);
  int file = mw_file_open(dir_fd, "file", NULL);
  int dir = mw_dir_open(AT_FDCWD, dir_path, NULL);

  assert_int_equal(FD_CLOEXEC, fcntl(file, F_GETFD));
  assert_int_equal(FD_CLOEXEC, fcntl(dir, F_GETFD));
  close(file);
  close(dir);
}

static void refuses_what_is_no_regular_file_without_waiting(void **state)
{
  MW_AUTO_BUF text;
  struct mw_error err;
  (void)state;

  mw_buf_init(&text, 100);
  assert_int_equal(0, mkfifoat(dir_fd, "fifo", 0600));
  assert_int_equal(-EINVAL, mw_file_read(dir_fd, "fifo", &text, &err));
  assert_string_equal("cannot read fifo: not a regular file", err.text);
  assert_int_equal(-EINVAL, mw_file_read(AT_FDCWD, "/dev/zero", &text, NULL));
  assert_int_equal(-EINVAL, mw_file_open(AT_FDCWD, dir_path, NULL));
}

static void says_what_it_cannot_open(void **state)
{
  struct mw_error err;
  (void)state;

  assert_int_equal(-ENOENT, mw_file_open(dir_fd, "missing", &err));
  assert_string_equal("cannot open missing: No such file or directory", err.text);
  assert_int_equal(-ENOTDIR, mw_dir_open(AT_FDCWD, "/proc/self/status", &err));
  assert_string_equal("cannot open directory /proc/self/status: Not a directory", err.text);
}

static void says_what_it_cannot_read(void **state)
{
  MW_AUTO_BUF text;
  struct mw_error err;
  (void)state;

  mw_buf_init(&text, 100);
  assert_int_equal(-EBADF, mw_file_read_fd(-1, "cpu.stat", &text, &err));
  assert_string_equal("cannot read cpu.stat: Bad file descriptor", err.text);
}

static void reads_only_the_head_of_a_long_file(void **state)
{
  char head[4];
  struct mw_error err;
  (void)state;

  write_file("123456789", 9);
  assert_int_equal(4, mw_file_read_head(dir_fd, "file", head, sizeof head, NULL));
  assert_memory_equal("1234", head, 4);
  write_file("12", 2);
  assert_int_equal(2, mw_file_read_head(dir_fd, "file", head, sizeof head, NULL));
  assert_memory_equal("12", head, 2);
  assert_int_equal(-ENOENT, mw_file_read_head(dir_fd, "missing", head, sizeof head, &err));
  assert_string_equal("cannot open missing: No such file or directory", err.text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_a_file_relative_to_a_directory),
      cmocka_unit_test(replaces_what_the_buffer_held),
      cmocka_unit_test(an_empty_file_is_an_empty_text),
      cmocka_unit_test(reads_up_to_the_ceiling_and_refuses_one_byte_more),
      cmocka_unit_test(reads_a_descriptor_from_its_start_each_time),
      cmocka_unit_test(reads_files_of_proc_that_say_they_are_empty),
      cmocka_unit_test(descriptors_do_not_reach_child_processes),
      cmocka_unit_test(refuses_what_is_no_regular_file_without_waiting),
      cmocka_unit_test(says_what_it_cannot_open),
      cmocka_unit_test(says_what_it_cannot_read),
      cmocka_unit_test(reads_only_the_head_of_a_long_file),
  };
  return cmocka_run_group_tests_name("base/file", tests, make_dir, remove_dir);
}
