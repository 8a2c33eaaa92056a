#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <string.h>

#include "base/parse.h"
#include "cli/cli.h"
#include "cli/doctor.h"

#define SHORT_FILE_MAX_BYTES ((size_t)64 << 10)
#define KEPT_FILES_TOP 4096 /* as mw_cgroup_kept_files_default */
#define KEPT_FILE_BYTES                                                                            \
  4600 /* what the kernel keeps for each, charged to this process's cgroup                         \
        */

#define HIDDEN_FIGURES "zombies_count threads_count open_files_count" /* not how many they are */
#define PROCESS_FIGURES "processes_count " HIDDEN_FIGURES
#define NETWORK_FIGURES                                                                            \
  "network_rcvd_bytes network_rcvd_packets_total network_sent_bytes network_sent_packets_total"

static bool has_capability(const struct mw_doctor *doctor, int capability)
{
  return doctor->permits.capabilities >> capability & 1;
}

/* ---- The host ---- */

static void check_root(struct mw_doctor *doctor)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "host");
  char name[MW_HOST_NAME_BYTES] = "its name is not known";

  mw_host_name(doctor->host, name, NULL);
  if (doctor->permits.is_live) {
    mw_finding_found(finding, "%s%s%s", name, *doctor->host_root ? ", below " : "",
                     doctor->host_root);
    return;
  }
  finding->status = MW_FINDING_INFO;
  mw_finding_found(finding,
                   "%s, recorded at %s: rights and limits of this process are not looked at", name,
                   doctor->host_root);
}

static void check_kernel(struct mw_doctor *doctor)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "kernel");
  char release[MW_HOST_NAME_BYTES];
  MW_AUTO_BUF uptime;
  struct mw_error err;

  mw_buf_init(&uptime, SHORT_FILE_MAX_BYTES);
  if (mw_host_kernel_release(doctor->host, release, &err) < 0) {
    finding->status = MW_FINDING_INFO;
    mw_finding_found(finding, "%s", err.text);
    return;
  }
  struct mw_slice seconds = {"", 0};
  uint64_t running_s;
  if (mw_doctor_read(doctor, "proc/uptime", &uptime) == 0)
    seconds = (struct mw_slice){uptime.data, strcspn(uptime.data, ".")};
  if (mw_parse_u64(seconds, &running_s))
    mw_finding_found(finding, "%s, running for %" PRIu64 " days and %" PRIu64 " hours", release,
                     running_s / 86400, running_s % 86400 / 3600);
  else
    mw_finding_found(finding, "%s", release);
}

/* ---- /proc ---- */

static void check_processes(struct mw_doctor *doctor)
{
  const struct mw_host_permits *permits = &doctor->permits;
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "processes");

  if (permits->sees_foreign_processes == MW_PERMIT_NO) {
    finding->status = MW_FINDING_WARN;
    finding->lost_others = HIDDEN_FIGURES " " NETWORK_FIGURES;
    mw_finding_found(finding,
                     "%s/proc shows this user's own processes alone: it is mounted with "
                     "hidepid=",
                     doctor->host_root);
    mw_finding_cure(finding, "run moonwatch as root or with CAP_SYS_PTRACE, or: mount -o "
                             "remount,hidepid=0 /proc");
  } else if (permits->sees_host_processes == MW_PERMIT_NO) {
    finding->status = MW_FINDING_WARN;
    finding->lost_others = PROCESS_FIGURES " " NETWORK_FIGURES;
    mw_finding_found(finding,
                     "%s/proc is that of a pid namespace other than the host's: processes "
                     "of other containers are not in it",
                     doctor->host_root);
    mw_finding_cure(finding, "run it with --pid=host (hostPID: true), or mount the host's /proc "
                             "below --host-root");
  } else if (permits->sees_host_processes == MW_PERMIT_UNKNOWN) {
    finding->status = MW_FINDING_INFO;
    mw_finding_found(finding, "cannot tell whether %s/proc shows the processes of the host",
                     doctor->host_root);
  } else {
    mw_finding_found(finding, "%s/proc shows the processes of the host", doctor->host_root);
  }
}

static void check_foreign_links(struct mw_doctor *doctor)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "namespaces");

  if (doctor->permits.follows_link_of_first == MW_PERMIT_YES) {
    mw_finding_found(finding, "network namespaces and open files of other processes can be read");
    return;
  }
  if (doctor->permits.follows_foreign_links == MW_PERMIT_YES) {
    finding->status = MW_FINDING_INFO;
    finding->lost_others = "host_network";
    mw_finding_found(finding, "network namespaces and open files can be read, but not those of "
                              "process 1, whose network is the host's");
    return;
  }
  finding->status = MW_FINDING_WARN;
  finding->lost_others = "network_namespace host_network open_files_count";
  mw_finding_found(finding, "network namespaces and open files of other users' processes cannot be "
                            "read");
  mw_finding_cure(finding,
                  "run moonwatch as root, or with CAP_SYS_PTRACE (AmbientCapabilities= of a "
                  "unit, --cap-add SYS_PTRACE of a container)");
}

static void check_cgroup_namespace(struct mw_doctor *doctor)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "cgroup namespace");

  if (doctor->permits.in_host_cgroup_namespace != MW_PERMIT_NO) {
    mw_finding_found(finding, "the host's");
    return;
  }
  finding->status = MW_FINDING_INFO;
  mw_finding_found(finding, "its own: paths in /proc/PID/cgroup are relative to it, and containers "
                            "may not be found by the id of a process");
  mw_finding_cure(finding, "run it with --cgroupns=host");
}

static void check_capabilities(struct mw_doctor *doctor)
{
  bool traces = has_capability(doctor, CAP_SYS_PTRACE);
  bool reads =
      has_capability(doctor, CAP_DAC_READ_SEARCH) || has_capability(doctor, CAP_DAC_OVERRIDE);
  struct mw_finding *finding = mw_findings_add(
      doctor->findings, traces && reads ? MW_FINDING_OK : MW_FINDING_INFO, "capabilities");

  if (!doctor->permits.capabilities_known) {
    finding->status = MW_FINDING_INFO;
    mw_finding_found(finding, "they cannot be read");
    return;
  }
  mw_finding_found(finding,
                   "%s CAP_SYS_PTRACE (network namespaces, open files), %s CAP_DAC_READ_SEARCH "
                   "(files of others); CAP_SYS_ADMIN is not needed%s",
                   traces ? "has" : "lacks", reads ? "has" : "lacks",
                   traces && reads ? "" : "; what that costs here is told where it does");
}

/* ---- Pressure and swap ---- */

static uint64_t figures_named(const char *part)
{
  uint64_t figures = 0;

  for (int i = 0; i < MW_FIGURE_COUNT; i++)
    if (strstr(mw_figure_info((enum mw_figure)i)->name, part))
      figures |= UINT64_C(1) << i;
  return figures;
}

static void check_pressure(struct mw_doctor *doctor)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "pressure");

  if (doctor->permits.pressure == MW_PERMIT_YES) {
    mw_finding_found(finding, "the kernel measures pressure stalls");
    return;
  }
  finding->status = MW_FINDING_INFO;
  if (!doctor->permits.is_live) {
    mw_finding_found(finding, "/proc/pressure was not recorded, or not there");
    return;
  }
  finding->lost_figures = figures_named("_pressure_");
  if (finding->lost_figures)
    finding->status = MW_FINDING_WARN;
  mw_finding_found(finding,
                   "%s/proc/pressure cannot be read: the kernel does not measure pressure stalls",
                   doctor->host_root);
  mw_finding_cure(finding, "boot with psi=1 on the kernel's command line (Linux 4.20 or later)");
}

void mw_doctor_check_host(struct mw_doctor *doctor)
{
  check_root(doctor);
  check_kernel(doctor);
  if (doctor->permits.is_live) {
    check_processes(doctor);
    check_foreign_links(doctor);
    check_cgroup_namespace(doctor);
    check_capabilities(doctor);
  }
  check_pressure(doctor);
}

/* ---- The agent's own place ---- */

static void check_own_container(struct mw_doctor *doctor)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "agent");
  char id[MW_CGROUP_ID_BYTES];
  struct mw_error err;

  int rc = mw_cgroups_own_container_id(doctor->cgroups, id, &err);
  if (rc == 0) {
    mw_finding_found(finding, "runs in container %s", id);
  } else if (rc == -ENOENT) {
    mw_finding_found(finding, "runs in no container");
  } else {
    finding->status = MW_FINDING_INFO;
    mw_finding_found(finding, "cannot tell which container it runs in: %s", err.text);
  }
}

/* ---- Limits ---- */

static void check_descriptors(struct mw_doctor *doctor, const struct mw_cgroups_usage *usage)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "descriptors");
  size_t wanted = doctor->files_each * usage->containers;

  mw_finding_found(finding, "%zu files may be kept open, %zu containers want %zu%s",
                   usage->kept_files_max, usage->containers, wanted,
                   wanted > usage->kept_files_max
                       ? ": the others are opened for each reading, which costs time, no figure"
                       : "");
  if (wanted > usage->kept_files_max)
    finding->status = MW_FINDING_INFO;
  size_t possible = wanted < KEPT_FILES_TOP ? wanted : KEPT_FILES_TOP;
  if (possible > usage->kept_files_max)
    mw_finding_cure(finding,
                    "LimitNOFILE=%zu and MemoryMax=%zu or more (ulimit -n and the memory limit of "
                    "this process)",
                    2 * possible, 8 * possible * KEPT_FILE_BYTES);
}

static void check_inotify(struct mw_doctor *doctor, const struct mw_cgroups_usage *usage)
{
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_OK, "inotify");

  mw_finding_found(finding, "%zu of %zu directories are watched%s", usage->inotify_watches,
                   usage->directories,
                   usage->inotify_trusted ? ""
                                          : "; events do not come, so link counts are compared: "
                                            "new containers are found all the same");
  if (usage->inotify_watches >= usage->directories)
    return;
  finding->status = MW_FINDING_INFO;
  mw_finding_cure(finding,
                  "sysctl fs.inotify.max_user_watches=%" PRIu64 " (now %" PRIu64
                  ") fs.inotify.max_user_instances=%" PRIu64 " (now %" PRIu64 ")",
                  2 * (doctor->permits.inotify_watches_max + usage->directories),
                  doctor->permits.inotify_watches_max, 2 * doctor->permits.inotify_instances_max,
                  doctor->permits.inotify_instances_max);
}

void mw_doctor_check_agent(struct mw_doctor *doctor)
{
  struct mw_cgroups_usage usage;

  if (!doctor->permits.is_live)
    return;
  check_own_container(doctor);
  mw_cgroups_usage(doctor->cgroups, &usage);
  check_descriptors(doctor, &usage);
  check_inotify(doctor, &usage);
}
