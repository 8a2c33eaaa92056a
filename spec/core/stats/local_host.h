/**
 * @file local_host.h
 * A folder that looks like a host with two containers, and all that it takes to ask for their
 * numbers: container 01 has the processes 101 and 102, container 02 has 201, and 1 is in none.
 * Thread-safety: none.
 */
#ifndef LOCAL_HOST_H
#define LOCAL_HOST_H

#include <stdatomic.h>
#include <sys/resource.h>

#include "moonwatch/stats.h"
#include "support/tmptree.h"

#define LOCAL_ID(end) "00000000000000000000000000000000000000000000000000000000000000" end
#define LOCAL_CGROUP(end) "sys/fs/cgroup/system.slice/docker-" LOCAL_ID(end) ".scope"

struct local_host {
  char root[TMPTREE_ROOT_BYTES];
  struct mw_clock_manual clock;
  bool without_proc;            /* when it is opened */
  atomic_uint walks;            /* over all processes, and questions for process 1 */
  rlim_t files_max_after_first; /* of this process, once a walk has begun; 0: as it is */
  struct mw_host *host;
  struct mw_cgroups *cgroups;
  struct mw_proc *proc;
  struct mw_stats_cgroup_source *source;
  struct mw_stats *stats;
};

static inline const char *local_host_path(const struct local_host *host, const char *name,
                                          char out[static TMPTREE_PATH_BYTES])
{
  assert_true(snprintf(out, TMPTREE_PATH_BYTES, "%s/%s", host->root, name) < TMPTREE_PATH_BYTES);
  return out;
}

static inline void local_host_write(const struct local_host *host, const char *name,
                                    const char *text)
{
  char path[TMPTREE_PATH_BYTES];

  tmptree_write(local_host_path(host, name, path), text);
}

static inline void local_host_mkdir(const struct local_host *host, const char *name)
{
  char path[TMPTREE_PATH_BYTES];

  assert_int_equal(mkdir(local_host_path(host, name, path), 0755), 0);
}

static inline void local_host_unlink(const struct local_host *host, const char *name)
{
  char path[TMPTREE_PATH_BYTES];

  assert_int_equal(unlink(local_host_path(host, name, path)), 0);
}

/** A process with three threads in container @p end, or in none (NULL). */
static inline void local_host_process(const struct local_host *host, int32_t pid, const char *end)
{
  char name[64], text[512];

  snprintf(name, sizeof name, "proc/%d/stat", pid);
  snprintf(text, sizeof text,
           "%d (a (b) c) S 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 %d 0 0 0 0 0 0\n", pid, pid);
  local_host_write(host, name, text);
  snprintf(name, sizeof name, "proc/%d/cgroup", pid);
  snprintf(text, sizeof text, "0::/system.slice/docker-%s%s.scope\n", LOCAL_ID(""), end ? end : "");
  local_host_write(host, name, end ? text : "0::/init.scope\n");
  snprintf(name, sizeof name, "proc/%d/net/dev", pid);
  local_host_write(host, name,
                   "Inter-|   Receive                            |  Transmit\n"
                   " face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n"
                   "  eth0: 1345 10 0 0 0 0 0 0 20 3 0 0 0 0 0 0\n"
                   "    lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
}

/** A process of container @p end that has ended, and that nobody has waited for. */
static inline void local_host_zombie(const struct local_host *host, int32_t pid, const char *end)
{
  char name[64], text[512];

  local_host_process(host, pid, end);
  snprintf(name, sizeof name, "proc/%d/stat", pid);
  snprintf(text, sizeof text,
           "%d (z) Z 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 %d 0 0 0 0 0 0\n", pid, pid);
  local_host_write(host, name, text);
}

static inline void local_host_init(struct local_host *host)
{
  memset(host, 0, sizeof *host);
  tmptree_make(host->root);
  mw_clock_manual_init(&host->clock);
  host->clock.now_monotonic_ns = 1000 * MW_NS_PER_S;
  local_host_write(host, "proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
  local_host_write(host, "proc/cpuinfo", "processor\t: 0\n\n");
  local_host_write(host, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  local_host_write(host, LOCAL_CGROUP("01") "/memory.current", "4096\n");
  local_host_write(host, LOCAL_CGROUP("01") "/cgroup.procs", "102\n101\n");
  local_host_write(host, LOCAL_CGROUP("02") "/memory.current", "8192\n");
  local_host_write(host, LOCAL_CGROUP("02") "/cgroup.procs", "201\n");
  local_host_process(host, 1, NULL);
  local_host_process(host, 101, "01");
  local_host_process(host, 102, "01");
  local_host_process(host, 201, "02");
}

static inline void local_host_note_read(void *data, const char *path)
{
  struct local_host *host = data;
  size_t len_bytes = strlen(path);
  struct rlimit files;

  if (len_bytes <= 9 || strcmp(path + len_bytes - 9, "/1/cgroup") != 0)
    return;
  host->walks++;
  if (host->files_max_after_first == 0)
    return;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = host->files_max_after_first;
  setrlimit(RLIMIT_NOFILE, &files);
}

/** Open all parts; what was opened before it failed stays for local_host_close. */
static inline int local_host_open(struct local_host *host, struct mw_error *err)
{
  const struct mw_host_config host_config = {.host_root = host->root};
  const struct mw_cgroups_config cgroups_config = {
      .host_root = host->root, .clock = &host->clock.clock, .no_inotify = true};
  const struct mw_proc_config proc_config = {.host_root = host->root,
                                             .clock = &host->clock.clock,
                                             .on_read = local_host_note_read,
                                             .callback_data = host};
  const struct mw_stats_config stats_config = {.clock = &host->clock.clock};

  if (!(host->host = mw_host_new(&host_config, err)) ||
      !(host->cgroups = mw_cgroups_open(&cgroups_config, err)) ||
      (!host->without_proc && !(host->proc = mw_proc_open(&proc_config, err))))
    return -err->code;
  const struct mw_stats_cgroup_config source_config = {.cgroups = host->cgroups,
                                                       .proc = host->proc,
                                                       .host = host->host,
                                                       .clock = &host->clock.clock};
  if (!(host->source = mw_stats_cgroup_source_new(&source_config, err)) ||
      !(host->stats = mw_stats_new(&stats_config, err)))
    return -err->code;
  const struct mw_stats_collector collector = mw_stats_cgroup_collector(host->source);
  return mw_stats_add_collector(host->stats, &collector, err);
}

static inline void local_host_close(struct local_host *host)
{
  mw_stats_free(host->stats);
  mw_stats_cgroup_source_free(host->source);
  mw_proc_close(host->proc);
  mw_cgroups_close(host->cgroups);
  mw_host_free(host->host);
  host->stats = NULL;
  host->source = NULL;
  host->proc = NULL;
  host->cgroups = NULL;
  host->host = NULL;
}

/** From now on no walk over all processes succeeds. */
static inline void local_host_break_proc(const struct local_host *host)
{
  char path[TMPTREE_PATH_BYTES];

  tmptree_remove(local_host_path(host, "proc", path));
}

static inline void local_host_remove(const struct local_host *host)
{
  tmptree_remove(host->root);
}

#endif
