/*
 * What the pods of containers know of running out of memory.
 *
 * A container that was killed as a whole is gone, with its counts; the pod's cgroup stays. The
 * record of a pod belongs to the directory that is watched over, and to the containers that have
 * looked at it, so it ends when the last of them does.
 */
#include <stdlib.h>
#include <string.h>

#include "cgroup/internal.h"

void mw_pod_release(struct mw_cgroup_pod *pod)
{
  if (pod && --pod->users == 0)
    free(pod);
}

void mw_pod_leave(struct mw_cgroup_entry *entry)
{
  if (entry->pod)
    entry->pod->due = true;
  mw_pod_release(entry->pod);
  entry->pod = NULL;
  entry->oom_events_total = entry->oom_kills_total = 0;
}

/* The pod's part of the path of a container in it. @return false: it has none there. */
static bool cut_to_pod(const char *path, char out[static PATH_MAX])
{
  char uid[MW_CGROUP_WORD_BYTES];
  const char *slash = strrchr(path, '/');
  size_t parent_bytes = (size_t)(slash - path);

  memcpy(out, path, parent_bytes); /* the kernel takes no longer paths, and none was walked */
  out[parent_bytes] = '\0';
  size_t pod_bytes = mw_cgroup_pod_path(out, uid);
  out[pod_bytes] = '\0';
  return pod_bytes > 0;
}

/* The record of the container's pod, made when it is new; NULL: it is in none, or no memory. */
static struct mw_cgroup_pod *pod_of(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry)
{
  struct mw_cgroup_directory *directory = NULL;
  char path[PATH_MAX];

  if (entry->pod || !entry->found.pod_uid[0] || !cut_to_pod(entry->path, path))
    return entry->pod;
  HASH_FIND_STR(cgroups->hierarchies[entry->hierarchy].directories, path, directory);
  if (!directory)
    return NULL;
  if (!directory->pod) {
    directory->pod = calloc(1, sizeof *directory->pod);
    if (!directory->pod)
      return NULL;
    directory->pod->users = 1;
  }
  entry->pod = directory->pod;
  entry->pod->users++;
  return entry->pod;
}

static bool is_there(const struct mw_cgroups *cgroups, const struct mw_cgroup_pod *pod,
                     uint64_t inode)
{
  const struct mw_cgroup_entry *entry = cgroups->entries;

  while (entry && (entry->pod != pod || entry->found.inode != inode))
    entry = entry->hh.next;
  return entry != NULL;
}

/* Make room for one more: what is gone is not told apart any longer. */
static void merge_oldest(const struct mw_cgroups *cgroups, struct mw_cgroup_pod *pod)
{
  size_t at = 0;

  while (at < pod->killed_count && is_there(cgroups, pod, pod->killed[at].inode))
    at++;
  if (at == pod->killed_count)
    at = 0;
  pod->older_kills_total += pod->killed[at].kills_total;
  pod->killed_count--;
  memmove(&pod->killed[at], &pod->killed[at + 1], (pod->killed_count - at) * sizeof pod->killed[0]);
}

/* Remember what was killed in the container whose cgroup is @p inode; what it had before is told
 * apart, or among what is not told apart any longer. */
static void set_killed(const struct mw_cgroups *cgroups, struct mw_cgroup_pod *pod, uint64_t inode,
                       uint64_t before_total, uint64_t kills_total)
{
  size_t at = 0;

  while (at < pod->killed_count && pod->killed[at].inode != inode)
    at++;
  if (at == pod->killed_count)
    pod->older_kills_total -= before_total;
  if (at == MW_POD_KILLED_MAX) {
    merge_oldest(cgroups, pod);
    at--;
  }
  if (at == pod->killed_count)
    pod->killed_count++;
  pod->killed[at].inode = inode;
  pod->killed[at].kills_total = kills_total;
}

void mw_pod_note_own(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry,
                     const struct mw_cgroup_sample *out)
{
  uint64_t events_total = entry->oom_events_total, kills_total = entry->oom_kills_total;

  mw_figures_get(&out->figures, MW_MEMORY_OOM_EVENTS_TOTAL, &events_total);
  mw_figures_get(&out->figures, MW_MEMORY_OOM_KILLS_TOTAL, &kills_total);
  if (events_total == entry->oom_events_total && kills_total == entry->oom_kills_total)
    return;
  struct mw_cgroup_pod *pod = pod_of(cgroups, entry);
  if (!pod)
    return; /* without memory for it the next reading tries again */
  set_killed(cgroups, pod, entry->found.inode, entry->oom_kills_total, kills_total);
  entry->oom_events_total = events_total;
  entry->oom_kills_total = kills_total;
  pod->due = true;
}

/* Version 2 counts in each cgroup for all below it, version 1 for it alone. */
static uint64_t kills_of_containers(const struct mw_cgroup_pod *pod)
{
  uint64_t total = pod->older_kills_total;

  for (size_t i = 0; i < pod->killed_count; i++)
    total += pod->killed[i].kills_total;
  return total;
}

static void note_problem(struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry,
                         const char *directory, const struct mw_error *problem)
{
  if (!entry->pod->has_problem)
    mw_reader_report(cgroups, entry->found.id, &cgroups->pod_file, directory, problem);
  entry->pod->has_problem = true;
}

/* @return is what was read, or was not, the answer until it falls due? Not when it is a lack of
 * this process's own that there is none. */
static bool read_pod(struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry)
{
  const struct mw_plan_file *planned = &cgroups->pod_file;
  struct mw_cgroup_pod *pod = entry->pod;
  struct mw_figures figures = {0};
  struct mw_error problem;
  char directory[PATH_MAX];

  pod->present = 0;
  if (!cut_to_pod(mw_reader_path_in(entry, planned->hierarchy), directory))
    return true;
  int rc = mw_reader_read_once(cgroups, planned, directory);
  if (rc == -ENOENT || rc == -ENODEV)
    return true; /* the controller is not enabled there */
  if (rc < 0) {
    mw_error_set(&problem, -rc, "cannot be read: %s", strerror(-rc));
    note_problem(cgroups, entry, directory, &problem);
    return !mw_will_pass(rc);
  }
  if (mw_figure_file_parse(planned->file,
                           (struct mw_slice){cgroups->text.data, cgroups->text.len_bytes}, &figures,
                           NULL, &problem) > 0)
    note_problem(cgroups, entry, directory, &problem);
  else
    pod->has_problem = false;
  pod->present = figures.present;
  pod->oom_events_total = figures.values[MW_POD_OOM_EVENTS_TOTAL];
  pod->oom_kills_total = figures.values[MW_POD_OOM_KILLS_TOTAL];
  return true;
}

void mw_pod_fill(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, int64_t now_ns,
                 struct mw_cgroup_sample *out)
{
  const struct mw_plan_file *planned = &cgroups->pod_file;

  if (!planned->file || entry->absent_hierarchies >> planned->hierarchy & 1)
    return;
  struct mw_cgroup_pod *pod = pod_of(cgroups, entry);
  if (!pod)
    return;
  if (pod->due || pod->read_ns == 0 || now_ns - pod->read_ns > cgroups->config.limits_max_age_ns) {
    pod->due = !read_pod(cgroups, entry);
    pod->read_ns = mw_reader_stamp_ns(cgroups, entry, pod->read_ns, now_ns);
  }
  out->problems_count += pod->has_problem;
  if (pod->present >> MW_POD_OOM_EVENTS_TOTAL & 1)
    mw_figures_set(&out->figures, MW_POD_OOM_EVENTS_TOTAL, pod->oom_events_total);
  if (pod->present >> MW_POD_OOM_KILLS_TOTAL & 1)
    mw_figures_set(&out->figures, MW_POD_OOM_KILLS_TOTAL,
                   pod->oom_kills_total +
                       (planned->file->version == 1 ? kills_of_containers(pod) : 0));
}
