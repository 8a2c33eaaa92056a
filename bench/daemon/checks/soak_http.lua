--- Asks a server that does not exist, as one that has gone away.
local http = require "moonwatch.http"

local M = { api = 1, interval_s = 10 }

function M.run(context)
  local answer = http.get "http://127.0.0.1:1/health"
  context:gauge("soak.http", answer and 1 or 0)
end

return M
