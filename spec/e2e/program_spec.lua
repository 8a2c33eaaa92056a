--- The program while time goes by: rates, signals, containers that go, and scripts that misbehave.
local cjson = require "cjson"
local lfs = require "lfs"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local STILL = lfs.currentdir() .. "/spec/fixtures/hybrid" -- six containers
local T0, T1 = "spec/fixtures/v2/t0", "spec/fixtures/v2/t1"
local BURNER = "d548c5b83fa61d8e3bd86ad42a7ffea9b7c86e3f9d8095c1577d3e1270bb9420"
local BURNER_DIR = "/sys/fs/cgroup/system.slice/docker-" .. BURNER .. ".scope"
local WRITER = "409d6a88b2635ae831a3a7e86dee6bbc0f5cbfd3606a54c6fd690f50bd61e1c1"
local WRITER_DIR = "/sys/fs/cgroup/machine.slice/libpod-" .. WRITER .. ".scope"

-- In place: the program has the file open, as it has those of a kernel.
local function move_on(root, file)
  local out = assert(io.open(root .. file, "r+"))
  out:write((files.read(T1 .. file)))
  out:close()
end

local function growth(file, pattern)
  return tonumber(files.read(T1 .. file):match(pattern)) - tonumber(files.read(T0 .. file):match(pattern))
end

local function stat_of(line, id)
  for _, stat in ipairs(cjson.decode(line).stats) do
    if stat.id == id then
      return stat
    end
  end
end

describe("the program", function()
  local dir, root

  before_each(function()
    dir = tmpdir.new()
    root = STILL
  end)

  after_each(function()
    dir:remove()
  end)

  local function copy_host()
    root = dir.path .. "/host"
    assert(os.execute(("cp -r %s %s"):format(T0, root)) == 0)
  end

  local function start(...)
    local running = program.start { "check", "container_rt", "--host-root", root, "--set", "max_age_ms=0", ... }
    running:wait_for "took a first reading"
    return running
  end

  it("has the rates of counters that move on", function()
    copy_host()
    local running = start("--interval", "1", "--format", "json")
    move_on(root, BURNER_DIR .. "/cpu.stat")
    move_on(root, WRITER_DIR .. "/io.stat")
    local outcome = running:finish()
    assert.equal(0, outcome.code)

    -- The interval that it was is a second and a little.
    local burner, writer = stat_of(outcome.out, BURNER), stat_of(outcome.out, WRITER)
    local full = growth(BURNER_DIR .. "/cpu.stat", "usage_usec (%d+)") / 1e4
    assert.is_true(burner.totalPct > full / 2 and burner.totalPct < full * 1.05, tostring(burner.totalPct))
    local user = growth(BURNER_DIR .. "/cpu.stat", "user_usec (%d+)") / 1e4
    assert.near(user / full, burner.userPct / burner.totalPct, 1e-9)
    local ratio = growth(WRITER_DIR .. "/io.stat", "wbytes=(%d+)") / growth(WRITER_DIR .. "/io.stat", "rbytes=(%d+)")
    assert.near(ratio, writer.wbps / writer.rbps, 1e-9)
    assert.equal(0, stat_of(outcome.out, WRITER).totalPct)
  end)

  it("goes on when containers go, also the last", function()
    copy_host()
    local running = start("--interval", "0.3", "--count", "2")
    assert(os.execute(("rm -r %s"):format(root .. BURNER_DIR)) == 0)
    local outcome = running:finish()
    assert.equal(0, outcome.code)
    assert.matches("  9 containers  ", outcome.out)
    assert.is_nil(outcome.out:find(BURNER:sub(1, 12), 1, true))

    running = start("--interval", "0.3", "--count", "2")
    for name in lfs.dir(root .. "/sys/fs/cgroup") do
      if name:find "^%l" and lfs.attributes(root .. "/sys/fs/cgroup/" .. name, "mode") == "directory" then
        os.execute(("rm -r %s/sys/fs/cgroup/%s"):format(root, name))
      end
    end
    outcome = running:finish()
    assert.equal(0, outcome.code)
    assert.equal(2, select(2, outcome.out:gsub("  0 containers  ", "")))
    assert.is_nil(outcome.err:find("no container runs", 1, true))
  end)

  for _, signal in ipairs { "INT", "TERM" } do
    it("ends at once and cleanly at SIG" .. signal, function()
      local running = start("--interval", "3600")
      running:signal(signal)
      local outcome = running:finish()
      assert.equal(0, outcome.code)
      assert.equal("", outcome.out)
      assert.is_nil(outcome.err:find("rror", 1, true))
    end)
  end

  it("prints what a run gave before it is ended", function()
    local running = program.start {
      "check", "container_rt", "--host-root", root, "--interval", "0.2", "--count", "1000000", "--format", "json",
    }
    for _ = 1, 500 do
      if lfs.attributes(running.out_path, "size") > 0 then
        break
      end
      os.execute "sleep 0.02"
    end
    running:signal "INT"
    local outcome = running:finish()
    assert.equal(0, outcome.code)
    assert.equal(1, cjson.decode(outcome.out:match "^[^\n]+").groupId)
    assert.equal("\n", outcome.out:sub(-1))
  end)

  it("leaves out runs that came due while one was going on", function()
    dir:write {
      ["slow.lua"] = [[
        local M, runs = { api = 1, interval_s = 0.05 }, 0
        function M.run(context)
          runs = runs + 1
          local wait = os.clock() + (runs == 2 and 0.3 or 0)
          while os.clock() < wait do end
          context:emit("at", { now_s = context.now_s })
        end
        return M]],
    }
    local outcome = program.run {
      "check", dir.path .. "/slow.lua", "--host-root", root, "--count", "3", "--format", "json",
    }
    local times = {}
    for time in outcome.out:gmatch '"now_s":([%d.]+)' do
      table.insert(times, tonumber(time))
    end
    assert.equal(3, #times)
    assert.is_true(times[2] - times[1] >= 0.3)
    assert.is_true(times[3] - times[2] >= 0.02, times[3] - times[2]) -- no runs in a row to catch up
  end)

  describe("with a script of the operator", function()
    local function run(scripts, ...)
      dir:write(scripts)
      return program.run { "check", dir.path .. "/my_check.lua", "--host-root", root, "--interval", "0.01", ... }
    end

    local function body(text)
      return { ["my_check.lua"] = "local M = { api = 1 }\nfunction M.run(context)\n" .. text .. "\nend\nreturn M\n" }
    end

    it("runs it, wherever it is, with the modules that ship", function()
      local outcome = run(body [[
        local sizes = require("moonwatch.batch").sizes(#require("moonwatch.inventory").containers(), 4)
        context:emit("sizes", sizes)]], "--format", "json")
      assert.equal(0, outcome.code)
      assert.equal("[3,3]\n", outcome.out)
    end)

    it("finds it from the folder that the operator is in", function()
      dir:write(body "context:gauge('here', 1)")
      local outcome = program.shell(
        ("program=$(realpath %s); cd %s && $program check ./my_check.lua --host-root %s --interval 0.01"):format(
          program.PATH, dir.path, root))
      assert.equal(0, outcome.code)
      assert.matches("here = 1", outcome.out)
    end)

    -- What it does, the script, and what is said of it.
    for _, case in ipairs {
      { "has a syntax error", { ["my_check.lua"] = "local M = {\n\nreturn M\n" }, "my_check.lua:3: unexpected symbol" },
      { "is empty", { ["my_check.lua"] = "" }, "my_check.lua" },
      { "is binary", { ["my_check.lua"] = "\27LJ\2\0\0\0" }, "my_check.lua" },
      { "returns no table", { ["my_check.lua"] = "return 5" }, "my_check.lua" },
      { "has no run", { ["my_check.lua"] = "return { api = 1 }" }, "my_check.lua: its table has no function run" },
      { "is of another time", { ["my_check.lua"] = "return { api = 9 }" }, "written for a newer moonwatch" },
      { "declares an option wrongly", {
        ["my_check.lua"] = "return { api = 1, run = print, options = { a = { type = 'int' } } }",
      }, "options.a has no type" },
      { "does not want to start", {
        ["my_check.lua"] = "return { api = 1, run = print, init = function() return nil, 'no disk' end }",
      }, "my_check.lua: no disk" },
      { "requires what is not there", { ["my_check.lua"] = "require 'moonwatch.proces'" },
        "module 'moonwatch.proces' not found" },
      { "reaches outside", body "io.open('/etc/passwd')", "my_check.lua:3: attempt to index global 'io'" },
      { "fails", body "return nil, 'no such disk'", "my_check.lua: no such disk" },
      { "raises", body "error('boom')", "my_check.lua:3: boom" },
      { "raises a table", body "error {}", "error value is table, not text" },
      { "recurses without end", body "local function f() return f() + 1 end f()", "check my_check: stack overflow" },
      { "takes all memory", body "local s = 'x' while true do s = s .. s end", "memory limit of" },
      { "emits what has no JSON", body "context:emit('x', { a = { print } })", "cannot encode a[1]: a function" },
      { "wants to rule the inventory", body "require('moonwatch.inventory').replace('cgroup', {})", "'replace'" },
      { "would steer the terminal", body "error('\27[2J\194\155x', 0)", "check my_check: ?[2J??x" },
    } do
      local what, scripts, message = case[1], case[2], case[3]

      it("that " .. what .. " says so and fails", function()
        local outcome = run(scripts)
        assert.equal(1, outcome.code)
        assert.equal("", outcome.out)
        assert.is_truthy(outcome.err:find(message, 1, true), outcome.err)
        assert.is_nil(outcome.err:find "[%z\1-\8\11-\31\127\155]")
      end)
    end

    it("that never ends is stopped", function()
      local outcome = run(body "while true do pcall(error) end")
      assert.equal(1, outcome.code)
      assert.matches("budget of 1000 ms of CPU time %(scripts.my_check.budget.cpu_ms%): check my_check: ", outcome.err)
      assert.matches("my_check.lua:3", outcome.err)
    end)

    it("that fails once is tried again, and the exit code tells", function()
      local outcome = run(body [[
        runs = (runs or 0) + 1
        if runs == 3 then error("third") end
        context:gauge("run", runs)]], "--count", "3", "--format", "json")
      assert.equal(1, outcome.code)
      assert.matches("my_check.lua:%d+: third", outcome.err)
      assert.equal(2, select(2, outcome.out:gsub('"run"', "")))
      assert.matches('"value":4', outcome.out)
    end)

    for format, expected in pairs { table = "gauge            run = 2\n", json = '"value":2}\n' } do
      it("that fails late has shown in " .. format .. " what it emitted before", function()
        local outcome = run(body [[
          runs = (runs or 0) + 1
          context:gauge("run", runs)
          if runs == 2 then error("late") end]], "--format", format)
        assert.equal(1, outcome.code)
        assert.is_truthy(outcome.out:find(expected, 1, true), outcome.out)
        assert.matches("late", outcome.err)
      end)
    end
  end)

  it("says that it may not look for a check", function()
    if program.shell("test $(id -u) = 0 && command -v setpriv").code ~= 0 then
      return pending "only root can try this as somebody else"
    end
    local call = ([[
      d=$(mktemp -d) && mkdir -p $d/bin $d/share && cp %s $d/bin/moonwatch && cp -rL scripts $d/share/moonwatch
      cp -r %s $d/host && chmod -R a+rX $d && chmod %%s $d/share/moonwatch/%%s
      setpriv --reuid=65534 --regid=65534 --clear-groups \
        $d/bin/moonwatch check container_rt --host-root $d/host --interval 0.01
      code=$?; rm -rf $d; exit $code]]):format(program.PATH, STILL)
    for what, message in pairs {
      ["checks"] = "cannot look for .*/checks/container_rt.lua: Permission denied",
      ["checks/container_rt.lua"] = "/checks/container_rt.lua: Permission denied",
      ["sources/cgroup.lua"] = "/sources/cgroup.lua: Permission denied",
      ["moonwatch/batch.lua"] = "/moonwatch/batch.lua: Permission denied",
    } do
      local outcome = program.shell("(" .. call:format("000", what) .. ")")
      assert.equal(1, outcome.code, outcome.err)
      assert.matches(message, outcome.err)
    end
  end)
end)
