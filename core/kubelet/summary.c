#include "kubelet/summary.h"

#include <errno.h>
#include <stdlib.h>

struct mw_kubelet_summary_result {
  struct mw_kubelet_summary summary; /* first: who frees it has this address */
  struct mw_arena arena;
};

struct mw_kubelet_summary_reader {
  struct mw_kubelet_summary_result *result; /* NULL: taken */
  struct mw_decoder *decoder;
};

struct mw_kubelet_summary_reader *
mw_kubelet_summary_reader_new(const struct mw_kubelet_limits *limits, struct mw_error *err)
{
  static const struct mw_kubelet_limits defaults = {0};
  struct mw_kubelet_summary_reader *reader = calloc(1, sizeof *reader);
  struct mw_kubelet_summary_result *result = calloc(1, sizeof *result);

  if (!reader || !result) {
    mw_error_set(err, ENOMEM, "out of memory for reading a stats summary");
    free(reader);
    free(result);
    return NULL;
  }
  if (!limits)
    limits = &defaults;
  mw_arena_init(&result->arena, limits->result_max_bytes > 0 ? limits->result_max_bytes
                                                             : MW_KUBELET_RESULT_DEFAULT_BYTES);
  reader->result = result;
  reader->decoder =
      mw_decoder_new(&(struct mw_decoder_config){.shape = &mw_kubelet_summary_shape,
                                                 .root = &result->summary,
                                                 .arena = &result->arena,
                                                 .oddities = &result->summary.oddities,
                                                 .noun = "stats summary",
                                                 .document_max_bytes = limits->document_max_bytes},
                     err);
  if (reader->decoder)
    return reader;
  mw_kubelet_summary_reader_free(reader);
  return NULL;
}

void mw_kubelet_summary_reader_free(struct mw_kubelet_summary_reader *reader)
{
  if (!reader)
    return;
  mw_decoder_free(reader->decoder);
  mw_kubelet_summary_free(reader->result ? &reader->result->summary : NULL);
  free(reader);
}

int mw_kubelet_summary_reader_feed(struct mw_kubelet_summary_reader *reader, const char *piece,
                                   size_t len_bytes, struct mw_error *err)
{
  return mw_decoder_feed(reader->decoder, (struct mw_slice){piece, len_bytes}, err);
}

struct mw_kubelet_summary *mw_kubelet_summary_reader_take(struct mw_kubelet_summary_reader *reader,
                                                          struct mw_error *err)
{
  struct mw_kubelet_summary_result *result = reader->result;

  if (mw_decoder_finish(reader->decoder, err) < 0)
    return NULL;
  reader->result = NULL;
  return &result->summary;
}

static const struct mw_kubelet_summary_result *result_of(const struct mw_kubelet_summary *summary)
{
  return (const struct mw_kubelet_summary_result *)(const void *)summary;
}

void mw_kubelet_summary_free(struct mw_kubelet_summary *summary)
{
  struct mw_kubelet_summary_result *result = (struct mw_kubelet_summary_result *)(void *)summary;

  if (!result)
    return;
  mw_arena_deinit(&result->arena);
  free(result);
}

size_t mw_kubelet_summary_bytes(const struct mw_kubelet_summary *summary)
{
  return sizeof(struct mw_kubelet_summary_result) + result_of(summary)->arena.chunks_bytes;
}
