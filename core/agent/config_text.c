/* Values as text, from the environment and the command line; and what every value has to be,
 * wherever it is from. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_internal.h"
#include "base/text.h"

#define WHITE_SPACE " \t\n\v\f\r"

static void expected(struct mw_config *config, const struct mw_config_value *value,
                     const char *found)
{
  char what[MW_CONFIG_EXPECTED_BYTES];
  const struct mw_config_place place = mw_config_place_of(value);

  mw_config_mistake(config, &place, value->path, NULL, "expected %s, found %s",
                    mw_config_expected(value->key, what), found);
}

static void expected_text(struct mw_config *config, const struct mw_config_value *value,
                          const char *text)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  expected(config, value, mw_text_quote((struct mw_slice){text, strlen(text)}, quoted));
}

/* ---- Rules ---- */

static bool has_control_characters(const char *text)
{
  for (; *text; text++)
    if (iscntrl((unsigned char)*text))
      return true;
  return false;
}

static bool check_number(struct mw_config *config, const struct mw_config_value *value)
{
  const struct mw_config_key *key = value->key;
  char found[64];

  if (isfinite(value->number) && value->number >= key->min && value->number <= key->max &&
      (key->type == MW_CONFIG_NUMBER || value->number == floor(value->number)))
    return true;
  snprintf(found, sizeof found, "%.15g", value->number);
  expected(config, value, isnan(value->number) ? "NaN, which is no number" : found);
  return false;
}

/* @p may_be_empty: "" takes away what an earlier one has set. */
static bool check_path(struct mw_config *config, const struct mw_config_value *value,
                       const char *path, bool may_be_empty)
{
  const struct mw_config_place place = mw_config_place_of(value);
  size_t max_bytes = value->key->type == MW_CONFIG_PATH ? (size_t)value->key->max : 4095;

  if (may_be_empty && !*path)
    return true;
  if (!*path || (*path != '/' && value->origin != MW_CONFIG_FLAG) || has_control_characters(path)) {
    expected_text(config, value, path);
    return false;
  }
  if (strlen(path) <= max_bytes)
    return true;
  mw_config_mistake(config, &place, value->path, NULL,
                    "expected a path of at most %zu bytes, found one of %zu", max_bytes,
                    strlen(path));
  return false;
}

static bool check_text(struct mw_config *config, const struct mw_config_value *value)
{
  const char *text = value->texts[0];

  if (!has_control_characters(text) && !strchr(text, ' ') && strlen(text) <= value->key->max)
    return true;
  expected_text(config, value, text);
  return false;
}

/* What is in front of an '@' may be a password, which no message shows. */
static bool check_url(struct mw_config *config, const struct mw_config_value *value)
{
  const struct mw_config_place place = mw_config_place_of(value);
  const char *url = value->texts[0];

  if (!*url)
    return true;
  size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
  const char *host = url + scheme;
  if (memchr(host, '@', strcspn(host, "/?#"))) {
    mw_config_mistake(config, &place, value->path, NULL,
                      "has a user in it; name files with what proves who we are instead");
    return false;
  }
  if (scheme > 0 && isalnum((unsigned char)(*host == '[' ? host[1] : *host)) &&
      !has_control_characters(url) && !strchr(url, ' ') && strlen(url) <= value->key->max)
    return true;
  if (scheme > 0 && *host == '[' && host[1] == ':' && strlen(url) <= value->key->max)
    return true; /* [::1] */
  expected_text(config, value, url);
  return false;
}

static bool is_choice(const char *choices, const char *text)
{
  struct mw_slice rest = {choices, strlen(choices)}, word;

  while (mw_slice_next_word(&rest, &word))
    if (mw_slice_equal(word, text))
      return true;
  return false;
}

static bool check_choice(struct mw_config *config, const struct mw_config_value *value)
{
  if (is_choice(value->key->choices, value->texts[0]))
    return true;
  expected_text(config, value, value->texts[0]);
  return false;
}

static bool is_listed_before(const struct mw_config_value *value, size_t index)
{
  for (size_t i = 0; i < index; i++)
    if (strcmp(value->texts[i], value->texts[index]) == 0)
      return true;
  return false;
}

static bool check_list(struct mw_config *config, const struct mw_config_value *value)
{
  const struct mw_config_place place = mw_config_place_of(value);
  bool fine = (double)value->texts_count <= value->key->max;

  if (!fine)
    mw_config_mistake(config, &place, value->path, NULL, "expected at most %g entries, found %zu",
                      value->key->max, value->texts_count);
  for (size_t i = 0; i < value->texts_count && fine; i++) {
    const char *text = value->texts[i];
    if (is_listed_before(value, i)) {
      mw_config_mistake(config, &place, value->path, NULL, "names \"%s\" twice", text);
      fine = false;
    } else if (value->key->type == MW_CONFIG_PATHS) {
      fine = check_path(config, value, text, false);
    } else if (!mw_config_is_name(text)) {
      expected_text(config, value, text);
      fine = false;
    }
  }
  return fine;
}

static bool check(struct mw_config *config, const struct mw_config_value *value)
{
  switch (value->key->type) {
  case MW_CONFIG_INTEGER:
  case MW_CONFIG_NUMBER:
    return check_number(config, value);
  case MW_CONFIG_PATH:
    return check_path(config, value, value->texts[0],
                      value->key->fallback && !*value->key->fallback);
  case MW_CONFIG_URL:
    return check_url(config, value);
  case MW_CONFIG_CHOICE:
    return check_choice(config, value);
  case MW_CONFIG_NAMES:
  case MW_CONFIG_PATHS:
    return check_list(config, value);
  case MW_CONFIG_TEXT:
    return check_text(config, value);
  case MW_CONFIG_BOOLEAN:
  case MW_CONFIG_ANY: /* config_declared.c */
    break;
  }
  return true;
}

void mw_config_put_checked(struct mw_config *config, struct mw_config_value *value)
{
  if (!check(config, value))
    return;
  value->path = mw_config_keep_text(config, value->path);
  if (value->path)
    mw_config_put(config, value);
}

/* ---- From text ---- */

static bool parse_number(const char *text, double *out)
{
  char *end;

  *out = strtod(text, &end);
  return end != text && *end == '\0' && !isspace((unsigned char)*text);
}

/* What the same source has said of this list before, for it may be repeated. */
static const struct mw_config_value *said_before(const struct mw_config *config,
                                                 const struct mw_config_value *value)
{
  const struct mw_config_value *before = mw_config_get(config, value->path);

  return before && before->origin == value->origin && value->origin == MW_CONFIG_FLAG ? before
                                                                                      : NULL;
}

static size_t count_words(const char *text, const char *separators)
{
  size_t count = 0;

  for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
    text += strcspn(text, separators);
    count++;
  }
  return count;
}

/* The texts that were said before, and room for @p more. */
static const char **begin_list(struct mw_config *config, struct mw_config_value *value, size_t more)
{
  const struct mw_config_value *before = said_before(config, value);
  size_t count = before ? before->texts_count : 0;
  const char **texts = mw_config_keep(config, (count + more + 1) * sizeof *texts);

  if (texts && count > 0)
    memcpy(texts, before->texts, count * sizeof *texts);
  value->texts = texts;
  value->texts_count = count;
  return texts;
}

static bool split(struct mw_config *config, struct mw_config_value *value, const char *text,
                  const char *separators)
{
  const char **texts = begin_list(config, value, count_words(text, separators));

  if (!texts)
    return false;
  for (text += strspn(text, separators); *text; text += strspn(text, separators)) {
    size_t bytes = strcspn(text, separators);
    const char *kept = mw_config_keep_slice(config, (struct mw_slice){text, bytes});
    if (!kept)
      return false;
    texts[value->texts_count++] = kept;
    text += bytes;
  }
  return true;
}

static bool keep_one(struct mw_config *config, struct mw_config_value *value, const char *text)
{
  const char **texts = value->type == MW_CONFIG_ANY ? begin_list(config, value, 1)
                                                    : mw_config_keep(config, sizeof *texts);
  const char *kept = mw_config_keep_text(config, text);

  if (!texts || !kept)
    return false;
  texts[value->texts_count++] = kept;
  value->texts = texts;
  return true;
}

/* @return false: it is not of this type, or there is no memory. */
static bool parse(struct mw_config *config, struct mw_config_value *value, const char *text)
{
  switch (value->type) {
  case MW_CONFIG_INTEGER:
  case MW_CONFIG_NUMBER:
    return parse_number(text, &value->number);
  case MW_CONFIG_BOOLEAN:
    value->number = strcmp(text, "true") == 0;
    return value->number == 1 || strcmp(text, "false") == 0;
  case MW_CONFIG_NAMES:
    return split(config, value, text, WHITE_SPACE);
  case MW_CONFIG_PATHS:
    return split(config, value, text, ":");
  case MW_CONFIG_TEXT:
  case MW_CONFIG_PATH:
  case MW_CONFIG_URL:
  case MW_CONFIG_CHOICE:
  case MW_CONFIG_ANY:
    break;
  }
  return keep_one(config, value, text);
}

void mw_config_put_text(struct mw_config *config, const struct mw_config_key *key, const char *path,
                        const struct mw_config_place *place, const char *text)
{
  struct mw_config_value value = {.path = path,
                                  .key = key,
                                  .type = key->type,
                                  .origin = place->origin,
                                  .place = place->name,
                                  .line = place->line};

  if (parse(config, &value, text))
    mw_config_put_checked(config, &value);
  else if (!config->out_of_memory)
    expected_text(config, &value, text);
}
