/* Bytes that another Lua state is said to have packed: they are refused, or become a value that is
 * packed to the same value again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "script/plain.h"
#include "script/script.h"

#define MAX_BYTES ((size_t)1 << 20)

struct round {
  const char *bytes;
  size_t len_bytes;
  struct mw_buf *out;
  int rc;
};

static int unpack_and_pack(lua_State *L)
{
  struct round *round = lua_touserdata(L, 1);

  round->rc = mw_plain_unpack(L, round->bytes, round->len_bytes, NULL);
  mw_buf_clear(round->out);
  if (round->rc == 0)
    assert(mw_plain_pack(L, round->out, NULL) == 0);
  return 0;
}

/* A table that held a key twice, or nil, gets shorter; what was packed stays as long as it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  static struct mw_script *script;
  static struct mw_buf first, second;

  if (!script) {
    script = mw_script_new(&(struct mw_script_config){.name = "fuzz"}, NULL);
    mw_buf_init(&first, MAX_BYTES);
    mw_buf_init(&second, MAX_BYTES);
  }
  struct round round = {.bytes = (const char *)data, .len_bytes = len_bytes, .out = &first};
  assert(mw_script_call(script, unpack_and_pack, &round, 0, NULL) == 0);
  if (round.rc < 0)
    return 0;
  struct round again = {.bytes = first.data, .len_bytes = first.len_bytes, .out = &second};
  assert(mw_script_call(script, unpack_and_pack, &again, 0, NULL) == 0);
  assert(again.rc == 0 && second.len_bytes == first.len_bytes);
  return 0;
}
