#include "report.h"

#include <stdbool.h>

#include "json/writer.h"

#define MIB ((double)(1 << 20))
#define REPORT_MAX_BYTES ((size_t)1 << 20)

/* ---- Goals ---- */

struct goal {
  const char *key, *text;
  double (*value)(const struct bench_result *result);
  double most;       /* of the value, or... */
  size_t containers; /* ...for this size alone; 0: for all from containers_min on */
  size_t containers_min;
  enum source {
    FROM_KEPT,   /* nothing to judge where not all files could be kept open */
    FROM_OPENED, /* ...where they could */
    FROM_WORKER, /* ...when the worker failed */
  } source;
};

static double opened_ratio(const struct bench_result *result)
{
  return result->opened_gather.ratio;
}

static double gather_ratio(const struct bench_result *result)
{
  return result->checks[BENCH_CONTAINER_RT].works[BENCH_GATHER].ratio;
}

static double container_rt_ratio(const struct bench_result *result)
{
  return result->checks[BENCH_CONTAINER_RT].works[BENCH_WHOLE].ratio;
}

static double container_ratio(const struct bench_result *result)
{
  return result->checks[BENCH_CONTAINER].works[BENCH_WHOLE].ratio;
}

static double unchanged_ratio(const struct bench_result *result)
{
  return result->unchanged.ratio;
}

static double walk_ratio(const struct bench_result *result)
{
  return result->walk.ratio;
}

/* A single one in thousands of readings would round to nothing, so all of a period count. */
static double c_allocations(const struct bench_result *result)
{
  return (double)(result->worker.gather_c_allocations + result->worker.whole_c_allocations) /
         (double)bench_paces[BENCH_CONTAINER_RT].period / (double)result->containers;
}

static double anon_mib(const struct bench_result *result)
{
  return (double)result->worker.anon_bytes / MIB;
}

/* What a refresh costs does not grow with the number of containers: with ten of them it is more. */
static const struct goal goals[] = {
    {"gather", "gather in C, of its floor", gather_ratio, 1.15, 0, 100, FROM_KEPT},
    {"gather_opened", "gather beyond the budget, of open+read+close", opened_ratio, 1.15, 0, 100,
     FROM_OPENED},
    {"container_rt", "whole container_rt, of its floor", container_rt_ratio, 1.5, 100, 0,
     FROM_KEPT},
    {"container_rt", "whole container_rt, of its floor", container_rt_ratio, 1.4, 1000, 0,
     FROM_KEPT},
    {"container", "whole container, of its floor", container_ratio, 1.5, 100, 0, FROM_KEPT},
    {"container", "whole container, of its floor", container_ratio, 1.4, 1000, 0, FROM_KEPT},
    {"discovery_unchanged", "discovery when nothing changed", unchanged_ratio, 0.02, 0, 100,
     FROM_KEPT},
    {"discovery_walk", "discovery by a full walk", walk_ratio, 0.25, 0, 100, FROM_KEPT},
    {"c_allocations", "allocations in C, per container and run", c_allocations, 0, 0, 10,
     FROM_WORKER},
    {"anon_mib", "RssAnon in MiB", anon_mib, 4, 100, 0, FROM_WORKER},
    {"anon_mib", "RssAnon in MiB", anon_mib, 12, 1000, 0, FROM_WORKER},
};

#define GOALS_COUNT (sizeof goals / sizeof goals[0])

static bool applies(const struct goal *goal, const struct bench_result *result)
{
  if ((goal->source == FROM_WORKER && result->worker_error[0]) ||
      (goal->source == FROM_KEPT && result->checks[BENCH_CONTAINER_RT].rounds == 0) ||
      (goal->source == FROM_OPENED && !result->has_default_budget))
    return false;
  return goal->containers ? goal->containers == result->containers
                          : result->containers >= goal->containers_min;
}

/* ---- For people ---- */

static const char *const work_texts[BENCH_WORK_COUNT] = {
    [BENCH_GATHER] = "gather in C (refresh, read, parse)",
    [BENCH_CACHED] = "  through the cache of stats",
    [BENCH_ROWS] = "  with sources and values in Lua",
    [BENCH_UNSENT] = "  with rates and batches",
};

static void print_cost(FILE *out, const char *text, const struct bench_cost *cost)
{
  fprintf(out, "  %-46s %9.2f %9.3f\n", text, cost->us, cost->ratio);
}

static void print_number(FILE *out, const char *text, double value, const char *unit)
{
  fprintf(out, "  %-46s %9.2f %s\n", text, value, unit);
}

static void print_check(FILE *out, const struct bench_pace *pace,
                        const struct bench_check_result *result)
{
  char text[64];

  if (result->rounds == 0) {
    fprintf(out, "%s, every %d s: %.2f files read per container and run, too many to keep all\n",
            pace->check, (int)pace->interval_s, result->files);
    return;
  }
  fprintf(out, "%s, every %d s: %.2f files read per container and run, %zu kept, %zu rounds\n",
          pace->check, (int)pace->interval_s, result->files, result->kept_files, result->rounds);
  fprintf(out, "  %-46s %9s %9s\n", "CPU time per container and run", "us", "of floor");
  print_cost(out, "floor: pread of the same files, kept open",
             &(struct bench_cost){result->floor_us, 1});
  for (int i = 0; i < BENCH_WHOLE; i++)
    if (result->works[i].ratio > 0)
      print_cost(out, work_texts[i], &result->works[i]);
  snprintf(text, sizeof text, "whole %s, all fields, with JSON", pace->check);
  print_cost(out, text, &result->works[BENCH_WHOLE]);
  print_number(out, "JSON", result->message_bytes, "bytes per container");
}

static void print_budget_cost(FILE *out, const char *what, size_t kept_files,
                              const struct bench_cost *cost)
{
  char text[64];

  snprintf(text, sizeof text, "%s, only %zu files kept", what, kept_files);
  print_cost(out, text, cost);
}

/* Of container_rt. */
static void print_other_costs(FILE *out, const struct bench_result *result)
{
  if (result->checks[BENCH_CONTAINER_RT].rounds > 0) {
    print_cost(out, "discovery, nothing changed", &result->unchanged);
    print_cost(out, "discovery, full walk", &result->walk);
  }
  if (result->default_gather.ratio > 0) {
    print_budget_cost(out, "gather", result->default_kept_files, &result->default_gather);
    print_budget_cost(out, "whole run", result->default_kept_files, &result->default_whole);
  }
  if (!result->has_default_budget)
    return;
  print_cost(out, "another floor: open, read, close of the same",
             &(struct bench_cost){result->opened_floor_us, 1});
  print_budget_cost(out, "gather", result->default_kept_files, &result->opened_gather);
  print_budget_cost(out, "whole run", result->default_kept_files, &result->opened_whole);
}

static void print_parts(FILE *out, const struct bench_check_result *result)
{
  static const char *const texts[BENCH_WORK_COUNT] = {
      [BENCH_CACHED] = "cache of stats",
      [BENCH_ROWS] = "sources, and values to Lua",
      [BENCH_UNSENT] = "rates and batches",
      [BENCH_WHOLE] = "JSON",
  };

  fprintf(out, "  %-46s %9s %9s\n", "the parts, by difference", "us", "of floor");
  for (int i = BENCH_CACHED; i < BENCH_WORK_COUNT; i++) {
    struct bench_cost part = {
        .us = result->works[i].us - result->works[i - 1].us,
        .ratio = result->works[i].ratio - result->works[i - 1].ratio,
    };
    print_cost(out, texts[i], &part);
  }
}

static void print_process(FILE *out, const struct bench_result *result)
{
  const struct bench_worker_report *worker = &result->worker;
  double runs = (double)bench_paces[BENCH_CONTAINER_RT].period * (double)result->containers;

  if (result->calls_error[0]) {
    fprintf(out, "  system calls: not counted, %s\n", result->calls_error);
  } else {
    print_number(out, "system calls, gather", result->calls_gather, "per container and run");
    print_number(out, "system calls, whole run", result->calls_whole, "per container and run");
  }
  if (result->instructions_error[0]) {
    fprintf(out, "  instructions: not counted, %s\n", result->instructions_error);
  } else if (result->instructions_whole > 0) {
    print_number(out, "instructions in user space, gather", result->instructions_gather,
                 "per container and run");
    print_number(out, "instructions in user space, whole run", result->instructions_whole,
                 "per container and run");
  }
  if (result->worker_error[0]) {
    fprintf(out, "  memory and allocations: not measured, %s\n", result->worker_error);
    return;
  }
  print_number(out, "allocations in C, whole run", (double)worker->whole_c_allocations / runs,
               "per container and run");
  print_number(out, "allocations in Lua, whole run", (double)worker->whole_lua_allocations / runs,
               "per container and run");
  print_number(out, "RssAnon of a fresh process", (double)worker->anon_bytes / MIB, "MiB");
  print_number(out, "VmRSS", (double)worker->resident_bytes / MIB, "MiB");
  print_number(out, "memory of its cgroup, kept files included", (double)worker->cgroup_bytes / MIB,
               "MiB");
  print_number(out, "files that it keeps open", (double)worker->kept_files, "");
}

static void print_goals(FILE *out, const struct bench_result *result)
{
  for (size_t i = 0; i < GOALS_COUNT; i++) {
    const struct goal *goal = &goals[i];
    if (!applies(goal, result))
      continue;
    double value = goal->value(result);
    fprintf(out, "  %-46s %9.3f   at most %-5.4g %s\n", goal->text, value, goal->most,
            value <= goal->most ? "met" : "MISSED");
  }
}

static void print_size(FILE *out, const struct bench_result *result)
{
  fprintf(out, "%zu containers in %zu network namespaces of their own\n", result->containers,
          result->networks);
  if (result->failure.code != 0) {
    fprintf(out, "  not measured: %s\n", result->failure.text);
    return;
  }
  if (result->networks_error[0])
    fprintf(out, "  not all have one: %s\n", result->networks_error);
  for (int i = 0; i < BENCH_CHECK_COUNT; i++) {
    print_check(out, &bench_paces[i], &result->checks[i]);
    if (i != BENCH_CONTAINER_RT)
      continue;
    print_other_costs(out, result);
    if (result->checks[i].rounds > 0)
      print_parts(out, &result->checks[i]);
  }
  fprintf(out, "a process that runs %s alone\n", bench_paces[BENCH_CONTAINER_RT].check);
  print_process(out, result);
  fprintf(out, "goals\n");
  print_goals(out, result);
}

void bench_report_text(FILE *out, const struct bench_result *results, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (i > 0)
      fputc('\n', out);
    print_size(out, &results[i]);
  }
}

/* ---- For programs ---- */

static void write_number(struct mw_json_writer *w, const char *key, double value)
{
  mw_json_write_key(w, key);
  mw_json_write_double(w, value);
}

static void write_text(struct mw_json_writer *w, const char *key, const char *text)
{
  mw_json_write_key(w, key);
  mw_json_write_text(w, text);
}

static void write_cost(struct mw_json_writer *w, const char *key, const struct bench_cost *cost)
{
  mw_json_write_key(w, key);
  mw_json_begin_object(w);
  write_number(w, "ratio", cost->ratio);
  write_number(w, "us", cost->us);
  mw_json_end_object(w);
}

static void write_process(struct mw_json_writer *w, const struct bench_result *result)
{
  const struct bench_worker_report *worker = &result->worker;

  if (result->calls_error[0]) {
    write_text(w, "system_calls_error", result->calls_error);
  } else {
    write_number(w, "system_calls_gather", result->calls_gather);
    write_number(w, "system_calls_whole", result->calls_whole);
  }
  if (result->instructions_error[0]) {
    write_text(w, "instructions_error", result->instructions_error);
  } else if (result->instructions_whole > 0) {
    write_number(w, "instructions_gather", result->instructions_gather);
    write_number(w, "instructions_whole", result->instructions_whole);
  }
  if (result->worker_error[0]) {
    write_text(w, "process_error", result->worker_error);
    return;
  }
  write_number(w, "rss_anon_bytes", (double)worker->anon_bytes);
  write_number(w, "rss_bytes", (double)worker->resident_bytes);
  write_number(w, "cgroup_memory_bytes", (double)worker->cgroup_bytes);
  write_number(w, "kept_files_default", (double)worker->kept_files);
  write_number(w, "period_runs", (double)bench_paces[BENCH_CONTAINER_RT].period);
  write_number(w, "gather_c_allocations_in_period", (double)worker->gather_c_allocations);
  write_number(w, "whole_c_allocations_in_period", (double)worker->whole_c_allocations);
  write_number(w, "whole_lua_allocations_in_period", (double)worker->whole_lua_allocations);
}

static void write_goals(struct mw_json_writer *w, const struct bench_result *result)
{
  mw_json_write_key(w, "goals");
  mw_json_begin_array(w);
  for (size_t i = 0; i < GOALS_COUNT; i++) {
    const struct goal *goal = &goals[i];
    if (!applies(goal, result))
      continue;
    double value = goal->value(result);
    mw_json_begin_object(w);
    write_number(w, "at_most", goal->most);
    write_text(w, "goal", goal->key);
    mw_json_write_key(w, "met");
    mw_json_write_bool(w, value <= goal->most);
    write_number(w, "value", value);
    mw_json_end_object(w);
  }
  mw_json_end_array(w);
}

static void write_check(struct mw_json_writer *w, const struct bench_pace *pace,
                        const struct bench_check_result *result)
{
  static const char *const keys[BENCH_WORK_COUNT] = {"gather", "cached", "rows", "unsent", "whole"};

  mw_json_write_key(w, pace->check);
  mw_json_begin_object(w);
  write_number(w, "interval_s", (double)pace->interval_s);
  write_number(w, "rounds", (double)result->rounds);
  write_number(w, "files_per_container", result->files);
  if (result->rounds > 0) {
    write_number(w, "kept_files", (double)result->kept_files);
    write_number(w, "message_bytes_per_container", result->message_bytes);
    write_cost(w, "floor", &(struct bench_cost){result->floor_us, 1});
  }
  for (int i = 0; i < BENCH_WORK_COUNT; i++)
    if (result->works[i].ratio > 0)
      write_cost(w, keys[i], &result->works[i]);
  mw_json_end_object(w);
}

static void write_result(struct mw_json_writer *w, const struct bench_result *result)
{
  mw_json_begin_object(w);
  write_number(w, "containers", (double)result->containers);
  if (result->failure.code != 0) {
    write_text(w, "error", result->failure.text);
    mw_json_end_object(w);
    return;
  }
  write_number(w, "network_namespaces", (double)result->networks);
  if (result->networks_error[0])
    write_text(w, "network_namespaces_error", result->networks_error);
  for (int i = 0; i < BENCH_CHECK_COUNT; i++)
    write_check(w, &bench_paces[i], &result->checks[i]);
  if (result->checks[BENCH_CONTAINER_RT].rounds > 0) {
    write_cost(w, "discovery_unchanged", &result->unchanged);
    write_cost(w, "discovery_walk", &result->walk);
  }
  if (result->default_gather.ratio > 0) {
    write_cost(w, "gather_default_budget", &result->default_gather);
    write_cost(w, "whole_default_budget", &result->default_whole);
  }
  if (result->has_default_budget) {
    write_cost(w, "floor_opened", &(struct bench_cost){result->opened_floor_us, 1});
    write_cost(w, "gather_default_budget_of_opened", &result->opened_gather);
    write_cost(w, "whole_default_budget_of_opened", &result->opened_whole);
  }
  write_process(w, result);
  write_goals(w, result);
  mw_json_end_object(w);
}

int bench_report_json(FILE *out, const struct bench_result *results, size_t count,
                      struct mw_error *err)
{
  struct mw_json_writer w;
  struct mw_buf text;

  mw_buf_init(&text, REPORT_MAX_BYTES);
  mw_json_writer_init(&w, &text, err);
  mw_json_begin_object(&w);
  mw_json_write_key(&w, "sizes");
  mw_json_begin_array(&w);
  for (size_t i = 0; i < count; i++)
    write_result(&w, &results[i]);
  mw_json_end_array(&w);
  mw_json_end_object(&w);
  int rc = mw_json_writer_finish(&w);
  if (rc == 0)
    fprintf(out, "%s\n", text.data);
  mw_buf_deinit(&text);
  return rc;
}
