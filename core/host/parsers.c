#include "host/parsers.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define TIME_MAX_S INT64_C(253402300799) /* the end of 9999: what is larger no calendar prints */

/* ---- CPUs ---- */

static uint32_t plausible(uint32_t count)
{
  return count <= MW_HOST_CPUS_MAX ? count : 0;
}

/* "processor : 0", but neither "Processor : ARMv7 rev 3" nor "processor 0: version = FF": a
 * number has to be all that follows the first colon. */
static bool is_processor_line(struct mw_slice line)
{
  static const char key[] = "processor";
  struct mw_slice word;
  int64_t number;

  if (line.len_bytes < strlen(key) || strncasecmp(line.data, key, strlen(key)) != 0)
    return false;
  const char *colon = memchr(line.data, ':', line.len_bytes);
  if (!colon)
    return false;
  struct mw_slice rest = {colon + 1, line.len_bytes - (size_t)(colon + 1 - line.data)};
  return mw_slice_next_word(&rest, &word) && mw_parse_i64(word, &number) &&
         !mw_slice_next_word(&rest, &word);
}

static bool is_cpu_line(struct mw_slice line)
{
  return line.len_bytes >= 4 && memcmp(line.data, "cpu", 3) == 0 && line.data[3] >= '0' &&
         line.data[3] <= '9';
}

static uint32_t count_lines(const char *text, size_t len_bytes, bool (*counts)(struct mw_slice))
{
  struct mw_slice rest = {text, len_bytes}, line;
  uint32_t count = 0;

  while (count <= MW_HOST_CPUS_MAX && mw_slice_next_line(&rest, &line))
    count += counts(line);
  return plausible(count);
}

uint32_t mw_host_parse_cpuinfo(const char *text, size_t len_bytes)
{
  return count_lines(text, len_bytes, is_processor_line);
}

uint32_t mw_host_parse_stat_cpus(const char *text, size_t len_bytes)
{
  return count_lines(text, len_bytes, is_cpu_line);
}

/* Cut what stands before @p separator, or all, off @p rest; false when there was no separator. */
static bool cut(struct mw_slice *rest, char separator, struct mw_slice *part)
{
  const char *end = rest->len_bytes > 0 ? memchr(rest->data, separator, rest->len_bytes) : NULL;

  *part = *rest;
  if (!end)
    return false;
  part->len_bytes = (size_t)(end - rest->data);
  rest->data = end + 1;
  rest->len_bytes -= part->len_bytes + 1;
  return true;
}

/* "8" or "10-11". */
static bool parse_range(struct mw_slice range, uint64_t *first, uint64_t *last)
{
  struct mw_slice part;

  if (!cut(&range, '-', &part))
    return mw_parse_u64(range, first) && mw_parse_u64(range, last);
  return mw_parse_u64(part, first) && mw_parse_u64(range, last);
}

/* The kernel prints ranges in ascending order; anything else is not its list, and might count a
 * CPU twice. */
uint32_t mw_host_parse_cpu_list(const char *text, size_t len_bytes)
{
  struct mw_slice rest = {text, len_bytes}, list, range;
  uint64_t first, last, free_from = 0;
  uint32_t count = 0;
  bool more = true;

  if (!mw_slice_next_line(&rest, &list) || rest.len_bytes > 0)
    return 0;
  while (more) {
    more = cut(&list, ',', &range);
    if (!parse_range(range, &first, &last) || first < free_from || last < first ||
        last >= MW_HOST_CPUS_MAX)
      return 0;
    count += (uint32_t)(last - first + 1);
    free_from = last + 1;
  }
  return count;
}

/* ---- Other facts ---- */

/* Find the line whose first word is @p key; @p value is the rest of it. */
static bool find_line(struct mw_slice text, const char *key, struct mw_slice *value)
{
  struct mw_slice word;

  while (mw_slice_next_line(&text, value))
    if (mw_slice_next_word(value, &word) && mw_slice_equal(word, key))
      return true;
  return false;
}

int mw_host_parse_memory_total(struct mw_slice meminfo, uint64_t *bytes, struct mw_error *err)
{
  struct mw_slice value, number, unit;
  uint64_t total_kb;

  if (!find_line(meminfo, "MemTotal:", &value))
    return mw_error_set(err, EBADMSG, "no line \"MemTotal:\"");
  if (!mw_slice_next_word(&value, &number) || !mw_parse_u64(number, &total_kb) || total_kb == 0 ||
      total_kb > UINT64_MAX / 1024 || !mw_slice_next_word(&value, &unit) ||
      !mw_slice_equal(unit, "kB"))
    return mw_error_set(err, EBADMSG, "MemTotal is not an amount of memory in kB");
  *bytes = total_kb * 1024;
  return 0;
}

int mw_host_parse_boot_time(struct mw_slice stat, int64_t *seconds, struct mw_error *err)
{
  struct mw_slice value, word;
  int64_t parsed;

  if (!find_line(stat, "btime", &value))
    return mw_error_set(err, EBADMSG, "no line \"btime\"");
  if (!mw_slice_next_word(&value, &word) || !mw_parse_i64(word, &parsed) || parsed < 0 ||
      parsed > TIME_MAX_S)
    return mw_error_set(err, EBADMSG, "btime is not a number of seconds");
  *seconds = parsed;
  return 0;
}

static int copy_printable(struct mw_slice from, char to[static MW_HOST_NAME_BYTES],
                          struct mw_error *err)
{
  char quoted[MW_TEXT_QUOTED_BYTES];
  bool printable = from.len_bytes < MW_HOST_NAME_BYTES;

  for (size_t i = 0; printable && i < from.len_bytes; i++)
    printable = from.data[i] >= 0x20 && from.data[i] < 0x7F;
  if (!printable)
    return mw_error_set(err, EBADMSG, "not a name of at most %d printable characters: %s",
                        MW_HOST_NAME_BYTES - 1, mw_text_quote(from, quoted));
  memcpy(to, from.data, from.len_bytes);
  to[from.len_bytes] = '\0';
  return 0;
}

static struct mw_slice trimmed(struct mw_slice text)
{
  static const char blanks[] = " \t";

  while (text.len_bytes > 0 && memchr(blanks, text.data[0], 2)) {
    text.data++;
    text.len_bytes--;
  }
  while (text.len_bytes > 0 && memchr(blanks, text.data[text.len_bytes - 1], 2))
    text.len_bytes--;
  return text;
}

int mw_host_parse_name(struct mw_slice text, char name[static MW_HOST_NAME_BYTES],
                       struct mw_error *err)
{
  struct mw_slice line;

  while (mw_slice_next_line(&text, &line)) {
    line = trimmed(line);
    if (line.len_bytes > 0 && line.data[0] != '#')
      return copy_printable(line, name, err);
  }
  return mw_error_set(err, EBADMSG, "there is no name in it");
}

int mw_host_parse_version(struct mw_slice text, char release[static MW_HOST_NAME_BYTES],
                          struct mw_error *err)
{
  struct mw_slice line, word;

  if (!mw_slice_next_line(&text, &line) || !mw_slice_next_word(&line, &word) ||
      !mw_slice_next_word(&line, &word) || !mw_slice_equal(word, "version") ||
      !mw_slice_next_word(&line, &word))
    return mw_error_set(err, EBADMSG, "does not begin like \"Linux version 6.1.0\"");
  return copy_printable(word, release, err);
}

int mw_host_parse_product_uuid(struct mw_slice text, char uuid[static MW_HOST_NAME_BYTES],
                               struct mw_error *err)
{
  char name[MW_HOST_NAME_BYTES];

  int rc = mw_host_parse_name(text, name, err);
  if (rc < 0)
    return rc;
  if (strspn(name, "0-") == strlen(name) || strspn(name, "Ff-") == strlen(name))
    return mw_error_set(err, EBADMSG, "is not the UUID of one machine: %s", name);
  strcpy(uuid, name);
  return 0;
}

int mw_host_parse_machine_id(struct mw_slice text, char id[static MW_HOST_NAME_BYTES],
                             struct mw_error *err)
{
  char name[MW_HOST_NAME_BYTES];

  int rc = mw_host_parse_name(text, name, err);
  if (rc < 0)
    return rc;
  if (strlen(name) != 32 || strspn(name, "0123456789abcdef") != 32)
    return mw_error_set(err, EBADMSG, "is not 32 hexadecimal digits: %s", name);
  strcpy(id, name);
  return 0;
}
