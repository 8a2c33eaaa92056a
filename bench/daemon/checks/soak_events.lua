--- Notices containers that have come and gone: one message for each.
local inventory = require "moonwatch.inventory"

local M = { api = 1, interval_s = 2 }

local known = {}

function M.run(context)
  local now = {}
  for _, container in ipairs(inventory.containers()) do
    now[container.id] = true
    if not known[container.id] then
      context:event { title = "came", text = container.id, severity = "info", tags = { "soak" } }
    end
  end
  known = now
end

return M
