#include "cli/config_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"

static void say_fault(const struct mw_config_fault *fault)
{
  char line[32] = "";

  if (fault->line > 0)
    snprintf(line, sizeof line, ":%u", fault->line);
  mw_cli_say("%s%s: %s%s%s%s%s%s%s", fault->place, line, fault->is_warning ? "warning: " : "",
             fault->key ? fault->key : "", fault->key ? ": " : "", fault->text,
             fault->meant ? "; did you mean " : "", fault->meant ? fault->meant : "",
             fault->meant ? "?" : "");
}

struct mw_config *mw_cli_load_config(const char *file, const struct mw_option *flags,
                                     size_t flags_count, const char *scripts_dir)
{
  bool may_lack = false;
  char *standard = file ? NULL : mw_cli_config_file(&may_lack);
  struct mw_config_request request = {.file = file ? file : standard,
                                      .file_may_lack = may_lack,
                                      .shipped_scripts_dir = scripts_dir,
                                      .flags = flags,
                                      .flags_count = flags_count,
                                      .environment = (const char *const *)environ};
  struct mw_error err = {.text = "out of memory"};
  struct mw_config *config = request.file ? mw_config_load(&request, &err) : NULL;

  if (!config)
    mw_cli_say("%s", err.text);
  for (size_t i = 0; config && i < mw_config_faults_count(config); i++)
    say_fault(mw_config_fault(config, i));
  free(standard);
  return config;
}
