#include "cli/config_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"

static void say_faults(const struct mw_config *config)
{
  MW_AUTO_BUF line;

  mw_buf_init(&line, MW_LOG_ENTRY_MAX_BYTES);
  for (size_t i = 0; i < mw_config_faults_count(config); i++) {
    mw_buf_clear(&line);
    if (mw_config_fault_append(mw_config_fault(config, i), &line, NULL) == 0)
      mw_cli_say("%s", line.data);
  }
}

static struct mw_config *load(const struct mw_config_request *request)
{
  struct mw_error err = {.text = "out of memory"};
  struct mw_config *config = request->file ? mw_config_load(request, &err) : NULL;

  if (config)
    say_faults(config);
  else
    mw_cli_say("%s", err.text);
  return config;
}

struct mw_config *mw_cli_load_config(const char *file, const struct mw_option *flags,
                                     size_t flags_count, const char *scripts_dir)
{
  bool may_lack = false;
  char *standard = file ? NULL : mw_cli_config_file(&may_lack);
  const struct mw_config_request request = {.file = file ? file : standard,
                                            .file_may_lack = may_lack,
                                            .shipped_scripts_dir = scripts_dir,
                                            .flags = flags,
                                            .flags_count = flags_count,
                                            .environment = (const char *const *)environ};
  struct mw_config *config = load(&request);

  free(standard);
  return config;
}

/* @return @p path from "/" on, which the caller frees, or NULL with errno. */
static char *absolute(const char *path)
{
  char *folder = *path == '/' ? NULL : getcwd(NULL, 0);
  char *whole = NULL;

  if (*path == '/')
    return strdup(path);
  if (folder && asprintf(&whole, "%s/%s", folder, path) < 0)
    whole = NULL;
  free(folder);
  return whole;
}

int mw_cli_config_request(struct mw_cli_config_request *out, const char *file,
                          const struct mw_option *flags, size_t flags_count,
                          const char *scripts_dir)
{
  bool may_lack = false;
  char *standard = file ? NULL : mw_cli_config_file(&may_lack);

  if (standard)
    file = standard;
  *out = (struct mw_cli_config_request){.file = file ? absolute(file) : NULL};
  out->request = (struct mw_config_request){.file = out->file,
                                            .file_may_lack = may_lack,
                                            .shipped_scripts_dir = scripts_dir,
                                            .flags = flags,
                                            .flags_count = flags_count,
                                            .environment = (const char *const *)environ};
  if (!out->file)
    mw_cli_say("cannot tell where the configuration is: %s", strerror(errno));
  free(standard);
  return out->file ? 0 : -1;
}

void mw_cli_config_request_deinit(struct mw_cli_config_request *request)
{
  free(request->file);
}

struct mw_config *mw_cli_load_requested(const struct mw_cli_config_request *request)
{
  return load(&request->request);
}
