--- What containers did on the network, as the program and the Lua module say, beside ip(8).
local cgroup = require "moonwatch.cgroup"
local cjson = require "cjson"
local lfs = require "lfs"
local netns = require "spec.support.netns"
local program = require "spec.support.program"
local stats = require "moonwatch.stats"

local PAYLOAD_BYTES = 1000
local INTERVAL_S, SHORT_INTERVAL_S = "2", "0.5"
local RATE_TOLERANCE = 0.3 -- the two looks are not at the same moments, and the machine has others to serve
local RELEASE_TRIES = 500

--- Where a container has to be: in each hierarchy that is read. A new cpuset of version 1 takes nobody.
local function mounts()
  local paths = {}
  for name, controller in pairs(assert(cgroup.controllers())) do
    if controller.version == 2 or name ~= "cpuset" then
      paths[controller.mount_path] = true
    end
  end
  return paths
end

local function uptime_s()
  local file = assert(io.open "/proc/uptime")
  local seconds = file:read "*n"
  file:close()
  return seconds
end

--- The counters of ip(8) under the names of the module.
local function as_row(counters)
  return {
    network_rcvd_bytes = counters.rcvd_bytes,
    network_rcvd_packets_total = counters.rcvd_packets,
    network_sent_bytes = counters.sent_bytes,
    network_sent_packets_total = counters.sent_packets,
  }
end

local function counters_of(row)
  return {
    network_rcvd_bytes = row.network_rcvd_bytes,
    network_rcvd_packets_total = row.network_rcvd_packets_total,
    network_sent_bytes = row.network_sent_bytes,
    network_sent_packets_total = row.network_sent_packets_total,
  }
end

local function read(container)
  return assert(stats.network(container, 0))
end

describe("the network of containers", function()
  local network, reason, root
  local outside, pod, other, address

  --- A container whose process is @p process.
  local function container(number, process)
    -- Lower than ids of real containers.
    local id = ("%056x%08x"):format(number, process.pid)
    for mount in pairs(mounts()) do
      process:enter_cgroup(("%s/%s/%s"):format(mount, root, id))
    end
    return { id = id, process = process }
  end

  before_each(function()
    network, reason = netns.start()
    if not network then
      return
    end
    root = network.dir:match "[^/]+$"
    outside, pod, other = network:namespace(), network:namespace(), network:namespace()
    address = network:veth(outside, pod, "pod")
    network:veth(outside, other, "other")
  end)

  after_each(function()
    if network then
      network:stop()
    end
  end)

  -- pending() ends a case, with the reason.
  local function need_network()
    if not network then
      pending(reason)
    end
  end

  --- Rows of the check by container id, in the order of ids under `list`.
  local function check(...)
    local outcome = program.run { "check", "container_rt", "--format", "json", ... }
    assert.equal(0, outcome.code, outcome.err)
    local rows = { list = {} }
    for line in outcome.out:gmatch "[^\n]+" do
      for _, row in ipairs(cjson.decode(line).stats) do
        table.insert(rows.list, row)
        rows[row.id] = row
      end
    end
    return rows
  end

  it("has the counters of ip(8), once for all containers of a pod", function()
    need_network()
    local first, second = container(1, pod.first), container(2, pod:start())
    local alone = container(3, other.first)
    assert(cgroup.refresh())
    pod:send(address, 25, PAYLOAD_BYTES)

    assert.same(as_row(pod:interfaces().pod), counters_of(read(first)))
    assert.same(counters_of(read(first)), counters_of(read(second)))
    assert.same(as_row(other:interfaces().other), counters_of(read(alone)))
    assert.equal(("%016x"):format(pod.id), read(first).network_namespace)
    assert.equal(read(first).network_namespace, read(second).network_namespace)
    assert.not_equal(read(first).network_namespace, read(alone).network_namespace)
    assert.is_true(not read(first).host_network) -- nil where the first process is not to be looked at
  end)

  it("names the interfaces", function()
    need_network()
    local one = container(1, pod.first)
    network:veth(outside, pod, "backup")
    assert(cgroup.refresh())
    local by_name = pod:interfaces()

    local interfaces = assert(stats.interfaces(one, 0))

    assert.equal(2, #interfaces)
    assert.same({ "backup", "pod" }, { interfaces[1].name, interfaces[2].name })
    assert.equal(by_name.backup.rcvd_packets, interfaces[1].rcvd_packets_total)
    assert.equal(by_name.pod.sent_bytes, interfaces[2].sent_bytes)
  end)

  it("gives rates that agree with ip(8)", function()
    need_network()
    local first, second = container(1, pod.first), container(2, pod:start())
    local idle = container(3, other.first)
    local talker = io.popen(([[nsenter -t %d -n bash -c '
      while [ -e %s ]; do printf %%%dd 7 > /dev/udp/%s/9; sleep 0.02; done' 2> /dev/null]]):format(
      pod.first.pid, network.dir, PAYLOAD_BYTES, address), "r")
    local before, before_s = pod:interfaces().pod, uptime_s()

    local rows = check("--interval", INTERVAL_S)

    local after, elapsed_s = pod:interfaces().pod, uptime_s() - before_s
    network:stop()
    talker:close()
    local bytes_per_s = (after.sent_bytes - before.sent_bytes) / elapsed_s
    local packets_per_s = (after.sent_packets - before.sent_packets) / elapsed_s
    assert.near(bytes_per_s, rows[first.id].netSentBps, bytes_per_s * RATE_TOLERANCE)
    assert.near(packets_per_s, rows[first.id].netSentPs, packets_per_s * RATE_TOLERANCE)
    assert.equal(rows[first.id].netSentBps, rows[second.id].netSentBps)
    assert.equal(rows[first.id].networkNamespace, rows[second.id].networkNamespace)
    assert.equal(0, rows[idle.id].netSentPs)
    assert.is_nil(rows[first.id].hostNetwork)
  end)

  it("carries the host's numbers once", function()
    need_network()
    local host = network:of_host()
    if not host then
      pending "the network namespace of the host's first process is not to be looked at"
    end
    container(1, host:start())
    container(2, host:start())

    local rows = check("--interval", SHORT_INTERVAL_S)

    local on_host = {}
    for _, row in ipairs(rows.list) do
      if row.hostNetwork then
        table.insert(on_host, row)
      end
    end
    assert.is_true(#on_host >= 2)
    assert.is_number(on_host[1].netRcvdBps)
    for i = 2, #on_host do
      assert.is_nil(on_host[i].netRcvdBps)
      assert.equal(on_host[1].networkNamespace, on_host[i].networkNamespace)
    end
  end)

  it("is gone with the container's process, and the namespace with it", function()
    need_network()
    local doomed, staying = container(1, pod.first), container(2, other.first)
    assert(cgroup.refresh())
    read(doomed)
    assert.truthy(outside:interfaces().pod)

    doomed.process:kill()

    local row, message, errno = stats.network(doomed, 0)
    assert.is_nil(row)
    assert.matches("no process found", message)
    assert.equal(2, errno) -- ENOENT
    read(staying)
    -- The other end of a pair goes when nothing holds the namespace: no process, no open net/dev.
    for _ = 1, RELEASE_TRIES do
      if not outside:interfaces().pod then
        break
      end
      os.execute "sleep 0.01"
    end
    assert.is_nil(outside:interfaces().pod)
    assert.is_nil(lfs.attributes(("/proc/%d/ns/net"):format(doomed.process.pid)))
  end)
end)
