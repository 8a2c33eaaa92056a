#include "inventory/snapshot.h"

#include <stdlib.h>
#include <string.h>

/* A container as its sources together say. It holds what each of them said, so that the same
 * records, pod and staleness tell, without a look into them, that it is the same container. */
struct entry {
  struct mw_inventory_entry view;
  atomic_uint references;
  struct mw_record *merged, *pod; /* pod: NULL, there is none */
  struct mw_record *parts[];      /* view.sources_count; then names of sources, then their texts */
};

struct mw_inventory_snapshot {
  atomic_uint references;
  uint64_t generation;
  struct mw_record_list *pods;
  size_t count;
  struct entry *entries[]; /* sorted by id */
};

/* What the sources say of one id, in their order. */
struct parts {
  size_t count;
  struct mw_record *records[MW_INVENTORY_SOURCES_MAX];
  const struct mw_voice *voices[MW_INVENTORY_SOURCES_MAX];
};

/* ---- One after the other: all ids of all lists ---- */

struct walk {
  const struct mw_voice *voices;
  size_t voices_count;
  bool of_pods;
  size_t at[MW_INVENTORY_SOURCES_MAX];
};

static const struct mw_record_list *list_of(const struct walk *walk, size_t voice)
{
  return walk->of_pods ? walk->voices[voice].pods : walk->voices[voice].containers;
}

static const char *id_of(const struct mw_record *record)
{
  return mw_facts_id(mw_record_facts(record));
}

/* @return NULL when the list is at its end */
static struct mw_record *head_of(const struct walk *walk, size_t voice)
{
  const struct mw_record_list *list = list_of(walk, voice);

  return list && walk->at[voice] < list->count ? list->records[walk->at[voice]] : NULL;
}

/* The next id in order: the smallest of those at the heads. @return false when there is none. */
static bool next_parts(struct walk *walk, struct parts *parts)
{
  const char *id = NULL;

  parts->count = 0;
  for (size_t i = 0; i < walk->voices_count; i++) {
    struct mw_record *head = head_of(walk, i);
    int order = !head ? 1 : !id ? -1 : strcmp(id_of(head), id);
    if (order > 0)
      continue;
    if (order < 0)
      parts->count = 0;
    id = id_of(head);
    parts->records[parts->count] = head;
    parts->voices[parts->count++] = &walk->voices[i];
  }
  for (size_t i = 0; i < parts->count; i++)
    walk->at[parts->voices[i] - walk->voices]++;
  return parts->count > 0;
}

/* How many ids there are at most. */
static size_t capacity_of(const struct walk *walk)
{
  size_t capacity = 0;

  for (size_t i = 0; i < walk->voices_count; i++)
    capacity += list_of(walk, i) ? list_of(walk, i)->count : 0;
  return capacity;
}

/* @return a reference to the merged record, or NULL */
static struct mw_record *merge_parts(const struct mw_facts_schema *schema,
                                     const struct parts *parts, struct mw_scratch *scratch)
{
  const void *facts[MW_INVENTORY_SOURCES_MAX];
  union mw_facts merged;

  if (parts->count == 1)
    return mw_record_share(parts->records[0]);
  for (size_t i = 0; i < parts->count; i++)
    facts[i] = mw_record_facts(parts->records[i]);
  mw_scratch_reset(scratch);
  if (mw_facts_merge(schema, facts, parts->count, &merged, scratch) < 0)
    return NULL;
  return mw_record_new(schema, &merged);
}

/* Keep @p last instead of @p record, whose reference it takes, when they say the same. */
static struct mw_record *prefer_last(const struct mw_facts_schema *schema, struct mw_record *record,
                                     struct mw_record *last)
{
  if (!record || !last || record == last ||
      !mw_facts_equal(schema, mw_record_facts(record), mw_record_facts(last)))
    return record;
  mw_record_release(record);
  return mw_record_share(last);
}

static struct mw_record_list *merge_pods(struct walk walk, const struct mw_record_list *last,
                                         struct mw_scratch *scratch)
{
  struct mw_record_list *pods = mw_record_list_new(capacity_of(&walk));
  struct parts parts;

  while (pods && next_parts(&walk, &parts)) {
    struct mw_record *pod = merge_parts(&mw_pod_schema, &parts, scratch);
    pod = prefer_last(&mw_pod_schema, pod, mw_record_list_find(last, id_of(parts.records[0])));
    if (!pod) {
      mw_record_list_release(pods);
      return NULL;
    }
    pods->records[pods->count++] = pod;
  }
  return pods;
}

/* ---- Containers ---- */

static void entry_release(struct entry *entry)
{
  if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < entry->view.sources_count; i++)
    mw_record_release(entry->parts[i]);
  mw_record_release(entry->merged);
  mw_record_release(entry->pod);
  free(entry);
}

static bool all_stale(const struct parts *parts)
{
  for (size_t i = 0; i < parts->count; i++)
    if (!parts->voices[i]->stale)
      return false;
  return true;
}

/* Takes the reference to @p merged. */
static struct entry *entry_new(const struct parts *parts, struct mw_record *merged,
                               struct mw_record *pod)
{
  size_t names_bytes = 0;

  for (size_t i = 0; i < parts->count; i++)
    names_bytes += sizeof(const char *) + strlen(parts->voices[i]->name) + 1;
  struct entry *entry =
      malloc(sizeof *entry + parts->count * sizeof(struct mw_record *) + names_bytes);
  if (!entry) {
    mw_record_release(merged);
    return NULL;
  }
  const char **names = (const char **)(void *)&entry->parts[parts->count];
  char *texts = (char *)&names[parts->count];
  for (size_t i = 0; i < parts->count; i++) {
    entry->parts[i] = mw_record_share(parts->records[i]);
    names[i] = texts;
    texts = stpcpy(texts, parts->voices[i]->name) + 1;
  }
  atomic_init(&entry->references, 1);
  entry->merged = merged;
  entry->pod = pod ? mw_record_share(pod) : NULL;
  entry->view = (struct mw_inventory_entry){
      .container = mw_record_facts(merged),
      .pod = pod ? mw_record_facts(pod) : NULL,
      .sources = names,
      .sources_count = parts->count,
      .stale = all_stale(parts),
  };
  return entry;
}

static bool made_of(const struct entry *entry, const struct parts *parts)
{
  return entry->view.sources_count == parts->count &&
         memcmp(entry->parts, parts->records, parts->count * sizeof parts->records[0]) == 0;
}

static bool same_sources(const struct mw_inventory_entry *a, const struct mw_inventory_entry *b)
{
  if (a->sources_count != b->sources_count)
    return false;
  for (size_t i = 0; i < a->sources_count; i++)
    if (strcmp(a->sources[i], b->sources[i]) != 0)
      return false;
  return true;
}

/* A change of one source may be hidden by another one. */
static bool looks_like(const struct entry *a, const struct entry *b)
{
  return a->pod == b->pod && a->view.stale == b->view.stale && same_sources(&a->view, &b->view) &&
         mw_facts_equal(&mw_container_schema, a->view.container, b->view.container);
}

static struct entry *entry_share(struct entry *entry)
{
  atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
  return entry;
}

/* @p last is the entry of the same id before, or NULL. */
static struct entry *entry_after(struct entry *last, const struct parts *parts,
                                 const struct mw_record_list *pods, struct mw_scratch *scratch)
{
  bool same_parts = last && made_of(last, parts);
  struct mw_record *merged = same_parts ? mw_record_share(last->merged)
                                        : merge_parts(&mw_container_schema, parts, scratch);

  if (!merged)
    return NULL;
  const struct mw_container *container = mw_record_facts(merged);
  struct mw_record *pod =
      *container->pod_uid ? mw_record_list_find(pods, container->pod_uid) : NULL;
  if (same_parts && last->pod == pod && last->view.stale == all_stale(parts)) {
    mw_record_release(merged);
    return entry_share(last);
  }
  struct entry *entry = entry_new(parts, merged, pod);
  if (!entry || !last || !looks_like(entry, last))
    return entry;
  entry_release(entry);
  return entry_share(last);
}

static struct entry *find_from(const struct mw_inventory_snapshot *last, size_t *at, const char *id)
{
  int order = 1;

  while (last && *at < last->count &&
         (order = strcmp(last->entries[*at]->view.container->id, id)) < 0)
    ++*at;
  return order == 0 ? last->entries[*at] : NULL;
}

static bool merge_containers(struct mw_inventory_snapshot *snapshot, struct walk walk,
                             const struct mw_inventory_snapshot *last, struct mw_scratch *scratch)
{
  struct parts parts;
  size_t at_last = 0;

  while (next_parts(&walk, &parts)) {
    struct entry *before = find_from(last, &at_last, id_of(parts.records[0]));
    struct entry *entry = entry_after(before, &parts, snapshot->pods, scratch);
    if (!entry)
      return false;
    snapshot->entries[snapshot->count++] = entry;
  }
  return true;
}

/* ---- Snapshots ---- */

struct mw_inventory_snapshot *mw_snapshot_new(const struct mw_voice *voices, size_t count,
                                              const struct mw_inventory_snapshot *last)
{
  struct walk walk = {.voices = voices, .voices_count = count};
  MW_AUTO_SCRATCH scratch = {0};
  struct mw_inventory_snapshot *snapshot =
      malloc(sizeof *snapshot + capacity_of(&walk) * sizeof(struct entry *));

  if (!snapshot)
    return NULL;
  atomic_init(&snapshot->references, 1);
  snapshot->generation = 0;
  snapshot->count = 0;
  walk.of_pods = true;
  snapshot->pods = merge_pods(walk, last ? last->pods : NULL, &scratch);
  walk.of_pods = false;
  if (!snapshot->pods || !merge_containers(snapshot, walk, last, &scratch)) {
    mw_inventory_release(snapshot);
    return NULL;
  }
  return snapshot;
}

/* What is the same is shared, so nothing needs to be looked into. */
bool mw_snapshot_equal(const struct mw_inventory_snapshot *a, const struct mw_inventory_snapshot *b)
{
  return a->count == b->count && a->pods->count == b->pods->count &&
         memcmp(a->entries, b->entries, a->count * sizeof a->entries[0]) == 0 &&
         memcmp(a->pods->records, b->pods->records, a->pods->count * sizeof a->pods->records[0]) ==
             0;
}

void mw_snapshot_set_generation(struct mw_inventory_snapshot *snapshot, uint64_t generation)
{
  snapshot->generation = generation;
}

void mw_snapshot_share(struct mw_inventory_snapshot *snapshot)
{
  atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
}

void mw_inventory_release(struct mw_inventory_snapshot *snapshot)
{
  if (!snapshot || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < snapshot->count; i++)
    entry_release(snapshot->entries[i]);
  mw_record_list_release(snapshot->pods);
  free(snapshot);
}

uint64_t mw_inventory_snapshot_generation(const struct mw_inventory_snapshot *snapshot)
{
  return snapshot->generation;
}

size_t mw_inventory_snapshot_count(const struct mw_inventory_snapshot *snapshot)
{
  return snapshot->count;
}

size_t mw_inventory_snapshot_pods_count(const struct mw_inventory_snapshot *snapshot)
{
  return snapshot->pods->count;
}

const struct mw_inventory_entry *
mw_inventory_snapshot_at(const struct mw_inventory_snapshot *snapshot, size_t index)
{
  return &snapshot->entries[index]->view;
}

const struct mw_pod *mw_inventory_snapshot_pod_at(const struct mw_inventory_snapshot *snapshot,
                                                  size_t index)
{
  return mw_record_facts(snapshot->pods->records[index]);
}
