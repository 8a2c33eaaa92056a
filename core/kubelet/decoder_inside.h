/**
 * @file decoder_inside.h
 * What the parts of the decoder share. What is promised is in decoder.h.
 *
 *   decoder.c           members, objects, lists and maps; life cycle
 *   decoder_values.c    plain values
 *   decoder_oddities.c  what cannot be used
 *
 * Thread-safety: as the decoder.
 */
#ifndef MW_KUBELET_DECODER_INSIDE_H
#define MW_KUBELET_DECODER_INSIDE_H

#include <string.h>

#include "kubelet/decoder.h"

/* The deepest are pod list, pod, status, statuses, one, its state, terminated. */
#define MW_FRAMES_MAX 16

enum mw_frame_kind { MW_FRAME_OBJECT, MW_FRAME_LIST, MW_FRAME_MAP };

/* An object, a list or a map that is being read. */
struct mw_frame {
  enum mw_frame_kind kind;
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
  struct mw_frame *top;
  struct mw_frame frames[MW_FRAMES_MAX];
};

static inline struct mw_frame *top_of(struct mw_decoder *decoder)
{
  return decoder->top;
}

/* Structs keep pointers of their own types. */
static inline void store_pointer(void *at, const void *pointer)
{
  memcpy(at, &pointer, sizeof pointer);
}

static inline void *member_of(const struct mw_frame *frame, const struct mw_member *member)
{
  return (char *)frame->target + member->offset;
}

/** The member whose value comes; NULL: it is an element of a list, a pair of a map, the document.
 */
static inline const struct mw_member *awaited(struct mw_decoder *decoder)
{
  if (decoder->depth == 0 || top_of(decoder)->kind != MW_FRAME_OBJECT)
    return NULL;
  return top_of(decoder)->at;
}

/* A value that is not kept has come to its end. */
static inline void pass_over(struct mw_decoder *decoder)
{
  struct mw_frame *frame = top_of(decoder);

  if (frame->kind == MW_FRAME_LIST)
    frame->index++;
  else if (frame->kind == MW_FRAME_MAP)
    mw_arena_rewind(decoder->config.arena, frame->mark);
}

/* ---- decoder_values.c: events of the reader ---- */

int mw_decoder_on_null(void *decoder, struct mw_error *err);
int mw_decoder_on_boolean(void *decoder, bool value, struct mw_error *err);
int mw_decoder_on_number(void *decoder, const struct mw_json_number *number, struct mw_error *err);
int mw_decoder_on_string(void *decoder, struct mw_slice text, struct mw_error *err);

/** Is it fit for a string of C? The reader leaves this to us: what is not kept needs no check. */
bool mw_decoder_is_text(struct mw_slice text);

/* ---- decoder_oddities.c ---- */

/** @p what, the value that came, is of no use where the decoder is.
 *  @return 0: it is an oddity; -EBADMSG: it fails the document. */
int mw_decoder_wrong_type(struct mw_decoder *decoder, const char *what, struct mw_error *err);
int mw_decoder_wrong_document(struct mw_decoder *decoder, const char *what, struct mw_error *err);

/** "no time: \"soon\"" */
void mw_decoder_odd_text(struct mw_decoder *decoder, const char *what, struct mw_slice text);
/** "-1 where a whole number ... belongs" */
void mw_decoder_odd_number(struct mw_decoder *decoder, const struct mw_member *member,
                           struct mw_slice text);

#endif
