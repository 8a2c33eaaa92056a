#include "agent/shadows.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/shadows_memory.h"
#include "base/file.h"
#include "base/log.h"
#include "moonwatch/clock.h"
#include "script/script.h"

#define SUFFIX ".lua"
#define SUFFIX_BYTES (sizeof SUFFIX - 1)
#define SHADOWS_MAX 1024

static const char *const folders[] = {"checks", "moonwatch", "sinks", "sources"};

struct mw_shadows {
  struct mw_shadow_memory memory;
  struct mw_log_limit failures;
  struct mw_shadow *items;
  size_t count, capacity;
};

/* ---- Places ---- */

bool mw_script_place_find(const char *const *dirs, const char *folder, const char *name,
                          struct mw_script_place *out)
{
  char path[PATH_MAX];

  *out = (struct mw_script_place){0};
  for (; *dirs; dirs++) {
    if (snprintf(path, sizeof path, "%s/%s/%s" SUFFIX, *dirs, folder, name) >= (int)sizeof path ||
        access(path, F_OK) < 0)
      continue;
    if (!*out->file)
      strcpy(out->file, path);
    else if (!dirs[1])
      strcpy(out->shipped, path);
  }
  return *out->file;
}

/* ---- The list ---- */

static void clear(struct mw_shadows *shadows)
{
  for (size_t i = 0; i < shadows->count; i++) {
    free(shadows->items[i].folder);
    free(shadows->items[i].name);
  }
  shadows->count = 0;
}

const struct mw_shadow *mw_shadow_of(const struct mw_shadows *shadows, const char *folder,
                                     const char *name)
{
  for (size_t i = 0; i < shadows->count; i++)
    if (strcmp(shadows->items[i].folder, folder) == 0 && strcmp(shadows->items[i].name, name) == 0)
      return &shadows->items[i];
  return NULL;
}

/* @return NULL: there is no memory, or there are very many. */
static struct mw_shadow *append(struct mw_shadows *shadows, const char *folder, const char *name)
{
  struct mw_shadow shadow = {0};

  if (shadows->count == shadows->capacity) {
    size_t capacity = shadows->capacity > 0 ? shadows->capacity * 2 : 4;
    struct mw_shadow *items =
        capacity <= SHADOWS_MAX ? reallocarray(shadows->items, capacity, sizeof *items) : NULL;
    if (!items)
      return NULL;
    shadows->items = items;
    shadows->capacity = capacity;
  }
  shadow.folder = strdup(folder);
  shadow.name = strdup(name);
  if (!shadow.folder || !shadow.name) {
    free(shadow.folder);
    free(shadow.name);
    return NULL;
  }
  shadows->items[shadows->count] = shadow;
  return &shadows->items[shadows->count++];
}

/* FNV-1a: two versions of a file differ by chance, not by somebody's art. 0: it cannot be read. */
static uint64_t fingerprint(const char *path)
{
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  MW_AUTO_BUF text;

  mw_buf_init(&text, MW_SCRIPT_SOURCE_MAX_BYTES);
  if (mw_file_read(AT_FDCWD, path, &text, NULL) < 0)
    return 0;
  for (size_t i = 0; i < text.len_bytes; i++)
    hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(0x100000001b3);
  return hash;
}

/* ---- Looking ---- */

static int consider(struct mw_shadows *shadows, const char *const *dirs, const char *folder,
                    const char *name, struct mw_error *err)
{
  struct mw_script_place place;

  if (mw_shadow_of(shadows, folder, name) || !mw_script_place_find(dirs, folder, name, &place) ||
      !*place.shipped)
    return 0;
  struct mw_shadow *shadow = append(shadows, folder, name);
  if (!shadow)
    return mw_error_set(err, ENOMEM, "there are too many scripts in front of shipped ones");
  shadow->place = place;
  shadow->own = fingerprint(place.file);
  shadow->shipped = fingerprint(place.shipped);
  return 0;
}

static int look_into(struct mw_shadows *shadows, const char *const *dirs, const char *dir,
                     const char *folder, struct mw_error *err)
{
  char path[PATH_MAX];
  int rc = 0;
  const struct dirent *entry;

  snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 64, dir, folder);
  DIR *stream = opendir(path);
  if (!stream)
    return 0; /* no scripts of this kind; a folder that cannot be read is a script's error */
  while (rc == 0 && (entry = readdir(stream))) {
    char name[NAME_MAX + 1];
    size_t bytes = strlen(entry->d_name);
    if (bytes <= SUFFIX_BYTES || strcmp(entry->d_name + bytes - SUFFIX_BYTES, SUFFIX) != 0)
      continue;
    snprintf(name, sizeof name, "%.*s", (int)(bytes - SUFFIX_BYTES), entry->d_name);
    rc = consider(shadows, dirs, folder, name, err);
  }
  closedir(stream);
  return rc;
}

static int by_name(const void *a, const void *b)
{
  const struct mw_shadow *left = a, *right = b;
  int order = strcmp(left->folder, right->folder);

  return order != 0 ? order : strcmp(left->name, right->name);
}

static int list(struct mw_shadows *shadows, const char *const *dirs, struct mw_error *err)
{
  int rc = 0;

  clear(shadows);
  for (const char *const *dir = dirs; rc == 0 && dir[0] && dir[1]; dir++)
    for (size_t i = 0; rc == 0 && i < sizeof folders / sizeof folders[0]; i++)
      rc = look_into(shadows, dirs, *dir, folders[i], err);
  if (shadows->count > 0)
    qsort(shadows->items, shadows->count, sizeof shadows->items[0], by_name);
  return rc;
}

/* Hold it against what was kept when it was seen first; else keep it. @return whether it is new. */
static bool compare(struct mw_shadows *shadows, struct mw_shadow *shadow)
{
  const struct mw_shadow_record *known =
      mw_shadow_memory_find(&shadows->memory, shadow->place.file, shadow->own);

  if (shadow->own == 0 || shadow->shipped == 0)
    return false;
  if (!known) {
    struct mw_shadow_record record = {.own = shadow->own,
                                      .shipped = shadow->shipped,
                                      .first_seen_s =
                                          mw_clock_wall_ns(mw_clock_system()) / MW_NS_PER_S};
    mw_shadow_memory_put(&shadows->memory, shadow->place.file, &record);
    return true;
  }
  shadow->first_seen_s = known->first_seen_s;
  shadow->shipped_at_first = known->shipped;
  shadow->shipped_changed = known->shipped != shadow->shipped;
  return false;
}

int mw_shadows_look(struct mw_shadows *shadows, const char *const *dirs, bool remembers,
                    struct mw_error *err)
{
  bool has_news = false;
  int rc = list(shadows, dirs, err);

  if (rc < 0 || shadows->count == 0)
    return rc;
  rc = mw_shadow_memory_load(&shadows->memory, err);
  for (size_t i = 0; rc == 0 && i < shadows->count; i++)
    has_news |= compare(shadows, &shadows->items[i]);
  if (rc == 0 && has_news && remembers)
    rc = mw_shadow_memory_save(&shadows->memory, err);
  for (size_t i = 0; rc == 0 && has_news && remembers && i < shadows->count; i++)
    compare(shadows, &shadows->items[i]);
  return rc;
}

void mw_shadows_keep(struct mw_shadows *shadows, const char *const *dirs)
{
  struct mw_error err;

  if (mw_shadows_look(shadows, dirs, true, &err) < 0)
    mw_log_limited(&shadows->failures, MW_LOG_WARN, "agent",
                   "cannot keep which shipped scripts yours were made from: %s", err.text);
}

/* ---- The object ---- */

struct mw_shadows *mw_shadows_new(const char *state_dir, struct mw_error *err)
{
  struct mw_shadows *shadows = calloc(1, sizeof *shadows);

  if (shadows && mw_shadow_memory_init(&shadows->memory, state_dir, err) == 0)
    return shadows;
  mw_error_set(err, ENOMEM, "out of memory for what stands in front of shipped scripts");
  free(shadows);
  return NULL;
}

void mw_shadows_free(struct mw_shadows *shadows)
{
  if (!shadows)
    return;
  clear(shadows);
  mw_shadow_memory_deinit(&shadows->memory);
  free(shadows->items);
  free(shadows);
}

size_t mw_shadows_count(const struct mw_shadows *shadows)
{
  return shadows->count;
}

const struct mw_shadow *mw_shadow(const struct mw_shadows *shadows, size_t index)
{
  return &shadows->items[index];
}
