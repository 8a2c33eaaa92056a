#include "cli/config_print.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "json/number.h"
#include "json/writer.h"

#define OUT_MAX_BYTES ((size_t)32 << 20)
#define KEY_MAX_COLUMNS 64
#define VALUE_MAX_COLUMNS 32
#define MASK "********"

static const char *const origin_names[] = {
    [MW_CONFIG_DEFAULT] = "default",
    [MW_CONFIG_FILE] = "file",
    [MW_CONFIG_ENVIRONMENT] = "environment",
    [MW_CONFIG_FLAG] = "flag",
};

static void write_text(struct mw_json_writer *w, const char *key, const char *text)
{
  mw_json_write_key(w, key);
  mw_json_write_text(w, text);
}

static void write_line(struct mw_json_writer *w, unsigned line)
{
  if (line == 0)
    return;
  mw_json_write_key(w, "line");
  mw_json_write_u64(w, line);
}

/* Writes what has an index: of a configuration, or (NULL) of the table of keys. */
typedef void write_item(struct mw_json_writer *, const struct mw_config *, size_t index);

static int print_json(const struct mw_config *config, size_t count, write_item *write,
                      struct mw_error *err)
{
  struct mw_json_writer w;
  MW_AUTO_BUF out;

  mw_buf_init(&out, OUT_MAX_BYTES);
  mw_json_writer_init(&w, &out, err);
  mw_json_begin_array(&w);
  for (size_t i = 0; i < count; i++)
    write(&w, config, i);
  mw_json_end_array(&w);
  int rc = mw_json_writer_finish(&w);
  if (rc == 0)
    puts(out.data);
  return rc;
}

/* ---- Faults ---- */

static void print_fault(const struct mw_config_fault *fault)
{
  MW_AUTO_BUF line;

  mw_buf_init(&line, OUT_MAX_BYTES);
  mw_buf_printf(&line, NULL, "%s", fault->place);
  if (fault->line > 0)
    mw_buf_printf(&line, NULL, ":%u", fault->line);
  mw_buf_printf(&line, NULL, ": %s", fault->is_warning ? "warning: " : "");
  if (fault->key)
    mw_buf_printf(&line, NULL, "%s: ", fault->key);
  mw_buf_printf(&line, NULL, "%s", fault->text);
  if (fault->meant)
    mw_buf_printf(&line, NULL, "; did you mean %s?", fault->meant);
  if (!line.data)
    return;
  mw_cli_make_printable(line.data);
  puts(line.data);
}

void mw_config_print_faults(const struct mw_config *config)
{
  for (size_t i = 0; i < mw_config_faults_count(config); i++)
    print_fault(mw_config_fault(config, i));
}

static void write_fault(struct mw_json_writer *w, const struct mw_config *config, size_t index)
{
  const struct mw_config_fault *fault = mw_config_fault(config, index);

  mw_json_begin_object(w);
  if (fault->key)
    write_text(w, "key", fault->key);
  write_line(w, fault->line);
  if (fault->meant)
    write_text(w, "meant", fault->meant);
  write_text(w, "place", fault->place);
  write_text(w, "severity", fault->is_warning ? "warning" : "mistake");
  write_text(w, "text", fault->text);
  mw_json_end_object(w);
}

int mw_config_print_faults_json(const struct mw_config *config, struct mw_error *err)
{
  return print_json(config, mw_config_faults_count(config), write_fault, err);
}

/* ---- Values ---- */

static bool is_list(const struct mw_config_value *value)
{
  return value->type == MW_CONFIG_NAMES || value->type == MW_CONFIG_PATHS || value->texts_count > 1;
}

static bool is_number(const struct mw_config_value *value)
{
  return value->type == MW_CONFIG_INTEGER || value->type == MW_CONFIG_NUMBER;
}

/* Append the value for eyes: a number with its unit, a list with commas. */
static void append_value(struct mw_buf *out, const struct mw_config_value *value)
{
  char number[MW_JSON_NUMBER_BYTES];

  if (mw_config_is_secret(value)) {
    mw_buf_append_text(out, MASK, NULL);
  } else if (is_number(value)) {
    size_t bytes = mw_json_format_double(value->number, number);
    mw_buf_append(out, number, bytes, NULL);
    if (value->key->unit)
      mw_buf_printf(out, NULL, " %s", value->key->unit);
  } else if (value->type == MW_CONFIG_BOOLEAN) {
    mw_buf_append_text(out, value->number > 0 ? "true" : "false", NULL);
  } else {
    size_t before = out->len_bytes;
    for (size_t i = 0; i < value->texts_count; i++)
      mw_buf_printf(out, NULL, "%s%s", i > 0 ? ", " : "", value->texts[i]);
    if (out->len_bytes == before)
      mw_buf_append_text(out, "-", NULL);
  }
}

static void print_row(const struct mw_config_value *value, size_t key_columns)
{
  MW_AUTO_BUF text;
  char line[16] = "";

  mw_buf_init(&text, OUT_MAX_BYTES);
  append_value(&text, value);
  if (!text.data)
    return;
  mw_cli_make_printable(text.data);
  if (value->line > 0)
    snprintf(line, sizeof line, ":%u", value->line);
  printf("%-*s  %-*s  %s%s\n", (int)key_columns, value->path, VALUE_MAX_COLUMNS, text.data,
         value->place ? value->place : origin_names[MW_CONFIG_DEFAULT], line);
}

void mw_config_print_values(const struct mw_config *config)
{
  const struct mw_config_value *value;
  size_t columns = strlen("KEY");

  for (size_t i = 0; (value = mw_config_value(config, i)); i++)
    if (strlen(value->path) > columns && strlen(value->path) <= KEY_MAX_COLUMNS)
      columns = strlen(value->path);
  printf("%-*s  %-*s  FROM\n", (int)columns, "KEY", VALUE_MAX_COLUMNS, "VALUE");
  for (size_t i = 0; (value = mw_config_value(config, i)); i++)
    print_row(value, columns);
}

static void write_content(struct mw_json_writer *w, const struct mw_config_value *value)
{
  if (mw_config_is_secret(value)) {
    mw_json_write_text(w, MASK);
  } else if (is_number(value)) {
    mw_json_write_double(w, value->number);
  } else if (value->type == MW_CONFIG_BOOLEAN) {
    mw_json_write_bool(w, value->number > 0);
  } else if (!is_list(value)) {
    mw_json_write_text(w, value->texts_count > 0 ? value->texts[0] : "");
  } else {
    mw_json_begin_array(w);
    for (size_t i = 0; i < value->texts_count; i++)
      mw_json_write_text(w, value->texts[i]);
    mw_json_end_array(w);
  }
}

static void write_value(struct mw_json_writer *w, const struct mw_config *config, size_t index)
{
  const struct mw_config_value *value = mw_config_value(config, index);

  mw_json_begin_object(w);
  write_text(w, "key", value->path);
  write_line(w, value->line);
  write_text(w, "origin", origin_names[value->origin]);
  if (value->place)
    write_text(w, "place", value->place);
  if (value->key->unit)
    write_text(w, "unit", value->key->unit);
  mw_json_write_key(w, "value");
  write_content(w, value);
  mw_json_end_object(w);
}

int mw_config_print_values_json(const struct mw_config *config, struct mw_error *err)
{
  return print_json(config, mw_config_values_count(config), write_value, err);
}

/* ---- Keys ---- */

static const char *default_of(const struct mw_config_key *key)
{
  if (!key->fallback)
    return key->fallback_doc;
  return *key->fallback ? key->fallback : "none";
}

static void write_key(struct mw_json_writer *w, const struct mw_config *config, size_t index)
{
  const struct mw_config_key *key = mw_config_key(index);
  char expected[MW_CONFIG_EXPECTED_BYTES];

  (void)config;
  mw_json_begin_object(w);
  write_text(w, "default", default_of(key));
  write_text(w, "doc", key->doc);
  write_text(w, "expected", mw_config_expected(key, expected));
  write_text(w, "key", key->path);
  if (key->unit)
    write_text(w, "unit", key->unit);
  mw_json_end_object(w);
}

static void print_keys(void)
{
  const struct mw_config_key *key;
  char expected[MW_CONFIG_EXPECTED_BYTES];
  size_t columns = 0;

  for (size_t i = 0; (key = mw_config_key(i)); i++)
    columns = strlen(key->path) > columns ? strlen(key->path) : columns;
  for (size_t i = 0; (key = mw_config_key(i)); i++)
    printf("%-*s  %s\n%*s  %s; default: %s\n", (int)columns, key->path, key->doc, (int)columns, "",
           mw_config_expected(key, expected), default_of(key));
}

int mw_config_print_keys(enum mw_cli_format format)
{
  struct mw_error err;

  if (format == MW_CLI_TABLE) {
    print_keys();
  } else if (print_json(NULL, mw_config_keys_count(), write_key, &err) < 0) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_FAILED;
  }
  return MW_EXIT_FINE;
}
