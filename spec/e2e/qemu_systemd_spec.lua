--- systemd as the first process of a real kernel, in an emulated machine: cgroups as it makes them for
--- runtimes that ask it for scopes, services beside them, and limits that an administrator changes.
--- guest/systemd-init does it, and writes down what moonwatch and the kernel's files say.
local guests = require "spec.support.guest"
local podman = require "spec.support.podman"
local program = require "spec.support.program"

local MIB = 1048576
local PROGRAMS = { "/lib/systemd/systemd", "systemctl", "systemd-run" }

local guest, ids

local function start_guest()
  local options = "--append ipv6.disable=1 --program luajit --program %s --program %s"
    .. " --folder scripts=/share/moonwatch --folder spec/e2e/guest=/test"
  for _, name in ipairs(PROGRAMS) do
    if select(2, podman.shell("command -v " .. name)) ~= 0 then
      return nil, name .. " is not installed"
    end
  end
  return guests.run(options:format(program.PATH, table.concat(PROGRAMS, " --program ")), "spec/e2e/guest/systemd-init")
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

local function values_of(step)
  assert.equal(0, guest:code_of("stats/" .. step))
  local values = {}
  for _, figure in ipairs(guest:json("stats/" .. step).figures) do
    values[figure.name] = figure.value
  end
  return values
end

--- The number in a file of the container, behind a pattern.
local function file_value(step, file, before)
  return tonumber((guest:read("files/" .. step):match(("/%s:%s(%%d+)"):format(file:gsub("%p", "%%%0"), before or ""))))
end

local function containers_of(step)
  local found = {}
  for _, container in ipairs(guest:json(step).containers) do
    found[container.id] = { runtime = container.runtime, pod = container.pod_uid }
  end
  return found
end

local function not_ok(step)
  local by_check = {}
  for _, finding in ipairs(guest:json(step)) do
    by_check[finding.check] = finding.status ~= "ok" and finding or nil
  end
  return by_check
end

describe("moonwatch beside systemd", function()
  case("takes scopes of runtimes for containers, and services for none", function()
    assert.equal("active\n", guest:read "state.out") -- busy.service
    local found = containers_of "inventory"
    assert.equal("docker", found[ids.limited].runtime)
    assert.equal("containerd", found[ids.plain].runtime)
    assert.matches("^%x+-%x+-%x+-%x+-%x+$", found[ids.plain].pod)
    found[ids.limited], found[ids.plain] = nil, nil
    assert.same({}, found)
  end)

  case("tells the limits that systemd was asked for", function()
    local values = values_of "limited"
    assert.equal(50, values.cpu_limit_percent)
    assert.equal(50e6, values.cpu_quota_ns)
    assert.equal(64 * MIB, values.memory_limit_bytes)
    assert.equal(16, values.pids_limit)
  end)

  case("has the figures that the kernel's files have", function()
    for _, step in ipairs { "limited", "plain", "changed" } do
      local values = values_of(step)
      assert.equal(file_value(step, "memory.current"), values.memory_usage_bytes)
      assert.equal(file_value(step, "memory.stat", "anon "), values.memory_rss_bytes)
      assert.equal(file_value(step, "pids.current"), values.pids_current)
      assert.equal(file_value(step, "pids.max"), values.pids_limit)
      assert.equal(file_value(step, "cpu.stat", "usage_usec ") * 1000, values.cpu_total_ns)
    end
    assert.is_true(values_of("limited").memory_rss_bytes >= 8 * MIB)
    assert.equal(3, values_of("limited").threads_count)
    assert.equal(file_value("limited", "cpu.stat", "throttled_usec ") * 1000, values_of("limited").cpu_throttled_ns)
  end)

  case("has no figure of a controller that systemd hands to no one there, and no zero for it", function()
    local values = values_of "plain"
    for _, name in ipairs { "cpu_quota_ns", "cpu_weight", "cpu_set_cpus", "io_read_bytes", "cpu_throttled_ns" } do
      assert.is_nil(values[name], name)
    end
    assert.is_not_nil(values.cpu_total_ns) -- cpu.stat is there without the controller
    assert.is_not_nil(values.io_pressure_some_ns)
  end)

  case("says which slice hands a controller to no one, and what that costs", function()
    local found = not_ok "doctor"
    assert.equal(1, guest:code_of "doctor")
    for _, controller in ipairs { "cpu", "cpuset", "io" } do
      local finding = assert(found["files of " .. controller], controller)
      local slice = "/sys/fs/cgroup/kubepods.slice"
      assert.equal("warn", finding.status)
      assert.equal(("not enabled in cgroup.subtree_control of %s, so 1 of 2 containers do not have them"):format(slice),
        finding.found)
      assert.matches(("echo +%s > %s/cgroup.subtree_control"):format(controller, slice), finding.cure, 1, true)
      assert.matches("Delegate=yes", finding.cure, 1, true)
    end
    assert.equal("info", found["files of hugetlb"].status)
    assert.is_nil(found["files of memory"])
    assert.is_nil(found["files of pids"])
  end)

  case("finds all well when its cures were typed in, slice by slice", function()
    assert.matches("kubepods.slice/kubepods-burstable.slice/cgroup.subtree_control", guest:read "cures", 1, true)
    assert.same({}, not_ok "cured")
    assert.equal(0, guest:code_of "cured")
    assert.equal(2, values_of("cured").cpu_set_cpus)
    assert.equal(100, values_of("cured").cpu_weight)
  end)

  case("tells the limits that an administrator has set since", function()
    local values = values_of "changed"
    assert.equal(20, values.cpu_limit_percent)
    assert.equal(96 * MIB, values.memory_limit_bytes)
  end)

  case("does not know a container any more whose scope was stopped", function()
    assert.is_nil(containers_of "stopped"[ids.limited])
    assert.is_not_nil(containers_of "stopped"[ids.plain])
  end)
end)
