#include "regex/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "regex/translate.h"

/* A pattern of 4 KiB that is all \W grows most. */
#define TRANSLATION_MAX_BYTES ((size_t)256 << 10)

/* Groups that the translation adds: an operator on an operator's result gets one each. */
#define OWN_DEPTH_MAX 50

/* What the backtracking matcher may do before the other one takes over, in bytes that it sees: it
 * tries each place of the text in so many steps, and a step can look at all of the text. For a name
 * of 100 bytes that is 660 steps at each place; patterns that people write need a hundred. */
#define BYTES_SEEN_MAX 10000000
#define STEP_OVERHEAD_BYTES 50 /* a step takes the time of so many bytes before it looks at one */
#define STEPS_MAX 1000
#define HEAP_MAX_KIB 64

/* As pcre2_dfa_match divides its workspace: two lists of states, three ints a state, and a head. */
#define WORKSPACE_INTS (2 * 3 * MW_REGEX_STATES_MAX + 2)

struct mw_regex {
  pcre2_code *backtracking;
  pcre2_code *breadth_first;
};

/* ---- Memory: ours, so that tests can make it fail ---- */

static void *allocate(size_t size_bytes, void *data)
{
  (void)data;
  return malloc(size_bytes);
}

static void release(void *block, void *data)
{
  (void)data;
  free(block);
}

/* ---- Compiling ---- */

static pcre2_compile_context *new_compile_context(void)
{
  pcre2_general_context *general = pcre2_general_context_create(allocate, release, NULL);
  pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;

  pcre2_general_context_free(general);
  if (!context)
    return NULL;
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context, MW_REGEX_DEPTH_MAX + OWN_DEPTH_MAX);
  return context;
}

/* What the translation says, PCRE2 takes; what remains is size. */
static int explain(struct mw_slice pattern, int code, struct mw_error *err)
{
  if (code == PCRE2_ERROR_HEAP_FAILED)
    return mw_error_set(err, ENOMEM, "out of memory for a regular expression");
  if (code == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP)
    return mw_regex_refuse(pattern, "expression nests too deeply", pattern, EINVAL, err);
  return mw_regex_refuse(pattern, "expression too large", pattern, EMSGSIZE, err);
}

static int compile(struct mw_slice pattern, const struct mw_buf *translation, uint32_t options,
                   pcre2_compile_context *context, pcre2_code **out, struct mw_error *err)
{
  int code;
  size_t offset;

  *out = pcre2_compile((PCRE2_SPTR)translation->data, translation->len_bytes,
                       options | PCRE2_UTF | PCRE2_DOTALL | PCRE2_MULTILINE | PCRE2_ALT_CIRCUMFLEX |
                           PCRE2_NEVER_UCP | PCRE2_NEVER_BACKSLASH_C,
                       &code, &offset, context);
  return *out ? 0 : explain(pattern, code, err);
}

static int compile_both(struct mw_regex *regex, struct mw_slice pattern,
                        pcre2_compile_context *context, struct mw_error *err)
{
  MW_AUTO_BUF text;

  mw_buf_init(&text, TRANSLATION_MAX_BYTES);
  int rc = mw_regex_translate(pattern, MW_REGEX_BACKTRACKING, &text, err);
  if (rc == 0)
    rc = compile(pattern, &text, 0, context, &regex->backtracking, err);
  mw_buf_clear(&text);
  if (rc == 0)
    rc = mw_regex_translate(pattern, MW_REGEX_BREADTH_FIRST, &text, err);
  if (rc == 0)
    rc = compile(pattern, &text, PCRE2_ANCHORED, context, &regex->breadth_first, err);
  return rc;
}

static int fill(struct mw_regex *regex, struct mw_slice pattern, struct mw_error *err)
{
  if (pattern.len_bytes > MW_REGEX_PATTERN_MAX_BYTES)
    return mw_regex_refuse(pattern, "expression too large", pattern, EMSGSIZE, err);
  pcre2_compile_context *context = new_compile_context();
  if (!context)
    return mw_error_set(err, ENOMEM, "out of memory for a regular expression");
  int rc = compile_both(regex, pattern, context, err);
  pcre2_compile_context_free(context);
  return rc;
}

struct mw_regex *mw_regex_compile(struct mw_slice pattern, struct mw_error *err)
{
  struct mw_regex *regex = calloc(1, sizeof *regex);

  if (!regex) {
    mw_error_set(err, ENOMEM, "out of memory for a regular expression");
    return NULL;
  }
  if (fill(regex, pattern, err) < 0) {
    mw_regex_free(regex);
    return NULL;
  }
  return regex;
}

void mw_regex_free(struct mw_regex *regex)
{
  if (!regex)
    return;
  pcre2_code_free(regex->backtracking);
  pcre2_code_free(regex->breadth_first);
  free(regex);
}

size_t mw_regex_bytes(const struct mw_regex *regex)
{
  size_t backtracking_bytes = 0, breadth_first_bytes = 0;

  pcre2_pattern_info(regex->backtracking, PCRE2_INFO_SIZE, &backtracking_bytes);
  pcre2_pattern_info(regex->breadth_first, PCRE2_INFO_SIZE, &breadth_first_bytes);
  return sizeof *regex + backtracking_bytes + breadth_first_bytes;
}

/* ---- What a thread keeps for its matches ---- */

struct scratch {
  pcre2_match_data *match_data;
  pcre2_match_context *limits;
  struct mw_buf repaired;
  int workspace[WORKSPACE_INTS];
};

static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static pthread_key_t scratch_key;
static int scratch_key_errno;

static void scratch_free(void *data)
{
  struct scratch *scratch = data;

  pcre2_match_data_free(scratch->match_data);
  pcre2_match_context_free(scratch->limits);
  mw_buf_deinit(&scratch->repaired);
  free(scratch);
}

static void create_scratch_key(void)
{
  scratch_key_errno = pthread_key_create(&scratch_key, scratch_free);
}

static struct scratch *scratch_new(void)
{
  struct scratch *scratch = calloc(1, sizeof *scratch);
  pcre2_general_context *general = pcre2_general_context_create(allocate, release, NULL);

  if (!scratch || !general)
    goto fail;
  mw_buf_init(&scratch->repaired, 3 * (size_t)MW_REGEX_TEXT_MAX_BYTES);
  scratch->match_data = pcre2_match_data_create(1, general);
  scratch->limits = pcre2_match_context_create(general);
  if (!scratch->match_data || !scratch->limits || pthread_setspecific(scratch_key, scratch) != 0)
    goto fail;
  pcre2_general_context_free(general);
  pcre2_set_heap_limit(scratch->limits, HEAP_MAX_KIB);
  return scratch;

fail:
  pcre2_general_context_free(general);
  if (scratch)
    scratch_free(scratch);
  return NULL;
}

static struct scratch *scratch_of_thread(struct mw_error *err)
{
  pthread_once(&scratch_once, create_scratch_key);
  struct scratch *scratch = scratch_key_errno == 0 ? pthread_getspecific(scratch_key) : NULL;
  if (!scratch && scratch_key_errno == 0)
    scratch = scratch_new();
  if (!scratch)
    mw_error_set(err, ENOMEM, "out of memory for matching a regular expression");
  return scratch;
}

/* ---- Matching ---- */

/* How many bytes at the start are UTF-8. */
static size_t valid_bytes(struct mw_slice text)
{
  size_t at = 0;

  for (uint64_t word; text.len_bytes - at >= sizeof word; at += sizeof word) {
    memcpy(&word, text.data + at, sizeof word);
    if (word & UINT64_C(0x8080808080808080))
      break;
  }
  for (size_t step; at < text.len_bytes; at += step) {
    step = mw_utf8_sequence_bytes((struct mw_slice){text.data + at, text.len_bytes - at});
    if (step == 0)
      break;
  }
  return at;
}

/* As Go reads a text: a byte that is not UTF-8 is one U+FFFD. */
static int repair(struct mw_slice *text, size_t valid, struct mw_buf *out, struct mw_error *err)
{
  struct mw_slice rest = *text;
  int rc = 0;

  mw_buf_clear(out);
  while (rc == 0 && rest.len_bytes > 0) {
    rc = mw_buf_append(out, rest.data, valid, err);
    rest = (struct mw_slice){rest.data + valid, rest.len_bytes - valid};
    if (rc == 0 && rest.len_bytes > 0) {
      rc = mw_buf_append_text(out, "\xEF\xBF\xBD", err);
      rest = (struct mw_slice){rest.data + 1, rest.len_bytes - 1};
    }
    valid = valid_bytes(rest);
  }
  *text = (struct mw_slice){out->data, out->len_bytes};
  return rc;
}

static bool is_limit(int code)
{
  return code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_DEPTHLIMIT ||
         code == PCRE2_ERROR_HEAPLIMIT;
}

static int run(const struct mw_regex *regex, struct mw_slice text, struct scratch *scratch)
{
  size_t steps = BYTES_SEEN_MAX / ((text.len_bytes + 1) * (text.len_bytes + STEP_OVERHEAD_BYTES));

  if (steps > STEPS_MAX)
    steps = STEPS_MAX;
  pcre2_set_match_limit(scratch->limits, steps > 2 ? (uint32_t)steps : 2);
  return pcre2_match(regex->backtracking, (PCRE2_SPTR)text.data, text.len_bytes, 0,
                     PCRE2_NO_UTF_CHECK, scratch->match_data, scratch->limits);
}

static int run_breadth_first(const struct mw_regex *regex, struct mw_slice text,
                             struct scratch *scratch)
{
  return pcre2_dfa_match(regex->breadth_first, (PCRE2_SPTR)text.data, text.len_bytes, 0,
                         PCRE2_NO_UTF_CHECK | PCRE2_DFA_SHORTEST, scratch->match_data, NULL,
                         scratch->workspace, WORKSPACE_INTS);
}

static int matches(const struct mw_regex *regex, struct mw_slice text, bool breadth_first_only,
                   bool *out, struct mw_error *err)
{
  if (text.len_bytes > MW_REGEX_TEXT_MAX_BYTES)
    return mw_error_set(err, EMSGSIZE,
                        "a text of %zu bytes is too long to match, at most %d are not",
                        text.len_bytes, MW_REGEX_TEXT_MAX_BYTES);
  struct scratch *scratch = scratch_of_thread(err);
  if (!scratch)
    return -ENOMEM;
  size_t valid = valid_bytes(text);
  int rc = valid < text.len_bytes ? repair(&text, valid, &scratch->repaired, err) : 0;
  if (rc < 0)
    return rc;
  int code = breadth_first_only ? PCRE2_ERROR_MATCHLIMIT : run(regex, text, scratch);
  if (is_limit(code))
    code = run_breadth_first(regex, text, scratch);
  if (code == PCRE2_ERROR_NOMEMORY)
    return mw_error_set(err, ENOMEM, "out of memory for matching a regular expression");
  if (code < 0 && code != PCRE2_ERROR_NOMATCH)
    return mw_error_set(err, ELOOP, "too expensive for a text of %zu bytes", text.len_bytes);
  *out = code >= 0;
  return 0;
}

int mw_regex_matches(const struct mw_regex *regex, struct mw_slice text, bool *out,
                     struct mw_error *err)
{
  return matches(regex, text, false, out, err);
}

int mw_regex_matches_breadth_first(const struct mw_regex *regex, struct mw_slice text, bool *out,
                                   struct mw_error *err)
{
  return matches(regex, text, true, out, err);
}
