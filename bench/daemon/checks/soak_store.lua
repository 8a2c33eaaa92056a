--- Keeps something over restarts, and reads it again.
local store = require "moonwatch.store"

local M = { api = 1, interval_s = 10 }

function M.run(context)
  local runs = tonumber(store.get "runs" or "0") + 1
  assert(store.put("runs", tostring(runs)))
  assert(store.put("last/" .. runs % 20, ("x"):rep(runs % 1000)))
  context:monotonic_count("soak.runs", runs)
end

return M
