#include "queue/record.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/crc32c.h"

#define VERSION 1
#define LEVEL 1 /* of zstd: 56 us for 31 KB of JSON, which becomes 10 KB */

/* Smaller bodies, or such as stay nearly as large, are kept as they are. */
#define COMPRESSED_MIN_BYTES 256
#define PAYS(compressed_bytes, body_bytes) ((compressed_bytes) < (body_bytes) / 8 * 7)

/* What the encoder keeps between two messages. */
#define KEPT_BYTES ((size_t)256 << 10)
#define KEPT_COMPRESSOR_BYTES ((size_t)640 << 10)

/* A message: these, then script, kind, body. The checksum leaves out itself alone. */
enum {
  VERSION_AT = 0,
  COMPRESSION_AT = 1,
  SCRIPT_BYTES_AT = 2,
  KIND_BYTES_AT = 3,
  CRC_AT = 4,
  EMITTED_AT = 8,
  SCHEMA_AT = 16,
  BODY_BYTES_AT = 20,
  HEAD_BYTES = 24,
};

enum { AS_IT_IS, ZSTD };

static void put32(uint8_t *at, uint32_t value)
{
  value = htole32(value);
  memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
  value = htole64(value);
  memcpy(at, &value, sizeof value);
}

static uint32_t get32(const uint8_t *at)
{
  uint32_t value;

  memcpy(&value, at, sizeof value);
  return le32toh(value);
}

static uint64_t get64(const uint8_t *at)
{
  uint64_t value;

  memcpy(&value, at, sizeof value);
  return le64toh(value);
}

static uint32_t checksum(const void *key, size_t key_bytes, const uint8_t *bytes, size_t len_bytes)
{
  uint32_t crc = mw_crc32c(0, key, key_bytes);

  crc = mw_crc32c(crc, bytes, CRC_AT);
  return mw_crc32c(crc, bytes + CRC_AT + 4, len_bytes - CRC_AT - 4);
}

static bool is_sound(const void *key, size_t key_bytes, const uint8_t *bytes, size_t len_bytes)
{
  return bytes[VERSION_AT] == VERSION &&
         get32(bytes + CRC_AT) == checksum(key, key_bytes, bytes, len_bytes);
}

/* ---- Keys ---- */

void mw_record_key(uint64_t number, uint8_t out[static MW_RECORD_KEY_BYTES])
{
  number = htobe64(number);
  memcpy(out, &number, MW_RECORD_KEY_BYTES);
}

uint64_t mw_record_number(const void *key, size_t key_bytes)
{
  uint64_t number;

  if (key_bytes != MW_RECORD_KEY_BYTES)
    return 0;
  memcpy(&number, key, sizeof number);
  return be64toh(number);
}

/* ---- Messages: to bytes ---- */

void mw_encoder_deinit(struct mw_encoder *encoder)
{
  ZSTD_freeCCtx(encoder->compressor);
  free(encoder->bytes);
  *encoder = (struct mw_encoder){0};
}

static bool make_room(struct mw_encoder *encoder, size_t bytes)
{
  if (encoder->size_bytes > KEPT_BYTES && bytes <= KEPT_BYTES) {
    free(encoder->bytes);
    encoder->bytes = NULL;
    encoder->size_bytes = 0;
  }
  if (encoder->bytes && bytes <= encoder->size_bytes)
    return true;
  free(encoder->bytes); /* nothing in there is needed any more */
  encoder->bytes = malloc(bytes);
  encoder->size_bytes = encoder->bytes ? bytes : 0;
  return encoder->bytes != NULL;
}

/* @return how many bytes the body takes at @p out; 0: it is better kept as it is. */
static size_t compress(struct mw_encoder *encoder, uint8_t *out, size_t room_bytes,
                       struct mw_slice body)
{
  if (body.len_bytes < COMPRESSED_MIN_BYTES)
    return 0;
  if (!encoder->compressor && !(encoder->compressor = ZSTD_createCCtx()))
    return 0;
  size_t bytes =
      ZSTD_compressCCtx(encoder->compressor, out, room_bytes, body.data, body.len_bytes, LEVEL);
  if (ZSTD_sizeof_CCtx(encoder->compressor) > KEPT_COMPRESSOR_BYTES) {
    ZSTD_freeCCtx(encoder->compressor);
    encoder->compressor = NULL;
  }
  return !ZSTD_isError(bytes) && PAYS(bytes, body.len_bytes) ? bytes : 0;
}

int mw_record_encode(struct mw_encoder *encoder, const struct mw_message *message,
                     struct mw_slice *out)
{
  size_t script_bytes = strlen(message->script), kind_bytes = strlen(message->kind);
  size_t before_bytes = HEAD_BYTES + script_bytes + kind_bytes;
  size_t room_bytes = ZSTD_compressBound(message->body.len_bytes);
  uint8_t key[MW_RECORD_KEY_BYTES];

  if (!make_room(encoder, before_bytes + room_bytes))
    return -ENOMEM;
  uint8_t *at = encoder->bytes;
  size_t body_bytes = compress(encoder, at + before_bytes, room_bytes, message->body);
  at[VERSION_AT] = VERSION;
  at[COMPRESSION_AT] = body_bytes > 0 ? ZSTD : AS_IT_IS;
  at[SCRIPT_BYTES_AT] = (uint8_t)script_bytes;
  at[KIND_BYTES_AT] = (uint8_t)kind_bytes;
  put64(at + EMITTED_AT, (uint64_t)message->emitted_at_ns);
  put32(at + SCHEMA_AT, (uint32_t)message->schema);
  put32(at + BODY_BYTES_AT, (uint32_t)message->body.len_bytes);
  memcpy(at + HEAD_BYTES, message->script, script_bytes);
  memcpy(at + HEAD_BYTES + script_bytes, message->kind, kind_bytes);
  if (body_bytes == 0 && message->body.len_bytes > 0)
    memcpy(at + before_bytes, message->body.data, body_bytes = message->body.len_bytes);
  mw_record_key(message->number, key);
  put32(at + CRC_AT, checksum(key, sizeof key, at, before_bytes + body_bytes));
  *out = (struct mw_slice){(const char *)at, before_bytes + body_bytes};
  return 0;
}

/* ---- Messages: from bytes ---- */

int64_t mw_record_emitted_at_ns(const void *bytes, size_t len_bytes)
{
  return len_bytes < HEAD_BYTES ? 0 : (int64_t)get64((const uint8_t *)bytes + EMITTED_AT);
}

size_t mw_record_body_bytes(const void *bytes, size_t len_bytes)
{
  return len_bytes < HEAD_BYTES ? 0 : get32((const uint8_t *)bytes + BODY_BYTES_AT);
}

static bool is_possible(const struct mw_record *record)
{
  return record->script.len_bytes < MW_QUEUE_NAME_MAX_BYTES &&
         record->kind.len_bytes < MW_QUEUE_NAME_MAX_BYTES &&
         record->body_bytes <= MW_QUEUE_BODY_MAX_BYTES &&
         (record->is_compressed || record->stored.len_bytes == record->body_bytes);
}

int mw_record_parse(uint64_t number, const void *bytes, size_t len_bytes, struct mw_record *out)
{
  const uint8_t *at = bytes;
  uint8_t key[MW_RECORD_KEY_BYTES];

  mw_record_key(number, key);
  if (len_bytes < HEAD_BYTES || !is_sound(key, sizeof key, at, len_bytes))
    return -EBADMSG;
  size_t script_bytes = at[SCRIPT_BYTES_AT], kind_bytes = at[KIND_BYTES_AT];
  size_t before_bytes = HEAD_BYTES + script_bytes + kind_bytes;
  if (before_bytes > len_bytes || at[COMPRESSION_AT] > ZSTD)
    return -EBADMSG;
  const char *texts = (const char *)at + HEAD_BYTES;
  *out = (struct mw_record){
      .emitted_at_ns = (int64_t)get64(at + EMITTED_AT),
      .schema = (int)get32(at + SCHEMA_AT),
      .script = {texts, script_bytes},
      .kind = {texts + script_bytes, kind_bytes},
      .stored = {texts + script_bytes + kind_bytes, len_bytes - before_bytes},
      .body_bytes = get32(at + BODY_BYTES_AT),
      .is_compressed = at[COMPRESSION_AT] == ZSTD,
  };
  return is_possible(out) ? 0 : -EBADMSG;
}

static int read_body(void **decompressor, const struct mw_record *record, char *out)
{
  if (!record->is_compressed) {
    if (record->body_bytes > 0)
      memcpy(out, record->stored.data, record->body_bytes);
    return 0;
  }
  if (!*decompressor && !(*decompressor = ZSTD_createDCtx()))
    return -ENOMEM;
  size_t bytes = ZSTD_decompressDCtx(*decompressor, out, record->body_bytes, record->stored.data,
                                     record->stored.len_bytes);
  return bytes == record->body_bytes ? 0 : -EBADMSG;
}

int mw_record_decode(void **decompressor, uint64_t number, const void *bytes, size_t len_bytes,
                     struct mw_node **out)
{
  struct mw_record record;
  int rc = mw_record_parse(number, bytes, len_bytes, &record);

  if (rc < 0)
    return rc;
  struct mw_node *node =
      mw_node_alloc(record.script.len_bytes, record.kind.len_bytes, record.body_bytes);
  if (!node)
    return -ENOMEM;
  memcpy(node->texts, record.script.data, record.script.len_bytes);
  memcpy(node->texts + record.script.len_bytes + 1, record.kind.data, record.kind.len_bytes);
  node->message.number = number;
  node->message.schema = record.schema;
  node->message.emitted_at_ns = record.emitted_at_ns;
  rc = read_body(decompressor, &record,
                 node->texts + record.script.len_bytes + record.kind.len_bytes + 2);
  if (rc < 0)
    free(node);
  else
    *out = node;
  return rc;
}

void mw_decompressor_free(void *decompressor)
{
  ZSTD_freeDCtx(decompressor);
}

/* ---- Cursors, and the state ---- */

enum { NEXT_AT = 8, DELIVERED_AT = 16, DROPPED_AT = 24, SET_ASIDE_AT = 32 };

void mw_place_encode(const struct mw_queue_place *place, uint8_t out[static MW_PLACE_RECORD_BYTES])
{
  memset(out, 0, MW_PLACE_RECORD_BYTES);
  out[VERSION_AT] = VERSION;
  put64(out + NEXT_AT, place->next);
  put64(out + DELIVERED_AT, place->delivered_total);
  put64(out + DROPPED_AT, place->dropped_total);
  put64(out + SET_ASIDE_AT, place->set_aside_total);
  put32(out + CRC_AT, checksum(place->name, strlen(place->name), out, MW_PLACE_RECORD_BYTES));
}

int mw_place_decode(const void *key, size_t key_bytes, const void *bytes, size_t len_bytes,
                    struct mw_queue_place *out)
{
  const uint8_t *at = bytes;

  if (key_bytes == 0 || key_bytes >= MW_QUEUE_NAME_MAX_BYTES || memchr(key, '\0', key_bytes))
    return -EINVAL;
  *out = (struct mw_queue_place){0};
  memcpy(out->name, key, key_bytes);
  if (len_bytes != MW_PLACE_RECORD_BYTES || !is_sound(key, key_bytes, at, len_bytes))
    return -EBADMSG;
  out->next = get64(at + NEXT_AT);
  out->delivered_total = get64(at + DELIVERED_AT);
  out->dropped_total = get64(at + DROPPED_AT);
  out->set_aside_total = get64(at + SET_ASIDE_AT);
  return 0;
}

enum { CLEAN_AT = 1, NUMBER_AT = 8, DAMAGED_AT = 16, COMMITTED_AT = 24 };

void mw_state_encode(const struct mw_queue_state *state, uint8_t out[static MW_STATE_RECORD_BYTES])
{
  memset(out, 0, MW_STATE_RECORD_BYTES);
  out[VERSION_AT] = VERSION;
  out[CLEAN_AT] = state->is_clean;
  put64(out + NUMBER_AT, state->next_number);
  put64(out + DAMAGED_AT, state->damaged_total);
  put64(out + COMMITTED_AT, state->committed_total);
  put32(out + CRC_AT, checksum("", 0, out, MW_STATE_RECORD_BYTES));
}

int mw_state_decode(const void *bytes, size_t len_bytes, struct mw_queue_state *out)
{
  const uint8_t *at = bytes;

  if (len_bytes != MW_STATE_RECORD_BYTES || !is_sound("", 0, at, len_bytes))
    return -EBADMSG;
  *out = (struct mw_queue_state){.next_number = get64(at + NUMBER_AT),
                                 .damaged_total = get64(at + DAMAGED_AT),
                                 .committed_total = get64(at + COMMITTED_AT),
                                 .is_clean = at[CLEAN_AT] != 0};
  return 0;
}
