--- Scripts that bring the agent down: the next agent leaves them alone. Lua cannot crash the agent, so
--- the thread of a script gets the signal that a fault in it would raise.
local ffi = require "ffi"
local lfs = require "lfs"

local daemon = require "spec.support.daemon"
local files = require "spec.support.files"

ffi.cdef "int tgkill(int process, int thread, int signal);"

local SIGSEGV, SIGABRT = 11, 6

local BUSY = "context:gauge('busy', 1) local t = os.time() while os.time() - t < 300 do end"
local COUNT = "n = (n or 0) + 1 context:gauge('n', n)"
local LONG = {
  "--set", "scripts.busy.budget.cpu_ms=600000", "--set", "scripts.busy.budget.wall_ms=600000",
}

describe("a script that brings the agent down", function()
  local agent

  after_each(function()
    agent:remove()
  end)

  local function start(busy)
    agent = daemon.start {
      scripts = { ["checks/busy.lua"] = daemon.check(busy or BUSY), ["checks/n.lua"] = daemon.check(COUNT) },
      arguments = { "--check", "busy", "--check", "n", unpack(LONG) },
    }
  end

  local function wait_until_busy()
    agent:wait_for_message("a run", function(message)
      return message.script == "busy"
    end)
    agent:wait_for_status("busy", "running", function(script)
      return script.state == "running"
    end)
  end

  local function thread_of(name)
    local tasks = "/proc/" .. agent.running.pid .. "/task/"
    for task in lfs.dir(tasks) do
      if tonumber(task) and files.read(tasks .. task .. "/comm") == name .. "\n" then
        return tonumber(task)
      end
    end
  end

  local function crash(name, signal)
    assert.equal(0, ffi.C.tgkill(tonumber(agent.running.pid), thread_of(name), signal))
    agent.running:finish()
  end

  local function kill(signal)
    agent.running:signal(signal)
    agent.running:finish()
  end

  local function state_of(name)
    local _, script = agent:status(name)
    return script.state, script.error
  end

  for name, signal in pairs { SIGSEGV = SIGSEGV, SIGABRT = SIGABRT } do
    it("is not loaded again when its thread got " .. name .. ", and the others are", function()
      start()
      wait_until_busy()
      crash("busy", signal)
      agent:start_again()
      local state, why = state_of "busy"
      assert.equal("quarantined", state)
      assert.matches("check busy is in quarantine since %d+%-%d+%-%d+T.-: it ran when the agent crashed", why)
      assert.matches('moonwatch resume busy', why, 1, true)
      assert.matches("error busy: check busy is in quarantine", agent:log(), 1, true)
      agent:wait_for_gauge("n", 2)
      assert.matches("cannot run: check busy is in quarantine", agent:ask("run-now", "busy").err)
      -- and it stays so
      kill "TERM"
      agent:start_again()
      assert.equal("quarantined", (state_of "busy"))
    end)
  end

  it("stays where it is when the configuration is read anew", function()
    start()
    wait_until_busy()
    crash("busy", SIGSEGV)
    agent:start_again()
    assert.equal("quarantined", (state_of "busy"))
    assert.equal(0, agent:ask("reload").code)
    assert.equal("quarantined", (state_of "busy"))
  end)

  it("is loaded again when its file has changed", function()
    start()
    wait_until_busy()
    crash("busy", SIGSEGV)
    agent:start_again()
    agent:write("checks/busy.lua", daemon.check "context:gauge('busy', 2)")
    agent:wait_for_gauge("busy", 2)
    assert.not_equal("quarantined", (state_of "busy"))
  end)

  it("is loaded again when the operator says so", function()
    start()
    wait_until_busy()
    crash("busy", SIGSEGV)
    agent:start_again()
    assert.equal(0, agent:ask("resume", "busy").code)
    wait_until_busy()
  end)

  it("is not the one that ran while another crashed", function()
    start()
    wait_until_busy()
    agent:write("checks/n.lua", daemon.check "context:gauge('waits', 1) while true do end")
    agent:wait_for_message("the other one", function(message)
      return message.body.metric == "waits"
    end)
    crash("n", SIGSEGV)
    agent:start_again()
    assert.equal("quarantined", (state_of "n"))
    wait_until_busy()
  end)

  it("is forgiven two ends that nobody explains, and not the third in a row", function()
    start()
    for _ = 1, 2 do
      wait_until_busy()
      kill "KILL"
      agent:start_again()
    end
    wait_until_busy()
    kill "TERM" -- an orderly end: it counts anew
    agent:start_again()
    for _ = 1, 3 do
      wait_until_busy()
      kill "KILL"
      agent:start_again()
    end
    local state, why = state_of "busy"
    assert.equal("quarantined", state)
    assert.matches("it ran each of the last 3 times when the agent was ended without warning", why)
  end)

  it("is left alone by a signal that somebody sends to the whole agent", function()
    start()
    wait_until_busy()
    kill "SEGV"
    agent:start_again()
    wait_until_busy()
  end)

  for what, damaged in pairs {
    ["garbage"] = function(text) return ("\255"):rep(#text) end,
    ["an empty file"] = function() return "" end,
    ["half of a file"] = function(text) return text:sub(1, 5000) end,
    ["a longer file"] = function(text) return text .. "x" end,
    ["the file of another version"] = function(text) return text:sub(1, 8) .. "9.9" .. text:sub(12) end,
  } do
    it("is not looked for in " .. what, function()
      start()
      wait_until_busy()
      crash("busy", SIGSEGV)
      agent.dir:write { running = damaged(files.read(agent.dir.path .. "/running")) }
      agent:start_again()
      wait_until_busy()
    end)
  end

  it("is not looked for behind a link, which is replaced", function()
    start()
    local path = agent.dir.path .. "/running"
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    wait_until_busy()
    crash("busy", SIGSEGV)
    assert(os.rename(path, path .. ".moved"))
    assert(lfs.link(path .. ".moved", path, true))
    agent:start_again()
    wait_until_busy()
    assert.equal("file", lfs.symlinkattributes(path, "mode"))
  end)

  it("is not looked for where no such file can be made, and the agent says so", function()
    agent = daemon.start {
      scripts = { ["checks/n.lua"] = daemon.check(COUNT), ["running/x/y.lua"] = "" },
      arguments = { "--check", "n", "--set", "state_dir=DIR/scripts" },
    }
    agent:wait_for_gauge("n", 2)
    assert.matches("warn  agent: a script that crashes it will not be found out: cannot rename", agent:log(), 1, true)
  end)
end)
