#include <errno.h>
#include <math.h>

#include "base/cold.h"
#include "base/text.h"
#include "kubelet/decoder_inside.h"

/* Exact in a double, and so in what a whole number with an exponent is read as. */
#define EXACT_MAX 9007199254740992.0

/* Neither a NUL nor a byte over 0x7F: a word at a time, without a call. */
static bool is_plain(struct mw_slice text)
{
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t word, found = 0;
  size_t i = 0;

  for (; i + sizeof word <= text.len_bytes; i += sizeof word) {
    memcpy(&word, text.data + i, sizeof word);
    found |= word | (word - ones); /* the highest bit of a byte that is 0 gets set */
  }
  for (; i < text.len_bytes; i++)
    found |= (uint64_t)(unsigned char)text.data[i] | ((uint64_t)(unsigned char)text.data[i] - 1);
  return (found & ones * 0x80) == 0;
}

/* Fit for a string of C. The reader leaves this to us: what is not kept needs no check. */
bool mw_decoder_is_text(struct mw_slice text)
{
  return is_plain(text) || (!memchr(text.data, '\0', text.len_bytes) && mw_utf8_is_valid(text));
}

/* ---- Plain values ---- */

int mw_decoder_on_null(void *data, struct mw_error *err)
{
  struct mw_decoder *decoder = data;

  if (decoder->depth == 0)
    return mw_decoder_wrong_document(decoder, "null", err);
  struct mw_frame *frame = top_of(decoder);
  if (frame->kind == MW_FRAME_OBJECT && frame->at->null_fails)
    return mw_error_set(err, EBADMSG,
                        "no %s: \"%s\" is null, as it is for some seconds after a kubelet's start; "
                        "ask again",
                        decoder->config.noun, frame->at->name);
  if (frame->kind == MW_FRAME_LIST && frame->shape->null_element)
    frame->shape->null_element(frame->target);
  pass_over(decoder);
  return 0;
}

int mw_decoder_on_boolean(void *data, bool value, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  const struct mw_member *member = awaited(decoder);

  if (member && member->kind == MW_MEMBER_ANSWER) {
    enum mw_kubelet_answer answer = value ? MW_KUBELET_YES : MW_KUBELET_NO;
    memcpy(member_of(top_of(decoder), member), &answer, sizeof answer);
    return 0;
  }
  return mw_decoder_wrong_type(decoder, value ? "true" : "false", err);
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

/* Any number but one that fits where a struct mw_kubelet_number is awaited. */
static MW_APART int take_number(struct mw_decoder *decoder, const struct mw_member *member,
                                const struct mw_json_number *number, struct mw_error *err)
{
  void *target = member ? member_of(top_of(decoder), member) : NULL;
  bool is_set = false;

  switch (member ? (enum mw_member_kind)member->kind : MW_MEMBER_LIST) {
  case MW_MEMBER_NUMBER:
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
    return mw_decoder_wrong_type(decoder, "a number", err);
  }
  if (!is_set)
    mw_decoder_odd_number(decoder, member, number->text);
  return 0;
}

int mw_decoder_on_number(void *data, const struct mw_json_number *number, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  const struct mw_member *member = awaited(decoder);

  if (member && member->kind == MW_MEMBER_NUMBER &&
      set_number(member_of(top_of(decoder), member), number))
    return 0;
  return take_number(decoder, member, number, err);
}

static int set_text(struct mw_decoder *decoder, void *target, struct mw_slice text,
                    struct mw_error *err)
{
  if (!mw_decoder_is_text(text)) {
    mw_decoder_odd_text(decoder, "no text, for a NUL byte or what is not UTF-8", text);
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
    mw_decoder_odd_text(decoder, "no time", text);
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
static int end_pair(struct mw_decoder *decoder, struct mw_frame *frame, struct mw_slice value,
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

int mw_decoder_on_string(void *data, struct mw_slice text, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  const struct mw_member *member = awaited(decoder);

  if (!member && decoder->depth > 0 && top_of(decoder)->kind == MW_FRAME_MAP)
    return end_pair(decoder, top_of(decoder), text, err);
  if (!member)
    return mw_decoder_wrong_type(decoder, "text", err);
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
      mw_decoder_odd_text(decoder, "no quantity of at least 0", text);
    return 0;
  default:
    return mw_decoder_wrong_type(decoder, "text", err);
  }
}
