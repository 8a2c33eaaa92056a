--- Does nothing: what "moonwatch check" takes beside a check, its sources above all.
local M = { api = 1, interval_s = 2 }

function M.run()
  return true
end

return M
