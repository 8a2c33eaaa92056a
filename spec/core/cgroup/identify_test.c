/* Which container a process belongs to, as its cgroup file says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "cgroup/identify.h"

#define INNER "a51a9f7d2a4c5ce2b6d6ae1a4ab4b3a1bcb3e1c8d3a8f4f0b8b7a6d4e3c2015f"
#define OUTER "88ea268e2b4c5ce2b6d6ae1a4ab4b3a1bcb3e1c8d3a8f4f0b8b7a6d4e3c2015e"
#define TASK "8474ac4cec7a4f488834b00591271ec3-3054012820"
#define GARDEN "016b5740-120b-42b7-562f-3c62"

static void a_process_is_in_the_innermost_container_of_its_paths(void **state)
{
  static const struct {
    const char *text, *id; /* NULL: none */
  } examples[] = {
      {"11:memory:/kubepods/burstable/pod15513b48-1d49-4a5f-8b36-1d8d5b1f2d4c/" INNER "\n", INNER},
      {"8:memory:/kuberuntime.slice/containerd.service/kubepods-pod5be5.slice:cri-containerd:" INNER
       "\n",
       INNER}, /* colons in the path */
      {"5:memory:/docker/" OUTER "/kubelet/kubepods/pod1/" INNER "\n", INNER},
      {"9:memory:/ecs/8474ac4cec7a4f488834b00591271ec3/" TASK "\n", TASK},
      {"0::/kubepods/burstable/pod1/" INNER "\n", INNER},
      {"0::../../../kubepods-burstable.slice/x/docker-" INNER ".scope\n", INNER},
      {"0::/../../docker/" INNER "\n", INNER},
      {"0::/docker/" INNER "/init.scope\n", INNER}, /* a sub-cgroup of the container */
      {"0::/docker/" INNER "/a/b/c/d\n", INNER},
      {"0::/docker/" OUTER "/system.slice/containerd.service\n", OUTER},
      {"0::/garden/" GARDEN "\n", GARDEN},
      {"0::/garden/" GARDEN " (deleted)\n", GARDEN},
      {"0::/system.slice/docker-" INNER ".scope (deleted)\n", INNER},
      {"0::/docker/" INNER, INNER},

      /* which line */
      {"3:cpu,cpuacct:/docker/" OUTER "\n4:memory:/docker/" INNER "\n0::/docker/" OUTER "\n",
       INNER},
      {"3:cpu,cpuacct:/docker/" OUTER "\n4:memory:/\n0::/docker/" INNER "\n", INNER},
      {"3:hugetlb,memory:/docker/" INNER "\n0::/docker/" OUTER "\n", INNER},
      {"3:cpu,cpuacct:/docker/" INNER "\n4:memory:/\n0::/\n", INNER},
      {"1:name=systemd:/docker/" INNER "\n", INNER},
      {"garbage\n:\n4:memory\n0::/docker/" INNER "\n", INNER},

      {"", NULL},
      {"\n", NULL},
      {"0::/\n", NULL},
      {"0::/user.slice/user-1000.slice/session-3.scope\n", NULL},
      {"0::/machine.slice/libpod-conmon-" INNER ".scope\n", NULL},
      {"0::/machine.slice/crio-conmon-" INNER ".scope\n", NULL},
      {"0::/x/" INNER ".mount\n", NULL},
      {"0::" INNER "\n", NULL}, /* no path */
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_cgroup_container found = {.id = "untouched"};
    const char *text = examples[i].text;
    bool is_container = mw_cgroup_identify_process(NULL, text, strlen(text), &found);
    if (is_container != (examples[i].id != NULL))
      fail_msg("%s: %s", text, is_container ? found.id : "none");
    assert_string_equal(found.id, is_container ? examples[i].id : "untouched");
  }
}

static void the_runtime_is_told_as_for_a_cgroup_that_was_found(void **state)
{
  static const char text[] = "0::/k8s.io/" INNER "/sub\n";
  struct mw_cgroup_container found = {.inode = 7, .path = text};

  (void)state;
  assert_true(mw_cgroup_identify_process(NULL, text, strlen(text), &found));
  assert_string_equal(found.runtime, "containerd");
  assert_string_equal(found.namespace_, "k8s.io");
  assert_null(found.path);
  assert_int_equal(found.inode, 0);
}

static bool recognize_box(const char *parent_path, const char *name,
                          struct mw_cgroup_container *out)
{
  if (strcmp(parent_path, "/boxes") != 0)
    return false;
  strncpy(out->id, name, sizeof out->id - 1);
  return true;
}

static void other_recognizers_may_decide(void **state)
{
  static mw_cgroup_recognizer *const boxes[] = {recognize_box, NULL};
  static const char text[] = "0::/boxes/seven/" INNER "\n";
  struct mw_cgroup_container found;

  (void)state;
  assert_true(mw_cgroup_identify_process(boxes, text, strlen(text), &found));
  assert_string_equal(found.id, "seven");
}

static void a_path_that_none_can_have_names_none(void **state)
{
  static char text[2 * PATH_MAX];
  struct mw_cgroup_container found;

  (void)state;
  strcpy(text, "0::/docker/" INNER "/");
  memset(text + strlen(text), 'a', PATH_MAX);
  assert_false(mw_cgroup_identify_process(NULL, text, strlen(text), &found));
  text[PATH_MAX] = '\0';
  assert_true(mw_cgroup_identify_process(NULL, text, strlen(text), &found));
  memcpy(text + strlen(text) - 3, "\0a\n", 3);
  assert_false(mw_cgroup_identify_process(NULL, text, PATH_MAX, &found));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_process_is_in_the_innermost_container_of_its_paths),
      cmocka_unit_test(the_runtime_is_told_as_for_a_cgroup_that_was_found),
      cmocka_unit_test(other_recognizers_may_decide),
      cmocka_unit_test(a_path_that_none_can_have_names_none),
  };

  return cmocka_run_group_tests_name("core/cgroup/identify", tests, NULL, NULL);
}
