--- Time for specs that have to wait, or tell how long something took.
local ffi = require "ffi"

ffi.cdef [[
  struct clock_timespec { long s, ns; };
  int clock_gettime(int clock, struct clock_timespec *out);
  int poll(void *fds, unsigned long count, int timeout_ms);
]]

local CLOCK_MONOTONIC = 1

local M = {}

function M.now_s()
  local now = ffi.new "struct clock_timespec"
  ffi.C.clock_gettime(CLOCK_MONOTONIC, now)
  return tonumber(now.s) + tonumber(now.ns) / 1e9
end

function M.sleep(seconds)
  ffi.C.poll(nil, 0, math.floor(seconds * 1000 + 0.5))
end

return M
