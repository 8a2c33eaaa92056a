/**
 * @file config_fixture.h
 * A folder with the configuration of a test, and what comes of it.
 * Include it behind cmocka.h.
 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <errno.h>

#include "agent/config.h"
#include "support/tmptree.h"

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  char file[TMPTREE_ROOT_BYTES + 16];
  struct mw_config_request request;
  struct mw_config *config;
  struct mw_error err;
};

static inline int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  snprintf(f->file, sizeof f->file, "%s/moonwatch.lua", f->dir);
  f->request = (struct mw_config_request){.file = f->file, .shipped_scripts_dir = "/shipped"};
  *state = f;
  return 0;
}

static inline int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_config_free(f->config);
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

/* Make @p text the file @p name below the folder. */
static inline void write_config(struct fixture *f, const char *name, const char *text)
{
  char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s/%s", f->dir, name);
  tmptree_write(path, text);
}

static inline void load(struct fixture *f)
{
  mw_config_free(f->config);
  f->config = mw_config_load(&f->request, &f->err);
  if (!f->config)
    fail_msg("%s", f->err.text);
}

/* Load the main file @p text. */
static inline void load_text(struct fixture *f, const char *text)
{
  write_config(f, "moonwatch.lua", text);
  load(f);
}

/* The fault as `moonwatch config check` has it, the folder left out. */
static inline void print_fault(const struct fixture *f, size_t index, char *out, size_t out_bytes)
{
  const struct mw_config_fault *fault = mw_config_fault(f->config, index);
  const char *place = fault->place;

  if (strncmp(place, f->dir, strlen(f->dir)) == 0)
    place += strlen(f->dir) + 1;
  snprintf(out, out_bytes, "%s%s:%u: %s%s%s%s%s", fault->is_warning ? "warning: " : "", place,
           fault->line, fault->key ? fault->key : "", fault->key ? ": " : "", fault->text,
           fault->meant ? "; meant " : "", fault->meant ? fault->meant : "");
}

static inline void assert_fault(const struct fixture *f, size_t index, const char *wanted)
{
  char text[8192];

  if (index >= mw_config_faults_count(f->config))
    fail_msg("there are only %zu faults, no \"%s\"", mw_config_faults_count(f->config), wanted);
  print_fault(f, index, text, sizeof text);
  assert_string_equal(wanted, text);
}

/* The one fault of the main file @p text. */
static inline void assert_one_fault(struct fixture *f, const char *text, const char *wanted)
{
  load_text(f, text);
  assert_fault(f, 0, wanted);
  assert_int_equal(1, mw_config_faults_count(f->config));
  assert_null(mw_config_settings(f->config));
}

static inline const struct mw_settings *settings_of(const struct fixture *f)
{
  const struct mw_settings *settings = mw_config_settings(f->config);
  char text[8192] = "?";

  if (!settings && mw_config_faults_count(f->config) > 0)
    print_fault(f, 0, text, sizeof text);
  if (!settings)
    fail_msg("%s", text);
  return settings;
}

#endif
