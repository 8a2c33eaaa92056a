#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "cgroup/mounts.h"
#include "cli/doctor.h"

#define TABLE_MAX_BYTES ((size_t)8 << 20)

/* The texts that say why a controller is not there. */
struct tables {
  struct mw_buf mounts; /* /proc/mounts */
  struct mw_buf kernel; /* /proc/cgroups */
  struct mw_cgroup_mounts *cgroup_mounts;
};

uint64_t mw_doctor_figures_of(enum mw_controller controller, int version)
{
  struct mw_figure_source row;
  uint64_t figures = 0;

  for (size_t i = 0; mw_figure_source(i, &row); i++)
    if (row.controller == controller && (version == 0 || row.version == version))
      figures |= UINT64_C(1) << row.figure;
  return figures;
}

/* Those that the controllers of this host have, whether or not its containers have the files. */
static uint64_t figures_of_host(const struct mw_doctor *doctor)
{
  uint64_t figures = 0;

  for (int i = 0; i < MW_CONTROLLER_COUNT; i++) {
    struct mw_controller_info info;
    mw_cgroups_controller(doctor->cgroups, (enum mw_controller)i, &info);
    if (info.version > 0)
      figures |= mw_doctor_figures_of((enum mw_controller)i, info.version);
  }
  return figures;
}

static struct mw_slice text_of(const struct mw_buf *buf)
{
  return (struct mw_slice){buf->data, buf->len_bytes};
}

/* ---- Why it is not there ---- */

/* The line of /proc/cgroups: name, hierarchy, how many cgroups, enabled. */
static bool find_kernel_line(const struct tables *tables, const char *name, uint64_t *hierarchy,
                             uint64_t *enabled)
{
  struct mw_slice rest = text_of(&tables->kernel), line, word, count;

  while (mw_slice_next_line(&rest, &line))
    if (mw_slice_next_word(&line, &word) && mw_slice_equal(word, name) &&
        mw_slice_next_word(&line, &word) && mw_parse_u64(word, hierarchy) &&
        mw_slice_next_word(&line, &count) && mw_slice_next_word(&line, &word))
      return mw_parse_u64(word, enabled);
  return false;
}

/* Is @p path at or below the @p top_bytes bytes of @p top? */
static bool is_at_or_below(const char *path, const char *top, size_t top_bytes)
{
  return strncmp(path, top, top_bytes) == 0 &&
         (top_bytes == 1 || path[top_bytes] == '/' || path[top_bytes] == '\0');
}

/* A mount behind that of @p path, and above it, hides it. @return its target in @p out. */
static bool find_hiding_mount(const struct tables *tables, const char *path, struct mw_slice *out)
{
  struct mw_slice rest = text_of(&tables->mounts), line, source, target;
  bool mounted = false, hidden = false;

  while (mw_slice_next_line(&rest, &line)) {
    if (!mw_slice_next_word(&line, &source) || !mw_slice_next_word(&line, &target))
      continue;
    if (mw_slice_equal(target, path)) {
      mounted = true;
      hidden = false;
    } else if (mounted && is_at_or_below(path, target.data, target.len_bytes)) {
      *out = target;
      hidden = true;
    }
  }
  return hidden;
}

static void explain_mounted(struct mw_finding *finding, const struct tables *tables,
                            const char *path)
{
  struct mw_slice over;

  if (find_hiding_mount(tables, path, &over)) {
    mw_finding_found(finding, "mounted at %s, but hidden by a later mount at %.*s", path,
                     (int)over.len_bytes, over.data);
    mw_finding_cure(finding, "umount %.*s, or mount it before %s", (int)over.len_bytes, over.data,
                    path);
    return;
  }
  mw_finding_found(finding, "mounted at %s, where this process cannot open it", path);
  mw_finding_cure(finding,
                  "make %s visible to this process: in a container mount the host's "
                  "/sys/fs/cgroup below --host-root; else ls -ld %s",
                  path, path);
}

/* Is there a controller of that name in version 1, so that the kernel's list can tell of it? */
static bool has_version_1(enum mw_controller controller)
{
  return mw_doctor_figures_of(controller, 1) != 0;
}

static void explain_unmounted(struct mw_finding *finding, const struct tables *tables,
                              enum mw_controller controller)
{
  const char *name = mw_controller_name(controller, 1);
  const char *unified = mw_cgroup_mounts_find(tables->cgroup_mounts, "cgroupv2");
  uint64_t hierarchy, enabled;

  if (!find_kernel_line(tables, name, &hierarchy, &enabled)) {
    mw_finding_found(finding, "the kernel was built without it%s",
                     tables->kernel.len_bytes > 0 ? "" : ", or has no /proc/cgroups");
    mw_finding_cure(finding, "a kernel that is built with controller %s", name);
  } else if (!enabled) {
    mw_finding_found(finding, "disabled on the kernel's command line");
    mw_finding_cure(finding, "boot without cgroup_disable=%s%s", name,
                    strcmp(name, "memory") == 0 ? ", or with cgroup_enable=memory" : "");
  } else if (hierarchy == 0 && unified) {
    mw_finding_found(finding,
                     "version 2 is mounted at %s, and cgroup.controllers there does not "
                     "name it",
                     unified);
    mw_finding_cure(finding,
                    "in a container run it with --cgroupns=host; else see that no "
                    "hierarchy of version 1 has it, and echo +%s > "
                    "%s/cgroup.subtree_control",
                    mw_controller_name(controller, 2), unified);
  } else {
    mw_finding_found(finding, "not mounted");
    mw_finding_cure(finding,
                    "mkdir -p /sys/fs/cgroup/%s && mount -t cgroup -o %s cgroup "
                    "/sys/fs/cgroup/%s",
                    name, name, name);
  }
}

static void explain_version_2_missing(struct mw_finding *finding)
{
  mw_finding_found(finding, "version 2 is not mounted, and version 1 does not have it");
  mw_finding_cure(finding,
                  "boot with systemd.unified_cgroup_hierarchy=1, or mount it beside: mkdir "
                  "-p /sys/fs/cgroup/unified && mount -t cgroup2 none "
                  "/sys/fs/cgroup/unified");
}

/* ---- One controller ---- */

/* Do many kernels lack all that it has? */
static bool is_optional(enum mw_controller controller)
{
  struct mw_figure_source row;

  for (size_t i = 0; mw_figure_source(i, &row); i++)
    if (row.controller == controller && !row.optional)
      return false;
  return true;
}

static void explain_absence(struct mw_doctor *doctor, const struct tables *tables,
                            enum mw_controller controller)
{
  const char *name = mw_controller_name(controller, 1);
  const char *path =
      mw_cgroup_mounts_find(tables->cgroup_mounts, has_version_1(controller) ? name : "cgroupv2");
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_WARN, "controller %s",
                                               mw_controller_name(controller, 2));

  finding->lost_figures = mw_doctor_figures_of(controller, 0) & ~figures_of_host(doctor);
  if (path)
    explain_mounted(finding, tables, path);
  else if (has_version_1(controller))
    explain_unmounted(finding, tables, controller);
  else
    explain_version_2_missing(finding);
  /* of what a recording lacks, it may only be the recording that lacks it */
  if (finding->lost_figures == 0 || (!doctor->permits.is_live && is_optional(controller)))
    finding->status = MW_FINDING_INFO;
}

static void check_controller(struct mw_doctor *doctor, const struct tables *tables,
                             enum mw_controller controller)
{
  struct mw_controller_info info, cpu;

  mw_cgroups_controller(doctor->cgroups, controller, &info);
  mw_cgroups_controller(doctor->cgroups, MW_CONTROLLER_CPU, &cpu);
  if (info.version == 0 && !(controller == MW_CONTROLLER_CPUACCT && cpu.version == 2)) {
    explain_absence(doctor, tables, controller);
    return;
  }
  struct mw_finding *finding =
      mw_findings_add(doctor->findings, MW_FINDING_OK, "controller %s",
                      mw_controller_name(controller, info.version ? info.version : 2));
  if (info.version == 0)
    mw_finding_found(finding, "a part of cpu in version 2");
  else
    mw_finding_found(finding, "version %d at %s", info.version, info.mount_path);
}

void mw_doctor_check_controllers(struct mw_doctor *doctor)
{
  struct mw_cgroup_mounts *mounts = calloc(1, sizeof *mounts);
  struct tables tables = {.cgroup_mounts = mounts};

  if (!mounts)
    return;
  mw_buf_init(&tables.mounts, TABLE_MAX_BYTES);
  mw_buf_init(&tables.kernel, TABLE_MAX_BYTES);
  /* as core/cgroup looks for them */
  if (*doctor->host_root || mw_doctor_read(doctor, "proc/1/mounts", &tables.mounts) < 0)
    mw_doctor_read(doctor, "proc/mounts", &tables.mounts);
  mw_doctor_read(doctor, "proc/cgroups", &tables.kernel);
  mw_cgroup_mounts_parse(text_of(&tables.mounts), doctor->host_root, mounts);
  if (mounts->count == 0)
    mw_cgroup_mounts_parse(text_of(&tables.mounts), "", mounts);
  for (int i = 0; i < MW_CONTROLLER_COUNT; i++)
    check_controller(doctor, &tables, (enum mw_controller)i);
  mw_buf_deinit(&tables.mounts);
  mw_buf_deinit(&tables.kernel);
  free(mounts);
}
