#include "proc/parsers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proc/sample.h"

/* ---- stat ---- */

/* Fields by their numbers in proc_pid_stat(5). */
enum { FIELD_STATE = 3, FIELD_PARENT = 4, FIELD_THREADS = 20, FIELD_START = 22 };

static bool parse_pid(struct mw_slice text, int32_t *out)
{
  uint64_t number;

  if (!mw_parse_u64(text, &number) || number > INT32_MAX)
    return false;
  *out = (int32_t)number;
  return true;
}

static bool parse_stat_field(int field, struct mw_slice word, struct mw_process *out)
{
  uint64_t number;

  switch (field) {
  case FIELD_STATE:
    out->state = *word.data;
    return word.len_bytes == 1;
  case FIELD_PARENT:
    return parse_pid(word, &out->parent_pid);
  case FIELD_THREADS:
    if (!mw_parse_u64(word, &number) || number > UINT32_MAX)
      return false;
    out->threads = (uint32_t)number;
    return true;
  case FIELD_START:
    return mw_parse_u64(word, &out->start_ticks);
  default:
    return true;
  }
}

/* The command, in parentheses, is whatever a program calls itself: "a) S 1 (b" too. Behind it there
 * are numbers only, so its end is the last parenthesis. */
static bool parse_stat(struct mw_slice text, struct mw_process *out)
{
  const char *open = memchr(text.data, '(', text.len_bytes);
  const char *close = memrchr(text.data, ')', text.len_bytes);
  const char *line_end;
  struct mw_slice word;

  if (!open || !close || close < open || open == text.data || open[-1] != ' ' ||
      !parse_pid((struct mw_slice){text.data, (size_t)(open - 1 - text.data)}, &out->pid))
    return false;
  struct mw_slice rest = {close + 1, text.len_bytes - (size_t)(close + 1 - text.data)};
  if ((line_end = memchr(rest.data, '\n', rest.len_bytes)))
    rest.len_bytes = (size_t)(line_end - rest.data);
  for (int field = FIELD_STATE; field <= FIELD_START; field++)
    if (!mw_slice_next_word(&rest, &word) || !parse_stat_field(field, word, out))
      return false;
  return rest.len_bytes > 0 || line_end; /* else the last number may be cut */
}

int mw_proc_parse_stat(struct mw_slice text, struct mw_process *out, struct mw_error *err)
{
  struct mw_process process = {0};
  char quoted[MW_TEXT_QUOTED_BYTES];

  if (text.len_bytes == 0 || !parse_stat(text, &process))
    return mw_error_set(err, EBADMSG, "not the status of a process: %s",
                        mw_text_quote(text, quoted));
  *out = process;
  return 0;
}

/* ---- net/dev ---- */

/* Behind the name: eight columns of what was received, eight of what was sent. */
enum {
  COLUMN_RCVD_BYTES = 0,
  COLUMN_RCVD_PACKETS = 1,
  COLUMN_SENT_BYTES = 8,
  COLUMN_SENT_PACKETS = 9,
  COLUMNS_NEEDED = 10
};

/* "  eth0:  1345      10 ...": old kernels leave no blank behind the colon. */
static bool cut_name(struct mw_slice *line, struct mw_slice *name)
{
  const char *colon = memchr(line->data, ':', line->len_bytes);
  struct mw_slice rest = *line;

  if (colon)
    rest.len_bytes = (size_t)(colon - line->data);
  if (!mw_slice_next_word(&rest, name))
    return false;
  const char *behind = colon ? colon + 1 : name->data + name->len_bytes;
  *line = (struct mw_slice){behind, line->len_bytes - (size_t)(behind - line->data)};
  return true;
}

static void set_number(struct mw_network_interface *interface, enum mw_network_figure figure,
                       uint64_t *to, struct mw_slice word)
{
  if (mw_parse_u64(word, to))
    interface->present |= UINT32_C(1) << figure;
}

/* @return false when the line is none of an interface that counts. */
static bool parse_interface(struct mw_slice line, struct mw_network_interface *out)
{
  struct mw_slice name, word;

  *out = (struct mw_network_interface){0};
  if (!cut_name(&line, &name) || name.len_bytes >= sizeof out->name || mw_slice_equal(name, "lo") ||
      memchr(name.data, '\0', name.len_bytes))
    return false;
  memcpy(out->name, name.data, name.len_bytes);
  for (int column = 0; column < COLUMNS_NEEDED; column++) {
    if (!mw_slice_next_word(&line, &word))
      return false;
    if (column == COLUMN_RCVD_BYTES)
      set_number(out, MW_NETWORK_RCVD_BYTES, &out->rcvd_bytes, word);
    else if (column == COLUMN_RCVD_PACKETS)
      set_number(out, MW_NETWORK_RCVD_PACKETS, &out->rcvd_packets, word);
    else if (column == COLUMN_SENT_BYTES)
      set_number(out, MW_NETWORK_SENT_BYTES, &out->sent_bytes, word);
    else if (column == COLUMN_SENT_PACKETS)
      set_number(out, MW_NETWORK_SENT_PACKETS, &out->sent_packets, word);
  }
  return true;
}

static int parse_lines(struct mw_slice text, struct mw_network_sample *out, struct mw_error *err)
{
  struct mw_slice line;

  for (int heading = 0; heading < 2; heading++)
    if (!mw_slice_next_line(&text, &line))
      return mw_error_set(err, EBADMSG, "invalid format");
  while (mw_slice_next_line(&text, &line)) {
    struct mw_network_interface interface;
    int rc = parse_interface(line, &interface) ? mw_network_sample_add(out, &interface, err) : 0;
    if (rc < 0)
      return rc;
  }
  return 0;
}

int mw_proc_parse_net_dev(struct mw_slice text, struct mw_network_sample *out, struct mw_error *err)
{
  mw_network_sample_clear(out);
  int rc = parse_lines(text, out, err);
  if (rc < 0)
    mw_network_sample_clear(out);
  else
    mw_network_sample_sum(out);
  return rc;
}

/* ---- Namespaces ---- */

uint64_t mw_proc_parse_namespace(struct mw_slice target)
{
  static const char prefix[] = "net:[";
  const size_t prefix_bytes = sizeof prefix - 1;
  uint64_t number;

  if (target.len_bytes <= prefix_bytes || memcmp(target.data, prefix, prefix_bytes) != 0 ||
      target.data[target.len_bytes - 1] != ']' ||
      !mw_parse_u64(
          (struct mw_slice){target.data + prefix_bytes, target.len_bytes - prefix_bytes - 1},
          &number))
    return 0;
  return number;
}

int32_t mw_proc_parse_only_pid(struct mw_slice status)
{
  struct mw_slice line, word, more;

  while (mw_slice_next_line(&status, &line)) {
    int32_t pid;
    if (!mw_slice_next_word(&line, &word) || !mw_slice_equal(word, "NSpid:"))
      continue;
    if (mw_slice_next_word(&line, &word) && parse_pid(word, &pid) &&
        !mw_slice_next_word(&line, &more))
      return pid;
    return 0;
  }
  return 0;
}
