#include "proc/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mw_network_sample_deinit(struct mw_network_sample *sample)
{
  free(sample->interfaces);
  *sample = (struct mw_network_sample){0};
}

void mw_network_sample_clear(struct mw_network_sample *sample)
{
  sample->present = 0;
  memset(sample->values, 0, sizeof sample->values);
  sample->interfaces_count = 0;
}

static int reserve(struct mw_network_sample *sample, size_t count, struct mw_error *err)
{
  if (count <= sample->interfaces_capacity)
    return 0;
  if (count > MW_NETWORK_INTERFACES_MAX)
    return mw_error_set(err, E2BIG, "more than %d network interfaces", MW_NETWORK_INTERFACES_MAX);
  size_t capacity = count < 4 ? 4 : count * 2;
  if (capacity > MW_NETWORK_INTERFACES_MAX)
    capacity = MW_NETWORK_INTERFACES_MAX;
  struct mw_network_interface *grown = reallocarray(sample->interfaces, capacity, sizeof *grown);
  if (!grown)
    return mw_error_set(err, ENOMEM, "out of memory for %zu network interfaces", count);
  sample->interfaces = grown;
  sample->interfaces_capacity = capacity;
  return 0;
}

int mw_network_sample_add(struct mw_network_sample *sample,
                          const struct mw_network_interface *interface, struct mw_error *err)
{
  int rc = reserve(sample, sample->interfaces_count + 1, err);

  if (rc == 0)
    sample->interfaces[sample->interfaces_count++] = *interface;
  return rc;
}

int mw_network_sample_copy(struct mw_network_sample *to, const struct mw_network_sample *from,
                           struct mw_error *err)
{
  int rc = reserve(to, from->interfaces_count, err);

  if (rc < 0)
    return rc;
  struct mw_network_interface *interfaces = to->interfaces;
  size_t capacity = to->interfaces_capacity;
  *to = *from;
  to->interfaces = interfaces;
  to->interfaces_capacity = capacity;
  if (from->interfaces_count > 0)
    memcpy(interfaces, from->interfaces, from->interfaces_count * sizeof *interfaces);
  return 0;
}

static int by_name(const void *left, const void *right)
{
  const struct mw_network_interface *one = left, *other = right;
  return strcmp(one->name, other->name);
}

/* The kernel lists a namespace a page at a time: an interface that is renamed or moved meanwhile
 * may come twice. */
static void sort(struct mw_network_sample *sample)
{
  struct mw_network_interface *list = sample->interfaces;
  size_t kept = 0;

  if (sample->interfaces_count < 2)
    return;
  qsort(list, sample->interfaces_count, sizeof *list, by_name);
  for (size_t i = 1; i < sample->interfaces_count; i++)
    if (strcmp(list[i].name, list[kept].name) != 0)
      list[++kept] = list[i];
  sample->interfaces_count = kept + 1;
}

void mw_network_sample_sum(struct mw_network_sample *sample)
{
  sort(sample);
  sample->present = sample->interfaces_count > 0 ? (UINT32_C(1) << MW_NETWORK_FIGURE_COUNT) - 1 : 0;
  for (size_t i = 0; i < sample->interfaces_count; i++) {
    const struct mw_network_interface *interface = &sample->interfaces[i];
    const uint64_t numbers[] = {
        [MW_NETWORK_RCVD_BYTES] = interface->rcvd_bytes,
        [MW_NETWORK_RCVD_PACKETS] = interface->rcvd_packets,
        [MW_NETWORK_SENT_BYTES] = interface->sent_bytes,
        [MW_NETWORK_SENT_PACKETS] = interface->sent_packets,
    };
    sample->present &= interface->present;
    for (int figure = 0; figure < MW_NETWORK_FIGURE_COUNT; figure++)
      if (__builtin_add_overflow(sample->values[figure], numbers[figure], &sample->values[figure]))
        sample->present &= ~(UINT32_C(1) << figure);
  }
  for (int figure = 0; figure < MW_NETWORK_FIGURE_COUNT; figure++)
    if (!(sample->present >> figure & 1))
      sample->values[figure] = 0;
}
