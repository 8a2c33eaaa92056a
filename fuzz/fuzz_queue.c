/*
 * Records of the queue's file: messages, cursors, the state. The first byte says which; what
 * follows is taken as it is, and once more with the checksum that it should have, so that what lies
 * behind that is reached, too. What can be decoded is encoded again, and decodes to the same.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "queue/record.h"

#define CRC_AT 4
#define RECORD_MAX_BYTES 4096
#define NUMBER 7

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

static void check_message(const uint8_t *bytes, size_t len_bytes)
{
  static struct mw_encoder encoder;
  static void *decompressor;
  struct mw_node *node = NULL, *again = NULL;
  struct mw_slice record;

  mw_record_emitted_at_ns(bytes, len_bytes);
  mw_record_body_bytes(bytes, len_bytes);
  int rc = mw_record_decode(&decompressor, NUMBER, bytes, len_bytes, &node);
  assert(rc == 0 || rc == -EBADMSG || rc == -ENOMEM);
  if (rc < 0)
    return;
  const struct mw_message *message = &node->message;
  if (strlen(message->script) + strlen(message->kind) > 0) { /* a '\0' in a name shortens it */
    assert(mw_record_encode(&encoder, message, &record) == 0);
    assert(mw_record_decode(&decompressor, NUMBER, record.data, record.len_bytes, &again) == 0);
    assert(strcmp(again->message.script, message->script) == 0);
    assert(again->message.emitted_at_ns == message->emitted_at_ns);
    assert(again->message.body.len_bytes == message->body.len_bytes);
    assert(memcmp(again->message.body.data, message->body.data, message->body.len_bytes) == 0);
    free(again);
  }
  free(node);
}

static void check_place(const uint8_t *bytes, size_t len_bytes)
{
  uint8_t again[MW_PLACE_RECORD_BYTES];
  struct mw_queue_place place;

  if (mw_place_decode("a", 1, bytes, len_bytes, &place) < 0)
    return;
  mw_place_encode(&place, again);
  assert(mw_place_decode("a", 1, again, sizeof again, &place) == 0);
}

static void check_state(const uint8_t *bytes, size_t len_bytes)
{
  uint8_t again[MW_STATE_RECORD_BYTES];
  struct mw_queue_state state;

  if (mw_state_decode(bytes, len_bytes, &state) < 0)
    return;
  mw_state_encode(&state, again);
  assert(mw_state_decode(again, sizeof again, &state) == 0);
}

static void check(unsigned kind, const uint8_t *bytes, size_t len_bytes)
{
  struct mw_queue_place place;

  switch (kind % 4) {
  case 0:
    check_message(bytes, len_bytes);
    break;
  case 1:
    check_place(bytes, len_bytes);
    break;
  case 2:
    check_state(bytes, len_bytes);
    break;
  default: /* as a key */
    mw_record_number(bytes, len_bytes);
    mw_place_decode(bytes, len_bytes, "", 0, &place);
  }
}

static void put_checksum(unsigned kind, uint8_t *bytes, size_t len_bytes)
{
  uint8_t number[MW_RECORD_KEY_BYTES];
  uint32_t crc = 0;

  mw_record_key(NUMBER, number);
  if (kind % 4 == 0)
    crc = mw_crc32c(0, number, sizeof number);
  else if (kind % 4 == 1)
    crc = mw_crc32c(0, "a", 1);
  crc = mw_crc32c(crc, bytes, CRC_AT);
  crc = mw_crc32c(crc, bytes + CRC_AT + 4, len_bytes - CRC_AT - 4);
  for (int i = 0; i < 4; i++)
    bytes[CRC_AT + i] = (uint8_t)(crc >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  uint8_t bytes[RECORD_MAX_BYTES];

  if (len_bytes < 1 || len_bytes > sizeof bytes)
    return 0;
  unsigned kind = *data++;
  len_bytes--;
  memcpy(bytes, data, len_bytes);
  check(kind, bytes, len_bytes);
  if (len_bytes < CRC_AT + 4)
    return 0;
  put_checksum(kind, bytes, len_bytes);
  check(kind, bytes, len_bytes);
  return 0;
}
