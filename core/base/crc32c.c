#include "base/crc32c.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82F63B78u /* of Castagnoli, bits in reverse */
#define STRIDE 8

/* table[n][byte]: what a byte does that is followed by n zero bytes. */
static uint32_t table[STRIDE][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_table(void)
{
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
    table[0][byte] = crc;
  }
  for (int n = 1; n < STRIDE; n++)
    for (int byte = 0; byte < 256; byte++)
      table[n][byte] = table[n - 1][byte] >> 8 ^ table[0][table[n - 1][byte] & 255];
}

/* Eight bytes at a time: four times as fast as one by one. */
static uint32_t add_stride(uint32_t crc, const uint8_t *bytes)
{
  crc ^= bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
  return table[7][crc & 255] ^ table[6][crc >> 8 & 255] ^ table[5][crc >> 16 & 255] ^
         table[4][crc >> 24] ^ table[3][bytes[4]] ^ table[2][bytes[5]] ^ table[1][bytes[6]] ^
         table[0][bytes[7]];
}

uint32_t mw_crc32c_portable(uint32_t crc, const void *bytes, size_t len_bytes)
{
  const uint8_t *at = bytes;

  pthread_once(&once, fill_table);
  crc = ~crc;
  for (; len_bytes >= STRIDE; at += STRIDE, len_bytes -= STRIDE)
    crc = add_stride(crc, at);
  for (; len_bytes > 0; at++, len_bytes--)
    crc = crc >> 8 ^ table[0][(crc ^ *at) & 255];
  return ~crc;
}

#if defined(__x86_64__)

/* SSE 4.2 has an instruction for this very polynomial. Its result is there three cycles later, but
 * it can begin each cycle: so three lanes side by side, whose checksums are put together behind. */
#define LANE_BYTES ((size_t)128)
#define LANES_BYTES (3 * LANE_BYTES)

/* after_lane[n][byte]: what byte n of a checksum becomes when the zeros of a lane follow. */
static uint32_t after_lane[4][256];
static pthread_once_t lanes_once = PTHREAD_ONCE_INIT;

static void fill_after_lane(void)
{
  pthread_once(&once, fill_table);
  for (int n = 0; n < 4; n++)
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t crc = byte << 8 * n;
      for (size_t i = 0; i < LANE_BYTES; i++)
        crc = crc >> 8 ^ table[0][crc & 255];
      after_lane[n][byte] = crc;
    }
}

static uint32_t pass_lane(uint32_t crc)
{
  return after_lane[0][crc & 255] ^ after_lane[1][crc >> 8 & 255] ^ after_lane[2][crc >> 16 & 255] ^
         after_lane[3][crc >> 24];
}

static uint64_t word_at(const uint8_t *at)
{
  uint64_t word;

  memcpy(&word, at, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) static uint32_t add_lanes(uint32_t crc, const uint8_t *at)
{
  uint64_t first = crc, second = 0, third = 0;

  for (const uint8_t *end = at + LANE_BYTES; at < end; at += sizeof first) {
    first = __builtin_ia32_crc32di(first, word_at(at));
    second = __builtin_ia32_crc32di(second, word_at(at + LANE_BYTES));
    third = __builtin_ia32_crc32di(third, word_at(at + 2 * LANE_BYTES));
  }
  return pass_lane(pass_lane((uint32_t)first) ^ (uint32_t)second) ^ (uint32_t)third;
}

__attribute__((target("sse4.2"))) static uint32_t with_instruction(uint32_t crc, const void *bytes,
                                                                   size_t len_bytes)
{
  const uint8_t *at = bytes;

  crc = ~crc;
  if (len_bytes >= LANES_BYTES)
    pthread_once(&lanes_once, fill_after_lane);
  for (; len_bytes >= LANES_BYTES; at += LANES_BYTES, len_bytes -= LANES_BYTES)
    crc = add_lanes(crc, at);
  for (; len_bytes >= sizeof(uint64_t); at += sizeof(uint64_t), len_bytes -= sizeof(uint64_t))
    crc = (uint32_t)__builtin_ia32_crc32di(crc, word_at(at));
  for (; len_bytes > 0; at++, len_bytes--)
    crc = __builtin_ia32_crc32qi(crc, *at);
  return ~crc;
}

uint32_t mw_crc32c(uint32_t crc, const void *bytes, size_t len_bytes)
{
  return __builtin_cpu_supports("sse4.2") ? with_instruction(crc, bytes, len_bytes)
                                          : mw_crc32c_portable(crc, bytes, len_bytes);
}

#else

uint32_t mw_crc32c(uint32_t crc, const void *bytes, size_t len_bytes)
{
  return mw_crc32c_portable(crc, bytes, len_bytes);
}

#endif
