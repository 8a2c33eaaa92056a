#include "base/mount.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Of a container in Kubernetes, of a service of systemd, and what else there is. */
static const char table[] =
    "100 90 0:50 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/a:/b,upperdir=/c\n"
    "101 100 8:1 /var/lib/kubelet/configmap /etc/moonwatch ro,relatime - ext4 /dev/sda1 rw\n"
    "102 100 8:1 /var/lib/kubelet/volume /data rw,relatime - ext4 /dev/sda1 rw,errors=continue\n"
    "200 90 8:1 / / ro,nosuid shared:1 master:2 - ext4 /dev/sda1 rw\n"
    "201 200 8:2 / /srv ro,nosuid - ext4 /dev/sda2 rw\n"
    "202 200 8:1 /etc/moonwatch /etc/moonwatch ro - ext4 /dev/sda1 rw\n"
    "203 200 7:0 / /image ro - squashfs /dev/loop0 ro,errors=continue\n"
    "204 200 0:60 / /server rw - nfs4 server:/ ro,vers=4.2\n"
    "205 200 7:1 / /root rw - ext4 /dev/loop1 rodent\n"
    "206 200 8:3 /cut /cut ro -\n";

static bool keeps(int id, int root_id)
{
  return mw_mount_keeps_writers_out((struct mw_slice){table, strlen(table)}, id, root_id);
}

static void a_folder_that_a_container_is_given(void **state)
{
  (void)state;
  assert_true(keeps(101, 100));
  assert_false(keeps(102, 100));
}

static void a_mount_that_is_read_only_for_one_service(void **state)
{
  (void)state;
  assert_false(keeps(200, 200));
  assert_false(keeps(201, 200));
  assert_false(keeps(202, 200));
}

static void a_file_system_that_is_read_only_itself(void **state)
{
  (void)state;
  assert_true(keeps(203, 200));
  assert_false(keeps(204, 200));
  assert_false(keeps(205, 200));
}

static void what_the_table_does_not_tell(void **state)
{
  (void)state;
  assert_false(keeps(206, 200));
  assert_false(keeps(300, 200));
  assert_false(keeps(101, 300));
  assert_false(keeps(-1, -1));
  assert_false(mw_mount_of_fd_keeps_writers_out(-1));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_folder_that_a_container_is_given),
      cmocka_unit_test(a_mount_that_is_read_only_for_one_service),
      cmocka_unit_test(a_file_system_that_is_read_only_itself),
      cmocka_unit_test(what_the_table_does_not_tell),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
