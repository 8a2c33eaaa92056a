#include "agent/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "moonwatch/clock.h"

/* The kernel stamps files with the time of its last tick, of which there are a hundred a second, or
 * more. */
#define TICK_NS (10 * MW_NS_PER_MS)

/* What a file is taken for; all zero: there is none. */
struct identity {
  dev_t device;
  ino_t inode;
  off_t size_bytes;
  int64_t modified_ns, changed_ns;
};

struct mw_watch_file {
  char *path;
  struct identity known, seen; /* when it was read; at the last look */
};

static int64_t to_ns(struct timespec time)
{
  return time.tv_sec * MW_NS_PER_S + time.tv_nsec;
}

static struct identity look_at(const char *path)
{
  struct stat status;

  if (stat(path, &status) != 0)
    return (struct identity){0};
  return (struct identity){.device = status.st_dev,
                           .inode = status.st_ino,
                           .size_bytes = status.st_size,
                           .modified_ns = to_ns(status.st_mtim),
                           .changed_ns = to_ns(status.st_ctim)};
}

static bool is_same(const struct identity *a, const struct identity *b)
{
  return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
         a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

void mw_watch_deinit(struct mw_watch *watch)
{
  for (size_t i = 0; i < watch->count; i++)
    free(watch->files[i].path);
  free(watch->files);
  *watch = (struct mw_watch){0};
}

static struct mw_watch_file *find(struct mw_watch *watch, const char *path)
{
  for (size_t i = 0; i < watch->count; i++)
    if (strcmp(watch->files[i].path, path) == 0)
      return &watch->files[i];
  return NULL;
}

static struct mw_watch_file *append(struct mw_watch *watch, const char *path)
{
  if (watch->count == MW_WATCH_FILES_MAX)
    return NULL;
  if (watch->count == watch->capacity) {
    size_t capacity = watch->capacity > 0 ? watch->capacity * 2 : 16;
    struct mw_watch_file *files = reallocarray(watch->files, capacity, sizeof *files);
    if (!files)
      return NULL;
    watch->files = files;
    watch->capacity = capacity;
  }
  char *copy = strdup(path);
  if (!copy)
    return NULL;
  struct mw_watch_file *file = &watch->files[watch->count++];
  *file = (struct mw_watch_file){.path = copy};
  return file;
}

void mw_watch_merge(struct mw_watch *watch, const struct mw_watch *from)
{
  for (size_t i = 0; i < from->count; i++) {
    struct mw_watch_file *file = find(watch, from->files[i].path);
    if (!file)
      file = append(watch, from->files[i].path);
    if (!file)
      continue;
    file->known = from->files[i].known;
    file->seen = from->files[i].seen;
  }
}

void mw_watch_add(struct mw_watch *watch, const char *path, int64_t read_from_ns)
{
  struct mw_watch_file *file = find(watch, path);
  int64_t now_ns = mw_clock_wall_ns(mw_clock_system());

  if (!file)
    file = append(watch, path);
  if (!file)
    return;
  file->known = file->seen = look_at(path);
  /* A stamp of the future is that of another machine's clock, and says nothing. */
  if (file->known.changed_ns > read_from_ns - TICK_NS && file->known.changed_ns <= now_ns)
    file->known = (struct identity){.size_bytes = -1};
}

enum mw_watch_answer mw_watch_look(struct mw_watch *watch)
{
  enum mw_watch_answer answer = MW_WATCH_SAME;

  for (size_t i = 0; i < watch->count; i++) {
    struct mw_watch_file *file = &watch->files[i];
    struct identity now = look_at(file->path);
    if (!is_same(&now, &file->seen))
      answer = MW_WATCH_UNSETTLED;
    else if (!is_same(&now, &file->known) && answer == MW_WATCH_SAME)
      answer = MW_WATCH_CHANGED;
    file->seen = now;
  }
  return answer;
}

void mw_watch_settle(struct mw_watch *watch)
{
  for (size_t i = 0; i < watch->count; i++)
    watch->files[i].known = watch->files[i].seen;
}
