#include "stats/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/gate.h"
#include "base/hash.h"
#include "base/place.h"
#include "base/thread.h"
#include "stats/deadline.h"
#include "stats/kinds.h"

/* What is known of one kind of one container. Pinned (never removed) while being read or waited
 * for. */
struct entry {
  UT_hash_handle hh;
  struct entry *prev, *next; /* by stored_ns */
  int64_t stored_ns;         /* the last time */
  int64_t made_ns;           /* the reading; a collector may have kept it for a while */
  uint64_t stores_total;     /* 0: the first reading is on its way */
  unsigned waiters;
  enum mw_stats_kind kind;
  bool reading;
  unsigned generation;   /* when the reading began */
  int failure_code;      /* 0: the sample counts, else the failure */
  char *failure_text;    /* NULL: none, or there was no memory for it */
  mw_figure_set wanted;  /* what the last reading was made for */
  mw_figure_set covered; /* what it serves for */
  void *sample;          /* of the kind; keeps its memory through failures */
  char key[];            /* close to its hash: each look-up reads both; then the sample */
};

struct mw_stats_cache {
  struct mw_stats_cache_config config;
  pthread_cond_t stored; /* a reading is complete, of whatever container */
  pthread_mutex_t mutex; /* guards all below; never held during a fetch */
  struct entry *by_key;
  uint64_t version;     /* another one after each entry that was removed; see place.h */
  struct entry *by_age; /* oldest first; entries before their first store are not in it */
  struct mw_stats_usage usage;
};

/* ---- Keys ---- */

struct key {
  size_t len_bytes;
  char bytes[1 + MW_STATS_KEY_BYTES + 3];
};

/* The texts with their '\0's, which none of them can contain: no two references share a key. */
static int key_append(struct key *key, const char *text, struct mw_error *err)
{
  size_t len_bytes = text ? strlen(text) + 1 : 1;

  if (len_bytes > sizeof key->bytes - key->len_bytes)
    return mw_error_set(err, ENAMETOOLONG,
                        "id, runtime and namespace of a container are over %d "
                        "bytes long",
                        MW_STATS_KEY_BYTES);
  memcpy(key->bytes + key->len_bytes, text ? text : "", len_bytes);
  key->len_bytes += len_bytes;
  return 0;
}

static int key_init(struct key *key, enum mw_stats_kind kind, const struct mw_container_ref *ref,
                    struct mw_error *err)
{
  key->bytes[0] = (char)kind;
  key->len_bytes = 1;
  if (!ref->id || !*ref->id)
    return mw_error_set(err, EINVAL, "a container without an id has no numbers");
  int rc = key_append(key, ref->runtime, err);
  if (rc == 0)
    rc = key_append(key, ref->namespace_, err);
  if (rc == 0)
    rc = key_append(key, ref->id, err);
  return rc;
}

/* ---- Entries; all with the mutex held ---- */

static void remove_entry(struct mw_stats_cache *cache, struct entry *entry)
{
  /* The analyser loses track of what is in the table and in the list.
   * NOLINTBEGIN(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc) */
  HASH_DEL(cache->by_key, entry);
  if (entry->stores_total > 0)
    DL_DELETE(cache->by_age, entry);
  /* NOLINTEND(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc) */
  mw_stats_kinds[entry->kind].deinit(entry->sample);
  free(entry->failure_text);
  free(entry);
  cache->version = mw_place_new_version();
}

static bool is_pinned(const struct entry *entry)
{
  return entry->reading || entry->waiters > 0;
}

static void expire(struct mw_stats_cache *cache, int64_t now_ns)
{
  struct entry *entry, *next;

  DL_FOREACH_SAFE(cache->by_age, entry, next)
  {
    if (now_ns - entry->stored_ns <= cache->config.retention_ns)
      break;
    if (is_pinned(entry))
      continue;
    remove_entry(cache, entry);
    cache->usage.expired_total++;
  }
}

/* Pinned entries are as many as there are threads inside, so the bound may be passed by those. */
static void make_room(struct mw_stats_cache *cache)
{
  struct entry *entry, *next;

  DL_FOREACH_SAFE(cache->by_age, entry, next)
  {
    if (HASH_COUNT(cache->by_key) < cache->config.entries_max)
      break;
    if (is_pinned(entry))
      continue;
    remove_entry(cache, entry);
    cache->usage.evicted_total++;
  }
}

static struct entry *add_entry(struct mw_stats_cache *cache, enum mw_stats_kind kind,
                               const struct key *key, struct mw_error *err)
{
  const size_t alignment = _Alignof(max_align_t);
  size_t sample_at = (sizeof(struct entry) + key->len_bytes + alignment - 1) & ~(alignment - 1);

  make_room(cache);
  struct entry *entry = calloc(1, sample_at + mw_stats_kinds[kind].sample_bytes);
  if (entry) {
    memcpy(entry->key, key->bytes, key->len_bytes);
    entry->sample = (char *)entry + sample_at;
    entry->kind = kind;
    HASH_ADD_KEYPTR(hh, cache->by_key, entry->key, key->len_bytes, entry);
    if (entry->hh.tbl)
      return entry;
    free(entry);
  }
  mw_error_set(err, ENOMEM, "out of memory for the numbers of a container");
  return NULL;
}

static struct entry *find_or_add(struct mw_stats_cache *cache, enum mw_stats_kind kind,
                                 const struct mw_container_ref *ref, struct mw_error *err)
{
  struct key key;
  struct entry *entry;

  if (key_init(&key, kind, ref, err) < 0)
    return NULL;
  HASH_FIND(hh, cache->by_key, key.bytes, key.len_bytes, entry);
  return entry ? entry : add_entry(cache, kind, &key, err);
}

/* NULL with the reason in @p err. */
static struct entry *find_at_place(struct mw_stats_cache *cache, enum mw_stats_kind kind,
                                   const struct mw_container_ref *ref, struct mw_error *err)
{
  struct mw_place *place = ref->places ? &ref->places->readings[kind] : NULL;
  struct entry *entry = mw_place_get(place, cache->version);

  if (!entry && (entry = find_or_add(cache, kind, ref, err)))
    mw_place_set(place, entry, cache->version);
  return entry;
}

/* The age as it is compared: in whole milliseconds, any part of one counts, so that no bound is
 * too large to be compared. */
static bool is_fresh(const struct mw_stats_cache *cache, const struct entry *entry,
                     int64_t max_age_ms)
{
  if (entry->stores_total == 0 || max_age_ms <= 0)
    return false;
  if (entry->failure_code != 0 && entry->generation != atomic_load(cache->config.generation))
    return false;
  int64_t age_ns = mw_clock_monotonic_ns(cache->config.clock) - entry->made_ns;
  return (age_ns + MW_NS_PER_MS - 1) / MW_NS_PER_MS <= max_age_ms;
}

static bool covers(const struct entry *entry, mw_figure_set wanted)
{
  return (wanted & ~entry->covered) == 0;
}

/* Text on the heap, and only for failures: a struct mw_error is larger than the whole entry. */
static void keep_failure(struct entry *entry, int code, const char *text)
{
  entry->failure_code = code;
  if (entry->failure_text && strcmp(entry->failure_text, text) == 0)
    return;
  free(entry->failure_text);
  entry->failure_text = strdup(text);
}

static void drop_failure(struct entry *entry)
{
  entry->failure_code = 0;
  free(entry->failure_text);
  entry->failure_text = NULL;
}

static int give(const struct entry *entry, void *out, struct mw_error *err)
{
  if (entry->failure_code == 0)
    return mw_stats_kinds[entry->kind].copy(out, entry->sample, err);
  return mw_error_set(err, entry->failure_code, "%s",
                      entry->failure_text ? entry->failure_text : strerror(entry->failure_code));
}

/* ---- Reading and waiting ---- */

static int64_t made_ns(const struct entry *entry)
{
  int64_t read_ns = entry->failure_code == 0 ? mw_stats_read_ns(entry->kind, entry->sample) : 0;

  return read_ns > 0 && read_ns < entry->stored_ns ? read_ns : entry->stored_ns;
}

static void store(struct mw_stats_cache *cache, struct entry *entry, int failure_code,
                  const char *text)
{
  if (failure_code == 0)
    drop_failure(entry);
  else
    keep_failure(entry, failure_code, text);

  if (entry->stores_total++ > 0)
    DL_DELETE(cache->by_age, entry);
  DL_APPEND(cache->by_age, entry);
  entry->stored_ns = mw_clock_monotonic_ns(cache->config.clock);
  entry->made_ns = made_ns(entry);
  expire(cache, entry->stored_ns);
  pthread_cond_broadcast(&cache->stored);
}

/* With the mutex held, which is given up during the fetch. The fetch fills the caller's own sample,
 * so the entry goes on answering those who accept its age. */
static int refresh(struct mw_stats_cache *cache, struct entry *entry,
                   const struct mw_stats_request *request, void *out, struct mw_error *err)
{
  const struct mw_stats_kind_info *kind = &mw_stats_kinds[entry->kind];
  struct mw_error failure;

  failure.text[0] = '\0';
  entry->reading = true;
  entry->wanted = request->wanted;
  cache->usage.reads_total++;
  pthread_mutex_unlock(&cache->mutex);

  unsigned generation = atomic_load(cache->config.generation);
  int rc = cache->config.fetch(cache->config.fetch_data, entry->kind, request, entry->sample, out,
                               &failure);

  pthread_mutex_lock(&cache->mutex);
  entry->reading = false;
  entry->generation = generation;
  if (rc == 0)
    rc = kind->copy(entry->sample, out, &failure);
  entry->covered = rc == 0 && kind->covered ? *kind->covered(entry->sample) : request->wanted;
  store(cache, entry, -rc, failure.text);
  return rc == 0 ? 0 : mw_error_set(err, -rc, "%s", failure.text);
}

/* With the mutex held, which is given up for it: who is inside of the gate may want it. */
static void step_in_again(struct mw_stats_cache *cache)
{
  pthread_mutex_unlock(&cache->mutex);
  mw_gate_step_in();
  pthread_mutex_lock(&cache->mutex);
}

/* With the mutex held, which is given up while waiting. Whoever wakes late may find that yet
 * another reading was stored, or is on its way: the newest stored one is what is looked at. */
static int wait_for_store(struct mw_stats_cache *cache, struct entry *entry, int64_t deadline_ns,
                          struct mw_error *err)
{
  uint64_t stores_before = entry->stores_total;
  struct timespec deadline = {.tv_sec = deadline_ns / MW_NS_PER_S,
                              .tv_nsec = deadline_ns % MW_NS_PER_S};
  int rc = 0;

  entry->waiters++;
  mw_gate_step_out();
  while (entry->stores_total == stores_before && rc == 0)
    rc = pthread_cond_timedwait(&cache->stored, &cache->mutex, &deadline);
  step_in_again(cache);
  entry->waiters--;
  if (entry->stores_total != stores_before)
    return 0;
  return mw_error_set(err, rc, "another reading of the container takes longer than %lld ms",
                      (long long)(cache->config.wait_max_ns / MW_NS_PER_MS));
}

/* With the mutex held. A reading for somebody who wanted less is waited for as well: it is over
 * soon, and a collector is asked for one reading of a container at a time. */
static int read_or_join(struct mw_stats_cache *cache, struct entry *entry,
                        const struct mw_stats_request *asked, void *out, struct mw_error *err)
{
  struct mw_stats_request request = *asked;

  request.deadline_ns = mw_deadline_after(cache->config.wait_max_ns);
  cache->usage.joined_total += entry->reading;
  while (entry->reading) {
    int rc = wait_for_store(cache, entry, request.deadline_ns, err);
    if (rc < 0)
      return rc;
    if (covers(entry, request.wanted))
      return give(entry, out, err);
  }
  /* Callers who want different figures of the same age would otherwise take turns in replacing
   * each other's reading. */
  if (is_fresh(cache, entry, request.max_age_ms))
    request.wanted |= entry->wanted;
  return refresh(cache, entry, &request, out, err);
}

/* ---- The object ---- */

struct mw_stats_cache *mw_stats_cache_new(const struct mw_stats_cache_config *config,
                                          struct mw_error *err)
{
  struct mw_stats_cache *cache = calloc(1, sizeof *cache);

  if (!cache) {
    mw_error_set(err, ENOMEM, "out of memory for a cache of statistics");
    return NULL;
  }
  cache->config = *config;
  cache->version = mw_place_new_version();
  pthread_mutex_init(&cache->mutex, NULL);
  mw_cond_init(&cache->stored);
  return cache;
}

void mw_stats_cache_free(struct mw_stats_cache *cache)
{
  struct entry *entry, *next;

  if (!cache)
    return;
  HASH_ITER(hh, cache->by_key, entry, next)
  {
    remove_entry(cache, entry);
  }
  pthread_cond_destroy(&cache->stored);
  pthread_mutex_destroy(&cache->mutex);
  free(cache);
}

int mw_stats_cache_get(struct mw_stats_cache *cache, enum mw_stats_kind kind,
                       const struct mw_stats_request *request, void *out, struct mw_error *err)
{
  struct mw_error own, *why = err ? err : &own;
  int rc;

  pthread_mutex_lock(&cache->mutex);
  struct entry *entry = find_at_place(cache, kind, &request->container, why);
  if (!entry) {
    rc = -why->code;
  } else if (is_fresh(cache, entry, request->max_age_ms) && covers(entry, request->wanted)) {
    cache->usage.hits_total++;
    rc = give(entry, out, err);
  } else {
    rc = read_or_join(cache, entry, request, out, err);
  }
  pthread_mutex_unlock(&cache->mutex);
  return rc;
}

void mw_stats_cache_sweep(struct mw_stats_cache *cache)
{
  pthread_mutex_lock(&cache->mutex);
  expire(cache, mw_clock_monotonic_ns(cache->config.clock));
  pthread_mutex_unlock(&cache->mutex);
}

void mw_stats_cache_usage(struct mw_stats_cache *cache, struct mw_stats_usage *out)
{
  pthread_mutex_lock(&cache->mutex);
  *out = cache->usage;
  out->entries = HASH_COUNT(cache->by_key);
  pthread_mutex_unlock(&cache->mutex);
}

static void count_presence(const struct entry *entry, struct mw_stats_presence *out)
{
  const struct mw_cgroup_sample *sample = entry->sample;

  if (entry->failure_code != 0) {
    out->unread++;
    return;
  }
  out->containers++;
  for (int figure = 0; figure < MW_FIGURE_COUNT; figure++) {
    bool is_present = sample->figures.present >> figure & 1;
    out->present[figure] += is_present;
    out->looked[figure] += is_present || (sample->covered >> figure & 1);
  }
}

void mw_stats_cache_presence(struct mw_stats_cache *cache, struct mw_stats_presence *out)
{
  *out = (struct mw_stats_presence){0};
  pthread_mutex_lock(&cache->mutex);
  for (const struct entry *entry = cache->by_key; entry; entry = entry->hh.next)
    if (entry->kind == MW_STATS_CONTAINER && entry->stores_total > 0)
      count_presence(entry, out);
  pthread_mutex_unlock(&cache->mutex);
}
