--- A real kernel whose CPU and memory are in version 1 of cgroups and all else in version 2, in an
--- emulated machine; and the agent in a container there, which sees the host, a part of it, or
--- nothing. guest/hybrid-init makes the containers, and writes down what moonwatch and the kernel's
--- files say.
local guests = require "spec.support.guest"
local program = require "spec.support.program"

local MIB = 1048576

local guest, ids

local function start_guest()
  local options = "--append ipv6.disable=1 --disk 64 --program luajit --program unshare --program %s"
    .. " --folder scripts=/share/moonwatch --folder spec/e2e/guest=/test"
  return guests.run(options:format(program.PATH), "spec/e2e/guest/hybrid-init")
end

local machine = guests.shared(start_guest)
local case = machine:cases(it, pending)

setup(function()
  guest = machine:start()
  if guest then
    ids = guest:ids()
  end
end)

teardown(function()
  machine:stop()
end)

local function values_of(name)
  assert.equal(0, guest:code_of("stats/" .. name), guest:read("stats/" .. name .. ".err"))
  local values = {}
  for _, figure in ipairs(guest:json("stats/" .. name).figures) do
    values[figure.name] = figure.value
  end
  return values
end

--- The number behind "FILE:" in what was noted of a container's files.
local function file_value(name, file, key)
  local pattern = ("/%s:%s(%%d+)\n"):format(file:gsub("%p", "%%%0"), key and key .. " " or "")
  return tonumber((guest:read("files/" .. name):match(pattern)))
end

-- Those of hierarchies of version 1 here, and of version 2.
local IN_VERSION_1 = { "cpu_total_ns", "cpu_shares", "memory_usage_bytes", "memory_rss_bytes" }
local IN_VERSION_2 = { "pids_current", "cpu_set_cpus", "cpu_pressure_some_ns", "memory_pressure_some_ns",
                       "hugetlb_2mb_usage_bytes" }

local function assert_has(values, names, has)
  for _, name in ipairs(names) do
    assert.equal(has, values[name] ~= nil, name)
  end
end

describe("moonwatch on a hybrid host", function()
  case("decides controller by controller", function()
    local found = {}
    for _, finding in ipairs(guest:json "doctor") do
      found[finding.check] = finding.found
    end

    assert.equal(0, guest:code_of "doctor")
    for _, controller in ipairs { "cpu", "cpuacct" } do
      assert.equal("version 1 at /sys/fs/cgroup/cpu,cpuacct", found["controller " .. controller])
    end
    assert.equal("version 1 at /sys/fs/cgroup/memory", found["controller memory"])
    for _, controller in ipairs { "io", "pids", "cpuset", "hugetlb", "pressure" } do
      assert.equal("version 2 at /sys/fs/cgroup/unified", found["controller " .. controller])
    end
  end)

  case("finds each container once, in whichever hierarchies it is", function()
    local found = {}
    for _, container in ipairs(guest:json "inventory".containers) do
      assert.is_nil(found[container.id])
      found[container.id] = container.runtime or "none"
    end
    assert.same({ [ids.whole] = "docker", [ids.old] = "docker", [ids.new] = "podman", [ids.apart] = "none" }, found)
  end)

  case("has the figures of both versions of one container, as the files say", function()
    local values = values_of "whole"
    assert_has(values, IN_VERSION_1, true)
    assert_has(values, IN_VERSION_2, true)
    assert.equal(file_value("whole", "memory.usage_in_bytes"), values.memory_usage_bytes)
    assert.equal(file_value("whole", "memory.stat", "rss"), values.memory_rss_bytes)
    assert.equal(file_value("whole", "cpu.shares"), values.cpu_shares)
    assert.equal(file_value("whole", "pids.current"), values.pids_current)
    assert.equal(file_value("whole", "cpuacct.usage"), values.cpu_total_ns)
    assert.is_true(values.memory_rss_bytes >= 24 * MIB)
  end)

  case("has the limits of both", function()
    local values = values_of "whole"
    assert.equal(50, values.cpu_limit_percent)
    assert.equal(128 * MIB, values.memory_limit_bytes)
    assert.equal(32, values.pids_limit)
  end)

  case("follows a container whose path is another one in each version", function()
    local values = values_of "apart"
    assert_has(values, IN_VERSION_1, true)
    assert_has(values, IN_VERSION_2, true)
    assert.equal(file_value("apart", "memory.usage_in_bytes"), values.memory_usage_bytes)
    assert.equal(file_value("apart", "pids.current"), values.pids_current)
  end)

  case("has no figure of a hierarchy that the container is not in", function()
    local old, new = values_of "old", values_of "new"
    assert_has(old, IN_VERSION_1, true)
    assert_has(old, IN_VERSION_2, false)
    assert_has(new, IN_VERSION_1, false)
    assert_has(new, IN_VERSION_2, true)
  end)
end)

describe("moonwatch in a container", function()
  local function findings_of(name)
    local by_check = {}
    for _, finding in ipairs(guest:json(name .. "/doctor")) do
      by_check[finding.check] = finding
    end
    return by_check
  end

  local function assert_finding(name, check, status, found, cure)
    local finding = assert(findings_of(name)[check], name .. " has no finding about " .. check)
    assert.equal(status, finding.status)
    assert.matches(found, finding.found, 1, true)
    assert.matches(cure, finding.cure, 1, true)
  end

  case("sees every container of the host that is mounted below /host, and its own", function()
    local found = {}
    for _, container in ipairs(guest:json "seeing/inventory".containers) do
      found[container.id] = true
    end
    for name, id in pairs(ids) do
      assert.is_true(found[id] or false, name)
      found[id] = nil
    end
    assert.same({}, found)
    assert.equal(0, guest:code_of "seeing/doctor")
  end)

  case("measures them there, whatever their paths", function()
    local rows = {}
    for _, row in ipairs(guest:json_lines "seeing/check"[1].stats) do
      rows[row.id] = row
    end
    for _, name in ipairs { "whole", "apart" } do
      assert.is_true(rows[ids[name]].memUsage > 0, name)
      assert.is_true(rows[ids[name]].threadCount > 0, name)
      assert.is_true(rows[ids[name]].totalPct >= 0, name)
    end
    assert.equal(32, rows[ids.whole].threadLimit)
  end)

  case("says why it sees nothing with mounts of its own alone", function()
    assert.equal(1, guest:code_of "blind/doctor")
    assert.equal(3, guest:code_of "blind/inventory")
    assert.same({}, guest:json "blind/inventory".containers)
    assert_finding("blind", "processes", "warn", "a pid namespace other than the host's", "--pid=host")
    assert_finding("blind", "cgroup namespace", "info", "its own", "--cgroupns=host")
    assert_finding("blind", "containers", "warn", "no container is seen from this cgroup namespace", "--cgroupns=host")
  end)

  case("names the folder of the host that is not mounted, and how to mount it", function()
    for _, command in ipairs { "doctor", "inventory" } do
      assert.equal(2, guest:code_of("procless/" .. command))
      assert.matches("host root /host has no proc: it is to be a folder with the /proc and /sys/fs/cgroup of a host",
        guest:read(("procless/%s.err"):format(command)), 1, true)
    end
    assert.equal(1, guest:code_of "sysless/doctor")
    assert_finding("sysless", "cgroups", "fail", "/host/sys/fs/cgroup",
      "mount the host's /proc and /sys/fs/cgroup below /host")
    assert.equal(1, guest:code_of "sysless/inventory")
    assert.matches("/host/sys/fs/cgroup", guest:read "sysless/inventory.err", 1, true)
  end)
end)
