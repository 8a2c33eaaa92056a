#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "cli/doctor.h"

#define CONTAINERS_MAX 20
#define FILES_MAX 128
#define WORDS_MAX_BYTES ((size_t)64 << 10)

/* A file of the table that some containers do not have. */
struct missing {
  struct mw_figure_source file;
  uint64_t figures;
  unsigned containers;
  int code;                 /* an errno; 0: they have no directory in that hierarchy */
  char directory[PATH_MAX]; /* of one of them; "" when code is 0 */
};

struct sample {
  struct mw_doctor *doctor;
  unsigned count, all; /* containers: taken, that there are */
  struct {
    char id[MW_CGROUP_ID_BYTES], path[PATH_MAX];
  } containers[CONTAINERS_MAX];
  unsigned read;
  uint64_t present; /* figures that at least one of them had */
  unsigned files_count;
  struct missing files[FILES_MAX]; /* containers == 0: nobody lacks it */
};

size_t mw_doctor_next_file(size_t first, struct mw_figure_source *file)
{
  struct mw_figure_source row;
  size_t next = first;

  if (!mw_figure_source(first, file))
    return first;
  while (mw_figure_source(next, &row) && row.version == file->version &&
         row.controller == file->controller && row.of_pod == file->of_pod &&
         strcmp(row.file, file->file) == 0)
    next++;
  return next;
}

/* ---- Readings ---- */

static bool take_container(void *data, const struct mw_cgroup_container *container)
{
  struct sample *sample = data;

  if (sample->count < CONTAINERS_MAX) {
    snprintf(sample->containers[sample->count].id, MW_CGROUP_ID_BYTES, "%s", container->id);
    snprintf(sample->containers[sample->count].path, PATH_MAX, "%s", container->path);
    sample->count++;
  }
  sample->all++;
  return true;
}

/* The files that this host's controllers have. */
static void list_files(struct sample *sample)
{
  struct mw_figure_source file, row;

  for (size_t first = 0, next; (next = mw_doctor_next_file(first, &file)) > first; first = next) {
    struct mw_controller_info info;
    mw_cgroups_controller(sample->doctor->cgroups, file.controller, &info);
    if (info.version != file.version || file.of_pod || sample->files_count == FILES_MAX)
      continue; /* not every container has a pod */
    struct missing *missing = &sample->files[sample->files_count++];
    missing->file = file;
    for (size_t i = first; i < next && mw_figure_source(i, &row); i++)
      missing->figures |= UINT64_C(1) << row.figure;
  }
}

/* Files of the same names are read in cgroups above the container's, which alone has its id in the
 * name. */
static bool is_of(const char *path, size_t directory_bytes, const char *id)
{
  const char *slash = memrchr(path, '/', directory_bytes);

  return slash && memmem(slash, directory_bytes - (size_t)(slash - path), id, strlen(id));
}

static bool was_read(const struct mw_doctor *doctor, const char *id, const char *name)
{
  struct mw_slice rest = {doctor->files.data, doctor->files.len_bytes}, line;

  while (mw_slice_next_line(&rest, &line)) {
    const char *slash = memrchr(line.data, '/', line.len_bytes);
    if (!slash)
      continue;
    size_t directory_bytes = (size_t)(slash - line.data);
    if (mw_slice_equal((struct mw_slice){slash + 1, line.len_bytes - directory_bytes - 1}, name) &&
        is_of(line.data, directory_bytes, id))
      return true;
  }
  return false;
}

/* The problems of one reading are lines "<errno> <path> cannot be read: why". */
static void find_reason(const struct mw_doctor *doctor, struct missing *missing)
{
  struct mw_slice rest = {doctor->problems.data, doctor->problems.len_bytes}, line, code, path;
  uint64_t number;

  while (mw_slice_next_line(&rest, &line)) {
    if (!mw_slice_next_word(&line, &code) || !mw_parse_u64(code, &number))
      continue;
    const char *end = memmem(line.data, line.len_bytes, " cannot be read: ", 17);
    if (!end)
      continue;
    path = (struct mw_slice){line.data + 1, (size_t)(end - line.data) - 1};
    const char *slash = memrchr(path.data, '/', path.len_bytes);
    if (!slash || path.len_bytes >= PATH_MAX ||
        !mw_slice_equal((struct mw_slice){slash + 1, (size_t)(end - slash) - 1},
                        missing->file.file))
      continue;
    missing->code = (int)number;
    snprintf(missing->directory, sizeof missing->directory, "%.*s", (int)(slash - path.data),
             path.data);
  }
}

/* Nobody is told of an optional file: it is missing where the directory is there. */
static void find_directory_of(const struct mw_doctor *doctor, const char *container_path,
                              struct missing *missing)
{
  struct mw_controller_info info;
  char path[PATH_MAX];

  mw_cgroups_controller(doctor->cgroups, missing->file.controller, &info);
  if ((size_t)snprintf(path, sizeof path, "%s%s", info.mount_path, container_path) >= sizeof path ||
      access(path, F_OK) < 0)
    return;
  missing->code = ENOENT;
  strcpy(missing->directory, path);
}

static void read_container(struct sample *sample, const char *id, const char *container_path)
{
  struct mw_doctor *doctor = sample->doctor;
  struct mw_cgroup_sample reading = {0};
  uint32_t cpus = mw_host_cpu_count(doctor->host);

  mw_buf_clear(&doctor->files);
  mw_buf_clear(&doctor->problems);
  int rc = mw_cgroups_read(doctor->cgroups, id, cpus, MW_FIGURE_SET_ALL, &reading, NULL);
  if (rc == 0 || rc == -ENODATA) { /* else it has gone meanwhile */
    sample->read++;
    sample->present |= rc == 0 ? reading.figures.present : 0;
    for (unsigned i = 0; i < sample->files_count; i++) {
      struct missing *missing = &sample->files[i];
      if (was_read(doctor, id, missing->file.file))
        continue;
      missing->containers++;
      find_reason(doctor, missing);
      if (missing->code == 0)
        find_directory_of(doctor, container_path, missing);
    }
  }
  mw_cgroup_sample_deinit(&reading);
}

static void read_containers(struct sample *sample)
{
  struct mw_doctor *doctor = sample->doctor;
  struct mw_cgroups_usage usage;
  size_t kept = 0;

  for (unsigned i = 0; i < sample->count; i++) {
    read_container(sample, sample->containers[i].id, sample->containers[i].path);
    mw_cgroups_usage(doctor->cgroups, &usage);
    /* the most of one: some have fewer files, and later the budget may be used up */
    if (usage.kept_files > kept + doctor->files_each)
      doctor->files_each = usage.kept_files - kept;
    kept = usage.kept_files;
  }
}

/* ---- Findings ---- */

static bool has_word(const char *directory, const char *file, const char *wanted)
{
  struct mw_slice rest, line, word;
  char path[PATH_MAX];
  MW_AUTO_BUF text;

  mw_buf_init(&text, WORDS_MAX_BYTES);
  if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, file) >= sizeof path ||
      mw_file_read(AT_FDCWD, path, &text, NULL) < 0)
    return true; /* not known: nothing is said of it */
  rest = (struct mw_slice){text.data, text.len_bytes};
  while (mw_slice_next_line(&rest, &line))
    while (mw_slice_next_word(&line, &word))
      if (mw_slice_equal(word, wanted))
        return true;
  return false;
}

/* The topmost directory above @p directory that has the controller and does not pass it on. */
static bool find_stop(const struct mw_doctor *doctor, enum mw_controller controller,
                      const char *directory, char out[static PATH_MAX])
{
  const char *name = mw_controller_name(controller, 2);
  struct mw_controller_info info;
  bool found = false;

  mw_cgroups_controller(doctor->cgroups, controller, &info);
  if (has_word(directory, "cgroup.controllers", name))
    return false;
  char above[PATH_MAX];
  snprintf(above, sizeof above, "%s", directory);
  for (char *slash; (slash = strrchr(above, '/')) && strlen(above) > strlen(info.mount_path);) {
    *slash = '\0';
    if (has_word(above, "cgroup.subtree_control", name))
      continue;
    snprintf(out, PATH_MAX, "%s", above);
    found = true;
  }
  return found;
}

/* All files of a controller that a cgroup above does not pass on are one finding. That nobody
 * enabled one whose files many kernels lack (systemd does not enable hugetlb) is no fault. */
static bool tell_not_enabled(struct sample *sample, struct missing *missing)
{
  enum mw_controller controller = missing->file.controller;
  const char *name = mw_controller_name(controller, 2);
  uint64_t figures = missing->figures;
  bool needed = !missing->file.optional;
  char stop[PATH_MAX];

  if (missing->file.version != 2 || missing->code != ENOENT ||
      !find_stop(sample->doctor, controller, missing->directory, stop))
    return false;
  for (unsigned i = 0; i < sample->files_count; i++) {
    struct missing *other = &sample->files[i];
    if (other->file.controller != controller || other == missing || other->containers == 0 ||
        has_word(other->directory, "cgroup.controllers", name))
      continue;
    figures |= other->figures;
    needed |= !other->file.optional;
    other->containers = 0;
  }
  struct mw_finding *finding = mw_findings_add(
      sample->doctor->findings, needed ? MW_FINDING_WARN : MW_FINDING_INFO, "files of %s", name);
  finding->lost_figures = figures;
  mw_finding_found(finding,
                   "not enabled in cgroup.subtree_control of %s, so %u of %u containers "
                   "do not have them",
                   stop, missing->containers, sample->read);
  mw_finding_cure(finding,
                  "echo +%s > %s/cgroup.subtree_control (and in those below it); with "
                  "systemd Delegate=yes in the unit of the runtime",
                  name, stop);
  return true;
}

static const char *cure_of_absent_file(const char *file)
{
  static const struct {
    const char *file, *cure;
  } cures[] = {
      {"memory.peak", "Linux 5.19 or later"},
      {"memory.swap.current", "boot with swapaccount=1; the kernel needs CONFIG_SWAP"},
      {"memory.swap.max", "boot with swapaccount=1; the kernel needs CONFIG_SWAP"},
      {"memory.swap.high", "Linux 5.8 or later, booted with swapaccount=1"},
      {"cpu.pressure", "boot with psi=1 on the kernel's command line (Linux 4.20 or later)"},
      {"memory.pressure", "boot with psi=1 on the kernel's command line (Linux 4.20 or later)"},
      {"io.pressure", "boot with psi=1 on the kernel's command line (Linux 4.20 or later)"},
      {"cpu.cfs_quota_us", "a kernel with CONFIG_CFS_BANDWIDTH"},
      {"cpu.cfs_period_us", "a kernel with CONFIG_CFS_BANDWIDTH"},
      {"cpu.max", "a kernel with CONFIG_CFS_BANDWIDTH"},
      {"blkio.throttle.io_service_bytes", "a kernel with CONFIG_BLK_DEV_THROTTLING"},
      {"blkio.throttle.io_serviced", "a kernel with CONFIG_BLK_DEV_THROTTLING"},
  };

  for (size_t i = 0; i < sizeof cures / sizeof cures[0]; i++)
    if (strcmp(file, cures[i].file) == 0)
      return cures[i].cure;
  return NULL;
}

/* Of what a recording lacks, it may only be the recording that lacks it. */
static void cure_absent_file(const struct sample *sample, struct mw_finding *finding,
                             const struct missing *missing)
{
  const char *cure = cure_of_absent_file(missing->file.file);

  finding->status = MW_FINDING_INFO;
  if (!cure)
    return;
  mw_finding_cure(finding, "%s%s", cure,
                  sample->doctor->permits.is_live ? "" : "; or a recording that has the file");
  if (sample->doctor->permits.is_live || !missing->file.optional)
    finding->status = MW_FINDING_WARN;
}

/* Files that many kernels lack, and for good reasons (a size of huge pages that the CPU does not
 * have), are one finding. */
static bool tell_optional(struct sample *sample, struct missing *missing)
{
  enum mw_controller controller = missing->file.controller;
  uint64_t figures = missing->figures;
  char files[1024];

  if (!missing->file.optional || missing->code != ENOENT || cure_of_absent_file(missing->file.file))
    return false;
  snprintf(files, sizeof files, "%s", missing->file.file);
  for (unsigned i = 0; i < sample->files_count; i++) {
    struct missing *other = &sample->files[i];
    if (other->file.controller != controller || other == missing || other->containers == 0 ||
        !other->file.optional || other->code != ENOENT || cure_of_absent_file(other->file.file))
      continue;
    size_t used = strlen(files);
    snprintf(files + used, sizeof files - used, ", %s", other->file.file);
    figures |= other->figures;
    other->containers = 0;
  }
  struct mw_finding *finding =
      mw_findings_add(sample->doctor->findings, MW_FINDING_INFO, "optional %s",
                      mw_controller_name(controller, missing->file.version));
  finding->lost_figures = figures;
  mw_finding_found(finding, "not there, as on many kernels: %s", files);
  return true;
}

/* A container need not be in each hierarchy of version 1; all files of one are one finding. */
static bool tell_no_directory(struct sample *sample, struct missing *missing)
{
  enum mw_controller controller = missing->file.controller;
  const char *name = mw_controller_name(controller, missing->file.version);
  uint64_t figures = missing->figures;
  unsigned containers = missing->containers;

  if (missing->code != 0)
    return false;
  for (unsigned i = 0; i < sample->files_count; i++) {
    struct missing *other = &sample->files[i];
    if (other->file.controller != controller || other == missing || other->containers == 0 ||
        other->code != 0)
      continue;
    figures |= other->figures;
    containers = other->containers > containers ? other->containers : containers;
    other->containers = 0;
  }
  struct mw_finding *finding =
      mw_findings_add(sample->doctor->findings, MW_FINDING_INFO, "files of %s", name);
  finding->lost_figures = figures;
  mw_finding_found(finding, "%u of %u containers have no cgroup in its hierarchy", containers,
                   sample->read);
  return true;
}

static void tell_missing(struct sample *sample, const struct missing *missing)
{
  const char *file = missing->file.file;
  struct mw_finding *finding =
      mw_findings_add(sample->doctor->findings, MW_FINDING_WARN, "%s", file);

  finding->lost_figures = missing->figures;
  mw_finding_found(finding, "%u of %u containers: %s%s%s%s", missing->containers, sample->read,
                   strerror(missing->code), missing->directory[0] ? " (" : "", missing->directory,
                   missing->directory[0] ? ")" : "");
  if (missing->code == EACCES || missing->code == EPERM)
    mw_finding_cure(finding, "run moonwatch as root, or with CAP_DAC_READ_SEARCH");
  else if (missing->code == EMFILE || missing->code == ENFILE)
    mw_finding_cure(finding, "raise the limit of open files: ulimit -n, LimitNOFILE=");
  else
    cure_absent_file(sample, finding, missing);
}

/* The directory of a container that has one in the hierarchy at @p mount_path. */
static bool find_directory(const struct sample *sample, const char *mount_path,
                           char out[static PATH_MAX])
{
  for (unsigned i = 0; i < sample->count; i++)
    if ((size_t)snprintf(out, PATH_MAX, "%s%s", mount_path, sample->containers[i].path) <
            PATH_MAX &&
        access(out, F_OK) == 0)
      return true;
  return false;
}

/* Read, but without a line in it: the kernel counts only where a rule throttles. */
static void check_v1_io(struct sample *sample)
{
  struct mw_controller_info info;
  char parent[PATH_MAX];

  mw_cgroups_controller(sample->doctor->cgroups, MW_CONTROLLER_IO, &info);
  uint64_t figures = mw_doctor_figures_of(MW_CONTROLLER_IO, 1);
  if (info.version != 1 || sample->read == 0 || sample->present & figures)
    return;
  for (unsigned i = 0; i < sample->files_count; i++)
    if (sample->files[i].file.controller == MW_CONTROLLER_IO && sample->files[i].containers > 0)
      return; /* told already */
  if (!find_directory(sample, info.mount_path, parent))
    return;
  *strrchr(parent, '/') = '\0';
  struct mw_finding *finding = mw_findings_add(sample->doctor->findings, MW_FINDING_WARN, "blkio");
  finding->lost_figures = figures;
  mw_finding_found(finding,
                   "version 1 counts nothing for %u containers: Linux does so only where a "
                   "throttle rule is set, on them or above them",
                   sample->read);
  mw_finding_cure(finding,
                  "for each disk (MAJ:MIN in /proc/diskstats), a rule that limits nothing: "
                  "echo \"MAJ:MIN 100000000000\" > "
                  "%s/blkio.throttle.write_bps_device; or boot with version 2",
                  parent);
}

/* Version 1 has a file for memory and swap only when swap is accounted for. */
static void check_v1_swap(struct sample *sample)
{
  struct mw_controller_info info;
  char directory[PATH_MAX], path[PATH_MAX];

  mw_cgroups_controller(sample->doctor->cgroups, MW_CONTROLLER_MEMORY, &info);
  if (info.version != 1 || !find_directory(sample, info.mount_path, directory) ||
      (size_t)snprintf(path, sizeof path, "%s/memory.memsw.usage_in_bytes", directory) >=
          sizeof path ||
      access(path, F_OK) == 0)
    return;
  struct mw_finding *finding = mw_findings_add(sample->doctor->findings, MW_FINDING_INFO, "swap");
  for (int i = 0; i < MW_FIGURE_COUNT; i++) {
    const char *name = mw_figure_info((enum mw_figure)i)->name;
    if (strstr(name, "swap") && mw_doctor_figures_of(MW_CONTROLLER_MEMORY, 1) >> i & 1)
      finding->lost_figures |= UINT64_C(1) << i;
  }
  finding->lost_figures &= ~sample->present;
  finding->status = finding->lost_figures ? MW_FINDING_WARN : MW_FINDING_INFO;
  mw_finding_found(finding, "not accounted for: there is no memory.memsw.usage_in_bytes");
  mw_finding_cure(finding, "boot with swapaccount=1 on the kernel's command line");
}

static void tell_nothing_there(struct mw_doctor *doctor)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_INFO, "containers");

  mw_finding_found(finding, "no container runs, so no file of one was looked at");
  if (doctor->permits.in_host_cgroup_namespace != MW_PERMIT_NO)
    return;
  finding->status = MW_FINDING_WARN;
  mw_finding_found(finding, "no container is seen from this cgroup namespace");
  mw_finding_cure(finding, "run it with --cgroupns=host, or mount the host's /sys/fs/cgroup below "
                           "--host-root");
}

static void tell_findings(struct sample *sample)
{
  struct mw_finding *finding =
      mw_findings_add(sample->doctor->findings, MW_FINDING_OK, "containers");

  mw_finding_found(finding, "%u, of which %u were read", sample->all, sample->read);
  for (unsigned i = 0; i < sample->files_count; i++) {
    struct missing *missing = &sample->files[i];
    if (missing->containers > 0 && !tell_not_enabled(sample, missing) &&
        !tell_no_directory(sample, missing) && !tell_optional(sample, missing))
      tell_missing(sample, missing);
  }
  check_v1_io(sample);
  check_v1_swap(sample);
}

void mw_doctor_check_containers(struct mw_doctor *doctor)
{
  struct sample *sample = calloc(1, sizeof *sample);
  struct mw_error err;

  if (!sample)
    return;
  sample->doctor = doctor;
  if (mw_cgroups_refresh(doctor->cgroups, &err) < 0 ||
      mw_cgroups_each(doctor->cgroups, take_container, sample, &err) < 0) {
    struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_FAIL, "containers");
    mw_finding_found(finding, "%s", err.text);
    mw_finding_cure(finding, "run moonwatch as root, or with CAP_DAC_READ_SEARCH");
  } else if (sample->count == 0) {
    tell_nothing_there(doctor);
  } else {
    list_files(sample);
    read_containers(sample);
    tell_findings(sample);
  }
  free(sample);
}
