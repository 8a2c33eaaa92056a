/**
 * @file internal.h
 * What the parts of a struct mw_cgroups know of each other: hierarchies, directories, containers.
 *
 *   cgroups.c   opens and closes, offers the public functions, holds the mutex
 *   tree.c      which cgroups exist: walks, events, link counts
 *   entries.c   the containers among them, by id
 *   reader.c    what one container has used: files, kept descriptors, limits
 *   pods.c      what the pods of containers know of running out of memory
 *   processes.c the processes of one container
 *   paths.c     where it is in hierarchies other than the one that was walked
 *   pending.c   cgroups that are still to be visited
 *   recognize.c which names are containers, which are pods
 *   disk.c      names of block devices
 *
 * Thread-safety: everything here is called with the mutex of the object held.
 */
#ifndef MW_CGROUP_INTERNAL_H
#define MW_CGROUP_INTERNAL_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/place.h"
#include "cgroup/figures.h"
#include "cgroup/layout.h"
#include "moonwatch/cgroup.h"

#define MW_CGROUP_FILE_MAX_BYTES ((size_t)1 << 20)     /* ceiling of one file */
#define MW_CGROUP_DIRECTORIES_MAX 200000               /* ceiling of one host */
#define MW_CGROUP_PENDING_MAX_BYTES ((size_t)64 << 20) /* ceiling of paths to visit */
#define MW_HIERARCHIES_MAX (MW_CONTROLLER_COUNT + 1)   /* each controller its own, and version 2 */
#define MW_PLAN_MAX 32
#define MW_POD_KILLED_MAX 16 /* containers of a pod that are told apart by what was killed */

struct mw_cgroup_directory;

/** A mounted tree of cgroups. */
struct mw_hierarchy {
  int version;
  char *mount_path; /**< as this process opens it */
  int root_fd;
  const char *controller; /**< one of its names, to find its line in /proc/PID/cgroup; "" for v2 */
  bool walked;            /**< containers are looked for here */
  bool is_kernels;        /**< a real cgroup file system, not a recorded one */
  struct mw_cgroup_directory *directories; /**< those that are watched over, by path */
};

/** A file of the table that this host has, and where. */
struct mw_plan_file {
  const struct mw_figure_file *file;
  uint8_t hierarchy;
  mw_figure_set figures;         /**< that it holds */
  uint64_t lacking_walk;         /**< the walk since which no container here has it; 0: not so */
  struct mw_pairs_layout layout; /**< of the last one that was read */
};

/** The files that hold what is wanted: the same for all containers of a pass. */
struct mw_selection {
  mw_figure_set wanted;   /**< what it was made for, parts included; 0: not made yet */
  uint32_t files;         /**< bit 1 << plan file: of those that change all the time */
  mw_figure_set left_out; /**< the figures of such files that are not wanted */
};

/** What a pod's cgroup knows of running out of memory, and version 1 of each container alone. */
struct mw_cgroup_pod {
  size_t users;     /**< its directory, and the containers that have looked at it */
  bool due;         /**< something happened: read again whatever the age */
  bool has_problem; /**< its file could not be read or understood */
  int64_t read_ns;  /**< 0: never */
  uint64_t present; /**< as in struct mw_figures: of the two figures */
  uint64_t oom_events_total, oom_kills_total;

  /** Version 1: what containers had when last read, those that are gone too. */
  struct {
    uint64_t inode, kills_total;
  } killed[MW_POD_KILLED_MAX];
  size_t killed_count;
  uint64_t older_kills_total; /**< of containers for which there is no place any more */
};

struct mw_cgroup_entry {
  UT_hash_handle hh;                /**< by id, which stands beside it: both are looked at */
  struct mw_cgroup_container found; /**< found.path is `path` */
  char *path;
  uint8_t hierarchy;               /**< where it was found */
  char *paths[MW_HIERARCHIES_MAX]; /**< elsewhere, where it differs from `path` */
  uint32_t absent_hierarchies;     /**< bit 1 << hierarchy: it has no directory there */
  bool paths_known;
  struct mw_cgroup_directory *directory; /**< the record of that place; NULL: none yet */
  uint64_t walk;                         /**< the last walk that saw it */
  bool is_elsewhere;                     /**< it was seen in another walked hierarchy too */
  int fds[MW_PLAN_MAX];                  /**< kept open; -1: not */
  uint32_t missing_files;                /**< bit 1 << plan file: not there when last looked for */
  uint64_t looked_walk;           /**< the walk after which optional files were last looked for */
  uint32_t reported_files;        /**< the same: on_problem was told, and it has not ended */
  int64_t limits_read_ns;         /**< 0: never */
  mw_figure_set limits_covered;   /**< what was looked for since then */
  struct mw_cgroup_sample limits; /**< of the slow files */
  struct mw_figures parent_limits;
  bool has_parent_limits;
  struct mw_cgroup_pod *pod;                  /**< NULL: in none, or not looked at yet */
  uint64_t oom_events_total, oom_kills_total; /**< when last read */
};

/** A directory that is watched over. The children of a container count too: containers nest. */
struct mw_cgroup_directory {
  char *path; /**< below the hierarchy's root; "" is the root */
  uint8_t hierarchy;
  uint64_t inode;
  uint64_t links;
  bool links_stale;              /**< an event told of a change since `links` was read */
  bool has_children;             /**< when it was listed, or an event told so since */
  bool is_container;             /**< by its name */
  struct mw_cgroup_entry *entry; /**< the container whose place this is; NULL: none */
  struct mw_cgroup_pod *pod;     /**< when a container in this pod was asked about it */
  uint64_t walk;
  int watch;                               /**< of inotify; -1: none */
  struct mw_cgroup_directory *prev, *next; /**< in the order of the link-count check */
  UT_hash_handle hh;                       /**< by path, in its hierarchy */
  UT_hash_handle hh_watch;                 /**< by watch */
};

struct mw_disk_name {
  uint32_t major, minor;
  char name[32];
};

struct mw_cgroups {
  pthread_mutex_t mutex;
  struct mw_cgroups_config config;
  char *host_root, *proc_root;

  struct mw_hierarchy hierarchies[MW_HIERARCHIES_MAX];
  size_t hierarchies_count;
  struct mw_controller_info controllers[MW_CONTROLLER_COUNT];
  struct mw_plan_file plan[MW_PLAN_MAX];
  size_t plan_count;
  mw_figure_set limits;          /**< of the slow files in the plan */
  uint32_t slow_files;           /**< bit 1 << plan file */
  struct mw_selection selection; /**< of the last reading */
  struct mw_plan_file pod_file;  /**< .file is NULL: there is none */
  uint32_t optional_hierarchies; /**< bit 1 << hierarchy: optional files alone are read there */

  /* containers */
  struct mw_cgroup_entry *entries;
  uint64_t entries_version;        /* another one after each that was freed; see place.h */
  struct mw_cgroup_entry **sorted; /* by id; valid while sorted_generation == generation */
  uint64_t generation, sorted_generation;
  bool has_duplicates; /* an id was seen in two places, so a removal needs a walk */

  /* directories */
  struct mw_cgroup_directory *by_watch, *check_order;
  size_t directories_count, watches_count;
  int inotify_fd; /* -1: link counts alone */
  bool inotify_trusted;
  const struct mw_cgroup_directory *suspect; /* its links changed, and no event has come yet */
  int64_t suspected_ns;
  bool walk_due;
  bool events_lost; /* what is known of the directories may be wrong: walk, and look everywhere */
  bool walk_deep;   /* the walk that is going on looks everywhere */
  uint64_t walk;
  int64_t walked_ns;
  struct mw_buf pending; /* paths that the walk has still to visit */

  /* reading */
  size_t kept_files, kept_files_max;
  struct mw_buf text; /* of the file that is being read */
  struct mw_buf path; /* of the file that is being opened */
  struct mw_disk_name *disks;
  size_t disks_count;
  int64_t disks_read_ns; /* 0: never */
};

/* tree.c */
int mw_tree_refresh(struct mw_cgroups *cgroups, struct mw_error *err);
int mw_tree_walk(struct mw_cgroups *cgroups, struct mw_error *err);
void mw_tree_free(struct mw_cgroups *cgroups);

/* entries.c */
/** A container was seen at @p path, by the walk that is going on or after the last one. */
void mw_entry_see(struct mw_cgroups *cgroups, uint8_t hierarchy, const char *path, uint64_t inode,
                  const struct mw_cgroup_container *found);
struct mw_cgroup_entry *mw_entry_find(struct mw_cgroups *cgroups, const char *id);
void mw_entry_remove(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry);
/** Remove a container that turned out to be gone; a walk follows at the next refresh. */
void mw_entry_drop(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry);
/** Part @p entry and the directory at its place from each other. */
void mw_entry_unlink(struct mw_cgroup_entry *entry);
/** Free an entry that is in no table any more. */
void mw_entry_free(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry);

/* pending.c: one list for all, begun with cgroups->pending.len_bytes = 0 */
bool mw_pending_push(struct mw_cgroups *cgroups, const char *path);
bool mw_pending_pop(struct mw_cgroups *cgroups, char path[static PATH_MAX]);

/* recognize.c */
/** Ask the recognizers in turn; the pod is found in @p parent_path. */
bool mw_cgroup_recognize(mw_cgroup_recognizer *const *recognizers, const char *parent_path,
                         const char *name, struct mw_cgroup_container *out);
/** The bytes of @p path up to the end of its last element that is a pod's; 0 and "": none is. */
size_t mw_cgroup_pod_path(const char *path, char uid[static MW_CGROUP_WORD_BYTES]);

/* reader.c */
int mw_reader_read(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, uint32_t host_cpus,
                   mw_figure_set wanted, struct mw_cgroup_sample *out, struct mw_error *err);
void mw_reader_forget(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry);
/** The first of an interval is dated back by the container's own part of it, so that containers
 * that were found together do not fall due together for ever. Never 0. */
int64_t mw_reader_stamp_ns(const struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry,
                           int64_t last_ns, int64_t now_ns);
/** Its path in a hierarchy; check absent_hierarchies first. */
const char *mw_reader_path_in(const struct mw_cgroup_entry *entry, uint8_t hierarchy);
/** Is there no cgroup of its inode at its path any more? */
bool mw_reader_is_gone(const struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry);
/** Drop the container. @return -ENOENT. */
int mw_reader_gone(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, struct mw_error *err);
/** Read @p planned in another cgroup than a container's into cgroups->text. @return 0 or -errno. */
int mw_reader_read_once(struct mw_cgroups *cgroups, const struct mw_plan_file *planned,
                        const char *directory);
/** Those that lie in files which could not be read or understood when they were last looked at. */
mw_figure_set mw_reader_failed_figures(const struct mw_cgroups *cgroups,
                                       const struct mw_cgroup_entry *entry);

/** Tell of a problem with a file in @p directory. */
void mw_reader_report(struct mw_cgroups *cgroups, const char *id,
                      const struct mw_plan_file *planned, const char *directory,
                      const struct mw_error *problem);

/* pods.c */
/** Compare with what its own file said last, which is in @p out when it was read. */
void mw_pod_note_own(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry,
                     const struct mw_cgroup_sample *out);
/** Put the figures of the pod into @p out; they are read again when that is due. */
void mw_pod_fill(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, int64_t now_ns,
                 struct mw_cgroup_sample *out);
/** The container leaves: its pod is worth another look. */
void mw_pod_leave(struct mw_cgroup_entry *entry);
/** One user less. NULL is no pod. */
void mw_pod_release(struct mw_cgroup_pod *pod);

/* processes.c */
int mw_processes_list(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry,
                      struct mw_pids *out, struct mw_error *err);

/* paths.c */
/** Find @p entry in the hierarchies where it was not found by walking. */
void mw_paths_find(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry);
void mw_paths_forget(struct mw_cgroup_entry *entry);

/* disk.c */
void mw_disk_fill_names(struct mw_cgroups *cgroups, struct mw_cgroup_sample *sample,
                        int64_t now_ns);

/* cgroups.c */
void mw_cgroups_report(struct mw_cgroups *cgroups, const char *id, const struct mw_error *problem);
static inline int64_t mw_cgroups_now_ns(const struct mw_cgroups *cgroups)
{
  return mw_clock_monotonic_ns(cgroups->config.clock);
}

/** Is -errno @p rc a lack of this process's own, so that another try is worth it? */
static inline bool mw_will_pass(int rc)
{
  return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM || rc == -EINTR || rc == -EAGAIN;
}

#endif
