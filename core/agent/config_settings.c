/* From values to settings: what belongs together, and the structs that the agent reads. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/config_internal.h"
#include "agent/sinks.h"
#include "bindings/http_access.h"
#include "json/number.h"

/* ---- What belongs together ---- */

#define KEY_MAX_BYTES 64 /* of the keys below, which are constants */

/* Tables come from paths that fit, and are cut before the name is. */
static void join(const char *table, const char *name, char path[static MW_CONFIG_PATH_BYTES])
{
  snprintf(path, MW_CONFIG_PATH_BYTES, "%.*s%.*s", MW_CONFIG_PATH_BYTES - KEY_MAX_BYTES - 1, table,
           KEY_MAX_BYTES, name);
}

static const char *text_of(const struct mw_config *config, const char *table, const char *name)
{
  char path[MW_CONFIG_PATH_BYTES];

  join(table, name, path);
  const struct mw_config_value *value = mw_config_get(config, path);
  return value && value->texts_count > 0 && *value->texts[0] ? value->texts[0] : NULL;
}

static double number_of(const struct mw_config *config, const char *table, const char *name,
                        double absent)
{
  char path[MW_CONFIG_PATH_BYTES];

  join(table, name, path);
  const struct mw_config_value *value = mw_config_get(config, path);
  return value ? value->number : absent;
}

/* @p table: "kubelet.", "credentials.NAME." */
static void check_certificate(struct mw_config *config, const char *table)
{
  const char *cert = text_of(config, table, "cert_file"), *key = text_of(config, table, "key_file");
  char path[MW_CONFIG_PATH_BYTES];

  if (!cert == !key)
    return;
  join(table, cert ? "cert_file" : "key_file", path);
  const struct mw_config_place place = mw_config_place_of(mw_config_get(config, path));
  mw_config_mistake(config, &place, path, NULL, "needs %s beside it",
                    cert ? "key_file" : "cert_file");
}

static void check_kubelet(struct mw_config *config)
{
  const char *url = text_of(config, "kubelet.", "url");

  check_certificate(config, "kubelet.");
  if (!url || strncmp(url, "http://", 7) != 0 || number_of(config, "kubelet.", "allow_http", 0) > 0)
    return;
  const struct mw_config_place place = mw_config_place_of(mw_config_get(config, "kubelet.url"));
  mw_config_mistake(config, &place, "kubelet.url", NULL,
                    "is one of http, which anybody on the way can read and change: use https, or "
                    "set kubelet.allow_http = true");
}

/* "0660": three or four digits of chmod(1), without the bits that mean nothing for a socket. */
static bool read_mode(const char *text, unsigned *mode)
{
  size_t digits = strspn(text, "01234567");

  *mode = 0;
  for (size_t i = 0; i < digits; i++)
    *mode = *mode << 3 | (unsigned)(text[i] - '0');
  return digits >= 3 && digits <= 4 && text[digits] == '\0' && *mode <= 0777;
}

static void fill_socket(struct mw_config *config)
{
  struct mw_settings *settings = &config->settings;
  const struct mw_config_value *value = mw_config_get(config, "socket_mode");
  const char *mode = text_of(config, "", "socket_mode");

  settings->socket_path = text_of(config, "", "socket");
  settings->socket_group = text_of(config, "", "socket_group");
  if (!value || (mode && read_mode(mode, &settings->socket_mode)))
    return; /* without memory there is no value */
  const struct mw_config_place place = mw_config_place_of(value);
  mw_config_mistake(config, &place, "socket_mode", NULL,
                    "expected a mode in octal digits such as \"0660\", found \"%s\"",
                    mode ? mode : "");
}

/* One conf.d/NAME.lua cannot be about two scripts. */
static void check_lists(struct mw_config *config)
{
  for (int kind = 1; kind < MW_SCRIPT_KIND_COUNT; kind++) {
    const struct mw_config_value *list = mw_config_get(config, mw_config_kind_keys[kind]);
    for (size_t i = 0; list && i < list->texts_count; i++) {
      enum mw_script_kind first = mw_config_kind_of(config, list->texts[i]);
      const struct mw_config_place place = mw_config_place_of(list);
      if (first != (enum mw_script_kind)kind)
        mw_config_mistake(config, &place, list->path, NULL,
                          "names \"%s\", as %s does; conf.d/%s.lua would be about both",
                          list->texts[i], mw_config_kind_keys[first], list->texts[i]);
    }
  }
}

static void check_script(struct mw_config *config, const char *name)
{
  static const struct {
    const char *key;
    enum mw_script_kind kind;
  } own_keys[] = {
      {"scripts.*.priority", MW_SCRIPT_SOURCE},     {"scripts.*.stale_s", MW_SCRIPT_SOURCE},
      {"scripts.*.batch_messages", MW_SCRIPT_SINK}, {"scripts.*.batch_bytes", MW_SCRIPT_SINK},
      {"scripts.*.max_age_s", MW_SCRIPT_SINK},      {"scripts.*.tries_max", MW_SCRIPT_SINK},
      {"scripts.*.start_at", MW_SCRIPT_SINK},
  };
  char path[MW_CONFIG_PATH_BYTES];

  for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++) {
    const struct mw_config_value *value =
        mw_config_get(config, mw_config_path(own_keys[i].key, name, path));
    if (!value || mw_config_kind_of(config, name) == own_keys[i].kind)
      continue;
    const struct mw_config_place place = mw_config_place_of(value);
    mw_config_mistake(config, &place, path, NULL, "belongs to %s, and %s is none",
                      mw_config_kind_keys[own_keys[i].kind], name);
  }
}

/* A script has budgets of moonwatch.lua, too, and those were not said of it. */
static bool is_inherited(const struct mw_config *config, const struct mw_config_value *value,
                         const char *budget_key)
{
  const struct mw_config_value *common = mw_config_get(config, budget_key);

  return common && common->place == value->place && common->line == value->line;
}

static void warn_of_no_effect(struct mw_config *config, const char *name,
                              const struct mw_config_value *value)
{
  const struct mw_config_place place = mw_config_place_of(value);

  mw_config_warn(
      config, &place, value->path, NULL,
      "has no effect: %s is a part of the program, which has neither interval nor budget", name);
}

/* What was said of how a sink runs that is no script. */
static void check_built_in(struct mw_config *config, const char *name)
{
  char path[MW_CONFIG_PATH_BYTES];
  const struct mw_config_key *key;
  size_t prefix_bytes = strlen("scripts.*.");

  if (mw_config_kind_of(config, name) != MW_SCRIPT_SINK || !mw_sinks_declaration(name))
    return;
  for (size_t i = 0; (key = mw_config_key(i)); i++) {
    bool is_budget = strncmp(key->path, "scripts.*.budget.", prefix_bytes + 7) == 0;
    if (!is_budget && strcmp(key->path, "scripts.*.interval_s") != 0)
      continue;
    const struct mw_config_value *value =
        mw_config_get(config, mw_config_path(key->path, name, path));
    if (value && value->origin != MW_CONFIG_DEFAULT &&
        !(is_budget && is_inherited(config, value, key->path + prefix_bytes)))
      warn_of_no_effect(config, name, value);
  }
}

static bool has_sink(const struct mw_settings *settings)
{
  for (size_t i = 0; i < settings->scripts_count; i++)
    if (settings->scripts[i].kind == MW_SCRIPT_SINK)
      return true;
  return false;
}

/* It may be meant so: scripts may speak over HTTP by themselves. */
static void check_sinks(struct mw_config *config)
{
  const struct mw_config_value *list = mw_config_get(config, "sinks");

  if (!list || has_sink(&config->settings))
    return;
  const struct mw_config_place place = mw_config_place_of(list);
  mw_config_warn(config, &place, "sinks", NULL,
                 list->texts_count == 0 ? "names none, so no message is delivered"
                                        : "names none that is enabled, so no message is delivered");
}

/* ---- Settings ---- */

static struct mw_credentials_settings credentials_of(const struct mw_config *config,
                                                     const char *table, const char *name)
{
  return (struct mw_credentials_settings){
      .name = name,
      .ca_file = text_of(config, table, "ca_file"),
      .cert_file = text_of(config, table, "cert_file"),
      .key_file = text_of(config, table, "key_file"),
      .token_file = text_of(config, table, "token_file"),
      .insecure_skip_verify = number_of(config, table, "insecure_skip_verify", 0) > 0};
}

/* What scripts can name has a bound. */
static void check_count(struct mw_config *config, const char *table, size_t count)
{
  const struct mw_config_place place = {MW_CONFIG_FILE, config->file, 0};

  if (count > MW_HTTP_ACCESS_MAX)
    mw_config_mistake(config, &place, table, NULL, "expected at most %d names, found %zu",
                      MW_HTTP_ACCESS_MAX, count);
}

static void fill_far_ends(struct mw_config *config)
{
  struct mw_settings *settings = &config->settings;
  const struct mw_config_names names = mw_config_names_below(config, "credentials.");
  const struct mw_config_names sockets = mw_config_names_below(config, "unix_sockets.");
  char table[MW_CONFIG_PATH_BYTES];

  settings->kubelet = (struct mw_kubelet_settings){
      .url = text_of(config, "kubelet.", "url"),
      .node_ip = text_of(config, "kubelet.", "node_ip"),
      .node_name = text_of(config, "kubelet.", "node_name"),
      .credentials = credentials_of(config, "kubelet.", NULL),
      .timeout_s = number_of(config, "kubelet.", "timeout_s", 0),
      .allow_http = number_of(config, "kubelet.", "allow_http", 0) > 0};
  check_count(config, "credentials", names.count);
  check_count(config, "unix_sockets", sockets.count);
  settings->credentials = mw_config_keep(config, (names.count + 1) * sizeof *settings->credentials);
  settings->unix_sockets =
      mw_config_keep(config, (sockets.count + 1) * sizeof *settings->unix_sockets);
  for (size_t i = 0; settings->credentials && i < names.count; i++) {
    snprintf(table, sizeof table, "credentials.%s.", names.items[i]);
    check_certificate(config, table);
    settings->credentials[settings->credentials_count++] =
        credentials_of(config, table, names.items[i]);
  }
  for (size_t i = 0; settings->unix_sockets && i < sockets.count; i++)
    settings->unix_sockets[settings->unix_sockets_count++] = (struct mw_unix_socket_settings){
        sockets.items[i], text_of(config, "unix_sockets.", sockets.items[i])};
}

static enum mw_log_format format_of(const char *text)
{
  return text && strcmp(text, "json") == 0 ? MW_LOG_JSON : MW_LOG_TEXT;
}

static void fill_common(struct mw_config *config, const char *shipped_scripts_dir)
{
  struct mw_settings *settings = &config->settings;
  const struct mw_config_value *dirs = mw_config_get(config, "script_dirs");
  const char *level = text_of(config, "log.", "level");
  size_t count = 0;

  settings->host_root = text_of(config, "", "host_root");
  settings->state_dir = text_of(config, "", "state_dir");
  for (; dirs && count < dirs->texts_count && count < MW_SETTINGS_DIRS_MAX - 1; count++)
    settings->script_dirs[count] = dirs->texts[count];
  if (shipped_scripts_dir)
    settings->script_dirs[count] = mw_config_keep_text(config, shipped_scripts_dir);
  settings->log = (struct mw_log_config){.format = format_of(text_of(config, "log.", "format")),
                                         .fd = STDERR_FILENO};
  if (level)
    mw_log_level_parse(level, &settings->log.level, NULL);
  settings->parallel_runs = (unsigned)number_of(config, "", "parallel_runs", 1);
  settings->poll_interval_s = number_of(config, "", "poll_interval_s", 0);
}

static int64_t ns_of(const struct mw_config *config, const char *table, const char *name)
{
  return (int64_t)(number_of(config, table, name, 0) * 1e9);
}

static enum mw_queue_durability durability_of(const char *text)
{
  if (text && strcmp(text, "lazy") == 0)
    return MW_QUEUE_LAZY;
  return text && strcmp(text, "none") == 0 ? MW_QUEUE_NO_SYNC : MW_QUEUE_SYNC;
}

static const char *queue_dir(struct mw_config *config)
{
  MW_AUTO_BUF path;

  mw_buf_init(&path, PATH_MAX);
  if (number_of(config, "queue.", "on_disk", 1) == 0)
    return NULL;
  mw_buf_printf(&path, NULL, "%s/" MW_SETTINGS_QUEUE_DIR, config->settings.state_dir);
  return mw_config_keep_slice(config, (struct mw_slice){path.data, path.len_bytes});
}

static void fill_queue(struct mw_config *config)
{
  config->settings.queue = (struct mw_queue_config){
      .dir = queue_dir(config),
      .buffer_bytes = (size_t)number_of(config, "queue.", "buffer_bytes", 0),
      .file_bytes = (uint64_t)number_of(config, "queue.", "file_bytes", 0),
      .max_age_ns = ns_of(config, "queue.", "max_age_s"),
      .keep_ns = ns_of(config, "queue.", "keep_s"),
      .flush_interval_ns = ns_of(config, "queue.", "flush_interval_s"),
      .flush_bytes = (size_t)number_of(config, "queue.", "flush_bytes", 0),
      .durability = durability_of(text_of(config, "queue.", "durability"))};
}

/* @p table: "scripts.NAME.budget." */
static struct mw_budget budget_of(const struct mw_config *config, const char *table)
{
  const struct mw_budget standard = MW_BUDGET_DEFAULT;

  return (struct mw_budget){
      .cpu_ms = (int64_t)number_of(config, table, "cpu_ms", (double)standard.cpu_ms),
      .wall_ms = (int64_t)number_of(config, table, "wall_ms", (double)standard.wall_ms),
      .memory_bytes =
          (size_t)number_of(config, table, "memory_bytes", (double)standard.memory_bytes),
      .messages_count =
          (uint32_t)number_of(config, table, "messages_count", standard.messages_count),
      .messages_bytes =
          (size_t)number_of(config, table, "messages_bytes", (double)standard.messages_bytes),
      .http_requests_count =
          (uint32_t)number_of(config, table, "http_requests_count", standard.http_requests_count)};
}

/* The text of a number or a truth value; others have theirs. */
static const char *text_of_number(struct mw_config *config, const struct mw_config_value *value)
{
  char text[MW_JSON_NUMBER_BYTES];

  if (value->type == MW_CONFIG_BOOLEAN)
    return value->number > 0 ? "true" : "false";
  size_t bytes = mw_json_format_double(value->number, text);
  return mw_config_keep_slice(config, (struct mw_slice){text, bytes});
}

static void add_option(struct mw_script_settings *script, struct mw_option *options,
                       const char *key, const char *text)
{
  options[script->options_count++] = (struct mw_option){.key = key, .text = text};
}

/* What was said of the option, as a command line would have it. An empty list is an empty text. */
static void add_options(struct mw_config *config, struct mw_script_settings *script,
                        struct mw_option *options, const struct mw_config_value *value)
{
  const char *key = strrchr(value->path, '.') + 1;

  if (value->type == MW_CONFIG_NUMBER || value->type == MW_CONFIG_BOOLEAN) {
    const char *text = text_of_number(config, value);
    if (text)
      add_option(script, options, key, text);
    return;
  }
  if (value->texts_count == 0)
    add_option(script, options, key, "");
  for (size_t i = 0; i < value->texts_count; i++)
    add_option(script, options, key, value->texts[i]);
}

static void fill_options(struct mw_config *config, struct mw_script_settings *script)
{
  char table[MW_CONFIG_PATH_BYTES];
  size_t table_bytes = (size_t)snprintf(table, sizeof table, "scripts.%s.options.", script->name);
  size_t count = 0;

  for (size_t i = 0; i < config->values_count; i++)
    if (strncmp(config->values[i].path, table, table_bytes) == 0)
      count += config->values[i].texts_count + 1;
  struct mw_option *options = mw_config_keep(config, (count + 1) * sizeof *options);
  script->options = options;
  for (size_t i = 0; options && i < config->values_count; i++)
    if (strncmp(config->values[i].path, table, table_bytes) == 0 &&
        config->values[i].origin != MW_CONFIG_DEFAULT)
      add_options(config, script, options, &config->values[i]);
}

/* @p table: "scripts.NAME." */
static struct mw_sink_settings sink_of(const struct mw_config *config, const char *table)
{
  return (struct mw_sink_settings){
      .batch_messages = (size_t)number_of(config, table, "batch_messages", 0),
      .batch_bytes = (size_t)number_of(config, table, "batch_bytes", 0),
      .max_age_s = number_of(config, table, "max_age_s", 0),
      .tries_max = (unsigned)number_of(config, table, "tries_max", 0)};
}

static enum mw_queue_start start_of(const char *text)
{
  return text && strcmp(text, "beginning") == 0 ? MW_QUEUE_FROM_BEGINNING : MW_QUEUE_FROM_END;
}

static void fill_script(struct mw_config *config, enum mw_script_kind kind, const char *name)
{
  char table[MW_CONFIG_PATH_BYTES], budget[MW_CONFIG_PATH_BYTES];
  struct mw_script_settings script = {.kind = kind, .name = name};

  snprintf(table, sizeof table, "scripts.%s.", name);
  snprintf(budget, sizeof budget, "scripts.%s.budget.", name);
  check_script(config, name);
  check_built_in(config, name);
  if (number_of(config, table, "enabled", 1) == 0)
    return;
  script.interval_s = number_of(config, table, "interval_s", 0);
  script.priority = (int)number_of(config, table, "priority", -1);
  script.stale_s = number_of(config, table, "stale_s", 0);
  script.sink = sink_of(config, table);
  script.start_at = start_of(text_of(config, table, "start_at"));
  script.budget = budget_of(config, budget);
  fill_options(config, &script);
  config->settings.scripts[config->settings.scripts_count++] = script;
}

static void fill_scripts(struct mw_config *config)
{
  const struct mw_config_names names = mw_config_listed(config);

  config->settings.scripts =
      mw_config_keep(config, (names.count + 1) * sizeof *config->settings.scripts);
  for (size_t i = 0; config->settings.scripts && i < names.count; i++)
    fill_script(config, mw_config_kind_of(config, names.items[i]), names.items[i]);
}

void mw_config_settle(struct mw_config *config, const char *shipped_scripts_dir)
{
  check_lists(config);
  check_kubelet(config);
  fill_common(config, shipped_scripts_dir);
  fill_socket(config);
  fill_queue(config);
  fill_far_ends(config);
  fill_scripts(config);
  check_sinks(config);
}
