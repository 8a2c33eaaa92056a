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

/* SSE 4.2 has an instruction for this very polynomial: three times as fast as the table. */
__attribute__((target("sse4.2"))) static uint32_t with_instruction(uint32_t crc, const void *bytes,
                                                                   size_t len_bytes)
{
  const uint8_t *at = bytes;
  uint64_t wide = (uint32_t)~crc, word;

  for (; len_bytes >= sizeof word; at += sizeof word, len_bytes -= sizeof word) {
    memcpy(&word, at, sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = (uint32_t)wide;
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
