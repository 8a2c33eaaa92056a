/* Files of pairs that are read by where their lines stand: the same as word for word, or not at
 * all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cgroup/layout.h"
#include "cgroup/sample.h"

static const struct mw_figure_file *file_named(int version, const char *name)
{
  for (size_t i = 0; i < mw_figure_files_count; i++)
    if (mw_figure_files[i].version == version && strcmp(mw_figure_files[i].name, name) == 0)
      return &mw_figure_files[i];
  fail_msg("no %s in version %d", name, version);
  return NULL;
}

static struct mw_slice slice_of(const char *text)
{
  return (struct mw_slice){text, strlen(text)};
}

static struct mw_figures word_for_word(const struct mw_figure_file *file, struct mw_slice text)
{
  struct mw_figures figures = {0};
  struct mw_cgroup_sample sample = {0};

  assert_int_equal(mw_figure_file_parse(file, text, &figures, &sample, NULL), 0);
  return figures;
}

static const struct recording {
  int version;
  const char *name, *path;
} recordings[] = {
    {1, "memory.stat", "spec/fixtures/kubelet-1.20-v1/sys/fs/cgroup/memory/kubepods/memory.stat"},
    {2, "memory.stat", "spec/fixtures/v2/t1/sys/fs/cgroup/system.slice/memory.stat"},
};

static void read_recording(const struct recording *recording, struct mw_buf *text)
{
  mw_buf_init(text, 65536);
  assert_int_equal(mw_file_read(AT_FDCWD, recording->path, text, NULL), 0);
}

static void gives_what_reading_word_for_word_gives(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof recordings / sizeof recordings[0]; i++) {
    const struct mw_figure_file *file = file_named(recordings[i].version, recordings[i].name);
    struct mw_pairs_layout layout = {0};
    struct mw_figures figures = {0};
    struct mw_buf text;
    read_recording(&recordings[i], &text);
    struct mw_slice slice = {text.data, text.len_bytes};
    struct mw_figures expected = word_for_word(file, slice);

    assert_false(mw_pairs_layout_parse(&layout, file, slice, MW_FIGURE_SET_ALL, &figures));
    mw_pairs_layout_learn(&layout, file, slice);
    assert_true(mw_pairs_layout_parse(&layout, file, slice, MW_FIGURE_SET_ALL, &figures));
    assert_memory_equal(&figures, &expected, sizeof figures);
    mw_buf_deinit(&text);
  }
}

static void gives_the_figures_that_are_wanted_and_no_others(void **state)
{
  const struct mw_figure_file *file = file_named(1, "memory.stat");
  const mw_figure_set wanted =
      mw_figure_set_of(MW_MEMORY_RSS_BYTES) | mw_figure_set_of(MW_MEMORY_INACTIVE_FILE_BYTES);
  struct mw_pairs_layout layout = {0};
  struct mw_figures figures = {0};
  struct mw_buf text;

  (void)state;
  read_recording(&recordings[0], &text);
  struct mw_slice slice = {text.data, text.len_bytes};
  struct mw_figures expected = word_for_word(file, slice);
  mw_pairs_layout_learn(&layout, file, slice);
  assert_true(mw_pairs_layout_parse(&layout, file, slice, wanted, &figures));
  assert_true(figures.present == wanted);
  assert_int_equal(figures.values[MW_MEMORY_RSS_BYTES], expected.values[MW_MEMORY_RSS_BYTES]);
  mw_buf_deinit(&text);
}

/* Of version 2, where it has "user_usec" in the second line and "nr_throttled" in the last. */
static void leaves_a_file_that_is_any_different(void **state)
{
  static const char known[] = "usage_usec 3\nuser_usec 1\nsystem_usec 2\nnr_periods 4\n"
                              "nr_throttled 5\nthrottled_usec 6\n";
  static const char *const others[] = {
      "",
      "usage_usec 3\n",
      "usage_usec 3\nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6",
      "usage_usec 3\nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\nx "
      "7\n",
      "user_usec 1\nusage_usec 3\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n",
      "usage_usec x\nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n",
      "usage_usec \nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n",
      "usage_usec -3\nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n",
      "usage_usec 3 \nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n",
      "usage_usec 3\r\nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec "
      "6\n",
      "usage_usecs 3\nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n",
      "usage_usec 99999999999999999999\nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\n"
      "throttled_usec 6\n",
      /* times 1000 it does not fit */
      "usage_usec 9999999999999999999\nuser_usec 1\nsystem_usec 2\nnr_periods 4\nnr_throttled 5\n"
      "throttled_usec 6\n",
  };
  const struct mw_figure_file *file = file_named(2, "cpu.stat");
  struct mw_pairs_layout layout = {0};
  struct mw_figures figures = {0};

  (void)state;
  mw_pairs_layout_learn(&layout, file, slice_of(known));
  assert_true(mw_pairs_layout_parse(&layout, file, slice_of(known), MW_FIGURE_SET_ALL, &figures));
  assert_int_equal(figures.values[MW_CPU_THROTTLED_NS], 6000);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (mw_pairs_layout_parse(&layout, file, slice_of(others[i]), MW_FIGURE_SET_ALL, &figures))
      fail_msg("took: %s", others[i]);
}

static void does_not_learn_what_has_no_room(void **state)
{
  const struct mw_figure_file *file = file_named(2, "cpu.stat");
  struct mw_pairs_layout layout = {.steps_count = 1};
  char text[4096] = "";

  (void)state;
  for (int i = 0; i < 300; i++)
    strcat(text, "other 1\n");
  strcat(text, "usage_usec 3\n");
  mw_pairs_layout_learn(&layout, file, slice_of(text));
  assert_int_equal(layout.steps_count, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_what_reading_word_for_word_gives),
      cmocka_unit_test(gives_the_figures_that_are_wanted_and_no_others),
      cmocka_unit_test(leaves_a_file_that_is_any_different),
      cmocka_unit_test(does_not_learn_what_has_no_room),
  };

  return cmocka_run_group_tests_name("core/cgroup/layout", tests, NULL, NULL);
}
