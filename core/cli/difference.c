#include "cli/difference.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/shadows.h"
#include "cli/cli.h"

#define SHELL_NOT_FOUND 127 /* what a child that could not be started ends with */

static const char *const folders[] = {"sources", "checks", "sinks", "moonwatch"};

/* Where @p name is: below its own folder, when it has one in front, else below the first folder in
 * which it stands in front of a shipped file, else below the first that has it. */
static bool find(const char *const *dirs, const char *name, struct mw_script_place *out)
{
  struct mw_script_place place;
  bool found = false;

  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    size_t bytes = strlen(folders[i]);
    bool is_named =
        strncmp(name, folders[i], bytes) == 0 && strchr("/.", name[bytes]) && name[bytes];
    if (is_named)
      return mw_script_place_find(dirs, folders[i], name + bytes + 1, out);
    if (!mw_script_place_find(dirs, folders[i], name, &place) || (found && !*place.shipped))
      continue;
    *out = place;
    found = true;
    if (*place.shipped)
      break;
  }
  return found;
}

/* Its texts are not const for posix_spawn(3) alone, which leaves them as they are. */
static int run_diff(struct mw_script_place *place)
{
  char program[] = "diff", unified[] = "-u", end[] = "--";
  char *words[] = {program, unified, end, place->shipped, place->file, NULL};
  int status;
  pid_t child;

  fflush(stdout); /* what was printed stands in front of what diff prints */
  int code = posix_spawnp(&child, program, NULL, NULL, words, environ);
  if (code == ENOENT) {
    mw_cli_say("diff is not installed: the package diffutils has it; the files are %s and %s",
               place->shipped, place->file);
    return MW_DIFFERENCE_TROUBLE;
  }
  if (code != 0) {
    mw_cli_say("cannot start diff: %s", strerror(code));
    return MW_DIFFERENCE_TROUBLE;
  }
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return MW_DIFFERENCE_TROUBLE;
  return WIFEXITED(status) && WEXITSTATUS(status) < SHELL_NOT_FOUND ? WEXITSTATUS(status)
                                                                    : MW_DIFFERENCE_TROUBLE;
}

int mw_cli_show_difference(const char *const *dirs, const char *name)
{
  const char *shipped_dir = "";
  struct mw_script_place place;

  if (!find(dirs, name, &place)) {
    mw_cli_say("there is no script or module \"%s\" below script_dirs", name);
    return MW_DIFFERENCE_TROUBLE;
  }
  for (; *dirs; dirs++)
    shipped_dir = *dirs;
  if (*place.shipped)
    return run_diff(&place);
  size_t bytes = strlen(shipped_dir);
  if (strncmp(place.file, shipped_dir, bytes) == 0 && place.file[bytes] == '/') {
    mw_cli_say("%s is the shipped one: nothing stands in front of it", place.file);
    return MW_DIFFERENCE_SAME;
  }
  mw_cli_say("%s stands in front of nothing that ships", place.file);
  return MW_DIFFERENCE_TROUBLE;
}
