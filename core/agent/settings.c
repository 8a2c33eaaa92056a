#include "agent/settings.h"

#include <string.h>

static bool same_options(const struct mw_script_settings *a, const struct mw_script_settings *b)
{
  if (a->options_count != b->options_count)
    return false;
  for (size_t i = 0; i < a->options_count; i++)
    if (strcmp(a->options[i].key, b->options[i].key) != 0 ||
        strcmp(a->options[i].text, b->options[i].text) != 0)
      return false;
  return true;
}

static bool same_budget(const struct mw_budget *a, const struct mw_budget *b)
{
  return a->cpu_ms == b->cpu_ms && a->wall_ms == b->wall_ms && a->memory_bytes == b->memory_bytes &&
         a->messages_count == b->messages_count && a->messages_bytes == b->messages_bytes &&
         a->http_requests_count == b->http_requests_count;
}

static bool same_sink(const struct mw_sink_settings *a, const struct mw_sink_settings *b)
{
  return a->batch_messages == b->batch_messages && a->batch_bytes == b->batch_bytes &&
         a->max_age_s == b->max_age_s && a->tries_max == b->tries_max;
}

bool mw_script_settings_same(const struct mw_script_settings *a, const struct mw_script_settings *b)
{
  return a->interval_s == b->interval_s && same_budget(&a->budget, &b->budget) &&
         same_options(a, b) && a->priority == b->priority && a->stale_s == b->stale_s &&
         same_sink(&a->sink, &b->sink);
}

bool mw_script_dirs_same(const char *const *a, const char *const *b)
{
  for (; *a && *b; a++, b++)
    if (strcmp(*a, *b) != 0)
      return false;
  return !*a && !*b;
}
