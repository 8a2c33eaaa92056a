--- Every figure of a container that there can be: those of the table of cgroups, and the others.
--- What people read about figures comes from here: docs/metrics.md, moonwatch stats.
local cgroup = require "moonwatch.cgroup"

local M = {}

---@class Figure
---@field name string  "memory_rss_bytes": the key in a row of moonwatch.stats
---@field unit "bytes"|"ns"|"count"|"percent"
---@field text string
---@field group string  "CPU", "memory", ...
---@field is_total boolean  it only grows, so its rate tells more
---@field sources CgroupFigureSource[]  empty: it is made of others, or of other files
---@field formulas? table<integer, string>  by version, what it is made of: a Lua expression with figures in it
---@field from? string  where it is from when that is no file of a cgroup

local WORKING_SET = "math.max(memory_usage_bytes - memory_inactive_file_bytes, 0)"

--- What is computed from other figures, by version; where one of them is absent, so is this.
M.FORMULAS = {
  memory_working_set_bytes = { WORKING_SET, WORKING_SET },
  memory_kernel_bytes = { [2] = "memory_kernel_stack_bytes + memory_slab_bytes" },
}

local NET_DEV = "`/proc/PID/net/dev` of a process of the container"
local PROCESSES = "the container's processes"

M.OTHERS = {
  { name = "cpu_limit_percent", unit = "percent", text = "CPU time that it may use, 100 for one CPU",
    from = "the smaller of the set of CPUs and quota / period; else that of its parent; else all CPUs" },
  { name = "network_rcvd_bytes", unit = "bytes", text = "received on all interfaces but lo", from = NET_DEV },
  { name = "network_rcvd_packets_total", unit = "count", text = "packets received", from = NET_DEV },
  { name = "network_sent_bytes", unit = "bytes", text = "sent on all interfaces but lo", from = NET_DEV },
  { name = "network_sent_packets_total", unit = "count", text = "packets sent", from = NET_DEV },
  { name = "processes_count", unit = "count", text = "processes, zombies included", from = PROCESSES },
  { name = "zombies_count", unit = "count", text = "processes that ended and nobody has waited for",
    from = PROCESSES .. ": their state in `/proc/PID/stat`" },
  { name = "threads_count", unit = "count", text = "threads of all processes",
    from = PROCESSES .. ": `/proc/PID/stat`" },
  { name = "open_files_count", unit = "count", text = "open files of all processes",
    from = PROCESSES .. ": entries of `/proc/PID/fd`" },
}

-- The units in names do not tell a total from a level.
local LEVELS = { cpu_quota_ns = true, cpu_period_ns = true }
local TOTALS = {
  io_read_bytes = true, io_write_bytes = true, network_rcvd_bytes = true, network_sent_bytes = true,
}

-- By the first word of the name.
local GROUPS = {
  cpu = "CPU", hugetlb = "huge pages", io = "disks", memory = "memory", network = "network", open = "processes",
  pids = "processes", pod = "pod", processes = "processes", threads = "processes", zombies = "processes",
}

local function is_total(name, unit)
  if LEVELS[name] then
    return false
  end
  return TOTALS[name] or name:find "_total$" ~= nil or unit == "ns"
end

local function complete(figure)
  return {
    name = figure.name, unit = figure.unit, text = figure.text, sources = figure.sources or {},
    group = GROUPS[figure.name:match "^[^_]+"] or figure.name:match "^[^_]+",
    is_total = is_total(figure.name, figure.unit), formulas = M.FORMULAS[figure.name], from = figure.from,
  }
end

--- In the order of the table, the others behind it.
---@return Figure[]
function M.all()
  local figures = {}
  for _, list in ipairs { cgroup.figures(), M.OTHERS } do
    for _, figure in ipairs(list) do
      table.insert(figures, complete(figure))
    end
  end
  return figures
end

return M
