#include "cli/store_actions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/store_print.h"
#include "store/space.h"
#include "json/writer.h"

#define INPUT_MAX_BYTES ((size_t)1 << 20) /* as scripts may put */
#define EXCERPT_BYTES 48

static struct mw_store_bytes bytes_of(const char *text)
{
  return (struct mw_store_bytes){text, strlen(text)};
}

static int say(const struct mw_error *err)
{
  mw_cli_say("%s", err->text);
  return err->code == EINVAL ? MW_EXIT_USAGE : MW_EXIT_FAILED;
}

static int open_space(struct mw_store_work *work, struct mw_store_space *space)
{
  struct mw_error err;

  return mw_store_space_init(space, work->store, work->script, MW_STORE_SPACE_DEFAULT_BYTES, &err) <
                 0
             ? say(&err)
             : 0;
}

static int say_no_key(struct mw_store_work *work)
{
  mw_cli_say("%s keeps nothing under %s", work->script, work->key);
  return MW_EXIT_NOTHING;
}

/* ---- get, put, delete ---- */

static int print_value(struct mw_store_work *work, struct mw_store_bytes value,
                       struct mw_error *err)
{
  struct mw_store_name name = {.script = bytes_of(work->script), .key = bytes_of(work->key)};

  if (work->raw) {
    fwrite(value.data, 1, value.len_bytes, stdout);
    return 0;
  }
  if (work->format == MW_CLI_JSON)
    return mw_store_print_json(&name, value, err);
  mw_store_print_escaped(value, 0);
  putchar('\n');
  return 0;
}

int mw_store_action_get(struct mw_store_work *work)
{
  struct mw_store_value value = {0};
  struct mw_store_space space;
  struct mw_error err;
  int rc = open_space(work, &space);

  if (rc != 0)
    return rc;
  rc = mw_store_space_get(&space, bytes_of(work->key), &value, &err);
  if (rc > 0)
    rc = print_value(work, (struct mw_store_bytes){value.data, value.len_bytes}, &err) < 0 ? -1 : 1;
  mw_store_value_deinit(&value);
  if (rc < 0)
    return say(&err);
  return rc == 0 ? say_no_key(work) : MW_EXIT_FINE;
}

static int read_input(struct mw_buf *out, struct mw_error *err)
{
  char step[4096];
  size_t got;
  int rc = 0;

  while (rc == 0 && (got = fread(step, 1, sizeof step, stdin)) > 0)
    rc = mw_buf_append(out, step, got, err);
  if (rc == 0 && ferror(stdin))
    rc = mw_error_set(err, errno, "%s", strerror(errno));
  if (rc < 0)
    mw_error_prefix(err, "cannot read standard input");
  return rc;
}

int mw_store_action_put(struct mw_store_work *work)
{
  struct mw_store_bytes value = bytes_of(work->value);
  struct mw_store_space space;
  struct mw_error err;
  MW_AUTO_BUF input;
  int rc = open_space(work, &space);

  mw_buf_init(&input, INPUT_MAX_BYTES);
  if (rc != 0)
    return rc;
  if (strcmp(work->value, "-") == 0) {
    if (read_input(&input, &err) < 0)
      return say(&err);
    value = (struct mw_store_bytes){input.data, input.len_bytes};
  }
  return mw_store_space_put(&space, bytes_of(work->key), value, &err) < 0 ? say(&err)
                                                                          : MW_EXIT_FINE;
}

int mw_store_action_delete(struct mw_store_work *work)
{
  struct mw_store_space space;
  struct mw_error err;
  int rc = open_space(work, &space);

  if (rc != 0)
    return rc;
  rc = mw_store_space_delete(&space, bytes_of(work->key), &err);
  if (rc < 0)
    return say(&err);
  return rc == 0 ? say_no_key(work) : MW_EXIT_FINE;
}

/* ---- list ---- */

static bool is_same(struct mw_store_bytes a, struct mw_store_bytes b)
{
  return a.len_bytes == b.len_bytes && memcmp(a.data, b.data, a.len_bytes) == 0;
}

static int list_one(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                    struct mw_error *err)
{
  const struct mw_store_work *work = data;
  struct mw_store_name name = mw_store_name_of(key);

  if (work->script && !is_same(name.script, bytes_of(work->script)))
    return 0;
  if (work->format == MW_CLI_JSON)
    return mw_store_print_json(&name, *value, err);
  mw_store_print_escaped(name.script, 0);
  fputs("  ", stdout);
  mw_store_print_escaped(name.key, 0);
  printf("  %zu bytes  ", value->len_bytes);
  mw_store_print_escaped(*value, EXCERPT_BYTES);
  putchar('\n');
  return 0;
}

int mw_store_action_list(struct mw_store_work *work)
{
  struct mw_error err;

  return mw_store_each(work->store, bytes_of(""), list_one, work, &err) < 0 ? say(&err)
                                                                            : MW_EXIT_FINE;
}

/* ---- stats ---- */

/* The records of a script follow one another. */
struct sum {
  enum mw_cli_format format;
  char script[MW_STORE_KEY_MAX_BYTES];
  size_t script_bytes;
  uint64_t entries_count, used_bytes;
  struct mw_json_writer *w;
};

static void print_sum(struct sum *sum)
{
  struct mw_store_bytes script = {sum->script, sum->script_bytes};
  char unit[MW_CLI_UNIT_BYTES];

  if (sum->entries_count == 0)
    return;
  if (sum->format == MW_CLI_JSON) {
    mw_json_begin_object(sum->w);
    mw_json_write_key(sum->w, "entries");
    mw_json_write_u64(sum->w, sum->entries_count);
    mw_json_write_key(sum->w, "script");
    mw_json_write_slice(sum->w, (struct mw_slice){sum->script, sum->script_bytes});
    mw_json_write_key(sum->w, "usedBytes");
    mw_json_write_u64(sum->w, sum->used_bytes);
    mw_json_end_object(sum->w);
    return;
  }
  fputs("script   ", stdout);
  mw_store_print_escaped(script, 0);
  printf("  entries %" PRIu64 "  %s of %s\n", sum->entries_count,
         mw_cli_bytes((double)sum->used_bytes, unit),
         mw_cli_bytes((double)MW_STORE_SPACE_DEFAULT_BYTES, (char[MW_CLI_UNIT_BYTES]){0}));
}

static int sum_one(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                   struct mw_error *err)
{
  struct mw_store_name name = mw_store_name_of(key);
  struct sum *sum = data;

  (void)err;
  if (!is_same(name.script, (struct mw_store_bytes){sum->script, sum->script_bytes})) {
    print_sum(sum);
    sum->entries_count = sum->used_bytes = 0;
    memcpy(sum->script, name.script.data, name.script.len_bytes);
    sum->script_bytes = name.script.len_bytes;
  }
  sum->entries_count++;
  sum->used_bytes += MW_STORE_ENTRY_BYTES + name.key.len_bytes + value->len_bytes;
  return 0;
}

static int print_scripts(struct mw_store_work *work, struct mw_json_writer *w, struct mw_error *err)
{
  struct sum sum = {.format = work->format, .w = w};
  int rc = mw_store_each(work->store, bytes_of(""), sum_one, &sum, err);

  if (rc == 0)
    print_sum(&sum);
  return rc;
}

static int print_table(struct mw_store_work *work, const struct mw_store_stats *stats,
                       struct mw_error *err)
{
  char size[MW_CLI_UNIT_BYTES], max[MW_CLI_UNIT_BYTES];

  printf("entries  %" PRIu64 "\n", stats->entries_count);
  printf("file     %s of %s\n", mw_cli_bytes((double)stats->size_bytes, size),
         mw_cli_bytes((double)stats->max_bytes, max));
  return print_scripts(work, NULL, err);
}

static int print_json(struct mw_store_work *work, const struct mw_store_stats *stats,
                      struct mw_error *err)
{
  struct mw_json_writer w;
  MW_AUTO_BUF out;

  mw_buf_init(&out, (size_t)16 << 20);
  mw_json_writer_init(&w, &out, err);
  mw_json_begin_object(&w);
  mw_json_write_key(&w, "entries");
  mw_json_write_u64(&w, stats->entries_count);
  mw_json_write_key(&w, "maxBytes");
  mw_json_write_u64(&w, stats->max_bytes);
  mw_json_write_key(&w, "scripts");
  mw_json_begin_array(&w);
  int rc = print_scripts(work, &w, err);
  mw_json_end_array(&w);
  mw_json_write_key(&w, "sizeBytes");
  mw_json_write_u64(&w, stats->size_bytes);
  mw_json_end_object(&w);
  if (rc == 0)
    rc = mw_json_writer_finish(&w);
  if (rc == 0)
    puts(out.data);
  return rc;
}

int mw_store_action_stats(struct mw_store_work *work)
{
  struct mw_store_stats stats;
  struct mw_error err;
  int rc = mw_store_stats(work->store, &stats, &err);

  if (rc == 0)
    rc = work->format == MW_CLI_JSON ? print_json(work, &stats, &err)
                                     : print_table(work, &stats, &err);
  return rc < 0 ? say(&err) : MW_EXIT_FINE;
}

/* ---- check ---- */

/* To standard error, for each. */
static int say_damaged(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                       struct mw_error *err)
{
  struct mw_store_name name = mw_store_name_of(key);

  (void)data;
  (void)value;
  (void)err;
  mw_cli_say("the value of %.*s under %.*s has changed on the disk; delete it, or put it again",
             (int)name.script.len_bytes, (const char *)name.script.data, (int)name.key.len_bytes,
             (const char *)name.key.data);
  return 0;
}

int mw_store_action_check(struct mw_store_work *work)
{
  struct mw_store_report report;
  struct mw_error err;

  if (mw_store_check(work->store, say_damaged, NULL, &report, &err) < 0)
    return say(&err);
  if (work->format == MW_CLI_JSON)
    printf("{\"damaged\":%" PRIu64 ",\"entries\":%" PRIu64 "}\n", report.damaged_count,
           report.entries_count);
  else
    printf("sound: all pages, and %" PRIu64 " of %" PRIu64 " values\n",
           report.entries_count - report.damaged_count, report.entries_count);
  return report.damaged_count > 0 ? MW_EXIT_FAILED : MW_EXIT_FINE;
}
