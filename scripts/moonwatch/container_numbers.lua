--- The numbers of containers, under the names of the wire format: levels, and rates between the
--- readings of two runs. What is absent stays absent.
---
--- There is no rate where there is no pair of readings of one epoch, and none of a counter that is
--- absent in one of the two. The same reading seen again has the rates that it had; what was read
--- stays through readings that fail.
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
---@field private followed StatsFollowed
---@field private usage table  the last reading of its counters
---@field private network table  the same of its network, and the rates that came of it
---@field private epochs? string  of what was kept over a reload, until it is followed

local rate, read_values, read_network = rates.rate, stats.values, stats.network_values

local FIGURES = stats.figures {
  "cpu_total_ns", "cpu_user_ns", "cpu_system_ns", "cpu_limit_percent", "cpu_limit_defaulted", "memory_usage_bytes",
  "memory_rss_bytes", "memory_cache_bytes", "memory_limit_bytes", "memory_working_set_bytes", "io_read_bytes",
  "io_write_bytes", "pids_current", "pids_limit",
}

local NS_PER_PERCENT = 1e7 -- of a second

local MEASURED = {
  "totalPct", "userPct", "systemPct", "cpuUsageNs", "cpuLimit", "cpuRequest", "memUsage", "memRss", "memCache",
  "memLimit", "memAccounted", "memoryRequest", "rbps", "wbps", "threadCount", "threadLimit", "netRcvdPs",
  "netSentPs", "netRcvdBps", "netSentBps", "hostNetwork", "networkNamespace",
}

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
  return { stat = empty_stat(), usage = {}, network = {} }
end

-- What is kept over a reload, in this order; short, for there may be thousands.
local KEPT_RATES = { "totalPct", "userPct", "systemPct", "cpuUsageNs", "rbps", "wbps" }
local KEPT_USAGE = { "epoch", "read_s", "cpu_ns", "user_ns", "system_ns", "read_bytes", "write_bytes" }
local KEPT_NETWORK = {
  "epoch", "read_s", "namespace", "rcvd_bytes", "rcvd_packets", "sent_bytes", "sent_packets", "rcvd_bytes_per_s",
  "rcvd_packets_per_s", "sent_bytes_per_s", "sent_packets_per_s",
}

local function put(kept, values, fields)
  for i = 1, #fields do
    kept[#kept + 1] = values[fields[i]] or false -- no holes: it stays a list
  end
end

local function take(kept, at, values, fields)
  for i = 1, #fields do
    values[fields[i]] = kept[at + i] or nil
  end
  return at + #fields
end

--- Plain data, for a script that is loaded anew: its last readings, and the rates that came of them.
---@param numbered NumberedContainer  that was measured
---@return table
function M.keep(numbered)
  local kept = { stats.epochs(numbered.followed) }
  put(kept, numbered.stat, KEPT_RATES)
  put(kept, numbered.usage, KEPT_USAGE)
  put(kept, numbered.network, KEPT_NETWORK)
  return kept
end

--- A container of which something was kept.
---@param kept table
---@return NumberedContainer
function M.resume(kept)
  local numbered = M.start()
  numbered.epochs = kept[1]
  local at = take(kept, 1, numbered.stat, KEPT_RATES)
  at = take(kept, at, numbered.usage, KEPT_USAGE)
  take(kept, at, numbered.network, KEPT_NETWORK)
  return numbered
end

--- What the inventory's table says of it, now or anew.
---@param numbered NumberedContainer
---@param container Container
function M.identify(numbered, container)
  local pod = container.pod
  numbered.container = container
  numbered.followed = stats.follow(container, numbered.followed or numbered.epochs)
  numbered.epochs = nil
  numbered.cpu_request_percent = container.cpu_request_percent
  numbered.memory_request_bytes = container.memory_request_bytes
  numbered.host_network = pod and pod.host_network or nil
end

--- How long ago the last reading was; 0: there is none of this epoch; nil: it was this very reading.
---@return number? seconds
local function elapsed_since(last, epoch, read_s)
  if epoch ~= last.epoch then
    return 0
  end
  return read_s > last.read_s and read_s - last.read_s or nil
end

local function set_usage_rates(stat, last, epoch, read_s, cpu_ns, user_ns, system_ns, read_bytes, write_bytes)
  local elapsed_s = elapsed_since(last, epoch, read_s)
  if not elapsed_s then
    return
  end
  local cpu_per_s = rate(cpu_ns, last.cpu_ns, elapsed_s)
  local user_per_s = rate(user_ns, last.user_ns, elapsed_s)
  local system_per_s = rate(system_ns, last.system_ns, elapsed_s)
  stat.totalPct = cpu_per_s and cpu_per_s / NS_PER_PERCENT
  stat.userPct = user_per_s and user_per_s / NS_PER_PERCENT
  stat.systemPct = system_per_s and system_per_s / NS_PER_PERCENT
  stat.cpuUsageNs = cpu_per_s
  stat.rbps = rate(read_bytes, last.read_bytes, elapsed_s)
  stat.wbps = rate(write_bytes, last.write_bytes, elapsed_s)
  last.epoch, last.read_s = epoch, read_s
  last.cpu_ns, last.user_ns, last.system_ns = cpu_ns, user_ns, system_ns
  last.read_bytes, last.write_bytes = read_bytes, write_bytes
end

--- CPU, memory, disk and processes. false: there was no reading.
local function fill_usage(numbered, max_age_ms)
  local epoch, read_s, cpu_ns, user_ns, system_ns, cpu_limit, cpu_limit_defaulted, usage_bytes, rss_bytes,
    cache_bytes, limit_bytes, working_set_bytes, read_bytes, write_bytes, threads, threads_limit =
    read_values(numbered.followed, max_age_ms, FIGURES)
  if not epoch then
    log.debug("%s: %s", numbered.container.id, read_s)
    return false
  end
  local stat = numbered.stat
  set_usage_rates(stat, numbered.usage, epoch, read_s, cpu_ns, user_ns, system_ns, read_bytes, write_bytes)
  stat.cpuLimit = not cpu_limit_defaulted and cpu_limit or nil
  stat.cpuRequest = cpu_ns and numbered.cpu_request_percent
  stat.memUsage = usage_bytes
  stat.memRss = rss_bytes
  stat.memCache = cache_bytes
  stat.memLimit = limit_bytes
  stat.memAccounted = working_set_bytes
  stat.memoryRequest = usage_bytes and numbered.memory_request_bytes
  stat.threadCount = threads
  stat.threadLimit = threads_limit
  return true
end

local function update_network_rates(numbered, epoch, read_s, rcvd_bytes, rcvd_packets, sent_bytes, sent_packets)
  local last = numbered.network
  local elapsed_s = elapsed_since(last, epoch, read_s)
  if not elapsed_s then
    return
  end
  if epoch ~= last.epoch then
    last.namespace = stats.network_namespace(numbered.followed)
  end
  last.rcvd_packets_per_s = rate(rcvd_packets, last.rcvd_packets, elapsed_s)
  last.sent_packets_per_s = rate(sent_packets, last.sent_packets, elapsed_s)
  last.rcvd_bytes_per_s = rate(rcvd_bytes, last.rcvd_bytes, elapsed_s)
  last.sent_bytes_per_s = rate(sent_bytes, last.sent_bytes, elapsed_s)
  last.epoch, last.read_s = epoch, read_s
  last.rcvd_bytes, last.rcvd_packets, last.sent_bytes, last.sent_packets =
    rcvd_bytes, rcvd_packets, sent_bytes, sent_packets
end

local NO_RATES = {}

local function set_network_rates(stat, from)
  stat.netRcvdPs = from.rcvd_packets_per_s
  stat.netSentPs = from.sent_packets_per_s
  stat.netRcvdBps = from.rcvd_bytes_per_s
  stat.netSentBps = from.sent_bytes_per_s
end

--- The containers in the host's network namespace all have the same counters: the first of them that
--- has rates carries them, so that one that has just started leaves no gap. Each is marked.
---@return boolean carried  by this container or one before it
local function fill_network(numbered, max_age_ms, carried)
  local stat, network = numbered.stat, numbered.network
  local epoch, read_s, rcvd_bytes, rcvd_packets, sent_bytes, sent_packets, on_host =
    read_network(numbered.followed, max_age_ms)
  if not epoch then
    log.debug("%s: network: %s", numbered.container.id, read_s)
    stat.networkNamespace, stat.hostNetwork = nil, numbered.host_network
    set_network_rates(stat, NO_RATES)
    return carried
  end
  update_network_rates(numbered, epoch, read_s, rcvd_bytes, rcvd_packets, sent_bytes, sent_packets)
  if on_host == nil then
    on_host = numbered.host_network
  end
  stat.networkNamespace, stat.hostNetwork = network.namespace, on_host or nil
  if on_host and carried then
    set_network_rates(stat, NO_RATES)
    return true
  end
  set_network_rates(stat, network)
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
