--- Real-time numbers of every container: CPU, memory, disk, network and processes, in batches.
local batch = require "moonwatch.batch"
local containers = require "moonwatch.containers"
local facts = require "moonwatch.host_facts"
local host = require "moonwatch.host"

local M = {
  api = 1,
  state_version = 1, -- of what containers keep
  interval_s = 2,
  options = containers.with_options {
    max_per_message = { type = "integer", default = 100, min = 1, max = 10000,
                        doc = "containers in one message" },
    max_age_ms = { type = "integer", default = 500, min = 0, max = 60000,
                   doc = "numbers may be this old, and half the interval; 0 reads anew in every run" },
  },
}

local list

function M.init(options)
  list = containers.new { options = options }
end

function M.save()
  return list:save()
end

function M.restore(kept, version)
  if version == M.state_version then
    list:restore(kept)
  end
  return true
end

---@param context CheckContext
function M.run(context)
  local options, now_s = context.options, context.now_s
  local stats = list:collect(math.min(options.max_age_ms, context.interval_s * 1000 / 2), now_s)
  if #stats == 0 then
    return true
  end

  batch.emit(context, "container_rt", {
    hostName = host.hostname(),
    numCpus = host.cpu_count(),
    totalMemory = facts.memory_total_bytes(now_s),
    containerHostType = host.container_host_type(),
  }, "stats", stats)
  return true
end

return M
