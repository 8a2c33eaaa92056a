/**
 * @file task_fixture.h
 * A task with a script of the test's own, on a recorded host, and what it emits.
 * Include it behind cmocka.h.
 */
#ifndef TASK_FIXTURE_H
#define TASK_FIXTURE_H

#include <errno.h>

#include "agent/task.h"
#include "support/tmptree.h"

#define MESSAGES_MAX 8

struct message {
  char task[64], kind[80], body[1024];
  int schema;
  int64_t emitted_at_ns;
};

struct fixture {
  char dir[TMPTREE_ROOT_BYTES]; /* with the scripts of a test */
  const char *script_dirs[3];
  struct mw_clock_manual clock;
  struct mw_context *context;
  struct mw_group_ids group_ids;
  struct mw_task_config config;
  struct mw_task *task;
  struct mw_error err;
  struct message messages[MESSAGES_MAX];
  size_t messages_count;
  bool refuse_messages;
};

static inline int keep_message(void *data, const struct mw_message *message, struct mw_error *err)
{
  struct fixture *f = data;

  if (f->refuse_messages)
    return mw_error_set(err, ENOSPC, "the buffer is full");
  assert_true(f->messages_count < MESSAGES_MAX);
  struct message *kept = &f->messages[f->messages_count++];
  snprintf(kept->task, sizeof kept->task, "%s", message->script);
  snprintf(kept->kind, sizeof kept->kind, "%s", message->kind);
  snprintf(kept->body, sizeof kept->body, "%.*s", (int)message->body.len_bytes, message->body.data);
  kept->schema = message->schema;
  kept->emitted_at_ns = message->emitted_at_ns;
  return 0;
}

static inline int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  f->script_dirs[0] = f->dir;
  f->script_dirs[1] = "scripts";
  mw_clock_manual_init(&f->clock);
  f->clock.now_wall_ns = 1700000000 * MW_NS_PER_S + MW_NS_PER_S / 2;
  struct mw_context_config config = {.host_root = "spec/fixtures/hybrid", .clock = &f->clock.clock};
  f->context = mw_context_new(&config, &f->err);
  assert_non_null(f->context);
  mw_group_ids_init(&f->group_ids, 7);
  f->config = (struct mw_task_config){.kind = MW_TASK_CHECK,
                                      .name = "demo",
                                      .script_dirs = f->script_dirs,
                                      .context = f->context,
                                      .memory_max_bytes = 4 << 20,
                                      .timeout_ms = 50,
                                      .emit = keep_message,
                                      .emit_data = f,
                                      .group_ids = &f->group_ids};
  *state = f;
  return 0;
}

static inline int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_task_close(f->task);
  mw_context_free(f->context);
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

static inline void write_script(struct fixture *f, const char *name, const char *text)
{
  char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s/%s", f->dir, name);
  tmptree_write(path, text);
}

/* Open the check (or source) "demo" with the text @p text. @return 0 or the error's code. */
static inline int open_demo(struct fixture *f, const char *text)
{
  mw_task_close(f->task);
  write_script(f, f->config.kind == MW_TASK_CHECK ? "checks/demo.lua" : "sources/demo.lua", text);
  f->err.code = 0;
  f->task = mw_task_open(&f->config, &f->err);
  return f->task ? 0 : f->err.code;
}

/* A script whose run (or list) is @p body. */
static inline void open_body(struct fixture *f, const char *body)
{
  char text[2048];

  snprintf(text, sizeof text, "local M = { api = 1 }\nfunction M.%s(context)\n%s\nend\nreturn M\n",
           f->config.kind == MW_TASK_CHECK ? "run" : "list", body);
  if (open_demo(f, text) != 0)
    fail_msg("%s", f->err.text);
}

static inline int run_body(struct fixture *f, const char *body)
{
  open_body(f, body);
  f->messages_count = 0;
  return mw_task_run(f->task, &f->err);
}

static inline void assert_contains(const char *text, const char *part)
{
  if (!strstr(text, part))
    fail_msg("\"%s\" is not in: %s", part, text);
}

#endif
