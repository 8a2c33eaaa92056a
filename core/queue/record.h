/**
 * @file record.h
 * Messages, cursors and the state of the queue as the bytes that lie in the file.
 *
 * All numbers are little-endian. Each record begins with its version, and has a CRC32C over all of
 * its bytes and its key, so that a record that lies in another's place is seen, too.
 * Thread-safety: no state; an encoder or a decoder belongs to one thread at a time.
 */
#ifndef MW_QUEUE_RECORD_H
#define MW_QUEUE_RECORD_H

#include "queue/ring.h"

#define MW_RECORD_KEY_BYTES 8

/** Big-endian, so that numbers are in order as bytes are. */
void mw_record_key(uint64_t number, uint8_t out[static MW_RECORD_KEY_BYTES]);

/** @return 0: that is no key. Numbers begin with 1. */
uint64_t mw_record_number(const void *key, size_t key_bytes);

/* ---- Messages ---- */

/** Its memory is given back when it was for a large message. */
struct mw_encoder {
  void *compressor; /* of zstd */
  uint8_t *bytes;
  size_t size_bytes;
};

void mw_encoder_deinit(struct mw_encoder *encoder);

/** @p out points into @p encoder until its next call. @return 0 or -ENOMEM. */
int mw_record_encode(struct mw_encoder *encoder, const struct mw_message *message,
                     struct mw_slice *out);

struct mw_record {
  int64_t emitted_at_ns;
  int schema;
  struct mw_slice script, kind;
  struct mw_slice stored; /* the body, as it lies there */
  size_t body_bytes;
  bool is_compressed;
};

/** What @p record points to is in @p bytes. @return 0; -EBADMSG: its bytes changed. */
int mw_record_parse(uint64_t number, const void *bytes, size_t len_bytes, struct mw_record *out);

/** How long its body is, without a look at the checksum. */
size_t mw_record_body_bytes(const void *bytes, size_t len_bytes);

/** When it was emitted, without a look at the checksum; 0: it is no record. */
int64_t mw_record_emitted_at_ns(const void *bytes, size_t len_bytes);

/** The message; @p decompressor is NULL at first, and freed with mw_decompressor_free. @return 0;
 *  -EBADMSG; -ENOMEM. */
int mw_record_decode(void **decompressor, uint64_t number, const void *bytes, size_t len_bytes,
                     struct mw_node **out);
void mw_decompressor_free(void *decompressor);

/* ---- Cursors, and the state ---- */

struct mw_queue_place {
  char name[MW_QUEUE_NAME_MAX_BYTES];
  uint64_t next; /* number of the message that it delivers next */
  uint64_t delivered_total, dropped_total, set_aside_total;
};

#define MW_PLACE_RECORD_BYTES 40

void mw_place_encode(const struct mw_queue_place *place, uint8_t out[static MW_PLACE_RECORD_BYTES]);

/** @return 0; -EINVAL: the key is no name; -EBADMSG: only the name is known. */
int mw_place_decode(const void *key, size_t key_bytes, const void *bytes, size_t len_bytes,
                    struct mw_queue_place *out);

struct mw_queue_state {
  uint64_t next_number; /* that the next message gets */
  uint64_t damaged_total, committed_total;
  bool is_clean; /* it was closed in order */
};

#define MW_STATE_RECORD_BYTES 32

void mw_state_encode(const struct mw_queue_state *state, uint8_t out[static MW_STATE_RECORD_BYTES]);

/** @return 0 or -EBADMSG. */
int mw_state_decode(const void *bytes, size_t len_bytes, struct mw_queue_state *out);

#endif
