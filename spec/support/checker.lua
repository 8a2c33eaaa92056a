--- Whether the address checker is in this process: with it, what C does takes several times as long,
--- and memory that was freed is kept for a while.
local files = require "spec.support.files"

return files.read("/proc/self/maps"):find("libasan", 1, true) ~= nil
