#include "cli/findings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "json/writer.h"

#define FINDINGS_MAX 256
#define TEXT_MIN_COLUMNS 24 /* narrower than that nobody reads */
#define COSTS_MAX_BYTES 8192

struct mw_findings {
  size_t count;
  struct mw_finding items[FINDINGS_MAX + 1]; /* the last one takes what finds no room */
};

static const char *const status_names[] = {"ok", "info", "warn", "fail"};

#define STATUSES (sizeof status_names / sizeof status_names[0])

struct mw_findings *mw_findings_new(struct mw_error *err)
{
  struct mw_findings *findings = calloc(1, sizeof *findings);

  if (!findings)
    mw_error_set(err, ENOMEM, "out of memory for findings");
  return findings;
}

void mw_findings_free(struct mw_findings *findings)
{
  free(findings);
}

static void __attribute__((format(printf, 3, 0)))
fill(char *out, size_t out_bytes, const char *fmt, va_list args)
{
  vsnprintf(out, out_bytes, fmt, args);
  mw_cli_make_printable(out);
}

struct mw_finding *mw_findings_add(struct mw_findings *findings, enum mw_finding_status status,
                                   const char *check_fmt, ...)
{
  struct mw_finding *finding = &findings->items[findings->count];
  va_list args;

  if (findings->count < FINDINGS_MAX)
    findings->count++;
  *finding = (struct mw_finding){.status = status};
  va_start(args, check_fmt);
  fill(finding->check, sizeof finding->check, check_fmt, args);
  va_end(args);
  return finding;
}

void mw_finding_found(struct mw_finding *finding, const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  fill(finding->found, sizeof finding->found, fmt, args);
  va_end(args);
}

void mw_finding_cure(struct mw_finding *finding, const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  fill(finding->cure, sizeof finding->cure, fmt, args);
  va_end(args);
}

bool mw_findings_need_cure(const struct mw_findings *findings)
{
  for (size_t i = 0; i < findings->count; i++)
    if (findings->items[i].status >= MW_FINDING_WARN)
      return true;
  return false;
}

/* ---- For eyes ---- */

/* Where text stands: behind what is printed already, in a column of its own. */
struct column {
  size_t indent, width; /* width 0: any */
  size_t used;          /* on the current line */
};

static void print_word(struct column *column, const char *word, size_t word_bytes)
{
  if (column->used > 0 && column->width > 0 && column->used + 1 + word_bytes > column->width) {
    printf("\n%*s", (int)column->indent, "");
    column->used = 0;
  }
  if (column->used > 0) {
    putchar(' ');
    column->used++;
  }
  printf("%.*s", (int)word_bytes, word);
  column->used += word_bytes;
}

static void print_words(struct column *column, const char *text)
{
  struct mw_slice rest = {text, strlen(text)}, word;

  while (mw_slice_next_word(&rest, &word))
    print_word(column, word.data, word.len_bytes);
}

static void next_line(struct column *column)
{
  printf("\n%*s", (int)column->indent, "");
  column->used = 0;
}

/* The names of what is lost, with @p separator between them. */
static void list_costs(const struct mw_finding *finding, const char *separator, struct mw_buf *out)
{
  struct mw_slice rest = {"", 0}, word;

  for (int i = 0; i < MW_FIGURE_COUNT; i++)
    if (finding->lost_figures >> i & 1)
      mw_buf_printf(out, NULL, "%s%s", out->len_bytes > 0 ? separator : "",
                    mw_figure_info((enum mw_figure)i)->name);
  if (finding->lost_others)
    rest = (struct mw_slice){finding->lost_others, strlen(finding->lost_others)};
  while (mw_slice_next_word(&rest, &word))
    mw_buf_printf(out, NULL, "%s%.*s", out->len_bytes > 0 ? separator : "", (int)word.len_bytes,
                  word.data);
}

static void print_finding(const struct mw_finding *finding, size_t check_bytes, unsigned columns)
{
  size_t indent = strlen("STATUS  ") + check_bytes + 2;
  struct column column = {.indent = indent};
  MW_AUTO_BUF costs;

  if (columns > 0)
    column.width = columns > indent + TEXT_MIN_COLUMNS ? columns - indent : TEXT_MIN_COLUMNS;
  printf("%-6s  %-*s  ", status_names[finding->status], (int)check_bytes, finding->check);
  print_words(&column, finding->found);
  mw_buf_init(&costs, COSTS_MAX_BYTES);
  list_costs(finding, ", ", &costs);
  if (costs.len_bytes > 0) {
    next_line(&column);
    print_words(&column, "costs:");
    print_words(&column, costs.data);
  }
  if (finding->cure[0]) {
    next_line(&column);
    print_words(&column, "cure:");
    print_words(&column, finding->cure);
  }
  putchar('\n');
}

void mw_findings_print(const struct mw_findings *findings, unsigned columns)
{
  size_t check_bytes = strlen("CHECK"), counts[STATUSES] = {0};

  for (size_t i = 0; i < findings->count; i++) {
    size_t bytes = strlen(findings->items[i].check);
    check_bytes = bytes > check_bytes ? bytes : check_bytes;
    counts[findings->items[i].status]++;
  }
  printf("STATUS  %-*s  FOUND\n", (int)check_bytes, "CHECK");
  for (size_t i = 0; i < findings->count; i++)
    print_finding(&findings->items[i], check_bytes, columns);
  for (size_t i = 0; i < STATUSES; i++)
    printf("%s%zu %s", i > 0 ? ", " : "", counts[i], status_names[i]);
  putchar('\n');
}

/* ---- For programs ---- */

static void write_costs(struct mw_json_writer *w, const struct mw_finding *finding)
{
  MW_AUTO_BUF costs;
  struct mw_slice rest, word;

  mw_buf_init(&costs, COSTS_MAX_BYTES);
  list_costs(finding, " ", &costs);
  rest = (struct mw_slice){costs.data, costs.len_bytes};
  mw_json_write_key(w, "costs");
  mw_json_begin_array(w);
  while (mw_slice_next_word(&rest, &word))
    mw_json_write_slice(w, word);
  mw_json_end_array(w);
}

static void write_text(struct mw_json_writer *w, const char *key, const char *text)
{
  mw_json_write_key(w, key);
  mw_json_write_text(w, text);
}

static void write_finding(struct mw_json_writer *w, const struct mw_finding *finding)
{
  mw_json_begin_object(w);
  write_text(w, "check", finding->check);
  write_costs(w, finding);
  if (finding->cure[0])
    write_text(w, "cure", finding->cure);
  write_text(w, "found", finding->found);
  write_text(w, "status", status_names[finding->status]);
  mw_json_end_object(w);
}

int mw_findings_print_json(const struct mw_findings *findings, struct mw_error *err)
{
  struct mw_json_writer w;
  MW_AUTO_BUF out;

  mw_buf_init(&out, (size_t)4 << 20);
  mw_json_writer_init(&w, &out, err);
  mw_json_begin_array(&w);
  for (size_t i = 0; i < findings->count; i++)
    write_finding(&w, &findings->items[i]);
  mw_json_end_array(&w);
  int rc = mw_json_writer_finish(&w);
  if (rc == 0)
    puts(out.data);
  return rc;
}
