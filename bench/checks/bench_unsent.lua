--- A part of container_rt, to see what it costs: all of it but encoding and emitting.
local container_rt = require "checks.container_rt"

local M = {
  api = 1, interval_s = container_rt.interval_s, options = container_rt.options, init = container_rt.init,
}

local function drop() end

function M.run(context)
  return container_rt.run(setmetatable({ emit = drop }, { __index = context }))
end

return M
