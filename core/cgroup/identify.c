/* Which container a process belongs to, as its cgroup file says. */
#include "cgroup/identify.h"

#include <limits.h>
#include <string.h>

bool mw_cgroup_line_next(struct mw_slice *text, struct mw_cgroup_line *out)
{
  struct mw_slice line;

  while (mw_slice_next_line(text, &line)) {
    const char *end = line.data + line.len_bytes;
    const char *names = memchr(line.data, ':', line.len_bytes);
    const char *path = names ? memchr(names + 1, ':', (size_t)(end - names - 1)) : NULL;
    if (!path)
      continue;
    out->controllers = (struct mw_slice){names + 1, (size_t)(path - names - 1)};
    out->path = (struct mw_slice){path + 1, (size_t)(end - path - 1)};
    return true;
  }
  return false;
}

bool mw_cgroup_line_names(const struct mw_cgroup_line *line, const char *controller)
{
  struct mw_slice names = line->controllers;

  while (*controller && names.len_bytes > 0) {
    const char *comma = memchr(names.data, ',', names.len_bytes);
    struct mw_slice name = {names.data, comma ? (size_t)(comma - names.data) : names.len_bytes};
    if (mw_slice_equal(name, controller))
      return true;
    name.len_bytes += comma != NULL;
    names = (struct mw_slice){names.data + name.len_bytes, names.len_bytes - name.len_bytes};
  }
  return !*controller && names.len_bytes == 0;
}

static bool recognize(mw_cgroup_recognizer *const *recognizers, const char *parent_path,
                      const char *name, struct mw_cgroup_container *out)
{
  for (; *recognizers; recognizers++)
    if ((*recognizers)(parent_path, name, out))
      return true;
  return false;
}

/* The kernel says so of a cgroup that was removed before the last of its processes was. */
static void cut_deleted(struct mw_slice *path)
{
  static const char deleted[] = " (deleted)";
  const size_t deleted_bytes = sizeof deleted - 1;

  if (path->len_bytes >= deleted_bytes &&
      memcmp(path->data + path->len_bytes - deleted_bytes, deleted, deleted_bytes) == 0)
    path->len_bytes -= deleted_bytes;
}

bool mw_cgroup_identify_path(mw_cgroup_recognizer *const *recognizers, struct mw_slice path,
                             struct mw_cgroup_container *out)
{
  struct mw_cgroup_container found = {0};
  char parent[PATH_MAX], *slash;

  cut_deleted(&path);
  if (path.len_bytes >= sizeof parent || memchr(path.data, '\0', path.len_bytes))
    return false;
  memcpy(parent, path.data, path.len_bytes);
  parent[path.len_bytes] = '\0';
  while ((slash = strrchr(parent, '/'))) {
    *slash = '\0';
    if (recognize(recognizers, parent, slash + 1, &found)) {
      *out = found;
      return true;
    }
  }
  return false;
}

/* The hierarchies that runtimes always use come first; of others a process may be in one cgroup
 * that somebody put it into for reasons of his own. */
bool mw_cgroup_identify_process(mw_cgroup_recognizer *const *recognizers, const char *text,
                                size_t len_bytes, struct mw_cgroup_container *out)
{
  static const char *const first[] = {"memory", ""};
  struct mw_slice rest;
  struct mw_cgroup_line line;

  if (!recognizers)
    recognizers = mw_cgroup_recognizers;
  for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
    rest = (struct mw_slice){text, len_bytes};
    while (mw_cgroup_line_next(&rest, &line))
      if (mw_cgroup_line_names(&line, first[i]) &&
          mw_cgroup_identify_path(recognizers, line.path, out))
        return true;
  }
  rest = (struct mw_slice){text, len_bytes};
  while (mw_cgroup_line_next(&rest, &line))
    if (mw_cgroup_identify_path(recognizers, line.path, out))
      return true;
  return false;
}
