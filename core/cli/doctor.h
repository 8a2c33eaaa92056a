/**
 * @file doctor.h
 * What a host permits the agent, looked at from four sides; command_doctor.c puts them together.
 *
 *   doctor_host.c         the kernel, /proc, rights of this process, descriptors, inotify
 *   doctor_controllers.c  the controllers of cgroups: where each is, or why it is not
 *   doctor_containers.c   the files of some containers: which are missing, and why
 *   doctor_kubelet.c      the kubelet, where there is one: address, TLS, identity, each right
 */
#ifndef MW_DOCTOR_H
#define MW_DOCTOR_H

#include "base/buf.h"
#include "cli/findings.h"
#include "moonwatch/cgroup.h"
#include "moonwatch/host.h"
#include "moonwatch/kubelet.h"

#define MW_DOCTOR_PROBLEMS_MAX_BYTES ((size_t)1 << 20)

struct mw_doctor {
  const char *host_root; /**< without a '/' at its end: "" is this machine */
  struct mw_host *host;
  struct mw_host_permits permits;
  struct mw_cgroups *cgroups; /**< NULL: there are none, and it was found */
  struct mw_findings *findings;

  /* what the readings told */
  struct mw_buf problems; /**< lines "<errno> <text>" of all files that could not be read */
  struct mw_buf files;    /**< read for the container that is looked at: their paths, a line each */
  size_t files_each;      /**< that are kept open for a container */
};

/** Read the file @p name below the host root into @p out. @return 0 or -errno. */
int mw_doctor_read(const struct mw_doctor *doctor, const char *name, struct mw_buf *out);

/** The files of the table of figures, each once: rows at @p first up to the one that is returned
 * are of one file. @return @p first when there are no more. */
size_t mw_doctor_next_file(size_t first, struct mw_figure_source *file);

/** Figures that @p controller has rows for under @p version (0: any). */
uint64_t mw_doctor_figures_of(enum mw_controller controller, int version);

void mw_doctor_check_host(struct mw_doctor *doctor);
void mw_doctor_check_controllers(struct mw_doctor *doctor);

/** Before mw_doctor_check_agent, which counts on it. */
void mw_doctor_check_containers(struct mw_doctor *doctor);

/** Nothing is found where nothing tells of a kubelet. */
void mw_doctor_check_kubelet(struct mw_doctor *doctor, const struct mw_kubelet_config *config);

/** The container that this process is in; descriptors and watches against the containers there are.
 */
void mw_doctor_check_agent(struct mw_doctor *doctor);

#endif
