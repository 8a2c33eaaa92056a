/**
 * @file test_proc.h
 * A /proc for one test: a folder with processes that come, go and change as the test says.
 * Thread-safety: none.
 */
#ifndef TEST_PROC_H
#define TEST_PROC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "moonwatch/proc.h"
#include "support/tmptree.h"

#define TEST_PROC_HEADING "Inter-| Receive | Transmit\n face |bytes packets |bytes packets\n"

struct test_proc {
  char root[TMPTREE_ROOT_BYTES];
  struct mw_clock_manual clock;
};

/** Where the file of a process is. Valid until the fourth next call. */
static inline const char *test_proc_path(const struct test_proc *host, int pid, const char *name)
{
  static char paths[4][TMPTREE_PATH_BYTES];
  static int next;
  char *path = paths[next++ % 4];

  snprintf(path, TMPTREE_PATH_BYTES, "%s/%d/%s", host->root, pid, name);
  return path;
}

static inline void test_proc_init(struct test_proc *host)
{
  tmptree_make(host->root);
  mw_clock_manual_init(&host->clock);
  host->clock.now_monotonic_ns = 1000 * MW_NS_PER_S;
}

static inline void test_proc_deinit(struct test_proc *host)
{
  tmptree_remove(host->root);
}

/** A process that started at @p start_ticks, in @p state, with @p threads. */
static inline void test_proc_stat(const struct test_proc *host, int pid, char state, int threads,
                                  int start_ticks)
{
  char text[256];

  snprintf(text, sizeof text, "%d (a b) c) %c 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 %d 0 %d 0 0\n", pid,
           state, threads, start_ticks);
  tmptree_write(test_proc_path(host, pid, "stat"), text);
}

/** The process is in the network namespace @p id; 0: nobody may know. */
static inline void test_proc_enter(const struct test_proc *host, int pid, unsigned id)
{
  const char *link = test_proc_path(host, pid, "ns/net");
  char target[32];

  tmptree_write(test_proc_path(host, pid, "ns/uts"), ""); /* makes the folder */
  unlink(link);
  snprintf(target, sizeof target, "net:[%u]", id);
  if (id != 0)
    assert_int_equal(symlink(target, link), 0);
}

/** Its eth0 has received @p rcvd_bytes. */
static inline void test_proc_rcvd(const struct test_proc *host, int pid, unsigned rcvd_bytes)
{
  char text[512];

  snprintf(text, sizeof text,
           TEST_PROC_HEADING "    lo: 5 5 0 0 0 0 0 0 5 5\n  eth0: %u 1 0 0 0 0 0 0 2 3\n",
           rcvd_bytes);
  tmptree_write(test_proc_path(host, pid, "net/dev"), text);
}

/** A process of one thread, started at 100, whose eth0 has received @p rcvd_bytes. */
static inline void test_proc_add(const struct test_proc *host, int pid, unsigned namespace_id,
                                 unsigned rcvd_bytes)
{
  test_proc_stat(host, pid, 'S', 1, 100);
  test_proc_enter(host, pid, namespace_id);
  test_proc_rcvd(host, pid, rcvd_bytes);
}

static inline void test_proc_remove(const struct test_proc *host, int pid)
{
  tmptree_remove(test_proc_path(host, pid, "."));
  rmdir(test_proc_path(host, pid, ""));
}

static inline struct mw_proc *test_proc_open(struct test_proc *host, struct mw_proc_config config)
{
  struct mw_error err = {0};

  config.proc_root = host->root;
  config.clock = &host->clock.clock;
  struct mw_proc *proc = mw_proc_open(&config, &err);
  if (!proc)
    fail_msg("%s", err.text);
  return proc;
}

/** For mw_proc_network: hands out its pids, and counts how often. */
struct test_finder {
  int pids[8]; /**< ends with 0 */
  size_t hidden_count;
  int failure; /**< an errno; 0: none */
  int calls;
};

static inline int test_proc_find(void *data, struct mw_pids *out, struct mw_error *err)
{
  struct test_finder *finder = data;

  finder->calls++;
  if (finder->failure != 0)
    return mw_error_set(err, finder->failure, "cannot find");
  for (const int *pid = finder->pids; *pid != 0; pid++)
    if (mw_pids_append(out, *pid, err) < 0)
      return -ENOMEM;
  out->hidden_count = finder->hidden_count;
  return 0;
}

static inline struct mw_proc_usage test_proc_usage(struct mw_proc *proc)
{
  struct mw_proc_usage usage;

  mw_proc_usage(proc, &usage);
  return usage;
}

static inline size_t test_proc_open_files(void)
{
  size_t count = 0;

  for (int fd = 0; fd < 8192; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

#endif
