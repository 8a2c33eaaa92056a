/**
 * @file proc.h
 * The processes of a host and what they did on the network, as /proc tells.
 *
 * Network figures belong to a network namespace: all containers in it (those of a pod) have the
 * same ones. They are read through a process of the container, its witness, which is remembered
 * and used again only while it is certainly the same process: by a pidfd where possible, else by
 * the time it started, since process ids are used again.
 *
 * Source: proc_pid_stat(5), proc_pid_status(5), proc_pid_fd(5), proc_pid_cgroup(5),
 * network_namespaces(7), pidfd_open(2); net/core/net-procfs.c of the kernel for net/dev.
 * A recorded host is a folder with the same files; a process there needs at least `stat`.
 * Thread-safety: every function may be called from any thread, on a struct mw_proc that they share.
 */
#ifndef MW_PROC_H
#define MW_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/clock.h"
#include "moonwatch/error.h"
#include "moonwatch/export.h"
#include "moonwatch/origin.h"
#include "moonwatch/pids.h"
#include "moonwatch/place.h"

struct mw_proc;

struct mw_proc_config {
  const char *host_root; /**< "/" when NULL; "/host" in a container; a folder of a recorded host */
  const char *proc_root; /**< NULL: "proc" below host_root */
  const struct mw_clock *clock; /**< NULL: the system's */
  /** Budget of kept descriptors (pidfds and net/dev); 0: 4,096 or a quarter of RLIMIT_NOFILE,
   *  whichever is less. What does not fit is opened and closed for each reading. */
  uint32_t kept_files_max;
  int64_t lookup_max_age_ns; /**< a container's process is looked at again when older; 0: 60 s */

  /** Told of each file that is read, by its path; by the thread that reads, perhaps several at
   *  once. */
  void (*on_read)(void *data, const char *path);
  void *callback_data;
};

/** @return NULL with what opening the folder gave in @p err. */
MW_API struct mw_proc *mw_proc_open(const struct mw_proc_config *config, struct mw_error *err);
MW_API void mw_proc_close(struct mw_proc *proc); /**< accepts NULL; no other thread may be inside */

/**
 * Are processes called here what the kernel calls them when it talks to this process, as in
 * cgroup.procs? Not when the /proc of another pid namespace is mounted here: there the same number
 * is somebody else. What belongs to a recorded host was recorded with it.
 */
MW_API bool mw_proc_has_own_pids(const struct mw_proc *proc);

/** Has this process an id for every process of the machine? Then none is left out of cgroup.procs,
 *  except for those that have ended. false where that cannot be told. */
MW_API bool mw_proc_sees_all_pids(const struct mw_proc *proc);

/* ---- Processes --------------------------------------------------------------------------- */

struct mw_process {
  int32_t pid;
  int32_t parent_pid; /**< 0: none that this pid namespace knows */
  char state;         /**< 'R', 'S', 'D', 'Z', ... */
  uint32_t threads;
  uint64_t start_ticks; /**< since boot, in ticks of the clock; with pid it names a process */
};

/** @return 0; -ENOENT: there is no such process (any more), or hidepid=2 hides it; -errno;
 * -EBADMSG: not understood. */
MW_API int mw_proc_process(struct mw_proc *proc, int32_t pid, struct mw_process *out,
                           struct mw_error *err);

struct mw_process_totals {
  uint64_t processes_count;  /**< those that are there, seen or hidden */
  uint64_t zombies_count;    /**< among those that could be looked at; absent: none could */
  uint64_t threads_count;    /**< of all; absent when one of them could not be looked at */
  uint64_t open_files_count; /**< of those whose descriptors could be counted, if any */
  bool zombies_present, threads_present, open_files_present;
};

/**
 * What @p pids have together. Those that have vanished are left out; pids->hidden_count are counted
 * as processes, and nothing more is known of them. So are those that are not there where /proc
 * hides the processes of others (hidepid=2), which looks the same as to have vanished. Without a
 * process in sight threads and open files are absent. Open files: fd/ of a process that is not this
 * user's needs CAP_SYS_PTRACE or root.
 * @return 0, or -EMFILE, -ENFILE: no descriptor was free to look with.
 */
MW_API int mw_proc_totals(struct mw_proc *proc, const struct mw_pids *pids,
                          struct mw_process_totals *out, struct mw_error *err);

/** More than the cgroup file of any process: 16 lines of a path each. */
#define MW_PROC_CGROUP_TEXT_BYTES 66000

/**
 * The text of /proc/PID/cgroup, with a '\0' behind it, for mw_cgroup_identify_process in cgroup.h.
 * @param size_bytes of @p text; MW_PROC_CGROUP_TEXT_BYTES is enough.
 * @return 0; -ENOENT: no such process; -EMSGSIZE: longer than that; -errno.
 */
MW_API int mw_proc_cgroup_text(struct mw_proc *proc, int32_t pid, char *text, size_t size_bytes,
                               size_t *len_bytes, struct mw_error *err);

/**
 * Call @p visit for each process, ascending by pid; when it returns false the rest is left out.
 * @p visit may use @p proc.
 * @return 0, or -errno and nothing was visited.
 */
MW_API int mw_proc_each(struct mw_proc *proc, bool (*visit)(void *data, int32_t pid), void *data,
                        struct mw_error *err);

/* ---- Network ----------------------------------------------------------------------------- */

enum mw_network_figure {
  MW_NETWORK_RCVD_BYTES,
  MW_NETWORK_RCVD_PACKETS,
  MW_NETWORK_SENT_BYTES,
  MW_NETWORK_SENT_PACKETS,
  MW_NETWORK_FIGURE_COUNT
};

/** Counters since the interface was made. One that the kernel did not give is 0 and not present. */
struct mw_network_interface {
  char name[16]; /**< "eth0"; any bytes but blanks, '/' and ':' */
  uint64_t rcvd_bytes, rcvd_packets, sent_bytes, sent_packets;
  uint32_t present; /**< bit 1 << enum mw_network_figure */
};

enum mw_host_network { MW_HOST_NETWORK_UNKNOWN, MW_HOST_NETWORK_NO, MW_HOST_NETWORK_YES };

/** One reading. Zero it before the first use; it keeps its memory for the next. */
struct mw_network_sample {
  int64_t read_ns;         /**< monotonic, when the reading was complete */
  struct mw_origin origin; /**< filled in by stats.h */
  uint64_t namespace_id;   /**< containers with the same one share the figures; 0: unknown */
  /** Is it the namespace of the host's first process? Unknown where that cannot be looked at, and
   * in a container that sees its own first process alone. */
  enum mw_host_network host_network;
  uint32_t present; /**< bit 1 << enum mw_network_figure */
  /** Sums over the interfaces, without lo. Absent when one of them has no such number, or when the
   *  sum is out of range. */
  uint64_t values[MW_NETWORK_FIGURE_COUNT];
  struct mw_network_interface *interfaces; /**< interfaces_count of them, by name; owned */
  size_t interfaces_count;
  size_t interfaces_capacity;
};

/** A namespace with more interfaces is not read. */
#define MW_NETWORK_INTERFACES_MAX 65536

MW_API void mw_network_sample_deinit(struct mw_network_sample *sample);

/** Copy @p from into @p to, which keeps and grows its own memory. @return 0 or -ENOMEM. */
MW_API int mw_network_sample_copy(struct mw_network_sample *to,
                                  const struct mw_network_sample *from, struct mw_error *err);

/**
 * The processes of a container, for mw_proc_network: fill @p out, which is empty.
 * Called without a lock held; may use the struct mw_proc, but not for network figures.
 * @return 0 or -errno with @p err filled; -ENOENT: the container is gone.
 */
typedef int mw_proc_find_pids(void *data, struct mw_pids *out, struct mw_error *err);

/**
 * What the network namespace of container @p container_id has received and sent, at most
 * @p max_age_ns ago; 0 or less always reads. One reading serves all containers in the namespace.
 *
 * @p find is called when no process of the container is known, and when the known one is gone. When
 * lookup_max_age_ns have passed, it is called if the process has another namespace now or cannot be
 * told by a pidfd, and else each tenth time, in case the process has left the container.
 * Processes that are gone, zombies, or cannot be looked at (of these 64) are passed over.
 * A namespace that cannot be told (ns/net needs CAP_SYS_PTRACE or root for processes of others) is
 * not shared with other containers. Without @p find being called nothing is allocated, unless there
 * are more interfaces than ever before.
 *
 * @return 0; -ENOENT: no live process; -ENODATA: no interface but lo, @p out has the namespace
 * alone; -EACCES, -EPERM: not permitted to look at any, or /proc hides them; -EBADMSG: net/dev is
 * not understood; -E2BIG: MW_NETWORK_INTERFACES_MAX; -EINVAL, -ENAMETOOLONG: no id; what @p find
 * returned; -errno. After any other failure @p out is unspecified but can be used again.
 */
MW_API int mw_proc_network(struct mw_proc *proc, const char *container_id, int64_t max_age_ns,
                           mw_proc_find_pids *find, void *find_data, struct mw_network_sample *out,
                           struct mw_error *err);

/** As mw_proc_network; @p place is where the container was found last, and may be NULL. */
MW_API int mw_proc_network_at(struct mw_proc *proc, struct mw_place *place,
                              const char *container_id, int64_t max_age_ns, mw_proc_find_pids *find,
                              void *find_data, struct mw_network_sample *out, struct mw_error *err);

/** An id may have this many bytes. */
#define MW_PROC_ID_BYTES 255

/** Containers that nobody asked for during this time are forgotten. */
#define MW_PROC_RETENTION_NS (300 * MW_NS_PER_S)

/**
 * Notice which processes died, and close what is no longer needed: a kept net/dev keeps the
 * namespace of a dead container alive. For the end of each pass; mw_proc_network does the same for
 * what it comes across. Without pidfds those that were seen alive since the last sweep are not
 * looked at again.
 */
MW_API void mw_proc_sweep(struct mw_proc *proc);

/** What the object holds, for status and tests. */
struct mw_proc_usage {
  size_t witnesses;  /**< containers with a remembered process */
  size_t namespaces; /**< that these are in */
  size_t pidfds;     /**< among the kept files */
  size_t kept_files; /**< the descriptor of their epoll set, and of the folder, not counted */
  size_t kept_files_max;
  uint64_t lookups_total; /**< calls of find */
  uint64_t reads_total;   /**< of net/dev */
};

MW_API void mw_proc_usage(struct mw_proc *proc, struct mw_proc_usage *out);

#endif
