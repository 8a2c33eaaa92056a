--- Facts of the host that go with every message. They change seldom, so they are asked for seldom.
local host = require "moonwatch.host"

local M = {}

local MAX_AGE_S = 60

local memory_bytes, memory_read_s

--- The memory of the host, read anew now and then: a virtual machine may be given more.
---@param now_s number  wall clock
---@return integer? bytes
function M.memory_total_bytes(now_s)
  if not memory_bytes or math.abs(now_s - memory_read_s) >= MAX_AGE_S then
    memory_bytes, memory_read_s = host.memory_total_bytes(), now_s
  end
  return memory_bytes
end

local system, cpus = nil, {}

local function cpus_of(count)
  for number = #cpus + 1, count do
    cpus[number] = { cores = 1 }
  end
  for number = #cpus, count + 1, -1 do
    cpus[number] = nil
  end
  return cpus
end

--- SystemInfo of the wire format. Valid until the next call.
---@param now_s number  wall clock
---@return table
function M.system_info(now_s)
  system = system or host.system_info()
  local facts = system or {}
  return {
    uuid = facts.uuid,
    os = {
      name = facts.os_name, platform = facts.platform, family = facts.family, version = facts.version,
      kernelVersion = facts.kernel_release,
    },
    cpus = cpus_of(host.cpu_count()),
    totalMemory = M.memory_total_bytes(now_s),
  }
end

return M
