#include "agent/shadows_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"

#define FILE_MAX_BYTES ((size_t)8 << 20)

int mw_shadow_memory_init(struct mw_shadow_memory *memory, const char *dir, struct mw_error *err)
{
  *memory = (struct mw_shadow_memory){.dir = dir ? strdup(dir) : NULL};
  memory->records = calloc(MW_SHADOW_RECORDS_MAX, sizeof *memory->records);
  if (memory->records && (memory->dir || !dir))
    return 0;
  mw_shadow_memory_deinit(memory);
  return mw_error_set(err, ENOMEM, "out of memory for what is known of scripts");
}

void mw_shadow_memory_deinit(struct mw_shadow_memory *memory)
{
  for (size_t i = 0; memory->records && i < memory->count; i++)
    free(memory->records[i].path);
  free(memory->records);
  free(memory->dir);
  *memory = (struct mw_shadow_memory){0};
}

static void forget(struct mw_shadow_memory *memory, size_t index)
{
  free(memory->records[index].path);
  memory->count--;
  memmove(&memory->records[index], &memory->records[index + 1],
          (memory->count - index) * sizeof memory->records[0]);
}

static size_t index_of(const struct mw_shadow_memory *memory, const char *path)
{
  size_t index = 0;

  while (index < memory->count && strcmp(memory->records[index].path, path) != 0)
    index++;
  return index;
}

const struct mw_shadow_record *mw_shadow_memory_find(const struct mw_shadow_memory *memory,
                                                     const char *path, uint64_t own)
{
  size_t index = index_of(memory, path);

  return index < memory->count && memory->records[index].own == own ? &memory->records[index]
                                                                    : NULL;
}

void mw_shadow_memory_put(struct mw_shadow_memory *memory, const char *path,
                          const struct mw_shadow_record *record)
{
  size_t index = index_of(memory, path);
  char *copy = strdup(path);

  if (!copy)
    return;
  if (index < memory->count)
    forget(memory, index);
  if (memory->count == MW_SHADOW_RECORDS_MAX)
    forget(memory, 0);
  memory->records[memory->count] = *record;
  memory->records[memory->count++].path = copy;
}

/* ---- The file ---- */

static void take_line(struct mw_shadow_memory *memory, const char *line)
{
  struct mw_shadow_record record;
  int path_at = 0;

  if (sscanf(line, "%" SCNd64 " %" SCNx64 " %" SCNx64 " %n", &record.first_seen_s, &record.own,
             &record.shipped, &path_at) == 3 &&
      path_at > 0 && line[path_at] == '/')
    mw_shadow_memory_put(memory, line + path_at, &record);
}

int mw_shadow_memory_load(struct mw_shadow_memory *memory, struct mw_error *err)
{
  char path[PATH_MAX];
  MW_AUTO_BUF text;

  mw_buf_init(&text, FILE_MAX_BYTES);
  if (memory->loaded || !memory->dir)
    return 0;
  snprintf(path, sizeof path, "%s/" MW_SHADOW_MEMORY_FILE, memory->dir);
  int rc = mw_file_read(AT_FDCWD, path, &text, err);
  if (rc < 0 && rc != -ENOENT)
    return rc;
  memory->loaded = true;
  for (char *line = rc == 0 ? text.data : NULL, *end; line && (end = strchr(line, '\n'));
       line = end + 1) {
    *end = '\0';
    take_line(memory, line);
  }
  return 0;
}

static int format(const struct mw_shadow_memory *memory, struct mw_buf *out, struct mw_error *err)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < memory->count; i++) {
    const struct mw_shadow_record *record = &memory->records[i];
    if (!strchr(record->path, '\n'))
      rc = mw_buf_printf(out, err, "%" PRId64 " %016" PRIx64 " %016" PRIx64 " %s\n",
                         record->first_seen_s, record->own, record->shipped, record->path);
  }
  return rc;
}

static int write_file(const char *path, const struct mw_buf *text, struct mw_error *err)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0)
    return mw_error_set(err, errno, "cannot make %s: %s", path, strerror(errno));
  ssize_t written = write(fd, text->data, text->len_bytes);
  int code = written < 0 ? errno : (size_t)written < text->len_bytes ? ENOSPC : 0;
  if (close(fd) < 0 && code == 0)
    code = errno;
  return code == 0 ? 0 : mw_error_set(err, code, "cannot write %s: %s", path, strerror(code));
}

int mw_shadow_memory_save(const struct mw_shadow_memory *memory, struct mw_error *err)
{
  char path[PATH_MAX], fresh[PATH_MAX];
  MW_AUTO_BUF text;

  mw_buf_init(&text, FILE_MAX_BYTES);
  if (!memory->dir)
    return 0;
  snprintf(path, sizeof path, "%.*s/" MW_SHADOW_MEMORY_FILE, PATH_MAX - 64, memory->dir);
  snprintf(fresh, sizeof fresh, "%.*s.new", PATH_MAX - 8, path);
  mkdir(memory->dir, 0700); /* when it fails, open(2) does, and says why */
  int rc = format(memory, &text, err);
  if (rc == 0)
    rc = write_file(fresh, &text, err);
  if (rc == 0 && rename(fresh, path) < 0)
    rc = mw_error_set(err, errno, "cannot rename %s: %s", fresh, strerror(errno));
  if (rc < 0)
    unlink(fresh);
  return rc;
}
