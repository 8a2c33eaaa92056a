--- A made-up host for specs of the checks: its containers, and what they have at the time T.
local cjson = require "cjson"

local M = {}

M.T = 1000 -- monotonic seconds

local function with(values, changes)
  for key, value in pairs(changes or {}) do
    values[key] = value
  end
  return values
end

--- The numbers of one container.
function M.sample(changes)
  return with({
    cgroup_inode = "00000000000000aa", identity = "00000000000000aa", read_s = M.T, problems_count = 0,
    cpu_total_ns = 100, cpu_system_ns = 200, cpu_user_ns = 300,
    cpu_limit_percent = 50, cpu_limit_defaulted = false,
    memory_usage_bytes = 42000, memory_rss_bytes = 300, memory_working_set_bytes = 350,
    memory_cache_bytes = 200, memory_limit_bytes = 42000,
    io_read_bytes = 200, io_write_bytes = 400, pids_current = 10, pids_limit = 20,
  }, changes)
end

--- What it received and sent.
function M.network(changes)
  return with({
    network_read_s = M.T, network_namespace = "00000000f0000001",
    network_rcvd_bytes = 43, network_rcvd_packets_total = 421,
    network_sent_bytes = 42, network_sent_packets_total = 420,
  }, changes)
end

function M.container(id, changes)
  return with({ id = id, state = "running" }, changes)
end

--- A world with so many containers, all alike.
function M.numbered(count)
  local world = { containers = {}, rows = {} }
  for i = 1, count do
    local id = ("c%05d"):format(i)
    world.containers[i] = M.container(id)
    world.rows[id] = M.sample()
  end
  return world
end

-- Counters of one epoch may be compared.
local function epoch_of(followed, kind, identity)
  local last = followed[kind]
  if not last or last.identity ~= identity then
    followed.epochs_total = followed.epochs_total + 1
    followed[kind] = { identity = identity, number = followed.epochs_total }
  end
  return followed[kind].number
end

local function values_of(world)
  return function(followed, max_age_ms, figures)
    table.insert(world.asked, { ref = followed.ref, max_age_ms = max_age_ms, figures = figures })
    local row = world.rows[followed.ref.id]
    if not row then
      return nil, "no such container", 2
    end
    local values = {}
    for i, name in ipairs(figures) do
      values[i] = row[name]
    end
    return epoch_of(followed, "usage", row.identity), row.read_s, unpack(values, 1, #figures)
  end
end

local function network_values_of(world)
  return function(followed, max_age_ms)
    table.insert(world.network_asked, { ref = followed.ref, max_age_ms = max_age_ms })
    local row = world.networks and world.networks[followed.ref.id]
    if not row then
      return nil, "no process", 2
    end
    followed.namespace = row.network_namespace
    return epoch_of(followed, "network", row.network_namespace), row.network_read_s, row.network_rcvd_bytes,
      row.network_rcvd_packets_total, row.network_sent_bytes, row.network_sent_packets_total, row.host_network
  end
end

local function stats_of(world)
  return {
    figures = function(names)
      world.figures = names
      return names
    end,
    epochs = function(followed)
      return cjson.encode { epochs_total = followed.epochs_total, usage = followed.usage, network = followed.network }
    end,
    follow = function(ref, before)
      before = type(before) == "string" and cjson.decode(before) or before
      return with({ epochs_total = 0 }, with(with({}, before), { ref = ref }))
    end,
    values = values_of(world),
    network_values = network_values_of(world),
    network_namespace = function(followed) return followed.namespace end,
  }
end

local function filter_of(world)
  local filter = {}
  function filter:decide_container(container)
    world.decisions = (world.decisions or 0) + 1
    return { excluded = world.excluded ~= nil and world.excluded(container) or false }
  end
  return {
    new = function(config)
      world.filter_config = config
      return filter, world.problems or {}
    end,
  }
end

--- The modules of a host; `world` may be changed between runs.
--- world: containers; rows and networks by id (none: the reading fails); excluded(container),
--- problems of the filter's rules. What the modules were asked is there too: asked, network_asked,
--- figures, filter_config, decisions, memory_readings, names_asked.
function M.modules(world)
  world.asked, world.network_asked, world.memory_readings, world.names_asked = {}, {}, 0, 0
  return {
    filter = filter_of(world),
    host = {
      hostname = function()
        world.names_asked = world.names_asked + 1
        return "node"
      end,
      cpu_count = function() return world.cpu_count or 4 end,
      memory_total_bytes = function()
        world.memory_readings = world.memory_readings + 1
        return 8e9
      end,
      container_host_type = function() return 0, "notSpecified" end,
      system_info = function() return world.system_info end,
    },
    inventory = { containers = function() return world.containers, 1 end },
    stats = stats_of(world),
  }
end

--- What was sent of a container, under the list's name in the message.
function M.sent(outcome, list, id)
  for _, message in ipairs(outcome.messages) do
    for _, item in ipairs(message.body[list]) do
      if item.id == id then
        return item
      end
    end
  end
end

return M
