#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config.h"
#include "cli/cli.h"

static bool is_directory(const char *path)
{
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int mw_cli_check_host_root(const char *host_root, struct mw_error *err)
{
  char proc[PATH_MAX];

  if (!is_directory(host_root))
    return mw_error_set(err, ENOENT, "host root %s is not a directory", host_root);
  if ((size_t)snprintf(proc, sizeof proc, "%s/proc", host_root) >= sizeof proc ||
      !is_directory(proc))
    return mw_error_set(err, ENOENT,
                        "host root %s has no proc: it is to be a folder with the /proc and "
                        "/sys/fs/cgroup of a host, such as /host in a container",
                        host_root);
  return 0;
}

/* DIR of DIR/bin/moonwatch. False, with errno, where /proc does not tell. */
static bool own_prefix(char out[static PATH_MAX])
{
  ssize_t used = readlink("/proc/self/exe", out, PATH_MAX - 1);

  if (used <= 0)
    return false;
  out[used] = '\0';
  for (int up = 0; up < 2; up++) {
    char *slash = strrchr(out, '/');
    if (slash) /* none is left of "/moonwatch" */
      *slash = '\0';
  }
  return true;
}

char *mw_cli_scripts_dir(struct mw_error *err)
{
  const char *from_environment = getenv("MOONWATCH_SCRIPTS");
  char prefix[PATH_MAX];
  char *dir = NULL;

  if (from_environment && *from_environment) {
    if (!is_directory(from_environment))
      mw_error_set(err, ENOENT, "MOONWATCH_SCRIPTS names %s, which is not a directory",
                   from_environment);
    else if (!(dir = strdup(from_environment)))
      mw_error_set(err, ENOMEM, "out of memory for the path of the scripts");
    return dir;
  }
  if (!own_prefix(prefix)) {
    mw_error_set(err, errno,
                 "cannot read /proc/self/exe, which leads to the scripts: %s; set "
                 "MOONWATCH_SCRIPTS to the folder that has checks/ and sources/",
                 strerror(errno));
    return NULL;
  }
  if (asprintf(&dir, "%s/share/moonwatch", prefix) < 0) {
    mw_error_set(err, ENOMEM, "out of memory for the path of the scripts");
    return NULL;
  }
  if (is_directory(dir))
    return dir;
  mw_error_set(err, ENOENT,
               "the scripts are not at %s: install moonwatch, or set MOONWATCH_SCRIPTS to the "
               "folder that has checks/ and sources/",
               dir);
  free(dir);
  return NULL;
}

char *mw_cli_config_file(bool *may_lack)
{
  const char *from_environment = getenv("MOONWATCH_CONFIG");
  char prefix[PATH_MAX];
  char *file = NULL;

  *may_lack = !from_environment || !*from_environment;
  if (!*may_lack)
    return strdup(from_environment);
  if (own_prefix(prefix) && asprintf(&file, "%s" MW_CONFIG_FILE_DEFAULT, prefix) >= 0) {
    if (access(file, F_OK) == 0)
      return file;
    free(file);
  }
  return strdup(MW_CONFIG_FILE_DEFAULT);
}
