/*
 * What the processes of a container have together.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "proc/internal.h"

#define LISTING_BYTES 8192

static bool is_descriptor(const struct dirent64 *entry)
{
  return entry->d_name[0] >= '0' && entry->d_name[0] <= '9';
}

/* @return 0 or -errno. */
static int list_descriptors(int root_fd, const char *path, uint64_t *count)
{
  _Alignas(struct dirent64) char listing[LISTING_BYTES];
  MW_AUTO_CLOSE int fd = mw_dir_open(root_fd, path, NULL);
  uint64_t seen = 0;
  ssize_t got;

  if (fd < 0)
    return fd;
  while ((got = getdents64(fd, listing, sizeof listing)) > 0) {
    for (size_t at = 0; at < (size_t)got;) {
      const struct dirent64 *entry = (const struct dirent64 *)(const void *)(listing + at);
      seen += is_descriptor(entry);
      at += entry->d_reclen;
    }
  }
  if (got < 0)
    return -errno;
  *count = seen;
  return 0;
}

/* Since Linux 6.2 the size of the folder is the number of descriptors; before, it is 0. */
static int count_descriptors(const struct mw_proc *proc, int32_t pid, uint64_t *count)
{
  char path[MW_PROC_PATH_BYTES];
  struct stat status;
  int rc = 0;

  mw_proc_path(path, pid, "fd");
  if (proc->is_kernels && fstatat(proc->root_fd, path, &status, 0) == 0 && status.st_size > 0)
    *count = (uint64_t)status.st_size;
  else
    rc = list_descriptors(proc->root_fd, path, count);
  if (rc == 0)
    mw_proc_tell_read(proc, pid, "fd");
  return rc;
}

/* No answer of the process, but a lack of our own. */
static bool is_lack(int rc)
{
  return rc == -EMFILE || rc == -ENFILE;
}

/* @return 0, also for what could not be looked at; -ENOENT when there is no such process, as far as
 * can be seen. */
static int add_process(struct mw_proc *proc, int32_t pid, struct mw_process_totals *totals,
                       struct mw_error *err)
{
  struct mw_process process;
  uint64_t open_files = 0;

  int rc = mw_proc_process(proc, pid, &process, err);
  if (rc == -ENOENT || is_lack(rc))
    return rc;
  totals->processes_count++;
  if (rc < 0) {
    totals->threads_present = false;
    return 0;
  }
  totals->threads_count += process.threads;
  totals->zombies_count += mw_is_zombie(&process);
  totals->zombies_present = true;
  rc = mw_is_zombie(&process) ? 0 : count_descriptors(proc, pid, &open_files);
  if (is_lack(rc))
    return mw_proc_fail(proc, pid, "fd", -rc, err);
  totals->open_files_count += open_files;
  totals->open_files_present |= rc == 0;
  return 0;
}

int mw_proc_totals(struct mw_proc *proc, const struct mw_pids *pids, struct mw_process_totals *out,
                   struct mw_error *err)
{
  struct mw_process_totals totals = {.threads_present = true};
  size_t hidden_count = pids->hidden_count, gone_count = 0;
  struct mw_error ignored;

  for (size_t i = 0; i < pids->count; i++) {
    int rc = add_process(proc, pids->pids[i], &totals, &ignored);
    if (is_lack(rc))
      return mw_error_set(err, -rc, "%s", ignored.text);
    gone_count += rc == -ENOENT;
  }
  if (gone_count > 0 && mw_proc_hides(proc))
    hidden_count += gone_count;
  totals.threads_present &= totals.processes_count > 0 && hidden_count == 0;
  totals.processes_count += hidden_count;
  totals.zombies_present |= totals.processes_count == 0;
  if (!totals.threads_present)
    totals.threads_count = 0;
  *out = totals;
  return 0;
}
