/* The container that this process runs in, and the container that an inode is of. */
#include "test_host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "cgroup/own.h"
#include "support/tmptree.h"

#define MEMORY "sys/fs/cgroup/memory/"
#define PIDS "sys/fs/cgroup/pids/"

static struct test_host host;
static struct mw_cgroups *cgroups;
static char id[MW_CGROUP_ID_BYTES];

static int tear_down(void **state)
{
  (void)state;
  mw_cgroups_close(cgroups);
  cgroups = NULL;
  test_host_deinit(&host);
  return 0;
}

static ino_t inode_of(const char *name)
{
  struct stat status;

  assert_int_equal(stat(test_host_path(&host, name), &status), 0);
  return status.st_ino;
}

/* ---- Inodes ---- */

static int set_up_v2(void **state)
{
  (void)state;
  test_host_init_v2(&host);
  test_host_mkdir(&host, TEST_HOST_V2 "docker/" TEST_ID("01"));
  test_host_mkdir(&host, TEST_HOST_V2 "docker/" TEST_ID("02"));
  cgroups = test_host_open(&host, (struct mw_cgroups_config){0});
  return 0;
}

/* pids is walked, but an inode is meant of memory. */
static int set_up_v1(void **state)
{
  (void)state;
  test_host_init_empty(&host);
  test_host_write(&host, "proc/mounts",
                  "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
                  "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n");
  test_host_mkdir(&host, MEMORY "docker/" TEST_ID("01"));
  test_host_mkdir(&host, PIDS "docker/" TEST_ID("01"));
  test_host_mkdir(&host, PIDS "docker/" TEST_ID("02"));
  cgroups = test_host_open(&host, (struct mw_cgroups_config){0});
  return 0;
}

static void an_inode_is_that_of_a_container(void **state)
{
  (void)state;
  assert_int_equal(
      mw_cgroups_id_of_inode(cgroups, inode_of(TEST_HOST_V2 "docker/" TEST_ID("02")), id, NULL), 0);
  assert_string_equal(id, TEST_ID("02"));
  test_host_mkdir(&host, TEST_HOST_V2 "docker/" TEST_ID("03"));
  assert_int_equal(
      mw_cgroups_id_of_inode(cgroups, inode_of(TEST_HOST_V2 "docker/" TEST_ID("03")), id, NULL), 0);
  assert_string_equal(id, TEST_ID("03"));
}

static void other_inodes_are_of_none(void **state)
{
  struct mw_error err = {0};

  (void)state;
  for (uint64_t inode = 0; inode <= 2; inode++)
    assert_int_equal(mw_cgroups_id_of_inode(cgroups, inode, id, NULL), -ENOENT);
  assert_int_equal(mw_cgroups_id_of_inode(cgroups, inode_of(TEST_HOST_V2 "docker"), id, NULL),
                   -ENOENT);
  assert_int_equal(mw_cgroups_id_of_inode(cgroups, UINT64_MAX, id, &err), -ENOENT);
  assert_string_equal(err.text, "no container has a cgroup with inode 18446744073709551615");
}

static void of_version_1_the_inode_of_memory_counts(void **state)
{
  (void)state;
  assert_int_equal(
      mw_cgroups_id_of_inode(cgroups, inode_of(MEMORY "docker/" TEST_ID("01")), id, NULL), 0);
  assert_string_equal(id, TEST_ID("01"));
  assert_int_equal(
      mw_cgroups_id_of_inode(cgroups, inode_of(PIDS "docker/" TEST_ID("01")), id, NULL), -ENOENT);
}

/* ---- Mounted files ---- */

static void mounted_files_tell_the_container(void **state)
{
  static const struct {
    const char *file, *id; /* NULL: none */
  } examples[] = {
      {"mountinfo_docker", "0cfa82bf3ab29da271548d6a044e95c948c6fd2f7578fb41833a44ca23da425f"},
      {"mountinfo_k8s", NULL},
      {"mountinfo_k8s_agent", "fc7038bc73a8d3850c66ddbfb0b2901afa378bfcbb942cc384b051767e4ac6b0"},
      {"mountinfo_kind", NULL},
  };
  static char text[65536];

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char path[128];
    snprintf(path, sizeof path, "spec/fixtures/mountinfo/%s", examples[i].file);
    size_t len_bytes = tmptree_read(path, text, sizeof text);
    bool found =
        mw_own_id_in_mountinfo(mw_cgroup_recognizers, (struct mw_slice){text, len_bytes}, id);
    if (found != (examples[i].id != NULL))
      fail_msg("%s: %s", examples[i].file, found ? id : "none");
    if (found)
      assert_string_equal(id, examples[i].id);
  }
}

static void the_rightmost_id_of_a_line_decides(void **state)
{
  static const struct {
    const char *text, *id; /* NULL: none */
  } examples[] = {
      {"1 2 8:1 /docker/containers/" TEST_ID("01") "/hostname /etc/hostname rw", TEST_ID("01")},
      {"/a/" TEST_ID("01") "/b/" TEST_ID("02") "/hostname", TEST_ID("02")},
      {"/a/" TEST_ID("01") "/hostname /b/" TEST_ID("02") "/hostname", TEST_ID("02")},
      {"/a/" TEST_ID("01") "/sandboxes/" TEST_ID("02") "/hostname", NULL},
      {"/a/sandboxes/" TEST_ID("02") "/hostname\n/a/" TEST_ID("01") "/x/hostname\n", TEST_ID("01")},
      {"/a/" TEST_ID("01") "/hostname/b/" TEST_ID("02") "/c", TEST_ID("01")},
      {"/a/" TEST_ID("01") "/hostnamehostname", TEST_ID("01")},
      {"/a/8474ac4cec7a4f488834b00591271ec3-3054012820/hostname",
       "8474ac4cec7a4f488834b00591271ec3-3054012820"},
      {"/a/016b5740-120b-42b7-562f-3c62/hostname", "016b5740-120b-42b7-562f-3c62"},

      {"", NULL},
      {"hostname /hostname //hostname", NULL},
      {"/a/" TEST_ID("01") "/ hostname", NULL},
      {"/a/" TEST_ID("01") "hostname", NULL},
      {"/" TEST_ID("01") "/hostname", NULL},     /* in no folder */
      {"//" TEST_ID("01") "/hostname", NULL},    /* nor here */
      {"/a/x-" TEST_ID("01") "/hostname", NULL}, /* not the whole name */
      {"/a/" TEST_ID("01") "/resolv.conf", NULL},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_slice text = {examples[i].text, strlen(examples[i].text)};
    bool found = mw_own_id_in_mountinfo(mw_cgroup_recognizers, text, id);
    if (found != (examples[i].id != NULL))
      fail_msg("%s: %s", examples[i].text, found ? id : "none");
    if (found)
      assert_string_equal(id, examples[i].id);
  }
}

/* ---- All together ---- */

static int find_own(struct mw_error *err)
{
  char self[128];
  struct mw_own_places places = {self, host.root};

  snprintf(self, sizeof self, "%s/own", host.root);
  memset(id, 0, sizeof id);
  return mw_own_id_find(cgroups, &places, id, err);
}

/* The process's own mounts, with what it sees of the hierarchy at @p path. */
static void write_own(const char *mount, const char *lines)
{
  char mounts[256];

  snprintf(mounts, sizeof mounts, "cgroup2 %s/%s cgroup2 rw 0 0\n", host.root, mount);
  test_host_write(&host, "own/mounts", mounts);
  test_host_write(&host, "own/cgroup", lines);
}

/* A name that tells nothing, below the root of the host, for a cgroup. */
static void link_cgroup(const char *cgroup, const char *name)
{
  char target[512];

  snprintf(target, sizeof target, "%s", test_host_path(&host, cgroup));
  assert_int_equal(symlink(target, test_host_path(&host, name)), 0);
}

static void the_own_cgroup_is_found_by_its_inode(void **state)
{
  (void)state;
  link_cgroup(TEST_HOST_V2 "docker/" TEST_ID("02"), TEST_HOST_V2 "alias");
  write_own("sys/fs/cgroup", "0::/alias\n");
  assert_int_equal(find_own(NULL), 0);
  assert_string_equal(id, TEST_ID("02"));
  write_own("sys/fs/cgroup", "0::/docker/" TEST_ID("01") "\n");
  assert_int_equal(find_own(NULL), 0);
  assert_string_equal(id, TEST_ID("01"));
  /* in a cgroup namespace of its own: what is mounted is the own cgroup */
  write_own(TEST_HOST_V2 "docker/" TEST_ID("02"), "0::/\n");
  assert_int_equal(find_own(NULL), 0);
  assert_string_equal(id, TEST_ID("02"));
  /* without one, but with its own part of the hierarchy mounted */
  write_own(TEST_HOST_V2 "docker/" TEST_ID("02"), "0::/docker/elsewhere\n");
  assert_int_equal(find_own(NULL), 0);
  assert_string_equal(id, TEST_ID("02"));
}

static void of_version_1_it_is_the_mount_of_memory(void **state)
{
  char mounts[512];

  (void)state;
  snprintf(mounts, sizeof mounts,
           "cgroup %s/" PIDS "docker/" TEST_ID("02") "/pids cgroup rw,pids 0 0\n"
                                                     "cgroup %s/own/memory cgroup rw,memory 0 0\n",
           host.root, host.root);
  test_host_write(&host, "own/mounts", mounts);
  test_host_write(&host, "own/cgroup", "5:pids:/\n4:memory:/\n");
  assert_int_equal(symlink(test_host_path(&host, MEMORY "docker/" TEST_ID("01")),
                           test_host_path(&host, "own/memory")),
                   0);
  assert_int_equal(find_own(NULL), 0);
  assert_string_equal(id, TEST_ID("01"));
}

static void of_version_1_it_is_where_memory_has_the_process(void **state)
{
  char mounts[256];

  (void)state;
  test_host_mkdir(&host, MEMORY "docker/" TEST_ID("03"));
  link_cgroup(MEMORY "docker/" TEST_ID("01"), MEMORY "of-memory");
  link_cgroup(MEMORY "docker/" TEST_ID("03"), MEMORY "of-pids");
  snprintf(mounts, sizeof mounts, "cgroup %s/sys/fs/cgroup/memory cgroup rw,memory 0 0\n",
           host.root);
  test_host_write(&host, "own/mounts", mounts);
  test_host_write(&host, "own/cgroup", "5:pids:/of-pids\n4:memory:/of-memory\n");
  assert_int_equal(find_own(NULL), 0);
  assert_string_equal(id, TEST_ID("01"));
}

static void else_the_own_paths_name_it(void **state)
{
  (void)state;
  write_own("elsewhere", "0::/docker/" TEST_ID("77") "/init.scope\n");
  test_host_write(&host, "own/mountinfo", "/a/" TEST_ID("78") "/hostname");
  assert_int_equal(find_own(NULL), 0);
  assert_string_equal(id, TEST_ID("77"));
}

static void else_the_mounted_files_do(void **state)
{
  (void)state;
  write_own("sys/fs/cgroup", "0::/\n");
  test_host_write(&host, "own/mountinfo", "/a/" TEST_ID("78") "/hostname");
  assert_int_equal(find_own(NULL), 0);
  assert_string_equal(id, TEST_ID("78"));
}

static void a_process_in_no_container_has_none(void **state)
{
  struct mw_error err = {0};

  (void)state;
  assert_int_equal(find_own(&err), -ENOENT); /* nothing can be read */
  write_own("sys/fs/cgroup", "0::/user.slice\n");
  test_host_write(&host, "own/mountinfo", "1 2 8:1 / / rw - ext4 /dev/sda rw\n");
  assert_int_equal(find_own(&err), -ENOENT);
  assert_string_equal(err.text, "this process is in no container");
}

/* ---- The kernel's own ---- */

static bool enter(const char *controller, const char *name)
{
  char path[256], text[16];

  snprintf(path, sizeof path, "/sys/fs/cgroup/%s/mw-spec-%d", controller, (int)getppid());
  mkdir(path, 0755);
  snprintf(path + strlen(path), 128, "/%s", name);
  if (mkdir(path, 0755) < 0)
    return false;
  snprintf(path + strlen(path), 64, "/cgroup.procs");
  int fd = open(path, O_WRONLY | O_CLOEXEC), len_bytes = snprintf(text, 16, "%d", (int)getpid());
  return fd >= 0 && write(fd, text, (size_t)len_bytes) == len_bytes && close(fd) == 0;
}

static void leave(const char *controller, const char *name)
{
  char path[256];

  snprintf(path, sizeof path, "/sys/fs/cgroup/%s/mw-spec-%d/%s", controller, (int)getpid(), name);
  rmdir(path);
  *strrchr(path, '/') = '\0';
  rmdir(path);
}

/* 255: no right to, or no version 1 with these two. */
static int look_from_inside(void)
{
  char own[MW_CGROUP_ID_BYTES];

  if (!enter("memory", TEST_ID("01")) || !enter("pids", TEST_ID("01")))
    return 255;
  struct mw_cgroups *real = mw_cgroups_open(&(struct mw_cgroups_config){0}, NULL);
  if (!real)
    return 1;
  int rc = mw_cgroups_own_container_id(real, own, NULL);
  mw_cgroups_close(real);
  return rc < 0 || strcmp(own, TEST_ID("01")) != 0 ? 2 : 0;
}

static void a_process_finds_the_real_cgroup_that_it_is_in(void **state)
{
  pid_t child = fork();
  int status;

  (void)state;
  if (child == 0)
    _exit(look_from_inside());
  waitpid(child, &status, 0);
  leave("memory", TEST_ID("01"));
  leave("pids", TEST_ID("01"));
  if (WEXITSTATUS(status) == 255)
    skip();
  assert_int_equal(status, 0);
}

int main(void)
{
#define ON_V2(test) cmocka_unit_test_setup_teardown(test, set_up_v2, tear_down)
#define ON_V1(test) cmocka_unit_test_setup_teardown(test, set_up_v1, tear_down)
  const struct CMUnitTest tests[] = {
      ON_V2(an_inode_is_that_of_a_container),
      ON_V2(other_inodes_are_of_none),
      ON_V1(of_version_1_the_inode_of_memory_counts),
      cmocka_unit_test(mounted_files_tell_the_container),
      cmocka_unit_test(the_rightmost_id_of_a_line_decides),
      ON_V2(the_own_cgroup_is_found_by_its_inode),
      ON_V1(of_version_1_it_is_the_mount_of_memory),
      ON_V1(of_version_1_it_is_where_memory_has_the_process),
      ON_V2(else_the_own_paths_name_it),
      ON_V2(else_the_mounted_files_do),
      ON_V2(a_process_in_no_container_has_none),
      cmocka_unit_test(a_process_finds_the_real_cgroup_that_it_is_in),
  };

  return cmocka_run_group_tests_name("core/cgroup/own", tests, NULL, NULL);
}
