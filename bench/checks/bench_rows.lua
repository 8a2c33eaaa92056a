--- A part of container_rt, to see what it costs: every container's numbers as values in Lua, and no more.
local inventory = require "moonwatch.inventory"
local stats = require "moonwatch.stats"

local M = { api = 1, interval_s = 2 }

local MAX_AGE_MS = 500

local FIGURES = stats.figures {
  "cpu_total_ns", "cpu_user_ns", "cpu_system_ns", "cpu_limit_percent", "cpu_limit_defaulted", "memory_usage_bytes",
  "memory_rss_bytes", "memory_cache_bytes", "memory_limit_bytes", "memory_working_set_bytes", "io_read_bytes",
  "io_write_bytes", "pids_current", "pids_limit",
}

local containers, followed

function M.run()
  local list = inventory.containers()
  if list ~= containers then
    containers, followed = list, {}
    for i = 1, #list do
      followed[i] = stats.follow(list[i])
    end
  end
  for i = 1, #followed do
    stats.values(followed[i], MAX_AGE_MS, FIGURES)
    stats.network_values(followed[i], MAX_AGE_MS)
  end
  return true
end

return M
