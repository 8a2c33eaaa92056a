#include "agent/sinks.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent/script_sink.h"
#include "base/parse.h"
#include "base/suggest.h"

static int bad_option(const char *sink, const struct mw_option *option, struct mw_error *err)
{
  static const char *const known[] = {"path", "max_bytes", "max_age_s", "keep"};
  struct mw_suggestion suggestion = {.wanted = option->key};

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    mw_suggestion_consider(&suggestion, known[i]);
  if (strcmp(sink, "stdout") == 0)
    return mw_error_set(err, EINVAL, "sink stdout has no option %s, nor any other", option->key);
  return mw_error_set(err, EINVAL, "sink %s has no option %s%s%s%s", sink, option->key,
                      suggestion.closest ? "; did you mean " : "",
                      suggestion.closest ? suggestion.closest : "", suggestion.closest ? "?" : "");
}

static int take_number(const struct mw_option *option, uint64_t min, uint64_t max, uint64_t *out,
                       struct mw_error *err)
{
  uint64_t value;

  if (!mw_parse_u64((struct mw_slice){option->text, strlen(option->text)}, &value) || value < min ||
      value > max)
    return mw_error_set(
        err, EINVAL, "option %s of sink file is \"%s\", not a whole number from %llu to %llu",
        option->key, option->text, (unsigned long long)min, (unsigned long long)max);
  *out = value;
  return 0;
}

static int take_file_option(const struct mw_option *option, struct mw_sink_file_config *config,
                            struct mw_error *err)
{
  uint64_t value = 0;
  int rc = 0;

  if (strcmp(option->key, "path") == 0) {
    config->path = option->text;
  } else if (strcmp(option->key, "max_bytes") == 0) {
    rc = take_number(option, 1, INT64_MAX, &config->max_bytes, err);
  } else if (strcmp(option->key, "max_age_s") == 0) {
    rc = take_number(option, 1, (uint64_t)10 * 365 * 86400, &value, err);
    config->max_age_s = (int64_t)value;
  } else if (strcmp(option->key, "keep") == 0) {
    rc = take_number(option, 0, 1000, &value, err);
    config->keep = (unsigned)value;
  } else {
    rc = bad_option("file", option, err);
  }
  return rc;
}

static int read_file_options(const struct mw_script_settings *settings,
                             struct mw_sink_file_config *out, struct mw_error *err)
{
  *out = (struct mw_sink_file_config){.keep = MW_SINK_FILE_KEEP_DEFAULT};
  for (size_t i = 0; i < settings->options_count; i++)
    if (take_file_option(&settings->options[i], out, err) < 0)
      return -EINVAL;
  return out->path && out->path[0] == '/'
             ? 0
             : mw_error_set(err, EINVAL,
                            "sink file needs to know where: set scripts.file.options.path to a "
                            "path that begins with /");
}

int mw_sinks_check(const struct mw_script_settings *settings, struct mw_error *err)
{
  struct mw_sink_file_config file;

  if (strcmp(settings->name, "file") == 0)
    return read_file_options(settings, &file, err);
  if (strcmp(settings->name, "stdout") != 0)
    return mw_error_set(err, EINVAL, "there is no sink \"%s\"; there are: file, stdout",
                        settings->name);
  return settings->options_count > 0 ? bad_option("stdout", &settings->options[0], err) : 0;
}

static struct mw_delivery_limits limits_of(const struct mw_sink_settings *settings)
{
  return (struct mw_delivery_limits){.batch_messages = settings->batch_messages,
                                     .batch_bytes = settings->batch_bytes,
                                     .max_age_ns = (int64_t)(settings->max_age_s * 1e9),
                                     .tries_max = settings->tries_max};
}

static struct mw_sink *start_built_in(const struct mw_script_settings *settings,
                                      const struct mw_sink_config *common, struct mw_error *err)
{
  struct mw_sink_config config = *common;
  struct mw_sink_file_config file;

  if (mw_sinks_check(settings, err) < 0)
    return NULL;
  config.name = settings->name;
  config.start_at = settings->start_at;
  config.limits = limits_of(&settings->sink);
  if (strcmp(settings->name, "stdout") == 0) {
    config.ops = &mw_sink_stream_ops;
    config.data = mw_sink_stream_new(STDOUT_FILENO, err);
  } else {
    read_file_options(settings, &file, NULL);
    config.ops = &mw_sink_file_ops;
    config.data = mw_sink_file_new(&file, err);
  }
  return config.data ? mw_sink_start(&config, err) : NULL;
}

struct mw_sink *mw_sinks_start(const struct mw_script_order *order,
                               const struct mw_crew_shared *shared,
                               const struct mw_sink_config *common, struct mw_error *err)
{
  struct mw_sink_config config = *common;

  config.queue = shared->queue;
  return mw_sinks_declaration(order->settings->name) ? start_built_in(order->settings, &config, err)
                                                     : mw_script_sink_start(order, shared, err);
}

/* As a script has it. Their defaults are those of sink.h, which a test compares. */
static const struct {
  const char *name, *declaration;
} declared[] = {
    {"file", "return { options = {\n"
             "  path = { type = 'string', default = '', doc = 'of the file' },\n"
             "  max_bytes = { type = 'integer', default = 104857600, min = 1 },\n"
             "  max_age_s = { type = 'integer', default = 86400, min = 1, max = 315360000 },\n"
             "  keep = { type = 'integer', default = 5, min = 0, max = 1000 } } }"},
    {"stdout", "return {}"},
};

const char *mw_sinks_name(size_t index)
{
  return index < sizeof declared / sizeof declared[0] ? declared[index].name : NULL;
}

const char *mw_sinks_declaration(const char *name)
{
  for (size_t i = 0; i < sizeof declared / sizeof declared[0]; i++)
    if (strcmp(declared[i].name, name) == 0)
      return declared[i].declaration;
  return NULL;
}
