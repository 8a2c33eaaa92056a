/**
 * @file cgroup.h
 * The containers of a host as the kernel sees them: which cgroups are containers, and what each
 * of them has used.
 *
 * Version 1, version 2 or none is decided for each controller, so a hybrid host has the figures of
 * both. Source: Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst of the kernel,
 * cgroups(7), /proc/mounts, /proc/PID/cgroup, /proc/diskstats.
 *
 * Every figure that can be read is one row of the table of figures (mw_figure_info,
 * mw_figure_source); readers, documentation and diagnosis work from it.
 *
 * Thread-safety: the table is constant. A struct mw_cgroups has a mutex of its own: its functions
 * may be called from any thread, one at a time does the work.
 */
#ifndef MW_CGROUP_H
#define MW_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/clock.h"
#include "moonwatch/error.h"
#include "moonwatch/export.h"
#include "moonwatch/origin.h"
#include "moonwatch/pids.h"
#include "moonwatch/place.h"

/* ---- The table of figures ---------------------------------------------------------------- */

/** The unit is the end of the name. */
enum mw_figure {
  /* What the checks that ship ask for in every run, close together in memory. */
  MW_CPU_TOTAL_NS,
  MW_CPU_USER_NS,
  MW_CPU_SYSTEM_NS,
  MW_CPU_QUOTA_NS,
  MW_CPU_PERIOD_NS,
  MW_CPU_SET_CPUS,
  MW_MEMORY_USAGE_BYTES,
  MW_MEMORY_WORKING_SET_BYTES,
  MW_MEMORY_RSS_BYTES,
  MW_MEMORY_CACHE_BYTES,
  MW_MEMORY_INACTIVE_FILE_BYTES,
  MW_MEMORY_LIMIT_BYTES,
  MW_IO_READ_BYTES,
  MW_IO_WRITE_BYTES,
  MW_IO_READ_OPERATIONS_TOTAL,
  MW_IO_WRITE_OPERATIONS_TOTAL,
  MW_PIDS_CURRENT,
  MW_PIDS_LIMIT,

  MW_CPU_PERIODS_TOTAL,
  MW_CPU_THROTTLED_PERIODS_TOTAL,
  MW_CPU_THROTTLED_NS,
  MW_CPU_SHARES,
  MW_CPU_WEIGHT,
  MW_CPU_PRESSURE_SOME_NS,
  MW_CPU_PRESSURE_FULL_NS,
  MW_MEMORY_RSS_HUGE_BYTES,
  MW_MEMORY_MAPPED_FILE_BYTES,
  MW_MEMORY_INACTIVE_ANON_BYTES,
  MW_MEMORY_ACTIVE_ANON_BYTES,
  MW_MEMORY_ACTIVE_FILE_BYTES,
  MW_MEMORY_UNEVICTABLE_BYTES,
  MW_MEMORY_PAGES_IN_TOTAL,
  MW_MEMORY_PAGES_OUT_TOTAL,
  MW_MEMORY_PAGE_FAULTS_TOTAL,
  MW_MEMORY_MAJOR_PAGE_FAULTS_TOTAL,
  MW_MEMORY_LOW_BYTES,
  MW_MEMORY_MIN_BYTES,
  MW_MEMORY_HIGH_BYTES,
  MW_MEMORY_PEAK_BYTES,
  MW_MEMORY_SWAP_BYTES,
  MW_MEMORY_KERNEL_BYTES,
  MW_MEMORY_KERNEL_STACK_BYTES,
  MW_MEMORY_SLAB_BYTES,
  MW_MEMORY_SWAP_LIMIT_BYTES,
  MW_MEMORY_AND_SWAP_LIMIT_BYTES,
  MW_MEMORY_SWAP_HIGH_BYTES,
  MW_MEMORY_LIMIT_HITS_TOTAL,
  MW_MEMORY_OOM_EVENTS_TOTAL,
  MW_MEMORY_OOM_KILLS_TOTAL,
  MW_POD_OOM_EVENTS_TOTAL,
  MW_POD_OOM_KILLS_TOTAL,
  MW_MEMORY_PRESSURE_SOME_NS,
  MW_MEMORY_PRESSURE_FULL_NS,
  MW_HUGETLB_2MB_USAGE_BYTES,
  MW_HUGETLB_2MB_LIMIT_BYTES,
  MW_HUGETLB_1GB_USAGE_BYTES,
  MW_HUGETLB_1GB_LIMIT_BYTES,
  MW_IO_PRESSURE_SOME_NS,
  MW_IO_PRESSURE_FULL_NS,
  MW_FIGURE_COUNT
};

enum mw_controller {
  MW_CONTROLLER_CPU,
  MW_CONTROLLER_CPUACCT, /**< version 1 only; version 2 has it in cpu */
  MW_CONTROLLER_CPUSET,
  MW_CONTROLLER_MEMORY,
  MW_CONTROLLER_IO, /**< "blkio" in version 1 */
  MW_CONTROLLER_PIDS,
  MW_CONTROLLER_HUGETLB,
  MW_CONTROLLER_PRESSURE, /**< version 2 only, wherever that is mounted: the kernel has it in every
                               cgroup, whatever controllers are enabled there */
  MW_CONTROLLER_COUNT
};

struct mw_figure_info {
  const char *name; /**< "memory_usage_bytes": the key in Lua and in the documentation */
  const char *unit; /**< "bytes", "ns", "count" */
  const char *text; /**< one line for people */
};

/** Where a figure comes from; a figure has one row for each version that has it. */
struct mw_figure_source {
  enum mw_figure figure;
  int version; /**< 1 or 2 */
  enum mw_controller controller;
  const char *file; /**< "memory.stat" */
  const char *key;  /**< "total_rss"; NULL: the file is one number; else what the format names */
  uint64_t scale;   /**< the file's number times this is the figure */
  bool optional; /**< many kernels lack the file: then the figure is absent and nothing is wrong */
  bool of_pod;   /**< the file is that of the pod's cgroup, a directory above the container's */
};

MW_API const struct mw_figure_info *mw_figure_info(enum mw_figure figure);

/** @return false when there is no row at @p index any more: rows stand at 0, 1, 2, ... */
MW_API bool mw_figure_source(size_t index, struct mw_figure_source *out);

/** The kernel's name of a controller under @p version: "cpu", "blkio", "io". */
MW_API const char *mw_controller_name(enum mw_controller controller, int version);

/* ---- Readings ---------------------------------------------------------------------------- */

/** Figures that were there; what the kernel did not give is absent, never zero. */
struct mw_figures {
  uint64_t present; /**< bit 1 << figure */
  uint64_t values[MW_FIGURE_COUNT];
};

static inline bool mw_figures_get(const struct mw_figures *figures, enum mw_figure figure,
                                  uint64_t *value)
{
  if (!(figures->present >> figure & 1))
    return false;
  *value = figures->values[figure];
  return true;
}

static inline void mw_figures_set(struct mw_figures *figures, enum mw_figure figure, uint64_t value)
{
  figures->present |= UINT64_C(1) << figure;
  figures->values[figure] = value;
}

/** Figures by their bits, 1 << figure: what a caller needs, what a reading looked for. */
typedef uint64_t mw_figure_set;

#define MW_FIGURE_SET_ALL UINT64_MAX
#define MW_FIGURE_SET_DEVICES (UINT64_C(1) << 63)   /**< the block devices one by one */
#define MW_FIGURE_SET_CPU_LIMIT (UINT64_C(1) << 62) /**< the limit on CPU time in percent */

static inline mw_figure_set mw_figure_set_of(enum mw_figure figure)
{
  return UINT64_C(1) << figure;
}

/** What one container did on one block device; absent figures as in struct mw_io_device.present. */
enum mw_io_figure {
  MW_IO_DEVICE_READ_BYTES,
  MW_IO_DEVICE_WRITE_BYTES,
  MW_IO_DEVICE_READ_OPERATIONS,
  MW_IO_DEVICE_WRITE_OPERATIONS,
  MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S, /**< the four limits: version 2 only */
  MW_IO_DEVICE_WRITE_LIMIT_BYTES_PER_S,
  MW_IO_DEVICE_READ_LIMIT_OPERATIONS_PER_S,
  MW_IO_DEVICE_WRITE_LIMIT_OPERATIONS_PER_S,
  MW_IO_DEVICE_FIGURE_COUNT
};

struct mw_io_device {
  uint32_t major, minor;
  char name[32];    /**< from /proc/diskstats; "" when it is not listed there */
  uint32_t present; /**< bit 1 << enum mw_io_figure */
  uint64_t values[MW_IO_DEVICE_FIGURE_COUNT];
};

/** One reading of one container. Zero it before the first use; it keeps its memory for the next. */
struct mw_cgroup_sample {
  struct mw_figures figures;
  /** What this reading looked for, whether or not it was there: MW_FIGURE_SET_ALL when everything
   *  was. What is outside may have been left out. */
  mw_figure_set covered;
  uint64_t inode;  /**< of the cgroup; another inode under the same id is another container */
  int64_t read_ns; /**< monotonic, when the reading was complete */
  struct mw_origin origin; /**< filled in by stats.h */
  bool cpu_limit_present;
  bool cpu_limit_defaulted;     /**< no limit was set: all CPUs of the host */
  double cpu_limit_percent;     /**< 100 is one CPU */
  uint32_t problems_count;      /**< files missing or not understood in this reading */
  struct mw_io_device *devices; /**< devices_count of them, by major and minor; owned */
  size_t devices_count;
  size_t devices_capacity;
};

MW_API void mw_cgroup_sample_deinit(struct mw_cgroup_sample *sample);

/** Copy @p from into @p to, which keeps and grows its own memory. @return 0 or -ENOMEM. */
MW_API int mw_cgroup_sample_copy(struct mw_cgroup_sample *to, const struct mw_cgroup_sample *from,
                                 struct mw_error *err);

/**
 * The limit on CPU time in percent, 100 for one CPU: the smaller of the set of CPUs (unless it is
 * all @p host_cpus) and the quota; else the same of the @p parent cgroup (may be NULL); else all
 * CPUs, defaulted. Fills the three cpu_limit fields of @p sample; absent when @p host_cpus is 0.
 */
MW_API void mw_cgroup_cpu_limit(struct mw_cgroup_sample *sample, const struct mw_figures *own,
                                const struct mw_figures *parent, uint32_t host_cpus);

/* ---- A host ------------------------------------------------------------------------------ */

struct mw_cgroups;

#define MW_CGROUP_ID_BYTES 128
#define MW_CGROUP_WORD_BYTES 64

/** A container that was found. */
struct mw_cgroup_container {
  char id[MW_CGROUP_ID_BYTES];
  char runtime[MW_CGROUP_WORD_BYTES];    /**< "docker", "containerd", ...; "" when the cgroup
                                              does not tell */
  char namespace_[MW_CGROUP_WORD_BYTES]; /**< of containerd; usually "" */
  /** Of the pod, with dashes: from the nearest directory above that is "pod<uid>" or
   *  "...-pod<uid>.slice", its uid being a UUID or 32 hex digits; "": there is none. */
  char pod_uid[MW_CGROUP_WORD_BYTES];
  const char *path; /**< below the mount point of its hierarchy: "/docker/<id>" */
  uint64_t inode;
};

/**
 * Says whether the cgroup @p name, a directory in @p parent_path, is a container.
 * Fills id, runtime and namespace_ of @p out and returns true, or returns false. The rest of it is
 * filled in by who asks.
 */
typedef bool mw_cgroup_recognizer(const char *parent_path, const char *name,
                                  struct mw_cgroup_container *out);

struct mw_cgroups_config {
  const char
      *host_root; /**< "/" when NULL; "/host" in a container; a folder with a recorded host */
  const char *proc_root;        /**< NULL: "proc" below host_root */
  const struct mw_clock *clock; /**< NULL: the system's */

  /** Asked in turn, the first that knows wins; NULL: all that ship (mw_cgroup_recognizers). */
  mw_cgroup_recognizer *const *recognizers; /**< ends with NULL */

  uint32_t kept_files_max;   /**< budget of kept descriptors; 0: mw_cgroup_kept_files_default() */
  int64_t limits_max_age_ns; /**< limits are read again when older; 0: 60 s */
  int64_t full_walk_interval_ns; /**< everything is listed anew when older; 0: 300 s */
  bool no_inotify;               /**< rely on link counts alone */

  /** Told of each file that is read, by its path; for --list-reads and the benchmark. */
  void (*on_read)(void *data, const char *path);
  /** Told of each file of a container that is missing or not understood, when that is new. */
  void (*on_problem)(void *data, const char *id, const struct mw_error *problem);
  void *callback_data;
};

MW_API extern mw_cgroup_recognizer *const mw_cgroup_recognizers[];

/**
 * The smallest of 4,096, half of RLIMIT_NOFILE, and an eighth of the memory limit of this
 * process's own cgroup at 4.6 KB a descriptor.
 */
MW_API uint32_t mw_cgroup_kept_files_default(void);

/** What a kept descriptor takes of the kernel's memory: 0.7 KB, and 4 KB for the buffer behind its
 * reads. */
#define MW_CGROUP_KEPT_FILE_BYTES 4710

/** What this process's own cgroup uses of memory. @return false: it cannot be read. */
MW_API bool mw_cgroup_own_memory_bytes(uint64_t *bytes);

/**
 * Find the hierarchies of a host. Nothing is walked yet.
 * @return NULL with -ENOENT in @p err when no cgroup hierarchy with a controller in use is mounted
 * there, or with what opening the mount table gave.
 */
MW_API struct mw_cgroups *mw_cgroups_open(const struct mw_cgroups_config *config,
                                          struct mw_error *err);
MW_API void mw_cgroups_close(struct mw_cgroups *cgroups); /**< accepts NULL */

struct mw_controller_info {
  int version; /**< 1, 2, or 0: not on this host */
  const char
      *mount_path; /**< as this process opens it; valid until close; NULL when version is 0 */
};

MW_API void mw_cgroups_controller(struct mw_cgroups *cgroups, enum mw_controller controller,
                                  struct mw_controller_info *out);

/**
 * Bring the set of containers up to date: by inotify events, with link counts as a net, and a full
 * walk at first, after an overflow and when the last one is old. Where inotify turns out to be
 * silent, which takes about a second to tell, the link counts of all cgroups are compared instead.
 * Cgroups that vanish meanwhile are no failure. A directory that cannot be read is reported to
 * on_problem with id "", and the rest is found.
 * @return 0, or -errno when not even the top of a hierarchy could be read; what was known stays.
 */
MW_API int mw_cgroups_refresh(struct mw_cgroups *cgroups, struct mw_error *err);

/** As mw_cgroups_refresh, but walks everything whatever the events say. */
MW_API int mw_cgroups_walk(struct mw_cgroups *cgroups, struct mw_error *err);

/** Goes up each time the set of containers changes. */
MW_API uint64_t mw_cgroups_generation(struct mw_cgroups *cgroups);

/**
 * Call @p visit for each container, sorted by id; what it is given is valid during the call.
 * @p visit must not call back into @p cgroups; when it returns false the rest is left out.
 * @return 0, or -ENOMEM and nothing was visited.
 */
MW_API int mw_cgroups_each(struct mw_cgroups *cgroups,
                           bool (*visit)(void *data, const struct mw_cgroup_container *container),
                           void *data, struct mw_error *err);

/**
 * Read the figures @p wanted of container @p id into @p out; others may be there too
 * (mw_cgroup_sample.covered). A file that changes all the time is read when it holds one that is
 * wanted or that a wanted one is made of; only files that are read are kept open. One that does not
 * change often (limits, weights, peaks) is read when, besides, it was not read for the last
 * limits_max_age_ns.
 *
 * An id that is not known is looked for once (mw_cgroups_refresh). A file that is missing or not
 * understood leaves its figures absent, goes to on_problem, and is counted in problems_count. That
 * is not so for optional files (mw_figure_source.optional) which are missing: they are looked for
 * again after the next full walk; one that the kernel lacks or has switched off altogether
 * (pressure: EOPNOTSUPP) in one container for all of them.
 *
 * What the pod's cgroup knows (MW_POD_...) is read again when the container's own out-of-memory
 * figures have moved, when a container of the pod has left, or when it is older than
 * limits_max_age_ns. Version 2 counts for all below a cgroup, dead containers included. Version 1
 * counts for each cgroup alone: there it is the pod's own count, plus what each container had when
 * it was last read, kept for as long as the pod's cgroup is there; a container that was killed as a
 * whole before it was read again is not in it.
 * @param host_cpus for mw_cgroup_cpu_limit.
 * @return 0; -ENOENT: no such container, or it vanished; -ENODATA: no file of it could be read;
 * -ENOMEM. @p out is unspecified after a failure but can be used again.
 */
MW_API int mw_cgroups_read(struct mw_cgroups *cgroups, const char *id, uint32_t host_cpus,
                           mw_figure_set wanted, struct mw_cgroup_sample *out,
                           struct mw_error *err);

/** As mw_cgroups_read; @p place is where @p id was found last, and may be NULL. */
MW_API int mw_cgroups_read_at(struct mw_cgroups *cgroups, struct mw_place *place, const char *id,
                              uint32_t host_cpus, mw_figure_set wanted,
                              struct mw_cgroup_sample *out, struct mw_error *err);

/**
 * The processes of container @p id and of all its sub-cgroups, containers inside of it included:
 * cgroup.procs, in the hierarchy where it was found or else in another. Sorted, each once; those
 * that this pid namespace cannot see are counted in hidden_count. Sub-cgroups that vanish meanwhile
 * and threaded ones, whose processes the container's own file names, are no failure.
 * @return 0; -ENOENT: no such container, or it vanished; -EMSGSIZE, -E2BIG: over a ceiling (1 MiB a
 * file, 200,000 sub-cgroups, MW_PIDS_MAX); -EBADMSG: not a list of numbers; or what reading gave.
 * @p out is unspecified after a failure but can be used again.
 */
MW_API int mw_cgroups_processes(struct mw_cgroups *cgroups, const char *id, struct mw_pids *out,
                                struct mw_error *err);

/** What the object holds, for status and tests. */
struct mw_cgroups_usage {
  size_t containers;
  size_t directories; /**< that are watched over, by inotify or link count */
  size_t inotify_watches;
  size_t kept_files;
  size_t kept_files_max;
  uint64_t walks_total; /**< full walks */
  bool inotify_trusted; /**< false: link counts alone */
};

MW_API void mw_cgroups_usage(struct mw_cgroups *cgroups, struct mw_cgroups_usage *out);

/**
 * For each figure, how many containers lack it because of a file that, when it was last looked at,
 * could not be read or understood.
 */
MW_API void mw_cgroups_count_failed(struct mw_cgroups *cgroups,
                                    uint32_t counts[static MW_FIGURE_COUNT]);

/* ---- Who belongs to a container ----------------------------------------------------------- */

/**
 * The container that the text of /proc/PID/cgroup names: the elements of its paths are taken from
 * right to left, so that the innermost container counts, and a sub-cgroup belongs to it. The
 * hierarchies of memory and of version 2 come first. In @p out path is NULL and inode is 0.
 * @param recognizers as in struct mw_cgroups_config; NULL: all that ship.
 * @return false, and @p out is untouched, when it names none.
 */
MW_API bool mw_cgroup_identify_process(mw_cgroup_recognizer *const *recognizers, const char *text,
                                       size_t len_bytes, struct mw_cgroup_container *out);

/**
 * The container whose cgroup has the number @p inode: of version 2, or of memory under version 1.
 * An inode that is not known is looked for once (mw_cgroups_refresh).
 * @return 0; -ENOENT: none.
 */
MW_API int mw_cgroups_id_of_inode(struct mw_cgroups *cgroups, uint64_t inode,
                                  char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

/**
 * The container that this process runs in: by the inode of its own cgroup, as it is mounted below
 * /sys, else by its /proc/self/cgroup, else by the files that a runtime mounts into a container.
 * The last two work where the containers of the host cannot be seen.
 * @return 0; -ENOENT: none; -errno when a file could not be read for a reason that passes.
 */
MW_API int mw_cgroups_own_container_id(struct mw_cgroups *cgroups,
                                       char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

#endif
