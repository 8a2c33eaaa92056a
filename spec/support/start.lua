--- Runs before all specs of a process.
local ffi = require "ffi"

-- An address checker is preloaded into this process; what specs start must not inherit it.
ffi.cdef "int unsetenv(const char *name);"
ffi.C.unsetenv "LD_PRELOAD"
