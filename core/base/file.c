#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define READ_STEP_BYTES 4096

int mw_file_open(int dir_fd, const char *path, struct mw_error *err)
{
  int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return mw_error_set(err, errno, "cannot open %s: %s", path, strerror(errno));

  struct stat status;
  if (fstat(fd, &status) < 0) {
    int code = errno;
    close(fd);
    return mw_error_set(err, code, "cannot stat %s: %s", path, strerror(code));
  }
  if (!S_ISREG(status.st_mode)) {
    close(fd);
    return mw_error_set(err, EINVAL, "cannot read %s: not a regular file", path);
  }
  return fd;
}

int mw_dir_open(int dir_fd, const char *path, struct mw_error *err)
{
  int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return mw_error_set(err, errno, "cannot open directory %s: %s", path, strerror(errno));
  return fd;
}

int mw_file_read_fd(int fd, const char *name, struct mw_buf *out, struct mw_error *err)
{
  mw_buf_clear(out);
  for (;;) {
    size_t step_bytes = out->max_bytes - out->len_bytes;
    if (step_bytes > READ_STEP_BYTES)
      step_bytes = READ_STEP_BYTES;
    char past_the_ceiling;
    int rc = step_bytes > 0 ? mw_buf_reserve(out, step_bytes, err) : 0;
    if (rc < 0) {
      mw_error_prefix(err, "cannot read %s", name);
      return rc;
    }

    char *target = step_bytes > 0 ? out->data + out->len_bytes : &past_the_ceiling;
    ssize_t got = pread(fd, target, step_bytes > 0 ? step_bytes : 1, (off_t)out->len_bytes);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return mw_error_set(err, errno, "cannot read %s: %s", name, strerror(errno));
    if (got == 0)
      return mw_buf_append(out, "", 0, err);
    if (step_bytes == 0)
      return mw_error_set(err, EMSGSIZE, "cannot read %s: larger than the limit of %zu bytes", name,
                          out->max_bytes);
    out->len_bytes += (size_t)got;
    out->data[out->len_bytes] = '\0';
  }
}

int mw_file_read(int dir_fd, const char *path, struct mw_buf *out, struct mw_error *err)
{
  MW_AUTO_CLOSE int fd = mw_file_open(dir_fd, path, err);
  return fd < 0 ? fd : mw_file_read_fd(fd, path, out, err);
}

ssize_t mw_file_read_head(int dir_fd, const char *path, char *out, size_t size_bytes,
                          struct mw_error *err)
{
  MW_AUTO_CLOSE int fd = mw_file_open(dir_fd, path, err);
  size_t done_bytes = 0;

  if (fd < 0)
    return fd;
  while (done_bytes < size_bytes) {
    ssize_t got = pread(fd, out + done_bytes, size_bytes - done_bytes, (off_t)done_bytes);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return mw_error_set(err, errno, "cannot read %s: %s", path, strerror(errno));
    if (got == 0)
      break;
    done_bytes += (size_t)got;
  }
  return (ssize_t)done_bytes;
}
