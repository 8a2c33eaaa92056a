/**
 * @file test_host.h
 * A host for one test: a folder with a mount table and cgroups that are plain directories, whose
 * inodes, link counts and inotify events behave like those of real ones.
 * Thread-safety: none.
 */
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "moonwatch/cgroup.h"

/* Ids of 64 hex digits that end as told. */
#define TEST_ID(end) "00000000000000000000000000000000000000000000000000000000000000" end

struct test_host {
  char root[64];
};

static inline const char *test_host_path(const struct test_host *host, const char *name)
{
  static char paths[4][1024];
  static int next;
  char *path = paths[next++ % 4];

  snprintf(path, sizeof paths[0], "%s/%s", host->root, name);
  return path;
}

/** Make a directory, with those above it. */
static inline void test_host_mkdir(const struct test_host *host, const char *name)
{
  char path[1152];

  snprintf(path, sizeof path, "%s/%s", host->root, name);
  for (char *slash = path + strlen(host->root) + 1; (slash = strchr(slash, '/')); slash++) {
    *slash = '\0';
    mkdir(path, 0755);
    *slash = '/';
  }
  mkdir(path, 0755);
  assert_int_equal(access(path, F_OK), 0);
}

static inline void test_host_write(const struct test_host *host, const char *name, const char *text)
{
  char folder[512];

  snprintf(folder, sizeof folder, "%s", name);
  *strrchr(folder, '/') = '\0';
  test_host_mkdir(host, folder);
  FILE *file = fopen(test_host_path(host, name), "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static inline int test_host_remove_one(const char *path, const struct stat *status, int type,
                                       struct FTW *place)
{
  (void)status, (void)type, (void)place;
  return remove(path);
}

/** Remove a directory and everything below it, from the bottom up. */
static inline void test_host_remove(const struct test_host *host, const char *name)
{
  nftw(test_host_path(host, name), test_host_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void test_host_deinit(const struct test_host *host)
{
  test_host_remove(host, "");
}

static inline void test_host_init_empty(struct test_host *host)
{
  strcpy(host->root, "/tmp/moonwatch-test-XXXXXX");
  assert_non_null(mkdtemp(host->root));
  assert_int_equal(chmod(host->root, 0755), 0);
}

#define TEST_HOST_V2 "sys/fs/cgroup/"

/** A host with version 2 alone, and cpu, memory, io and pids. */
static inline void test_host_init_v2(struct test_host *host)
{
  test_host_init_empty(host);
  test_host_write(host, "proc/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
  test_host_write(host, TEST_HOST_V2 "cgroup.controllers", "cpu io memory pids\n");
}

/** A host with pids on version 1 and memory on version 2. */
static inline void test_host_init_hybrid(struct test_host *host)
{
  test_host_init_empty(host);
  test_host_write(host, "proc/mounts",
                  "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
                  "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
  test_host_mkdir(host, "sys/fs/cgroup/pids");
  test_host_write(host, "sys/fs/cgroup/unified/cgroup.controllers", "memory\n");
}

static inline struct mw_cgroups *test_host_open(const struct test_host *host,
                                                struct mw_cgroups_config config)
{
  struct mw_error err = {0};

  config.host_root = host->root;
  struct mw_cgroups *cgroups = mw_cgroups_open(&config, &err);
  if (!cgroups)
    fail_msg("%s", err.text);
  return cgroups;
}

/** The ids of all containers, the last two digits of each: "01 02 ". Valid until the next call. */
static inline bool test_host_append_id(void *data, const struct mw_cgroup_container *container)
{
  strncat(data, container->id + strlen(container->id) - 2, 2);
  strcat(data, " ");
  return true;
}

static inline const char *test_host_ids(struct mw_cgroups *cgroups)
{
  static char ids[4096];

  ids[0] = '\0';
  assert_int_equal(mw_cgroups_each(cgroups, test_host_append_id, ids, NULL), 0);
  return ids;
}

#endif
