/* What a configuration keeps: values, faults, and the texts of both. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_internal.h"

#define FAULT_MAX_BYTES 8192

struct mw_config_kept {
  struct mw_config_kept *next;
  _Alignas(max_align_t) char bytes[];
};

void *mw_config_keep(struct mw_config *config, size_t bytes)
{
  bool fits = bytes <= MW_CONFIG_KEPT_MAX_BYTES - config->kept_bytes;
  struct mw_config_kept *kept = fits ? calloc(1, sizeof *kept + bytes) : NULL;

  config->too_large |= !fits;
  if (!kept) {
    config->out_of_memory = true;
    return NULL;
  }
  config->kept_bytes += bytes;
  kept->next = config->kept;
  config->kept = kept;
  return kept->bytes;
}

int mw_config_no_memory(const struct mw_config *config, struct mw_error *err)
{
  if (config && config->too_large)
    return mw_error_set(err, EMSGSIZE, "the configuration is larger than %zu bytes",
                        MW_CONFIG_KEPT_MAX_BYTES);
  return mw_error_set(err, ENOMEM, "out of memory for the configuration");
}

const char *mw_config_keep_slice(struct mw_config *config, struct mw_slice text)
{
  char *kept = mw_config_keep(config, text.len_bytes + 1);

  return kept ? memcpy(kept, text.data, text.len_bytes) : NULL;
}

const char *mw_config_keep_text(struct mw_config *config, const char *text)
{
  return mw_config_keep_slice(config, (struct mw_slice){text, strlen(text)});
}

struct mw_config *mw_config_hold(struct mw_config *config)
{
  if (config)
    atomic_fetch_add(&config->references, 1);
  return config;
}

void mw_config_free(struct mw_config *config)
{
  if (!config || atomic_fetch_sub(&config->references, 1) > 1)
    return;
  for (struct mw_config_kept *kept = config->kept, *next; kept; kept = next) {
    next = kept->next;
    free(kept);
  }
  free(config->values);
  free(config->faults);
  free(config);
}

/* ---- Values ---- */

static struct mw_config_value *find(const struct mw_config *config, const char *path)
{
  for (size_t i = 0; i < config->values_count; i++)
    if (strcmp(config->values[i].path, path) == 0)
      return &config->values[i];
  return NULL;
}

const struct mw_config_value *mw_config_get(const struct mw_config *config, const char *path)
{
  return find(config, path);
}

static bool make_room(struct mw_config *config)
{
  size_t capacity = config->values_capacity ? 2 * config->values_capacity : 64;

  if (config->values_count < config->values_capacity)
    return true;
  struct mw_config_value *values = reallocarray(config->values, capacity, sizeof *values);
  if (!values) {
    config->out_of_memory = true;
    return false;
  }
  config->values = values;
  config->values_capacity = capacity;
  return true;
}

void mw_config_put(struct mw_config *config, const struct mw_config_value *value)
{
  struct mw_config_value *same = find(config, value->path);

  if (same) {
    *same = *value;
    return;
  }
  if (config->values_count == MW_CONFIG_VALUES_MAX) {
    struct mw_config_place place = mw_config_place_of(value);
    place.name = place.name ? place.name : config->file; /* a default is nowhere */
    mw_config_mistake(config, &place, value->path, NULL, "there are more than %d values",
                      MW_CONFIG_VALUES_MAX);
    return;
  }
  if (make_room(config))
    config->values[config->values_count++] = *value;
}

size_t mw_config_values_count(const struct mw_config *config)
{
  return config->values_count;
}

const struct mw_config_value *mw_config_value(const struct mw_config *config, size_t index)
{
  return index < config->values_count ? &config->values[index] : NULL;
}

struct mw_config_place mw_config_place_of(const struct mw_config_value *value)
{
  return (struct mw_config_place){value->origin, value->place, value->line};
}

static bool has_word(const char *name, const char *word)
{
  return strstr(name, word) != NULL;
}

bool mw_config_is_secret(const struct mw_config_value *value)
{
  static const char *const words[] = {"password", "passwd", "passphrase", "secret",
                                      "token",    "apikey", "api_key",    "private_key"};
  const char *dot = strrchr(value->path, '.'), *name = dot ? dot + 1 : value->path;
  size_t bytes = strlen(name);

  if (value->key->type != MW_CONFIG_ANY || (bytes > 5 && strcmp(name + bytes - 5, "_file") == 0))
    return false;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (has_word(name, words[i]))
      return true;
  return false;
}

/* ---- Faults ---- */

int mw_config_fault_append(const struct mw_config_fault *fault, struct mw_buf *out,
                           struct mw_error *err)
{
  char line[32] = "";

  if (fault->line > 0)
    snprintf(line, sizeof line, ":%u", fault->line);
  return mw_buf_printf(out, err, "%s%s: %s%s%s%s%s%s%s", fault->place, line,
                       fault->is_warning ? "warning: " : "", fault->key ? fault->key : "",
                       fault->key ? ": " : "", fault->text, fault->meant ? "; did you mean " : "",
                       fault->meant ? fault->meant : "", fault->meant ? "?" : "");
}

static bool same_text(const char *a, const char *b)
{
  return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Two scripts of one list may fail for the same reason. */
static bool is_told(const struct mw_config *config, const struct mw_config_fault *fault)
{
  for (size_t i = 0; i < config->faults_count; i++) {
    const struct mw_config_fault *other = &config->faults[i];
    if (other->line == fault->line && same_text(other->place, fault->place) &&
        same_text(other->key, fault->key) && same_text(other->text, fault->text))
      return true;
  }
  return false;
}

static void add_fault(struct mw_config *config, const struct mw_config_fault *fault)
{
  if (is_told(config, fault))
    return;
  if (!fault->is_warning)
    config->mistakes_count++;
  if (!config->faults)
    config->faults = calloc(MW_CONFIG_FAULTS_MAX, sizeof *config->faults);
  if (!config->faults)
    config->out_of_memory = true;
  if (config->faults && config->faults_count < MW_CONFIG_FAULTS_MAX)
    config->faults[config->faults_count++] = *fault;
}

static void __attribute__((format(printf, 4, 0)))
add(struct mw_config *config, const struct mw_config_place *place, struct mw_config_fault *fault,
    const char *fmt, va_list args)
{
  char text[FAULT_MAX_BYTES];

  vsnprintf(text, sizeof text, fmt, args);
  fault->origin = place->origin;
  fault->place = place->name;
  fault->line = place->line;
  fault->key = fault->key ? mw_config_keep_text(config, fault->key) : NULL;
  fault->meant = fault->meant ? mw_config_keep_text(config, fault->meant) : NULL;
  fault->text = mw_config_keep_text(config, text);
  if (fault->text)
    add_fault(config, fault);
}

void mw_config_mistake(struct mw_config *config, const struct mw_config_place *place,
                       const char *key, const char *meant, const char *fmt, ...)
{
  struct mw_config_fault fault = {.key = key, .meant = meant};
  va_list args;

  va_start(args, fmt);
  add(config, place, &fault, fmt, args);
  va_end(args);
}

void mw_config_warn(struct mw_config *config, const struct mw_config_place *place, const char *key,
                    const char *meant, const char *fmt, ...)
{
  struct mw_config_fault fault = {.is_warning = true, .key = key, .meant = meant};
  va_list args;

  va_start(args, fmt);
  add(config, place, &fault, fmt, args);
  va_end(args);
}

size_t mw_config_faults_count(const struct mw_config *config)
{
  return config->faults_count;
}

const struct mw_config_fault *mw_config_fault(const struct mw_config *config, size_t index)
{
  return index < config->faults_count ? &config->faults[index] : NULL;
}

size_t mw_config_mistakes_count(const struct mw_config *config)
{
  return config->mistakes_count;
}

/* ---- Order ---- */

static int compare_paths(const void *a, const void *b)
{
  const struct mw_config_value *left = a, *right = b;

  return strcmp(left->path, right->path);
}

/* Defaults behind all: what is wrong with them follows from the rest. */
static unsigned rank(const struct mw_config_fault *fault)
{
  return (fault->origin + MW_CONFIG_FLAG) % (MW_CONFIG_FLAG + 1);
}

/* In the order of precedence, the main file first; inside of a file by line. */
static bool stands_behind(const struct mw_config *config, const struct mw_config_fault *a,
                          const struct mw_config_fault *b)
{
  bool a_elsewhere = strcmp(a->place, config->file) != 0;
  bool b_elsewhere = strcmp(b->place, config->file) != 0;

  if (a->origin != b->origin)
    return rank(a) > rank(b);
  if (a_elsewhere != b_elsewhere)
    return a_elsewhere;
  if (strcmp(a->place, b->place) != 0)
    return strcmp(a->place, b->place) > 0;
  if (a->line != b->line)
    return a->line > b->line;
  return strcmp(a->key ? a->key : "", b->key ? b->key : "") > 0;
}

void mw_config_sort_values(struct mw_config *config)
{
  if (config->values_count > 0)
    qsort(config->values, config->values_count, sizeof *config->values, compare_paths);
}

void mw_config_sort_faults(struct mw_config *config)
{
  for (size_t i = 1; i < config->faults_count; i++) {
    const struct mw_config_fault fault = config->faults[i];
    size_t at = i;
    for (; at > 0 && stands_behind(config, &config->faults[at - 1], &fault); at--)
      config->faults[at] = config->faults[at - 1];
    config->faults[at] = fault;
  }
}

size_t mw_config_files_count(const struct mw_config *config)
{
  return config->files_count;
}

int64_t mw_config_loaded_from_ns(const struct mw_config *config)
{
  return config->loaded_from_ns;
}
