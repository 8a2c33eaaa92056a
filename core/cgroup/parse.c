/* The texts of cgroup files to figures. Decides, never reads. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cgroup/figures.h"
#include "cgroup/sample.h"

#define CPUS_MAX 65536 /* a CPU set that names more is not believed */

/* Every limit at or above this is "none". Version 1 prints 2^63 rounded down to whole pages: these
 * are pages of 1 GiB, with smaller ones it prints a little more. */
#define UNLIMITED_BYTES ((UINT64_C(1) << 63) - (UINT64_C(1) << 30))

struct parse {
  const struct mw_figure_file *file;
  struct mw_figures *figures;
  struct mw_cgroup_sample *sample;
  struct mw_error *err;
  int problems;
  bool cut; /* the last line was */
};

static void problem(struct parse *parse, const char *what, struct mw_slice text)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  if (parse->problems++ == 0)
    mw_error_set(parse->err, EBADMSG, "%s: %s", what, mw_text_quote(text, quoted));
}

/* The kernel ends every line with LF: what does not was cut, and half a number is a wrong number.
 */
static inline bool next_whole_line(struct parse *parse, struct mw_slice *rest,
                                   struct mw_slice *line)
{
  if (rest->len_bytes == 0)
    return false;
  const char *end = memchr(rest->data, '\n', rest->len_bytes);
  if (!end) {
    problem(parse, "is cut in the middle of a line", *rest);
    parse->cut = true;
    rest->len_bytes = 0;
    return false;
  }
  size_t line_bytes = (size_t)(end - rest->data);
  *line = (struct mw_slice){rest->data, line_bytes};
  if (line_bytes > 0 && end[-1] == '\r')
    line->len_bytes--;
  *rest = (struct mw_slice){end + 1, rest->len_bytes - line_bytes - 1};
  return true;
}

bool mw_figure_row_set(const struct mw_figure_row *row, uint64_t value, struct mw_figures *figures)
{
  uint64_t scaled;

  if (row->absent == MW_ABSENT_ZERO && value == 0)
    return true;
  if (row->absent == MW_ABSENT_UNLIMITED && value >= UNLIMITED_BYTES)
    return true;
  if (__builtin_mul_overflow(value, row->scale, &scaled))
    return false;
  mw_figures_set(figures, row->figure, scaled);
  return true;
}

static void set_figure(struct parse *parse, const struct mw_figure_row *row, uint64_t value,
                       struct mw_slice text)
{
  if (!mw_figure_row_set(row, value, parse->figures))
    problem(parse, "has a number out of range", text);
}

/* The one line of a file that has no more. */
static bool only_line(struct parse *parse, struct mw_slice text, struct mw_slice *line)
{
  if (!next_whole_line(parse, &text, line))
    return false;
  if (text.len_bytes > 0)
    problem(parse, "has more than one line", text);
  return true;
}

static void parse_number(struct parse *parse, struct mw_slice text)
{
  const struct mw_figure_row *row = parse->file->rows;
  struct mw_slice line;
  uint64_t value;

  if (!only_line(parse, text, &line) || mw_slice_equal(line, "max"))
    return;
  if (row->figure == MW_CPU_QUOTA_NS && mw_slice_equal(line, "-1"))
    return; /* none */
  if (mw_parse_u64(line, &value))
    set_figure(parse, row, value, line);
  else
    problem(parse, "is not a number", line);
}

/* memory.stat has three times as many lines as there are rows: most lines are turned away by their
 * first letter, most others are the row expected. (Most files do not come here: see layout.h.) */
struct keys {
  const struct mw_figure_file *file;
  uint64_t first_letters; /* bit 1 << (letter & 63) */
  size_t next;            /* lines mostly come in the order of the rows */
};

static void keys_init(struct keys *keys, const struct mw_figure_file *file)
{
  keys->file = file;
  keys->first_letters = 0;
  keys->next = 0;
  for (size_t i = 0; i < file->rows_count; i++)
    keys->first_letters |= UINT64_C(1) << (file->rows[i].key[0] & 63);
}

static bool starts_with_key(const struct mw_figure_row *row, struct mw_slice line)
{
  return line.len_bytes > row->key_bytes && line.data[row->key_bytes] == ' ' &&
         memcmp(line.data, row->key, row->key_bytes) == 0;
}

/* The row of @p line, of which @p number gets what is behind the key; NULL: there is none. */
static const struct mw_figure_row *find_row(struct keys *keys, struct mw_slice line,
                                            struct mw_slice *number)
{
  size_t count = keys->file->rows_count, row = keys->next;

  if (line.len_bytes == 0 || !(keys->first_letters >> (line.data[0] & 63) & 1))
    return NULL;
  for (size_t i = 0; i < count; i++, row = row + 1 < count ? row + 1 : 0) {
    if (starts_with_key(&keys->file->rows[row], line)) {
      size_t taken_bytes = (size_t)keys->file->rows[row].key_bytes + 1;
      *number = (struct mw_slice){line.data + taken_bytes, line.len_bytes - taken_bytes};
      keys->next = row + 1 < count ? row + 1 : 0;
      return &keys->file->rows[row];
    }
  }
  return NULL;
}

/* Is there a line of key and number, whatever the key? Then an older kernel wrote the file. */
static bool has_pair(struct mw_slice text)
{
  struct mw_slice line, key, number;
  uint64_t value;

  while (mw_slice_next_line(&text, &line))
    if (mw_slice_next_word(&line, &key) && mw_slice_next_word(&line, &number) &&
        mw_parse_u64(number, &value))
      return true;
  return false;
}

static void parse_pairs(struct parse *parse, struct mw_slice text)
{
  const struct mw_slice whole = text;
  struct mw_slice line, number;
  struct keys keys;
  uint64_t seen = 0;

  keys_init(&keys, parse->file);
  while (next_whole_line(parse, &text, &line)) {
    const struct mw_figure_row *row = find_row(&keys, line, &number);
    if (!row)
      continue;
    uint64_t value, bit = UINT64_C(1) << (row - parse->file->rows);
    if (seen & bit)
      problem(parse, "has a key twice", line);
    else if (mw_parse_u64(number, &value))
      set_figure(parse, row, value, line);
    else
      problem(parse, "has a value that is not a number", line);
    seen |= bit;
  }
  if (seen == 0 && parse->problems == 0 &&
      !(parse->file->flags & MW_FILE_OPTIONAL && has_pair(whole)))
    problem(parse, "has none of the keys that it should have", whole);
}

/* ---- Pressure ---- */

/* The row "some.total" of a line that starts with "some"; NULL: there is none. */
static const struct mw_figure_row *pressure_row(const struct mw_figure_file *file,
                                                struct mw_slice kind)
{
  for (size_t i = 0; i < file->rows_count; i++) {
    const struct mw_figure_row *row = &file->rows[i];
    if (row->key_bytes > kind.len_bytes && row->key[kind.len_bytes] == '.' &&
        memcmp(row->key, kind.data, kind.len_bytes) == 0)
      return row;
  }
  return NULL;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=123": the averages can be had from the total. */
static bool find_pressure_total(struct mw_slice rest, uint64_t *total)
{
  static const char key[] = "total=";
  const size_t key_bytes = sizeof key - 1;
  struct mw_slice word;

  while (mw_slice_next_word(&rest, &word))
    if (word.len_bytes > key_bytes && memcmp(word.data, key, key_bytes) == 0)
      return mw_parse_u64((struct mw_slice){word.data + key_bytes, word.len_bytes - key_bytes},
                          total);
  return false;
}

static void parse_pressure(struct parse *parse, struct mw_slice text)
{
  const struct mw_slice whole = text;
  struct mw_slice line, kind;
  uint64_t seen = 0, total;

  while (next_whole_line(parse, &text, &line)) {
    struct mw_slice rest = line;
    const struct mw_figure_row *row =
        mw_slice_next_word(&rest, &kind) ? pressure_row(parse->file, kind) : NULL;
    if (!row)
      continue;
    uint64_t bit = UINT64_C(1) << (row - parse->file->rows);
    if (seen & bit)
      problem(parse, "has a line twice", line);
    else if (find_pressure_total(rest, &total))
      set_figure(parse, row, total, line);
    else
      problem(parse, "has a line without a total", line);
    seen |= bit;
  }
  if (seen == 0 && parse->problems == 0)
    problem(parse, "has no line of pressure", whole);
}

static void parse_cpu_max(struct parse *parse, struct mw_slice text)
{
  const struct mw_figure_row *quota_row = &parse->file->rows[0];
  const struct mw_figure_row *period_row = &parse->file->rows[1];
  struct mw_slice line, quota, period;
  uint64_t value;

  if (!only_line(parse, text, &line))
    return;
  struct mw_slice rest = line;
  bool has_quota = mw_slice_next_word(&rest, &quota);
  if (!has_quota || !mw_slice_next_word(&rest, &period)) {
    if (!has_quota || (!mw_slice_equal(quota, "max") && !mw_parse_u64(quota, &value)))
      problem(parse, "is not a quota and a period", line);
    return;
  }
  if (!mw_parse_u64(period, &value) || value == 0) {
    problem(parse, "has a period that is not a number", line);
    return;
  }
  set_figure(parse, period_row, value, line);
  if (mw_slice_equal(quota, "max"))
    return;
  if (mw_parse_u64(quota, &value))
    set_figure(parse, quota_row, value, line);
  else
    problem(parse, "has a quota that is not a number", line);
}

/* "5" or "5-8" */
static bool parse_cpu_range(struct mw_slice part, uint64_t *first, uint64_t *last)
{
  const char *dash = memchr(part.data, '-', part.len_bytes);

  if (!dash)
    return mw_parse_u64(part, first) && mw_parse_u64(part, last);
  struct mw_slice head = {part.data, (size_t)(dash - part.data)};
  struct mw_slice tail = {dash + 1, part.len_bytes - head.len_bytes - 1};
  return mw_parse_u64(head, first) && mw_parse_u64(tail, last) && *first <= *last;
}

/* The kernel lists in order and nothing twice: what does not is no list of its. */
bool mw_cpu_set_parse(struct mw_slice text, uint64_t *count)
{
  uint64_t total = 0, next_cpu = 0, first, last;

  while (text.len_bytes > 0) {
    struct mw_slice part = {text.data, 0};
    while (part.len_bytes < text.len_bytes && text.data[part.len_bytes] != ',' &&
           text.data[part.len_bytes] != '\n')
      part.len_bytes++;
    if (part.len_bytes > 0) {
      if (!parse_cpu_range(part, &first, &last) || first < next_cpu || last >= CPUS_MAX)
        return false;
      total += last - first + 1;
      next_cpu = last + 1;
    }
    size_t taken_bytes = part.len_bytes + (part.len_bytes < text.len_bytes);
    text.data += taken_bytes;
    text.len_bytes -= taken_bytes;
  }
  *count = total;
  return true;
}

static void parse_cpu_set(struct parse *parse, struct mw_slice text)
{
  uint64_t count;

  if (text.len_bytes > 0 && text.data[text.len_bytes - 1] != '\n')
    problem(parse, "is cut in the middle of a line", text);
  else if (!mw_cpu_set_parse(text, &count))
    problem(parse, "is not a list of CPUs", text);
  else if (count > 0)
    set_figure(parse, parse->file->rows, count, text);
}

/* ---- Devices ---- */

static bool parse_device_number(struct mw_slice text, uint32_t *major, uint32_t *minor)
{
  const char *colon = memchr(text.data, ':', text.len_bytes);
  uint64_t high, low;

  if (!colon)
    return false;
  struct mw_slice head = {text.data, (size_t)(colon - text.data)};
  struct mw_slice tail = {colon + 1, text.len_bytes - head.len_bytes - 1};
  if (!mw_parse_u64(head, &high) || !mw_parse_u64(tail, &low) || high > UINT32_MAX ||
      low > UINT32_MAX)
    return false;
  *major = (uint32_t)high;
  *minor = (uint32_t)low;
  return true;
}

/* A figure of one device. @return false when it was there already: the first one counts. */
static bool set_device(struct parse *parse, uint32_t major, uint32_t minor,
                       enum mw_io_figure figure, uint64_t value, struct mw_slice line)
{
  struct mw_io_device *device = mw_sample_device(parse->sample, major, minor);

  if (!device) {
    problem(parse, "has more devices than there is room for", line);
  } else if (device->present >> figure & 1) {
    problem(parse, "has a device twice", line);
    return false;
  } else {
    device->present |= UINT32_C(1) << figure;
    device->values[figure] = value;
  }
  return true;
}

static enum mw_io_figure device_figure(enum mw_figure total)
{
  return (enum mw_io_figure)(MW_IO_DEVICE_READ_BYTES + (total - MW_IO_READ_BYTES));
}

/* Sums over the devices, by the rows of the file. One that lacks a part is no total: it would jump
 * back and forth between readings. */
struct totals {
  uint64_t sums[4];
  uint32_t seen, bad; /* bit 1 << row */
};

#define ALL_TOTALS 15u

static void add_total(struct parse *parse, struct totals *totals, size_t row, uint64_t value,
                      struct mw_slice line)
{
  totals->seen |= 1u << row;
  if (__builtin_add_overflow(totals->sums[row], value, &totals->sums[row])) {
    totals->bad |= 1u << row;
    problem(parse, "has a sum out of range", line);
  }
}

static void set_totals(struct parse *parse, const struct totals *totals)
{
  for (size_t i = 0; i < parse->file->rows_count && !parse->cut; i++)
    if ((totals->seen & ~totals->bad) >> i & 1)
      mw_figures_set(parse->figures, parse->file->rows[i].figure, totals->sums[i]);
}

/* "8:16 Read 4096". */
static void parse_blkio_line(struct parse *parse, struct mw_slice line, struct totals *totals)
{
  struct mw_slice rest = line, device, operation = {0}, number;
  uint32_t major, minor;
  uint64_t value;

  if (!mw_slice_next_word(&rest, &device))
    return;
  /* "Total 0" alone: the kernel counts, and nothing happened. */
  if (mw_slice_next_word(&rest, &operation) && mw_slice_equal(device, "Total") &&
      mw_parse_u64(operation, &value)) {
    totals->seen |= value == 0 ? ALL_TOTALS : 0;
    return;
  }
  bool known = parse_device_number(device, &major, &minor);
  if (!mw_slice_next_word(&rest, &number) || !mw_parse_u64(number, &value) ||
      (!known && !mw_slice_equal(device, "(unknown)"))) {
    problem(parse, "has a line that is not \"major:minor operation number\"", line);
    totals->bad = ALL_TOTALS;
    return;
  }
  size_t row = mw_slice_equal(operation, "Read") ? 0 : 1;
  if (row == 1 && !mw_slice_equal(operation, "Write"))
    return;
  /* paths of a multipath device have no number, but the total has them */
  if (!known ||
      set_device(parse, major, minor, device_figure(parse->file->rows[row].figure), value, line))
    add_total(parse, totals, row, value, line);
}

static void parse_blkio(struct parse *parse, struct mw_slice text)
{
  struct totals totals = {0};
  struct mw_slice line;

  while (next_whole_line(parse, &text, &line))
    parse_blkio_line(parse, line, &totals);
  set_totals(parse, &totals);
}

static const struct io_key {
  const char *key;
  enum mw_io_figure figure;
} io_keys[] = {
    {"rbytes=", MW_IO_DEVICE_READ_BYTES},
    {"wbytes=", MW_IO_DEVICE_WRITE_BYTES},
    {"rios=", MW_IO_DEVICE_READ_OPERATIONS},
    {"wios=", MW_IO_DEVICE_WRITE_OPERATIONS},
    {"rbps=", MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S},
    {"wbps=", MW_IO_DEVICE_WRITE_LIMIT_BYTES_PER_S},
    {"riops=", MW_IO_DEVICE_READ_LIMIT_OPERATIONS_PER_S},
    {"wiops=", MW_IO_DEVICE_WRITE_LIMIT_OPERATIONS_PER_S},
};

static const struct io_key *find_io_key(struct mw_slice word, struct mw_slice *value)
{
  for (size_t i = 0; i < sizeof io_keys / sizeof io_keys[0]; i++) {
    size_t key_bytes = strlen(io_keys[i].key);
    if (word.len_bytes >= key_bytes && memcmp(word.data, io_keys[i].key, key_bytes) == 0) {
      *value = (struct mw_slice){word.data + key_bytes, word.len_bytes - key_bytes};
      return &io_keys[i];
    }
  }
  return NULL;
}

static void parse_io_word(struct parse *parse, struct mw_slice word, uint32_t major, uint32_t minor,
                          struct totals *totals)
{
  struct mw_slice text;
  const struct io_key *key = find_io_key(word, &text);
  uint64_t value;

  if (!memchr(word.data, '=', word.len_bytes)) {
    problem(parse, "has a part that is not key=number", word);
    totals->bad = ALL_TOTALS;
  } else if (key && mw_parse_u64(text, &value)) {
    if (set_device(parse, major, minor, key->figure, value, word) && key->figure < 4)
      add_total(parse, totals, key->figure, value, word);
  } else if (key && !mw_slice_equal(text, "max")) {
    problem(parse, "has a value that is not a number", word);
    if (key->figure < 4)
      totals->bad |= 1u << key->figure;
  }
}

/* "8:16 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0". Linux 5.15 forgets the LF behind a
 * device that has no figures: "7:1 7:0 8:16 rbytes=4096 ...". */
static void parse_io_line(struct parse *parse, struct mw_slice line, struct totals *totals)
{
  struct mw_slice rest = line, word;
  uint32_t major = 0, minor = 0;
  bool has_device = false;

  while (mw_slice_next_word(&rest, &word)) {
    if (parse_device_number(word, &major, &minor)) {
      has_device = true;
    } else if (has_device) {
      parse_io_word(parse, word, major, minor, totals);
    } else {
      problem(parse, "has a line that does not start with major:minor", line);
      totals->bad = ALL_TOTALS;
      return;
    }
  }
}

/* The same kernel may end the file with "7:1 7:0 ". */
static struct mw_slice without_empty_devices(struct mw_slice text)
{
  static const char device_bytes[] = "0123456789: ";
  size_t kept_bytes = text.len_bytes;

  if (kept_bytes == 0 || text.data[kept_bytes - 1] != ' ')
    return text;
  while (kept_bytes > 0 && memchr(device_bytes, text.data[kept_bytes - 1], sizeof device_bytes - 1))
    kept_bytes--;
  if (kept_bytes == 0 || text.data[kept_bytes - 1] == '\n')
    text.len_bytes = kept_bytes;
  return text;
}

static void parse_io(struct parse *parse, struct mw_slice text)
{
  struct totals totals = {0};
  struct mw_slice line;

  text = without_empty_devices(text);
  while (next_whole_line(parse, &text, &line))
    parse_io_line(parse, line, &totals);
  set_totals(parse, &totals);
}

/* Lists are empty when there is nothing to list, and where CPU quotas are off so are these two. */
static bool may_be_empty(const struct mw_figure_file *file)
{
  switch (file->format) {
  case MW_FORMAT_CPU_SET:
  case MW_FORMAT_BLKIO:
  case MW_FORMAT_IO_STAT:
    return true;
  case MW_FORMAT_NUMBER:
    return file->rows->figure == MW_CPU_QUOTA_NS || file->rows->figure == MW_CPU_PERIOD_NS;
  default:
    return false;
  }
}

int mw_figure_file_parse(const struct mw_figure_file *file, struct mw_slice text,
                         struct mw_figures *figures, struct mw_cgroup_sample *sample,
                         struct mw_error *err)
{
  static void (*const parsers[])(struct parse *, struct mw_slice) = {
      [MW_FORMAT_NUMBER] = parse_number,     [MW_FORMAT_PAIRS] = parse_pairs,
      [MW_FORMAT_CPU_MAX] = parse_cpu_max,   [MW_FORMAT_CPU_SET] = parse_cpu_set,
      [MW_FORMAT_BLKIO] = parse_blkio,       [MW_FORMAT_IO_STAT] = parse_io,
      [MW_FORMAT_PRESSURE] = parse_pressure,
  };
  struct parse parse = {file, figures, sample, err, 0, false};

  if (text.len_bytes > 0)
    parsers[file->format](&parse, text);
  else if (!may_be_empty(file))
    problem(&parse, "is empty", text);
  return parse.problems;
}
