--- A part of container_rt, to see what it costs: every container's numbers as a row, and no more.
local inventory = require "moonwatch.inventory"
local stats = require "moonwatch.stats"

local M = { api = 1, interval_s = 2 }

local MAX_AGE_MS = 500

local FIGURES = stats.figures {
  "cpu_total_ns", "cpu_user_ns", "cpu_system_ns", "cpu_limit_percent", "memory_usage_bytes", "memory_rss_bytes",
  "memory_cache_bytes", "memory_limit_bytes", "memory_working_set_bytes", "io_read_bytes", "io_write_bytes",
  "pids_current", "pids_limit",
}

local row, network_row = {}, {}

function M.run()
  local containers = inventory.containers()
  for i = 1, #containers do
    stats.container(containers[i], MAX_AGE_MS, row, FIGURES)
    stats.network(containers[i], MAX_AGE_MS, network_row)
  end
  return true
end

return M
