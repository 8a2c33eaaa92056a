#include "containers.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

#define REMOVE_TRIES 500 /* a cgroup is busy for a moment after its last process ended */
#define REMOVE_PAUSE_NS 10000000L
#define PATH_BYTES (2 * PATH_MAX)

/* ---- Hierarchies ---- */

static struct bench_hierarchy *add_hierarchy(struct bench_containers *containers,
                                             const struct mw_controller_info *info)
{
  for (size_t i = 0; i < containers->hierarchies_count; i++)
    if (strcmp(containers->hierarchies[i].mount, info->mount_path) == 0)
      return &containers->hierarchies[i];
  struct bench_hierarchy *added = &containers->hierarchies[containers->hierarchies_count++];
  *added = (struct bench_hierarchy){.version = info->version};
  snprintf(added->mount, sizeof added->mount, "%s", info->mount_path);
  return added;
}

int bench_containers_init(struct bench_containers *containers, struct mw_error *err)
{
  struct mw_cgroups *cgroups = mw_cgroups_open(&(struct mw_cgroups_config){0}, err);

  *containers = (struct bench_containers){.networks = BENCH_NETWORKS_NONE};
  if (!cgroups)
    return -err->code;
  snprintf(containers->root, sizeof containers->root, "mwbench-%d", (int)getpid());
  for (int i = 0; i < MW_CONTROLLER_COUNT; i++) {
    struct mw_controller_info info;
    mw_cgroups_controller(cgroups, (enum mw_controller)i, &info);
    if (info.version == 0)
      continue;
    struct bench_hierarchy *hierarchy = add_hierarchy(containers, &info);
    hierarchy->has_memory |= i == MW_CONTROLLER_MEMORY;
    hierarchy->has_cpuset |= i == MW_CONTROLLER_CPUSET;
  }
  mw_cgroups_close(cgroups);
  return 0;
}

void bench_containers_deinit(struct bench_containers *containers)
{
  free(containers->pids);
  free(containers->names);
  containers->pids = NULL;
  containers->names = NULL;
}

/* ---- Names ---- */

/* Digits that look as random as those of a runtime, and are the same in each benchmark. */
static uint64_t mix(uint64_t x)
{
  x += UINT64_C(0x9E3779B97F4A7C15);
  x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
  return x ^ (x >> 31);
}

static void pod_name(size_t pod, char out[static 64])
{
  uint64_t high = mix(2 * pod), low = mix(2 * pod + 1);

  snprintf(out, 64, "pod%08x-%04x-4%03x-a%03x-%012llx", (unsigned)(high >> 32),
           (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff), (unsigned)(low >> 48 & 0xfff),
           (unsigned long long)(low & 0xffffffffffff));
}

static void container_name(size_t number, char out[static 72])
{
  for (size_t i = 0; i < 4; i++)
    snprintf(out + 16 * i, 17, "%016llx", (unsigned long long)mix(1000000 + 4 * number + i));
}

/* Below the root: "" itself, the class, a pod, a container; @p level is 0 to 3. */
static void path_of(const struct bench_containers *containers,
                    const struct bench_hierarchy *hierarchy, int level, size_t index,
                    char out[static PATH_BYTES])
{
  size_t number = containers->names ? containers->names[index] : index;
  char pod[64], container[72];

  pod_name(number / 2, pod);
  container_name(number, container);
  snprintf(out, PATH_BYTES, "%s/%s%s%s%s%s%s", hierarchy->mount, containers->root,
           level > 0 ? "/burstable" : "", level > 1 ? "/" : "", level > 1 ? pod : "",
           level > 2 ? "/" : "", level > 2 ? container : "");
}

/* ---- Making ---- */

static int write_text(const char *path, const char *text, struct mw_error *err)
{
  MW_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

  if (fd < 0 || write(fd, text, strlen(text)) < 0)
    return mw_error_set(err, errno, "cannot write %s to %s: %s", text, path, strerror(errno));
  return 0;
}

static int make_directory(const char *path, struct mw_error *err)
{
  if (mkdir(path, 0755) == 0 || errno == EEXIST)
    return 0;
  return mw_error_set(err, errno, "cannot make the cgroup %s: %s", path, strerror(errno));
}

/* A new cpuset of version 1 has neither CPUs nor memory, and takes no process before it has. */
static int inherit_cpuset(const struct bench_hierarchy *hierarchy, const char *root,
                          struct mw_error *err)
{
  static const char *const names[] = {"cpuset.cpus", "cpuset.mems"};
  char path[PATH_BYTES + 32];
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < 2; i++) {
    MW_AUTO_BUF text;
    mw_buf_init(&text, 4096);
    snprintf(path, sizeof path, "%s/%s", hierarchy->mount, names[i]);
    rc = mw_file_read(AT_FDCWD, path, &text, err);
    snprintf(path, sizeof path, "%s/%s", root, names[i]);
    if (rc == 0)
      rc = write_text(path, text.data, err);
  }
  snprintf(path, sizeof path, "%s/cgroup.clone_children", root);
  return rc == 0 ? write_text(path, "1", err) : rc;
}

/* What is not delegated to us is not there in the containers either; the agent copes. */
static void delegate(const char *path)
{
  static const char *const controllers[] = {"+cpu", "+memory", "+io", "+pids", "+cpuset"};
  char control[PATH_BYTES + 32];

  snprintf(control, sizeof control, "%s/cgroup.subtree_control", path);
  for (size_t i = 0; i < sizeof controllers / sizeof controllers[0]; i++)
    write_text(control, controllers[i], NULL);
}

static int make_level(const struct bench_containers *containers, int level, size_t index,
                      struct mw_error *err)
{
  for (size_t i = 0; i < containers->hierarchies_count; i++) {
    const struct bench_hierarchy *hierarchy = &containers->hierarchies[i];
    char path[PATH_BYTES];

    path_of(containers, hierarchy, level, index, path);
    int rc = make_directory(path, err);
    if (rc == 0 && level == 0 && hierarchy->version == 1 && hierarchy->has_cpuset)
      rc = inherit_cpuset(hierarchy, path, err);
    if (rc < 0)
      return rc;
    if (hierarchy->version == 2 && level < 3)
      delegate(path);
  }
  return 0;
}

static int make_agent(const struct bench_containers *containers, struct mw_error *err)
{
  for (size_t i = 0; i < containers->hierarchies_count; i++) {
    char root[PATH_BYTES], path[PATH_BYTES + 16];
    if (!containers->hierarchies[i].has_memory)
      continue;
    path_of(containers, &containers->hierarchies[i], 0, 0, root);
    snprintf(path, sizeof path, "%s/agent", root);
    return make_directory(path, err);
  }
  return 0;
}

static int move_process(const struct bench_containers *containers, size_t index, pid_t pid,
                        struct mw_error *err)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < containers->hierarchies_count; i++) {
    char path[PATH_BYTES], procs[PATH_BYTES + 16], number[16];
    path_of(containers, &containers->hierarchies[i], 3, index, path);
    snprintf(procs, sizeof procs, "%s/cgroup.procs", path);
    snprintf(number, sizeof number, "%d", (int)pid);
    rc = write_text(procs, number, err);
  }
  return rc;
}

/* The life of a container's process. It dies with the one that made it, however that ends; it
 * touches its memory only once it is in its cgroup, so that it is charged there. */
__attribute__((noreturn)) static void sleep_for_ever(pid_t maker, const int begin[2],
                                                     const int ready[2])
{
  char byte;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGINT, SIG_IGN); /* the terminal's goes to all; the maker decides */
  signal(SIGTERM, SIG_DFL);
  close(begin[1]);
  while (getppid() == maker && read(begin[0], &byte, 1) < 0 && errno == EINTR)
    ;
  char *touched = mmap(NULL, BENCH_CONTAINER_TOUCHED_BYTES, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (touched != MAP_FAILED)
    memset(touched, 1, BENCH_CONTAINER_TOUCHED_BYTES);
  if (write(ready[1], "", 1) < 0)
    _exit(1);
  close(begin[0]);
  close(ready[0]);
  close(ready[1]);
  for (;;)
    pause();
}

/* The processes that are started from now on are in its network. */
static int make_pod(struct bench_containers *containers, size_t index, struct mw_error *err)
{
  if (containers->networks_error.code == 0)
    bench_networks_enter_new(&containers->networks, &containers->networks_error);
  return make_level(containers, 2, index, err);
}

static int make_container(struct bench_containers *containers, size_t index, const int begin[2],
                          const int ready[2], struct mw_error *err)
{
  pid_t maker = getpid();
  int rc = index % 2 == 0 ? make_pod(containers, index, err) : 0;

  if (rc == 0)
    rc = make_level(containers, 3, index, err);
  if (rc < 0)
    return rc;
  pid_t pid = fork();
  if (pid == 0) {
    bench_networks_deinit(&containers->networks);
    sleep_for_ever(maker, begin, ready);
  }
  if (pid < 0)
    return mw_error_set(err, errno, "cannot start a container's process: %s", strerror(errno));
  containers->pids[index] = pid;
  return move_process(containers, index, pid, err);
}

static int make_all(struct bench_containers *containers, size_t count, const int begin[2],
                    const int ready[2], const volatile sig_atomic_t *stop, struct mw_error *err)
{
  int rc = make_level(containers, 0, 0, err);

  if (rc == 0)
    rc = make_level(containers, 1, 0, err);
  if (rc == 0)
    rc = make_agent(containers, err);
  containers->networks_error.code = 0;
  bench_networks_init(&containers->networks, &containers->networks_error);
  for (size_t i = 0; rc == 0 && i < count; i++) {
    containers->count = i + 1;
    rc = *stop ? mw_error_set(err, EINTR, "interrupted")
               : make_container(containers, i, begin, ready, err);
  }
  int left = bench_networks_leave(&containers->networks, rc == 0 ? err : NULL);
  return rc == 0 ? left : rc;
}

/* So that nobody works before all are there: they wait for the end of a pipe, and say through
 * another one that they have begun. */
struct starting {
  int begin[2], ready[2];
};

static int open_starting(struct starting *starting, struct mw_error *err)
{
  if (pipe2(starting->begin, O_CLOEXEC) < 0)
    return mw_error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
  if (pipe2(starting->ready, O_CLOEXEC) == 0)
    return 0;
  int rc = mw_error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
  close(starting->begin[0]);
  close(starting->begin[1]);
  return rc;
}

/* Let those begin that were made, and wait until they have; @p rc is what came of making them. */
static int end_starting(const struct starting *starting, size_t count, int rc,
                        const volatile sig_atomic_t *stop, struct mw_error *err)
{
  char byte;

  close(starting->begin[0]);
  close(starting->begin[1]);
  close(starting->ready[1]);
  for (size_t i = 0; rc == 0 && i < count; i++)
    if (read(starting->ready[0], &byte, 1) != 1)
      rc = mw_error_set(err, stop && *stop ? EINTR : EIO, "a container's process did not start");
  close(starting->ready[0]);
  return rc;
}

static int allocate(struct bench_containers *containers, size_t count, struct mw_error *err)
{
  containers->count = 0;
  containers->pids = calloc(count, sizeof *containers->pids);
  containers->names = calloc(count, sizeof *containers->names);
  if (!containers->pids || !containers->names)
    return mw_error_set(err, ENOMEM, "out of memory for %zu containers", count);
  for (size_t i = 0; i < count; i++)
    containers->names[i] = i;
  containers->next_name = count + count % 2;
  return 0;
}

int bench_containers_make(struct bench_containers *containers, size_t count,
                          const volatile sig_atomic_t *stop, struct mw_error *err)
{
  struct starting starting;

  if (allocate(containers, count, err) < 0 || open_starting(&starting, err) < 0)
    return -err->code;
  int rc = make_all(containers, count, starting.begin, starting.ready, stop, err);
  return end_starting(&starting, count, rc, stop, err);
}

/* ---- Removing ---- */

static int remove_directory(const char *path, struct mw_error *err)
{
  for (int i = 0; i < REMOVE_TRIES; i++) {
    if (rmdir(path) == 0 || errno == ENOENT)
      return 0;
    if (errno != EBUSY)
      break;
    nanosleep(&(struct timespec){.tv_nsec = REMOVE_PAUSE_NS}, NULL);
  }
  return mw_error_set(err, errno, "cannot remove the cgroup %s: %s", path, strerror(errno));
}

static int remove_in(const struct bench_containers *containers,
                     const struct bench_hierarchy *hierarchy, struct mw_error *err)
{
  char path[PATH_BYTES], agent[PATH_BYTES + 16];
  int rc = 0;

  for (int level = 3; rc == 0 && level > 1; level--)
    for (size_t i = 0; rc == 0 && i < containers->count; i++) {
      path_of(containers, hierarchy, level, i, path);
      rc = remove_directory(path, err);
    }
  path_of(containers, hierarchy, 1, 0, path);
  if (rc == 0)
    rc = remove_directory(path, err);
  path_of(containers, hierarchy, 0, 0, path);
  snprintf(agent, sizeof agent, "%s/agent", path);
  if (rc == 0)
    rc = remove_directory(agent, err);
  return rc == 0 ? remove_directory(path, err) : rc;
}

static void end_processes(struct bench_containers *containers, size_t from, size_t to)
{
  for (size_t i = from; i < to; i++)
    if (containers->pids[i] > 0)
      kill(containers->pids[i], SIGKILL);
  for (size_t i = from; i < to; i++) {
    if (containers->pids[i] > 0)
      while (waitpid(containers->pids[i], NULL, 0) < 0 && errno == EINTR)
        ;
    containers->pids[i] = 0;
  }
}

static int remove_pod(struct bench_containers *containers, size_t from, size_t to,
                      struct mw_error *err)
{
  char path[PATH_BYTES];
  int rc = 0;

  end_processes(containers, from, to);
  for (size_t k = 0; k < containers->hierarchies_count; k++) {
    for (size_t i = from; rc == 0 && i < to; i++) {
      path_of(containers, &containers->hierarchies[k], 3, i, path);
      rc = remove_directory(path, err);
    }
    path_of(containers, &containers->hierarchies[k], 2, from, path);
    if (rc == 0)
      rc = remove_directory(path, err);
  }
  return rc;
}

static int make_replacement(struct bench_containers *containers, size_t from, size_t to,
                            struct mw_error *err)
{
  struct starting starting;
  int rc = open_starting(&starting, err);

  if (rc < 0)
    return rc;
  for (size_t i = from; i < to; i++)
    containers->names[i] = containers->next_name + i - from;
  containers->next_name += 2;
  for (size_t i = from; rc == 0 && i < to; i++)
    rc = make_container(containers, i, starting.begin, starting.ready, err);
  int left = bench_networks_leave(&containers->networks, rc == 0 ? err : NULL);
  return end_starting(&starting, to - from, rc == 0 ? left : rc, NULL, err);
}

int bench_containers_replace_pod(struct bench_containers *containers, size_t pod,
                                 struct mw_error *err)
{
  size_t from = 2 * pod, to = from + 2 < containers->count ? from + 2 : containers->count;
  int rc = remove_pod(containers, from, to, err);

  return rc == 0 ? make_replacement(containers, from, to, err) : rc;
}

int bench_containers_remove(struct bench_containers *containers, struct mw_error *err)
{
  struct mw_error later;
  int rc = 0;

  if (containers->pids)
    end_processes(containers, 0, containers->count);
  for (size_t i = 0; i < containers->hierarchies_count; i++) {
    int one = remove_in(containers, &containers->hierarchies[i], rc == 0 ? err : &later);
    rc = rc == 0 ? one : rc;
  }
  int gone = bench_networks_wait_gone(&containers->networks, rc == 0 ? err : &later);
  rc = rc == 0 ? gone : rc;
  bench_networks_deinit(&containers->networks);
  containers->count = 0;
  bench_containers_deinit(containers);
  return rc;
}

/* ---- Seeing them alone ---- */

int bench_containers_isolate(const struct bench_containers *containers, struct mw_error *err)
{
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return mw_error_set(err, errno, "cannot make a mount namespace: %s", strerror(errno));
  for (size_t i = 0; i < containers->hierarchies_count; i++) {
    const struct bench_hierarchy *hierarchy = &containers->hierarchies[i];
    char path[PATH_BYTES];

    path_of(containers, hierarchy, 0, 0, path);
    if (mount(path, hierarchy->mount, NULL, MS_BIND, NULL) < 0)
      return mw_error_set(err, errno, "cannot mount %s at %s: %s", path, hierarchy->mount,
                          strerror(errno));
  }
  return 0;
}

static const struct bench_hierarchy *memory_hierarchy(const struct bench_containers *containers)
{
  for (size_t i = 0; i < containers->hierarchies_count; i++)
    if (containers->hierarchies[i].has_memory)
      return &containers->hierarchies[i];
  return NULL;
}

int bench_containers_enter_agent(const struct bench_containers *containers, struct mw_error *err)
{
  const struct bench_hierarchy *hierarchy = memory_hierarchy(containers);
  char path[PATH_BYTES];

  if (!hierarchy)
    return mw_error_set(err, ENOENT, "no cgroup hierarchy has the memory controller");
  snprintf(path, sizeof path, "%s/agent/cgroup.procs", hierarchy->mount);
  return write_text(path, "0", err);
}

static int read_agent_file(const struct bench_containers *containers, const char *name_v1,
                           const char *name_v2, struct mw_buf *text, struct mw_error *err)
{
  const struct bench_hierarchy *hierarchy = memory_hierarchy(containers);
  char path[PATH_BYTES];

  if (!hierarchy)
    return mw_error_set(err, ENOENT, "no cgroup hierarchy has the memory controller");
  snprintf(path, sizeof path, "%s/agent/%s", hierarchy->mount,
           hierarchy->version == 1 ? name_v1 : name_v2);
  return mw_file_read(AT_FDCWD, path, text, err);
}

int bench_containers_agent_memory(const struct bench_containers *containers, uint64_t *bytes,
                                  struct mw_error *err)
{
  struct mw_slice line, rest;
  MW_AUTO_BUF text;

  mw_buf_init(&text, 64);
  int rc = read_agent_file(containers, "memory.usage_in_bytes", "memory.current", &text, err);
  rest = (struct mw_slice){text.data, text.len_bytes};
  if (rc == 0 && (!mw_slice_next_line(&rest, &line) || !mw_parse_u64(line, bytes)))
    rc = mw_error_set(err, EBADMSG, "the memory of the cgroup agent is not a number");
  return rc;
}

int bench_containers_agent_file_memory(const struct bench_containers *containers, uint64_t *bytes,
                                       struct mw_error *err)
{
  struct mw_slice line, rest, word;
  MW_AUTO_BUF text;

  mw_buf_init(&text, 65536);
  int rc = read_agent_file(containers, "memory.stat", "memory.stat", &text, err);
  rest = (struct mw_slice){text.data, text.len_bytes};
  while (rc == 0 && mw_slice_next_line(&rest, &line))
    if (mw_slice_next_word(&line, &word) &&
        (mw_slice_equal(word, "cache") || mw_slice_equal(word, "file")) &&
        mw_slice_next_word(&line, &word) && mw_parse_u64(word, bytes))
      return 0;
  return rc < 0 ? rc : mw_error_set(err, EBADMSG, "memory.stat of the cgroup agent has no cache");
}
