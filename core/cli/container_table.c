#include "cli/container_table.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "json/reader.h"

#define ID_BYTES 128
#define SHORT_ID_BYTES 12
#define ROWS_MAX 50000 /* more than a host runs: the scripts may well send more */
#define OTHER_LINES_MAX_BYTES ((size_t)16 << 20)
#define MESSAGE_DEPTH 1 /* its own fields */
#define ITEM_DEPTH 3    /* the fields of an element of its list */

typedef char *format_function(double value, char out[static MW_CLI_UNIT_BYTES]);

/* From left to right; `keep` orders them by importance, the lowest leave first. */
static const struct column {
  const char *field, *header;
  const char *field_of_container; /* in that message; NULL: the same */
  format_function *format;
  bool per_second;
  int keep;
} columns[] = {
    {"totalPct", "CPU", NULL, mw_cli_percent, false, 100},
    {"userPct", "USER", NULL, mw_cli_percent, false, 40},
    {"systemPct", "SYSTEM", NULL, mw_cli_percent, false, 30},
    {"cpuLimit", "CPU LIMIT", NULL, mw_cli_percent, false, 60},
    {"memUsage", "MEMORY", NULL, mw_cli_bytes, false, 90},
    {"memLimit", "LIMIT", "memoryLimit", mw_cli_bytes, false, 70},
    {"memAccounted", "WORKING SET", NULL, mw_cli_bytes, false, 35},
    {"memRss", "RSS", NULL, mw_cli_bytes, false, 50},
    {"memCache", "CACHE", NULL, mw_cli_bytes, false, 20},
    {"rbps", "READ", NULL, mw_cli_bytes, true, 80},
    {"wbps", "WRITE", NULL, mw_cli_bytes, true, 80},
    {"netRcvdBps", "RECEIVED", NULL, mw_cli_bytes, true, 72},
    {"netSentBps", "SENT", NULL, mw_cli_bytes, true, 72},
    {"threadCount", "PIDS", NULL, mw_cli_count, false, 75},
    {"threadLimit", "PIDS LIMIT", NULL, mw_cli_count, false, 10},
};

#define CELL_BYTES (MW_CLI_UNIT_BYTES + 2) /* "/s" */
#define COLUMNS (sizeof columns / sizeof columns[0])

struct row {
  char id[ID_BYTES];
  bool present[COLUMNS];
  double values[COLUMNS];
};

/* The fields of a metric or an event, for a line of its own. */
struct plain {
  char metric[128], type[32], title[256], text[512], severity[32], tags[512];
  bool has_value;
  double value;
};

static const struct plain_text {
  const char *field;
  size_t offset, bytes;
} plain_texts[] = {
    {"metric", offsetof(struct plain, metric), sizeof((struct plain *)0)->metric},
    {"type", offsetof(struct plain, type), sizeof((struct plain *)0)->type},
    {"title", offsetof(struct plain, title), sizeof((struct plain *)0)->title},
    {"text", offsetof(struct plain, text), sizeof((struct plain *)0)->text},
    {"severity", offsetof(struct plain, severity), sizeof((struct plain *)0)->severity},
};

struct mw_container_table {
  struct row *rows;
  size_t rows_count, rows_capacity, rows_dropped;
  struct mw_buf other_lines;

  /* while a message is being read */
  int depth;
  bool in_list, has_list, in_row, in_tags;
  char key[64];
  struct plain plain;
};

struct mw_container_table *mw_container_table_new(struct mw_error *err)
{
  struct mw_container_table *table = calloc(1, sizeof *table);

  if (!table)
    mw_error_set(err, ENOMEM, "out of memory for a table");
  else
    mw_buf_init(&table->other_lines, OTHER_LINES_MAX_BYTES);
  return table;
}

void mw_container_table_free(struct mw_container_table *table)
{
  if (!table)
    return;
  free(table->rows);
  mw_buf_deinit(&table->other_lines);
  free(table);
}

void mw_container_table_clear(struct mw_container_table *table)
{
  table->rows_count = table->rows_dropped = 0;
  mw_buf_clear(&table->other_lines);
}

/* ---- From messages to rows ---- */

static int on_key(void *data, struct mw_slice key, struct mw_error *err)
{
  struct mw_container_table *table = data;

  (void)err;
  snprintf(table->key, sizeof table->key, "%.*s", (int)key.len_bytes, key.data);
  return 0;
}

static int add_row(struct mw_container_table *table, struct mw_error *err)
{
  if (table->rows_count == ROWS_MAX) {
    table->rows_dropped++;
    return 0;
  }
  if (table->rows_count == table->rows_capacity) {
    size_t capacity = table->rows_capacity ? table->rows_capacity * 2 : 64;
    struct row *rows = reallocarray(table->rows, capacity, sizeof *rows);
    if (!rows)
      return mw_error_set(err, ENOMEM, "out of memory for a table of %zu rows", capacity);
    table->rows = rows;
    table->rows_capacity = capacity;
  }
  table->rows[table->rows_count++] = (struct row){.id = "?"};
  table->in_row = true;
  return 0;
}

static int on_begin_object(void *data, struct mw_error *err)
{
  struct mw_container_table *table = data;

  if (++table->depth != ITEM_DEPTH || !table->in_list)
    return 0;
  return add_row(table, err);
}

static int on_begin_array(void *data, struct mw_error *err)
{
  struct mw_container_table *table = data;

  (void)err;
  if (table->depth++ != MESSAGE_DEPTH)
    return 0;
  if (strcmp(table->key, "stats") == 0 || strcmp(table->key, "containers") == 0)
    table->in_list = table->has_list = true;
  table->in_tags = strcmp(table->key, "tags") == 0;
  return 0;
}

static int on_end(void *data, struct mw_error *err)
{
  struct mw_container_table *table = data;

  (void)err;
  table->depth--;
  if (table->depth < ITEM_DEPTH)
    table->in_row = false;
  if (table->depth == MESSAGE_DEPTH)
    table->in_list = table->in_tags = false;
  return 0;
}

/* The row whose own fields are being read; a script may put anything in their place. */
static struct row *open_row(struct mw_container_table *table)
{
  return table->in_row && table->depth == ITEM_DEPTH ? &table->rows[table->rows_count - 1] : NULL;
}

/* Each is a part of one line. */
static void copy_line(char *out, size_t out_bytes, struct mw_slice text)
{
  snprintf(out, out_bytes, "%.*s", (int)text.len_bytes, text.data);
  for (; *out; out++)
    if (*out == '\n')
      *out = ' ';
}

static void keep_text(struct plain *plain, const char *key, struct mw_slice text)
{
  for (size_t i = 0; i < sizeof plain_texts / sizeof plain_texts[0]; i++)
    if (strcmp(key, plain_texts[i].field) == 0)
      copy_line((char *)plain + plain_texts[i].offset, plain_texts[i].bytes, text);
}

static void keep_tag(struct plain *plain, struct mw_slice text)
{
  size_t used = strlen(plain->tags);

  if (used > 0 && used + 2 < sizeof plain->tags)
    used = (size_t)(stpcpy(plain->tags + used, ", ") - plain->tags);
  copy_line(plain->tags + used, sizeof plain->tags - used, text);
}

static int on_string(void *data, struct mw_slice text, struct mw_error *err)
{
  struct mw_container_table *table = data;
  struct row *row = open_row(table);

  (void)err;
  if (table->depth == MESSAGE_DEPTH)
    keep_text(&table->plain, table->key, text);
  else if (table->in_tags && table->depth == MESSAGE_DEPTH + 1)
    keep_tag(&table->plain, text);
  if (row && strcmp(table->key, "id") == 0) {
    copy_line(row->id, sizeof row->id, text);
    mw_cli_make_printable(row->id);
  }
  return 0;
}

static double number_value(const struct mw_json_number *number)
{
  switch (number->kind) {
  case MW_JSON_I64:
    return (double)number->value.i64;
  case MW_JSON_U64:
    return (double)number->value.u64;
  case MW_JSON_DOUBLE:
    return number->value.f64;
  }
  return 0;
}

static bool is_of_column(const char *key, const struct column *column)
{
  return strcmp(key, column->field) == 0 ||
         (column->field_of_container && strcmp(key, column->field_of_container) == 0);
}

static int on_number(void *data, const struct mw_json_number *number, struct mw_error *err)
{
  struct mw_container_table *table = data;
  struct row *row = open_row(table);

  (void)err;
  if (table->depth == MESSAGE_DEPTH && strcmp(table->key, "value") == 0) {
    table->plain.has_value = true;
    table->plain.value = number_value(number);
  }
  for (size_t i = 0; row && i < COLUMNS; i++) {
    if (is_of_column(table->key, &columns[i])) {
      row->present[i] = true;
      row->values[i] = number_value(number);
    }
  }
  return 0;
}

/* With all digits that it has, and no more: 0.1, not 0.10000000000000001. */
static void format_value(double value, char out[static 32])
{
  snprintf(out, 32, "%.15g", value);
  if (strtod(out, NULL) != value)
    snprintf(out, 32, "%.17g", value);
}

/* What is no list of containers: metrics and events in words, anything else as it is. */
static int add_line(struct mw_container_table *table, const struct mw_message *message,
                    struct mw_error *err)
{
  const struct plain *plain = &table->plain;
  const char *open = plain->tags[0] ? "  [" : "", *close = plain->tags[0] ? "]" : "";
  char value[32];

  if (strcmp(message->kind, "metric") == 0 && plain->metric[0] && plain->has_value) {
    format_value(plain->value, value);
    return mw_buf_printf(&table->other_lines, err, "%-15s  %s = %s%s%s%s\n", plain->type,
                         plain->metric, value, open, plain->tags, close);
  }
  if (strcmp(message->kind, "event") == 0 && plain->title[0])
    return mw_buf_printf(&table->other_lines, err, "%-15s  %s%s%s%s%s%s%s%s\n", "event",
                         plain->severity, plain->severity[0] ? ": " : "", plain->title,
                         plain->text[0] ? ": " : "", plain->text, open, plain->tags, close);
  return mw_buf_printf(&table->other_lines, err, "%-15s  %.*s\n", message->kind,
                       (int)message->body.len_bytes, message->body.data);
}

int mw_container_table_add(struct mw_container_table *table, const struct mw_message *message,
                           struct mw_error *err)
{
  static const struct mw_json_events events = {
      .number = on_number,
      .string = on_string,
      .begin_object = on_begin_object,
      .key = on_key,
      .end_object = on_end,
      .begin_array = on_begin_array,
      .end_array = on_end,
  };
  struct mw_json_reader_config config = {
      .events = &events, .data = table, .string_max_bytes = message->body.len_bytes};
  struct mw_json_reader *reader = mw_json_reader_new(&config, err);

  if (!reader)
    return -ENOMEM;
  table->depth = 0;
  table->in_list = table->has_list = table->in_row = false;
  table->in_tags = false;
  table->key[0] = '\0';
  table->plain = (struct plain){0};
  int rc = mw_json_reader_feed(reader, message->body, err);
  if (rc == 0)
    rc = mw_json_reader_finish(reader, err);
  mw_json_reader_free(reader);
  return rc == 0 && !table->has_list ? add_line(table, message, err) : rc;
}

/* ---- From rows to text ---- */

/* Most CPU first; without a rate at the end; then by id. */
static int by_cpu(const void *a, const void *b)
{
  const struct row *one = a, *other = b;

  if (one->present[0] != other->present[0])
    return one->present[0] ? -1 : 1;
  if (one->present[0] && one->values[0] != other->values[0])
    return one->values[0] > other->values[0] ? -1 : 1;
  return strcmp(one->id, other->id);
}

static char *cell(const struct row *row, size_t column, char out[static CELL_BYTES])
{
  char value[MW_CLI_UNIT_BYTES] = "-";

  if (row->present[column])
    columns[column].format(row->values[column], value);
  snprintf(out, CELL_BYTES, "%s%s", value,
           row->present[column] && columns[column].per_second ? "/s" : "");
  return out;
}

static int by_id(const void *a, const void *b)
{
  return strcmp(((const struct row *)a)->id, ((const struct row *)b)->id);
}

/* Twelve digits tell containers apart for people; where they do not, all digits are shown. */
static size_t id_width(struct mw_container_table *table)
{
  size_t width = strlen("CONTAINER");
  bool ambiguous = false;

  qsort(table->rows, table->rows_count, sizeof *table->rows, by_id); /* the likely ones meet */
  for (size_t i = 1; i < table->rows_count && !ambiguous; i++)
    ambiguous = strncmp(table->rows[i - 1].id, table->rows[i].id, SHORT_ID_BYTES) == 0;
  for (size_t i = 0; i < table->rows_count; i++) {
    size_t bytes = strlen(table->rows[i].id);
    if (!ambiguous && bytes > SHORT_ID_BYTES)
      bytes = SHORT_ID_BYTES;
    width = bytes > width ? bytes : width;
  }
  return width;
}

static void column_widths(const struct mw_container_table *table, size_t widths[static COLUMNS])
{
  char text[CELL_BYTES];

  for (size_t i = 0; i < COLUMNS; i++) {
    widths[i] = strlen(columns[i].header);
    for (size_t k = 0; k < table->rows_count; k++) {
      size_t bytes = strlen(cell(&table->rows[k], i, text));
      widths[i] = bytes > widths[i] ? bytes : widths[i];
    }
  }
}

/* Give up columns (width 0) until the rest fits. */
static void fit(size_t id_bytes, size_t widths[static COLUMNS], unsigned terminal_columns)
{
  for (;;) {
    size_t total = id_bytes, least = COLUMNS;
    for (size_t i = 0; i < COLUMNS; i++) {
      if (widths[i] == 0)
        continue;
      total += widths[i] + 2;
      if (least == COLUMNS || columns[i].keep < columns[least].keep)
        least = i;
    }
    if (terminal_columns == 0 || total <= terminal_columns || least == COLUMNS)
      return;
    widths[least] = 0;
  }
}

void mw_container_table_print(struct mw_container_table *table, const char *title,
                              unsigned terminal_columns)
{
  size_t widths[COLUMNS], id_bytes = table->rows_count > 0 ? id_width(table) : 0;
  char text[CELL_BYTES];

  printf("%s\n", title);
  if (table->rows_count > 0) {
    qsort(table->rows, table->rows_count, sizeof *table->rows, by_cpu);
    column_widths(table, widths);
    fit(id_bytes, widths, terminal_columns);
    printf("%-*s", (int)id_bytes, "CONTAINER");
    for (size_t i = 0; i < COLUMNS; i++)
      if (widths[i] > 0)
        printf("  %*s", (int)widths[i], columns[i].header);
    putchar('\n');
  }
  for (size_t k = 0; k < table->rows_count; k++) {
    printf("%-*.*s", (int)id_bytes, (int)id_bytes, table->rows[k].id);
    for (size_t i = 0; i < COLUMNS; i++)
      if (widths[i] > 0)
        printf("  %*s", (int)widths[i], cell(&table->rows[k], i, text));
    putchar('\n');
  }
  if (table->rows_dropped > 0)
    printf("and %zu more containers\n", table->rows_dropped);
  if (table->other_lines.len_bytes > 0) {
    mw_cli_make_printable(table->other_lines.data);
    fputs(table->other_lines.data, stdout);
  }
}
