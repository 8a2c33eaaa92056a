/**
 * @file tmptree.h
 * Folders for tests in C: made from texts or copied from a fixture, removed with all that is in
 * them. Everything asserts, so that a test reads as what it does.
 *
 * Include it behind <cmocka.h> in the test's only file.
 */
#ifndef TMPTREE_H
#define TMPTREE_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** Room for the path of a temporary folder, and for one below it. */
#define TMPTREE_ROOT_BYTES 64
#define TMPTREE_PATH_BYTES 1024

/** Read the file @p path into @p out, with a '\0' behind it. @return its length. */
static inline size_t tmptree_read(const char *path, char *out, size_t out_bytes)
{
  FILE *file = fopen(path, "r");

  if (!file)
    fail_msg("cannot open %s", path);
  size_t used = fread(out, 1, out_bytes - 1, file);
  fclose(file);
  out[used] = '\0';
  return used;
}

/**
 * Make @p text the content of the file @p path; folders are made as needed. A file that is there
 * stays the same file: who has it open sees the new content, all at once.
 */
static inline void tmptree_write(const char *path, const char *text)
{
  char folder[TMPTREE_PATH_BYTES];
  ssize_t text_bytes = (ssize_t)strlen(text);

  snprintf(folder, sizeof folder, "%s", path);
  for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    mkdir(folder, 0755);
    *slash = '/';
  }
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0)
    fail_msg("cannot write %s", path);
  assert_int_equal(pwrite(fd, text, (size_t)text_bytes, 0), text_bytes);
  assert_int_equal(ftruncate(fd, text_bytes), 0);
  close(fd);
}

/** Copy the folder @p from over the folder @p to, as tmptree_write does each file. */
static inline void tmptree_copy(const char *from, const char *to)
{
  char source[TMPTREE_PATH_BYTES], target[TMPTREE_PATH_BYTES], text[65536];
  DIR *dir = opendir(from);

  if (!dir)
    fail_msg("cannot open %s", from);
  mkdir(to, 0755);
  for (struct dirent *entry; (entry = readdir(dir));) {
    struct stat status;
    if (entry->d_name[0] == '.')
      continue;
    assert_true(snprintf(source, sizeof source, "%s/%s", from, entry->d_name) < TMPTREE_PATH_BYTES);
    assert_true(snprintf(target, sizeof target, "%s/%s", to, entry->d_name) < TMPTREE_PATH_BYTES);
    assert_int_equal(lstat(source, &status), 0);
    if (S_ISDIR(status.st_mode)) {
      tmptree_copy(source, target);
    } else if (S_ISREG(status.st_mode)) {
      tmptree_read(source, text, sizeof text);
      tmptree_write(target, text);
    }
  }
  closedir(dir);
}

/** Make an empty folder and write its path into @p out. */
static inline void tmptree_make(char out[static TMPTREE_ROOT_BYTES])
{
  snprintf(out, TMPTREE_ROOT_BYTES, "%s", "/tmp/moonwatch-test.XXXXXX");
  assert_non_null(mkdtemp(out));
}

static inline int tmptree_remove_one(const char *path, const struct stat *status, int kind,
                                     struct FTW *walk)
{
  (void)status;
  (void)kind;
  (void)walk;
  return remove(path);
}

/** Remove @p path and all below it. */
static inline void tmptree_remove(const char *path)
{
  nftw(path, tmptree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
