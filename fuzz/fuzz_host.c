/*
 * The parsers of core/host, each on the same bytes: none reads outside them, a count stays within
 * its bound, a refused text leaves the result alone, a name is what its header says.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "host/parsers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

static void check_count(uint32_t count, size_t len_bytes)
{
  assert(count <= MW_HOST_CPUS_MAX);
  assert(count == 0 || len_bytes > 0);
}

static void check_numbers(struct mw_slice text)
{
  uint64_t bytes = 1;
  int64_t seconds = -1;

  int rc = mw_host_parse_memory_total(text, &bytes, NULL);
  assert(rc == 0 ? bytes > 0 && bytes % 1024 == 0 : rc == -EBADMSG && bytes == 1);
  rc = mw_host_parse_boot_time(text, &seconds, NULL);
  assert(rc == 0 ? seconds >= 0 : rc == -EBADMSG && seconds == -1);
}

static void check_name(int (*parse)(struct mw_slice text, char name[static MW_HOST_NAME_BYTES],
                                    struct mw_error *err),
                       struct mw_slice text)
{
  char name[MW_HOST_NAME_BYTES] = "";
  struct mw_error err;

  int rc = parse(text, name, &err);
  assert(rc == 0 || rc == -EBADMSG);
  assert((rc == 0) == (name[0] != '\0'));
  for (const char *c = rc == 0 ? name : err.text; *c; c++)
    assert(*c >= 0x20 && *c < 0x7F);
}

static void check_os_release(struct mw_slice text)
{
  static const char *const keys[] = {"ID", "ID_LIKE", "VERSION_ID"};

  for (size_t i = 0; i < 3; i++) {
    char value[MW_HOST_NAME_BYTES] = "";
    assert(mw_host_parse_os_release(text, keys[i], value) == (value[0] != '\0'));
    for (const char *c = value; *c; c++)
      assert(*c >= 0x20 && *c < 0x7F);
    assert(mw_host_platform_family("none", value)[0] != '\0');
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  const char *text = (const char *)data;
  struct mw_slice slice = {text, len_bytes};

  check_count(mw_host_parse_cpuinfo(text, len_bytes), len_bytes);
  check_count(mw_host_parse_stat_cpus(text, len_bytes), len_bytes);
  check_count(mw_host_parse_cpu_list(text, len_bytes), len_bytes);
  check_numbers(slice);
  check_name(mw_host_parse_name, slice);
  check_name(mw_host_parse_version, slice);
  check_name(mw_host_parse_product_uuid, slice);
  check_name(mw_host_parse_machine_id, slice);
  check_os_release(slice);
  return 0;
}
