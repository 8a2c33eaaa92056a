/*
 * What network namespaces have received and sent.
 *
 * While a container's witness lives, a call costs a look into a table and copying; the first call
 * of a pass for a namespace reads its net/dev besides, with one system call where it is kept open.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "proc/internal.h"
#include "proc/parsers.h"

#define FIRST_READ_BYTES 8191
/* The kernel fills a page with whole lines, so when even the longest line would have fitted in,
 * too, there is none: name, colon, and 16 numbers of 20 digits with a blank. */
#define PAGE_BYTES 4096
#define LINE_MAX_BYTES 360
#define CGROUP_HEAD_BYTES 2048                 /* more than the paths that people have are long */
#define DEATHS_MAX_AGE_NS (100 * MW_NS_PER_MS) /* longer than a pass takes */
#define CONFIRMATIONS_MAX 9 /* of a witness, between two looks at all processes */
#define SPARE_PIDS_MAX 4096
#define UNFIT_MAX 64 /* processes that are there and cannot serve: so will the others */

/* ---- One namespace ---- */

static int read_text(struct mw_buf *text, int fd)
{
  mw_buf_clear(text);
  for (;;) {
    int rc = mw_buf_reserve(text, text->len_bytes > 0 ? PAGE_BYTES : FIRST_READ_BYTES, NULL);
    if (rc < 0)
      return rc;
    size_t room_bytes = text->capacity_bytes - 1 - text->len_bytes;
    ssize_t got = pread(fd, text->data + text->len_bytes, room_bytes, (off_t)text->len_bytes);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return -errno;
    text->len_bytes += (size_t)got;
    text->data[text->len_bytes] = '\0';
    if (got == 0 || text->len_bytes <= PAGE_BYTES - LINE_MAX_BYTES)
      return 0;
  }
}

/* The number of a process's network namespace; 0: it cannot be told. On a recorded host it is
 * where the link leads to, which is not there, or a file. */
static uint64_t namespace_id_of(const struct mw_proc *proc, int32_t pid)
{
  char path[MW_PROC_PATH_BYTES], target[64];
  struct stat status;

  mw_proc_path(path, pid, "ns/net");
  ssize_t got = readlinkat(proc->root_fd, path, target, sizeof target);
  if (got >= 0)
    return mw_proc_parse_namespace((struct mw_slice){target, (size_t)got});
  return errno == EINVAL && fstatat(proc->root_fd, path, &status, 0) == 0 ? status.st_ino : 0;
}

/* Process 1 is that of a host unless it is in a container with this process: in a pid namespace
 * that the kernel did not start with, and in the same cgroups. (A host may be such a container,
 * too, for the containers in it.) */
static bool first_is_of_host(const struct mw_proc *proc)
{
  char first[CGROUP_HEAD_BYTES], own[CGROUP_HEAD_BYTES];
  struct stat status;

  if (!proc->is_kernels || (fstatat(proc->root_fd, "1/ns/pid", &status, 0) == 0 &&
                            status.st_ino == MW_INITIAL_PID_NAMESPACE))
    return true;
  ssize_t first_bytes = mw_file_read_head(proc->root_fd, "1/cgroup", first, sizeof first, NULL);
  ssize_t own_bytes = mw_file_read_head(proc->root_fd, "self/cgroup", own, sizeof own, NULL);
  return first_bytes > 0 && own_bytes > 0 &&
         (first_bytes != own_bytes || memcmp(first, own, (size_t)own_bytes) != 0);
}

/* Open net/dev of @p witness. It is the right one only if the process still lives then, and has not
 * gone to another namespace. */
static int open_net_dev(struct mw_proc *proc, struct mw_witness *witness, struct mw_error *err)
{
  char path[MW_PROC_PATH_BYTES];

  mw_proc_path(path, witness->pid, "net/dev");
  int fd = mw_file_open(proc->root_fd, path, NULL);
  if (fd < 0)
    return mw_proc_fail(proc, witness->pid, "net/dev", -fd, err);
  int rc = mw_witness_check(proc, witness, err);
  if (rc == 0 && namespace_id_of(proc, witness->pid) != witness->in->id)
    rc = mw_error_set(err, ENOENT, "process %d has another network now", witness->pid);
  if (rc < 0) {
    close(fd);
    return rc;
  }
  return fd;
}

/* @return 0 with the text read, or -errno. */
static int read_net_dev(struct mw_proc *proc, struct mw_witness *witness, struct mw_error *err)
{
  struct mw_namespace *of = witness->in;

  if (of->dev_fd >= 0) {
    if (read_text(&proc->text, of->dev_fd) == 0)
      return 0;
    mw_proc_release(proc, of->dev_fd);
    of->dev_fd = -1;
  }
  int fd = open_net_dev(proc, witness, err);
  if (fd < 0)
    return fd;
  int rc = read_text(&proc->text, fd);
  if (rc == 0)
    of->dev_fd = mw_proc_keep(proc, fd);
  if (rc < 0 || of->dev_fd < 0)
    close(fd);
  return rc < 0 ? mw_proc_fail(proc, witness->pid, "net/dev", -rc, err) : 0;
}

static int read_namespace(struct mw_proc *proc, struct mw_witness *witness, struct mw_error *err)
{
  struct mw_namespace *of = witness->in;
  struct mw_error problem;

  of->has_reading = false;
  int rc = read_net_dev(proc, witness, err);
  if (rc < 0)
    return rc;
  proc->usage.reads_total++;
  mw_proc_tell_read(proc, witness->pid, "net/dev");
  rc = mw_proc_parse_net_dev((struct mw_slice){proc->text.data, proc->text.len_bytes}, &of->reading,
                             &problem);
  if (rc < 0)
    return mw_error_set(err, -rc, "%s for %s/%d/net/dev", problem.text, proc->root, witness->pid);
  of->has_reading = true;
  of->reading.read_ns = mw_proc_now_ns(proc);
  return 0;
}

static bool is_older(int64_t then_ns, int64_t now_ns, int64_t max_age_ns)
{
  return max_age_ns <= 0 || now_ns - then_ns > max_age_ns;
}

/* Reading and witness, none older than the caller accepts. */
static int refresh(struct mw_proc *proc, struct mw_witness *witness, int64_t max_age_ns,
                   struct mw_error *err)
{
  struct mw_namespace *in = witness->in;
  int64_t now_ns = mw_proc_now_ns(proc);
  int rc = 0;

  if (!in->has_reading || is_older(in->reading.read_ns, now_ns, max_age_ns))
    rc = read_namespace(proc, witness, err);
  if (rc == 0 && witness->pidfd < 0 && is_older(witness->checked_ns, now_ns, max_age_ns))
    rc = mw_witness_check(proc, witness, err);
  return rc;
}

/* ---- Looking for a witness ---- */

/* Learn all of a process that may be a witness. At the end it must still be the same process, so
 * that what was read in between was its own. A zombie has none of these files. */
static int examine(struct mw_proc *proc, struct mw_witness *witness, int64_t max_age_ns,
                   struct mw_error *err)
{
  struct mw_process process;

  int rc = mw_proc_process(proc, witness->pid, &process, err);
  if (rc < 0)
    return rc;
  witness->start_ticks = process.start_ticks;
  uint64_t id = namespace_id_of(proc, witness->pid);
  if (id != 0 && proc->host_namespace_id == 0 && first_is_of_host(proc))
    proc->host_namespace_id = namespace_id_of(proc, 1);
  rc = mw_witness_enter(proc, witness, id, err);
  if (rc == 0)
    rc = refresh(proc, witness, max_age_ns, err);
  return rc == 0 ? mw_witness_check(proc, witness, err) : rc;
}

/* The first time is dated back by the container's own part of the interval, so that containers that
 * were found together are not looked up together for ever. */
static int64_t lookup_stamp_ns(const struct mw_proc *proc, const struct mw_witness *witness,
                               bool is_new, int64_t now_ns)
{
  int64_t spread = is_new ? witness->hh.hashv % 1000 : 0;
  return now_ns - proc->config.lookup_max_age_ns / 1000 * spread;
}

/* Make @p pid the witness, or confirm that it is. */
static int try_pid(struct mw_proc *proc, const char *id, int32_t pid, int64_t max_age_ns,
                   struct mw_error *err)
{
  struct mw_witness *witness = mw_witness_find(proc, id);
  bool is_new = !witness;

  if (witness && (witness->pid != pid || mw_witness_check(proc, witness, NULL) < 0)) {
    mw_witness_remove(proc, witness);
    witness = NULL;
  }
  if (!witness && !(witness = mw_witness_add(proc, id, pid, err)))
    return -ENOMEM;
  int rc = examine(proc, witness, max_age_ns, err);
  if (rc < 0 && !mw_is_gone(rc) && mw_is_gone(mw_witness_check(proc, witness, NULL)))
    rc = -ENOENT; /* files of a process that is ending fail in many ways */
  if (rc < 0)
    mw_witness_remove(proc, witness);
  else
    witness->looked_up_ns = lookup_stamp_ns(proc, witness, is_new, mw_proc_now_ns(proc));
  if (rc == 0)
    witness->confirmations_count = 0;
  return rc;
}

/* The first process that will do. What was wrong with one that is there is told when none will. */
static int try_pids(struct mw_proc *proc, const char *id, const struct mw_pids *pids,
                    int64_t max_age_ns, struct mw_error *err)
{
  struct mw_error problem, first_problem = {0};
  int unfit_count = 0;

  for (size_t i = 0; i < pids->count && unfit_count < UNFIT_MAX; i++) {
    int rc = try_pid(proc, id, pids->pids[i], max_age_ns, &problem);
    if (rc == 0)
      return 0;
    if (!mw_is_gone(rc) && unfit_count++ == 0)
      first_problem = problem;
  }
  if (first_problem.code != 0)
    return mw_error_set(err, first_problem.code, "%s", first_problem.text);
  if (pids->hidden_count > 0)
    return mw_error_set(err, ENOENT,
                        "no process of container %s can be seen from this pid namespace: share the "
                        "host's, or mount its /proc and use --host-root",
                        id);
  if (pids->count > 0 && mw_proc_hides(proc))
    return mw_error_set(err, EACCES,
                        "no process of container %s can be seen: %s is mounted with hidepid= (it "
                        "takes root, or CAP_SYS_PTRACE)",
                        id, proc->root);
  return mw_error_set(err, ENOENT,
                      "no process found inside this cgroup, impossible to gather network stats");
}

/* The processes could not be found: unless the container is gone, the witness that there was serves
 * for another interval. */
static bool does_without(struct mw_proc *proc, const char *id, int64_t max_age_ns, int rc)
{
  struct mw_witness *witness = mw_witness_find(proc, id);

  if (!witness)
    return false;
  if (rc == -ENOENT || mw_witness_check(proc, witness, NULL) < 0 ||
      refresh(proc, witness, max_age_ns, NULL) < 0) {
    mw_witness_remove(proc, witness);
    return false;
  }
  witness->looked_up_ns = mw_proc_now_ns(proc);
  return true;
}

/* Ask for the processes, without the mutex meanwhile, and choose one. */
static int look_up(struct mw_proc *proc, const char *id, int64_t max_age_ns,
                   mw_proc_find_pids *find, void *find_data, struct mw_error *err)
{
  struct mw_pids pids = proc->spare_pids;
  struct mw_error problem = {0};

  proc->spare_pids = (struct mw_pids){0};
  mw_pids_clear(&pids);
  proc->usage.lookups_total++;
  pthread_mutex_unlock(&proc->mutex);
  int rc = find(find_data, &pids, &problem);
  pthread_mutex_lock(&proc->mutex);

  if (rc == 0)
    rc = try_pids(proc, id, &pids, max_age_ns, err);
  else if (does_without(proc, id, max_age_ns, rc))
    rc = 0;
  else
    mw_error_set(err, -rc, "%s", problem.text);
  if (proc->spare_pids.capacity == 0 && pids.capacity <= SPARE_PIDS_MAX)
    proc->spare_pids = pids;
  else
    mw_pids_deinit(&pids);
  return rc;
}

/* ---- What the others ask for ---- */

static enum mw_host_network host_network(const struct mw_proc *proc, uint64_t namespace_id)
{
  if (namespace_id == 0 || proc->host_namespace_id == 0)
    return MW_HOST_NETWORK_UNKNOWN;
  return namespace_id == proc->host_namespace_id ? MW_HOST_NETWORK_YES : MW_HOST_NETWORK_NO;
}

static int give(const struct mw_proc *proc, const struct mw_witness *witness,
                struct mw_network_sample *out, struct mw_error *err)
{
  const struct mw_namespace *in = witness->in;

  int rc = mw_network_sample_copy(out, &in->reading, err);
  if (rc < 0)
    return rc;
  out->namespace_id = in->id;
  out->host_network = host_network(proc, in->id);
  if (out->interfaces_count == 0)
    return mw_error_set(err, ENODATA, "container %s has no network interface but lo", witness->id);
  return 0;
}

/* May the witness serve on? A process that lives and has the network that it had may, most times:
 * its container is asked for its processes again only now and then, in case it has left. */
static bool is_confirmed(struct mw_proc *proc, struct mw_witness *witness)
{
  int64_t now_ns = mw_proc_now_ns(proc);

  if (now_ns - witness->looked_up_ns <= proc->config.lookup_max_age_ns)
    return true;
  if (witness->confirmations_count == CONFIRMATIONS_MAX || witness->pidfd < 0 ||
      witness->in->id == 0 || namespace_id_of(proc, witness->pid) != witness->in->id)
    return false;
  witness->confirmations_count++;
  witness->looked_up_ns = now_ns;
  return true;
}

static struct mw_witness *find_witness(struct mw_proc *proc, struct mw_place *place, const char *id)
{
  struct mw_witness *witness = mw_place_get(place, proc->witnesses_version);

  if (!witness && (witness = mw_witness_find(proc, id)))
    mw_place_set(place, witness, proc->witnesses_version);
  return witness;
}

/* The witness of container @p id, with a reading; NULL when it has to be looked up. */
static struct mw_witness *current_witness(struct mw_proc *proc, struct mw_place *place,
                                          const char *id, int64_t max_age_ns)
{
  int64_t deaths_max_age_ns = max_age_ns < DEATHS_MAX_AGE_NS ? max_age_ns : DEATHS_MAX_AGE_NS;

  mw_witness_notice_deaths(proc, deaths_max_age_ns);
  struct mw_witness *witness = find_witness(proc, place, id);
  if (!witness || !is_confirmed(proc, witness))
    return NULL;
  if (refresh(proc, witness, max_age_ns, NULL) < 0) {
    mw_witness_remove(proc, witness);
    return NULL;
  }
  return witness;
}

static int check_id(const char *id, struct mw_error *err)
{
  if (!id || !*id)
    return mw_error_set(err, EINVAL, "a container without an id has no network");
  if (strlen(id) > MW_PROC_ID_BYTES)
    return mw_error_set(err, ENAMETOOLONG, "the id of a container is over %d bytes long",
                        MW_PROC_ID_BYTES);
  return 0;
}

int mw_proc_network(struct mw_proc *proc, const char *container_id, int64_t max_age_ns,
                    mw_proc_find_pids *find, void *find_data, struct mw_network_sample *out,
                    struct mw_error *err)
{
  return mw_proc_network_at(proc, NULL, container_id, max_age_ns, find, find_data, out, err);
}

int mw_proc_network_at(struct mw_proc *proc, struct mw_place *place, const char *container_id,
                       int64_t max_age_ns, mw_proc_find_pids *find, void *find_data,
                       struct mw_network_sample *out, struct mw_error *err)
{
  int rc = check_id(container_id, err);

  if (rc < 0)
    return rc;
  pthread_mutex_lock(&proc->mutex);
  struct mw_witness *witness = current_witness(proc, place, container_id, max_age_ns);
  if (!witness) {
    rc = look_up(proc, container_id, max_age_ns, find, find_data, err);
    witness = rc == 0 ? mw_witness_find(proc, container_id) : NULL;
  }
  if (witness) {
    int64_t now_ns = mw_proc_now_ns(proc);
    mw_witness_touch(proc, witness, now_ns);
    rc = give(proc, witness, out, err);
    mw_witness_forget_old(proc, now_ns);
  }
  pthread_mutex_unlock(&proc->mutex);
  return rc;
}

/* Those without a pidfd that nobody asked for since the last time. */
static void check_unasked(struct mw_proc *proc)
{
  struct mw_witness *witness, *next;

  DL_FOREACH_SAFE(proc->by_age, witness, next)
  if (witness->pidfd < 0 && witness->checked_ns <= proc->swept_ns &&
      mw_witness_check(proc, witness, NULL) < 0)
    mw_witness_remove(proc, witness);
  proc->swept_ns = mw_proc_now_ns(proc);
}

void mw_proc_sweep(struct mw_proc *proc)
{
  pthread_mutex_lock(&proc->mutex);
  mw_witness_notice_deaths(proc, 0);
  check_unasked(proc);
  mw_witness_forget_old(proc, mw_proc_now_ns(proc));
  pthread_mutex_unlock(&proc->mutex);
}
