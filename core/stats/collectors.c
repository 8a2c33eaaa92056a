#include "stats/collectors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "stats/deadline.h"
#include "stats/kinds.h"

#define PROBE_INTERVAL_MIN_NS (2 * MW_NS_PER_S)
#define PROBE_INTERVAL_MAX_NS (60 * MW_NS_PER_S)

struct mw_stats_spare {
  struct mw_stats_spare *next;
  max_align_t sample[]; /* of the kind */
};

/* ---- Life cycle ---- */

void mw_stats_collectors_init(struct mw_stats_collectors *all, const struct mw_clock *clock)
{
  all->clock = clock;
  pthread_mutex_init(&all->mutex, NULL);
}

void mw_stats_collectors_deinit(struct mw_stats_collectors *all)
{
  for (int kind = 0; kind < MW_STATS_KIND_COUNT; kind++) {
    struct mw_stats_spare *spare;
    while ((spare = all->spares[kind])) {
      all->spares[kind] = spare->next;
      mw_stats_kinds[kind].deinit(spare->sample);
      free(spare);
    }
  }
  pthread_mutex_destroy(&all->mutex);
}

/* ---- Adding ---- */

/* A misprint here would make figures absent without a word. */
static int check_offers(const struct mw_stats_collector *collector,
                        const struct mw_stats_offer *offers, size_t count, struct mw_error *err)
{
  if (count > 0 && !offers)
    return mw_error_set(err, EINVAL, "collector %s has no list of offers", collector->name);
  for (size_t i = 0; i < count; i++)
    for (unsigned kind = 0; kind < MW_STATS_KIND_COUNT; kind++)
      if (offers[i].kinds >> kind & 1 && !mw_stats_kinds[kind].is_offered(collector))
        return mw_error_set(err, EINVAL, "collector %s offers %s without a function for them",
                            collector->name, mw_stats_kinds[kind].noun);
  return 0;
}

static bool is_taken(const struct mw_stats_collectors *all, const char *name)
{
  for (size_t i = 0; i < all->count; i++)
    if (strcmp(all->slots[i].collector.name, name) == 0)
      return true;
  return false;
}

static int append(struct mw_stats_collectors *all, const struct mw_stats_collector *collector,
                  struct mw_error *err)
{
  if (is_taken(all, collector->name))
    return mw_error_set(err, EEXIST, "there is a collector %s already", collector->name);
  if (all->count == MW_STATS_COLLECTORS_MAX)
    return mw_error_set(err, ENOSPC, "no room for collector %s: there are %d already",
                        collector->name, MW_STATS_COLLECTORS_MAX);
  struct mw_stats_slot *slot = &all->slots[all->count++];
  *slot = (struct mw_stats_slot){.collector = *collector, .next_probe_ns = INT64_MIN};
  if (collector->probe) {
    slot->readiness = MW_STATS_PENDING;
    atomic_fetch_add(&all->pending_count, 1);
  } else {
    slot->readiness = MW_STATS_READY;
    atomic_fetch_add(&all->generation, 1);
  }
  return 0;
}

int mw_stats_collectors_add(struct mw_stats_collectors *all,
                            const struct mw_stats_collector *collector, struct mw_error *err)
{
  if (!collector->name || !*collector->name)
    return mw_error_set(err, EINVAL, "a collector needs a name");
  int rc = collector->probe
               ? 0
               : check_offers(collector, collector->offers, collector->offers_count, err);
  if (rc < 0)
    return rc;
  pthread_mutex_lock(&all->mutex);
  rc = append(all, collector, err);
  pthread_mutex_unlock(&all->mutex);
  return rc;
}

/* ---- Probing ---- */

/* A random part of the upper half of an interval that doubles with each failure, so that the agents
 * of many hosts do not all come back to the same server at once. */
static int64_t back_off_ns(const struct mw_stats_slot *slot, int64_t now_ns)
{
  unsigned doublings = slot->failures < 5 ? slot->failures : 5;
  int64_t interval_ns = PROBE_INTERVAL_MIN_NS << doublings;

  if (interval_ns > PROBE_INTERVAL_MAX_NS)
    interval_ns = PROBE_INTERVAL_MAX_NS;
  unsigned random_permille = mw_hash_bytes(&now_ns, sizeof now_ns) % 1001;
  return interval_ns / 2 + interval_ns / 2 / 1000 * random_permille;
}

static void note_probe(struct mw_stats_collectors *all, struct mw_stats_slot *slot, int rc,
                       const char *problem)
{
  int64_t now_ns = mw_clock_monotonic_ns(all->clock);

  snprintf(slot->problem, sizeof slot->problem, "%s", rc == 0 ? "" : problem);
  if (rc == 0 || rc == -ENOTSUP) {
    slot->readiness = rc == 0 ? MW_STATS_READY : MW_STATS_NEVER;
    atomic_fetch_sub(&all->pending_count, 1);
    atomic_fetch_add(&all->generation, 1);
  } else if (rc == -EAGAIN) {
    slot->failures = 0;
    slot->next_probe_ns = now_ns + PROBE_INTERVAL_MIN_NS;
  } else {
    slot->failures++;
    slot->next_probe_ns = now_ns + back_off_ns(slot, now_ns);
  }
}

/* With the mutex held, which is given up meanwhile. */
static void probe(struct mw_stats_collectors *all, struct mw_stats_slot *slot, int64_t deadline_ns)
{
  const struct mw_stats_collector *collector = &slot->collector;
  const struct mw_stats_offer *offers = NULL;
  size_t offers_count = 0;
  struct mw_error failure;

  failure.text[0] = '\0';
  pthread_mutex_unlock(&all->mutex);
  int rc = collector->probe(collector->data, deadline_ns, &offers, &offers_count, &failure);
  if (rc == 0)
    rc = check_offers(collector, offers, offers_count, &failure);
  pthread_mutex_lock(&all->mutex);
  if (rc == 0) {
    slot->collector.offers = offers;
    slot->collector.offers_count = offers_count;
  }
  note_probe(all, slot, rc, failure.text);
}

void mw_stats_collectors_probe(struct mw_stats_collectors *all, int64_t deadline_ns)
{
  if (atomic_load(&all->pending_count) == 0)
    return;
  pthread_mutex_lock(&all->mutex);
  if (!all->probing) {
    all->probing = true;
    for (size_t i = 0; i < all->count; i++) {
      struct mw_stats_slot *slot = &all->slots[i];
      if (slot->readiness == MW_STATS_PENDING &&
          mw_clock_monotonic_ns(all->clock) >= slot->next_probe_ns &&
          !mw_deadline_is_over(deadline_ns))
        probe(all, slot, deadline_ns);
    }
    all->probing = false;
  }
  pthread_mutex_unlock(&all->mutex);
}

/* ---- Routes ---- */

static bool fits(const struct mw_stats_offer *offer, unsigned kinds, const char *runtime)
{
  return (kinds == 0 || offer->kinds & kinds) &&
         (!runtime || !offer->runtime || strcmp(offer->runtime, runtime) == 0);
}

/* The best priority of @p collector for one of @p kinds (0: any, or none), for @p runtime (NULL:
 * any). */
static bool best_priority(const struct mw_stats_collector *collector, unsigned kinds,
                          const char *runtime, int *out)
{
  bool found = false;

  for (size_t i = 0; i < collector->offers_count; i++) {
    const struct mw_stats_offer *offer = &collector->offers[i];
    if (!fits(offer, kinds, runtime) || (found && offer->priority >= *out))
      continue;
    *out = offer->priority;
    found = true;
  }
  return found;
}

static void insert(struct mw_stats_route *route, const struct mw_stats_collector *collector,
                   int priority)
{
  size_t at = route->count++;

  for (; at > 0; at--) {
    const struct mw_stats_collector *before = route->collectors[at - 1];
    int before_priority = route->priorities[at - 1];
    if (before_priority < priority ||
        (before_priority == priority && strcmp(before->name, collector->name) < 0))
      break;
    route->collectors[at] = before;
    route->priorities[at] = before_priority;
  }
  route->collectors[at] = collector;
  route->priorities[at] = priority;
}

static void make_route(struct mw_stats_collectors *all, unsigned kinds, const char *runtime,
                       struct mw_stats_route *out)
{
  int priority = 0;

  out->count = 0;
  pthread_mutex_lock(&all->mutex);
  for (size_t i = 0; i < all->count; i++) {
    const struct mw_stats_slot *slot = &all->slots[i];
    if (slot->readiness == MW_STATS_READY &&
        best_priority(&slot->collector, kinds, runtime, &priority))
      insert(out, &slot->collector, priority);
  }
  pthread_mutex_unlock(&all->mutex);
}

void mw_stats_collectors_route(struct mw_stats_collectors *all, enum mw_stats_kind kind,
                               const char *runtime, struct mw_stats_route *out)
{
  make_route(all, 1U << kind, runtime ? runtime : "", out);
}

void mw_stats_collectors_all(struct mw_stats_collectors *all, struct mw_stats_route *out)
{
  make_route(all, 0, NULL, out);
}

/* ---- What others ask for ---- */

void mw_stats_collectors_excuse(struct mw_stats_collectors *all, char *out, size_t out_bytes)
{
  size_t used = 0;

  out[0] = '\0';
  pthread_mutex_lock(&all->mutex);
  for (size_t i = 0; i < all->count && used < out_bytes; i++) {
    const struct mw_stats_slot *slot = &all->slots[i];
    if (slot->readiness == MW_STATS_PENDING)
      used += (size_t)snprintf(out + used, out_bytes - used, " (%s is not ready: %s)",
                               slot->collector.name, slot->problem);
  }
  pthread_mutex_unlock(&all->mutex);
}

void mw_stats_collectors_usage(struct mw_stats_collectors *all, struct mw_stats_usage *out)
{
  out->collectors = 0;
  pthread_mutex_lock(&all->mutex);
  for (size_t i = 0; i < all->count; i++)
    out->collectors += all->slots[i].readiness == MW_STATS_READY;
  out->collectors_pending = atomic_load(&all->pending_count);
  pthread_mutex_unlock(&all->mutex);
}

void *mw_stats_spare_take(struct mw_stats_collectors *all, enum mw_stats_kind kind)
{
  pthread_mutex_lock(&all->mutex);
  struct mw_stats_spare *spare = all->spares[kind];
  if (spare)
    all->spares[kind] = spare->next;
  pthread_mutex_unlock(&all->mutex);
  if (!spare)
    spare = calloc(1, sizeof *spare + mw_stats_kinds[kind].sample_bytes);
  return spare ? spare->sample : NULL;
}

void mw_stats_spare_give_back(struct mw_stats_collectors *all, enum mw_stats_kind kind,
                              void *sample)
{
  struct mw_stats_spare *spare =
      (struct mw_stats_spare *)((char *)sample - offsetof(struct mw_stats_spare, sample));

  pthread_mutex_lock(&all->mutex);
  spare->next = all->spares[kind];
  all->spares[kind] = spare;
  pthread_mutex_unlock(&all->mutex);
}
