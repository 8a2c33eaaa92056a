#include "agent/script_sink.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bindings/lua_util.h"

#define BATCH_MAX_BYTES ((double)((size_t)64 << 20))
#define MAX_AGE_MAX_S 31536000.0

struct script_sink {
  struct mw_sink front;     /* first */
  struct mw_script_job job; /* the data of the worker */
  struct mw_job_ops ops;
  struct mw_gate gate;
  struct mw_delivery *delivery;
  struct mw_worker *worker;
  _Atomic int64_t stop_by_ns; /* INT64_MAX: it is not to end */
  bool restarts;              /* what is opened next is the same script; the worker's */
};

static struct script_sink *own(struct mw_sink *front)
{
  return (struct script_sink *)front;
}

static struct script_sink *sink_of(void *job)
{
  return (struct script_sink *)((char *)job - offsetof(struct script_sink, job));
}

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

static int64_t cpu_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * MW_NS_PER_S + now.tv_nsec;
}

/* ---- What the script declares ---- */

static int read_number(lua_State *L, const char *field, double max, double *out,
                       struct mw_error *err)
{
  lua_pushstring(L, field);
  lua_rawget(L, -2);
  bool is_there = !lua_isnil(L, -1);
  double value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  lua_pop(L, 1);
  if (is_there && !(value >= 1 && value <= max))
    return mw_error_set(err, EBADMSG, "%s is not a number from 1 to %.15g", field, max);
  if (is_there)
    *out = value;
  return 0;
}

struct declared {
  double batch_messages, batch_bytes, max_age_s;
};

static int look(lua_State *L, void *data, struct mw_error *err)
{
  struct declared *declared = data;
  int rc = read_number(L, "batch_messages", MW_QUEUE_BATCH_MAX, &declared->batch_messages, err);

  if (rc == 0)
    rc = read_number(L, "batch_bytes", BATCH_MAX_BYTES, &declared->batch_bytes, err);
  return rc < 0 ? rc : read_number(L, "max_age_s", MAX_AGE_MAX_S, &declared->max_age_s, err);
}

static double first_of(double configured, double declared)
{
  return configured > 0 ? configured : declared;
}

static struct mw_delivery_limits limits_of(const struct mw_sink_settings *settings,
                                           const struct declared *declared)
{
  return (struct mw_delivery_limits){
      .batch_messages =
          (size_t)first_of((double)settings->batch_messages, declared->batch_messages),
      .batch_bytes = (size_t)first_of((double)settings->batch_bytes, declared->batch_bytes),
      .max_age_ns = (int64_t)(first_of(settings->max_age_s, declared->max_age_s) * 1e9),
      .tries_max = settings->tries_max};
}

/* Another script may succeed where the old one failed; the same again has to wait. */
static void *open_instance(void *data, struct mw_watch *watch, struct mw_error *err)
{
  struct script_sink *sink = sink_of(data);
  struct declared declared = {0};
  void *instance = mw_script_job_ops.open(data, watch, err);

  if (!instance)
    return NULL;
  if (mw_task_look(mw_script_job_task(instance), look, &declared, err) < 0) {
    mw_script_job_ops.close(instance);
    return NULL;
  }
  const struct mw_delivery_limits limits =
      limits_of(&mw_script_job_settings(instance)->sink, &declared);
  mw_delivery_set_limits(sink->delivery, &limits);
  if (!sink->restarts)
    mw_delivery_hurry(sink->delivery, 0);
  sink->restarts = false;
  return instance;
}

/* ---- What the script is given ---- */

static void push_message(lua_State *L, const struct mw_message *message)
{
  lua_createtable(L, 0, 6);
  mw_lua_set_number(L, "number", (double)message->number);
  mw_lua_set_text(L, "script", message->script);
  mw_lua_set_text(L, "kind", message->kind);
  mw_lua_set_number(L, "schema", message->schema);
  mw_lua_set_number(L, "emitted_at_s", (double)message->emitted_at_ns / 1e9);
  lua_pushlstring(L, message->body.data, message->body.len_bytes);
  lua_setfield(L, -2, "body");
}

/* A batch on its way through the script. */
struct delivering {
  struct script_sink *sink;
  void *instance;
  int64_t began_ns, cpu_began_ns; /* the run */
  int64_t longest_ns;             /* of its deliveries */
  enum mw_limit limit;

  struct mw_queue_batch *batch;
  struct mw_verdict *verdict;
};

static int give_batch(lua_State *L, void *data)
{
  const struct mw_queue_batch *batch = ((struct delivering *)data)->batch;

  lua_createtable(L, (int)batch->count, 0);
  for (size_t i = 0; i < batch->count; i++) {
    push_message(L, batch->messages[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

/* ---- What it returns ---- */

static int wrong(struct mw_verdict *verdict, struct mw_error *err, const char *what)
{
  verdict->fault = MW_DELIVERY_SINK;
  verdict->delivered = 0;
  return mw_error_set(err, EBADMSG, "deliver returned %s", what);
}

/* What is known of the failure: { permanent = true, retry_after_s = 5, delivered = 3 }. */
static int take_info(lua_State *L, int index, size_t count, struct mw_verdict *verdict,
                     struct mw_error *err)
{
  lua_getfield(L, index, "permanent");
  verdict->fault = lua_toboolean(L, -1) ? MW_DELIVERY_BATCH : MW_DELIVERY_FAR_END;
  lua_getfield(L, index, "retry_after_s");
  double retry_after_s = lua_tonumber(L, -1);
  lua_getfield(L, index, "delivered");
  double delivered = lua_tonumber(L, -1);
  if (!(retry_after_s >= 0) || (!lua_isnil(L, -2) && lua_type(L, -2) != LUA_TNUMBER))
    return wrong(verdict, err, "a retry_after_s that is not a number of seconds");
  if (!(delivered >= 0 && delivered <= (double)count) || delivered != floor(delivered) ||
      (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TNUMBER))
    return wrong(verdict, err, "a delivered that is not a count of the messages of its batch");
  const double most_s = (double)MW_DELIVERY_RETRY_AFTER_MAX_NS / 1e9;
  verdict->retry_after_ns = (int64_t)(fmin(retry_after_s, most_s) * 1e9);
  verdict->delivered = (size_t)delivered;
  return 0;
}

/* true; or nil, why, and what is known of it. */
static int take_answer(lua_State *L, int first, void *data, struct mw_error *err)
{
  const struct delivering *delivering = data;
  struct mw_verdict *verdict = delivering->verdict;
  int rc = 0;

  if (lua_isboolean(L, first) && lua_toboolean(L, first))
    return 0;
  if (lua_toboolean(L, first) || lua_type(L, first + 1) != LUA_TSTRING)
    return wrong(verdict, err, "neither true, nor nil and why not");
  if (lua_istable(L, first + 2))
    rc = take_info(L, first + 2, delivering->batch->count, verdict, err);
  else if (!lua_isnil(L, first + 2))
    return wrong(verdict, err, "something behind its error that is not a table");
  return rc < 0 ? rc : mw_error_set(err, ECANCELED, "%s", lua_tostring(L, first + 1));
}

/* ---- Runs ---- */

/* An interrupt, and a system without memory, are nobody's fault. */
static enum mw_delivery_fault fault_of(const struct delivering *delivering, int rc)
{
  if (delivering->limit == MW_LIMIT_WALL)
    return MW_DELIVERY_TIME;
  return delivering->limit != MW_LIMIT_NONE || rc == -ECANCELED ? MW_DELIVERY_SINK
                                                                : MW_DELIVERY_FAR_END;
}

static const struct mw_budget *budget_of(const struct delivering *delivering)
{
  return &mw_script_job_settings(delivering->instance)->budget;
}

static int64_t left_ns(const struct delivering *delivering)
{
  int64_t ends_ns = delivering->began_ns + budget_of(delivering)->wall_ms * MW_NS_PER_MS;
  int64_t stop_by_ns = atomic_load(&delivering->sink->stop_by_ns);

  return (stop_by_ns < ends_ns ? stop_by_ns : ends_ns) - now_ns();
}

static int64_t cpu_left_ns(const struct delivering *delivering)
{
  return budget_of(delivering)->cpu_ms * MW_NS_PER_MS - (cpu_ns() - delivering->cpu_began_ns);
}

static int64_t ms_of(int64_t ns)
{
  return ns > MW_NS_PER_MS ? ns / MW_NS_PER_MS : 1;
}

/* The script was stopped, or has raised an error: take_answer was not reached. */
static int note_stopped(struct delivering *delivering, int rc, struct mw_error *err)
{
  delivering->limit = mw_script_job_limit(delivering->instance, rc, err);
  *delivering->verdict = (struct mw_verdict){.fault = fault_of(delivering, rc)};
  return rc;
}

struct answer {
  struct delivering *delivering;
  bool came;
};

static int take_and_note(lua_State *L, int first, void *data, struct mw_error *err)
{
  struct answer *answer = data;
  int rc = take_answer(L, first, answer->delivering, err);

  answer->came = true;
  return rc;
}

static int give(lua_State *L, void *data)
{
  return give_batch(L, ((struct answer *)data)->delivering);
}

static int hand_over(void *data, struct mw_queue_batch *batch, struct mw_verdict *verdict,
                     struct mw_error *err)
{
  struct delivering *delivering = data;
  struct answer answer = {.delivering = delivering};
  const struct mw_task_call call = {.give = give,
                                    .take = take_and_note,
                                    .data = &answer,
                                    .timeout_ms = ms_of(left_ns(delivering)),
                                    .cpu_ms = ms_of(cpu_left_ns(delivering))};
  int64_t began_ns = now_ns();

  delivering->batch = batch;
  delivering->verdict = verdict;
  int rc = mw_task_call(mw_script_job_task(delivering->instance), &call, err);
  if (now_ns() - began_ns > delivering->longest_ns)
    delivering->longest_ns = now_ns() - began_ns;
  if (rc < 0 && !answer.came)
    rc = note_stopped(delivering, rc, err);
  return rc == -EPIPE ? -EIO : rc; /* a script is not given up: it may be edited */
}

/* Is there enough of the budget for another delivery, even if that takes twice as long? */
static bool can_go_on(const struct delivering *delivering)
{
  const struct mw_budget *budget = budget_of(delivering);
  struct mw_task *task = mw_script_job_task(delivering->instance);
  int64_t wall_left_ns = left_ns(delivering);

  return delivering->limit == MW_LIMIT_NONE && wall_left_ns > 2 * delivering->longest_ns &&
         wall_left_ns > 0 && now_ns() - delivering->began_ns < budget->wall_ms * MW_NS_PER_MS / 2 &&
         cpu_left_ns(delivering) > budget->cpu_ms * MW_NS_PER_MS / 2 &&
         2 * (uint64_t)mw_task_http_requests_count(task) <= budget->http_requests_count;
}

static int deliver_all(struct delivering *delivering, struct mw_error *err)
{
  enum mw_delivery_step step;

  do
    step = mw_delivery_try(delivering->sink->delivery, hand_over, delivering, err);
  while (step == MW_DELIVERY_GOES_ON && can_go_on(delivering));
  return step == MW_DELIVERY_PAUSES || delivering->limit != MW_LIMIT_NONE ? -err->code : 0;
}

static int run(void *instance, enum mw_limit *limit, struct mw_error *err)
{
  struct delivering delivering = {.sink = sink_of(mw_script_job_of(instance)),
                                  .instance = instance,
                                  .began_ns = now_ns(),
                                  .cpu_began_ns = cpu_ns()};

  if (atomic_load(&delivering.sink->stop_by_ns) <= now_ns())
    return mw_error_set(err, ETIMEDOUT, "no time is left to deliver");
  mw_task_begin_run(mw_script_job_task(instance));
  int rc = deliver_all(&delivering, err);
  *limit = delivering.limit;
  delivering.sink->restarts = delivering.limit != MW_LIMIT_NONE;
  return rc;
}

static int64_t not_before_ns(void *instance)
{
  return mw_delivery_due_ns(sink_of(mw_script_job_of(instance))->delivery);
}

/* ---- Life cycle ---- */

static int start_worker(struct script_sink *sink, const char *name, struct mw_error *err)
{
  const struct mw_worker_config config = {.kind = "sink",
                                          .name = name,
                                          .ops = &sink->ops,
                                          .data = &sink->job,
                                          .gate = &sink->gate,
                                          .slot = sink->job.slot,
                                          .runs_at_once = true};

  sink->worker = mw_worker_start(&config, err);
  if (!sink->worker)
    return -err->code;
  mw_worker_release(sink->worker);
  return 0;
}

static void finish(struct mw_sink *front, int64_t deadline_ns)
{
  struct script_sink *sink = own(front);

  atomic_store(&sink->stop_by_ns, deadline_ns);
  mw_worker_finish(sink->worker);
}

static bool wait_for_end(struct mw_sink *front, int64_t deadline_ns, int64_t until_ns)
{
  return mw_workers_wait(&own(front)->worker, 1, deadline_ns, until_ns);
}

static void free_ended(struct mw_sink *front)
{
  struct script_sink *sink = own(front);

  mw_worker_free(sink->worker);
  mw_delivery_free(sink->delivery);
  mw_script_job_deinit(&sink->job);
  mw_gate_deinit(&sink->gate);
  free(sink);
}

static void reopen(struct mw_sink *front)
{
  mw_worker_look(own(front)->worker, true);
}

static void status(struct mw_sink *front, struct mw_delivery_status *out)
{
  mw_delivery_status(own(front)->delivery, out);
}

static struct mw_worker *worker(struct mw_sink *front)
{
  return own(front)->worker;
}

static const struct mw_budget *budget(struct mw_sink *front)
{
  return &own(front)->job.order.settings->budget;
}

static const struct mw_sink_driver driver = {.finish = finish,
                                             .wait = wait_for_end,
                                             .free = free_ended,
                                             .reopen = reopen,
                                             .status = status,
                                             .worker = worker,
                                             .budget = budget};

static struct mw_job_ops ops_of_sinks(void)
{
  struct mw_job_ops ops = mw_script_job_ops;

  ops.open = open_instance;
  ops.run = run;
  ops.not_before_ns = not_before_ns;
  ops.ready = NULL; /* nobody waits for a sink */
  return ops;
}

static struct script_sink *new_sink(const struct mw_script_order *order,
                                    const struct mw_crew_shared *shared)
{
  const struct mw_script_settings *settings = order->settings;
  struct script_sink *sink = calloc(1, sizeof *sink);

  if (!sink)
    return NULL;
  sink->front.driver = &driver;
  sink->ops = ops_of_sinks();
  sink->job =
      (struct mw_script_job){.context = shared->context,
                             .queue = shared->queue,
                             .folders = shared->folders,
                             .slot = mw_running_slot(shared->running, "sink", settings->name)};
  mw_script_job_init(&sink->job);
  mw_script_job_order(&sink->job, order);
  atomic_init(&sink->stop_by_ns, INT64_MAX);
  mw_gate_init(&sink->gate, 1);
  return sink;
}

struct mw_sink *mw_script_sink_start(const struct mw_script_order *order,
                                     const struct mw_crew_shared *shared, struct mw_error *err)
{
  const struct mw_delivery_config config = {.name = order->settings->name,
                                            .queue = shared->queue,
                                            .start_at = order->settings->start_at,
                                            .owner_tells = true};
  struct script_sink *sink = new_sink(order, shared);

  if (!sink) {
    mw_error_set(err, ENOMEM, "out of memory for the sink %s", order->settings->name);
    return NULL;
  }
  sink->delivery = mw_delivery_new(&config, err);
  if (sink->delivery && start_worker(sink, order->settings->name, err) == 0)
    return &sink->front;
  free_ended(&sink->front);
  return NULL;
}
