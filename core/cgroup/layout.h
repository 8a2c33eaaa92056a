/**
 * @file layout.h
 * Where in a file of "key number" lines those stand that have a row in the table of figures.
 *
 * memory.stat has some forty lines, in the same order in every cgroup of a kernel, and looking for
 * keys in them is the dearest part of all parsing. Once a file was understood, the next one is read
 * by counting lines, and each key is compared where it is expected. A file that is any different is
 * left to mw_figure_file_parse, which alone says what is wrong.
 * Thread-safety: pure functions.
 */
#ifndef MW_CGROUP_LAYOUT_H
#define MW_CGROUP_LAYOUT_H

#include "cgroup/figures.h"

#define MW_LAYOUT_STEPS_MAX 32

/** Zeroed: nothing is known. */
struct mw_pairs_layout {
  uint8_t steps_count;
  uint8_t lines_behind; /**< the last step */
  struct {
    uint8_t lines_before; /**< behind the step before */
    uint8_t row;
  } steps[MW_LAYOUT_STEPS_MAX];
};

/** Learn from @p text, which mw_figure_file_parse has understood. What is too long is not learned.
 */
void mw_pairs_layout_learn(struct mw_pairs_layout *layout, const struct mw_figure_file *file,
                           struct mw_slice text);

/**
 * As mw_figure_file_parse, without a problem, but the figures @p wanted alone.
 * @return false when @p text is not what was learned; @p figures then has what mw_figure_file_parse
 * finds there as well, or less.
 */
bool mw_pairs_layout_parse(const struct mw_pairs_layout *layout, const struct mw_figure_file *file,
                           struct mw_slice text, mw_figure_set wanted, struct mw_figures *figures);

#endif
