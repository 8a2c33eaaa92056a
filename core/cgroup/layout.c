#include "cgroup/layout.h"

#include <string.h>

#define SAFE_DIGITS 19 /* however large they are, so many fit */

/* ---- Learning ---- */

static const struct mw_figure_row *row_of(const struct mw_figure_file *file, struct mw_slice line)
{
  struct mw_slice key;

  if (!mw_slice_next_word(&line, &key))
    return NULL;
  for (size_t i = 0; i < file->rows_count; i++)
    if (mw_slice_equal(key, file->rows[i].key))
      return &file->rows[i];
  return NULL;
}

/* @return false when there is no room for another line. */
static bool learn_line(struct mw_pairs_layout *layout, const struct mw_figure_file *file,
                       struct mw_slice line)
{
  const struct mw_figure_row *row = row_of(file, line);

  if (!row)
    return layout->lines_behind++ < UINT8_MAX;
  if (layout->steps_count == MW_LAYOUT_STEPS_MAX)
    return false;
  layout->steps[layout->steps_count].lines_before = layout->lines_behind;
  layout->steps[layout->steps_count++].row = (uint8_t)(row - file->rows);
  layout->lines_behind = 0;
  return true;
}

void mw_pairs_layout_learn(struct mw_pairs_layout *layout, const struct mw_figure_file *file,
                           struct mw_slice text)
{
  struct mw_pairs_layout learned = {0};
  struct mw_slice line;
  bool has_room = true;

  while (has_room && mw_slice_next_line(&text, &line))
    has_room = learn_line(&learned, file, line);
  *layout = has_room ? learned : (struct mw_pairs_layout){0};
}

/* ---- Parsing ---- */

static bool skip_lines(const char **at, const char *end, unsigned count)
{
  for (; count > 0; count--) {
    const char *line_end = memchr(*at, '\n', (size_t)(end - *at));
    if (!line_end)
      return false;
    *at = line_end + 1;
  }
  return true;
}

/* Take the digits up to the end of the line, and that. */
static bool take_number(const char **at, const char *end, uint64_t *out)
{
  const char *digit = *at, *digits_end = end - digit > SAFE_DIGITS ? digit + SAFE_DIGITS : end;
  uint64_t value = 0;

  for (; digit < digits_end && *digit >= '0' && *digit <= '9'; digit++)
    value = value * 10 + (uint64_t)(*digit - '0');
  if (digit == *at || digit == end || *digit != '\n')
    return false;
  *out = value;
  *at = digit + 1;
  return true;
}

static bool take_row(const char **at, const char *end, const struct mw_figure_row *row,
                     struct mw_figures *figures)
{
  uint64_t value;

  if ((size_t)(end - *at) <= row->key_bytes || (*at)[row->key_bytes] != ' ' ||
      memcmp(*at, row->key, row->key_bytes) != 0)
    return false;
  *at += row->key_bytes + 1;
  return take_number(at, end, &value) && mw_figure_row_set(row, value, figures);
}

bool mw_pairs_layout_parse(const struct mw_pairs_layout *layout, const struct mw_figure_file *file,
                           struct mw_slice text, mw_figure_set wanted, struct mw_figures *figures)
{
  const char *at = text.data, *end = text.data + text.len_bytes;
  unsigned lines = 0; /* to be skipped */

  if (layout->steps_count == 0)
    return false;
  for (size_t i = 0; i < layout->steps_count; i++) {
    const struct mw_figure_row *row = &file->rows[layout->steps[i].row];
    lines += layout->steps[i].lines_before;
    if (!(wanted & mw_figure_set_of(row->figure))) {
      lines++;
      continue;
    }
    if (!skip_lines(&at, end, lines) || !take_row(&at, end, row, figures))
      return false;
    lines = 0;
  }
  return skip_lines(&at, end, lines + layout->lines_behind) && at == end;
}
