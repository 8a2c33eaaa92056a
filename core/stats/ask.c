/*
 * Asking the collectors: one after the other until one answers, then those that can fill in what
 * it lacks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "stats/cache.h"
#include "stats/collectors.h"
#include "stats/deadline.h"
#include "stats/kinds.h"

/* What belongs to one reading. */
struct asking {
  struct mw_stats_collectors *all;
  enum mw_stats_kind kind;
  const struct mw_stats_request *request;
  const struct mw_stats_route *route;
};

/* ---- One after the other ---- */

static int nobody(const struct asking *asking, struct mw_error *err)
{
  const char *runtime = asking->request->container.runtime;
  char excuse[512];

  mw_stats_collectors_excuse(asking->all, excuse, sizeof excuse);
  return mw_error_set(err, ENOTSUP, "no collector offers %s of %s containers%s",
                      mw_stats_kinds[asking->kind].noun, runtime && *runtime ? runtime : "such",
                      excuse);
}

static void append_failure(struct mw_error *err, const char *name, const char *text)
{
  size_t used = strlen(err->text);

  snprintf(err->text + used, sizeof err->text - used, "; %s: %.200s", name, text);
}

/* @return where on the route it was that answered, or a negative errno. */
static int ask_in_turn(const struct asking *asking, void *out, struct mw_error *err)
{
  const struct mw_stats_kind_info *kind = &mw_stats_kinds[asking->kind];
  int failure_rc = 0;

  for (size_t i = 0; i < asking->route->count; i++) {
    const struct mw_stats_collector *collector = asking->route->collectors[i];
    struct mw_error other;
    if (i > 0 && mw_deadline_is_over(asking->request->deadline_ns))
      break;
    other.text[0] = '\0';
    int rc = kind->ask(collector, asking->request, out, i == 0 ? err : &other);
    if (rc >= 0)
      return (int)i;
    if (i == 0)
      failure_rc = rc;
    else
      append_failure(err, collector->name, other.text);
  }
  err->code = -failure_rc;
  return failure_rc;
}

/* ---- Gaps ---- */

static bool may_fill(const struct asking *asking, size_t answered)
{
  for (size_t i = answered + 1; i < asking->route->count; i++)
    if (asking->route->collectors[i]->fills_gaps && mw_stats_kinds[asking->kind].gaps)
      return true;
  return false;
}

/* @return 1: something is filled in, 0: nothing, or a negative errno. */
static int fill_from(const struct asking *asking, const struct mw_stats_collector *collector,
                     uint64_t gaps, void *out)
{
  const struct mw_stats_kind_info *kind = &mw_stats_kinds[asking->kind];
  struct mw_stats_request request = *asking->request;
  struct mw_error ignored;

  if (mw_deadline_is_over(request.deadline_ns))
    return -ETIMEDOUT;
  void *filler = mw_stats_spare_take(asking->all, asking->kind);
  if (!filler)
    return -ENOMEM;
  if (asking->kind == MW_STATS_CONTAINER)
    request.wanted = gaps;
  int rc = kind->ask(collector, &request, filler, &ignored);
  if (rc >= 0)
    rc = kind->fill(out, filler, gaps);
  mw_stats_spare_give_back(asking->all, asking->kind, filler);
  return rc;
}

/* Who filled gaps of this container before is the only one to be asked, even while it fails, since
 * counters of another would look like progress; unless it knows the container no more. */
static const char *fill_gaps(const struct asking *asking, size_t answered, const char *last_filler,
                             void *out)
{
  uint64_t gaps = mw_stats_kinds[asking->kind].gaps(out, asking->request->wanted);
  const struct mw_stats_route *route = asking->route;
  bool others_too = true;

  if (!gaps)
    return last_filler;
  for (size_t i = answered + 1; i < route->count && last_filler; i++)
    if (route->collectors[i]->name == last_filler)
      others_too = fill_from(asking, route->collectors[i], gaps, out) == -ENOENT;
  for (size_t i = answered + 1; i < route->count && others_too; i++) {
    const struct mw_stats_collector *collector = route->collectors[i];
    if (!collector->fills_gaps || collector->name == last_filler)
      continue;
    if (fill_from(asking, collector, gaps, out) > 0)
      return collector->name;
  }
  return last_filler;
}

/* ---- A reading ---- */

static void note_covered(const struct asking *asking, bool is_filled, void *out)
{
  const struct mw_stats_kind_info *kind = &mw_stats_kinds[asking->kind];

  if (!kind->covered)
    return;
  mw_figure_set *covered = kind->covered(out);
  /* gaps were looked for within what is wanted only */
  *covered = is_filled ? asking->request->wanted : *covered | asking->request->wanted;
}

int mw_stats_ask(void *all, enum mw_stats_kind kind, const struct mw_stats_request *request,
                 void *previous, void *out, struct mw_error *err)
{
  struct mw_stats_route route;
  struct asking asking = {.all = all, .kind = kind, .request = request, .route = &route};

  mw_stats_collectors_probe(all, request->deadline_ns);
  mw_stats_collectors_route(all, kind, request->container.runtime, &route);
  if (route.count == 0)
    return nobody(&asking, err);
  int answered = ask_in_turn(&asking, out, err);
  if (answered < 0)
    return answered;

  struct mw_origin last = *mw_stats_origin(kind, previous);
  struct mw_origin *origin = mw_stats_origin(kind, out);
  *origin = (struct mw_origin){.collector = route.collectors[answered]->name};
  bool is_filled = may_fill(&asking, (size_t)answered);
  if (is_filled)
    origin->gaps = fill_gaps(&asking, (size_t)answered,
                             last.collector == origin->collector ? last.gaps : NULL, out);
  note_covered(&asking, is_filled, out);
  return 0;
}

/* ---- Questions that are tied to no runtime ---- */

int mw_stats_ask_everyone(struct mw_stats_collectors *all, mw_stats_question *question,
                          const void *about, int64_t deadline_ns,
                          char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  struct mw_stats_route route;
  struct mw_error failure;
  int failure_rc = 0;

  mw_stats_collectors_probe(all, deadline_ns);
  mw_stats_collectors_all(all, &route);
  for (size_t i = 0; i < route.count; i++) {
    failure.text[0] = '\0';
    int rc = question(route.collectors[i], about, id, &failure);
    if (rc >= 0)
      return 0;
    if (rc != -ENOENT)
      failure_rc = mw_error_set(err, -rc, "%s", failure.text);
  }
  return failure_rc < 0 ? failure_rc : mw_error_set(err, ENOENT, "in no container that is known");
}
