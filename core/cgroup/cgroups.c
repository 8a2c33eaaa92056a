#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/file.h"
#include "cgroup/internal.h"
#include "cgroup/mounts.h"

#define MOUNT_TABLE_MAX_BYTES ((size_t)8 << 20)
#define CONTROLLERS_MAX_BYTES 4096
#define LIMITS_MAX_AGE_NS (60 * MW_NS_PER_S)
#define FULL_WALK_INTERVAL_NS (300 * MW_NS_PER_S)

void mw_cgroups_report(struct mw_cgroups *cgroups, const char *id, const struct mw_error *problem)
{
  if (cgroups->config.on_problem)
    cgroups->config.on_problem(cgroups->config.callback_data, id, problem);
}

/* ---- Opening ---- */

static char *join(const char *root, const char *path)
{
  size_t root_bytes = strlen(root);
  char *joined;

  while (root_bytes > 0 && root[root_bytes - 1] == '/')
    root_bytes--;
  return asprintf(&joined, "%.*s%s", (int)root_bytes, root, path) < 0 ? NULL : joined;
}

static bool set_roots(struct mw_cgroups *cgroups)
{
  const struct mw_cgroups_config *config = &cgroups->config;

  cgroups->host_root = join(config->host_root ? config->host_root : "/", "");
  cgroups->proc_root =
      config->proc_root ? strdup(config->proc_root) : join(cgroups->host_root, "/proc");
  return cgroups->host_root && cgroups->proc_root;
}

/* The table of the host's first process, where it may be read: of the host, not of this
 * process's own mount namespace. */
static int read_mount_table(struct mw_cgroups *cgroups, struct mw_buf *text, struct mw_error *err)
{
  static const char *const names[] = {"/1/mounts", "/mounts"};
  int rc = 0;

  for (size_t i = *cgroups->host_root ? 0 : 1; i < 2; i++) {
    char *path = join(cgroups->proc_root, names[i]);
    if (!path)
      return mw_error_set(err, ENOMEM, "out of memory for the mount table");
    rc = mw_file_read(AT_FDCWD, path, text, err);
    free(path);
    if (rc == 0)
      return 0;
  }
  return rc;
}

/*
 * The mounts as this process opens them. An agent in a container sees the host's below its host
 * root, and its table says so; the table of a recorded host, or of the host's first process, names
 * them without it.
 */
static int find_mounts(struct mw_cgroups *cgroups, struct mw_cgroup_mounts *mounts,
                       struct mw_error *err)
{
  struct mw_buf text;

  mw_buf_init(&text, MOUNT_TABLE_MAX_BYTES);
  int rc = read_mount_table(cgroups, &text, err);
  if (rc == 0) {
    struct mw_slice table = {text.data, text.len_bytes};
    mw_cgroup_mounts_parse(table, cgroups->host_root, mounts);
    if (mounts->count == 0) {
      mw_cgroup_mounts_parse(table, "", mounts);
      for (size_t i = 0; i < mounts->count; i++) {
        char path[PATH_MAX];
        strcpy(path, mounts->mounts[i].path);
        if ((size_t)snprintf(mounts->mounts[i].path, PATH_MAX, "%s%.*s", cgroups->host_root,
                             PATH_MAX - 1, path) >= PATH_MAX)
          rc = mw_error_set(err, ENAMETOOLONG, "the path of a mount below %s is too long",
                            cgroups->host_root);
      }
    }
  }
  mw_buf_deinit(&text);
  return rc;
}

/* What holds for the kernel's own file system need not be asked of it again and again. */
static bool is_cgroup_file_system(int fd)
{
  struct statfs status;

  return fstatfs(fd, &status) == 0 &&
         (status.f_type == CGROUP_SUPER_MAGIC || status.f_type == CGROUP2_SUPER_MAGIC);
}

/* @return the number of the hierarchy at @p path, opened if it is new, or -errno. */
static int add_hierarchy(struct mw_cgroups *cgroups, int version, const char *path,
                         const char *controller, struct mw_error *err)
{
  for (size_t i = 0; i < cgroups->hierarchies_count; i++)
    if (strcmp(cgroups->hierarchies[i].mount_path, path) == 0)
      return (int)i;

  int fd = mw_dir_open(AT_FDCWD, path, err);
  if (fd < 0)
    return fd;
  char *copy = strdup(path);
  if (!copy) {
    close(fd);
    return mw_error_set(err, ENOMEM, "out of memory for hierarchy %s", path);
  }
  cgroups->hierarchies[cgroups->hierarchies_count] = (struct mw_hierarchy){
      .version = version,
      .mount_path = copy,
      .root_fd = fd,
      .controller = controller,
      .is_kernels = is_cgroup_file_system(fd),
  };
  return (int)cgroups->hierarchies_count++;
}

/* Is @p name among the words of cgroup.controllers? */
static bool has_word(struct mw_slice text, const char *name)
{
  struct mw_slice line, word;

  while (mw_slice_next_line(&text, &line))
    while (mw_slice_next_word(&line, &word))
      if (mw_slice_equal(word, name))
        return true;
  return false;
}

/* What is mounted but cannot be opened costs its controllers alone, unless that passes. */
static int forgive(struct mw_cgroups *cgroups, int rc, const struct mw_error *err)
{
  if (rc >= 0 || mw_will_pass(rc))
    return rc;
  mw_cgroups_report(cgroups, "", err);
  return 0;
}

static int set_controller(struct mw_cgroups *cgroups, enum mw_controller controller, int version,
                          const char *path, int indexes[], struct mw_error *err)
{
  const char *name = version == 1 ? mw_controller_name(controller, 1) : "";
  int index = add_hierarchy(cgroups, version, path, name, err);

  if (index < 0)
    return forgive(cgroups, index, err);
  indexes[controller] = index;
  cgroups->controllers[controller] =
      (struct mw_controller_info){version, cgroups->hierarchies[index].mount_path};
  return 0;
}

/* The controllers of version 2, as words; none when it is not mounted. */
static int read_controllers(struct mw_cgroups *cgroups, const char *unified, struct mw_buf *text,
                            struct mw_error *err)
{
  if (!unified)
    return 0;
  char *path = join(unified, "/cgroup.controllers");
  if (!path)
    return mw_error_set(err, ENOMEM, "out of memory for the controllers of %s", unified);
  int rc = forgive(cgroups, mw_file_read(AT_FDCWD, path, text, err), err);
  free(path);
  return rc;
}

/* Version 1, where it is mounted, else version 2, where it has the controller. The last thing that
 * was wrong with one of them is left in @p problem: err must be left alone when all goes well in
 * the end. */
static int assign_controllers(struct mw_cgroups *cgroups, const struct mw_cgroup_mounts *mounts,
                              int indexes[], struct mw_error *problem, struct mw_error *err)
{
  const char *unified = mw_cgroup_mounts_find(mounts, "cgroupv2");
  MW_AUTO_BUF text;

  mw_buf_init(&text, CONTROLLERS_MAX_BYTES);
  int rc = read_controllers(cgroups, unified, &text, problem);
  for (int i = 0; rc == 0 && i < MW_CONTROLLER_COUNT; i++) {
    enum mw_controller controller = (enum mw_controller)i;
    struct mw_slice words = {text.data, text.len_bytes};
    const char *path = mw_cgroup_mounts_find(mounts, mw_controller_name(controller, 1));
    bool is_everywhere = controller == MW_CONTROLLER_PRESSURE; /* no controller to the kernel */
    indexes[i] = -1;
    if (path && !is_everywhere)
      rc = set_controller(cgroups, controller, 1, path, indexes, problem);
    else if (unified && (is_everywhere || has_word(words, mw_controller_name(controller, 2))))
      rc = set_controller(cgroups, controller, 2, unified, indexes, problem);
  }
  return rc < 0 ? mw_error_set(err, -rc, "%s", problem->text) : 0;
}

static mw_figure_set figures_of(const struct mw_figure_file *file)
{
  mw_figure_set figures = 0;

  for (size_t i = 0; i < file->rows_count; i++)
    figures |= mw_figure_set_of(file->rows[i].figure);
  if (file->format == MW_FORMAT_BLKIO || file->format == MW_FORMAT_IO_STAT)
    figures |= MW_FIGURE_SET_DEVICES;
  return figures;
}

static void make_plan(struct mw_cgroups *cgroups, const int indexes[])
{
  uint32_t needed_hierarchies = 0;

  for (size_t i = 0; i < mw_figure_files_count && cgroups->plan_count < MW_PLAN_MAX; i++) {
    const struct mw_figure_file *file = &mw_figure_files[i];
    if (cgroups->controllers[file->controller].version != file->version)
      continue;
    struct mw_plan_file planned = {
        .file = file,
        .hierarchy = (uint8_t)indexes[file->controller],
        .figures = figures_of(file),
    };
    if (file->flags & MW_FILE_OF_POD) {
      cgroups->pod_file = planned;
    } else {
      if (file->flags & MW_FILE_SLOW)
        cgroups->slow_files |= UINT32_C(1) << cgroups->plan_count;
      cgroups->plan[cgroups->plan_count++] = planned;
    }
    if (file->flags & MW_FILE_SLOW)
      cgroups->limits |= planned.figures;
    if (!(file->flags & MW_FILE_OPTIONAL))
      needed_hierarchies |= UINT32_C(1) << planned.hierarchy;
  }
  cgroups->optional_hierarchies = ~needed_hierarchies;
}

/* Of the hierarchies of version 1 the one with the fewest files in a directory, and version 2. What
 * many hosts lack is looked for where containers were found otherwise. */
static void choose_walked(struct mw_cgroups *cgroups, const int indexes[])
{
  static const enum mw_controller by_size[] = {
      MW_CONTROLLER_PIDS,   MW_CONTROLLER_CPUACCT, MW_CONTROLLER_CPU,     MW_CONTROLLER_CPUSET,
      MW_CONTROLLER_MEMORY, MW_CONTROLLER_IO,      MW_CONTROLLER_HUGETLB, MW_CONTROLLER_PRESSURE};
  bool has_v1 = false, has_any = false;

  for (size_t i = 0; i < MW_CONTROLLER_COUNT; i++) {
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): there is one for each controller */
    int index = indexes[by_size[i]];
    int version = cgroups->controllers[by_size[i]].version;
    bool is_optional = version != 0 && cgroups->optional_hierarchies >> index & 1;
    if ((version == 2 || (version == 1 && !has_v1)) && !(is_optional && has_any))
      cgroups->hierarchies[index].walked = true;
    has_v1 |= version == 1;
    has_any |= version != 0;
  }
}

static int no_hierarchy(const struct mw_cgroups *cgroups, const struct mw_error *problem,
                        struct mw_error *err)
{
  static const char advice[] = "in a container, mount the host's /proc and /sys/fs/cgroup below "
                               "/host and use --host-root /host";

  if (problem->text[0])
    return mw_error_set(err, ENOENT, "no cgroup hierarchy can be read: %s: %s", problem->text,
                        advice);
  return mw_error_set(err, ENOENT,
                      "no cgroup hierarchy with a controller in use is mounted according to "
                      "%s/mounts: %s",
                      cgroups->proc_root, advice);
}

static int open_hierarchies(struct mw_cgroups *cgroups, struct mw_error *err)
{
  struct mw_cgroup_mounts *mounts = calloc(1, sizeof *mounts);
  struct mw_error problem = {0};
  int indexes[MW_CONTROLLER_COUNT];

  if (!mounts)
    return mw_error_set(err, ENOMEM, "out of memory for the mount table");
  int rc = find_mounts(cgroups, mounts, err);
  if (rc == 0)
    rc = assign_controllers(cgroups, mounts, indexes, &problem, err);
  if (rc == 0) {
    make_plan(cgroups, indexes);
    choose_walked(cgroups, indexes);
    if (cgroups->hierarchies_count == 0)
      rc = no_hierarchy(cgroups, &problem, err);
  }
  free(mounts);
  return rc;
}

static void set_defaults(struct mw_cgroups *cgroups)
{
  struct mw_cgroups_config *config = &cgroups->config;

  if (!config->clock)
    config->clock = mw_clock_system();
  if (!config->recognizers)
    config->recognizers = mw_cgroup_recognizers;
  if (config->limits_max_age_ns == 0)
    config->limits_max_age_ns = LIMITS_MAX_AGE_NS;
  if (config->full_walk_interval_ns == 0)
    config->full_walk_interval_ns = FULL_WALK_INTERVAL_NS;
  cgroups->kept_files_max =
      config->kept_files_max ? config->kept_files_max : mw_cgroup_kept_files_default();
}

struct mw_cgroups *mw_cgroups_open(const struct mw_cgroups_config *config, struct mw_error *err)
{
  struct mw_cgroups *cgroups = calloc(1, sizeof *cgroups);

  if (!cgroups) {
    mw_error_set(err, ENOMEM, "out of memory for cgroups");
    return NULL;
  }
  pthread_mutex_init(&cgroups->mutex, NULL);
  cgroups->config = *config;
  cgroups->entries_version = mw_place_new_version();
  set_defaults(cgroups);
  mw_buf_init(&cgroups->text, MW_CGROUP_FILE_MAX_BYTES);
  mw_buf_init(&cgroups->path, (size_t)2 * PATH_MAX);
  mw_buf_init(&cgroups->pending, MW_CGROUP_PENDING_MAX_BYTES);
  cgroups->inotify_fd = config->no_inotify ? -1 : inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  cgroups->inotify_trusted = cgroups->inotify_fd >= 0;
  if (!set_roots(cgroups)) {
    mw_error_set(err, ENOMEM, "out of memory for the roots");
    goto fail;
  }
  if (open_hierarchies(cgroups, err) < 0)
    goto fail;
  return cgroups;

fail:
  mw_cgroups_close(cgroups);
  return NULL;
}

void mw_cgroups_close(struct mw_cgroups *cgroups)
{
  if (!cgroups)
    return;
  mw_tree_free(cgroups);
  if (cgroups->inotify_fd >= 0)
    close(cgroups->inotify_fd);
  for (size_t i = 0; i < cgroups->hierarchies_count; i++) {
    close(cgroups->hierarchies[i].root_fd);
    free(cgroups->hierarchies[i].mount_path);
  }
  mw_buf_deinit(&cgroups->text);
  mw_buf_deinit(&cgroups->path);
  mw_buf_deinit(&cgroups->pending);
  free(cgroups->sorted);
  free(cgroups->disks);
  free(cgroups->host_root);
  free(cgroups->proc_root);
  pthread_mutex_destroy(&cgroups->mutex);
  free(cgroups);
}

/* ---- What the others ask for ---- */

void mw_cgroups_controller(struct mw_cgroups *cgroups, enum mw_controller controller,
                           struct mw_controller_info *out)
{
  *out = cgroups->controllers[controller]; /* does not change after open */
}

int mw_cgroups_refresh(struct mw_cgroups *cgroups, struct mw_error *err)
{
  pthread_mutex_lock(&cgroups->mutex);
  int rc = mw_tree_refresh(cgroups, err);
  pthread_mutex_unlock(&cgroups->mutex);
  return rc;
}

int mw_cgroups_walk(struct mw_cgroups *cgroups, struct mw_error *err)
{
  pthread_mutex_lock(&cgroups->mutex);
  int rc = mw_tree_walk(cgroups, err);
  pthread_mutex_unlock(&cgroups->mutex);
  return rc;
}

uint64_t mw_cgroups_generation(struct mw_cgroups *cgroups)
{
  pthread_mutex_lock(&cgroups->mutex);
  uint64_t generation = cgroups->generation;
  pthread_mutex_unlock(&cgroups->mutex);
  return generation;
}

static int by_id(const void *a, const void *b)
{
  const struct mw_cgroup_entry *const *one = a, *const *other = b;
  return strcmp((*one)->found.id, (*other)->found.id);
}

static bool sort_entries(struct mw_cgroups *cgroups)
{
  size_t count = 0;

  if (cgroups->sorted && cgroups->sorted_generation == cgroups->generation)
    return true;
  struct mw_cgroup_entry **sorted =
      reallocarray(cgroups->sorted, HASH_COUNT(cgroups->entries) + 1, sizeof *sorted);
  if (!sorted)
    return false;
  for (struct mw_cgroup_entry *entry = cgroups->entries; entry; entry = entry->hh.next)
    sorted[count++] = entry;
  qsort(sorted, count, sizeof *sorted, by_id);
  cgroups->sorted = sorted;
  cgroups->sorted_generation = cgroups->generation;
  return true;
}

int mw_cgroups_each(struct mw_cgroups *cgroups,
                    bool (*visit)(void *data, const struct mw_cgroup_container *container),
                    void *data, struct mw_error *err)
{
  int rc = 0;

  pthread_mutex_lock(&cgroups->mutex);
  if (!sort_entries(cgroups))
    rc = mw_error_set(err, ENOMEM, "out of memory for the list of containers");
  for (size_t i = 0; rc == 0 && i < HASH_COUNT(cgroups->entries); i++)
    if (!visit(data, &cgroups->sorted[i]->found))
      break;
  pthread_mutex_unlock(&cgroups->mutex);
  return rc;
}

static struct mw_cgroup_entry *find_or_look(struct mw_cgroups *cgroups, const char *id)
{
  struct mw_cgroup_entry *entry = mw_entry_find(cgroups, id);

  if (!entry && mw_tree_refresh(cgroups, NULL) == 0)
    entry = mw_entry_find(cgroups, id);
  return entry;
}

static int no_such_id(const char *id, struct mw_error *err)
{
  return mw_error_set(err, ENOENT, "no cgroup of a container has the id %s", id);
}

int mw_cgroups_read(struct mw_cgroups *cgroups, const char *id, uint32_t host_cpus,
                    mw_figure_set wanted, struct mw_cgroup_sample *out, struct mw_error *err)
{
  return mw_cgroups_read_at(cgroups, NULL, id, host_cpus, wanted, out, err);
}

int mw_cgroups_read_at(struct mw_cgroups *cgroups, struct mw_place *place, const char *id,
                       uint32_t host_cpus, mw_figure_set wanted, struct mw_cgroup_sample *out,
                       struct mw_error *err)
{
  pthread_mutex_lock(&cgroups->mutex);
  struct mw_cgroup_entry *entry = mw_place_get(place, cgroups->entries_version);
  if (!entry && (entry = find_or_look(cgroups, id)))
    mw_place_set(place, entry, cgroups->entries_version);
  int rc =
      entry ? mw_reader_read(cgroups, entry, host_cpus, wanted, out, err) : no_such_id(id, err);
  pthread_mutex_unlock(&cgroups->mutex);
  return rc;
}

int mw_cgroups_processes(struct mw_cgroups *cgroups, const char *id, struct mw_pids *out,
                         struct mw_error *err)
{
  pthread_mutex_lock(&cgroups->mutex);
  struct mw_cgroup_entry *entry = find_or_look(cgroups, id);
  int rc = entry ? mw_processes_list(cgroups, entry, out, err) : no_such_id(id, err);
  pthread_mutex_unlock(&cgroups->mutex);
  return rc;
}

void mw_cgroups_count_failed(struct mw_cgroups *cgroups, uint32_t counts[static MW_FIGURE_COUNT])
{
  memset(counts, 0, MW_FIGURE_COUNT * sizeof counts[0]);
  pthread_mutex_lock(&cgroups->mutex);
  for (struct mw_cgroup_entry *entry = cgroups->entries; entry; entry = entry->hh.next) {
    mw_figure_set failed = mw_reader_failed_figures(cgroups, entry);
    for (int figure = 0; figure < MW_FIGURE_COUNT; figure++)
      counts[figure] += failed >> figure & 1;
  }
  pthread_mutex_unlock(&cgroups->mutex);
}

void mw_cgroups_usage(struct mw_cgroups *cgroups, struct mw_cgroups_usage *out)
{
  pthread_mutex_lock(&cgroups->mutex);
  *out = (struct mw_cgroups_usage){
      .containers = HASH_COUNT(cgroups->entries),
      .directories = cgroups->directories_count,
      .inotify_watches = cgroups->watches_count,
      .kept_files = cgroups->kept_files,
      .kept_files_max = cgroups->kept_files_max,
      .walks_total = cgroups->walk,
      .inotify_trusted = cgroups->inotify_trusted,
  };
  pthread_mutex_unlock(&cgroups->mutex);
}
