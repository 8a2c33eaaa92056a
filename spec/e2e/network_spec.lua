--- Network figures of containers in real namespaces, beside what the kernel's own tools count.
---
--- Between two readings the agent is stopped, so that what a case does then happens between them.
local cjson = require "cjson"
local lfs = require "lfs"

local harness = require "spec.support.harness"
local netns = require "spec.support.netns"
local podman = require "spec.support.podman"
local stopped_agent = require "spec.support.stopped_agent"

local INTERVAL_S = 2 -- more than it takes to see a first reading and to stop the agent
local FRAME_HEADERS_BYTES = 14 + 20 + 8
local OPEN_FILES_MAX = 64
local UPTIME_STEP_S = 0.01
local ENOENT = 2

-- Names of "moonwatch stats", and of netns.
local FIGURES = {
  network_rcvd_bytes = "rcvd_bytes", network_rcvd_packets_total = "rcvd_packets",
  network_sent_bytes = "sent_bytes", network_sent_packets_total = "sent_packets",
}
local RATES = {
  netRcvdBps = "rcvd_bytes", netRcvdPs = "rcvd_packets", netSentBps = "sent_bytes", netSentPs = "sent_packets",
}

-- Each check, and the name of the list in its message.
local CHECKS = { { "container_rt", "stats" }, { "container", "containers" } }

local function cgroup_root()
  for _, root in ipairs { "/sys/fs/cgroup/pids", "/sys/fs/cgroup", "/sys/fs/cgroup/unified" } do
    if lfs.attributes(root .. "/cgroup.procs") and select(2, podman.shell("test -w " .. root)) == 0 then
      return root
    end
  end
end

local function random_id()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = file:read(32)
  file:close()
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local wait_until = stopped_agent.wait_until

-- ---- What it says --------------------------------------------------------------------------

--- The containers of the first pass, which has a message for each hundred of them.
---@param list string  where they are in a message
local function rows_of(output, list)
  local rows
  for line in output:gmatch "[^\n]+" do
    local message = cjson.decode(line)
    for _, row in ipairs(message.groupId == 1 and message[list] or {}) do
      rows = rows or {}
      assert.is_nil(rows[row.id], "twice in the output")
      rows[row.id] = row
    end
  end
  return assert(rows, "there was no pass: " .. output:sub(1, 200))
end


local function figures_of(outcome)
  assert.equal(0, outcome.code, outcome.err)
  local body = cjson.decode(outcome.out)
  for _, figure in ipairs(body.figures) do
    body[figure.name] = figure
  end
  return body
end

local function sum(interfaces)
  local total = { rcvd_bytes = 0, rcvd_packets = 0, sent_bytes = 0, sent_packets = 0 }
  for name, counters in pairs(interfaces) do
    for field in pairs(name ~= "lo" and total or {}) do
      total[field] = total[field] + counters[field]
    end
  end
  return total
end

local function assert_no_network(row)
  for name in pairs(RATES) do
    assert.is_nil(row[name], name)
  end
end

--- Rates are those of the traffic over one and the same time, which is as long as it may be.
---@param rates table<string, number>  by the names of netns
---@param grown table<string, integer>
---@param most_s number
---@param least_s? number
local function assert_rates(rates, grown, most_s, least_s)
  local passed_s = grown.sent_bytes / rates.sent_bytes
  local text = ("%g s are not within %g and %g"):format(passed_s, least_s or INTERVAL_S, most_s)
  assert.is_true((least_s or INTERVAL_S) <= passed_s and passed_s <= most_s + UPTIME_STEP_S, text)
  for field, growth in pairs(grown) do
    assert.near(growth, rates[field] * passed_s, growth * 1e-6, field)
  end
end

local function rates_of(row)
  local rates = {}
  for name, field in pairs(RATES) do
    rates[field] = assert(row[name], name)
  end
  return rates
end

local function count_files(targets, pattern)
  local count = 0
  for _, target in ipairs(targets) do
    count = count + (target:find(pattern) and 1 or 0)
  end
  return count
end

local function namespace_digits(namespace)
  return ("%016x"):format(tonumber(namespace.id))
end

describe("the network of containers", function()
  local network, reason, root

  before_each(function()
    network, reason = netns.start()
    root = cgroup_root()
  end)

  after_each(function()
    stopped_agent.kill_all()
    if network then
      network:stop()
    end
  end)

  local function need_network()
    if not network then
      pending(reason)
    elseif not root then
      pending "there is no cgroup hierarchy that may be written to"
    end
    return network
  end

  --- Make a container of a process.
  ---@return string id
  local function contain(process, id)
    id = id or random_id()
    process:enter_cgroup(("%s/%s/%s"):format(root, network.dir:match "[^/]+$", id))
    return id
  end

  --- A machine with a pod of two containers and one by itself, that reach each other by eth0.
  local function make_machine()
    local machine, missing = need_network():machine()
    if not machine then
      pending(missing)
    end
    contain(machine.first, "init.scope") -- else it looks as if the agent were in a container with it
    local pod, single = network:namespace(machine), network:namespace(machine)
    local world = { machine = machine, pod = pod, single = single }
    world.pod_address, world.single_address = network:veth(pod, single, "eth0")
    world.pair = { contain(pod.first), contain(pod:start()) }
    world.single_id = contain(single.first)
    return world
  end

  -- So that all four counters of both ends grow, each by another number.
  local TO_SINGLE = { count = 30, payload_bytes = 100 }
  local TO_POD = { count = 12, payload_bytes = 400 }

  local function send(world)
    world.pod:send(world.single_address, TO_SINGLE.count, TO_SINGLE.payload_bytes)
    world.single:send(world.pod_address, TO_POD.count, TO_POD.payload_bytes)
  end

  local function bytes_of(traffic)
    return traffic.count * (FRAME_HEADERS_BYTES + traffic.payload_bytes)
  end

  local function growth_of(sent, rcvd)
    return {
      sent_bytes = bytes_of(sent), sent_packets = sent.count, rcvd_bytes = bytes_of(rcvd), rcvd_packets = rcvd.count,
    }
  end

  local function start_check(world, name, ...)
    return stopped_agent.start {
      prefix = world.machine:on_machine() .. (world.limits or ""),
      "check", name, "--format", "json", "--interval", tostring(INTERVAL_S), ...
    }
  end

  local function start_stats(world, id)
    return stopped_agent.start {
      "stats", id, "--format", "json", "--interval", tostring(INTERVAL_S),
      prefix = world.machine and world.machine:on_machine(),
    }
  end

  -- In the pod, and in pid and mount namespaces of its own: its ids of processes are not the host's.
  local function start_contained_check(world)
    local setup = [[mkdir -p {}/proc {}/sys && mount --rbind /proc {}/proc && mount --rbind /sys {}/sys]]
      .. [[ && mount -t proc proc /proc && exec "$@"]]
    local prefix = ("nsenter -t %d -n unshare --pid --fork --mount sh -c '%s' sh"):format(
      world.pod.first.pid, (setup:gsub("{}", world.host_root)))
    if select(2, podman.shell(prefix .. " true")) ~= 0 then
      pending "the host's /proc cannot be mounted elsewhere here: that takes CAP_SYS_ADMIN"
    end
    return stopped_agent.start {
      "check", "container_rt", "--format", "json", "--interval", tostring(INTERVAL_S),
      "--host-root", world.host_root, prefix = prefix,
    }
  end

  --- Figures of a namespace where there is other traffic, too, by what was counted before and after.
  local function assert_between(before, body, after)
    for name, field in pairs(FIGURES) do
      local text = ("%s: %d is not within %d and %d"):format(name, body[name].value, before[field], after[field])
      assert.is_true(before[field] <= body[name].value and body[name].value <= after[field], text)
    end
  end

  describe("on a machine of its own", function()
    it("has the kernel's counters, and the rates of what was sent meanwhile", function()
      local world = make_machine()
      for _, id in ipairs { world.pair[1], world.single_id } do
        local namespace = id == world.single_id and world.single or world.pod
        local agent = start_stats(world, id)
        send(world)
        local outcome = agent:finish()
        local body = figures_of(outcome)

        local rates, expected = {}, namespace:interfaces()
        for name, field in pairs(FIGURES) do
          assert.equal(expected.eth0[field], body[name].value, name)
          rates[field] = body[name].rate_per_s
        end
        local growth = id == world.single_id and growth_of(TO_POD, TO_SINGLE) or growth_of(TO_SINGLE, TO_POD)
        assert_rates(rates, growth, outcome.took_s)
        assert.equal(namespace_digits(namespace), body.network_namespace)
        assert.is_false(body.host_network)
      end
    end)

    it("is the sum of its interfaces, which are told one by one, without lo", function()
      local world = make_machine()
      local _, address = network:veth(world.pod, world.single, "eth1")
      world.pod:send(address, 7, 50)
      send(world)
      world.pod:run "ip link set lo up"
      world.pod:send("127.0.0.1", 5, 10)

      local body = figures_of(start_stats(world, world.pair[2]):finish())
      local expected = world.pod:interfaces()
      assert.is_true(expected.lo.sent_packets >= 5)
      for name, field in pairs(FIGURES) do
        assert.equal(sum(expected)[field], body[name].value, name)
        assert.equal(0, body[name].rate_per_s, name)
      end
      assert.equal(2, #body.interfaces)
      for i, interface in ipairs(body.interfaces) do
        assert.equal("eth" .. i - 1, interface.name)
        for name, field in pairs(FIGURES) do
          assert.equal(expected[interface.name][field], interface[name:match "^network_(.*)$"])
        end
      end
    end)

    for _, case in ipairs(CHECKS) do
      local check, list = case[1], case[2]

      it("is shared by the containers of a pod in " .. check, function()
        local world = make_machine()
        local agent = start_check(world, check)
        send(world)
        local outcome = agent:finish()
        local rows = rows_of(outcome.out, list)

        local first, second, single = rows[world.pair[1]], rows[world.pair[2]], rows[world.single_id]
        assert_rates(rates_of(first), growth_of(TO_SINGLE, TO_POD), outcome.took_s)
        assert.same(rates_of(first), rates_of(second))
        assert_rates(rates_of(single), growth_of(TO_POD, TO_SINGLE), outcome.took_s)
        assert.equal(namespace_digits(world.pod), first.networkNamespace)
        assert.equal(namespace_digits(world.pod), second.networkNamespace)
        assert.equal(namespace_digits(world.single), single.networkNamespace)
        assert.is_nil(first.hostNetwork)
      end)

      it("is counted once for those in the host's, in " .. check, function()
        local world = make_machine()
        local machine_address, address = network:veth(world.machine, world.single, "eth1")
        local hosts = { contain(world.machine:start()), contain(world.machine:start()) }
        table.sort(hosts)
        local agent = start_check(world, check)
        world.machine:send(address, TO_SINGLE.count, TO_SINGLE.payload_bytes)
        world.single:send(machine_address, TO_POD.count, TO_POD.payload_bytes)
        local outcome = agent:finish()
        local rows = rows_of(outcome.out, list)

        assert_rates(rates_of(rows[hosts[1]]), growth_of(TO_SINGLE, TO_POD), outcome.took_s)
        assert_no_network(rows[hosts[2]])
        for _, id in ipairs(hosts) do
          assert.is_true(rows[id].hostNetwork)
          assert.equal(namespace_digits(world.machine), rows[id].networkNamespace)
        end
        assert.is_nil(rows[world.single_id].hostNetwork)
      end)
    end

    it("is the host's for each container in it, in stats", function()
      local world = make_machine()
      network:veth(world.machine, world.single, "eth1")
      local first, second = contain(world.machine:start()), contain(world.machine:start())
      for _, id in ipairs { first, second } do
        local body = figures_of(start_stats(world, id):finish())
        assert.is_true(body.host_network)
        assert.equal(world.machine:interfaces().eth1.rcvd_bytes, body.network_rcvd_bytes.value)
      end
    end)

    it("is absent, not zero, where there is only lo", function()
      local world = make_machine()
      local lonely = network:namespace(world.machine)
      local id = contain(lonely.first)
      lonely:run "ip link set lo up"
      lonely:send("127.0.0.1", 5, 10)

      local row = rows_of(start_check(world, "container_rt"):finish().out, "stats")[id]
      assert_no_network(row)
      local body = figures_of(start_stats(world, id):finish())
      assert.same({}, body.interfaces)
      for name in pairs(FIGURES) do
        assert.is_nil(body[name], name)
      end
    end)

    it("is lost with the last process, and its namespace is let go of", function()
      local world = make_machine()
      network:veth(world.machine, world.pod, "eth1") -- the pod's eth0 goes, too
      local agent = start_check(world, "container_rt", "--count", "60")
      world.single.first:kill()
      -- The agent, which is stopped, still holds what it read.
      assert.is_table(world.pod:interfaces().eth0)
      agent:signal "CONT"
      wait_until("the other end of the veth pair is gone", function() return not world.pod:interfaces().eth0 end)
      wait_until("a pass is shown", function() return agent:said():find "\n" end)
      agent:signal "INT"
      local outcome = agent:finish()

      local rows = rows_of(outcome.out, "stats")
      assert_no_network(rows[world.single_id])
      assert.is_nil(rows[world.single_id].networkNamespace)
      assert.is_number(rows[world.single_id].threadCount)
      assert.equal(namespace_digits(world.pod), rows[world.pair[1]].networkNamespace)
    end)

    it("goes on through another process when one of several dies", function()
      local world = make_machine()
      contain(world.single:start(), world.single_id)
      local agent = start_check(world, "container_rt")
      send(world)
      world.single.first:kill()
      local outcome = agent:finish()
      local row = rows_of(outcome.out, "stats")[world.single_id]

      assert_rates(rates_of(row), growth_of(TO_POD, TO_SINGLE), outcome.took_s)
    end)

    it("is that of the new process when a container moves", function()
      local world = make_machine()
      send(world)
      world.single:start() -- or both ends of eth0 would go
      local agent = start_stats(world, world.single_id)
      contain(world.pod:start(), world.single_id)
      world.single.first:kill()
      local expected = world.pod:interfaces()
      local body = figures_of(agent:finish())

      assert.equal(namespace_digits(world.pod), body.network_namespace)
      for name, field in pairs(FIGURES) do
        assert.equal(sum(expected)[field], body[name].value, name)
        assert.is_nil(body[name].rate_per_s, name)
      end
    end)

    it("is there for all when few files may be open", function()
      local world = make_machine()
      world.limits = (" prlimit --nofile=%d"):format(OPEN_FILES_MAX)
      local ids, namespaces, addresses = {}, {}, {}
      for i = 1, OPEN_FILES_MAX / 4 do
        namespaces[i] = network:namespace(world.machine)
        ids[i] = contain(namespaces[i].first)
        addresses[i] = select(2, network:veth(namespaces[i], world.single, "n" .. i))
      end
      local agent = start_check(world, "container_rt")
      local files = agent:open_files()
      local kept = count_files(files, "%[pidfd%]$") + count_files(files, "/net/dev$")
      assert.is_true(#files <= OPEN_FILES_MAX * 3 / 4, #files .. " open files")
      assert.is_true(0 < kept and kept <= OPEN_FILES_MAX / 8, kept .. " of them kept for the network")
      for i, namespace in ipairs(namespaces) do
        namespace:send(addresses[i], i, 100)
      end
      local outcome = agent:finish()
      local rows, took_s = rows_of(outcome.out, "stats"), outcome.took_s

      for i, id in ipairs(ids) do
        assert.equal(namespace_digits(namespaces[i]), rows[id].networkNamespace)
        local sent_per_s = rows[id].netSentPs
        local least, most = i / (took_s + UPTIME_STEP_S), i / INTERVAL_S
        assert.is_true(least <= sent_per_s and sent_per_s <= most, tostring(sent_per_s))
        assert.near(FRAME_HEADERS_BYTES + 100, rows[id].netSentBps / sent_per_s, 1e-6)
        assert.equal(0, rows[id].netRcvdPs)
      end
    end)
  end)

  describe("on this host", function()
    it("is that of the host's own namespace", function()
      local here = need_network():here()
      local id = contain(here.first)
      local before = sum(here:interfaces())
      local body = figures_of(start_stats({}, id):finish())
      assert_between(before, body, sum(here:interfaces()))
      assert.equal(namespace_digits(here), body.network_namespace)
    end)

    it("is known to be that of process 1", function()
      local here = need_network():here()
      local first = lfs.symlinkattributes("/proc/1/ns/net", "target")
      local body = figures_of(start_stats({}, contain(here.first)):finish())
      if not first then
        assert.is_nil(body.host_network)
        pending "/proc/1/ns/net cannot be read here: that takes CAP_SYS_PTRACE over process 1"
      end
      assert.equal(first:match "%d+" == here.id, body.host_network)
    end)

    it("is found by an agent in a container of its own, that has the host's files below a folder", function()
      local pod, single = need_network():namespace(), network:namespace()
      local world = { pod = pod, single = single, host_root = network.dir .. "/host" }
      world.pod_address, world.single_address = network:veth(pod, single, "eth0")
      local id, other_id = contain(pod.first), contain(single.first)
      local agent = start_contained_check(world)
      local own_id = contain(pod:adopt(agent.pid))
      send(world)
      single:start() -- or both ends of eth0 would go
      single.first:kill()
      local outcome = agent:finish()
      local rows = rows_of(outcome.out, "stats")

      assert_rates(rates_of(rows[id]), growth_of(TO_SINGLE, TO_POD), outcome.took_s)
      assert.equal(namespace_digits(pod), rows[id].networkNamespace)
      assert_no_network(rows[other_id])
      assert.equal(namespace_digits(pod), rows[own_id].networkNamespace)
    end)

    it("is that of Podman's containers, with the host's network and with none", function()
      local here = need_network():here()
      local host, missing = podman.start()
      if not host then
        pending(missing)
      end
      finally(function() host:stop() end)
      local with, failed = host:run("with", "--network host", "exec busybox sleep 1000")
      local without = with and assert(host:run("without", "", "exec busybox sleep 1000"))
      if not with then
        pending(failed)
      end

      local before = sum(here:interfaces())
      local body = figures_of(start_stats({}, with.id):finish())
      assert_between(before, body, sum(here:interfaces()))
      assert.equal(namespace_digits(here), body.network_namespace)
      body = figures_of(start_stats({}, without.id):finish())
      assert.is_nil(body.network_rcvd_bytes)
      assert.same({}, body.interfaces)
    end)
  end)

  describe("in plain luajit", function()
    local function make_pair()
      local pod, single = need_network():namespace(), network:namespace()
      local world = { pod = pod, single = single }
      world.pod_address, world.single_address = network:veth(pod, single, "eth0")
      world.id = contain(pod.first)
      world.modules = harness.recorded "/"
      return world
    end

    after_each(function()
      collectgarbage() -- closes what the modules keep open
    end)

    it("has the kernel's counters, which grow by what is sent", function()
      local world = make_pair()
      local ref, stats = { id = world.id }, world.modules.stats
      local before = assert(stats.network(ref, 0))
      send(world)
      local after = assert(stats.network(ref, 0))

      local grown, expected = growth_of(TO_SINGLE, TO_POD), world.pod:interfaces().eth0
      for name, field in pairs(FIGURES) do
        assert.equal(expected[field], after[name], name)
        assert.equal(grown[field], after[name] - before[name], name)
      end
      assert.equal(before.network_identity, after.network_identity)
      assert.is_true(after.network_read_s > before.network_read_s)
      assert.equal(namespace_digits(world.pod), after.network_namespace)
      assert.same({
        { name = "eth0", rcvd_bytes = expected.rcvd_bytes, rcvd_packets_total = expected.rcvd_packets,
          sent_bytes = expected.sent_bytes, sent_packets_total = expected.sent_packets },
      }, stats.interfaces(ref, 60000))
    end)

    it("has rates in a check's second run", function()
      local world = make_pair()
      local check = harness.load("checks/container_rt", world.modules, { options = { max_age_ms = 0 } })
      local began_s = stopped_agent.uptime_s()
      check:run()
      send(world)
      local messages = check:run().messages
      local took_s = stopped_agent.uptime_s() - began_s

      for _, message in ipairs(messages) do
        for _, row in ipairs(message.body.stats) do
          if row.id == world.id then
            return assert_rates(rates_of(row), growth_of(TO_SINGLE, TO_POD), took_s, 0)
          end
        end
      end
      error "the container is not there"
    end)

    it("moves with the container's process, and ends with the last one", function()
      local world = make_pair()
      local ref, stats = { id = world.id }, world.modules.stats
      local before = assert(stats.network(ref, 0))
      local mover = world.single:start()
      contain(mover, world.id)
      world.pod:start() -- or both ends of eth0 would go
      world.pod.first:kill()
      local after = assert(stats.network(ref, 0))
      assert.equal(namespace_digits(world.single), after.network_namespace)
      assert.not_equal(before.network_identity, after.network_identity)
      mover:kill()
      local row, message, errno = stats.network(ref, 0)
      assert.is_nil(row)
      assert.matches("no process found", message)
      assert.equal(ENOENT, errno)
    end)
  end)
end)
