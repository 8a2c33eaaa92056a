/*
 * What core/proc makes of texts, and what core/cgroup makes of the cgroup file of a process and of
 * its mounts. None reads outside the text, a refused one leaves the result alone, and what is found
 * is in the text.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cgroup/identify.h"
#include "cgroup/own.h"
#include "proc/parsers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

static void check_printable(const char *text)
{
  for (; *text; text++)
    assert(*text >= 0x20 && *text < 0x7F);
}

static void check_stat(struct mw_slice text)
{
  struct mw_process process = {.pid = -7};
  struct mw_error err;

  int rc = mw_proc_parse_stat(text, &process, &err);
  assert(rc == 0 || rc == -EBADMSG);
  assert(rc == 0 ? process.pid >= 0 && process.parent_pid >= 0 : process.pid == -7);
  if (rc < 0)
    check_printable(err.text);
}

static uint64_t number_of(const struct mw_network_interface *interface, int figure)
{
  switch (figure) {
  case MW_NETWORK_RCVD_BYTES:
    return interface->rcvd_bytes;
  case MW_NETWORK_RCVD_PACKETS:
    return interface->rcvd_packets;
  case MW_NETWORK_SENT_BYTES:
    return interface->sent_bytes;
  default:
    return interface->sent_packets;
  }
}

/* A sum that is there is that of all interfaces; one that is not there is 0. */
static void check_sums(const struct mw_network_sample *sample)
{
  for (int figure = 0; figure < MW_NETWORK_FIGURE_COUNT; figure++) {
    bool present = sample->present >> figure & 1;
    uint64_t sum = 0;
    for (size_t i = 0; i < sample->interfaces_count; i++) {
      assert(!present || sample->interfaces[i].present >> figure & 1);
      sum += number_of(&sample->interfaces[i], figure);
    }
    assert(sample->values[figure] == (present ? sum : 0));
    assert(!present || sample->interfaces_count > 0);
  }
}

static void check_net_dev(struct mw_slice text)
{
  struct mw_network_sample sample = {0};

  int rc = mw_proc_parse_net_dev(text, &sample, NULL);
  assert(rc == 0 || rc == -EBADMSG || rc == -E2BIG);
  assert(rc == 0 || (sample.interfaces_count == 0 && sample.present == 0));
  assert(sample.interfaces_count <= text.len_bytes / 21); /* ten numbers, blanks, a name */
  for (size_t i = 0; i < sample.interfaces_count; i++) {
    const char *name = sample.interfaces[i].name;
    assert(*name && strcmp(name, "lo") != 0 && strlen(name) < sizeof sample.interfaces[i].name);
    assert(memmem(text.data, text.len_bytes, name, strlen(name)));
    assert(i == 0 || strcmp(sample.interfaces[i - 1].name, name) < 0);
  }
  check_sums(&sample);
  mw_network_sample_deinit(&sample);
}

static void check_numbers(struct mw_slice text)
{
  uint64_t id = mw_proc_parse_namespace(text);
  assert(id == 0 || text.len_bytes > 6);
  assert(mw_proc_parse_only_pid(text) >= 0);
}

static void check_identity(struct mw_slice text)
{
  struct mw_cgroup_container found = {.id = ""};
  char id[MW_CGROUP_ID_BYTES] = "";

  bool is_container = mw_cgroup_identify_process(NULL, text.data, text.len_bytes, &found);
  assert(is_container == (found.id[0] != '\0'));
  if (is_container)
    assert(memmem(text.data, text.len_bytes, found.id, strlen(found.id)));
  bool is_own = mw_own_id_in_mountinfo(mw_cgroup_recognizers, text, id);
  assert(is_own == (id[0] != '\0'));
  if (is_own) {
    char element[MW_CGROUP_ID_BYTES + 2];
    size_t element_bytes = (size_t)snprintf(element, sizeof element, "/%s/", id);
    assert(memmem(text.data, text.len_bytes, element, element_bytes));
    assert(memmem(text.data, text.len_bytes, "hostname", 8));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  struct mw_slice text = {(const char *)data, len_bytes};

  check_stat(text);
  check_net_dev(text);
  check_numbers(text);
  check_identity(text);
  return 0;
}
