/*
 * Which process a container's network namespace is read through, and whether it still lives.
 *
 * Where the ids of this /proc are those of this process's own pid namespace, each witness has a
 * pidfd in one epoll set, so that a single call tells of all that died. An id of another pid
 * namespace would give a pidfd of somebody else: there, and where pidfds are not to be had, the
 * time when the process started has to be read again and again.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/internal.h"
#include "proc/parsers.h"

#define KEPT_FD_MIN 1024 /* above what select(2) can name */
#define EVENTS_AT_ONCE 64
#define WITNESSES_MAX 100000

/* ---- Kept descriptors ---- */

int mw_proc_keep(struct mw_proc *proc, int fd)
{
  if (proc->usage.kept_files >= proc->usage.kept_files_max)
    return -1;
  proc->usage.kept_files++;
  int high_fd = fcntl(fd, F_DUPFD_CLOEXEC, KEPT_FD_MIN);
  if (high_fd < 0)
    return fd; /* RLIMIT_NOFILE may be that low */
  close(fd);
  return high_fd;
}

void mw_proc_release(struct mw_proc *proc, int fd)
{
  close(fd);
  proc->usage.kept_files--;
}

/* ---- pidfds ---- */

void mw_witness_init(struct mw_proc *proc)
{
  proc->witnesses_version = mw_place_new_version();
  if (proc->is_kernels && proc->has_own_pids)
    proc->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
}

static void close_epoll(struct mw_proc *proc)
{
  if (proc->epoll_fd >= 0)
    close(proc->epoll_fd);
  proc->epoll_fd = -1;
}

/* An old kernel, or a filter of system calls, says no for good; other failures concern one pid. */
static int open_pidfd(struct mw_proc *proc, int32_t pid)
{
  if (proc->epoll_fd < 0 || proc->usage.kept_files >= proc->usage.kept_files_max)
    return -1;
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0 && (errno == ENOSYS || errno == EPERM) && proc->usage.pidfds == 0)
    close_epoll(proc);
  return fd < 0 ? -1 : mw_proc_keep(proc, fd); /* there is room: just looked */
}

static void watch(struct mw_proc *proc, struct mw_witness *witness)
{
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = witness};
  int fd = open_pidfd(proc, witness->pid);

  if (fd < 0)
    return;
  if (epoll_ctl(proc->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
    mw_proc_release(proc, fd);
    return;
  }
  witness->pidfd = fd;
  proc->usage.pidfds++;
}

static void unwatch(struct mw_proc *proc, struct mw_witness *witness)
{
  if (witness->pidfd < 0)
    return;
  /* closing is not enough: a child that this process has forked may hold the pidfd, too */
  epoll_ctl(proc->epoll_fd, EPOLL_CTL_DEL, witness->pidfd, NULL);
  mw_proc_release(proc, witness->pidfd);
  witness->pidfd = -1;
  proc->usage.pidfds--;
}

void mw_witness_notice_deaths(struct mw_proc *proc, int64_t max_age_ns)
{
  struct epoll_event events[EVENTS_AT_ONCE];
  int64_t now_ns = mw_proc_now_ns(proc);
  int count;

  if (proc->usage.pidfds == 0 ||
      (proc->deaths_noticed_ns != 0 && now_ns - proc->deaths_noticed_ns < max_age_ns))
    return;
  proc->deaths_noticed_ns = now_ns;
  do {
    count = epoll_wait(proc->epoll_fd, events, EVENTS_AT_ONCE, 0);
    for (int i = 0; i < count; i++)
      mw_witness_remove(proc, events[i].data.ptr);
  } while (count == EVENTS_AT_ONCE || (count < 0 && errno == EINTR));
}

static bool has_ended(int pidfd)
{
  struct pollfd poll_fd = {.fd = pidfd, .events = POLLIN};

  return poll(&poll_fd, 1, 0) > 0;
}

int mw_witness_check(struct mw_proc *proc, struct mw_witness *witness, struct mw_error *err)
{
  struct mw_process process;

  if (witness->pidfd >= 0)
    return has_ended(witness->pidfd) ? mw_proc_fail(proc, witness->pid, "", ENOENT, err) : 0;
  int rc = mw_proc_process(proc, witness->pid, &process, err);
  if (rc < 0)
    return rc;
  if (process.start_ticks != witness->start_ticks || mw_is_zombie(&process))
    return mw_proc_fail(proc, witness->pid, "", ENOENT, err);
  witness->checked_ns = mw_proc_now_ns(proc);
  return 0;
}

/* ---- Namespaces ---- */

static struct mw_namespace *namespace_find(struct mw_proc *proc, uint64_t id)
{
  struct mw_namespace *found;

  HASH_FIND(hh, proc->namespaces, &id, sizeof id, found);
  return found;
}

static struct mw_namespace *namespace_add(struct mw_proc *proc, uint64_t id)
{
  struct mw_namespace *added = calloc(1, sizeof *added);

  if (!added)
    return NULL;
  added->id = id;
  added->dev_fd = -1;
  if (id != 0) {
    HASH_ADD(hh, proc->namespaces, id, sizeof added->id, added);
    if (!added->hh.tbl) {
      free(added);
      return NULL;
    }
  }
  proc->usage.namespaces++;
  return added;
}

/* A kept net/dev keeps a namespace alive that has no process any more. */
static void leave(struct mw_proc *proc, struct mw_witness *witness)
{
  struct mw_namespace *left = witness->in;

  witness->in = NULL;
  if (!left || --left->witnesses_count > 0)
    return;
  if (left->id != 0)
    HASH_DEL(proc->namespaces, left);
  if (left->dev_fd >= 0)
    mw_proc_release(proc, left->dev_fd);
  mw_network_sample_deinit(&left->reading);
  free(left);
  proc->usage.namespaces--;
}

int mw_witness_enter(struct mw_proc *proc, struct mw_witness *witness, uint64_t namespace_id,
                     struct mw_error *err)
{
  struct mw_namespace *entered = namespace_find(proc, namespace_id);

  if (witness->in && witness->in->id == namespace_id)
    return 0;
  if (!entered && !(entered = namespace_add(proc, namespace_id)))
    return mw_error_set(err, ENOMEM, "out of memory for the network of %s", witness->id);
  if (entered->dev_fd < 0)
    entered->has_reading = false; /* not held, so the number may be that of a later namespace */
  entered->witnesses_count++;
  leave(proc, witness);
  witness->in = entered;
  return 0;
}

/* ---- Records ---- */

struct mw_witness *mw_witness_find(struct mw_proc *proc, const char *id)
{
  struct mw_witness *witness;

  HASH_FIND_STR(proc->witnesses, id, witness);
  return witness;
}

struct mw_witness *mw_witness_add(struct mw_proc *proc, const char *id, int32_t pid,
                                  struct mw_error *err)
{
  size_t id_bytes = strlen(id);
  struct mw_witness *witness = calloc(1, sizeof *witness + id_bytes + 1);

  if (witness) {
    memcpy(witness->id, id, id_bytes + 1);
    HASH_ADD_KEYPTR(hh, proc->witnesses, witness->id, id_bytes, witness);
    if (!witness->hh.tbl) {
      free(witness);
      witness = NULL;
    }
  }
  if (!witness) {
    mw_error_set(err, ENOMEM, "out of memory for a process of %s", id);
    return NULL;
  }
  witness->id_bytes = id_bytes;
  witness->pid = pid;
  witness->pidfd = -1;
  DL_APPEND(proc->by_age, witness);
  proc->usage.witnesses++;
  watch(proc, witness);
  return witness;
}

void mw_witness_remove(struct mw_proc *proc, struct mw_witness *witness)
{
  HASH_DEL(proc->witnesses, witness);
  DL_DELETE(proc->by_age, witness);
  unwatch(proc, witness);
  leave(proc, witness);
  free(witness);
  proc->usage.witnesses--;
  proc->witnesses_version = mw_place_new_version();
}

void mw_witness_touch(struct mw_proc *proc, struct mw_witness *witness, int64_t now_ns)
{
  witness->asked_ns = now_ns;
  DL_DELETE(proc->by_age, witness);
  DL_APPEND(proc->by_age, witness);
}

void mw_witness_forget_old(struct mw_proc *proc, int64_t now_ns)
{
  while (proc->by_age && (now_ns - proc->by_age->asked_ns > MW_PROC_RETENTION_NS ||
                          proc->usage.witnesses > WITNESSES_MAX))
    mw_witness_remove(proc, proc->by_age);
}

void mw_witness_deinit(struct mw_proc *proc)
{
  while (proc->by_age)
    mw_witness_remove(proc, proc->by_age);
  close_epoll(proc);
}
