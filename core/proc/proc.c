#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "proc/internal.h"
#include "proc/parsers.h"

#define KEPT_FILES_MOST 4096
#define LOOKUP_MAX_AGE_NS (60 * MW_NS_PER_S)
#define STAT_BYTES 2048                    /* four times what the kernel writes */
#define STATUS_MAX_BYTES ((size_t)1 << 20) /* it lists 65,536 groups */
#define LISTING_BYTES 32768

/* ---- Opening ---- */

static uint32_t kept_files_default(void)
{
  struct rlimit files;

  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 4 < KEPT_FILES_MOST)
    return (uint32_t)(files.rlim_cur / 4);
  return KEPT_FILES_MOST;
}

static void set_defaults(struct mw_proc *proc)
{
  struct mw_proc_config *config = &proc->config;

  if (!config->clock)
    config->clock = mw_clock_system();
  if (config->lookup_max_age_ns == 0)
    config->lookup_max_age_ns = LOOKUP_MAX_AGE_NS;
  proc->usage.kept_files_max =
      config->kept_files_max ? config->kept_files_max : kept_files_default();
}

/* "/host/proc", without a slash at its end. NULL: out of memory. */
static char *root_path(const struct mw_proc_config *config)
{
  const char *root = config->proc_root ? config->proc_root : config->host_root;
  size_t root_bytes = root ? strlen(root) : 0;
  const char *below = config->proc_root ? "" : "/proc";
  char *path;

  while (root_bytes > 0 && root[root_bytes - 1] == '/')
    root_bytes--;
  return asprintf(&path, "%.*s%s", (int)root_bytes, root ? root : "", below) < 0 ? NULL : path;
}

static bool is_proc_file_system(int fd)
{
  struct statfs status;

  return fstatfs(fd, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

static bool names_own_pids(const struct mw_proc *proc)
{
  MW_AUTO_BUF text;

  mw_buf_init(&text, STATUS_MAX_BYTES);
  return !proc->is_kernels ||
         (mw_file_read(proc->root_fd, "self/status", &text, NULL) == 0 &&
          mw_proc_parse_only_pid((struct mw_slice){text.data, text.len_bytes}) == getpid());
}

static bool is_in_first_pid_namespace(const struct mw_proc *proc)
{
  struct stat status;

  return fstatat(proc->root_fd, "self/ns/pid", &status, 0) == 0 &&
         status.st_ino == MW_INITIAL_PID_NAMESPACE;
}

struct mw_proc *mw_proc_open(const struct mw_proc_config *config, struct mw_error *err)
{
  struct mw_proc *proc = calloc(1, sizeof *proc);

  if (!proc) {
    mw_error_set(err, ENOMEM, "out of memory for processes");
    return NULL;
  }
  pthread_mutex_init(&proc->mutex, NULL);
  proc->root_fd = proc->epoll_fd = -1;
  proc->config = *config;
  set_defaults(proc);
  mw_buf_init(&proc->text, MW_NET_DEV_MAX_BYTES);
  proc->root = root_path(config);
  if (!proc->root) {
    mw_error_set(err, ENOMEM, "out of memory for the path of /proc");
    goto fail;
  }
  proc->root_fd = mw_dir_open(AT_FDCWD, proc->root, err);
  if (proc->root_fd < 0)
    goto fail;
  proc->is_kernels = is_proc_file_system(proc->root_fd);
  proc->has_own_pids = names_own_pids(proc);
  proc->sees_all_pids = proc->has_own_pids && proc->is_kernels && is_in_first_pid_namespace(proc);
  mw_witness_init(proc);
  return proc;

fail:
  mw_proc_close(proc);
  return NULL;
}

void mw_proc_close(struct mw_proc *proc)
{
  if (!proc)
    return;
  mw_witness_deinit(proc);
  if (proc->root_fd >= 0)
    close(proc->root_fd);
  mw_buf_deinit(&proc->text);
  mw_pids_deinit(&proc->spare_pids);
  free(proc->root);
  pthread_mutex_destroy(&proc->mutex);
  free(proc);
}

bool mw_proc_has_own_pids(const struct mw_proc *proc)
{
  return proc->has_own_pids; /* does not change after open */
}

bool mw_proc_sees_all_pids(const struct mw_proc *proc)
{
  return proc->sees_all_pids;
}

/* ---- Files of a process ---- */

void mw_proc_path(char out[static MW_PROC_PATH_BYTES], int32_t pid, const char *name)
{
  snprintf(out, MW_PROC_PATH_BYTES, "%d/%s", pid, name);
}

int mw_proc_fail(const struct mw_proc *proc, int32_t pid, const char *name, int code,
                 struct mw_error *err)
{
  const char *cure = code == EACCES || code == EPERM ? " (it takes root, or CAP_SYS_PTRACE)" : "";

  if (mw_is_gone(-code))
    return mw_error_set(err, ENOENT, "process %d is gone", pid);
  return mw_error_set(err, code, "cannot read %s/%d/%s: %s%s", proc->root, pid, name,
                      strerror(code), cure);
}

void mw_proc_tell_read(const struct mw_proc *proc, int32_t pid, const char *name)
{
  MW_AUTO_FREE char *path = NULL;

  if (proc->config.on_read && asprintf(&path, "%s/%d/%s", proc->root, pid, name) >= 0)
    proc->config.on_read(proc->config.callback_data, path);
}

/* Process 1 lives as long as its pid namespace does. */
bool mw_proc_hides(const struct mw_proc *proc)
{
  return proc->is_kernels && faccessat(proc->root_fd, "1/stat", F_OK, 0) < 0 && errno == ENOENT;
}

/* The first @p size_bytes of a file. @return how many there are, or -errno. */
static ssize_t read_head(const struct mw_proc *proc, int32_t pid, const char *name, char *out,
                         size_t size_bytes, struct mw_error *err)
{
  char path[MW_PROC_PATH_BYTES];

  mw_proc_path(path, pid, name);
  ssize_t got = mw_file_read_head(proc->root_fd, path, out, size_bytes, NULL);
  if (got < 0)
    return mw_proc_fail(proc, pid, name, (int)-got, err);
  mw_proc_tell_read(proc, pid, name);
  return got;
}

int mw_proc_process(struct mw_proc *proc, int32_t pid, struct mw_process *out, struct mw_error *err)
{
  char text[STAT_BYTES];

  ssize_t got = read_head(proc, pid, "stat", text, sizeof text, err);
  if (got < 0)
    return (int)got;
  int rc = mw_proc_parse_stat((struct mw_slice){text, (size_t)got}, out, err);
  if (rc < 0)
    mw_error_prefix(err, "%s/%d/stat", proc->root, pid);
  return rc;
}

int mw_proc_cgroup_text(struct mw_proc *proc, int32_t pid, char *text, size_t size_bytes,
                        size_t *len_bytes, struct mw_error *err)
{
  ssize_t got = read_head(proc, pid, "cgroup", text, size_bytes, err);

  if (got < 0)
    return (int)got;
  if ((size_t)got >= size_bytes)
    return mw_error_set(err, EMSGSIZE, "%s/%d/cgroup is larger than the limit of %zu bytes",
                        proc->root, pid, size_bytes);
  text[got] = '\0';
  *len_bytes = (size_t)got;
  return 0;
}

/* ---- All processes ---- */

static int collect(const char *listing, size_t len_bytes, struct mw_pids *out, struct mw_error *err)
{
  int rc = 0;

  for (size_t at = 0; rc == 0 && at < len_bytes;) {
    const struct dirent64 *entry = (const struct dirent64 *)(const void *)(listing + at);
    uint64_t pid;
    if (mw_parse_u64((struct mw_slice){entry->d_name, strlen(entry->d_name)}, &pid) && pid > 0 &&
        pid <= INT32_MAX && entry->d_name[0] != '0')
      rc = mw_pids_append(out, (int32_t)pid, err);
    at += entry->d_reclen;
  }
  return rc;
}

/* A pending signal may make a part of the listing come alone: it is complete when nothing comes. */
static int list(const struct mw_proc *proc, struct mw_pids *out, struct mw_error *err)
{
  _Alignas(struct dirent64) char listing[LISTING_BYTES];
  MW_AUTO_CLOSE int fd = mw_dir_open(proc->root_fd, ".", err); /* a place of its own to read at */
  ssize_t got;

  if (fd < 0) {
    mw_error_prefix(err, "%s", proc->root);
    return fd;
  }
  while ((got = getdents64(fd, listing, sizeof listing)) > 0) {
    int rc = collect(listing, (size_t)got, out, err);
    if (rc < 0)
      return rc;
  }
  if (got < 0)
    return mw_error_set(err, errno, "cannot list %s: %s", proc->root, strerror(errno));
  return 0;
}

int mw_proc_each(struct mw_proc *proc, bool (*visit)(void *data, int32_t pid), void *data,
                 struct mw_error *err)
{
  struct mw_pids pids = {0};

  int rc = list(proc, &pids, err);
  if (rc == 0)
    mw_pids_sort(&pids);
  for (size_t i = 0; rc == 0 && i < pids.count; i++)
    if (!visit(data, pids.pids[i]))
      break;
  mw_pids_deinit(&pids);
  return rc;
}

void mw_proc_usage(struct mw_proc *proc, struct mw_proc_usage *out)
{
  pthread_mutex_lock(&proc->mutex);
  *out = proc->usage;
  pthread_mutex_unlock(&proc->mutex);
}
