--- Real-time numbers of every container: CPU, memory, disk and processes, in batches.
local batch = require "moonwatch.batch"
local host = require "moonwatch.host"
local inventory = require "moonwatch.inventory"
local log = require "moonwatch.log"
local rates = require "moonwatch.rates"
local stats = require "moonwatch.stats"

local M = {
  api = 1,
  interval_s = 2,
  options = {
    max_per_message = { type = "integer", default = 100, min = 1, max = 10000,
                        doc = "containers in one message" },
    max_age_ms = { type = "integer", default = 500, min = 0, max = 60000,
                   doc = "numbers may be this old, and half the interval; 0 reads anew in every run" },
  },
}

-- In any other state, or in none that is known, there is no process to measure.
local RUNS = { running = true, restarting = true, paused = true }

-- Numbers of the wire format.
local STATES = { created = 1, restarting = 2, running = 3, paused = 4, stopped = 5, dead = 6 }
local HEALTHS = { starting = 1, healthy = 2, unhealthy = 3 }

local history = rates.new {
  "cpu_total_ns", "cpu_user_ns", "cpu_system_ns", "io_read_bytes", "io_write_bytes",
}
local CPU_TOTAL, CPU_USER, CPU_SYSTEM, IO_READ, IO_WRITE = 1, 2, 3, 4, 5

local NS_PER_PERCENT = 1e7 -- of a second
local MEMORY_MAX_AGE_S = 60

local row = {} -- filled anew for each container

local function percent(ns_per_s)
  return ns_per_s and ns_per_s / NS_PER_PERCENT
end

local memory_bytes, memory_read_s

--- The memory of the host, read anew now and then: a virtual machine may be given more.
local function total_memory(now_s)
  if not memory_bytes or math.abs(now_s - memory_read_s) >= MEMORY_MAX_AGE_S then
    memory_bytes, memory_read_s = host.memory_total_bytes(), now_s
  end
  return memory_bytes
end

-- What was sent of each place in the list. emit encodes a message before it returns, so the tables
-- serve again in the next run; made anew, they would be nine tenths of the garbage.
local sent = {}

--- With all keys from the start, so that the table is made at its full size.
local function stat_at(place)
  local stat = sent[place]
  if not stat then
    stat = {
      id = "", state = 0, health = 0, started = 0, totalPct = 0, userPct = 0, systemPct = 0,
      cpuUsageNs = 0, cpuLimit = 0, memUsage = 0, memRss = 0, memCache = 0, memLimit = 0,
      memAccounted = 0, rbps = 0, wbps = 0, threadCount = 0, threadLimit = 0,
    }
    sent[place] = stat
  end
  return stat
end

--- What one container sends: absent figures stay absent.
local function stat_of(container, max_age_ms, place)
  local id, stat = container.id, stat_at(place)
  local state, health = STATES[container.state], HEALTHS[container.health]
  local filled, err = stats.container(container, max_age_ms, row)
  if not filled then
    history:keep(id)
    log.debug(id .. ": " .. err)
    return { id = id, state = state, health = health, started = container.started_s }
  end

  local per_s = history:update(id, row)
  stat.id = id
  stat.state = state
  stat.health = health
  stat.started = container.started_s
  stat.totalPct = percent(per_s[CPU_TOTAL])
  stat.userPct = percent(per_s[CPU_USER])
  stat.systemPct = percent(per_s[CPU_SYSTEM])
  stat.cpuUsageNs = per_s[CPU_TOTAL]
  stat.cpuLimit = not row.cpu_limit_defaulted and row.cpu_limit_percent or nil
  stat.memUsage = row.memory_usage_bytes
  stat.memRss = row.memory_rss_bytes
  stat.memCache = row.memory_cache_bytes
  stat.memLimit = row.memory_limit_bytes
  stat.memAccounted = row.memory_working_set_bytes
  stat.rbps = per_s[IO_READ]
  stat.wbps = per_s[IO_WRITE]
  stat.threadCount = row.pids_current
  stat.threadLimit = row.pids_limit
  return stat
end

---@param context CheckContext
function M.run(context)
  local max_age_ms = math.min(context.options.max_age_ms, context.interval_s * 1000 / 2)
  local containers = inventory.containers()
  local list = {}

  history:begin()
  for _, container in ipairs(containers) do
    if RUNS[container.state] then
      list[#list + 1] = stat_of(container, max_age_ms, #list + 1)
    end
  end
  history:finish()
  for place = #sent, #list + 1, -1 do
    sent[place] = nil
  end
  if #list == 0 then
    return true
  end

  local batches = batch.split(list, context.options.max_per_message)
  local group_id = context:next_group_id()
  for _, stats_of_batch in ipairs(batches) do
    context:emit("container_rt", {
      hostName = host.hostname(),
      numCpus = host.cpu_count(),
      totalMemory = total_memory(context.now_s),
      containerHostType = host.container_host_type(),
      groupId = group_id,
      groupSize = #batches,
      stats = stats_of_batch,
    })
  end
  return true
end

return M
