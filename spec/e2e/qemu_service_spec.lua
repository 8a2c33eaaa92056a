--- The unit that is installed, under systemd as the first process of a real kernel, in an emulated
--- machine: with all that it takes away from the agent. guest/service-init does it, and writes down
--- what systemd and the agent say.
local cjson = require "cjson"

local files = require "spec.support.files"
local guests = require "spec.support.guest"
local podman = require "spec.support.podman"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local PROGRAMS = { "/lib/systemd/systemd", "systemctl", "systemd-run", "systemd-analyze" }
local BUILD = program.PATH:match "^(.*)/bin/[^/]+$"

local guest, id

local function start_guest()
  for _, name in ipairs(PROGRAMS) do
    if select(2, podman.shell("command -v " .. name)) ~= 0 then
      return nil, name .. " is not installed"
    end
  end
  local dir = tmpdir.new()
  local output, status = podman.shell(("DESTDIR=%s cmake --install %s --prefix /usr/local"):format(dir.path, BUILD))
  assert(status == 0, output)
  local options = ("--append ipv6.disable=1 --program luajit --program %s --program %s"
    .. " --folder %s/usr/local=/usr/local --folder spec/e2e/guest=/test"):format(
    program.PATH, table.concat(PROGRAMS, " --program "), dir.path)
  local started, reason = guests.run(options, "spec/e2e/guest/service-init")
  dir:remove()
  return started, reason
end

local machine = guests.shared(start_guest)
local case = machine:cases(it, pending)

setup(function()
  guest = machine:start()
  if guest then
    id = guest:ids().held
  end
end)

teardown(function()
  machine:stop()
end)

--- What "systemctl show" said, by its names.
local function shown(step)
  local properties = {}
  for name, value in guest:read(step .. ".out"):gmatch "(%w+)=([^\n]*)" do
    properties[name] = value
  end
  return properties
end

local function bodies_of(kind)
  local bodies = {}
  for line in guest:read "messages":gmatch "[^\n]+" do
    local message = cjson.decode(line)
    if message.kind == kind then
      table.insert(bodies, message.body)
    end
  end
  return bodies
end

describe("the service", function()
  case("tells systemd that it is ready, from where it was installed", function()
    assert.equal(0, guest:code_of "start", guest:read "start.err")
    local ready = shown "ready"
    assert.same({ "notify", "active", "/usr/local/lib/systemd/system/moonwatch.service" },
      { ready.Type, ready.ActiveState, ready.FragmentPath })
  end)

  case("feeds the watchdog", function()
    local ready, later = shown "ready", shown "later"
    assert.equal("6s", later.WatchdogUSec)
    assert.same({ "active", "0" }, { later.ActiveState, later.NRestarts })
    assert.is_true(tonumber(later.WatchdogTimestampMonotonic) > tonumber(ready.WatchdogTimestampMonotonic))
  end)

  case("has two rights, and no way to more", function()
    local rights = guest:read "rights"
    assert.matches("Uid:%s+998%s+998%s+998%s+998\n", rights)
    assert.matches("CapEff:%s+0000000000080004\n", rights) -- CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH
    assert.matches("CapBnd:%s+0000000000080004\n", rights)
    assert.matches("NoNewPrivs:%s+1\n", rights)
    assert.matches("Seccomp:%s+2\n", rights)
  end)

  case("has the figures of a container all the same", function()
    local found
    for _, body in ipairs(bodies_of "container_rt") do
      for _, container in ipairs(body.stats) do
        found = container.id == id and container or found
      end
    end
    assert(found, guest:read "messages")
    assert.is_true(found.memUsage >= 8 * 1048576)
    assert.equal(64 * 1048576, found.memLimit)
  end)

  case("answers whoever asks how it is, and finds nothing wrong", function()
    assert.equal(0, guest:code_of "status", guest:read "status.out" .. guest:read "status.err")
    local status = guest:json "status"
    assert.equal(tonumber(shown("later").MainPID), status.process.pid)
    for _, script in ipairs(status.scripts) do
      assert.is_nil(script.error, script.error)
    end
  end)

  case("ends in time, and well", function()
    assert.equal(0, guest:code_of "stop")
    assert.is_true(tonumber(files.lines(guest:read "stopped_after")[1]) <= 8)
    local stopped = shown "stopped"
    assert.same({ "inactive", "success", "0" }, { stopped.ActiveState, stopped.Result, stopped.ExecMainStatus })
  end)

  case("is exposed as little as the documents say", function()
    local exposure = guest:read "security.out":match "Overall exposure level[^:]*: ([%d.]+)"
    local documented = files.read "docs/operating.md":match "exposure level[^%d]*([%d.]+%d)"
    assert.equal(documented, exposure, guest:read "security.out")
  end)
end)
