/* The sink file: lines to a file that does not grow for ever. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lines.h"
#include "agent/sink.h"
#include "base/log.h"
#include "moonwatch/clock.h"

#define LOOK_BYTES 16384

#define MODE 0640 /* tags may tell what is nobody else's business */

struct file {
  char *path;
  struct mw_sink_file_config config;
  int fd; /* -1: not open */
  uint64_t size_bytes;
  int64_t born_s; /* wall clock */
  struct mw_lines lines;
};

static int64_t wall_s(void)
{
  return mw_clock_wall_ns(mw_clock_system()) / MW_NS_PER_S;
}

void *mw_sink_file_new(const struct mw_sink_file_config *config, struct mw_error *err)
{
  struct file *file = calloc(1, sizeof *file);

  if (file)
    file->path = strdup(config->path);
  if (!file || !file->path) {
    free(file);
    mw_error_set(err, ENOMEM, "out of memory for a sink");
    return NULL;
  }
  file->config = *config;
  if (file->config.max_bytes == 0)
    file->config.max_bytes = MW_SINK_FILE_BYTES_DEFAULT;
  if (file->config.max_age_s == 0)
    file->config.max_age_s = MW_SINK_FILE_AGE_DEFAULT_S;
  file->fd = -1;
  mw_lines_init(&file->lines);
  return file;
}

/* Called before messages: a line that was cut stays cut, in a file that is somebody else's now. */
static void close_file(void *data)
{
  struct file *file = data;

  if (file->fd >= 0)
    close(file->fd);
  file->fd = -1;
  mw_lines_forget(&file->lines);
}

static void file_free(void *data)
{
  struct file *file = data;

  close_file(file);
  mw_lines_deinit(&file->lines);
  free(file->path);
  free(file);
}

/* A file that was there may be old already. Not every file system knows when a file was made. */
static int64_t born_s(int fd)
{
  struct statx status;

  if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status) == 0 && (status.stx_mask & STATX_BTIME))
    return status.stx_btime.tv_sec;
  return wall_s();
}

/* What each of our lines begins with; see agent/lines.h. */
static const char line_begin[] = "{\"body\":";

/* Where the last line of @p size_bytes begins: behind the last end of one. */
static int find_last_line(const struct file *file, off_t size_bytes, off_t *out,
                          struct mw_error *err)
{
  char piece[LOOK_BYTES];

  for (*out = size_bytes; *out > 0;) {
    off_t begin = *out > LOOK_BYTES ? *out - LOOK_BYTES : 0;
    ssize_t got = pread(file->fd, piece, (size_t)(*out - begin), begin);
    if (got != *out - begin)
      return mw_error_set(err, got < 0 ? errno : EIO, "cannot read %s: %s", file->path,
                          strerror(got < 0 ? errno : EIO));
    const char *end = memrchr(piece, '\n', (size_t)got);
    *out = end ? begin + (end - piece) + 1 : begin;
    if (end)
      return 0;
  }
  return 0;
}

/* Is what stands at @p begin a part of one of our lines? */
static bool is_ours(const struct file *file, off_t begin, off_t size_bytes)
{
  char text[sizeof line_begin - 1];
  size_t wanted =
      size_bytes - begin < (off_t)sizeof text ? (size_t)(size_bytes - begin) : sizeof text;

  return pread(file->fd, text, wanted, begin) == (ssize_t)wanted &&
         memcmp(text, line_begin, wanted) == 0;
}

/* A line that a crash has cut is taken back: its message was not delivered, and comes again. What
 * somebody else has written is ended instead. */
static int mend_end(struct file *file, off_t size_bytes, struct mw_error *err)
{
  off_t begin;
  int rc = find_last_line(file, size_bytes, &begin, err);

  file->size_bytes = (uint64_t)size_bytes;
  if (rc < 0 || begin == size_bytes)
    return rc;
  if (is_ours(file, begin, size_bytes)) {
    if (ftruncate(file->fd, begin) != 0)
      return mw_error_set(err, errno, "cannot shorten %s: %s", file->path, strerror(errno));
    file->size_bytes = (uint64_t)begin;
    return 0;
  }
  if (write(file->fd, "\n", 1) != 1)
    return mw_error_set(err, errno, "cannot write %s: %s", file->path, strerror(errno));
  file->size_bytes++;
  return 0;
}

static int begin_at_end(struct file *file, struct mw_error *err)
{
  struct stat status;

  if (fstat(file->fd, &status) != 0)
    return mw_error_set(err, errno, "cannot ask for %s: %s", file->path, strerror(errno));
  file->born_s = status.st_size > 0 ? born_s(file->fd) : wall_s();
  return mend_end(file, status.st_size, err);
}

/* Two agents would move the file away from each other. The lock goes with the descriptor; a file
 * system without locks has to do without. */
static int lock_file(const struct file *file, const struct stat *opened, struct mw_error *err)
{
  struct stat named;

  if (flock(file->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return mw_error_set(err, EBUSY,
                        "%s is written by another process, and only one can: give each agent a "
                        "path of its own (scripts.file.options.path)",
                        file->path);
  if (stat(file->path, &named) == 0 && named.st_ino == opened->st_ino &&
      named.st_dev == opened->st_dev)
    return 0;
  return mw_error_set(err, EBUSY, "%s was moved away while it was opened", file->path);
}

static int open_file(struct file *file, struct mw_error *err)
{
  struct stat status;

  if (file->fd >= 0)
    return 0;
  int fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, MODE);
  if (fd < 0)
    return mw_error_set(err, errno, "cannot open %s: %s", file->path, strerror(errno));
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(fd);
    return mw_error_set(err, EINVAL, "%s is not a regular file", file->path);
  }
  file->fd = fd;
  int rc = lock_file(file, &status, err);
  if (rc == 0)
    rc = begin_at_end(file, err);
  if (rc < 0)
    close_file(file);
  return rc;
}

/* ---- Rotation ---- */

static bool old_name(const struct file *file, unsigned number, char out[static PATH_MAX])
{
  return (size_t)snprintf(out, PATH_MAX, number > 0 ? "%s.%u" : "%s", file->path, number) <
         PATH_MAX;
}

/* The number that the youngest ones can move up to: the first that is free, else the oldest's. What
 * is behind a gap stays, so that a shift that failed half way and is tried again loses nothing. */
static unsigned last_to_replace(const struct file *file)
{
  char path[PATH_MAX];
  unsigned number = 1;

  while (number < file->config.keep && old_name(file, number, path) &&
         faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    number++;
  return number;
}

/* PATH.1 becomes PATH.2 and so on; the oldest one goes. */
static int shift_old_files(const struct file *file, struct mw_error *err)
{
  char from[PATH_MAX], to[PATH_MAX];

  if (file->config.keep == 0 && unlink(file->path) < 0 && errno != ENOENT)
    return mw_error_set(err, errno, "cannot remove %s: %s", file->path, strerror(errno));
  if (file->config.keep == 0)
    return 0;
  for (unsigned i = last_to_replace(file); i > 0; i--) {
    if (!old_name(file, i - 1, from) || !old_name(file, i, to))
      return mw_error_set(err, ENAMETOOLONG, "the name %s is too long", file->path);
    if (rename(from, to) < 0 && errno != ENOENT)
      return mw_error_set(err, errno, "cannot rename %s: %s", from, strerror(errno));
  }
  return 0;
}

static bool is_full(const struct file *file, size_t body_bytes)
{
  return file->size_bytes > 0 && (file->size_bytes + body_bytes > file->config.max_bytes ||
                                  wall_s() - file->born_s >= file->config.max_age_s);
}

/* Between two lines. */
static int rotate_when_full(struct file *file, const struct mw_message *message,
                            struct mw_error *err)
{
  if (file->lines.written_bytes > 0 || !is_full(file, message->body.len_bytes))
    return 0;
  int rc = shift_old_files(file, err);
  if (rc < 0)
    return rc;
  close_file(file);
  return open_file(file, err);
}

/* ---- Delivery ---- */

/* A line that did not fit is taken back, so that readers, and who opens the file next, find whole
 * ones. Where that is not possible, its rest is written when there is room. */
static void take_back(struct file *file)
{
  struct stat status;
  off_t begun_bytes = (off_t)file->lines.written_bytes;

  if (begun_bytes == 0 || fstat(file->fd, &status) != 0 || status.st_size < begun_bytes ||
      ftruncate(file->fd, status.st_size - begun_bytes) != 0)
    return;
  file->size_bytes = (uint64_t)(status.st_size - begun_bytes);
  mw_lines_forget(&file->lines);
}

static int write_message(struct file *file, const struct mw_queue_batch *batch, size_t index,
                         int64_t deadline_ns, struct mw_error *err)
{
  size_t written_bytes;
  int rc = rotate_when_full(file, batch->messages[index], err);

  if (rc < 0)
    return rc;
  rc = mw_lines_write(&file->lines, file->fd, batch, index, deadline_ns, &written_bytes, err);
  file->size_bytes += written_bytes;
  if (rc < 0) {
    take_back(file);
    mw_error_prefix(err, "%s", file->path);
  }
  return rc;
}

static int file_deliver(void *data, struct mw_queue_batch *batch, int64_t deadline_ns,
                        size_t *delivered, struct mw_error *err)
{
  struct file *file = data;
  size_t written_bytes = 0;
  int rc = open_file(file, err);

  *delivered = 0;
  if (rc == 0)
    rc = mw_lines_write_late(&file->lines, file->fd, batch, deadline_ns, &written_bytes, err);
  file->size_bytes += written_bytes;
  while (rc == 0 && *delivered < batch->count) {
    rc = write_message(file, batch, *delivered, deadline_ns, err);
    *delivered += rc == 0;
  }
  return rc;
}

const struct mw_sink_ops mw_sink_file_ops = {
    .deliver = file_deliver, .reopen = close_file, .free = file_free};
