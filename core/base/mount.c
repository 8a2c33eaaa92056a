#include "base/mount.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"

#define TABLE_MAX_BYTES ((size_t)16 << 20) /* a host with tens of thousands of mounts */

struct mount {
  struct mw_slice device, root, options, file_system_options;
};

static bool parse_id(struct mw_slice word, int id)
{
  uint64_t number;

  return id >= 0 && mw_parse_u64(word, &number) && number == (uint64_t)id;
}

/* What stands behind the optional words and their end, "-": type, source, options. */
static bool parse_file_system(struct mw_slice *line, struct mount *out)
{
  struct mw_slice word, source;

  while (mw_slice_next_word(line, &word))
    if (mw_slice_equal(word, "-"))
      return mw_slice_next_word(line, &word) && mw_slice_next_word(line, &source) &&
             mw_slice_next_word(line, &out->file_system_options);
  return false;
}

static bool find(struct mw_slice text, int id, struct mount *out)
{
  struct mw_slice line, word;

  while (mw_slice_next_line(&text, &line))
    if (mw_slice_next_word(&line, &word) && parse_id(word, id))
      return mw_slice_next_word(&line, &word) && /* of its parent */
             mw_slice_next_word(&line, &out->device) && mw_slice_next_word(&line, &out->root) &&
             mw_slice_next_word(&line, &word) && /* where it is */
             mw_slice_next_word(&line, &out->options) && parse_file_system(&line, out);
  return false;
}

/* The kernel writes "ro" or "rw" first. */
static bool is_read_only(struct mw_slice options)
{
  return options.len_bytes >= 2 && memcmp(options.data, "ro", 2) == 0 &&
         (options.len_bytes == 2 || options.data[2] == ',');
}

/* Those of networks, of memory and of layers have the major number 0. */
static bool is_on_device(const struct mount *mount)
{
  return mount->device.len_bytes > 2 && memcmp(mount->device.data, "0:", 2) != 0;
}

static bool is_same(struct mw_slice a, struct mw_slice b)
{
  return a.len_bytes == b.len_bytes && memcmp(a.data, b.data, a.len_bytes) == 0;
}

bool mw_mount_keeps_writers_out(struct mw_slice text, int id, int root_id)
{
  struct mount mount, root;

  if (!find(text, id, &mount))
    return false;
  if (is_read_only(mount.file_system_options) && is_on_device(&mount))
    return true;
  return is_read_only(mount.options) && !mw_slice_equal(mount.root, "/") &&
         find(text, root_id, &root) && !is_same(mount.device, root.device);
}

/* @return the number of the mount that @p fd is on, or -1. */
static int id_of(int fd)
{
  static const char key[] = "\nmnt_id:";
  char path[64], text[512];

  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
  ssize_t bytes = mw_file_read_head(AT_FDCWD, path, text, sizeof text - 1, NULL);
  if (bytes < 0)
    return -1;
  text[bytes] = '\0';
  const char *found = strstr(text, key);
  return found ? (int)strtol(found + sizeof key - 1, NULL, 10) : -1;
}

bool mw_mount_of_fd_keeps_writers_out(int fd)
{
  MW_AUTO_CLOSE int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  MW_AUTO_BUF table;

  mw_buf_init(&table, TABLE_MAX_BYTES);
  return root_fd >= 0 && mw_file_read(AT_FDCWD, "/proc/self/mountinfo", &table, NULL) == 0 &&
         mw_mount_keeps_writers_out((struct mw_slice){table.data, table.len_bytes}, id_of(fd),
                                    id_of(root_fd));
}
