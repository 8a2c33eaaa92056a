/* Configuration: any key and value of a command line or of the environment end as a value within
 * bounds or as a mistake, and the scan for lines finds lines that are there.
 *
 * Input: a key, a value and the source of a file, with a '\n' between them. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_internal.h"

static void check_fault(const struct mw_config_fault *fault)
{
  assert(fault->place && *fault->place);
  assert(fault->text && *fault->text);
}

static void check_value(const struct mw_config_value *value)
{
  bool is_table;

  assert(mw_config_key_find(value->path, &is_table) == value->key);
  if (value->type == MW_CONFIG_INTEGER && value->origin != MW_CONFIG_DEFAULT)
    assert(value->number >= value->key->min && value->number <= value->key->max);
  for (size_t i = 0; i < value->texts_count; i++)
    assert(value->texts[i]);
}

static void load(const char *key, const char *text)
{
  char variable[1024];
  const char *const environment[] = {variable, NULL};
  const struct mw_option flag = {key, text};
  const struct mw_config_request request = {.file = "/proc/self/no/moonwatch.lua",
                                            .file_may_lack = true,
                                            .environment = environment,
                                            .flags = &flag,
                                            .flags_count = 1};
  struct mw_error err;

  snprintf(variable, sizeof variable, "MOONWATCH_%s=%s", key, text);
  struct mw_config *config = mw_config_load(&request, &err);
  assert(config);
  for (size_t i = 0; i < mw_config_faults_count(config); i++)
    check_fault(mw_config_fault(config, i));
  for (size_t i = 0; i < mw_config_values_count(config); i++)
    check_value(mw_config_value(config, i));
  assert((mw_config_mistakes_count(config) == 0) == (mw_config_settings(config) != NULL));
  mw_config_free(config);
}

static void scan(struct mw_slice source, const char *key)
{
  struct mw_config_lines lines = {0};
  unsigned count = 1;

  mw_config_lines_scan(&lines, source);
  for (size_t i = 0; i < source.len_bytes; i++)
    count += source.data[i] == '\n';
  assert(mw_config_lines_find(&lines, key) <= count);
  mw_config_lines_deinit(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  struct mw_slice rest = {(const char *)data, len_bytes}, key = {"", 0}, text = {"", 0};

  if (!mw_slice_next_line(&rest, &key) || !mw_slice_next_line(&rest, &text))
    return 0;
  char *key_text = strndup(key.data, key.len_bytes);
  char *value_text = strndup(text.data, text.len_bytes);
  assert(key_text && value_text);
  load(key_text, value_text);
  scan(rest, key_text);
  free(key_text);
  free(value_text);
  return 0;
}
