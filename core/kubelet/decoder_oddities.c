#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/cold.h"
#include "base/text.h"
#include "kubelet/decoder_inside.h"

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
    const struct mw_frame *frame = &decoder->frames[i];
    if (frame->kind == MW_FRAME_LIST)
      used = append(out, out_bytes, used, "[%zu]", frame->index);
    else if (frame->kind == MW_FRAME_MAP && frame->pair)
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

MW_COLD void mw_decoder_odd_text(struct mw_decoder *decoder, const char *what, struct mw_slice text)
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

MW_COLD int mw_decoder_wrong_document(struct mw_decoder *decoder, const char *what,
                                      struct mw_error *err)
{
  return mw_error_set(err, EBADMSG, "no %s: %s where an object belongs", decoder->config.noun,
                      what);
}

/* @p what, the value that came, is of no use where the decoder is. */
MW_COLD int mw_decoder_wrong_type(struct mw_decoder *decoder, const char *what,
                                  struct mw_error *err)
{
  if (decoder->depth == 0)
    return mw_decoder_wrong_document(decoder, what, err);
  const struct mw_frame *frame = top_of(decoder);
  if (frame->kind == MW_FRAME_OBJECT && frame->at->must_be)
    return mw_error_set(err, EBADMSG, "no %s: \"%s\" is %s, not a list", decoder->config.noun,
                        frame->at->name, what);
  const char *wanted = frame->kind == MW_FRAME_MAP    ? "text"
                       : frame->kind == MW_FRAME_LIST ? "an object"
                                                      : expected[frame->at->kind];
  mw_decoder_odd(decoder, "%s where %s belongs", what, wanted);
  pass_over(decoder);
  return 0;
}

MW_COLD void mw_decoder_odd_number(struct mw_decoder *decoder, const struct mw_member *member,
                                   struct mw_slice text)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  mw_decoder_odd(decoder, "%s where %s belongs", mw_text_quote(text, quoted),
                 expected[member->kind]);
}
