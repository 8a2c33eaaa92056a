/*
 * What one container has used.
 *
 * The files that change all the time are kept open, up to a budget: opening and closing costs
 * three to five times what reading does. Beyond the budget, and for the files that change rarely,
 * open, read, close. One pread of a file is all of it: the kernel prints a cgroup file in one go.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cgroup/internal.h"
#include "cgroup/sample.h"

#define FIRST_READ_BYTES 8191 /* more than any of the files on most hosts */
#define KEPT_FD_MIN 1024      /* above what select(2) can name, for libraries that still use it */

const char *mw_reader_path_in(const struct mw_cgroup_entry *entry, uint8_t hierarchy)
{
  return entry->paths[hierarchy] ? entry->paths[hierarchy] : entry->path;
}

static void close_kept(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, size_t index)
{
  if (entry->fds[index] < 0)
    return;
  close(entry->fds[index]);
  entry->fds[index] = -1;
  cgroups->kept_files--;
}

void mw_reader_forget(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry)
{
  for (size_t i = 0; i < cgroups->plan_count; i++)
    close_kept(cgroups, entry, i);
  mw_paths_forget(entry);
  mw_pod_leave(entry);
  entry->missing_files = entry->reported_files = 0;
  entry->looked_walk = 0;
  entry->limits_read_ns = 0;
  entry->limits_covered = 0;
  mw_sample_clear(&entry->limits);
  entry->has_parent_limits = false;
}

/* ---- One file ---- */

/* Read @p fd, which is small as a rule, into the text buffer. @return 0 or -errno. */
static int read_text(struct mw_cgroups *cgroups, int fd)
{
  struct mw_buf *text = &cgroups->text;

  for (;;) {
    size_t room_bytes = text->capacity_bytes - 1;
    ssize_t got = pread(fd, text->data, room_bytes, 0);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -errno;
    text->len_bytes = (size_t)got;
    if ((size_t)got < room_bytes)
      return 0;
    if (room_bytes >= text->max_bytes)
      return -EMSGSIZE;
    int rc = mw_buf_reserve(text, text->len_bytes + 1, NULL);
    if (rc == -EMSGSIZE)
      rc = mw_buf_reserve(text, text->max_bytes - text->len_bytes, NULL);
    if (rc < 0)
      return rc;
  }
}

/* "docker/abc/cpu.stat", relative to the root of its hierarchy. */
static bool file_path(const char *directory, const char *name, char out[static PATH_MAX])
{
  size_t directory_bytes = strlen(directory + 1), name_bytes = strlen(name);

  if (directory_bytes + name_bytes + 2 > PATH_MAX)
    return false;
  memcpy(out, directory + 1, directory_bytes);
  out[directory_bytes] = '/';
  memcpy(out + directory_bytes + 1, name, name_bytes + 1);
  return true;
}

static void tell_read(struct mw_cgroups *cgroups, const struct mw_plan_file *planned,
                      const char *directory)
{
  if (!cgroups->config.on_read)
    return;
  mw_buf_clear(&cgroups->path);
  if (mw_buf_printf(&cgroups->path, NULL, "%s%s/%s",
                    cgroups->hierarchies[planned->hierarchy].mount_path, directory,
                    planned->file->name) == 0)
    cgroups->config.on_read(cgroups->config.callback_data, cgroups->path.data);
}

/* The kernel has regular files only in its cgroups: no need to look, as mw_file_open does. */
static int open_in(const struct mw_hierarchy *hierarchy, const char *path)
{
  if (!hierarchy->is_kernels)
    return mw_file_open(hierarchy->root_fd, path, NULL);
  int fd = openat(hierarchy->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

static int open_planned(struct mw_cgroups *cgroups, const struct mw_plan_file *planned,
                        const char *directory)
{
  char path[PATH_MAX];

  if (!file_path(directory, planned->file->name, path))
    return -ENAMETOOLONG;
  return open_in(&cgroups->hierarchies[planned->hierarchy], path);
}

static void keep_or_close(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, size_t index,
                          int fd)
{
  if (!(cgroups->plan[index].file->flags & MW_FILE_SLOW) &&
      cgroups->kept_files < cgroups->kept_files_max) {
    int high_fd = fcntl(fd, F_DUPFD_CLOEXEC, KEPT_FD_MIN);
    entry->fds[index] = high_fd >= 0 ? high_fd : fd; /* RLIMIT_NOFILE may be that low */
    cgroups->kept_files++;
    if (high_fd < 0)
      return;
  }
  close(fd);
}

/* @return 0 with the text read, or -errno: -ENODEV is a cgroup that is gone. */
static int read_planned(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, size_t index)
{
  const struct mw_plan_file *planned = &cgroups->plan[index];
  const char *directory = mw_reader_path_in(entry, planned->hierarchy);
  int rc;

  if (entry->fds[index] >= 0) {
    rc = read_text(cgroups, entry->fds[index]);
    if (rc < 0)
      close_kept(cgroups, entry, index);
  } else {
    int fd = open_planned(cgroups, planned, directory);
    if (fd < 0)
      return fd;
    rc = read_text(cgroups, fd);
    if (rc < 0)
      close(fd);
    else
      keep_or_close(cgroups, entry, index, fd);
  }
  if (rc == 0)
    tell_read(cgroups, planned, directory);
  return rc;
}

int mw_reader_read_once(struct mw_cgroups *cgroups, const struct mw_plan_file *planned,
                        const char *directory)
{
  MW_AUTO_CLOSE int fd = open_planned(cgroups, planned, directory);

  if (fd < 0)
    return fd;
  int rc = read_text(cgroups, fd);
  if (rc == 0)
    tell_read(cgroups, planned, directory);
  return rc;
}

/* ---- What is wrong with a file ---- */

void mw_reader_report(struct mw_cgroups *cgroups, const char *id,
                      const struct mw_plan_file *planned, const char *directory,
                      const struct mw_error *problem)
{
  struct mw_error err;

  if (!cgroups->config.on_problem)
    return;
  mw_error_set(&err, problem->code, "%s%s/%s %.1000s",
               cgroups->hierarchies[planned->hierarchy].mount_path, directory, planned->file->name,
               problem->text);
  mw_cgroups_report(cgroups, id, &err);
}

/* Counted each time, told when it is new. */
static void note_problem(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, size_t index,
                         const struct mw_error *problem, struct mw_cgroup_sample *out)
{
  const struct mw_plan_file *planned = &cgroups->plan[index];
  uint32_t bit = UINT32_C(1) << index;

  out->problems_count++;
  if (!(entry->reported_files & bit))
    mw_reader_report(cgroups, entry->found.id, planned,
                     mw_reader_path_in(entry, planned->hierarchy), problem);
  entry->reported_files |= bit;
}

mw_figure_set mw_reader_failed_figures(const struct mw_cgroups *cgroups,
                                       const struct mw_cgroup_entry *entry)
{
  mw_figure_set failed = 0;

  for (size_t i = 0; i < cgroups->plan_count; i++)
    if (entry->reported_files >> i & 1)
      failed |= cgroups->plan[i].figures;
  return failed;
}

/*
 * Is a file that one container lacks missing in all of them? Pressure that is switched off says so.
 * Version 1 has each file in the root too, and so has pressure: what is not there is nowhere. The
 * other files of version 2 are not in the root, but come and go with their controller, of which
 * memory has a file in every container.
 */
static bool is_lacking_everywhere(struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry,
                                  const struct mw_plan_file *planned, int rc)
{
  const struct mw_hierarchy *hierarchy = &cgroups->hierarchies[planned->hierarchy];
  const struct mw_figure_file *file = planned->file;
  char path[PATH_MAX];

  if (rc == -EOPNOTSUPP)
    return true;
  if (file->version == 1 || file->controller == MW_CONTROLLER_PRESSURE)
    return faccessat(hierarchy->root_fd, file->name, F_OK, 0) < 0;
  return file->controller == MW_CONTROLLER_MEMORY &&
         file_path(mw_reader_path_in(entry, planned->hierarchy), "memory.current", path) &&
         faccessat(hierarchy->root_fd, path, F_OK, 0) == 0;
}

/* An optional file that is not there: nothing is wrong. */
static void note_lacking(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, size_t index,
                         int rc)
{
  struct mw_plan_file *planned = &cgroups->plan[index];

  entry->missing_files |= UINT32_C(1) << index;
  entry->reported_files &= ~(UINT32_C(1) << index);
  if (is_lacking_everywhere(cgroups, entry, planned, rc))
    planned->lacking_walk = cgroups->walk;
}

static void note_unread(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, size_t index,
                        int rc, struct mw_cgroup_sample *out)
{
  struct mw_error problem;

  if (cgroups->plan[index].file->flags & MW_FILE_OPTIONAL &&
      (rc == -ENOENT || rc == -ENODEV || rc == -EOPNOTSUPP)) {
    note_lacking(cgroups, entry, index, rc);
    return;
  }
  if (!mw_will_pass(rc))
    entry->missing_files |= UINT32_C(1) << index;
  else if (cgroups->plan[index].file->flags & MW_FILE_SLOW)
    entry->limits_read_ns = 0;
  if (rc == -EMSGSIZE)
    mw_error_set(&problem, EMSGSIZE, "is larger than the limit of %zu bytes",
                 cgroups->text.max_bytes);
  else
    mw_error_set(&problem, -rc, "cannot be read: %s",
                 rc == -EINVAL ? "not a regular file" : strerror(-rc));
  note_problem(cgroups, entry, index, &problem, out);
}

/* ---- Limits ---- */

/* Could a file of the parent limit the CPU time of a container that has no limit itself? A cgroup
 * has no CPUs that its parent lacks, and a period without a quota limits nothing. */
static bool may_limit_cpu(const struct mw_figure_file *file, const struct mw_figures *own,
                          const struct mw_figures *parent)
{
  uint64_t value;

  switch (file->rows_count > 0 ? file->rows[0].figure : MW_FIGURE_COUNT) {
  case MW_CPU_QUOTA_NS:
    return true;
  case MW_CPU_PERIOD_NS: /* a file of its own in version 1, behind that of the quota */
    return mw_figures_get(parent, MW_CPU_QUOTA_NS, &value);
  case MW_CPU_SET_CPUS:
    return !mw_figures_get(own, MW_CPU_SET_CPUS, &value);
  default:
    return false;
  }
}

/* On ECS the group of a task carries the quota, one directory up. */
static void read_parent_limits(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry,
                               const struct mw_figures *own)
{
  entry->parent_limits = (struct mw_figures){0};
  entry->has_parent_limits = true;
  for (size_t i = 0; i < cgroups->plan_count; i++) {
    const struct mw_plan_file *planned = &cgroups->plan[i];
    char parent[PATH_MAX];

    if (!may_limit_cpu(planned->file, own, &entry->parent_limits) ||
        entry->absent_hierarchies >> planned->hierarchy & 1)
      continue;
    snprintf(parent, sizeof parent, "%s", mw_reader_path_in(entry, planned->hierarchy));
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent)
      continue; /* the root limits nobody */
    *slash = '\0';
    if (mw_reader_read_once(cgroups, planned, parent) < 0)
      continue;
    mw_figure_file_parse(planned->file,
                         (struct mw_slice){cgroups->text.data, cgroups->text.len_bytes},
                         &entry->parent_limits, NULL, NULL);
  }
}

static bool limits_are_old(const struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry,
                           int64_t now_ns)
{
  return entry->limits_read_ns == 0 ||
         now_ns - entry->limits_read_ns > cgroups->config.limits_max_age_ns;
}

int64_t mw_reader_stamp_ns(const struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry,
                           int64_t last_ns, int64_t now_ns)
{
  uint64_t spread = entry->hh.hashv % 1000;
  int64_t stamp_ns = now_ns;

  if (last_ns == 0)
    stamp_ns -= cgroups->config.limits_max_age_ns / 1000 * (int64_t)spread;
  return stamp_ns != 0 ? stamp_ns : 1;
}

/* ---- One container ---- */

/* One reading of one container, as it goes on. */
struct reading {
  struct mw_cgroups *cgroups;
  struct mw_cgroup_entry *entry;
  struct mw_cgroup_sample *out;
  mw_figure_set wanted;
  mw_figure_set limits; /* those of the slow files that are read this time */
  bool with_limits;     /* it is the time to read limits */
  bool look_again; /* for what is optional: a walk has passed, and it is the turn of the limits */
  int files_read;
};

bool mw_reader_is_gone(const struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry)
{
  struct stat status;
  int root_fd = cgroups->hierarchies[entry->hierarchy].root_fd;

  return fstatat(root_fd, entry->path + 1, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
         status.st_ino != entry->found.inode;
}

int mw_reader_gone(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, struct mw_error *err)
{
  int rc = mw_error_set(err, ENOENT, "container %s is gone", entry->found.id);
  mw_entry_drop(cgroups, entry);
  return rc;
}

/* Is a kept file about to be read that tells when the container is gone? */
static bool has_kept_file(const struct reading *reading)
{
  const struct mw_cgroup_entry *entry = reading->entry;

  for (uint32_t left = reading->cgroups->selection.files; left; left &= left - 1) {
    int i = __builtin_ctz(left);
    if (entry->fds[i] >= 0 && reading->cgroups->plan[i].hierarchy == entry->hierarchy)
      return true;
  }
  return false;
}

#define WORKING_SET_PARTS                                                                          \
  (UINT64_C(1) << MW_MEMORY_USAGE_BYTES | UINT64_C(1) << MW_MEMORY_INACTIVE_FILE_BYTES)
#define KERNEL_PARTS                                                                               \
  (UINT64_C(1) << MW_MEMORY_KERNEL_STACK_BYTES | UINT64_C(1) << MW_MEMORY_SLAB_BYTES)
#define CPU_LIMIT_PARTS                                                                            \
  (UINT64_C(1) << MW_CPU_SET_CPUS | UINT64_C(1) << MW_CPU_QUOTA_NS) /* and the period of a quota   \
                                                                     */
#define OWN_OOM                                                                                    \
  (UINT64_C(1) << MW_MEMORY_OOM_EVENTS_TOTAL | UINT64_C(1) << MW_MEMORY_OOM_KILLS_TOTAL)
#define POD_OOM (UINT64_C(1) << MW_POD_OOM_EVENTS_TOTAL | UINT64_C(1) << MW_POD_OOM_KILLS_TOTAL)

/* @p wanted with what it is made of: the pod is read again when the container's own have moved. */
static mw_figure_set with_parts(mw_figure_set wanted)
{
  if (wanted & mw_figure_set_of(MW_MEMORY_WORKING_SET_BYTES))
    wanted |= WORKING_SET_PARTS;
  if (wanted & mw_figure_set_of(MW_MEMORY_KERNEL_BYTES))
    wanted |= KERNEL_PARTS;
  if (wanted & MW_FIGURE_SET_CPU_LIMIT)
    wanted |= CPU_LIMIT_PARTS;
  if (wanted & POD_OOM)
    wanted |= OWN_OOM;
  return wanted;
}

static void select_files(struct mw_cgroups *cgroups, mw_figure_set wanted)
{
  struct mw_selection *selection = &cgroups->selection;

  if (selection->wanted == wanted)
    return;
  *selection = (struct mw_selection){.wanted = wanted};
  for (size_t i = 0; i < cgroups->plan_count; i++) {
    mw_figure_set figures = cgroups->plan[i].figures;
    if (cgroups->slow_files >> i & 1)
      continue;
    if (figures & wanted)
      selection->files |= UINT32_C(1) << i;
    selection->left_out |= figures & ~wanted;
  }
}

/* What a reading looks for: what is wanted, and of the slow files all that is in those it knows. */
static mw_figure_set covered_by(const struct reading *reading)
{
  const struct mw_cgroups *cgroups = reading->cgroups;
  mw_figure_set limits_covered = reading->entry->limits_covered;
  mw_figure_set left_out =
      cgroups->selection.left_out |
      (~reading->wanted & (MW_FIGURE_SET_DEVICES | MW_FIGURE_SET_CPU_LIMIT | POD_OOM));

  for (uint32_t left = cgroups->slow_files; left; left &= left - 1) {
    mw_figure_set figures = cgroups->plan[__builtin_ctz(left)].figures;
    if (!(figures & limits_covered))
      left_out |= figures;
  }
  if (left_out & WORKING_SET_PARTS)
    left_out |= mw_figure_set_of(MW_MEMORY_WORKING_SET_BYTES);
  if (left_out & KERNEL_PARTS)
    left_out |= mw_figure_set_of(MW_MEMORY_KERNEL_BYTES);
  return ~left_out;
}

/* Is it known that the file is missing, and not the time to look for it again? */
static bool is_known_missing(const struct reading *reading, size_t index)
{
  const struct mw_plan_file *planned = &reading->cgroups->plan[index];
  uint32_t bit = UINT32_C(1) << index;

  if (planned->lacking_walk != 0 && planned->lacking_walk == reading->cgroups->walk)
    return true;
  if (!(reading->entry->missing_files & bit))
    return false;
  bool is_quiet =
      planned->file->flags & MW_FILE_OPTIONAL && !(reading->entry->reported_files & bit);
  return is_quiet ? !reading->look_again : !reading->with_limits;
}

/* The period, a file of its own in version 1, says nothing without the quota, which stands before
 * it in the plan. */
static mw_figure_set wanted_limits(const struct reading *reading)
{
  const mw_figure_set quota = mw_figure_set_of(MW_CPU_QUOTA_NS);
  bool needs_period = reading->with_limits && reading->wanted & MW_FIGURE_SET_CPU_LIMIT &&
                      reading->entry->limits.figures.present & quota;

  return needs_period ? reading->limits | mw_figure_set_of(MW_CPU_PERIOD_NS) : reading->limits;
}

/* A file that is selected, or a slow one in its turn. */
static bool is_due(const struct reading *reading, size_t index)
{
  const struct mw_plan_file *planned = &reading->cgroups->plan[index];

  if (reading->entry->absent_hierarchies >> planned->hierarchy & 1)
    return false;
  if (planned->file->flags & MW_FILE_SLOW && !(planned->figures & wanted_limits(reading)))
    return false;
  if (!is_known_missing(reading, index))
    return true;
  reading->out->problems_count += reading->entry->reported_files >> index & 1;
  return false;
}

/* The kernel's own files are all alike; what somebody recorded, or made up, is read word for word.
 * @return the number of problems. */
static int parse_text(struct reading *reading, struct mw_plan_file *planned,
                      struct mw_cgroup_sample *sample, struct mw_error *problem)
{
  const struct mw_cgroups *cgroups = reading->cgroups;
  const struct mw_figure_file *file = planned->file;
  mw_figure_set wanted = file->flags & MW_FILE_SLOW ? planned->figures : reading->wanted;
  struct mw_slice text = {cgroups->text.data, cgroups->text.len_bytes};
  bool has_layout =
      file->format == MW_FORMAT_PAIRS && cgroups->hierarchies[planned->hierarchy].is_kernels;

  if (has_layout && mw_pairs_layout_parse(&planned->layout, file, text, wanted, &sample->figures))
    return 0;
  int problems = mw_figure_file_parse(file, text, &sample->figures, sample, problem);
  if (has_layout && problems == 0)
    mw_pairs_layout_learn(&planned->layout, file, text);
  return problems;
}

static void parse_file(struct reading *reading, size_t index)
{
  struct mw_cgroups *cgroups = reading->cgroups;
  struct mw_cgroup_entry *entry = reading->entry;
  struct mw_plan_file *planned = &cgroups->plan[index];
  struct mw_cgroup_sample *sample =
      planned->file->flags & MW_FILE_SLOW ? &entry->limits : reading->out;
  struct mw_error problem;

  reading->files_read++;
  entry->missing_files &= ~(UINT32_C(1) << index);
  int problems = parse_text(reading, planned, sample, &problem);
  if (problems > 0)
    note_problem(cgroups, entry, index, &problem, reading->out);
  else
    entry->reported_files &= ~(UINT32_C(1) << index);
}

/* Is the container gone because this file is? */
static bool tells_the_end(const struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry,
                          size_t index)
{
  const struct mw_plan_file *planned = &cgroups->plan[index];
  return planned->hierarchy == entry->hierarchy && !(planned->file->flags & MW_FILE_OPTIONAL);
}

/* @return 0, or -ENODEV when the container is gone. */
static int read_files(struct reading *reading)
{
  struct mw_cgroups *cgroups = reading->cgroups;
  struct mw_cgroup_entry *entry = reading->entry;

  uint32_t files = cgroups->selection.files | (reading->with_limits ? cgroups->slow_files : 0);

  for (; files; files &= files - 1) {
    size_t i = (size_t)__builtin_ctz(files);
    if (!is_due(reading, i))
      continue;
    int rc = read_planned(cgroups, entry, i);
    /* a kept file ends with its cgroup, or when its kind is switched off there */
    if (rc == -ENODEV && (tells_the_end(cgroups, entry, i) || mw_reader_is_gone(cgroups, entry)))
      return -ENODEV;
    if (rc < 0)
      note_unread(cgroups, entry, i, rc, reading->out);
    else
      parse_file(reading, i);
  }
  return 0;
}

static void derive_cpu_limit(struct reading *reading, uint32_t host_cpus)
{
  struct mw_cgroup_entry *entry = reading->entry;
  struct mw_cgroup_sample *out = reading->out;

  if (!(reading->wanted & MW_FIGURE_SET_CPU_LIMIT))
    return;
  if (reading->with_limits)
    entry->has_parent_limits = false;
  mw_cgroup_cpu_limit(out, &out->figures, entry->has_parent_limits ? &entry->parent_limits : NULL,
                      host_cpus);
  if (reading->with_limits && out->cpu_limit_defaulted) {
    read_parent_limits(reading->cgroups, entry, &out->figures);
    mw_cgroup_cpu_limit(out, &out->figures, &entry->parent_limits, host_cpus);
  }
}

/* Limits are read when they are old; and when some are wanted that have not been, all together, so
 * that callers who want different ones do not take turns in reading them. */
static void choose_limits(struct reading *reading, bool is_old)
{
  mw_figure_set covered = reading->entry->limits_covered;
  mw_figure_set wanted = reading->wanted & reading->cgroups->limits;

  reading->with_limits = is_old || wanted & ~covered;
  reading->limits = !reading->with_limits ? 0 : is_old ? wanted : wanted | covered;
}

/* Bring what is known of the container up to date, and begin the reading. */
static void begin(struct reading *reading, int64_t now_ns)
{
  struct mw_cgroups *cgroups = reading->cgroups;
  struct mw_cgroup_entry *entry = reading->entry;
  uint32_t absent = entry->absent_hierarchies;
  bool is_old = limits_are_old(cgroups, entry, now_ns);

  choose_limits(reading, is_old);
  reading->look_again = reading->with_limits && entry->looked_walk != cgroups->walk;
  if (reading->look_again)
    entry->looked_walk = cgroups->walk;
  else
    absent &= ~cgroups->optional_hierarchies;
  if (!entry->paths_known || (reading->with_limits && absent))
    mw_paths_find(cgroups, entry);
  mw_sample_clear(reading->out);
  if (reading->with_limits) {
    mw_sample_clear(&entry->limits);
    entry->limits_covered = reading->limits;
  }
  if (is_old)
    entry->limits_read_ns = mw_reader_stamp_ns(cgroups, entry, entry->limits_read_ns, now_ns);
}

/* Put together what the files have given. @return 0 or -ENOMEM. */
static int complete(struct reading *reading, uint32_t host_cpus, int64_t now_ns,
                    struct mw_error *err)
{
  struct mw_cgroups *cgroups = reading->cgroups;
  struct mw_cgroup_entry *entry = reading->entry;
  struct mw_cgroup_sample *out = reading->out;

  if (mw_sample_merge(out, &entry->limits) < 0)
    return mw_error_set(err, ENOMEM, "out of memory for the devices of %s", entry->found.id);
  mw_sample_derive_memory(&out->figures);
  derive_cpu_limit(reading, host_cpus);
  mw_pod_note_own(cgroups, entry, out);
  if (reading->wanted & POD_OOM)
    mw_pod_fill(cgroups, entry, now_ns, out);
  if (reading->wanted & MW_FIGURE_SET_DEVICES)
    mw_disk_fill_names(cgroups, out, now_ns);
  else
    out->devices_count = 0; /* they were there for the totals */
  out->covered = covered_by(reading) | out->figures.present;
  out->inode = entry->found.inode;
  out->read_ns = mw_cgroups_now_ns(cgroups);
  return 0;
}

int mw_reader_read(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, uint32_t host_cpus,
                   mw_figure_set wanted, struct mw_cgroup_sample *out, struct mw_error *err)
{
  int64_t now_ns = mw_cgroups_now_ns(cgroups);
  struct reading reading = {
      .cgroups = cgroups,
      .entry = entry,
      .out = out,
      .wanted = with_parts(wanted),
  };

  select_files(cgroups, reading.wanted);
  /* A kept file of a removed cgroup fails; without one only this tells, and that a new cgroup of
   * the same name is another container. */
  if (!has_kept_file(&reading) && mw_reader_is_gone(cgroups, entry))
    return mw_reader_gone(cgroups, entry, err);
  if (cgroups->text.capacity_bytes == 0 &&
      mw_buf_reserve(&cgroups->text, FIRST_READ_BYTES, err) < 0)
    return -ENOMEM;
  begin(&reading, now_ns);
  if (read_files(&reading) < 0 || (reading.files_read == 0 && mw_reader_is_gone(cgroups, entry)))
    return mw_reader_gone(cgroups, entry, err);
  /* nothing wanted was there, and something should have been */
  if (reading.files_read == 0 && (out->problems_count > 0 || wanted == MW_FIGURE_SET_ALL))
    return mw_error_set(err, ENODATA, "no file of container %s can be read below %s%s",
                        entry->found.id, cgroups->hierarchies[entry->hierarchy].mount_path,
                        entry->path);
  return complete(&reading, host_cpus, now_ns, err);
}
