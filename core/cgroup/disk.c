/* Names of block devices, from /proc/diskstats: "   8       0 sda 24398 ...". */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cgroup/internal.h"

#define NAMES_MAX_AGE_NS (60 * MW_NS_PER_S)
#define FIELDS_MIN 14 /* of a line that is one */

static bool parse_line(struct mw_slice line, struct mw_disk_name *out)
{
  struct mw_slice words[FIELDS_MIN];
  uint64_t major, minor;

  for (size_t i = 0; i < FIELDS_MIN; i++)
    if (!mw_slice_next_word(&line, &words[i]))
      return false;
  if (!mw_parse_u64(words[0], &major) || !mw_parse_u64(words[1], &minor) || major > UINT32_MAX ||
      minor > UINT32_MAX || words[2].len_bytes >= sizeof out->name)
    return false;
  *out = (struct mw_disk_name){.major = (uint32_t)major, .minor = (uint32_t)minor};
  memcpy(out->name, words[2].data, words[2].len_bytes);
  return true;
}

static size_t count_lines(struct mw_slice text)
{
  struct mw_slice line;
  size_t lines = 0;

  while (mw_slice_next_line(&text, &line))
    lines++;
  return lines;
}

static void read_names(struct mw_cgroups *cgroups)
{
  struct mw_error err;

  cgroups->disks_count = 0;
  mw_buf_clear(&cgroups->path);
  if (mw_buf_printf(&cgroups->path, &err, "%s/diskstats", cgroups->proc_root) < 0 ||
      mw_file_read(AT_FDCWD, cgroups->path.data, &cgroups->text, &err) < 0) {
    mw_cgroups_report(cgroups, "", &err);
    return;
  }
  if (cgroups->config.on_read)
    cgroups->config.on_read(cgroups->config.callback_data, cgroups->path.data);

  struct mw_slice text = {cgroups->text.data, cgroups->text.len_bytes}, line;
  struct mw_disk_name *disks =
      reallocarray(cgroups->disks, count_lines(text) + 1, sizeof *cgroups->disks);
  if (!disks)
    return;
  cgroups->disks = disks;
  while (mw_slice_next_line(&text, &line))
    if (parse_line(line, &disks[cgroups->disks_count]))
      cgroups->disks_count++;
}

void mw_disk_fill_names(struct mw_cgroups *cgroups, struct mw_cgroup_sample *sample, int64_t now_ns)
{
  if (sample->devices_count == 0)
    return;
  if (cgroups->disks_read_ns == 0 || now_ns - cgroups->disks_read_ns > NAMES_MAX_AGE_NS) {
    read_names(cgroups);
    cgroups->disks_read_ns = now_ns;
  }
  for (size_t i = 0; i < sample->devices_count; i++) {
    struct mw_io_device *device = &sample->devices[i];
    for (size_t k = 0; k < cgroups->disks_count; k++) {
      const struct mw_disk_name *disk = &cgroups->disks[k];
      if (disk->major == device->major && disk->minor == device->minor)
        memcpy(device->name, disk->name, sizeof device->name);
    }
  }
}
