--- The network namespaces that other end-to-end specs stand on.
local files = require "spec.support.files"
local lfs = require "lfs"
local netns = require "spec.support.netns"
local podman = require "spec.support.podman"

local CGROUP = "/sys/fs/cgroup/pids"

describe("real network namespaces", function()
  local network, reason

  before_each(function()
    network, reason = netns.start()
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
    return network
  end

  local function namespace_of(process)
    local target = lfs.symlinkattributes(("/proc/%d/ns/net"):format(process.pid), "target")
    return target and target:match "%d+"
  end

  it("count traffic of a known size", function()
    local one, other = need_network():namespace(), network:namespace()
    local _, address = network:veth(one, other, "eth0")
    local before = { one = one:interfaces().eth0, other = other:interfaces().eth0 }

    one:send(address, 25, 100)

    local sent, rcvd = one:interfaces().eth0, other:interfaces().eth0
    assert.equal(25 * (14 + 20 + 8 + 100), sent.sent_bytes - before.one.sent_bytes)
    assert.equal(25, sent.sent_packets - before.one.sent_packets)
    assert.equal(25, rcvd.rcvd_packets - before.other.rcvd_packets)
    assert.equal(25 * 142, rcvd.rcvd_bytes - before.other.rcvd_bytes)
  end)

  it("hold as many processes as are started in them", function()
    local namespace = need_network():namespace()
    local second = namespace:start()

    assert.not_equal(namespace.first.pid, second.pid)
    assert.equal(namespace.id, namespace_of(namespace.first))
    assert.equal(namespace.id, namespace_of(second))
    second:kill()
    assert.is_nil(namespace_of(second))
  end)

  it("of a machine have its process 1 as their host's", function()
    local machine, missing = need_network():machine()
    if not machine then
      pending(missing)
    end
    local inner = network:namespace(machine)
    assert.not_equal(machine.id, inner.id)

    local seen = podman.shell(machine:on_machine() .. " readlink /proc/1/ns/net /proc/self/ns/net")
    assert.equal(("net:[%s]\nnet:[%s]\n"):format(machine.id, machine.id), seen)
    network:stop()
    assert.is_nil(namespace_of(inner.first))
  end)

  it("are removed with their processes, cgroups and files", function()
    local namespace = need_network():namespace()
    local folder = CGROUP .. "/" .. network.dir:match "[^/]+$"
    if not lfs.attributes(CGROUP .. "/cgroup.procs") then
      pending "no version 1 pids here"
    end
    namespace.first:enter_cgroup(folder .. "/inner")
    assert.equal(namespace.first.pid .. "\n", files.read(folder .. "/inner/cgroup.procs"))

    network:stop()

    assert.is_nil(namespace_of(namespace.first))
    assert.is_nil(lfs.attributes(folder))
    assert.is_nil(lfs.attributes(network.dir))
  end)
end)
