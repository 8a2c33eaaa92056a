#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"
#include "host/internal.h"

/* Inodes of the namespaces that the kernel starts with: include/linux/proc_ns.h. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFC
#define INITIAL_CGROUP_NAMESPACE 0xEFFFFFFB
#define SHORT_FILE_BYTES 256

static bool proc_path(const struct mw_host *host, const char *name, char out[static PATH_MAX])
{
  return (size_t)snprintf(out, PATH_MAX, "%s/%s", host->proc_root, name) < PATH_MAX;
}

/* The first line of a short file below /proc; false when it cannot be read. */
static bool read_line(const struct mw_host *host, const char *name,
                      char out[static SHORT_FILE_BYTES])
{
  char path[PATH_MAX];

  if (!proc_path(host, name, path))
    return false;
  ssize_t got = mw_file_read_head(AT_FDCWD, path, out, SHORT_FILE_BYTES - 1, NULL);
  if (got < 0)
    return false;
  out[got] = '\0';
  out[strcspn(out, "\n")] = '\0';
  return true;
}

static uint64_t read_number(const struct mw_host *host, const char *name)
{
  char line[SHORT_FILE_BYTES];
  uint64_t number = 0;

  if (read_line(host, name, line))
    mw_parse_u64((struct mw_slice){line, strlen(line)}, &number);
  return number;
}

static bool is_live(const struct mw_host *host)
{
  struct statfs status;

  return statfs(host->proc_root, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

static bool get_capabilities(uint64_t *out)
{
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

  if (syscall(SYS_capget, &header, data) < 0)
    return false;
  *out = data[0].effective | (uint64_t)data[1].effective << 32;
  return true;
}

/* Is the namespace that a link below /proc leads to the one that the kernel started with? */
static enum mw_permit is_initial(const struct mw_host *host, const char *name, ino_t initial)
{
  char path[PATH_MAX];
  struct stat status;

  if (!proc_path(host, name, path) || stat(path, &status) < 0)
    return MW_PERMIT_UNKNOWN;
  return status.st_ino == initial ? MW_PERMIT_YES : MW_PERMIT_NO;
}

/* Process 2 of the host is the parent of the kernel's threads, which no other namespace has; any
 * user may read its name, but the link only those who may trace process 1. */
static enum mw_permit sees_host_processes(const struct mw_host *host)
{
  char comm[SHORT_FILE_BYTES];

  if (read_line(host, "2/comm", comm) && strcmp(comm, "kthreadd") == 0)
    return MW_PERMIT_YES;
  return is_initial(host, "1/ns/pid", INITIAL_PID_NAMESPACE);
}

/* Processes 1 and 2 belong to root: who may look into them may look into all. */
static enum mw_permit try_link(const struct mw_host *host, const char *name)
{
  char path[PATH_MAX];
  struct stat status;

  if (!proc_path(host, name, path))
    return MW_PERMIT_UNKNOWN;
  if (stat(path, &status) == 0)
    return MW_PERMIT_YES;
  return errno == EACCES || errno == EPERM || errno == ENOENT ? MW_PERMIT_NO : MW_PERMIT_UNKNOWN;
}

static enum mw_permit has_pressure(const struct mw_host *host)
{
  char line[SHORT_FILE_BYTES];

  return read_line(host, "pressure/cpu", line) && strncmp(line, "some ", 5) == 0 ? MW_PERMIT_YES
                                                                                 : MW_PERMIT_NO;
}

void mw_host_permits(struct mw_host *host, struct mw_host_permits *out)
{
  struct rlimit files;

  *out = (struct mw_host_permits){
      .is_live = is_live(host),
      .pressure = has_pressure(host),
      .inotify_watches_max = read_number(host, "sys/fs/inotify/max_user_watches"),
      .inotify_instances_max = read_number(host, "sys/fs/inotify/max_user_instances"),
  };
  out->capabilities_known = get_capabilities(&out->capabilities);
  if (getrlimit(RLIMIT_NOFILE, &files) == 0)
    out->descriptors_max = files.rlim_cur;
  if (!out->is_live)
    return;
  out->sees_host_processes = sees_host_processes(host);
  out->sees_foreign_processes = try_link(host, "1/stat");
  out->follows_link_of_first = try_link(host, "1/ns/net");
  out->follows_foreign_links = out->follows_link_of_first;
  if (out->follows_foreign_links != MW_PERMIT_YES && try_link(host, "2/ns/net") == MW_PERMIT_YES)
    out->follows_foreign_links = MW_PERMIT_YES;
  if (out->follows_foreign_links == MW_PERMIT_YES) /* process 1 may be hidden from that right */
    out->sees_foreign_processes = MW_PERMIT_YES;
  out->in_host_cgroup_namespace = is_initial(host, "self/ns/cgroup", INITIAL_CGROUP_NAMESPACE);
}
