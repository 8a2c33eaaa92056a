/**
 * @file host.h
 * Facts about the host: CPUs, memory, name, start, kernel, kind of container host.
 *
 * Source: /proc/cpuinfo, /proc/stat, /sys/devices/system/cpu/online, sched_getaffinity(2),
 * /proc/meminfo, uname(2), /proc/sys/kernel/, machine-id(5), os-release(5), environment variables
 * of ECS and EKS. Thread-safety: a struct mw_host may be shared by all threads.
 */
#ifndef MW_HOST_H
#define MW_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "moonwatch/export.h"

struct mw_host;

struct mw_host_config {
  const char *host_root; /**< "/" when NULL */
  const char *proc_root; /**< NULL: "proc" below host_root */
  const char *sys_root;  /**< NULL: "sys" below host_root */
  /** NULL: getenv(3). A test gives its own environment. */
  const char *(*env)(const char *name);
};

/** @return NULL only when out of memory: what cannot be read shows when it is asked for. */
MW_API struct mw_host *mw_host_new(const struct mw_host_config *config, struct mw_error *err);
MW_API void mw_host_free(struct mw_host *host); /**< accepts NULL */

/**
 * Logical CPUs of the host, at least 1; never fails.
 *
 * Counted in <proc>/cpuinfo, else <proc>/stat, else <sys>/devices/system/cpu/online, which a
 * container's set of CPUs does not change. A count that was read is kept for ever. While all of
 * them fail the answer is the size of this process's affinity mask, which may be that of a
 * container: it is never kept, and the files are tried again at each call. The third failure is
 * logged, once. A caller waits at most a second for another one that is reading.
 */
MW_API uint32_t mw_host_cpu_count(struct mw_host *host);

/** MemTotal of <proc>/meminfo. @return 0; -errno of reading; -EBADMSG: not there or no amount. */
MW_API int mw_host_memory_total_bytes(struct mw_host *host, uint64_t *bytes, struct mw_error *err);

/** btime of <proc>/stat: when the host started, seconds since 1970. Returns as above. */
MW_API int mw_host_boot_time_s(struct mw_host *host, int64_t *seconds, struct mw_error *err);

#define MW_HOST_NAME_BYTES 256

/**
 * The name of the host: for the host root "/" gethostname(2), else what stands in
 * <host>/etc/hostname, else in <proc>/sys/kernel/hostname. Never empty, printable ASCII.
 * @return 0, or -errno of the last that was tried, with the reason for each in @p err.
 */
MW_API int mw_host_name(struct mw_host *host, char name[static MW_HOST_NAME_BYTES],
                        struct mw_error *err);

/**
 * The kernel's release, "6.1.0-18-amd64": for the host root "/" uname(2), else what stands in
 * <proc>/sys/kernel/osrelease, else in <proc>/version. Returns as above.
 */
MW_API int mw_host_kernel_release(struct mw_host *host, char release[static MW_HOST_NAME_BYTES],
                                  struct mw_error *err);

/** What identifies a host and its system; "" stands for what is not known. Printable ASCII. */
struct mw_host_system_info {
  char uuid[MW_HOST_NAME_BYTES];             /**< see mw_host_system_info */
  char platform[MW_HOST_NAME_BYTES];         /**< "ubuntu": ID of os-release */
  char platform_family[MW_HOST_NAME_BYTES];  /**< "debian", "rhel", "suse", ... */
  char platform_version[MW_HOST_NAME_BYTES]; /**< "22.04": VERSION_ID of os-release */
  char kernel_release[MW_HOST_NAME_BYTES];   /**< as mw_host_kernel_release */
};

/**
 * Fill @p out with what is known. Never fails.
 *
 * uuid is <sys>/class/dmi/id/product_uuid, which root alone can read and some firmware leaves
 * blank, else <host>/etc/machine-id, else <proc>/sys/kernel/random/boot_id, which changes with each
 * start. The platform is read from <host>/etc/os-release, else <host>/usr/lib/os-release; its
 * family is the one that ID, else a word of ID_LIKE, belongs to, else ID itself.
 */
MW_API void mw_host_system_info(struct mw_host *host, struct mw_host_system_info *out);

/* ---- What this process may see of the host ---- */

enum mw_permit { MW_PERMIT_UNKNOWN, MW_PERMIT_NO, MW_PERMIT_YES };

struct mw_host_permits {
  /** <proc> is a kernel's file system; no: a recording, about which the rest says nothing but
   *  `pressure` and the limits of inotify. */
  bool is_live;

  bool capabilities_known;
  uint64_t capabilities; /**< in effect: bit 1 << CAP_... of linux/capability.h */

  enum mw_permit sees_host_processes;    /**< <proc> is of the host's own pid namespace */
  enum mw_permit sees_foreign_processes; /**< not only its own user's, where hidepid= is set */
  enum mw_permit follows_foreign_links;  /**< /proc/PID/ns/net and /proc/PID/fd of others */
  enum mw_permit follows_link_of_first;  /**< the same of process 1, whose network is the host's */
  enum mw_permit in_host_cgroup_namespace; /**< paths in /proc/PID/cgroup begin at the root */
  enum mw_permit pressure;                 /**< <proc>/pressure can be read: PSI is on */

  uint64_t descriptors_max;       /**< RLIMIT_NOFILE */
  uint64_t inotify_watches_max;   /**< of this user; 0: not known */
  uint64_t inotify_instances_max; /**< likewise */
};

/**
 * Look, by trying it, what this process may see: nothing is derived from its user. Never fails.
 * Source: capget(2), namespaces(7), proc(5), inotify(7), getrlimit(2).
 */
MW_API void mw_host_permits(struct mw_host *host, struct mw_host_permits *out);

/** Numbers of the reference's payload. */
enum mw_container_host_type {
  MW_CONTAINER_HOST_NOT_SPECIFIED = 0,
  MW_CONTAINER_HOST_FARGATE_ECS = 1,
  MW_CONTAINER_HOST_FARGATE_EKS = 2,
};

/**
 * From the environment: EKS when MOONWATCH_EKS_FARGATE is 1, t, true, y, yes or on; else ECS when
 * ECS_FARGATE is not empty or AWS_EXECUTION_ENV is AWS_ECS_FARGATE.
 */
MW_API enum mw_container_host_type mw_host_container_host_type(struct mw_host *host);

/** "notSpecified", "fargateECS", "fargateEKS". */
MW_API const char *mw_container_host_type_name(enum mw_container_host_type type);

/*
 * Parsers, apart from reading: pure, for tests and fuzzers. 0 when there is nothing to count, when
 * the text is not what the kernel prints, or when it makes more than 65,536 CPUs.
 */

/** Lines "processor : N" of /proc/cpuinfo, in upper or lower case. */
MW_API uint32_t mw_host_parse_cpuinfo(const char *text, size_t len_bytes);
/** Lines "cpuN ..." of /proc/stat; not the sum, "cpu ...". */
MW_API uint32_t mw_host_parse_stat_cpus(const char *text, size_t len_bytes);
/** One line of ranges in ascending order: "0-3,8,10-11\n". */
MW_API uint32_t mw_host_parse_cpu_list(const char *text, size_t len_bytes);

#endif
