/* Readers of different containers, refreshes and a changing tree at once; meant for
 * ThreadSanitizer too. */
#include "test_host.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define READERS 3
#define ROUNDS 300

static struct test_host host;
static struct mw_cgroups *cgroups;
static atomic_bool readers_done;

static void write_container(int number)
{
  char name[256];

  snprintf(name, sizeof name, TEST_HOST_V2 "docker/%064d/pids.current", number);
  test_host_write(&host, name, "7\n");
  snprintf(name, sizeof name, TEST_HOST_V2 "docker/%064d/cgroup.procs", number);
  test_host_write(&host, name, "77\n");
}

struct reader {
  pthread_t thread;
  int number;
  int wrong_total;
};

/* Each reads a container that stays, and one that comes and goes. */
static void *read_on(void *data)
{
  struct reader *reader = data;
  struct mw_cgroup_sample sample = {0};
  struct mw_pids pids = {0};
  char stays[65], goes[65];
  uint64_t value;

  snprintf(stays, sizeof stays, "%064d", reader->number);
  snprintf(goes, sizeof goes, "%064d", 100 + reader->number);
  for (int i = 0; i < ROUNDS; i++) {
    int rc = mw_cgroups_read(cgroups, stays, 4, MW_FIGURE_SET_ALL, &sample, NULL);
    if (rc < 0 || !mw_figures_get(&sample.figures, MW_PIDS_CURRENT, &value) || value != 7)
      reader->wrong_total++;
    rc = mw_cgroups_read(cgroups, goes, 4, MW_FIGURE_SET_ALL, &sample, NULL);
    if (rc != 0 && rc != -ENOENT && rc != -ENODATA)
      reader->wrong_total++;
    rc = mw_cgroups_processes(cgroups, stays, &pids, NULL);
    if (rc != 0 || pids.count != 1)
      reader->wrong_total++;
  }
  mw_cgroup_sample_deinit(&sample);
  mw_pids_deinit(&pids);
  return NULL;
}

static bool count_visit(void *data, const struct mw_cgroup_container *container)
{
  *(size_t *)data += strlen(container->path) > 0;
  return true;
}

static void *refresh_on(void *data)
{
  int *wrong_total = data;

  for (int i = 0; !readers_done; i++) {
    size_t visits = 0;
    if ((i % 10 ? mw_cgroups_refresh : mw_cgroups_walk)(cgroups, NULL) < 0 ||
        mw_cgroups_each(cgroups, count_visit, &visits, NULL) < 0 || visits < READERS)
      ++*wrong_total;
  }
  return NULL;
}

static void *change_on(void *data)
{
  char folder[192], file[224];

  (void)data;
  for (int i = 0; !readers_done; i++) {
    snprintf(folder, sizeof folder, "%s/" TEST_HOST_V2 "docker/%064d", host.root,
             100 + i % READERS);
    snprintf(file, sizeof file, "%s/pids.current", folder);
    if (i / READERS % 2 == 0) {
      mkdir(folder, 0755);
      FILE *out = fopen(file, "w");
      if (out)
        fclose(out);
    } else {
      unlink(file);
      rmdir(folder);
    }
  }
  return NULL;
}

static void readers_refreshes_and_changes_get_along(void **state)
{
  struct reader readers[READERS];
  pthread_t refresher, changer;
  struct mw_cgroups_usage usage;
  int wrong_total = 0;

  (void)state;
  test_host_init_v2(&host);
  for (int i = 0; i < READERS; i++)
    write_container(i);
  cgroups = test_host_open(&host, (struct mw_cgroups_config){.kept_files_max = 4});
  assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
  assert_int_equal(pthread_create(&refresher, NULL, refresh_on, &wrong_total), 0);
  assert_int_equal(pthread_create(&changer, NULL, change_on, NULL), 0);
  for (int i = 0; i < READERS; i++) {
    readers[i] = (struct reader){.number = i};
    assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
  }
  for (int i = 0; i < READERS; i++) {
    pthread_join(readers[i].thread, NULL);
    assert_int_equal(readers[i].wrong_total, 0);
  }
  readers_done = true;
  pthread_join(refresher, NULL);
  pthread_join(changer, NULL);
  assert_int_equal(wrong_total, 0);
  mw_cgroups_usage(cgroups, &usage);
  assert_true(usage.kept_files <= 4);
  assert_true(usage.inotify_trusted); /* every change has its event, however the two interleave */
  mw_cgroups_close(cgroups);
  test_host_deinit(&host);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_refreshes_and_changes_get_along),
  };

  return cmocka_run_group_tests_name("core/cgroup with threads", tests, NULL, NULL);
}
