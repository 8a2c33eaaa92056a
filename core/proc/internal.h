/**
 * @file internal.h
 * What the parts of a struct mw_proc know of each other.
 *
 *   proc.c      opens and closes, reads files of processes
 *   totals.c    what processes have together
 *   witness.c   which process a container's namespace is read through, and whether it lives
 *   network.c   readings of namespaces; holds the mutex
 *
 * Thread-safety: what proc.c and totals.c offer needs nothing that changes after open; all else is
 * called with the mutex held.
 */
#ifndef MW_PROC_INTERNAL_H
#define MW_PROC_INTERNAL_H

#include <errno.h>
#include <pthread.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/place.h"
#include "moonwatch/proc.h"

#define MW_NET_DEV_MAX_BYTES                                                                       \
  ((size_t)24 << 20) /* MW_NETWORK_INTERFACES_MAX of the longest lines                             \
                      */

/** A network namespace that containers are in. Lives as long as one of them has a witness. */
struct mw_namespace {
  uint64_t id; /**< 0: unknown, of one container alone, and not in the table */
  int dev_fd;  /**< net/dev, kept open; -1: not */
  size_t witnesses_count;
  bool has_reading;
  struct mw_network_sample reading;
  UT_hash_handle hh; /**< by id */
};

/** A process of a container, through which its namespace is read. */
struct mw_witness {
  int32_t pid;
  int pidfd;               /**< -1: none, so only start_ticks tells whether it lives */
  uint64_t start_ticks;    /**< of /proc/PID/stat */
  struct mw_namespace *in; /**< NULL only while it is looked at for the first time */
  int64_t checked_ns;      /**< without a pidfd: when it was last known to live */
  int64_t looked_up_ns;
  unsigned confirmations_count; /**< since the processes of the container were looked at */
  int64_t asked_ns;
  struct mw_witness *prev, *next; /**< by asked_ns */
  UT_hash_handle hh;              /**< by id */
  size_t id_bytes;
  char id[];
};

#define MW_INITIAL_PID_NAMESPACE 0xEFFFFFFC /* its inode: include/linux/proc_ns.h */

struct mw_proc {
  /* constant after open */
  struct mw_proc_config config;
  char *root;
  int root_fd;
  bool is_kernels;    /* a real /proc, not a recorded one */
  bool has_own_pids;  /* its ids are those of this process's own pid namespace */
  bool sees_all_pids; /* and that one has all processes of the machine in it */

  pthread_mutex_t mutex; /* guards what follows */
  struct mw_witness *witnesses, *by_age;
  uint64_t witnesses_version; /* another one after each that was removed; see place.h */
  struct mw_namespace *namespaces;
  int epoll_fd; /* of all pidfds; -1: none are made */
  int64_t deaths_noticed_ns, swept_ns;
  uint64_t host_namespace_id; /* 0: not known yet */
  struct mw_buf text;         /* of the net/dev that is being read */
  struct mw_pids spare_pids;  /* for the next lookup */
  struct mw_proc_usage usage;
};

static inline int64_t mw_proc_now_ns(const struct mw_proc *proc)
{
  return mw_clock_monotonic_ns(proc->config.clock);
}

/* proc.c */
#define MW_PROC_PATH_BYTES 48
/** "123/net/dev", relative to the root. */
void mw_proc_path(char out[static MW_PROC_PATH_BYTES], int32_t pid, const char *name);
/** "cannot read /proc/123/net/dev: ...", with the cure where one is known. @return -@p code. */
int mw_proc_fail(const struct mw_proc *proc, int32_t pid, const char *name, int code,
                 struct mw_error *err);
void mw_proc_tell_read(const struct mw_proc *proc, int32_t pid, const char *name);
/** Is this a /proc in which processes of others are as if they were not there (hidepid=2)? */
bool mw_proc_hides(const struct mw_proc *proc);

/** Did a call fail with @p rc since the process, or its thread, is no more? */
static inline bool mw_is_gone(int rc)
{
  return rc == -ENOENT || rc == -ESRCH;
}

/** A process that has ended and waits for its parent: it has no files and no namespaces. */
static inline bool mw_is_zombie(const struct mw_process *process)
{
  return process->state == 'Z' || process->state == 'X' || process->state == 'x';
}

/* witness.c */
/** Make pidfds where they are sure to mean what this /proc means; else do without. */
void mw_witness_init(struct mw_proc *proc);
void mw_witness_deinit(struct mw_proc *proc);
struct mw_witness *mw_witness_find(struct mw_proc *proc, const char *id);
/** A new record of container @p id for process @p pid, which nothing is known of yet. */
struct mw_witness *mw_witness_add(struct mw_proc *proc, const char *id, int32_t pid,
                                  struct mw_error *err);
void mw_witness_remove(struct mw_proc *proc, struct mw_witness *witness);
/** The container was asked for: it is the last to be forgotten. */
void mw_witness_touch(struct mw_proc *proc, struct mw_witness *witness, int64_t now_ns);
/** Its namespace is @p namespace_id. The one that it was in goes with its last witness. */
int mw_witness_enter(struct mw_proc *proc, struct mw_witness *witness, uint64_t namespace_id,
                     struct mw_error *err);
/** Is it still the process that it was? Asks the kernel. @return 0 or -ENOENT. */
int mw_witness_check(struct mw_proc *proc, struct mw_witness *witness, struct mw_error *err);
/** Remove those whose pidfds tell that they died, unless this was done @p max_age_ns ago. */
void mw_witness_notice_deaths(struct mw_proc *proc, int64_t max_age_ns);
/** Remove those that nobody asked for. */
void mw_witness_forget_old(struct mw_proc *proc, int64_t now_ns);

/** Put @p fd into the budget and above 1,023. @return the descriptor to use now, or -1: no room,
 *  and @p fd is as it was. */
int mw_proc_keep(struct mw_proc *proc, int fd);
void mw_proc_release(struct mw_proc *proc, int fd); /**< closes what was kept */

#endif
