#include "cgroup/sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mw_cgroup_sample_deinit(struct mw_cgroup_sample *sample)
{
  if (!sample)
    return;
  free(sample->devices);
  *sample = (struct mw_cgroup_sample){0};
}

static int reserve_devices(struct mw_cgroup_sample *sample, size_t count)
{
  if (count <= sample->devices_capacity)
    return 0;
  size_t capacity = count < 4 ? 4 : count * 2;
  struct mw_io_device *devices = reallocarray(sample->devices, capacity, sizeof *devices);
  if (!devices)
    return -ENOMEM;
  sample->devices = devices;
  sample->devices_capacity = capacity;
  return 0;
}

/* A thousand samples are more than the caches hold: what is behind the last figure stays out of it.
 */
static void copy_figures(struct mw_figures *to, const struct mw_figures *from)
{
  size_t count = from->present ? 64 - (size_t)__builtin_clzll(from->present) : 0;

  to->present = from->present;
  memcpy(to->values, from->values, count * sizeof *to->values);
}

int mw_cgroup_sample_copy(struct mw_cgroup_sample *to, const struct mw_cgroup_sample *from,
                          struct mw_error *err)
{
  if (reserve_devices(to, from->devices_count) < 0)
    return mw_error_set(err, ENOMEM, "out of memory for %zu block devices", from->devices_count);

  copy_figures(&to->figures, &from->figures);
  to->covered = from->covered;
  to->inode = from->inode;
  to->read_ns = from->read_ns;
  to->origin = from->origin;
  to->cpu_limit_present = from->cpu_limit_present;
  to->cpu_limit_defaulted = from->cpu_limit_defaulted;
  to->cpu_limit_percent = from->cpu_limit_percent;
  to->problems_count = from->problems_count;
  to->devices_count = from->devices_count;
  if (from->devices_count > 0)
    memcpy(to->devices, from->devices, from->devices_count * sizeof *to->devices);
  return 0;
}

void mw_sample_clear(struct mw_cgroup_sample *sample)
{
  struct mw_io_device *devices = sample->devices;
  size_t capacity = sample->devices_capacity;

  *sample = (struct mw_cgroup_sample){.devices = devices, .devices_capacity = capacity};
}

static bool is_before(const struct mw_io_device *device, uint32_t major, uint32_t minor)
{
  return device->major != major ? device->major < major : device->minor < minor;
}

struct mw_io_device *mw_sample_device(struct mw_cgroup_sample *sample, uint32_t major,
                                      uint32_t minor)
{
  size_t at = 0, end = sample->devices_count;

  while (at < end) {
    size_t middle = (at + end) / 2;
    if (is_before(&sample->devices[middle], major, minor))
      at = middle + 1;
    else
      end = middle;
  }
  if (at < sample->devices_count && sample->devices[at].major == major &&
      sample->devices[at].minor == minor)
    return &sample->devices[at];
  if (sample->devices_count == MW_IO_DEVICES_MAX ||
      reserve_devices(sample, sample->devices_count + 1) < 0)
    return NULL;
  struct mw_io_device *device = &sample->devices[at];
  memmove(device + 1, device, (sample->devices_count - at) * sizeof *device);
  *device = (struct mw_io_device){.major = major, .minor = minor};
  sample->devices_count++;
  return device;
}

int mw_sample_merge(struct mw_cgroup_sample *to, const struct mw_cgroup_sample *from)
{
  for (uint64_t left = from->figures.present; left; left &= left - 1) {
    enum mw_figure figure = (enum mw_figure)__builtin_ctzll(left);
    mw_figures_set(&to->figures, figure, from->figures.values[figure]);
  }
  for (size_t i = 0; i < from->devices_count; i++) {
    const struct mw_io_device *source = &from->devices[i];
    struct mw_io_device *device = mw_sample_device(to, source->major, source->minor);
    if (!device)
      return -ENOMEM;
    for (uint32_t left = source->present; left; left &= left - 1)
      device->values[__builtin_ctz(left)] = source->values[__builtin_ctz(left)];
    device->present |= source->present;
  }
  return 0;
}

void mw_sample_derive_memory(struct mw_figures *figures)
{
  uint64_t usage, inactive_file, stack, slab;

  if (mw_figures_get(figures, MW_MEMORY_USAGE_BYTES, &usage) &&
      mw_figures_get(figures, MW_MEMORY_INACTIVE_FILE_BYTES, &inactive_file))
    mw_figures_set(figures, MW_MEMORY_WORKING_SET_BYTES,
                   usage > inactive_file ? usage - inactive_file : 0);
  if (mw_figures_get(figures, MW_MEMORY_KERNEL_STACK_BYTES, &stack) &&
      mw_figures_get(figures, MW_MEMORY_SLAB_BYTES, &slab) && stack <= UINT64_MAX - slab)
    mw_figures_set(figures, MW_MEMORY_KERNEL_BYTES, stack + slab);
}

/* The limit that @p figures set, in percent; 0 is none. */
static double limit_percent(const struct mw_figures *figures, uint32_t host_cpus)
{
  double limit = 0;
  uint64_t cpus, quota_ns, period_ns;

  if (mw_figures_get(figures, MW_CPU_SET_CPUS, &cpus) && cpus != host_cpus)
    limit = (double)cpus * 100;
  if (mw_figures_get(figures, MW_CPU_QUOTA_NS, &quota_ns) &&
      mw_figures_get(figures, MW_CPU_PERIOD_NS, &period_ns) && period_ns > 0) {
    double by_quota = 100.0 * (double)quota_ns / (double)period_ns;
    if (limit == 0 || by_quota < limit)
      limit = by_quota;
  }
  return limit;
}

void mw_cgroup_cpu_limit(struct mw_cgroup_sample *sample, const struct mw_figures *own,
                         const struct mw_figures *parent, uint32_t host_cpus)
{
  double limit = limit_percent(own, host_cpus);

  if (limit == 0 && parent)
    limit = limit_percent(parent, host_cpus);
  sample->cpu_limit_present = host_cpus > 0; /* else all CPUs of the host look like a limit */
  sample->cpu_limit_defaulted = limit == 0;
  sample->cpu_limit_percent = limit > 0 ? limit : host_cpus * 100.0;
}
