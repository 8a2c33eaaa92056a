#include "inventory/inventory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "inventory/report.h"
#include "inventory/snapshot.h"

enum standing {
  FRESH,
  STALE,    /* it failed, or fell silent: its list still counts */
  DISMISSED /* its list counts no more, but is kept: the source may say that it still holds */
};

/* What a snapshot is made of. */
struct said {
  int priority;
  enum standing standing;
  int64_t stale_since_ns;
  struct mw_record_list *containers, *pods; /* NULL: it has not spoken yet */
};

struct mw_source {
  struct said said;
  int64_t stale_max_ns;
  int64_t heard_ns; /* when it gave or renewed its list, or was first named */
  struct mw_log_limit left_out_limit, twice_limit;
  bool forgotten;    /* until it is named again; what readers were told of it has its name */
  bool twice_logged; /* what is twice in its lists; until one is without */
  char error[MW_INVENTORY_ERROR_BYTES];
  char name[];
};

/* Writers stand in line at writer_mutex, in which only they look at the sources; newest_mutex is
 * held for a pointer and a count, so readers never wait for a merge. */
struct mw_inventory {
  const struct mw_clock *clock;
  pthread_mutex_t writer_mutex;
  pthread_mutex_t newest_mutex;
  struct mw_inventory_snapshot *newest;
  size_t sources_count;
  struct mw_source *sources[MW_INVENTORY_SOURCES_MAX]; /* in the order of merging */
};

/* ---- The object ---- */

struct mw_inventory *mw_inventory_new(const struct mw_clock *clock, struct mw_error *err)
{
  struct mw_inventory *inventory = calloc(1, sizeof *inventory);

  if (inventory)
    inventory->newest = mw_snapshot_new(NULL, 0, NULL);
  if (!inventory || !inventory->newest) {
    mw_error_set(err, ENOMEM, "out of memory for an inventory");
    free(inventory);
    return NULL;
  }
  inventory->clock = clock ? clock : mw_clock_system();
  pthread_mutex_init(&inventory->writer_mutex, NULL);
  pthread_mutex_init(&inventory->newest_mutex, NULL);
  return inventory;
}

void mw_inventory_free(struct mw_inventory *inventory)
{
  if (!inventory)
    return;
  for (size_t i = 0; i < inventory->sources_count; i++) {
    mw_record_list_release(inventory->sources[i]->said.containers);
    mw_record_list_release(inventory->sources[i]->said.pods);
    free(inventory->sources[i]);
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
  mw_snapshot_share(snapshot);
  pthread_mutex_unlock(&inventory->newest_mutex);
  return snapshot;
}

/* Takes the reference that the caller has on @p snapshot. */
static void publish(struct mw_inventory *inventory, struct mw_inventory_snapshot *snapshot)
{
  pthread_mutex_lock(&inventory->newest_mutex);
  struct mw_inventory_snapshot *last = inventory->newest;
  mw_snapshot_set_generation(snapshot, mw_inventory_snapshot_generation(last) + 1);
  inventory->newest = snapshot;
  pthread_mutex_unlock(&inventory->newest_mutex);
  mw_inventory_release(last);
}

/* ---- Sources; all that follows is called with writer_mutex held ---- */

static int by_priority(const void *a, const void *b)
{
  const struct mw_source *left = *(const struct mw_source *const *)a;
  const struct mw_source *right = *(const struct mw_source *const *)b;
  int order =
      (left->said.priority > right->said.priority) - (left->said.priority < right->said.priority);

  return order != 0 ? order : strcmp(left->name, right->name);
}

static void sort_sources(struct mw_inventory *inventory)
{
  qsort(inventory->sources, inventory->sources_count, sizeof inventory->sources[0], by_priority);
}

static int fail(struct mw_error *err, int code, const char *source, const char *why)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  mw_text_quote((struct mw_slice){source, strlen(source)}, quoted);
  return mw_error_set(err, code, "source %s: %s", quoted, why);
}

/* @return NULL with @p err filled */
static struct mw_source *add_source(struct mw_inventory *inventory, const char *name,
                                    struct mw_error *err)
{
  size_t name_bytes = name ? strnlen(name, MW_INVENTORY_TEXT_MAX_BYTES + 1) : 0;
  struct mw_source *source = NULL;

  if (name_bytes == 0 || name_bytes > MW_INVENTORY_TEXT_MAX_BYTES)
    mw_error_set(err, EINVAL, "the name of a source has 1 to %d bytes, not %zu",
                 MW_INVENTORY_TEXT_MAX_BYTES, name_bytes);
  else if (inventory->sources_count == MW_INVENTORY_SOURCES_MAX)
    fail(err, ENOSPC, name, "too many other sources have spoken before");
  else if (!(source = calloc(1, sizeof *source + name_bytes + 1)))
    fail(err, ENOMEM, name, "out of memory");
  if (!source)
    return NULL;
  memcpy(source->name, name, name_bytes + 1);
  source->said.priority = MW_INVENTORY_PRIORITY_DEFAULT;
  source->stale_max_ns = MW_INVENTORY_STALE_MAX_DEFAULT_NS;
  source->heard_ns = mw_clock_monotonic_ns(inventory->clock);
  inventory->sources[inventory->sources_count++] = source;
  sort_sources(inventory);
  return source;
}

static struct mw_source *find_source(struct mw_inventory *inventory, const char *name)
{
  for (size_t i = 0; name && i < inventory->sources_count; i++)
    if (strcmp(inventory->sources[i]->name, name) == 0)
      return inventory->sources[i];
  return NULL;
}

/* Find the source of that name, or add it. @return NULL with @p err filled */
static struct mw_source *want_source(struct mw_inventory *inventory, const char *name,
                                     struct mw_error *err)
{
  struct mw_source *source = find_source(inventory, name);

  if (source && source->forgotten) {
    source->forgotten = false;
    source->heard_ns = mw_clock_monotonic_ns(inventory->clock);
  }
  return source ? source : add_source(inventory, name, err);
}

static struct mw_inventory_snapshot *merge(const struct mw_inventory *inventory)
{
  struct mw_voice voices[MW_INVENTORY_SOURCES_MAX];
  size_t count = 0;

  for (size_t i = 0; i < inventory->sources_count; i++) {
    const struct mw_source *source = inventory->sources[i];
    if (source->said.standing != DISMISSED)
      voices[count++] = (struct mw_voice){.name = source->name,
                                          .stale = source->said.standing == STALE,
                                          .containers = source->said.containers,
                                          .pods = source->said.pods};
  }
  return mw_snapshot_new(voices, count, inventory->newest);
}

static bool same_said(const struct said *a, const struct said *b)
{
  return a->priority == b->priority && a->standing == b->standing &&
         a->containers == b->containers && a->pods == b->pods;
}

/* Let @p source say @p next, and publish what comes out of it. @return 0, or -ENOMEM and all is as
 * before. */
static int change(struct mw_inventory *inventory, struct mw_source *source, struct said next)
{
  struct said last = source->said;

  if (same_said(&last, &next))
    return 0;
  source->said = next;
  sort_sources(inventory);
  struct mw_inventory_snapshot *merged = merge(inventory);
  if (!merged) {
    source->said = last;
    sort_sources(inventory);
    return -ENOMEM;
  }
  /* That the first source spoke is a change, too: from not known to none. */
  bool first = mw_inventory_snapshot_generation(inventory->newest) == 0 && next.containers;
  if (first || !mw_snapshot_equal(inventory->newest, merged))
    publish(inventory, merged);
  else
    mw_inventory_release(merged);
  return 0;
}

static void sweep(struct mw_inventory *inventory)
{
  int64_t now_ns = mw_clock_monotonic_ns(inventory->clock);

  for (size_t i = 0; i < inventory->sources_count; i++) {
    struct mw_source *source = inventory->sources[i];
    struct said next = source->said;
    if (next.standing == FRESH && now_ns - source->heard_ns >= source->stale_max_ns) {
      next.standing = STALE;
      next.stale_since_ns = now_ns;
    } else if (next.standing == STALE && now_ns - next.stale_since_ns >= source->stale_max_ns) {
      next.standing = DISMISSED;
    }
    change(inventory, source, next);
  }
}

/* ---- What sources say ---- */

static int check_config(const char *source, const struct mw_inventory_source_config *config,
                        struct mw_error *err)
{
  if (config->priority < 0 || config->priority > MW_INVENTORY_PRIORITY_MAX)
    return fail(err, EINVAL, source ? source : "", "its priority is not from 0 to 1000");
  if (config->stale_max_ns <= 0)
    return fail(err, EINVAL, source ? source : "", "its time until it is stale is not over 0");
  return 0;
}

_Static_assert(MW_INVENTORY_PRIORITY_MAX == 1000, "the message names it");

int mw_inventory_configure(struct mw_inventory *inventory, const char *source,
                           const struct mw_inventory_source_config *config, struct mw_error *err)
{
  struct mw_error own;
  int rc = check_config(source, config, err);

  if (rc < 0)
    return rc;
  err = err ? err : &own;
  pthread_mutex_lock(&inventory->writer_mutex);
  struct mw_source *found = want_source(inventory, source, err);
  if (found) {
    struct said next = found->said;
    next.priority = config->priority;
    rc = change(inventory, found, next);
  }
  if (found && rc == 0)
    found->stale_max_ns = config->stale_max_ns;
  else if (found)
    fail(err, ENOMEM, source, "out of memory");
  pthread_mutex_unlock(&inventory->writer_mutex);
  return found ? rc : -err->code;
}

struct mw_inventory_report *mw_inventory_report_new(struct mw_inventory *inventory,
                                                    const char *source, struct mw_error *err)
{
  struct mw_inventory_report *report = calloc(1, sizeof *report);

  if (!report) {
    mw_error_set(err, ENOMEM, "out of memory for a list of containers");
    return NULL;
  }
  pthread_mutex_lock(&inventory->writer_mutex);
  struct mw_source *found = want_source(inventory, source, err);
  if (found) {
    report->source = found;
    mw_report_part_init(&report->containers, &mw_container_schema, MW_INVENTORY_CONTAINERS_MAX,
                        found->said.containers);
    mw_report_part_init(&report->pods, &mw_pod_schema, MW_INVENTORY_PODS_MAX, found->said.pods);
  }
  pthread_mutex_unlock(&inventory->writer_mutex);
  if (found)
    return report;
  free(report);
  return NULL;
}

void mw_inventory_report_free(struct mw_inventory_report *report)
{
  if (!report)
    return;
  mw_report_part_deinit(&report->containers);
  mw_report_part_deinit(&report->pods);
  mw_scratch_deinit(&report->scratch);
  free(report);
}

/* It spoke: what it said counts from now on, and nothing is wrong with it. */
static int hear(struct mw_inventory *inventory, struct mw_source *source, struct said next)
{
  next.standing = FRESH;
  int rc = change(inventory, source, next);

  if (rc == 0) {
    source->heard_ns = mw_clock_monotonic_ns(inventory->clock);
    source->error[0] = '\0';
  }
  sweep(inventory);
  return rc;
}

static void log_faults(const struct mw_inventory_report *report)
{
  struct mw_source *source = report->source;

  if (report->left_out.count > 0)
    mw_log_limited(&source->left_out_limit, MW_LOG_WARN, source->name,
                   "too long or too many, and left out: %s (%zu such in this list)",
                   report->left_out.first, report->left_out.count);
  if (report->twice.count > 0 && !source->twice_logged)
    mw_log_limited(&source->twice_limit, MW_LOG_WARN, source->name,
                   "listed twice, and the first one counts: %s (%zu such)", report->twice.first,
                   report->twice.count);
  source->twice_logged = report->twice.count > 0;
}

int mw_inventory_replace(struct mw_inventory *inventory, struct mw_inventory_report *report,
                         struct mw_error *err)
{
  struct mw_source *source = report->source;
  struct mw_record_list *containers = mw_report_part_take(&report->containers, &report->twice);
  struct mw_record_list *pods = mw_report_part_take(&report->pods, &report->twice);
  int rc = -ENOMEM;

  if (containers && pods) {
    pthread_mutex_lock(&inventory->writer_mutex);
    struct said last = source->said, next = last;
    next.containers = containers;
    next.pods = pods;
    rc = hear(inventory, source, next);
    if (rc == 0) {
      containers = last.containers;
      pods = last.pods;
      log_faults(report);
    }
    pthread_mutex_unlock(&inventory->writer_mutex);
  }
  mw_record_list_release(containers);
  mw_record_list_release(pods);
  return rc < 0 ? fail(err, ENOMEM, source->name, "out of memory for its containers") : 0;
}

/* The last list of a source still holds. */
static int renew(struct mw_inventory *inventory, struct mw_source *source, struct mw_error *err)
{
  if (!source->said.containers)
    return fail(err, ENODATA, source->name, "there is no last list that could still hold");
  return hear(inventory, source, source->said) < 0
             ? fail(err, ENOMEM, source->name, "out of memory")
             : 0;
}

int mw_inventory_renew(struct mw_inventory *inventory, const char *source, struct mw_error *err)
{
  struct mw_error own;

  err = err ? err : &own;
  pthread_mutex_lock(&inventory->writer_mutex);
  struct mw_source *found = want_source(inventory, source, err);
  int rc = found ? renew(inventory, found, err) : -err->code;
  pthread_mutex_unlock(&inventory->writer_mutex);
  return rc;
}

/* A source has no list to give. */
static int miss(struct mw_inventory *inventory, struct mw_source *source, const char *message,
                struct mw_error *err)
{
  struct said next = source->said;

  snprintf(source->error, sizeof source->error, "%s", message);
  if (next.standing == FRESH) {
    next.standing = STALE;
    next.stale_since_ns = mw_clock_monotonic_ns(inventory->clock);
  }
  int rc = change(inventory, source, next);
  sweep(inventory);
  return rc < 0 ? fail(err, ENOMEM, source->name, "out of memory") : 0;
}

int mw_inventory_fail(struct mw_inventory *inventory, const char *source, const char *message,
                      struct mw_error *err)
{
  struct mw_error own;

  err = err ? err : &own;
  pthread_mutex_lock(&inventory->writer_mutex);
  struct mw_source *found = want_source(inventory, source, err);
  int rc = found ? miss(inventory, found, message, err) : -err->code;
  pthread_mutex_unlock(&inventory->writer_mutex);
  return rc;
}

/* @return 0, or -ENOMEM. */
static int forget(struct mw_inventory *inventory, struct mw_source *source)
{
  struct said last = source->said;
  int rc = change(inventory, source, (struct said){.priority = last.priority});

  if (rc < 0)
    return rc;
  mw_record_list_release(last.containers);
  mw_record_list_release(last.pods);
  source->error[0] = '\0';
  source->forgotten = true;
  return 0;
}

int mw_inventory_forget(struct mw_inventory *inventory, const char *source, struct mw_error *err)
{
  pthread_mutex_lock(&inventory->writer_mutex);
  struct mw_source *found = find_source(inventory, source);
  int rc = found ? forget(inventory, found) : 0;
  pthread_mutex_unlock(&inventory->writer_mutex);
  return rc < 0 ? fail(err, ENOMEM, source, "out of memory") : 0;
}

void mw_inventory_sweep(struct mw_inventory *inventory)
{
  pthread_mutex_lock(&inventory->writer_mutex);
  sweep(inventory);
  pthread_mutex_unlock(&inventory->writer_mutex);
}

static void describe(const struct mw_source *source, int64_t now_ns,
                     struct mw_inventory_source *out)
{
  const struct said *said = &source->said;
  bool counts = said->containers && said->standing != DISMISSED;

  *out = (struct mw_inventory_source){
      .name = source->name,
      .priority = said->priority,
      .containers_count = counts ? said->containers->count : 0,
      .pods_count = counts ? said->pods->count : 0,
      .stale = said->standing != FRESH,
      .age_ns = said->containers ? now_ns - source->heard_ns : -1,
  };
  memcpy(out->error, source->error, sizeof out->error);
}

size_t mw_inventory_sources(struct mw_inventory *inventory,
                            struct mw_inventory_source out[static MW_INVENTORY_SOURCES_MAX])
{
  pthread_mutex_lock(&inventory->writer_mutex);
  int64_t now_ns = mw_clock_monotonic_ns(inventory->clock);
  size_t count = 0;
  for (size_t i = 0; i < inventory->sources_count; i++)
    if (!inventory->sources[i]->forgotten)
      describe(inventory->sources[i], now_ns, &out[count++]);
  pthread_mutex_unlock(&inventory->writer_mutex);
  return count;
}
