#include "host/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "host/parsers.h"

/* /proc/cpuinfo of 1,024 CPUs has about 1.5 MB, the interrupts in /proc/stat add up likewise. */
#define PER_CPU_FILE_MAX_BYTES ((size_t)16 << 20)
#define MEMINFO_HEAD_BYTES 1024 /* MemTotal is its first line */
#define SMALL_FILE_MAX_BYTES ((size_t)64 << 10)

/* ---- Life cycle ---- */

static const char *process_env(const char *name)
{
  return getenv(name);
}

static char *copy_root(const char *root)
{
  size_t len_bytes = strlen(root);

  while (len_bytes > 0 && root[len_bytes - 1] == '/')
    len_bytes--;
  return strndup(root, len_bytes);
}

/* @p root, or @p name below @p host_root when it is NULL. */
static char *root_or_below(const char *root, const char *host_root, const char *name)
{
  char *path;

  if (root)
    return copy_root(root);
  return asprintf(&path, "%s/%s", host_root, name) < 0 ? NULL : path;
}

static uint32_t count_cpus(void *data, struct mw_error *err);

struct mw_host *mw_host_new(const struct mw_host_config *config, struct mw_error *err)
{
  struct mw_host *host = calloc(1, sizeof *host);

  if (!host)
    goto fail;
  mw_cpu_counter_init(&host->cpus, count_cpus, host);
  host->env = config->env ? config->env : process_env;
  host->host_root = copy_root(config->host_root ? config->host_root : "/");
  if (!host->host_root)
    goto fail;
  host->proc_root = root_or_below(config->proc_root, host->host_root, "proc");
  host->sys_root = root_or_below(config->sys_root, host->host_root, "sys");
  if (host->proc_root && host->sys_root)
    return host;

fail:
  mw_error_set(err, ENOMEM, "out of memory for a host");
  mw_host_free(host);
  return NULL;
}

void mw_host_free(struct mw_host *host)
{
  if (!host)
    return;
  mw_cpu_counter_deinit(&host->cpus);
  free(host->host_root);
  free(host->proc_root);
  free(host->sys_root);
  free(host);
}

/* ---- Reading ---- */

struct host_file {
  char path[PATH_MAX];
  struct mw_buf text;
};

static void host_file_deinit(struct host_file *file)
{
  mw_buf_deinit(&file->text);
}

#define AUTO_HOST_FILE __attribute__((cleanup(host_file_deinit))) struct host_file

static int read_file(struct host_file *file, const char *root, const char *name, size_t max_bytes,
                     struct mw_error *err)
{
  mw_buf_init(&file->text, max_bytes);
  if ((size_t)snprintf(file->path, sizeof file->path, "%s/%s", root, name) >= sizeof file->path)
    return mw_error_set(err, ENAMETOOLONG, "cannot open %s under its root: the path is too long",
                        name);
  return mw_file_read(AT_FDCWD, file->path, &file->text, err);
}

static struct mw_slice slice_of(const struct host_file *file)
{
  return (struct mw_slice){file->text.data, file->text.len_bytes};
}

/* Say where the parser found what it did not understand. @return @p rc. */
static int found_in(const char *place, int rc, struct mw_error *err)
{
  if (rc < 0)
    mw_error_prefix(err, "%s", place);
  return rc;
}

/* ---- CPUs ---- */

static uint32_t count_in_file(const char *root, const char *name,
                              uint32_t (*parse)(const char *text, size_t len_bytes),
                              struct mw_error *err)
{
  AUTO_HOST_FILE file;

  if (read_file(&file, root, name, PER_CPU_FILE_MAX_BYTES, err) < 0)
    return 0;
  uint32_t count = parse(file.text.data, file.text.len_bytes);
  if (count == 0)
    mw_error_set(err, EBADMSG, "no CPUs in %s", file.path);
  return count;
}

/* The ways to count that a container's limits do not change, best first. */
static uint32_t count_cpus(void *data, struct mw_error *err)
{
  const struct mw_host *host = data;
  struct mw_error cpuinfo, stat, online;

  uint32_t count = count_in_file(host->proc_root, "cpuinfo", mw_host_parse_cpuinfo, &cpuinfo);
  if (count == 0)
    count = count_in_file(host->proc_root, "stat", mw_host_parse_stat_cpus, &stat);
  if (count == 0)
    count =
        count_in_file(host->sys_root, "devices/system/cpu/online", mw_host_parse_cpu_list, &online);
  if (count == 0)
    mw_error_set(err, online.code, "%s; %s; %s", cpuinfo.text, stat.text, online.text);
  return count;
}

uint32_t mw_host_cpu_count(struct mw_host *host)
{
  return mw_cpu_counter_get(&host->cpus);
}

/* ---- Memory and start ---- */

int mw_host_memory_total_bytes(struct mw_host *host, uint64_t *bytes, struct mw_error *err)
{
  char path[PATH_MAX], head[MEMINFO_HEAD_BYTES];

  if ((size_t)snprintf(path, sizeof path, "%s/meminfo", host->proc_root) >= sizeof path)
    return mw_error_set(err, ENAMETOOLONG,
                        "cannot open meminfo under its root: the path is too long");
  ssize_t head_bytes = mw_file_read_head(AT_FDCWD, path, head, sizeof head, err);
  if (head_bytes < 0)
    return (int)head_bytes;
  struct mw_slice text = {head, (size_t)head_bytes};
  return found_in(path, mw_host_parse_memory_total(text, bytes, err), err);
}

int mw_host_boot_time_s(struct mw_host *host, int64_t *seconds, struct mw_error *err)
{
  AUTO_HOST_FILE file;

  int rc = read_file(&file, host->proc_root, "stat", PER_CPU_FILE_MAX_BYTES, err);
  if (rc < 0)
    return rc;
  return found_in(file.path, mw_host_parse_boot_time(slice_of(&file), seconds, err), err);
}

/* ---- Names ---- */

typedef int name_parser(struct mw_slice text, char name[static MW_HOST_NAME_BYTES],
                        struct mw_error *err);

static int name_in_file(const char *root, const char *path, name_parser *parse,
                        char name[static MW_HOST_NAME_BYTES], struct mw_error *err)
{
  AUTO_HOST_FILE file;

  int rc = read_file(&file, root, path, SMALL_FILE_MAX_BYTES, err);
  if (rc < 0)
    return rc;
  return found_in(file.path, parse(slice_of(&file), name, err), err);
}

static bool is_this_machine(const struct mw_host *host)
{
  return host->host_root[0] == '\0';
}

int mw_host_name(struct mw_host *host, char name[static MW_HOST_NAME_BYTES], struct mw_error *err)
{
  char own[MW_HOST_NAME_BYTES] = "";
  struct mw_error etc, proc;
  int rc;

  if (is_this_machine(host)) {
    if (gethostname(own, sizeof own - 1) < 0)
      return mw_error_set(err, errno, "cannot get the host name: %s", strerror(errno));
    rc = mw_host_parse_name((struct mw_slice){own, strlen(own)}, name, err);
    return found_in("cannot use the host name of this machine", rc, err);
  }
  /* In this order, for the kernel answers with the name of the container that asks. */
  if (name_in_file(host->host_root, "etc/hostname", mw_host_parse_name, name, &etc) == 0)
    return 0;
  rc = name_in_file(host->proc_root, "sys/kernel/hostname", mw_host_parse_name, name, &proc);
  return rc == 0 ? 0 : mw_error_set(err, -rc, "no host name: %s; %s", etc.text, proc.text);
}

int mw_host_kernel_release(struct mw_host *host, char release[static MW_HOST_NAME_BYTES],
                           struct mw_error *err)
{
  struct mw_error osrelease, version;
  struct utsname kernel;

  if (is_this_machine(host)) {
    if (uname(&kernel) < 0)
      return mw_error_set(err, errno, "cannot get the kernel release: %s", strerror(errno));
    snprintf(release, MW_HOST_NAME_BYTES, "%s", kernel.release);
    return 0;
  }
  if (name_in_file(host->proc_root, "sys/kernel/osrelease", mw_host_parse_name, release,
                   &osrelease) == 0)
    return 0;
  int rc = name_in_file(host->proc_root, "version", mw_host_parse_version, release, &version);
  return rc == 0
             ? 0
             : mw_error_set(err, -rc, "no kernel release: %s; %s", osrelease.text, version.text);
}

/* ---- What identifies the system ---- */

static void find_uuid(struct mw_host *host, char uuid[static MW_HOST_NAME_BYTES])
{
  if (name_in_file(host->sys_root, "class/dmi/id/product_uuid", mw_host_parse_product_uuid, uuid,
                   NULL) < 0 &&
      name_in_file(host->host_root, "etc/machine-id", mw_host_parse_machine_id, uuid, NULL) < 0)
    name_in_file(host->proc_root, "sys/kernel/random/boot_id", mw_host_parse_name, uuid, NULL);
}

static void find_platform(struct mw_host *host, struct mw_host_system_info *out)
{
  char id_like[MW_HOST_NAME_BYTES] = "";
  AUTO_HOST_FILE file;

  if (read_file(&file, host->host_root, "etc/os-release", SMALL_FILE_MAX_BYTES, NULL) < 0) {
    host_file_deinit(&file);
    if (read_file(&file, host->host_root, "usr/lib/os-release", SMALL_FILE_MAX_BYTES, NULL) < 0)
      return;
  }
  mw_host_parse_os_release(slice_of(&file), "VERSION_ID", out->platform_version);
  mw_host_parse_os_release(slice_of(&file), "ID_LIKE", id_like);
  if (mw_host_parse_os_release(slice_of(&file), "ID", out->platform))
    strcpy(out->platform_family, mw_host_platform_family(out->platform, id_like));
}

void mw_host_system_info(struct mw_host *host, struct mw_host_system_info *out)
{
  *out = (struct mw_host_system_info){.uuid = ""};
  find_uuid(host, out->uuid);
  find_platform(host, out);
  mw_host_kernel_release(host, out->kernel_release, NULL);
}

/* ---- Kind of container host ---- */

static bool env_is(const struct mw_host *host, const char *name, const char *value)
{
  const char *text = host->env(name);
  return text && strcmp(text, value) == 0;
}

static bool env_is_true(const struct mw_host *host, const char *name)
{
  static const char *const words[] = {"1", "t", "true", "y", "yes", "on"};
  const char *text = host->env(name);

  for (size_t i = 0; text && i < sizeof words / sizeof words[0]; i++)
    if (strcasecmp(text, words[i]) == 0)
      return true;
  return false;
}

enum mw_container_host_type mw_host_container_host_type(struct mw_host *host)
{
  const char *ecs = host->env("ECS_FARGATE");

  if (env_is_true(host, "MOONWATCH_EKS_FARGATE"))
    return MW_CONTAINER_HOST_FARGATE_EKS;
  if ((ecs && *ecs) || env_is(host, "AWS_EXECUTION_ENV", "AWS_ECS_FARGATE"))
    return MW_CONTAINER_HOST_FARGATE_ECS;
  return MW_CONTAINER_HOST_NOT_SPECIFIED;
}

const char *mw_container_host_type_name(enum mw_container_host_type type)
{
  switch (type) {
  case MW_CONTAINER_HOST_FARGATE_ECS:
    return "fargateECS";
  case MW_CONTAINER_HOST_FARGATE_EKS:
    return "fargateEKS";
  case MW_CONTAINER_HOST_NOT_SPECIFIED:
    break;
  }
  return "notSpecified";
}
