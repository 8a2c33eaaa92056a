/*
 * What core/cgroup makes of texts: each file of the table of figures, mount tables, names of
 * directories, pods in paths, sets of CPUs. The first byte says which; none reads outside the text
 * or believes more than it says.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/figures.h"
#include "cgroup/internal.h"
#include "cgroup/mounts.h"
#include "cgroup/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

/* ---- Files of figures ---- */

static uint64_t figures_of(const struct mw_figure_file *file)
{
  uint64_t figures = 0;

  for (size_t i = 0; i < file->rows_count; i++)
    figures |= UINT64_C(1) << file->rows[i].figure;
  return figures;
}

static void check_devices(const struct mw_cgroup_sample *sample)
{
  assert(sample->devices_count <= MW_IO_DEVICES_MAX);
  for (size_t i = 1; i < sample->devices_count; i++) {
    const struct mw_io_device *one = &sample->devices[i - 1], *next = &sample->devices[i];
    assert(one->major < next->major || (one->major == next->major && one->minor < next->minor));
  }
}

/* Without a problem a total of io.stat is the sum over the devices that have the figure. */
static void check_totals(const struct mw_cgroup_sample *sample, const struct mw_figures *figures)
{
  for (int i = 0; i < 4; i++) {
    uint64_t sum = 0, total;
    bool seen = false;
    for (size_t k = 0; k < sample->devices_count; k++) {
      if (sample->devices[k].present >> i & 1) {
        sum += sample->devices[k].values[i];
        seen = true;
      }
    }
    assert(mw_figures_get(figures, (enum mw_figure)(MW_IO_READ_BYTES + i), &total) == seen);
    assert(!seen || total == sum);
  }
}

/* Read by its layout a text gives what it gave word for word, and what is cut gives no more. */
static void check_layout(const struct mw_figure_file *file, struct mw_slice text,
                         const struct mw_figures *expected)
{
  struct mw_pairs_layout layout = {0};
  struct mw_figures figures = {0};

  mw_pairs_layout_learn(&layout, file, text);
  if (mw_pairs_layout_parse(&layout, file, text, MW_FIGURE_SET_ALL, &figures))
    assert(memcmp(&figures, expected, sizeof figures) == 0);
  for (size_t cut = 0; cut < text.len_bytes; cut += 7)
    assert(!mw_pairs_layout_parse(&layout, file, (struct mw_slice){text.data, cut},
                                  MW_FIGURE_SET_ALL, &figures));
}

static void check_file(const struct mw_figure_file *file, struct mw_slice text)
{
  struct mw_figures figures = {0}, again = {0};
  struct mw_cgroup_sample sample = {0};
  struct mw_error err = {.text = "untouched"};

  int problems = mw_figure_file_parse(file, text, &figures, &sample, &err);
  assert(problems >= 0 && (figures.present & ~figures_of(file)) == 0);
  assert((problems == 0) == (strcmp(err.text, "untouched") == 0));
  for (const char *c = err.text; *c; c++)
    assert(*c >= 0x20 && *c < 0x7F);
  check_devices(&sample);
  if (file->format != MW_FORMAT_BLKIO && file->format != MW_FORMAT_IO_STAT)
    assert(sample.devices_count == 0);
  if (file->format == MW_FORMAT_IO_STAT && file->rows_count > 0 && problems == 0)
    check_totals(&sample, &figures);
  else if (text.len_bytes > 0 && text.data[text.len_bytes - 1] != '\n' &&
           text.data[text.len_bytes - 1] != ' ')
    assert(problems > 0);

  mw_sample_clear(&sample);
  assert(mw_figure_file_parse(file, text, &again, &sample, NULL) == problems);
  assert(memcmp(&again, &figures, sizeof again) == 0);
  mw_cgroup_sample_deinit(&sample);
  if (file->format == MW_FORMAT_PAIRS && problems == 0)
    check_layout(file, text, &figures);
}

/* ---- The rest ---- */

static void check_mounts(struct mw_slice text)
{
  static struct mw_cgroup_mounts mounts;

  for (int below_host = 0; below_host < 2; below_host++) {
    mw_cgroup_mounts_parse(text, below_host ? "/host" : "", &mounts);
    assert(mounts.count <= MW_MOUNTS_MAX);
    for (size_t i = 0; i < mounts.count; i++) {
      const struct mw_cgroup_mount *mount = &mounts.mounts[i];
      assert(mount->name[0] && !strpbrk(mount->name, ",/"));
      assert(strncmp(mount->path, below_host ? "/host" : "/", below_host ? 5 : 1) == 0);
      assert(mw_cgroup_mounts_find(&mounts, mount->name) == mount->path);
    }
  }
}

static void check_name(const char *name)
{
  for (mw_cgroup_recognizer *const *one = mw_cgroup_recognizers; *one; one++) {
    struct mw_cgroup_container found;
    if (!(*one)("/docker", name, &found))
      continue;
    assert(strstr(name, found.id));
    assert(strlen(name) < 6 || strcmp(name + strlen(name) - 6, ".mount") != 0);
    assert(found.id[strspn(found.id, "0123456789abcdef-")] == '\0');
    assert(strlen(found.id) == 64 || strlen(found.id) == 28 || strlen(found.id) > 33);
    assert(strlen(found.runtime) < MW_CGROUP_WORD_BYTES);
  }
}

static void check_pod(const char *path)
{
  char uid[MW_CGROUP_WORD_BYTES];

  size_t pod_bytes = mw_cgroup_pod_path(path, uid);
  assert(pod_bytes <= strlen(path) && (pod_bytes > 0) == (uid[0] != '\0'));
  assert(pod_bytes == 0 || path[pod_bytes] == '\0' || path[pod_bytes] == '/');
  assert(uid[strspn(uid, "0123456789abcdef-")] == '\0');
  assert(strlen(uid) == 0 || strlen(uid) == 32 || strlen(uid) == 36);
}

static void check_cpu_set(struct mw_slice text)
{
  uint64_t count = UINT64_MAX;

  if (!mw_cpu_set_parse(text, &count))
    assert(count == UINT64_MAX);
  else
    assert(count <= 65536 && (count == 0 || text.len_bytes > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  if (len_bytes == 0)
    return 0;
  struct mw_slice text = {(const char *)data + 1, len_bytes - 1};
  size_t which = data[0] % (mw_figure_files_count + 4);
  char *name = strndup(text.data, text.len_bytes);

  if (which < mw_figure_files_count)
    check_file(&mw_figure_files[which], text);
  else if (which == mw_figure_files_count)
    check_mounts(text);
  else if (which == mw_figure_files_count + 1)
    check_cpu_set(text);
  else if (name && which == mw_figure_files_count + 2)
    check_name(name);
  else if (name)
    check_pod(name);
  free(name);
  return 0;
}
