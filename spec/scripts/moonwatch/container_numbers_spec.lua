local harness = require "spec.support.harness"
local made_up = require "spec.support.made_up"

local container, network, sample = made_up.container, made_up.network, made_up.sample
local T = made_up.T

--- Runs over containers of the given ids; measure() gives what is sent, by id.
local function measured(world, ids)
  local script = harness.load("moonwatch/container_numbers", made_up.modules(world))
  local list, by_id = {}, {}
  world.rows = world.rows or {}
  for i, id in ipairs(ids) do
    list[i] = script.table.start()
    script.table.identify(list[i], container(id))
    by_id[id] = list[i].stat
    list[i].stat.id = id
    world.rows[id] = world.rows[id] or sample()
  end
  return function()
    script.table.measure(list, 500)
    return by_id
  end, list, script
end

local function network_of(stat)
  return { stat.netRcvdPs, stat.netSentPs, stat.netRcvdBps, stat.netSentBps }
end

-- T + 10 s later: 10 packets and 1000 bytes in, 20 and 2000 out, in each second.
local function later(changes)
  local row = network {
    network_read_s = T + 10, network_rcvd_packets_total = 521, network_sent_packets_total = 620,
    network_rcvd_bytes = 10043, network_sent_bytes = 20042,
  }
  for key, value in pairs(changes or {}) do
    row[key] = value
  end
  return row
end

describe("moonwatch.container_numbers", function()
  it("asks for the network's numbers as old as all the others", function()
    local world = { networks = {} }
    local measure, list = measured(world, { "a" })
    measure()
    assert.same({ { ref = list[1].container, max_age_ms = 500 } }, world.network_asked)
  end)

  it("has rates of the network from its second reading on, by its own time", function()
    local world = { networks = { a = network() } }
    local measure = measured(world, { "a" })
    assert.same({}, network_of(measure().a))
    world.networks.a = later()
    assert.same({ 10, 20, 1000, 2000 }, network_of(measure().a))
    assert.is_nil(measure().a.totalPct) -- of the other numbers there is one reading
  end)

  it("has the rates that it had while the network was not read anew", function()
    local world = { networks = { a = network() } }
    local measure = measured(world, { "a" })
    measure()
    world.networks.a = later()
    measure()
    world.rows.a = sample { read_s = T + 12, cpu_total_ns = 100 + 12e9 }
    local stat = measure().a
    assert.same({ 10, 20, 1000, 2000 }, network_of(stat))
    assert.equal(100, stat.totalPct)
  end)

  it("has no rate of a counter that was missing before", function()
    local world = { networks = { a = network() } }
    local measure = measured(world, { "a" })
    world.networks.a.network_rcvd_bytes = nil
    measure()
    world.networks.a = later()
    local stat = measure().a
    assert.is_nil(stat.netRcvdBps)
    assert.equal(2000, stat.netSentBps)
  end)

  it("starts afresh in another network namespace", function()
    local world = { networks = { a = network() } }
    local measure = measured(world, { "a" })
    measure()
    world.networks.a = later { network_namespace = "00000000f0000002" }
    local stat = measure().a
    assert.same({}, network_of(stat))
    assert.equal("00000000f0000002", stat.networkNamespace)
  end)

  it("has no network where there is no process, says why, and keeps the rest", function()
    local world = { networks = { a = network() } }
    local measure, _, script = measured(world, { "a" })
    measure()
    world.networks.a = nil
    local stat = measure().a
    assert.same({}, network_of(stat))
    assert.is_nil(stat.networkNamespace)
    assert.equal(42000, stat.memUsage)
    assert.same({ "debug: a: network: no process" }, script.outcome.logs)
  end)

  it("keeps the network's history through readings that fail", function()
    local world = { networks = { a = network() } }
    local measure = measured(world, { "a" })
    measure()
    world.networks.a = nil
    measure()
    world.networks.a = later()
    assert.same({ 10, 20, 1000, 2000 }, network_of(measure().a))
  end)

  it("has nothing but what is known otherwise when the container cannot be read", function()
    local world = { networks = { a = network { host_network = true } } }
    local measure = measured(world, { "a" })
    measure()
    world.rows.a, world.networks.a = sample { read_s = T + 10 }, later { host_network = true }
    measure()
    world.rows.a = nil
    assert.same({ id = "a" }, measure().a)
  end)

  describe("of the host's network", function()
    local function on_host(changes)
      local row = network { host_network = true, network_namespace = "00000000f0000009" }
      for key, value in pairs(changes or {}) do
        row[key] = value
      end
      return row
    end

    local world, measure, list, script

    before_each(function()
      world = { networks = { a = network(), b = on_host(), c = on_host(), d = network { host_network = false } } }
      measure, list, script = measured(world, { "a", "b", "c", "d" })
      measure()
      for _, id in ipairs { "a", "b", "c", "d" } do
        local row = world.networks[id]
        world.networks[id] = later { host_network = row.host_network, network_namespace = row.network_namespace }
      end
    end)

    it("gives the counters to the first container alone", function()
      local by_id = measure()
      assert.same({ 10, 20, 1000, 2000 }, network_of(by_id.b))
      assert.same({}, network_of(by_id.c))
    end)

    it("marks each container that is in it, and no other", function()
      local by_id = measure()
      assert.same({ nil, true, true, nil },
        { by_id.a.hostNetwork, by_id.b.hostNetwork, by_id.c.hostNetwork, by_id.d.hostNetwork })
      assert.equal("00000000f0000009", by_id.c.networkNamespace)
    end)

    it("leaves the others their own", function()
      local by_id = measure()
      assert.same({ 10, 20, 1000, 2000 }, network_of(by_id.a))
      assert.same({ 10, 20, 1000, 2000 }, network_of(by_id.d))
    end)

    it("passes the counters on, with their history, when the first is gone", function()
      world.rows.b = nil
      assert.same({ 10, 20, 1000, 2000 }, network_of(measure().c))
    end)

    it("passes over a container that has no counters", function()
      world.networks.b = { network_read_s = T + 10, host_network = true }
      assert.same({ 10, 20, 1000, 2000 }, network_of(measure().c))
    end)

    for _, counter in ipairs { "network_rcvd_bytes", "network_sent_bytes" } do
      it("is carried by a container that has no more than " .. counter, function()
        world.networks.b = { network_read_s = T + 10, host_network = true, network_namespace = "00000000f0000009",
                             [counter] = 20042 }
        local by_id = measure()
        assert.near(2000, by_id.b.netRcvdBps or by_id.b.netSentBps, 1)
        assert.same({}, network_of(by_id.c))
      end)
    end

    it("has no gap when a container starts that comes before all others", function()
      local early = script.table.start()
      script.table.identify(early, container "aa")
      early.stat.id = "aa"
      table.insert(list, 1, early)
      world.rows.aa, world.networks.aa = sample(), world.networks.b
      local by_id = measure()
      assert.same({}, network_of(early.stat))
      assert.is_true(early.stat.hostNetwork)
      assert.same({ 10, 20, 1000, 2000 }, network_of(by_id.b))
      assert.same({}, network_of(by_id.c))

      local next_row = later {
        host_network = true, network_namespace = "00000000f0000009", network_read_s = T + 20,
        network_rcvd_bytes = 15043,
      }
      world.networks.aa, world.networks.b, world.networks.c = next_row, next_row, next_row
      measure()
      assert.equal(500, early.stat.netRcvdBps)
      assert.same({}, network_of(by_id.b))
      assert.same({}, network_of(by_id.c))
    end)

    it("is one, whatever number each pod gives it", function()
      world.networks.c.network_namespace = "00000000000000cc"
      measure()
      world.networks.c = later {
        network_read_s = T + 20, host_network = true, network_namespace = "00000000000000cc", network_rcvd_bytes = 9e9,
      }
      assert.same({}, network_of(measure().c))
    end)

    it("is known from the pod's spec where the numbers do not say", function()
      world.networks.a.host_network = nil
      list[1].host_network = true
      local by_id = measure()
      assert.is_true(by_id.a.hostNetwork)
      assert.same({ 10, 20, 1000, 2000 }, network_of(by_id.a))
      assert.same({}, network_of(by_id.b))
    end)

    it("is what the numbers say where both do", function()
      list[4].host_network = true
      assert.is_nil(measure().d.hostNetwork)
    end)

    it("is marked by the pod's spec where the network cannot be read", function()
      world.networks.a, list[1].host_network = nil, true
      local by_id = measure()
      assert.is_true(by_id.a.hostNetwork)
      assert.same({ 10, 20, 1000, 2000 }, network_of(by_id.b))
    end)
  end)

  it("shows the network of a pod with each of its containers", function()
    local world = { networks = { a = network(), b = network() } }
    local measure = measured(world, { "a", "b" })
    measure()
    world.networks = { a = later(), b = later() }
    local by_id = measure()
    assert.same(network_of(by_id.a), network_of(by_id.b))
    assert.equal(by_id.a.networkNamespace, by_id.b.networkNamespace)
  end)
end)
