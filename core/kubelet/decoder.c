#include "kubelet/decoder.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cold.h"
#include "base/hash.h"
#include "base/text.h"

/* The deepest are pod list, pod, status, statuses, one, its state, terminated. */
#define FRAMES_MAX 16

/* Exact in a double, and so in what a whole number with an exponent is read as. */
#define EXACT_MAX 9007199254740992.0

enum frame_kind { FRAME_OBJECT, FRAME_LIST, FRAME_MAP };

/* An object, a list or a map that is being read. */
struct frame {
  enum frame_kind kind;
  const struct mw_shape *shape; /* of an object; of a list: of its elements */
  const struct mw_member *via;  /* the member that it is the value of; NULL: the document */
  const struct mw_member *next; /* an object: where to look first */
  const struct mw_member *at;   /* an object: the member whose value comes */
  void *target;                 /* the struct; of a list or map: the one that it belongs to */
  uint64_t seen;                /* an object: members that were there already */
  void *last;                   /* a list or map: where the pointer to the next one goes */
  size_t index;                 /* a list: of the element that is read or comes next */
  size_t kept;                  /* a list: elements that are in it */
  struct mw_kubelet_pair *pair; /* a map: whose value comes */
  struct mw_arena_mark mark;    /* a list or map: before its current element */
};

struct mw_decoder {
  struct mw_decoder_config config;
  struct mw_json_reader *reader;
  char time_text[24]; /* the last one: most come several times in a row */
  size_t time_bytes;
  int64_t time_ns;
  unsigned depth; /* frames in use */
  struct frame *top;
  struct frame frames[FRAMES_MAX];
};

static struct frame *top_of(struct mw_decoder *decoder)
{
  return decoder->top;
}

/* Structs keep pointers of their own types. */
static void store_pointer(void *at, const void *pointer)
{
  memcpy(at, &pointer, sizeof pointer);
}

static void *load_pointer(const void *at)
{
  void *pointer;

  memcpy(&pointer, at, sizeof pointer);
  return pointer;
}

static void *member_of(const struct frame *frame, const struct mw_member *member)
{
  return (char *)frame->target + member->offset;
}

/* ---- Oddities ---- */

static size_t append(char *out, size_t out_bytes, size_t used, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static size_t append(char *out, size_t out_bytes, size_t used, const char *fmt, ...)
{
  va_list args;

  if (used + 1 >= out_bytes)
    return used;
  va_start(args, fmt);
  int printed = vsnprintf(out + used, out_bytes - used, fmt, args);
  va_end(args);
  if (printed < 0)
    return used;
  return (size_t)printed < out_bytes - used ? used + (size_t)printed : out_bytes - 1;
}

/* "items[3].status.startTime" */
static size_t append_place(const struct mw_decoder *decoder, char *out, size_t out_bytes)
{
  char quoted[MW_TEXT_QUOTED_BYTES];
  size_t used = 0;

  out[0] = '\0';
  for (unsigned i = 0; i < decoder->depth; i++) {
    const struct frame *frame = &decoder->frames[i];
    if (frame->kind == FRAME_LIST)
      used = append(out, out_bytes, used, "[%zu]", frame->index);
    else if (frame->kind == FRAME_MAP && frame->pair)
      used = append(
          out, out_bytes, used, "[%s]",
          mw_text_quote((struct mw_slice){frame->pair->key, strlen(frame->pair->key)}, quoted));
    else if (frame->at)
      used = append(out, out_bytes, used, "%s%s", used > 0 ? "." : "", frame->at->name);
  }
  return used;
}

MW_COLD void mw_decoder_odd(struct mw_decoder *decoder, const char *fmt, ...)
{
  struct mw_kubelet_oddities *oddities = decoder->config.oddities;
  va_list args;

  if (oddities->count++ > 0)
    return;
  size_t used = append_place(decoder, oddities->first, sizeof oddities->first - 1);
  used = append(oddities->first, sizeof oddities->first, used, "%s", used > 0 ? ": " : "");
  va_start(args, fmt);
  vsnprintf(oddities->first + used, sizeof oddities->first - used, fmt, args);
  va_end(args);
}

static MW_COLD void odd_text(struct mw_decoder *decoder, const char *what, struct mw_slice text)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  mw_decoder_odd(decoder, "%s: %s", what, mw_text_quote(text, quoted));
}

int mw_decoder_require(struct mw_decoder *decoder, const char *text, const char *what)
{
  if (text)
    return 0;
  mw_decoder_odd(decoder, "%s", what);
  return MW_LEAVE_OUT;
}

/* ---- Forgetting what a repeated member gave ---- */

static size_t size_of(const struct mw_member *member)
{
  switch ((enum mw_member_kind)member->kind) {
  case MW_MEMBER_NUMBER:
  case MW_MEMBER_CPU:
  case MW_MEMBER_BYTES:
    return sizeof(struct mw_kubelet_number);
  case MW_MEMBER_INTEGER:
    return sizeof(struct mw_kubelet_integer);
  case MW_MEMBER_DECIMAL:
    return sizeof(struct mw_kubelet_decimal);
  case MW_MEMBER_ANSWER:
    return sizeof(enum mw_kubelet_answer);
  case MW_MEMBER_TIME:
    return sizeof(int64_t);
  case MW_MEMBER_PART:
    return member->shape->size_bytes;
  default:
    return sizeof(void *);
  }
}

static MW_COLD void forget(void *base, const struct mw_member *member)
{
  char *target = (char *)base + member->offset;

  if (member->kind == MW_MEMBER_PART && member->shape->size_bytes == 0)
    for (size_t i = 0; i < member->shape->members_count; i++)
      forget(target, &member->shape->members[i]);
  else
    memset(target, 0, size_of(member));
  if (member->count_offset > 0)
    memset((char *)base + member->count_offset, 0, sizeof(size_t));
}

/* ---- Keys ---- */

/* Keys are short, and most are what was expected: a call of memcmp would cost more than this. Words
 * overlap where the length is no multiple of theirs. */
static inline bool is_same_word(const char *left, const char *right, size_t at)
{
  uint64_t one, other;

  memcpy(&one, left + at, sizeof one);
  memcpy(&other, right + at, sizeof other);
  return one == other;
}

static inline bool is_same_half(const char *left, const char *right, size_t at)
{
  uint32_t one, other;

  memcpy(&one, left + at, sizeof one);
  memcpy(&other, right + at, sizeof other);
  return one == other;
}

static inline bool is_same(const char *left, const char *right, size_t len_bytes)
{
  if (len_bytes >= 8 && len_bytes <= 24)
    return is_same_word(left, right, 0) && is_same_word(left, right, len_bytes - 8) &&
           (len_bytes <= 16 || is_same_word(left, right, 8));
  if (len_bytes >= 4 && len_bytes < 8)
    return is_same_half(left, right, 0) && is_same_half(left, right, len_bytes - 4);
  return memcmp(left, right, len_bytes) == 0;
}

static inline bool has_name(const struct mw_member *member, struct mw_slice name)
{
  return member->name_bytes == name.len_bytes && is_same(member->name, name.data, name.len_bytes);
}

/* From the last one on, then from the first one. */
static __attribute__((noinline)) const struct mw_member *search(const struct frame *frame,
                                                                struct mw_slice name)
{
  const struct mw_member *first = frame->shape->members;
  const struct mw_member *end = first + frame->shape->members_count;

  for (const struct mw_member *member = frame->next; member < end; member++)
    if (has_name(member, name))
      return member;
  for (const struct mw_member *member = first; member < frame->next; member++)
    if (has_name(member, name))
      return member;
  return NULL;
}

static inline const struct mw_member *find_member(const struct frame *frame, struct mw_slice name)
{
  if (frame->next < frame->shape->members + frame->shape->members_count &&
      has_name(frame->next, name))
    return frame->next;
  return search(frame, name);
}

/* Fit for a string of C. The reader leaves this to us: what is not kept needs no check. */
static bool is_text(struct mw_slice text)
{
  return !memchr(text.data, '\0', text.len_bytes) && mw_utf8_is_valid(text);
}

static int begin_pair(struct mw_decoder *decoder, struct frame *frame, struct mw_slice key,
                      struct mw_error *err)
{
  frame->pair = NULL;
  frame->mark = mw_arena_mark(decoder->config.arena);
  if (!is_text(key)) {
    odd_text(decoder, "a key that is no text", key);
    mw_json_reader_skip(decoder->reader);
    return 0;
  }
  struct mw_kubelet_pair *pair = mw_arena_take(decoder->config.arena, sizeof *pair, err);
  if (!pair)
    return -err->code;
  pair->key = mw_arena_copy_text(decoder->config.arena, key, err);
  frame->pair = pair;
  return pair->key ? 0 : -err->code;
}

static int on_key(void *data, struct mw_slice key, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  struct frame *frame = top_of(decoder);

  if (frame->kind == FRAME_MAP)
    return begin_pair(decoder, frame, key, err);
  const struct mw_member *member = find_member(frame, key);
  frame->at = member;
  if (!member) {
    mw_json_reader_skip(decoder->reader);
    return 0;
  }
  frame->next = member + 1;
  uint64_t bit = UINT64_C(1) << (member - frame->shape->members);
  if (frame->seen & bit) {
    mw_decoder_odd(decoder, "is there twice");
    forget(frame->target, member);
  }
  frame->seen |= bit;
  return 0;
}

/* ---- Values of the wrong type ---- */

static const char *const expected[] = {
    [MW_MEMBER_TEXT] = "text",
    [MW_MEMBER_NUMBER] = "a whole number from 0 to 2^64 - 1",
    [MW_MEMBER_INTEGER] = "a whole number of 64 bits",
    [MW_MEMBER_DECIMAL] = "a number",
    [MW_MEMBER_ANSWER] = "true or false",
    [MW_MEMBER_TIME] = "a time",
    [MW_MEMBER_CPU] = "a quantity",
    [MW_MEMBER_BYTES] = "a quantity",
    [MW_MEMBER_PART] = "an object",
    [MW_MEMBER_RECORD] = "an object",
    [MW_MEMBER_LIST] = "a list",
    [MW_MEMBER_MAP] = "an object",
};

static MW_COLD int wrong_document(struct mw_decoder *decoder, const char *what,
                                  struct mw_error *err)
{
  return mw_error_set(err, EBADMSG, "no %s: %s where an object belongs", decoder->config.noun,
                      what);
}

/* A value that is not kept has come to its end. */
static void pass_over(struct mw_decoder *decoder)
{
  struct frame *frame = top_of(decoder);

  if (frame->kind == FRAME_LIST)
    frame->index++;
  else if (frame->kind == FRAME_MAP)
    mw_arena_rewind(decoder->config.arena, frame->mark);
}

/* @p what, the value that came, is of no use where the decoder is. */
static MW_COLD int wrong_type(struct mw_decoder *decoder, const char *what, struct mw_error *err)
{
  if (decoder->depth == 0)
    return wrong_document(decoder, what, err);
  const struct frame *frame = top_of(decoder);
  if (frame->kind == FRAME_OBJECT && frame->at->must_be)
    return mw_error_set(err, EBADMSG, "no %s: \"%s\" is %s, not a list", decoder->config.noun,
                        frame->at->name, what);
  const char *wanted = frame->kind == FRAME_MAP    ? "text"
                       : frame->kind == FRAME_LIST ? "an object"
                                                   : expected[frame->at->kind];
  mw_decoder_odd(decoder, "%s where %s belongs", what, wanted);
  pass_over(decoder);
  return 0;
}

/* ... and ends after what it has inside. */
static MW_COLD int wrong_container(struct mw_decoder *decoder, const char *what,
                                   struct mw_error *err)
{
  int rc = wrong_type(decoder, what, err);

  if (rc == 0)
    mw_json_reader_skip(decoder->reader);
  return rc;
}

static const struct mw_member *awaited(struct mw_decoder *decoder)
{
  if (decoder->depth == 0 || top_of(decoder)->kind != FRAME_OBJECT)
    return NULL;
  return top_of(decoder)->at;
}

/* ---- Plain values ---- */

static int on_null(void *data, struct mw_error *err)
{
  struct mw_decoder *decoder = data;

  if (decoder->depth == 0)
    return wrong_document(decoder, "null", err);
  struct frame *frame = top_of(decoder);
  if (frame->kind == FRAME_OBJECT && frame->at->null_fails)
    return mw_error_set(err, EBADMSG,
                        "no %s: \"%s\" is null, as it is for some seconds after a kubelet's start; "
                        "ask again",
                        decoder->config.noun, frame->at->name);
  if (frame->kind == FRAME_LIST && frame->shape->null_element)
    frame->shape->null_element(frame->target);
  pass_over(decoder);
  return 0;
}

static int on_boolean(void *data, bool value, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  const struct mw_member *member = awaited(decoder);

  if (member && member->kind == MW_MEMBER_ANSWER) {
    enum mw_kubelet_answer answer = value ? MW_KUBELET_YES : MW_KUBELET_NO;
    memcpy(member_of(top_of(decoder), member), &answer, sizeof answer);
    return 0;
  }
  return wrong_type(decoder, value ? "true" : "false", err);
}

static bool is_whole(const struct mw_json_number *number)
{
  return number->kind == MW_JSON_DOUBLE && number->value.f64 >= -EXACT_MAX &&
         number->value.f64 <= EXACT_MAX && number->value.f64 == (double)(int64_t)number->value.f64;
}

static bool set_number(struct mw_kubelet_number *out, const struct mw_json_number *number)
{
  uint64_t value;

  if (number->kind == MW_JSON_U64)
    value = number->value.u64;
  else if (number->kind == MW_JSON_I64 && number->value.i64 >= 0)
    value = (uint64_t)number->value.i64;
  else if (is_whole(number) && number->value.f64 >= 0)
    value = (uint64_t)number->value.f64;
  else
    return false;
  *out = (struct mw_kubelet_number){value, true};
  return true;
}

static bool set_integer(struct mw_kubelet_integer *out, const struct mw_json_number *number)
{
  if (number->kind == MW_JSON_I64)
    *out = (struct mw_kubelet_integer){number->value.i64, true};
  else if (is_whole(number))
    *out = (struct mw_kubelet_integer){(int64_t)number->value.f64, true};
  return out->known;
}

static bool set_decimal(struct mw_kubelet_decimal *out, const struct mw_json_number *number)
{
  double value = number->kind == MW_JSON_I64   ? (double)number->value.i64
                 : number->kind == MW_JSON_U64 ? (double)number->value.u64
                                               : number->value.f64;
  if (!isfinite(value))
    return false;
  *out = (struct mw_kubelet_decimal){value, true};
  return true;
}

static bool set_quantity(struct mw_kubelet_number *out, const struct mw_member *member,
                         struct mw_slice text)
{
  unsigned scale = member->kind == MW_MEMBER_CPU ? 9 : 0;
  int64_t value;

  if (mw_kubelet_parse_quantity(text.data, text.len_bytes, scale, &value) < 0 || value < 0)
    return false;
  *out = (struct mw_kubelet_number){(uint64_t)value, true};
  return true;
}

static MW_COLD void odd_number(struct mw_decoder *decoder, const struct mw_member *member,
                               struct mw_slice text)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  mw_decoder_odd(decoder, "%s where %s belongs", mw_text_quote(text, quoted),
                 expected[member->kind]);
}

static int on_number(void *data, const struct mw_json_number *number, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  const struct mw_member *member = awaited(decoder);
  bool is_set = false;

  if (!member)
    return wrong_type(decoder, "a number", err);
  void *target = member_of(top_of(decoder), member);
  switch ((enum mw_member_kind)member->kind) {
  case MW_MEMBER_NUMBER:
    is_set = set_number(target, number);
    break;
  case MW_MEMBER_INTEGER:
    is_set = set_integer(target, number);
    break;
  case MW_MEMBER_DECIMAL:
    is_set = set_decimal(target, number);
    break;
  case MW_MEMBER_CPU:
  case MW_MEMBER_BYTES:
    is_set = set_quantity(target, member, number->text);
    break;
  default:
    return wrong_type(decoder, "a number", err);
  }
  if (!is_set)
    odd_number(decoder, member, number->text);
  return 0;
}

static int set_text(struct mw_decoder *decoder, void *target, struct mw_slice text,
                    struct mw_error *err)
{
  if (!is_text(text)) {
    odd_text(decoder, "no text, for a NUL byte or what is not UTF-8", text);
    return 0;
  }
  const char *copy = mw_arena_copy_text(decoder->config.arena, text, err);
  if (!copy)
    return -err->code;
  store_pointer(target, copy);
  return 0;
}

static void set_time(struct mw_decoder *decoder, void *target, struct mw_slice text)
{
  int64_t time_ns;

  if (text.len_bytes > 0 && text.len_bytes == decoder->time_bytes &&
      memcmp(text.data, decoder->time_text, text.len_bytes) == 0) {
    memcpy(target, &decoder->time_ns, sizeof decoder->time_ns);
    return;
  }
  if (mw_kubelet_parse_time(text.data, text.len_bytes, &time_ns) < 0) {
    odd_text(decoder, "no time", text);
    return;
  }
  memcpy(target, &time_ns, sizeof time_ns);
  if (text.len_bytes > sizeof decoder->time_text)
    return;
  memcpy(decoder->time_text, text.data, text.len_bytes);
  decoder->time_bytes = text.len_bytes;
  decoder->time_ns = time_ns;
}

/* A pair is in its map from now on. */
static int end_pair(struct mw_decoder *decoder, struct frame *frame, struct mw_slice value,
                    struct mw_error *err)
{
  int rc = set_text(decoder, &frame->pair->value, value, err);

  if (rc < 0)
    return rc;
  if (!frame->pair->value) {
    mw_arena_rewind(decoder->config.arena, frame->mark);
    return 0;
  }
  store_pointer(frame->last, frame->pair);
  frame->last = &frame->pair->next;
  return 0;
}

static int on_string(void *data, struct mw_slice text, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  const struct mw_member *member = awaited(decoder);

  if (!member && decoder->depth > 0 && top_of(decoder)->kind == FRAME_MAP)
    return end_pair(decoder, top_of(decoder), text, err);
  if (!member)
    return wrong_type(decoder, "text", err);
  void *target = member_of(top_of(decoder), member);
  switch ((enum mw_member_kind)member->kind) {
  case MW_MEMBER_TEXT:
    return set_text(decoder, target, text, err);
  case MW_MEMBER_TIME:
    set_time(decoder, target, text);
    return 0;
  case MW_MEMBER_CPU:
  case MW_MEMBER_BYTES:
    if (!set_quantity(target, member, text))
      odd_text(decoder, "no quantity of at least 0", text);
    return 0;
  default:
    return wrong_type(decoder, "text", err);
  }
}

/* ---- Objects and lists ---- */

/* A frame for the caller to fill; NULL: the tables are nested too deep, which a test would see. */
static struct frame *push(struct mw_decoder *decoder, struct mw_error *err)
{
  if (decoder->depth == FRAMES_MAX) {
    mw_error_set(err, EMSGSIZE, "tables nested deeper than %d levels", FRAMES_MAX);
    return NULL;
  }
  decoder->top = &decoder->frames[decoder->depth++];
  return decoder->top;
}

static void pop(struct mw_decoder *decoder)
{
  decoder->depth--;
  decoder->top = decoder->depth > 0 ? &decoder->frames[decoder->depth - 1] : NULL;
}

static int push_object(struct mw_decoder *decoder, const struct mw_shape *shape, void *target,
                       struct mw_error *err)
{
  struct frame *frame = push(decoder, err);

  if (!frame)
    return -err->code;
  frame->kind = FRAME_OBJECT;
  frame->shape = shape;
  frame->next = shape->members;
  frame->at = NULL;
  frame->target = target;
  frame->seen = 0;
  return 0;
}

static int begin_element(struct mw_decoder *decoder, struct mw_error *err)
{
  struct frame *frame = top_of(decoder);
  size_t max = frame->via->max > 0 ? frame->via->max : MW_LIST_MAX;

  if (frame->kept == max) {
    mw_decoder_odd(decoder, "more than %zu elements", max);
    frame->index++;
    mw_json_reader_skip(decoder->reader);
    return 0;
  }
  frame->mark = mw_arena_mark(decoder->config.arena);
  void *record = mw_arena_take(decoder->config.arena, frame->shape->size_bytes, err);
  return record ? push_object(decoder, frame->shape, record, err) : -err->code;
}

static int begin_record(struct mw_decoder *decoder, const struct mw_member *member,
                        struct mw_error *err)
{
  void *record = mw_arena_take(decoder->config.arena, member->shape->size_bytes, err);

  if (!record)
    return -err->code;
  store_pointer(member_of(top_of(decoder), member), record);
  return push_object(decoder, member->shape, record, err);
}

/* A list or a map: its elements go to the end of the chain that begins at the member. */
static int begin_chain(struct mw_decoder *decoder, enum frame_kind kind,
                       const struct mw_member *member, struct mw_error *err)
{
  struct frame *owner = top_of(decoder);
  struct frame *frame = push(decoder, err);

  if (!frame)
    return -err->code;
  *frame = (struct frame){.kind = kind,
                          .shape = member->shape,
                          .via = member,
                          .target = owner->target,
                          .last = member_of(owner, member)};
  return 0;
}

static int on_begin_object(void *data, struct mw_error *err)
{
  struct mw_decoder *decoder = data;

  if (decoder->depth == 0)
    return push_object(decoder, decoder->config.shape, decoder->config.root, err);
  const struct frame *frame = top_of(decoder);
  if (frame->kind == FRAME_LIST)
    return begin_element(decoder, err);
  const struct mw_member *member = awaited(decoder);
  if (member && member->kind == MW_MEMBER_PART)
    return push_object(decoder, member->shape, member_of(frame, member), err);
  if (member && member->kind == MW_MEMBER_RECORD)
    return begin_record(decoder, member, err);
  if (member && member->kind == MW_MEMBER_MAP)
    return begin_chain(decoder, FRAME_MAP, member, err);
  return wrong_container(decoder, "an object", err);
}

static int on_begin_array(void *data, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  const struct mw_member *member = awaited(decoder);

  if (member && member->kind == MW_MEMBER_LIST)
    return begin_chain(decoder, FRAME_LIST, member, err);
  return wrong_container(decoder, "a list", err);
}

static int on_end_array(void *data, struct mw_error *err)
{
  struct mw_decoder *decoder = data;

  (void)err;
  pop(decoder);
  return 0;
}

static int by_key(const struct mw_kubelet_pair *left, const struct mw_kubelet_pair *right)
{
  return strcmp(left->key, right->key);
}

/* Kubelets write maps sorted, which costs one look at each pair. Of equal keys the last one counts:
 * the sort keeps their order. */
static void sort_map(void *first)
{
  struct mw_kubelet_pair *pairs = load_pointer(first), *pair = pairs;

  while (pair && pair->next && strcmp(pair->key, pair->next->key) < 0)
    pair = pair->next;
  if (!pair || !pair->next)
    return;
  LL_SORT(pairs, by_key);
  struct mw_kubelet_pair **link = &pairs;
  while (*link)
    if ((*link)->next && strcmp((*link)->key, (*link)->next->key) == 0)
      *link = (*link)->next;
    else
      link = &(*link)->next;
  store_pointer(first, pairs);
}

/* An element is linked into its list only now: what fails on the way is never seen. */
static void end_element(struct mw_decoder *decoder, void *record, bool is_kept)
{
  struct frame *list = top_of(decoder);

  list->index++;
  if (!is_kept) {
    mw_arena_rewind(decoder->config.arena, list->mark);
    return;
  }
  store_pointer(list->last, record);
  list->last = record;
  list->kept++;
  if (list->via->count_offset > 0)
    memcpy((char *)list->target + list->via->count_offset, &list->kept, sizeof list->kept);
}

static int on_end_object(void *data, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  struct frame *frame = top_of(decoder);
  void *record = frame->target;
  int rc = 0;

  if (frame->kind == FRAME_MAP) {
    sort_map(member_of(frame, frame->via));
    pop(decoder);
    return 0;
  }
  frame->at = NULL; /* an oddity that is found now is of the whole object */
  if (frame->shape->finish)
    rc = frame->shape->finish(decoder, decoder->depth > 1 ? frame[-1].target : NULL, record, err);
  pop(decoder);
  if (rc >= 0 && decoder->depth > 0 && top_of(decoder)->kind == FRAME_LIST)
    end_element(decoder, record, rc != MW_LEAVE_OUT);
  return rc < 0 ? rc : 0;
}

/* ---- Life cycle ---- */

struct mw_decoder *mw_decoder_new(const struct mw_decoder_config *config, struct mw_error *err)
{
  static const struct mw_json_events events = {
      .null = on_null,
      .boolean = on_boolean,
      .number = on_number,
      .string = on_string,
      .begin_object = on_begin_object,
      .key = on_key,
      .end_object = on_end_object,
      .begin_array = on_begin_array,
      .end_array = on_end_array,
  };
  struct mw_decoder *decoder = calloc(1, sizeof *decoder);

  if (!decoder) {
    mw_error_set(err, ENOMEM, "out of memory for reading a %s", config->noun);
    return NULL;
  }
  decoder->config = *config;
  if (config->document_max_bytes == 0)
    decoder->config.document_max_bytes = MW_KUBELET_DOCUMENT_DEFAULT_BYTES;
  decoder->reader = mw_json_reader_new(
      &(struct mw_json_reader_config){.events = &events,
                                      .data = decoder,
                                      .unchecked = true,
                                      .document_max_bytes = decoder->config.document_max_bytes},
      err);
  if (decoder->reader)
    return decoder;
  mw_decoder_free(decoder);
  return NULL;
}

void mw_decoder_free(struct mw_decoder *decoder)
{
  if (!decoder)
    return;
  mw_json_reader_free(decoder->reader);
  free(decoder);
}

int mw_decoder_feed(struct mw_decoder *decoder, struct mw_slice piece, struct mw_error *err)
{
  return mw_json_reader_feed(decoder->reader, piece, err);
}

int mw_decoder_finish(struct mw_decoder *decoder, struct mw_error *err)
{
  return mw_json_reader_finish(decoder->reader, err);
}
