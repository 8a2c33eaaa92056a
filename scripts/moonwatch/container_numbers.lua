--- The numbers of containers, under the names of the wire format: levels, and rates between the
--- readings of two runs. What is absent stays absent.
local log = require "moonwatch.log"
local rates = require "moonwatch.rates"
local stats = require "moonwatch.stats"

local M = {}

---@class NumberedContainer
---@field container Container
---@field stat table  what is sent of it
---@field cpu_request_percent? number
---@field memory_request_bytes? integer
---@field host_network? boolean  as the spec of its pod says
---@field private usage Readings
---@field private network Readings

local read_usage, read_network = stats.container, stats.network

local FIGURES = stats.figures {
  "cpu_total_ns", "cpu_user_ns", "cpu_system_ns", "cpu_limit_percent", "memory_usage_bytes", "memory_rss_bytes",
  "memory_cache_bytes", "memory_limit_bytes", "memory_working_set_bytes", "io_read_bytes", "io_write_bytes",
  "pids_current", "pids_limit",
}

-- Two histories, each with a time of its own: the network is read apart, and less often.
local usage_meter = rates.meter {
  "cpu_total_ns", "cpu_user_ns", "cpu_system_ns", "io_read_bytes", "io_write_bytes",
}
local CPU_TOTAL, CPU_USER, CPU_SYSTEM, IO_READ, IO_WRITE = 1, 2, 3, 4, 5

local network_meter = rates.meter({
  "network_rcvd_packets_total", "network_sent_packets_total", "network_rcvd_bytes", "network_sent_bytes",
}, { time = "network_read_s", identity = "network_identity" })
local RCVD_PACKETS, SENT_PACKETS, RCVD_BYTES, SENT_BYTES = 1, 2, 3, 4

local NS_PER_PERCENT = 1e7 -- of a second

local MEASURED = {
  "totalPct", "userPct", "systemPct", "cpuUsageNs", "cpuLimit", "cpuRequest", "memUsage", "memRss", "memCache",
  "memLimit", "memAccounted", "memoryRequest", "rbps", "wbps", "threadCount", "threadLimit", "netRcvdPs",
  "netSentPs", "netRcvdBps", "netSentBps", "hostNetwork", "networkNamespace",
}

local row, network_row = {}, {} -- filled anew for each container

--- With all keys from the start, so that no run has to make room for one.
local function empty_stat()
  local stat = {}
  for i = 1, #MEASURED do
    stat[MEASURED[i]] = 0
  end
  return stat
end

--- A container that was not measured yet.
---@return NumberedContainer
function M.start()
  return { stat = empty_stat(), usage = usage_meter:start(), network = network_meter:start() }
end

--- CPU, memory, disk and processes. false: there was no reading.
local function fill_usage(numbered, max_age_ms)
  local container, stat = numbered.container, numbered.stat
  local filled, err = read_usage(container, max_age_ms, row, FIGURES)
  if not filled then
    log.debug("%s: %s", container.id, err)
    return false
  end
  local per_s = usage_meter:update(numbered.usage, row)
  local cpu_ns, user_ns, system_ns = per_s[CPU_TOTAL], per_s[CPU_USER], per_s[CPU_SYSTEM]
  local usage_bytes = row.memory_usage_bytes
  stat.totalPct = cpu_ns and cpu_ns / NS_PER_PERCENT
  stat.userPct = user_ns and user_ns / NS_PER_PERCENT
  stat.systemPct = system_ns and system_ns / NS_PER_PERCENT
  stat.cpuUsageNs = cpu_ns
  stat.cpuLimit = not row.cpu_limit_defaulted and row.cpu_limit_percent or nil
  stat.cpuRequest = row.cpu_total_ns and numbered.cpu_request_percent
  stat.memUsage = usage_bytes
  stat.memRss = row.memory_rss_bytes
  stat.memCache = row.memory_cache_bytes
  stat.memLimit = row.memory_limit_bytes
  stat.memAccounted = row.memory_working_set_bytes
  stat.memoryRequest = usage_bytes and numbered.memory_request_bytes
  stat.rbps = per_s[IO_READ]
  stat.wbps = per_s[IO_WRITE]
  stat.threadCount = row.pids_current
  stat.threadLimit = row.pids_limit
  return true
end

local function set_network_rates(stat, rcvd_packets, sent_packets, rcvd_bytes, sent_bytes)
  stat.netRcvdPs = rcvd_packets
  stat.netSentPs = sent_packets
  stat.netRcvdBps = rcvd_bytes
  stat.netSentBps = sent_bytes
end

--- The containers in the host's network namespace all have the same counters: the first of them that
--- has rates carries them, so that one that has just started leaves no gap. Each is marked.
---@return boolean carried  by this container or one before it
local function fill_network(numbered, max_age_ms, carried)
  local container, stat = numbered.container, numbered.stat
  local filled, err = read_network(container, max_age_ms, network_row)
  if not filled then
    log.debug("%s: network: %s", container.id, err)
    stat.networkNamespace, stat.hostNetwork = nil, numbered.host_network
    set_network_rates(stat)
    return carried
  end
  local per_s = network_meter:update(numbered.network, network_row)
  local on_host = network_row.host_network
  if on_host == nil then
    on_host = numbered.host_network
  end
  stat.networkNamespace, stat.hostNetwork = network_row.network_namespace, on_host or nil
  if on_host and carried then
    set_network_rates(stat)
    return true
  end
  set_network_rates(stat, per_s[RCVD_PACKETS], per_s[SENT_PACKETS], per_s[RCVD_BYTES], per_s[SENT_BYTES])
  return carried or on_host and (stat.netRcvdBps or stat.netSentBps) ~= nil
end

--- Read each container and fill its stat. One that cannot be read keeps what it is, without numbers,
--- and its history.
---@param list NumberedContainer[]  sorted by id
---@param max_age_ms number
function M.measure(list, max_age_ms)
  local carried = false
  for i = 1, #list do
    local numbered = list[i]
    if fill_usage(numbered, max_age_ms) then
      carried = fill_network(numbered, max_age_ms, carried)
    else
      for k = 1, #MEASURED do
        numbered.stat[MEASURED[k]] = nil
      end
    end
  end
end

return M
