#include "moonwatch/stats.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"

#define RETENTION_DEFAULT_MS 30000
#define WAIT_MAX_DEFAULT_MS 10000
#define ENTRIES_MAX_DEFAULT 100000

/* What is known of one container. Pinned (never removed) while being read or waited for. */
struct entry {
  UT_hash_handle hh;
  struct entry *prev, *next; /* by stored_ns */
  int64_t stored_ns;
  uint64_t stores_total; /* 0: the first reading is on its way */
  unsigned waiters;
  bool reading;
  int failure_code;               /* 0: sample counts, else the failure */
  char *failure_text;             /* NULL: none, or there was no memory for it */
  struct mw_cgroup_sample sample; /* keeps its memory through failures */
  size_t key_len_bytes;
  char key[];
};

struct mw_stats {
  struct mw_stats_config config;
  int64_t retention_ns;
  int64_t wait_max_ns;
  pthread_cond_t stored; /* a reading is complete, of whatever container */
  pthread_mutex_t mutex; /* guards all below; never held during a fetch */
  struct entry *by_key;
  struct entry *by_age; /* oldest first; entries before their first store are not in it */
  struct mw_stats_usage usage;
};

/* ---- Keys ---- */

struct key {
  size_t len_bytes;
  char bytes[MW_STATS_KEY_BYTES + 3];
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

static int key_init(struct key *key, const struct mw_container_ref *ref, struct mw_error *err)
{
  key->len_bytes = 0;
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

static void remove_entry(struct mw_stats *stats, struct entry *entry)
{
  /* The analyser loses track of what is in the table and in the list.
   * NOLINTBEGIN(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc) */
  HASH_DEL(stats->by_key, entry);
  if (entry->stores_total > 0)
    DL_DELETE(stats->by_age, entry);
  /* NOLINTEND(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc) */
  mw_cgroup_sample_deinit(&entry->sample);
  free(entry->failure_text);
  free(entry);
}

static bool is_pinned(const struct entry *entry)
{
  return entry->reading || entry->waiters > 0;
}

static void expire(struct mw_stats *stats, int64_t now_ns)
{
  struct entry *entry, *next;

  DL_FOREACH_SAFE(stats->by_age, entry, next)
  {
    if (now_ns - entry->stored_ns <= stats->retention_ns)
      break;
    if (is_pinned(entry))
      continue;
    remove_entry(stats, entry);
    stats->usage.expired_total++;
  }
}

/* Pinned entries are as many as there are threads inside, so the bound may be passed by those. */
static void make_room(struct mw_stats *stats)
{
  struct entry *entry, *next;

  DL_FOREACH_SAFE(stats->by_age, entry, next)
  {
    if (HASH_COUNT(stats->by_key) < stats->config.entries_max)
      break;
    if (is_pinned(entry))
      continue;
    remove_entry(stats, entry);
    stats->usage.evicted_total++;
  }
}

static struct entry *add_entry(struct mw_stats *stats, const struct key *key, struct mw_error *err)
{
  make_room(stats);

  struct entry *entry = calloc(1, sizeof *entry + key->len_bytes);
  if (entry) {
    memcpy(entry->key, key->bytes, key->len_bytes);
    entry->key_len_bytes = key->len_bytes;
    HASH_ADD_KEYPTR(hh, stats->by_key, entry->key, entry->key_len_bytes, entry);
    if (entry->hh.tbl)
      return entry;
    free(entry);
  }
  mw_error_set(err, ENOMEM, "out of memory for the numbers of a container");
  return NULL;
}

static struct entry *find_or_add(struct mw_stats *stats, const struct key *key,
                                 struct mw_error *err)
{
  struct entry *entry;

  HASH_FIND(hh, stats->by_key, key->bytes, key->len_bytes, entry);
  return entry ? entry : add_entry(stats, key, err);
}

/* The age as it is compared: in whole milliseconds, any part of one counts, so that no bound is
 * too large to be compared. */
static bool is_fresh(const struct mw_stats *stats, const struct entry *entry, int64_t max_age_ms)
{
  if (entry->stores_total == 0 || max_age_ms <= 0)
    return false;
  int64_t age_ns = mw_clock_monotonic_ns(stats->config.clock) - entry->stored_ns;
  return (age_ns + MW_NS_PER_MS - 1) / MW_NS_PER_MS <= max_age_ms;
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

static int give(const struct entry *entry, struct mw_cgroup_sample *out, struct mw_error *err)
{
  if (entry->failure_code == 0)
    return mw_cgroup_sample_copy(out, &entry->sample, err);
  return mw_error_set(err, entry->failure_code, "%s",
                      entry->failure_text ? entry->failure_text : strerror(entry->failure_code));
}

/* ---- Reading and waiting ---- */

static void store(struct mw_stats *stats, struct entry *entry, int failure_code, const char *text)
{
  if (failure_code == 0)
    drop_failure(entry);
  else
    keep_failure(entry, failure_code, text);

  if (entry->stores_total++ > 0)
    DL_DELETE(stats->by_age, entry);
  DL_APPEND(stats->by_age, entry);
  entry->stored_ns = mw_clock_monotonic_ns(stats->config.clock);
  expire(stats, entry->stored_ns);
  pthread_cond_broadcast(&stats->stored);
}

/* With the mutex held, which is given up during the fetch. The fetch fills the caller's own sample,
 * so the entry goes on answering those who accept its age. */
static int refresh(struct mw_stats *stats, struct entry *entry, const struct mw_container_ref *ref,
                   struct mw_cgroup_sample *out, struct mw_error *err)
{
  struct mw_error failure;

  failure.text[0] = '\0';
  entry->reading = true;
  stats->usage.reads_total++;
  pthread_mutex_unlock(&stats->mutex);

  int rc = stats->config.fetch(stats->config.fetch_data, ref, out, &failure);

  pthread_mutex_lock(&stats->mutex);
  entry->reading = false;
  if (rc == 0)
    rc = mw_cgroup_sample_copy(&entry->sample, out, &failure);
  store(stats, entry, -rc, failure.text);
  return rc == 0 ? 0 : mw_error_set(err, -rc, "%s", failure.text);
}

static struct timespec deadline_after(int64_t wait_ns)
{
  struct timespec at;

  clock_gettime(CLOCK_MONOTONIC, &at);
  int64_t ns = at.tv_nsec + wait_ns % MW_NS_PER_S;
  at.tv_sec += wait_ns / MW_NS_PER_S + ns / MW_NS_PER_S;
  at.tv_nsec = ns % MW_NS_PER_S;
  return at;
}

/* With the mutex held, which is given up while waiting. Whoever wakes late may find that yet
 * another reading was stored, or is on its way: the newest stored one is the answer. */
static int join(struct mw_stats *stats, struct entry *entry, struct mw_cgroup_sample *out,
                struct mw_error *err)
{
  uint64_t stores_before = entry->stores_total;
  struct timespec deadline = deadline_after(stats->wait_max_ns);
  int rc = 0;

  entry->waiters++;
  stats->usage.joined_total++;
  while (entry->stores_total == stores_before && rc == 0)
    rc = pthread_cond_timedwait(&stats->stored, &stats->mutex, &deadline);
  entry->waiters--;
  if (entry->stores_total == stores_before)
    return mw_error_set(err, rc, "another reading of the container takes longer than %lld ms",
                        (long long)(stats->wait_max_ns / MW_NS_PER_MS));
  return give(entry, out, err);
}

/* ---- The object ---- */

static int64_t ms_to_ns(int64_t ms)
{
  return ms > INT64_MAX / MW_NS_PER_MS ? INT64_MAX : ms * MW_NS_PER_MS;
}

/* On the clock that no administrator sets. */
static void init_condition(pthread_cond_t *condition)
{
  pthread_condattr_t attributes;

  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
}

struct mw_stats *mw_stats_new(const struct mw_stats_config *config, struct mw_error *err)
{
  struct mw_stats *stats = calloc(1, sizeof *stats);

  if (!stats) {
    mw_error_set(err, ENOMEM, "out of memory for a cache of statistics");
    return NULL;
  }
  stats->config = *config;
  if (!config->clock)
    stats->config.clock = mw_clock_system();
  if (config->entries_max == 0)
    stats->config.entries_max = ENTRIES_MAX_DEFAULT;
  stats->retention_ns =
      ms_to_ns(config->retention_ms > 0 ? config->retention_ms : RETENTION_DEFAULT_MS);
  stats->wait_max_ns =
      ms_to_ns(config->wait_max_ms > 0 ? config->wait_max_ms : WAIT_MAX_DEFAULT_MS);
  pthread_mutex_init(&stats->mutex, NULL);
  init_condition(&stats->stored);
  return stats;
}

void mw_stats_free(struct mw_stats *stats)
{
  struct entry *entry, *next;

  if (!stats)
    return;
  HASH_ITER(hh, stats->by_key, entry, next)
  {
    remove_entry(stats, entry);
  }
  pthread_cond_destroy(&stats->stored);
  pthread_mutex_destroy(&stats->mutex);
  free(stats);
}

int mw_stats_container(struct mw_stats *stats, const struct mw_container_ref *ref,
                       int64_t max_age_ms, struct mw_cgroup_sample *out, struct mw_error *err)
{
  struct key key;
  int rc = key_init(&key, ref, err);

  if (rc < 0)
    return rc;
  pthread_mutex_lock(&stats->mutex);
  struct entry *entry = find_or_add(stats, &key, err);
  if (!entry) {
    rc = -ENOMEM;
  } else if (is_fresh(stats, entry, max_age_ms)) {
    stats->usage.hits_total++;
    rc = give(entry, out, err);
  } else if (entry->reading) {
    rc = join(stats, entry, out, err);
  } else {
    rc = refresh(stats, entry, ref, out, err);
  }
  pthread_mutex_unlock(&stats->mutex);
  return rc;
}

void mw_stats_usage(struct mw_stats *stats, struct mw_stats_usage *out)
{
  pthread_mutex_lock(&stats->mutex);
  *out = stats->usage;
  out->entries = HASH_COUNT(stats->by_key);
  pthread_mutex_unlock(&stats->mutex);
}
