local harness = require "spec.support.harness"
local made_up = require "spec.support.made_up"

local container, sample, numbered = made_up.container, made_up.sample, made_up.numbered
local T = made_up.T

--- A check over made-up containers; `world` may be changed between runs.
local function check_over(world, given)
  return harness.load("checks/container_rt", made_up.modules(world), given)
end

local function sizes_of(outcome)
  local sizes = {}
  for i, message in ipairs(outcome.messages) do
    sizes[i] = #message.body.stats
  end
  return sizes
end

local function stat_of(outcome, id)
  return made_up.sent(outcome, "stats", id)
end

describe("checks/container_rt", function()
  it("runs every 2 seconds, with at most 100 containers in a message", function()
    local check = check_over(numbered(1))
    assert.equal(2, check.table.interval_s)
    assert.equal(100, check.context.options.max_per_message)
    assert.equal(1, check.table.options.max_per_message.min)
    assert.equal(10000, check.table.options.max_per_message.max)
  end)

  it("sends the facts of the host with each message", function()
    local outcome = check_over(numbered(1)):run()
    assert.is_true(outcome.ok)
    assert.same({}, outcome.gauges)
    local body = outcome.messages[1].body
    body.stats = nil
    assert.same({
      hostName = "node", numCpus = 4, totalMemory = 8e9, containerHostType = 0, groupId = 1, groupSize = 1,
    }, body)
  end)

  it("asks for the name of the host once in a run, for as many messages as there are", function()
    local world = numbered(250)
    check_over(world):run()
    assert.equal(1, world.names_asked)
  end)

  it("reads the memory of the host once a minute, for as many messages as there are", function()
    local world = numbered(250)
    local check = check_over(world)
    check:run()
    check.context.now_s = check.context.now_s + 59
    check:run()
    assert.equal(1, world.memory_readings)
    check.context.now_s = check.context.now_s + 1
    check:run()
    assert.equal(2, world.memory_readings)
  end)

  describe("of one container", function()
    it("sends every level that there is, under the names of the wire format", function()
      local world = { rows = { c1 = sample() } }
      world.containers = { container("c1", { health = "healthy", started_s = 1700000000 }) }
      assert.same({
        id = "c1", state = 3, health = 2, started = 1700000000, cpuLimit = 50, memUsage = 42000, memRss = 300,
        memCache = 200, memLimit = 42000, memAccounted = 350, threadCount = 10, threadLimit = 20,
      }, stat_of(check_over(world):run(), "c1"))
    end)

    it("leaves out what is absent", function()
      local world = { containers = { container "c1" }, rows = {} }
      world.rows.c1 = { identity = "0", read_s = T, problems_count = 9 }
      assert.same({ id = "c1", state = 3 }, stat_of(check_over(world):run(), "c1"))
    end)

    it("keeps a level that is 0", function()
      local world = { containers = { container "c1" }, rows = {} }
      world.rows.c1 = { identity = "0", read_s = T, memory_usage_bytes = 0, pids_current = 0 }
      assert.same({ id = "c1", state = 3, memUsage = 0, threadCount = 0 }, stat_of(check_over(world):run(), "c1"))
    end)

    it("sends what its pod asked for, beside what it uses", function()
      local world = { containers = { container("c1", { cpu_request_percent = 500, memory_request_bytes = 300 }) } }
      world.rows = { c1 = sample() }
      local stat = stat_of(check_over(world):run(), "c1")
      assert.same({ 500, 300 }, { stat.cpuRequest, stat.memoryRequest })
      world.rows.c1 = { identity = "0", read_s = T, cpu_total_ns = 1 }
      stat = stat_of(check_over(world):run(), "c1")
      assert.same({ 500, nil }, { stat.cpuRequest, stat.memoryRequest })
      world.rows.c1 = { identity = "0", read_s = T, memory_usage_bytes = 1 }
      stat = stat_of(check_over(world):run(), "c1")
      assert.same({ nil, 300 }, { stat.cpuRequest, stat.memoryRequest })
    end)

    it("sends no CPU limit where none was set", function()
      local world = { containers = { container "c1" }, rows = { c1 = sample { cpu_limit_defaulted = true } } }
      assert.is_nil(stat_of(check_over(world):run(), "c1").cpuLimit)
    end)

    for state, number in pairs { restarting = 2, running = 3, paused = 4 } do
      it("sends " .. state .. " as " .. number, function()
        local world = { containers = { container("c1", { state = state }) }, rows = { c1 = sample() } }
        assert.equal(number, stat_of(check_over(world):run(), "c1").state)
      end)
    end

    for health, number in pairs { starting = 1, healthy = 2, unhealthy = 3 } do
      it("sends " .. health .. " as " .. number, function()
        local world = { containers = { container("c1", { health = health }) }, rows = { c1 = sample() } }
        assert.equal(number, stat_of(check_over(world):run(), "c1").health)
      end)
    end

    it("sends no health that it does not know", function()
      local world = { containers = { container("c1", { health = "odd" }) }, rows = { c1 = sample() } }
      assert.is_nil(stat_of(check_over(world):run(), "c1").health)
    end)
  end)

  it("leaves out containers that do not run", function()
    local world = numbered(0)
    world.containers = { { id = "c2" }, container("c3", { state = "stopped" }), container("c4", { state = "created" }) }
    world.rows = { c2 = sample(), c3 = sample(), c4 = sample() }
    assert.same({}, check_over(world):run().messages)
  end)

  describe("rates", function()
    local world, check

    before_each(function()
      world = { containers = { container "c1", container "c4", container "c5" }, rows = {} }
      world.rows = { c1 = sample(), c5 = sample() }
      check = check_over(world)
    end)

    it("are absent in the first run", function()
      local stat = stat_of(check:run(), "c1")
      for _, field in ipairs { "totalPct", "userPct", "systemPct", "cpuUsageNs", "rbps", "wbps" } do
        assert.is_nil(stat[field], field)
      end
    end)

    it("are those of the two readings in the second run", function()
      check:run()
      world.rows.c1 = sample {
        read_s = T + 10, cpu_user_ns = 6e9, cpu_system_ns = 4e9, cpu_total_ns = 2e9,
        io_read_bytes = 400, io_write_bytes = 800, memory_usage_bytes = 43000,
      }
      world.rows.c4 = sample { read_s = T + 10 }
      local outcome = check:run()

      local c1 = stat_of(outcome, "c1")
      assert.near(60, c1.userPct, 1e-4)
      assert.near(40, c1.systemPct, 1e-4)
      assert.near(20, c1.totalPct, 1e-4)
      assert.equal(199999990, c1.cpuUsageNs)
      assert.equal(20, c1.rbps)
      assert.equal(40, c1.wbps)
      assert.equal(43000, c1.memUsage)
      assert.is_nil(stat_of(outcome, "c4").totalPct) -- no reading before
      assert.is_nil(stat_of(outcome, "c5").totalPct) -- the same reading again
    end)

    it("survive a reading that failed", function()
      world.networks = { c1 = made_up.network() }
      check:run()
      world.rows.c1 = nil
      assert.same({ id = "c1", state = 3 }, stat_of(check:run(), "c1"))
      world.rows.c1 = sample { read_s = T + 20, cpu_total_ns = 100 + 2e9 }
      assert.equal(10, stat_of(check:run(), "c1").totalPct)
    end)

    it("start afresh when the container was restarted under its id", function()
      check:run()
      world.rows.c1 = sample { read_s = T + 10, cpu_total_ns = 2e9, identity = "00000000000000bb" }
      assert.is_nil(stat_of(check:run(), "c1").totalPct)
    end)

    it("start afresh when the container had been away", function()
      check:run()
      local all = world.containers
      world.containers = { container "c5" }
      check:run()
      world.containers = all
      world.rows.c1 = sample { read_s = T + 20, cpu_total_ns = 2e9 }
      assert.is_nil(stat_of(check:run(), "c1").totalPct)
    end)
  end)

  it("still sends a container that cannot be read, and says why in the debug log", function()
    local world = numbered(3)
    world.rows.c00002 = nil
    local outcome = check_over(world):run()
    assert.same({ 3 }, sizes_of(outcome))
    assert.same({ id = "c00002", state = 3 }, stat_of(outcome, "c00002"))
    assert.equal("debug: c00002: no such container", outcome.logs[2])
  end)

  describe("messages", function()
    it("of one run share a group", function()
      local check = check_over(numbered(250))
      local outcome = check:run()
      assert.same({ 84, 83, 83 }, sizes_of(outcome))
      for _, message in ipairs(outcome.messages) do
        assert.equal("container_rt", message.kind)
        assert.equal(1, message.body.groupId)
        assert.equal(3, message.body.groupSize)
      end
      assert.equal(2, check:run().messages[3].body.groupId)
    end)

    it("have every container once, in the order of the inventory", function()
      local ids = {}
      for _, message in ipairs(check_over(numbered(9), { options = { max_per_message = 2 } }):run().messages) do
        for _, stat in ipairs(message.body.stats) do
          table.insert(ids, stat.id)
        end
      end
      assert.equal("c00001 c00002 c00003 c00004 c00005 c00006 c00007 c00008 c00009", table.concat(ids, " "))
    end)

    it("are none without a container, and no group is used up", function()
      local world = numbered(0)
      local check = check_over(world)
      local outcome = check:run()
      assert.is_true(outcome.ok)
      assert.same({}, outcome.messages)
      world.containers, world.rows = numbered(1).containers, numbered(1).rows
      assert.equal(1, check:run().messages[1].body.groupId)
    end)

    it("have no history of containers that were gone in a run without any", function()
      local world = numbered(1)
      local check = check_over(world)
      check:run()
      local all = world.containers
      world.containers = {}
      check:run()
      world.containers = all
      world.rows.c00001 = sample { read_s = T + 20, cpu_total_ns = 2e9 }
      assert.is_nil(stat_of(check:run(), "c00001").totalPct)
    end)
  end)

  describe("the age that it accepts", function()
    for what, case in pairs {
      ["half a second by default"] = { 500, {} },
      ["half the interval when that is shorter"] = { 100, { interval_s = 0.2 } },
      ["what the operator says"] = { 250, { options = { max_age_ms = 250 } } },
      ["0 when every run is to read anew"] = { 0, { options = { max_age_ms = 0 } } },
    } do
      it("is " .. what, function()
        local world = numbered(1)
        check_over(world, case[2]):run()
        assert.equal(case[1], world.asked[1].max_age_ms)
      end)
    end
  end)

  it("asks the cache for the container of the inventory, with runtime and namespace", function()
    local world = numbered(1)
    world.containers[1].runtime = "containerd"
    world.containers[1].namespace = "k8s.io"
    check_over(world):run()
    assert.equal(world.containers[1], world.asked[1].ref)
  end)

  it("asks for the figures that it sends, and for no others", function()
    local world = numbered(1)
    check_over(world):run()
    assert.equal(world.figures, world.asked[1].figures)
    table.sort(world.figures)
    assert.equal("cpu_limit_defaulted cpu_limit_percent cpu_system_ns cpu_total_ns cpu_user_ns io_read_bytes "
      .. "io_write_bytes memory_cache_bytes memory_limit_bytes memory_rss_bytes memory_usage_bytes "
      .. "memory_working_set_bytes pids_current pids_limit",
      table.concat(world.figures, " "))
  end)

  it("says at its start which rules of the filter are not understood", function()
    local world = numbered(1)
    world.problems = { "invalid regex '?'", 'Container filter "x" is unknown' }
    local check = check_over(world)
    assert.same({ "warn: invalid regex '?'", 'warn: Container filter "x" is unknown' }, check.outcome.logs)
  end)

  it("reads a recorded host", function()
    local check = harness.load("checks/container_rt", harness.recorded "spec/fixtures/kubelet-1.20-v1")
    local body = check:run().messages[1].body
    assert.equal("kubelab-node", body.hostName)
    assert.equal(9, #body.stats)
    assert.is_true(body.stats[1].memUsage > 0)
  end)
end)
