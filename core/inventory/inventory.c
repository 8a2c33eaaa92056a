#include "inventory/inventory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/* A container with all its texts in one allocation; counted by the lists that hold it. */
struct entity {
  atomic_uint references;
  struct mw_container container;
  char texts[];
};

/* A list sorted by id, without the same id twice. What one source said has this shape too. */
struct mw_inventory_snapshot {
  atomic_uint references;
  uint64_t generation;
  size_t count;
  struct entity *entities[];
};

struct source {
  char *name;
  struct mw_inventory_snapshot *list;
};

/* Writers stand in line at writer_mutex, in which only they look at the sources; newest_mutex is
 * held for a pointer and a count, so readers never wait for a merge. */
struct mw_inventory {
  pthread_mutex_t writer_mutex;
  pthread_mutex_t newest_mutex;
  struct mw_inventory_snapshot *newest;
  size_t sources_count;
  struct source sources[MW_INVENTORY_SOURCES_MAX]; /* in the order in which they first spoke */
};

/* ---- Entities ---- */

static const char *text_of(const char *text)
{
  return text ? text : "";
}

static bool same_container(const struct mw_container *a, const struct mw_container *b)
{
  return strcmp(a->id, b->id) == 0 && strcmp(text_of(a->runtime), text_of(b->runtime)) == 0 &&
         strcmp(text_of(a->namespace_), text_of(b->namespace_)) == 0 &&
         strcmp(text_of(a->state), text_of(b->state)) == 0 &&
         strcmp(text_of(a->health), text_of(b->health)) == 0 && a->created_s == b->created_s &&
         a->started_s == b->started_s;
}

/* Copy @p text to @p end, which moves behind it. */
static const char *keep_text(char **end, const char *text)
{
  char *kept = *end;

  *end = stpcpy(kept, text_of(text)) + 1;
  return kept;
}

static struct entity *entity_new(const struct mw_container *from)
{
  size_t texts_bytes = strlen(from->id) + strlen(text_of(from->runtime)) +
                       strlen(text_of(from->namespace_)) + strlen(text_of(from->state)) +
                       strlen(text_of(from->health)) + 5;
  struct entity *entity = malloc(sizeof *entity + texts_bytes);

  if (!entity)
    return NULL;
  char *end = entity->texts;
  atomic_init(&entity->references, 1);
  entity->container = (struct mw_container){
      .id = keep_text(&end, from->id),
      .runtime = keep_text(&end, from->runtime),
      .namespace_ = keep_text(&end, from->namespace_),
      .state = keep_text(&end, from->state),
      .health = keep_text(&end, from->health),
      .created_s = from->created_s,
      .started_s = from->started_s,
  };
  return entity;
}

static struct entity *entity_share(struct entity *entity)
{
  atomic_fetch_add_explicit(&entity->references, 1, memory_order_relaxed);
  return entity;
}

static void entity_release(struct entity *entity)
{
  if (atomic_fetch_sub_explicit(&entity->references, 1, memory_order_acq_rel) == 1)
    free(entity);
}

/* ---- Lists ---- */

static struct mw_inventory_snapshot *list_new(size_t capacity)
{
  struct mw_inventory_snapshot *list = malloc(sizeof *list + capacity * sizeof(struct entity *));

  if (!list)
    return NULL;
  atomic_init(&list->references, 1);
  list->generation = 0;
  list->count = 0;
  return list;
}

void mw_inventory_release(struct mw_inventory_snapshot *snapshot)
{
  if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < snapshot->count; i++)
    entity_release(snapshot->entities[i]);
  free(snapshot);
}

static bool same_lists(const struct mw_inventory_snapshot *a, const struct mw_inventory_snapshot *b)
{
  if (a->count != b->count)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (a->entities[i] != b->entities[i] &&
        !same_container(&a->entities[i]->container, &b->entities[i]->container))
      return false;
  return true;
}

/* By id; of two with the same id the one that was named first. */
static int compare_given(const void *a, const void *b)
{
  const struct mw_container *left = *(const struct mw_container *const *)a;
  const struct mw_container *right = *(const struct mw_container *const *)b;
  int order = strcmp(left->id, right->id);

  return order != 0 ? order : (left > right) - (left < right);
}

/* Sort and leave out what is named twice. @return NULL when out of memory; free(3) it. */
static const struct mw_container **sort_given(const struct mw_container *containers, size_t *count)
{
  const struct mw_container **sorted = malloc((*count + 1) * sizeof *sorted);
  size_t kept = 0;

  if (!sorted)
    return NULL;
  for (size_t i = 0; i < *count; i++)
    sorted[i] = &containers[i];
  qsort(sorted, *count, sizeof *sorted, compare_given);
  for (size_t i = 0; i < *count; i++)
    if (kept == 0 || strcmp(sorted[kept - 1]->id, sorted[i]->id) != 0)
      sorted[kept++] = sorted[i];
  *count = kept;
  return sorted;
}

static bool list_equals_given(const struct mw_inventory_snapshot *list,
                              const struct mw_container *const *sorted, size_t count)
{
  if (!list || list->count != count)
    return false;
  for (size_t i = 0; i < count; i++)
    if (!same_container(&list->entities[i]->container, sorted[i]))
      return false;
  return true;
}

/* A list of @p sorted that shares with @p last (may be NULL) what did not change. */
static struct mw_inventory_snapshot *list_from_given(const struct mw_inventory_snapshot *last,
                                                     const struct mw_container *const *sorted,
                                                     size_t count)
{
  struct mw_inventory_snapshot *list = list_new(count);
  size_t at_last = 0, last_count = last ? last->count : 0;

  for (size_t i = 0; list && i < count; i++) {
    while (at_last < last_count && strcmp(last->entities[at_last]->container.id, sorted[i]->id) < 0)
      at_last++;
    bool shared =
        at_last < last_count && same_container(&last->entities[at_last]->container, sorted[i]);
    struct entity *entity = shared ? entity_share(last->entities[at_last]) : entity_new(sorted[i]);
    if (!entity) {
      mw_inventory_release(list);
      return NULL;
    }
    list->entities[list->count++] = entity;
  }
  return list;
}

/* ---- Merging ---- */

/* The list that source @p i will have once @p next has taken the place of that of @p speaker. */
static const struct mw_inventory_snapshot *list_after(const struct mw_inventory *inventory,
                                                      size_t i, size_t speaker,
                                                      const struct mw_inventory_snapshot *next)
{
  return i == speaker ? next : inventory->sources[i].list;
}

/* All sources as one list: the smallest id of those that are next in each; the first wins. */
static struct mw_inventory_snapshot *merge(const struct mw_inventory *inventory, size_t speaker,
                                           const struct mw_inventory_snapshot *next)
{
  size_t sources_count = inventory->sources_count + (speaker == inventory->sources_count);
  size_t at[MW_INVENTORY_SOURCES_MAX] = {0};
  size_t capacity = 0;

  for (size_t i = 0; i < sources_count; i++)
    capacity += list_after(inventory, i, speaker, next)->count;
  struct mw_inventory_snapshot *merged = list_new(capacity);

  while (merged) {
    struct entity *first = NULL;
    for (size_t i = 0; i < sources_count; i++) {
      const struct mw_inventory_snapshot *list = list_after(inventory, i, speaker, next);
      while (at[i] < list->count && merged->count > 0 &&
             strcmp(list->entities[at[i]]->container.id,
                    merged->entities[merged->count - 1]->container.id) <= 0)
        at[i]++;
      if (at[i] < list->count &&
          (!first || strcmp(list->entities[at[i]]->container.id, first->container.id) < 0))
        first = list->entities[at[i]];
    }
    if (!first)
      break;
    merged->entities[merged->count++] = entity_share(first);
  }
  return merged;
}

/* ---- The object ---- */

struct mw_inventory *mw_inventory_new(struct mw_error *err)
{
  struct mw_inventory *inventory = calloc(1, sizeof *inventory);

  if (inventory)
    inventory->newest = list_new(0);
  if (!inventory || !inventory->newest) {
    mw_error_set(err, ENOMEM, "out of memory for an inventory");
    free(inventory);
    return NULL;
  }
  pthread_mutex_init(&inventory->writer_mutex, NULL);
  pthread_mutex_init(&inventory->newest_mutex, NULL);
  return inventory;
}

void mw_inventory_free(struct mw_inventory *inventory)
{
  if (!inventory)
    return;
  for (size_t i = 0; i < inventory->sources_count; i++) {
    mw_inventory_release(inventory->sources[i].list);
    free(inventory->sources[i].name);
  }
  mw_inventory_release(inventory->newest);
  pthread_mutex_destroy(&inventory->newest_mutex);
  pthread_mutex_destroy(&inventory->writer_mutex);
  free(inventory);
}

struct mw_inventory_snapshot *mw_inventory_acquire(struct mw_inventory *inventory)
{
  pthread_mutex_lock(&inventory->newest_mutex);
  struct mw_inventory_snapshot *snapshot = inventory->newest;
  atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
  pthread_mutex_unlock(&inventory->newest_mutex);
  return snapshot;
}

/* Takes the reference that the caller has on @p snapshot. */
static void publish(struct mw_inventory *inventory, struct mw_inventory_snapshot *snapshot)
{
  pthread_mutex_lock(&inventory->newest_mutex);
  struct mw_inventory_snapshot *last = inventory->newest;
  snapshot->generation = last->generation + 1;
  inventory->newest = snapshot;
  pthread_mutex_unlock(&inventory->newest_mutex);
  mw_inventory_release(last);
}

/* ---- Replacing ---- */

static int check_text(size_t index, const char *name, const char *text, struct mw_error *err)
{
  if (strnlen(text_of(text), MW_INVENTORY_TEXT_MAX_BYTES + 1) <= MW_INVENTORY_TEXT_MAX_BYTES)
    return 0;
  return mw_error_set(err, EINVAL, "container %zu: %s is over %d bytes long", index + 1, name,
                      MW_INVENTORY_TEXT_MAX_BYTES);
}

static int check_container(size_t index, const struct mw_container *container, struct mw_error *err)
{
  const struct {
    const char *name, *text;
  } texts[] = {{"id", container->id},
               {"runtime", container->runtime},
               {"namespace", container->namespace_},
               {"state", container->state},
               {"health", container->health}};
  int rc = 0;

  if (!*text_of(container->id))
    return mw_error_set(err, EINVAL, "container %zu: id is empty", index + 1);
  for (size_t i = 0; rc == 0 && i < sizeof texts / sizeof texts[0]; i++)
    rc = check_text(index, texts[i].name, texts[i].text, err);
  return rc;
}

static int fail(struct mw_error *err, int code, const char *source, const char *why)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  mw_text_quote((struct mw_slice){source, strlen(source)}, quoted);
  return mw_error_set(err, code, "source %s: %s", quoted, why);
}

static int check_given(const char *source, const struct mw_container *containers, size_t count,
                       struct mw_error *err)
{
  size_t source_bytes = strnlen(text_of(source), MW_INVENTORY_TEXT_MAX_BYTES + 1);
  int rc = 0;

  if (source_bytes == 0 || source_bytes > MW_INVENTORY_TEXT_MAX_BYTES)
    return mw_error_set(err, EINVAL, "the name of a source has 1 to %d bytes, not %zu",
                        MW_INVENTORY_TEXT_MAX_BYTES, source_bytes);
  if (count > MW_INVENTORY_CONTAINERS_MAX)
    return fail(err, E2BIG, source, "too many containers at once");
  for (size_t i = 0; rc == 0 && i < count; i++)
    rc = check_container(i, &containers[i], err);
  return rc;
}

/* @return sources_count when @p name has not spoken yet. */
static size_t find_source(const struct mw_inventory *inventory, const char *name)
{
  size_t i = 0;

  while (i < inventory->sources_count && strcmp(inventory->sources[i].name, name) != 0)
    i++;
  return i;
}

/* Build everything, then change everything: nothing can fail in between. */
static int replace_list(struct mw_inventory *inventory, const char *source,
                        const struct mw_container *const *sorted, size_t count)
{
  size_t speaker = find_source(inventory, source);
  bool known = speaker < inventory->sources_count;
  struct mw_inventory_snapshot *last = known ? inventory->sources[speaker].list : NULL;

  if (speaker == MW_INVENTORY_SOURCES_MAX)
    return -ENOSPC;
  if (list_equals_given(last, sorted, count))
    return 0;

  char *name = known ? inventory->sources[speaker].name : strdup(source);
  struct mw_inventory_snapshot *list = list_from_given(last, sorted, count);
  struct mw_inventory_snapshot *merged = list ? merge(inventory, speaker, list) : NULL;
  if (!name || !merged) {
    mw_inventory_release(list);
    mw_inventory_release(merged);
    if (!known)
      free(name);
    return -ENOMEM;
  }
  inventory->sources[speaker] = (struct source){.name = name, .list = list};
  inventory->sources_count += !known;
  mw_inventory_release(last);

  /* What another source hides is no change to a reader; that the first source spoke is one. */
  if (inventory->newest->generation > 0 && same_lists(inventory->newest, merged))
    mw_inventory_release(merged);
  else
    publish(inventory, merged);
  return 0;
}

int mw_inventory_replace(struct mw_inventory *inventory, const char *source,
                         const struct mw_container *containers, size_t count, struct mw_error *err)
{
  int rc = check_given(source, containers, count, err);

  if (rc < 0)
    return rc;
  MW_AUTO_FREE const struct mw_container **sorted = sort_given(containers, &count);
  if (sorted) {
    pthread_mutex_lock(&inventory->writer_mutex);
    rc = replace_list(inventory, source, sorted, count);
    pthread_mutex_unlock(&inventory->writer_mutex);
  }
  if (!sorted || rc == -ENOMEM)
    return fail(err, ENOMEM, source, "out of memory for its containers");
  if (rc == -ENOSPC)
    return fail(err, ENOSPC, source, "too many other sources have spoken before");
  return rc;
}

/* ---- Looking at a snapshot ---- */

uint64_t mw_inventory_snapshot_generation(const struct mw_inventory_snapshot *snapshot)
{
  return snapshot->generation;
}

size_t mw_inventory_snapshot_count(const struct mw_inventory_snapshot *snapshot)
{
  return snapshot->count;
}

const struct mw_container *mw_inventory_snapshot_at(const struct mw_inventory_snapshot *snapshot,
                                                    size_t index)
{
  return &snapshot->entities[index]->container;
}
