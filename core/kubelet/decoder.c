#include "kubelet/decoder.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cold.h"
#include "base/hash.h"
#include "kubelet/decoder_inside.h"

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
  while (len_bytes > 0 && left[len_bytes - 1] == right[len_bytes - 1])
    len_bytes--;
  return len_bytes == 0;
}

static inline bool has_name(const struct mw_member *member, struct mw_slice name)
{
  return member->name_bytes == name.len_bytes && is_same(member->name, name.data, name.len_bytes);
}

/* From the last one on, then from the first one. */
static const struct mw_member *search(const struct mw_frame *frame, struct mw_slice name)
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

static MW_APART int begin_pair(struct mw_decoder *decoder, struct mw_frame *frame,
                               struct mw_slice key, struct mw_error *err)
{
  frame->pair = NULL;
  frame->mark = mw_arena_mark(decoder->config.arena);
  if (!mw_decoder_is_text(key)) {
    mw_decoder_odd_text(decoder, "a key that is no text", key);
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

/* In the table of its object, or not; perhaps it was there before. */
static MW_APART int find_key(struct mw_decoder *decoder, struct mw_frame *frame,
                             struct mw_slice key)
{
  const struct mw_member *member = search(frame, key);

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

static int on_key(void *data, struct mw_slice key, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  struct mw_frame *frame = top_of(decoder);
  const struct mw_member *next = frame->next;

  if (frame->kind == MW_FRAME_MAP)
    return begin_pair(decoder, frame, key, err);
  /* What nearly always comes needs no call. */
  if (next < frame->shape->members + frame->shape->members_count && has_name(next, key)) {
    uint64_t bit = UINT64_C(1) << (next - frame->shape->members);
    if (!(frame->seen & bit)) {
      frame->seen |= bit;
      frame->at = next;
      frame->next = next + 1;
      return 0;
    }
  }
  return find_key(decoder, frame, key);
}

/* ---- Objects and lists ---- */

/* ... and ends after what it has inside. */
static MW_COLD int wrong_container(struct mw_decoder *decoder, const char *what,
                                   struct mw_error *err)
{
  int rc = mw_decoder_wrong_type(decoder, what, err);

  if (rc == 0)
    mw_json_reader_skip(decoder->reader);
  return rc;
}

/* A frame for the caller to fill; NULL: the tables are nested too deep, which a test would see. */
static struct mw_frame *push(struct mw_decoder *decoder, struct mw_error *err)
{
  if (decoder->depth == MW_FRAMES_MAX) {
    mw_error_set(err, EMSGSIZE, "tables nested deeper than %d levels", MW_FRAMES_MAX);
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
  struct mw_frame *frame = push(decoder, err);

  if (!frame)
    return -err->code;
  frame->kind = MW_FRAME_OBJECT;
  frame->shape = shape;
  frame->next = shape->members;
  frame->at = NULL;
  frame->target = target;
  frame->seen = 0;
  return 0;
}

static int begin_element(struct mw_decoder *decoder, struct mw_error *err)
{
  struct mw_frame *frame = top_of(decoder);
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
static int begin_chain(struct mw_decoder *decoder, enum mw_frame_kind kind,
                       const struct mw_member *member, struct mw_error *err)
{
  struct mw_frame *owner = top_of(decoder);
  struct mw_frame *frame = push(decoder, err);

  if (!frame)
    return -err->code;
  *frame = (struct mw_frame){.kind = kind,
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
  const struct mw_frame *frame = top_of(decoder);
  if (frame->kind == MW_FRAME_LIST)
    return begin_element(decoder, err);
  const struct mw_member *member = awaited(decoder);
  if (member && member->kind == MW_MEMBER_PART)
    return push_object(decoder, member->shape, member_of(frame, member), err);
  if (member && member->kind == MW_MEMBER_RECORD)
    return begin_record(decoder, member, err);
  if (member && member->kind == MW_MEMBER_MAP)
    return begin_chain(decoder, MW_FRAME_MAP, member, err);
  return wrong_container(decoder, "an object", err);
}

static int on_begin_array(void *data, struct mw_error *err)
{
  struct mw_decoder *decoder = data;
  const struct mw_member *member = awaited(decoder);

  if (member && member->kind == MW_MEMBER_LIST)
    return begin_chain(decoder, MW_FRAME_LIST, member, err);
  return wrong_container(decoder, "a list", err);
}

static int on_end_array(void *data, struct mw_error *err)
{
  struct mw_decoder *decoder = data;

  (void)err;
  pop(decoder);
  return 0;
}

static void *load_pointer(const void *at)
{
  void *pointer;

  memcpy(&pointer, at, sizeof pointer);
  return pointer;
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
  struct mw_frame *list = top_of(decoder);

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
  struct mw_frame *frame = top_of(decoder);
  void *record = frame->target;
  int rc = 0;

  if (frame->kind == MW_FRAME_MAP) {
    sort_map(member_of(frame, frame->via));
    pop(decoder);
    return 0;
  }
  frame->at = NULL; /* an oddity that is found now is of the whole object */
  if (frame->shape->finish)
    rc = frame->shape->finish(decoder, decoder->depth > 1 ? frame[-1].target : NULL, record, err);
  pop(decoder);
  if (rc >= 0 && decoder->depth > 0 && top_of(decoder)->kind == MW_FRAME_LIST)
    end_element(decoder, record, rc != MW_LEAVE_OUT);
  return rc < 0 ? rc : 0;
}

/* ---- Life cycle ---- */

struct mw_decoder *mw_decoder_new(const struct mw_decoder_config *config, struct mw_error *err)
{
  static const struct mw_json_events events = {
      .null = mw_decoder_on_null,
      .boolean = mw_decoder_on_boolean,
      .number = mw_decoder_on_number,
      .string = mw_decoder_on_string,
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
