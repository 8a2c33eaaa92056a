local cjson = require "cjson"

local harness = require "spec.support.harness"
local made_up = require "spec.support.made_up"

local container, network, sample = made_up.container, made_up.network, made_up.sample
local T = made_up.T

local function new_list(script, options, describe)
  local given = {}
  for name, option in pairs(script.table.options) do
    given[name] = option.default
  end
  for name, value in pairs(options or {}) do
    given[name] = value
  end
  return script.table.new { options = given, describe = describe }
end

--- A list over made-up containers: collect() gives what is listed, by id.
local function list_over(world, options, describe)
  local script = harness.load("moonwatch/containers", made_up.modules(world))
  local list = new_list(script, options, describe)
  return function(now_s)
    local by_id, ids = {}, {}
    for i, stat in ipairs(list:collect(500, now_s or 0)) do
      by_id[stat.id], ids[i] = stat, stat.id
    end
    return by_id, table.concat(ids, " ")
  end, script, list
end

local function ids_of(world, options, now_s)
  local _, ids = list_over(world, options)(now_s)
  return ids
end

-- The same containers in new tables: what the inventory gives when they changed.
local function renewed(containers, changes)
  local list = {}
  for i, one in ipairs(containers) do
    list[i] = container(one.id, one)
    for key, value in pairs(changes or {}) do
      list[i][key] = value
    end
  end
  return list
end

local function world_of(...)
  local world = { containers = { ... }, rows = {}, networks = {} }
  for _, one in ipairs(world.containers) do
    world.rows[one.id], world.networks[one.id] = sample(), network()
  end
  return world
end

describe("moonwatch.containers", function()
  it("adds its options to those of a check", function()
    local _, script = list_over(world_of())
    local all = script.table.with_options { own = { type = "integer", default = 1, doc = "of the check" } }
    local defaults, bounds = {}, {}
    for name, option in pairs(all) do
      assert.is_string(option.doc)
      defaults[name], bounds[name] = option.default, option.min and { option.min, option.max }
    end
    assert.same({
      own = 1, container_include = {}, container_exclude = {}, container_include_metrics = {},
      container_exclude_metrics = {}, exclude_pause_container = true, garden_hold_s = 60,
    }, defaults)
    assert.same({ garden_hold_s = { 0, 86400 } }, bounds)
  end)

  describe("lists", function()
    for state, listed in pairs {
      running = true, restarting = true, paused = true,
      created = false, stopped = false, dead = false, ["an unknown word"] = false,
    } do
      it((listed and "a container that is %s" or "no container that is %s"):format(state), function()
        assert.equal(listed and "c1" or "", ids_of(world_of(container("c1", { state = state }))))
      end)
    end

    it("no container whose state is not known", function()
      assert.equal("", ids_of { containers = { { id = "c1" } }, rows = { c1 = sample() } })
    end)

    it("those that the filter keeps", function()
      local world = world_of(container "c1", container "c2", container "c3")
      world.excluded = function(one) return one.id == "c2" end
      assert.equal("c1 c3", ids_of(world))
    end)

    it("a container from the run on in which the filter keeps its new self", function()
      local world = world_of(container("c1", { name = "secret" }))
      world.excluded = function(one) return one.name == "secret" end
      local collect = list_over(world)
      assert.is_nil(collect().c1)
      world.containers = renewed(world.containers, { name = "public" })
      assert.truthy(collect().c1)
      world.containers = renewed(world.containers, { name = "secret" })
      assert.is_nil(collect().c1)
    end)

    it("asks the filter once while nothing changes", function()
      local world = world_of(container "c1", container "c2")
      local collect = list_over(world)
      collect()
      collect()
      assert.equal(2, world.decisions)
      world.containers = { world.containers[1], container "c2" }
      collect()
      assert.equal(3, world.decisions)
    end)

    it("in the same tables while nothing changes", function()
      local world = world_of(container "c1", container("c6", { runtime = "garden" }))
      local _, _, list = list_over(world)
      list:collect(500, 0)
      local first = list:collect(500, 60) -- the one that was held back is in it
      assert.equal(2, #first)
      assert.equal(first, list:collect(500, 62))
      world.containers = renewed(world.containers)
      local second = list:collect(500, 64)
      assert.not_equal(first, second)
      assert.equal(first[1], second[1])
    end)
  end)

  it("knows the network from a pod that comes later, and not from one that is gone", function()
    local world = world_of(container "c1", container "c2")
    local collect = list_over(world)
    local seen = {}
    for i, host_network in ipairs { "no pod yet", true, false, "gone" } do
      local pod = type(host_network) == "boolean" and { uid = "p", host_network = host_network } or nil
      world.containers = { container("c1", { pod = pod }), world.containers[2] }
      local by_id = collect()
      seen[i] = tostring(by_id.c1.hostNetwork)
      assert.is_nil(by_id.c2.hostNetwork)
    end
    assert.same({ "nil", "true", "nil", "nil" }, seen)
  end)

  it("gives the operator's rules to the filter", function()
    local world = world_of()
    list_over(world, { container_exclude = { "name:x" }, exclude_pause_container = false })
    assert.same({
      kind = "metrics", container_include = {}, container_exclude = { "name:x" }, container_include_metrics = {},
      container_exclude_metrics = {}, exclude_pause_container = false,
    }, world.filter_config)
  end)

  it("tells about a container once for each table that the inventory gives", function()
    local world, told = world_of(container "c1", container "c2"), {}
    local collect = list_over(world, {}, function(_, one) table.insert(told, one) end)
    collect()
    collect()
    assert.same(world.containers, told)
    world.containers = { container("c1", { health = "healthy" }), world.containers[2] }
    local c1 = collect().c1
    assert.equal(3, #told)
    assert.equal(2, c1.health)
  end)

  it("leaves a start out that is not known", function()
    for _, unset in ipairs { 0, -62135596800 } do
      assert.is_nil(list_over(world_of(container("c1", { started_s = unset })))().c1.started)
    end
    assert.equal(17, list_over(world_of(container("c1", { started_s = 17.9 })))().c1.started)
  end)

  it("keeps the rates of a container whose table changed", function()
    local world = world_of(container "c1")
    local collect = list_over(world)
    collect()
    world.containers = renewed(world.containers, { health = "unhealthy" })
    world.rows.c1 = sample { read_s = T + 10, io_read_bytes = 300 }
    assert.equal(10, collect().c1.rbps)
  end)

  it("forgets the rates of a container that was left out for a run", function()
    local world = world_of(container "c1")
    local collect = list_over(world)
    collect()
    world.containers = renewed(world.containers, { state = "stopped" })
    collect()
    world.containers = renewed(world.containers, { state = "running" })
    world.rows.c1 = sample { read_s = T + 10, io_read_bytes = 300 }
    assert.is_nil(collect().c1.rbps)
  end)

  describe("of Garden", function()
    local bare = { runtime = "garden" }
    local HELD = "info: c6: a garden container without tags: held back until it has some, for at most 60 s"

    it("lists those with tags", function()
      assert.equal("c5", ids_of(world_of(container("c5", { runtime = "garden", tags = { "from:pcf" } }))))
    end)

    it("holds back those without, and says so once", function()
      local world = world_of(container "c1", container("c6", bare), container("c7", { runtime = "garden", tags = {} }))
      local collect, script = list_over(world)
      for now_s = 0, 59 do
        assert.equal("c1", select(2, collect(now_s)))
      end
      assert.same({ HELD, (HELD:gsub("c6", "c7")) }, { script.outcome.logs[1], script.outcome.logs[2] })
      assert.equal(2, #script.outcome.logs)
    end)

    it("lists them all the same after a minute, and from then on", function()
      local world = world_of(container("c6", bare))
      local collect, script = list_over(world)
      assert.is_nil(collect(0).c6)
      assert.truthy(collect(60).c6)
      assert.equal("info: c6: no tags came within 60 s: listed without", script.outcome.logs[2])
      world.containers = renewed(world.containers)
      assert.truthy(collect(61).c6)
      world.containers = renewed(world.containers)
      assert.truthy(collect(62).c6)
      assert.equal(2, #script.outcome.logs)
    end)

    it("holds back those without for as long as the operator says", function()
      local collect = list_over(world_of(container("c6", bare)), { garden_hold_s = 1 })
      assert.is_nil(collect(0).c6)
      assert.truthy(collect(1).c6)
    end)

    it("lists them as soon as they have tags", function()
      local world = world_of(container("c6", bare))
      local collect = list_over(world)
      collect(0)
      world.containers = renewed(world.containers, { tags = { "a:1" } })
      assert.truthy(collect(2).c6)
    end)

    it("goes on listing one that lost its tags", function()
      local world = world_of(container("c5", { runtime = "garden", tags = { "a:1" } }))
      local collect, script = list_over(world)
      collect(0)
      world.containers = { container("c5", bare) }
      assert.truthy(collect(2).c5)
      assert.same({}, script.outcome.logs)
    end)

    it("does not wait for long when the clock was set back", function()
      local collect = list_over(world_of(container("c6", bare)))
      collect(1e9)
      assert.truthy(collect(0).c6)
    end)

    it("holds nothing back when that is not wanted", function()
      local collect, script = list_over(world_of(container("c6", bare)), { garden_hold_s = 0 })
      assert.truthy(collect(0).c6)
      assert.same({}, script.outcome.logs)
    end)

    it("holds one back anew that had been away", function()
      local world = world_of(container("c6", bare))
      local collect = list_over(world)
      collect(0)
      local all = world.containers
      world.containers = {}
      collect(30)
      world.containers = all
      assert.is_nil(collect(60).c6)
      assert.truthy(collect(120).c6)
    end)
  end)

  describe("over a reload", function()
    -- As the agent, which packs it: a list that went through must not share a table with the old one.
    local function copy(value)
      return type(value) == "table" and cjson.decode(cjson.encode(value)) or value
    end

    local function after_reload(world, options)
      local collect, _, list = list_over(world, options)
      collect(0)
      local next_collect, _, next_list = list_over(world, options)
      next_list:restore(copy(list:save()))
      return next_collect, next_list
    end

    local function move_on(world, id)
      world.rows[id] = sample { read_s = T + 10, cpu_total_ns = 2e9, cpu_user_ns = 6e9, cpu_system_ns = 4e9 }
      world.networks[id] = network { network_read_s = T + 10, network_rcvd_bytes = 10043 }
    end

    it("goes on with the rates, those of the network too", function()
      local world = world_of(container "a")
      local collect = after_reload(world)
      move_on(world, "a")
      local stat = collect(1).a
      assert.near(20, stat.totalPct, 1e-4)
      assert.equal(1000, stat.netRcvdBps)
      assert.equal(network().network_namespace, stat.networkNamespace)
    end)

    it("has the rates that it had while nothing is read anew", function()
      local world = world_of(container "a")
      local collect, list
      local first, _, first_list = list_over(world)
      first(0)
      move_on(world, "a")
      first(1)
      collect, _, list = list_over(world)
      list:restore(copy(first_list:save()))
      local stat = collect(2).a
      assert.near(20, stat.totalPct, 1e-4)
      assert.equal(1000, stat.netRcvdBps)
    end)

    it("has no rate where there was none", function()
      local stat = after_reload(world_of(container "a"))(1).a
      assert.same({}, { stat.totalPct, stat.rbps, stat.netRcvdBps })
    end)

    it("starts afresh with a container that was restarted meanwhile", function()
      local world = world_of(container "a")
      local collect = after_reload(world)
      move_on(world, "a")
      world.rows.a.identity = "00000000000000bb"
      assert.is_nil(collect(1).a.totalPct)
    end)

    it("goes on listing what was listed", function()
      local garden = container("g", { runtime = "garden", tags = { "a:b" } })
      local world = world_of(garden)
      local collect = after_reload(world)
      world.containers = renewed(world.containers, { runtime = "garden", tags = {} })
      assert.is_table(collect(1).g)
    end)

    it("keeps what it was given when nothing has run in between", function()
      local world = world_of(container "a")
      local _, list = after_reload(world)
      local collect, _, third = list_over(world)
      third:restore(copy(list:save()))
      move_on(world, "a")
      assert.near(20, collect(1).a.totalPct, 1e-4)
    end)

    it("keeps nothing of an empty list", function()
      local collect, _, list = list_over(world_of())
      collect(0)
      assert.is_nil(list:save())
    end)

    -- As core/script/plain.c counts.
    local function packed_bytes(value)
      if type(value) ~= "table" then
        return type(value) == "string" and 5 + #value or type(value) == "number" and 9 or 1
      end
      local bytes = 6
      for key, element in pairs(value) do
        bytes = bytes + packed_bytes(element) + (type(key) == "string" and packed_bytes(key) or 0)
      end
      return bytes
    end

    it("keeps 2000 of them, which is less than a mebibyte", function()
      local all = {}
      for i = 1, 2500 do
        all[i] = container(("%064x"):format(i))
      end
      local world = world_of(unpack(all))
      local collect, _, list = list_over(world)
      collect(0)
      for i = 1, 2500 do
        move_on(world, all[i].id)
      end
      collect(1)
      local kept, count = list:save(), 0
      for _ in pairs(kept) do
        count = count + 1
      end
      assert.equal(2000, count)
      assert.is_true(packed_bytes(kept) < 2^20, packed_bytes(kept))
    end)
  end)

  it("makes no garbage for a container while nothing changes", function()
    local RUNS = 100
    local list = new_list(harness.load("moonwatch/containers", harness.recorded "spec/fixtures/kubelet-1.20-v1"))
    finally(function()
      collectgarbage "restart"
      jit.on()
    end)
    jit.off() -- compiled code is garbage, too
    list:collect(60000, 0)
    collectgarbage()
    collectgarbage "stop"
    local least_kb = math.huge
    for _ = 1, 3 do
      local before_kb = collectgarbage "count"
      for _ = 1, RUNS do
        list:collect(60000, 0)
      end
      least_kb = math.min(least_kb, collectgarbage "count" - before_kb)
    end
    assert.equal(9, #list:collect(60000, 0))
    assert.is_true(least_kb * 1024 < RUNS * 9, least_kb .. " KiB") -- less than a byte for each
  end)

  -- The vectors of two runs, ten seconds apart.
  describe("in two runs", function()
    local world, collect, first

    before_each(function()
      local ips = { net1 = "10.0.0.1", net2 = "192.168.0.1" }
      world = world_of(
        container("c1", { runtime = "containerd", health = "healthy", started_s = 1700000000, ips = ips,
                          cpu_request_percent = 500, memory_request_bytes = 300 }),
        container("c2", { state = false }),
        container("c3", { runtime = "containerd", health = "healthy" }),
        container("c4", { runtime = "containerd" }),
        container("c5", { runtime = "garden", tags = { "from:pcf", "id:container5" } }),
        container("c6", { runtime = "garden" }),
        container("c7", { runtime = "containerd", name = "container7",
                          pod = { annotations = { ["ad.datadoghq.com/container7.exclude"] = "true" } } }))
      world.excluded = function(one) return one.id == "c7" end
      world.rows.c3 = nil
      world.rows.c5 = sample { cpu_limit_defaulted = true }
      collect = list_over(world)
      local _, ids = collect()
      first = ids
    end)

    it("lists those that run, that are not excluded, and that have tags if they are Garden's", function()
      assert.equal("c1 c3 c4 c5", first)
    end)

    it("sends no rate in the first, and levels that are there", function()
      world.containers = renewed(world.containers) -- a list of its own
      local by_id = list_over(world)()
      assert.same({
        id = "c1", state = 3, health = 2, started = 1700000000, cpuLimit = 50, cpuRequest = 500, memoryRequest = 300,
        memUsage = 42000, memRss = 300, memCache = 200, memLimit = 42000, memAccounted = 350, threadCount = 10,
        threadLimit = 20, networkNamespace = "00000000f0000001",
      }, by_id.c1)
      assert.same({ id = "c3", state = 3, health = 2 }, by_id.c3)
      assert.equal(50, by_id.c4.cpuLimit)
      assert.is_nil(by_id.c5.cpuLimit)
    end)

    it("sends the rates of both readings in the second", function()
      world.rows.c1 = sample {
        read_s = T + 10, cpu_user_ns = 6e9, cpu_system_ns = 4e9, cpu_total_ns = 2e9, io_read_bytes = 400,
        io_write_bytes = 800, memory_usage_bytes = 43000,
      }
      world.networks.c1 = network {
        network_read_s = T + 10, network_rcvd_bytes = 83, network_sent_bytes = 82, network_rcvd_packets_total = 821,
        network_sent_packets_total = 820,
      }
      local by_id = collect()
      local c1, c5 = by_id.c1, by_id.c5
      assert.near(60, c1.userPct, 1e-4)
      assert.near(40, c1.systemPct, 1e-4)
      assert.near(20, c1.totalPct, 1e-4)
      assert.same({ 199999990, 20, 40, 43000 }, { c1.cpuUsageNs, c1.rbps, c1.wbps, c1.memUsage })
      assert.same({ 4, 4, 40, 40 }, { c1.netRcvdBps, c1.netSentBps, c1.netRcvdPs, c1.netSentPs })
      assert.same({}, { c5.totalPct, c5.cpuUsageNs, c5.rbps, c5.netRcvdBps, c5.netSentPs })
    end)
  end)
end)
