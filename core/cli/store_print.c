#include "cli/store_print.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "json/writer.h"

#define LINE_MAX_BYTES ((size_t)512 << 20) /* of the largest value, all of it escaped */

struct mw_store_name mw_store_name_of(struct mw_store_bytes whole_key)
{
  const char *text = whole_key.data, *end = memchr(text, '\0', whole_key.len_bytes);
  size_t name_bytes = end ? (size_t)(end - text) : 0;

  if (!end)
    return (struct mw_store_name){.script = {"", 0}, .key = whole_key};
  return (struct mw_store_name){
      .script = {text, name_bytes},
      .key = {end + 1, whole_key.len_bytes - name_bytes - 1},
  };
}

/* ---- For people ---- */

/* @return how many bytes of @p rest were printed. */
static size_t print_one(struct mw_slice rest)
{
  unsigned char byte = (unsigned char)rest.data[0];
  size_t sequence_bytes = mw_utf8_sequence_bytes(rest);
  bool c1 = byte == 0xC2 && sequence_bytes == 2 && (unsigned char)rest.data[1] < 0xA0;

  if (byte == '\\')
    fputs("\\\\", stdout);
  else if (byte == '\n')
    fputs("\\n", stdout);
  else if (byte == '\t')
    fputs("\\t", stdout);
  else if (sequence_bytes == 0 || byte < ' ' || byte == 0x7F || c1)
    printf("\\x%02x", byte);
  else
    return fwrite(rest.data, 1, sequence_bytes, stdout);
  return 1;
}

void mw_store_print_escaped(struct mw_store_bytes bytes, size_t bytes_max)
{
  struct mw_slice rest = {bytes.data, bytes.len_bytes};
  size_t printed = 0;

  while (printed < bytes.len_bytes && (bytes_max == 0 || printed < bytes_max)) {
    rest.data = (const char *)bytes.data + printed;
    rest.len_bytes = bytes.len_bytes - printed;
    size_t step = print_one(rest);
    if (step == 0)
      return; /* standard output is closed; mw_cli_flush says so */
    printed += step;
  }
  if (printed < bytes.len_bytes)
    fputs("...", stdout);
}

/* ---- JSON ---- */

/* RFC 4648, section 4. */
static int append_base64(struct mw_buf *out, struct mw_store_bytes bytes, struct mw_error *err)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *at = bytes.data;
  size_t left = bytes.len_bytes;
  int rc = mw_buf_reserve(out, (bytes.len_bytes + 2) / 3 * 4, err);

  for (; rc == 0 && left > 0; at += 3, left -= left < 3 ? left : 3) {
    unsigned group =
        (unsigned)at[0] << 16 | (left > 1 ? (unsigned)at[1] << 8 : 0) | (left > 2 ? at[2] : 0u);
    char text[4] = {digits[group >> 18], digits[group >> 12 & 63],
                    left > 1 ? digits[group >> 6 & 63] : '=', left > 2 ? digits[group & 63] : '='};
    rc = mw_buf_append(out, text, sizeof text, err);
  }
  return rc;
}

static int write_bytes(struct mw_json_writer *w, const char *key, const char *key_base64,
                       struct mw_store_bytes bytes, struct mw_error *err)
{
  struct mw_slice text = {bytes.data, bytes.len_bytes};
  MW_AUTO_BUF base64;
  int rc = 0;

  mw_buf_init(&base64, LINE_MAX_BYTES);
  if (mw_utf8_is_valid(text)) {
    mw_json_write_key(w, key);
    mw_json_write_slice(w, text);
  } else {
    rc = append_base64(&base64, bytes, err);
    mw_json_write_key(w, key_base64);
    mw_json_write_slice(w, (struct mw_slice){base64.data, base64.len_bytes});
  }
  return rc;
}

int mw_store_print_json(const struct mw_store_name *name, struct mw_store_bytes value,
                        struct mw_error *err)
{
  struct mw_json_writer w;
  MW_AUTO_BUF out;

  mw_buf_init(&out, LINE_MAX_BYTES);
  mw_json_writer_init(&w, &out, err);
  mw_json_begin_object(&w);
  int rc = write_bytes(&w, "key", "keyBase64", name->key, err);
  mw_json_write_key(&w, "script");
  mw_json_write_slice(&w, (struct mw_slice){name->script.data, name->script.len_bytes});
  if (rc == 0)
    rc = write_bytes(&w, "value", "valueBase64", value, err);
  mw_json_end_object(&w);
  if (rc == 0)
    rc = mw_json_writer_finish(&w);
  if (rc == 0)
    puts(out.data);
  return rc;
}
