/* Which directory names are containers, and of which runtime. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cgroup/internal.h"

#define HEX64 "6dc3fdffbf66b1239d55e98da9aaa759ea51ed35d04eb09d19ebd78963aa26c2"
#define HEX32 "8474ac4cec7a4f488834b00591271ec3"

static bool recognize(const char *parent_path, const char *name, struct mw_cgroup_container *out)
{
  return mw_cgroup_recognize(mw_cgroup_recognizers, parent_path, name, out);
}

static void recognizes_ids(void **state)
{
  static const struct {
    const char *name, *id; /* NULL: no container */
  } examples[] = {
      {HEX64, HEX64},
      {"crio-" HEX64 ".scope", HEX64},
      {"cri-containerd-" HEX64 ".scope", HEX64},
      {"docker-" HEX64 ".scope", HEX64},
      {"libpod-" HEX64, HEX64},
      {"libpod-" HEX64 ".scope", HEX64},
      {"kubepods-burstable-pod5be5.slice:cri-containerd:" HEX64, HEX64},
      {HEX64 "0123", HEX64}, /* the leftmost 64 digits */
      {HEX32 "-3054012820", HEX32 "-3054012820"},
      {HEX32 "-3054012820.scope", HEX32 "-3054012820"},
      {"016b5740-120b-42b7-562f-3c62", "016b5740-120b-42b7-562f-3c62"},
      {"garden-016b5740-120b-42b7-562f-3c62", "016b5740-120b-42b7-562f-3c62"},
      {HEX32 "-7-" HEX64, HEX32 "-7"}, /* the leftmost match, whatever its kind */
      {HEX64 "-016b5740-120b-42b7-562f-3c62", HEX64},

      {"", NULL},
      {"/", NULL},
      {"kubepods-besteffort-podb3922967_14e1_4867_9388_461bac94b37e.slice", NULL},
      {"pod821ad831-6a9a-4970-b623-8cb43cd3462d", NULL},
      {"run-containerd-io.containerd.runtime.v2.task-k8s.io-" HEX64 "-rootfs.mount", NULL},
      {"var-lib-docker-containers-" HEX64 "-mounts-shm.mount", NULL},
      {"crio-conmon-" HEX64 ".scope", NULL},
      {"libpod-conmon-" HEX64 ".scope", NULL},
      {"run-" HEX32 "-3054012820.mount", NULL},
      {"crio-conmon-" HEX32 "-3054012820", NULL},
      {"crio-conmon-016b5740-120b-42b7-562f-3c62", NULL},
      {"c034152c-80b0-4a44-70df-5c61-liveness-healthcheck-0", NULL},
      {"6DC3FDFFBF66B1239D55E98DA9AAA759EA51ED35D04EB09D19EBD78963AA26C2", NULL},
      {"016B5740-120B-42B7-562F-3C62", NULL},
      {HEX32, NULL},
      {HEX32 "-", NULL},
      {HEX32 "-x", NULL},
      {"6dc3fdffbf66b1239d55e98da9aaa759ea51ed35d04eb09d19ebd78963aa26c", NULL}, /* 63 digits */
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_cgroup_container found;
    bool is_container = recognize("/", examples[i].name, &found);
    if (is_container != (examples[i].id != NULL))
      fail_msg("\"%s\" is %s container", examples[i].name, is_container ? "a" : "no");
    if (is_container)
      assert_string_equal(found.id, examples[i].id);
  }
}

static void tells_the_runtime_where_the_cgroup_does(void **state)
{
  static const struct {
    const char *parent_path, *name, *runtime, *namespace_;
  } examples[] = {
      {"/system.slice", "docker-" HEX64 ".scope", "docker", ""},
      {"/docker", HEX64, "docker", ""},
      {"/ecs/" HEX32, HEX64, "docker", ""},
      {"/kubepods.slice", "cri-containerd-" HEX64 ".scope", "containerd", ""},
      {"/system.slice", "nerdctl-" HEX64 ".scope", "containerd", ""},
      {"/x", "kubepods-pod5be5.slice:cri-containerd:" HEX64, "containerd", ""},
      {"/k8s.io", HEX64, "containerd", "k8s.io"},
      {"/default", HEX64, "containerd", "default"},
      {"/kubepods.slice", "crio-" HEX64 ".scope", "cri-o", ""},
      {"/machine.slice", "libpod-" HEX64 ".scope", "podman", ""},
      {"/libpod_parent", HEX64, "podman", ""},
      {"/garden", "016b5740-120b-42b7-562f-3c62", "garden", ""},
      {"/kubepods/burstable/pod1", HEX64, "", ""},
      {"/kubepods", "other-" HEX64, "", ""},
      {"", HEX64, "", ""},
      {"/docker", "mydocker-" HEX64, "", ""},
      {"/docker", "x" HEX64, "", ""},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_cgroup_container found;
    assert_true(recognize(examples[i].parent_path, examples[i].name, &found));
    assert_string_equal(found.runtime, examples[i].runtime);
    assert_string_equal(found.namespace_, examples[i].namespace_);
  }
}

static void an_id_that_is_too_long_is_none(void **state)
{
  struct mw_cgroup_container found;
  char name[512] = HEX32 "-";

  (void)state;
  memset(name + strlen(name), '7', MW_CGROUP_ID_BYTES - 34);
  assert_true(recognize("/", name, &found));
  assert_int_equal(strlen(found.id), MW_CGROUP_ID_BYTES - 1);
  name[strlen(name)] = '7';
  assert_false(recognize("/", name, &found));
}

#define UID "15513b48-7cbc-4a7b-9d9a-34ee1b2a2a7c"
#define SLICE_UID "15513b48_7cbc_4a7b_9d9a_34ee1b2a2a7c"

static void recognizes_the_pod_in_a_path(void **state)
{
  static const struct {
    const char *path, *uid, *rest; /* what is behind the pod; "" for uid: there is none */
  } examples[] = {
      {"/kubepods/burstable/pod" UID, UID, ""},
      {"/pod" UID, UID, ""},
      {"pod" UID, UID, ""},
      {"/kubepods/pod" HEX32, HEX32, ""},
      {"/kubepods/pod" UID "/" HEX64 "/docker", UID, "/" HEX64 "/docker"},
      {"/pod" UID "/" HEX64 "/pod" HEX32 "/x", HEX32, "/x"}, /* the nearest */
      {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" SLICE_UID ".slice", UID,
       ""},
      {"/kubepods-pod" SLICE_UID ".slice/x", UID, "/x"},
      {"/kubepods-besteffort-pod" HEX32 ".slice", HEX32, ""},

      {"", "", ""},
      {"/", "", ""},
      {"/docker", "", ""},
      {"/podruntime.slice", "", ""},
      {"/kubepods-podman.slice", "", ""},
      {"/machine.slice/libpod-" HEX64 ".scope", "", ""},
      {"/pod" UID "0", "", ""},
      {"/podx5513b48-7cbc-4a7b-9d9a-34ee1b2a2a7c", "", ""},
      {"/xpod" UID, "", ""},
      {"/x-pod" UID, "", ""},          /* the prefix belongs to slices */
      {"/x-pod" UID ".slice", "", ""}, /* where a dash ends an element */
      {"/pod" SLICE_UID, "", ""},
      {"/kubepods" SLICE_UID ".slice", "", ""},
      {"/pod15513B48-7cbc-4a7b-9d9a-34ee1b2a2a7c", "", ""},
  };
  char uid[MW_CGROUP_WORD_BYTES];

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    size_t pod_bytes = mw_cgroup_pod_path(examples[i].path, uid);
    if (strcmp(uid, examples[i].uid) != 0)
      fail_msg("%s: \"%s\"", examples[i].path, uid);
    assert_int_equal(pod_bytes, *uid ? strlen(examples[i].path) - strlen(examples[i].rest) : 0);
  }
}

static void gives_the_pod_to_the_container(void **state)
{
  struct mw_cgroup_container found;

  (void)state;
  memset(&found, 'x', sizeof found);
  assert_true(mw_cgroup_recognize(mw_cgroup_recognizers, "/kubepods/pod" UID, HEX64, &found));
  assert_string_equal(found.pod_uid, UID);
  assert_true(mw_cgroup_recognize(mw_cgroup_recognizers, "/docker", HEX64, &found));
  assert_string_equal(found.pod_uid, "");
  assert_false(mw_cgroup_recognize(mw_cgroup_recognizers, "/kubepods", "pod" UID, &found));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recognizes_ids),
      cmocka_unit_test(tells_the_runtime_where_the_cgroup_does),
      cmocka_unit_test(an_id_that_is_too_long_is_none),
      cmocka_unit_test(recognizes_the_pod_in_a_path),
      cmocka_unit_test(gives_the_pod_to_the_container),
  };

  return cmocka_run_group_tests_name("core/cgroup/recognize", tests, NULL, NULL);
}
