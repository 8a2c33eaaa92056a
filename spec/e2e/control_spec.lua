--- Asking a running agent, and telling it what to do.
local cjson = require "cjson"
local lfs = require "lfs"

local daemon = require "spec.support.daemon"
local files = require "spec.support.files"
local program = require "spec.support.program"

local COUNT = "n = (n or 0) + 1 context:gauge('n', n)"

describe("a running agent", function()
  local agent

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
  end)

  local function start(scripts, ...)
    agent = daemon.start { scripts = scripts, arguments = { ... } }
  end

  it("tells of its scripts, sources, sinks and itself", function()
    start({
      ["checks/good.lua"] = daemon.check(COUNT),
      ["checks/bad.lua"] = daemon.check "error 'boom'",
      ["checks/wrong.lua"] = "return {",
    }, "--check", "good", "--check", "bad", "--check", "wrong")
    agent:wait_for_status("bad", "run", function(script)
      return script.runs_total > 0
    end)
    local good = agent:wait_for_status("good", "run three times", function(script)
      return script.runs_total >= 3
    end)
    assert.equal("check", good.kind)
    assert.equal(0.05, good.interval_s)
    assert.equal(0, good.failures_total)
    assert.is_nil(good.error)
    assert.is_true(good.p50_ms > 0 and good.p50_ms <= good.p99_ms and good.p99_ms <= good.max_ms)
    assert.is_true(good.late_last_ms > 0 and good.late_p50_ms <= good.late_p99_ms)
    assert.is_true(good.late_last_ms <= good.late_max_ms and good.late_p99_ms <= good.late_max_ms)
    assert.is_true(good.cpu_max_ms > 0 and good.cpu_max_ms <= good.budget.cpu_ms)
    assert.is_true(good.memory_bytes > 1000 and good.memory_bytes < good.budget.memory_bytes)
    assert.is_true(math.abs(good.last_run_at_s - os.time()) < 60)

    local status, bad = agent:status "bad"
    assert.equal(bad.runs_total, bad.failures_total)
    assert.matches("bad.lua:3: boom", bad.error)
    local _, wrong = agent:status "wrong"
    assert.equal("broken", wrong.state)
    assert.is_nil(wrong.next_run_in_s)
    assert.matches("wrong.lua:1: unexpected symbol", wrong.error)

    assert.is_true(status.ready)
    assert.same({ "cgroup", 6, 0, false },
      { status.sources[1].name, status.sources[1].containers_count, status.sources[1].pods_count,
        status.sources[1].stale })
    assert.equal("stdout", status.sinks[1].name)
    assert.equal(0, status.sinks[1].dropped_total)
    assert.equal(tonumber(agent.running.pid), status.process.pid)
    assert.equal(7, status.process.threads) -- four scripts, a sink, the queue, and the first one
    assert.is_true(status.process.rss_anon_bytes > 100000 and status.process.descriptors > 5)
  end)

  it("runs a script at once when it is told to", function()
    start({ ["checks/n.lua"] = daemon.check(COUNT, 3600) }, "--check", "n")
    for _ = 1, 2 do
      local _, before = agent:status "n"
      assert.equal("n runs now\n", agent:ask("run-now", "n").out)
      agent:wait_for_status("n", "run", function(script)
        return script.runs_total > before.runs_total
      end)
    end
  end)

  it("pauses a script, and goes on with it", function()
    start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n")
    agent:wait_for_gauge("n", 2)
    assert.equal("n is paused; moonwatch resume n lets it go on\n", agent:ask("pause", "n").out)
    local paused = agent:wait_for_status("n", "paused", function(script)
      return script.state == "paused"
    end)
    assert.is_nil(paused.next_run_in_s)
    local _, later = agent:status "n"
    assert.equal(paused.runs_total, later.runs_total)
    assert.equal("somebody wants it so, until it is resumed", later.pause_reason)
    assert.matches("^n goes on; its next run is in [%d.]+ s\n$", agent:ask("resume", "n").out)
    assert.matches("^n was not paused; it is %l+\n$", agent:ask("resume", "n").out)
    agent:wait_for_status("n", "run again", function(script)
      return script.runs_total > paused.runs_total
    end)
  end)

  it("loads every script anew when it is told to", function()
    start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n")
    agent:wait_for_gauge("n", 3)
    local seen = #agent:messages()
    local outcome = agent:ask "reload"
    assert.equal(0, outcome.code)
    assert.matches("^[^\n]* anew[^\n]*\n$", outcome.out)
    agent:wait_for_message("counting from 1", function(message)
      return message.body.value == 1
    end, seen)
  end)

  it("keeps the error of a script that it could not load anew", function()
    start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n")
    agent:write("checks/n.lua", "return {")
    local script = agent:wait_for_status("n", "not loaded anew", function(script)
      return script.load_error
    end)
    assert.matches("unexpected symbol", script.load_error)
    assert.is_nil(script.error)
    agent:write("checks/n.lua", daemon.check(COUNT))
    agent:wait_for_status("n", "loaded anew", function(fixed)
      return not fixed.load_error
    end)
  end)

  it("changes what it logs", function()
    start({ ["checks/n.lua"] = daemon.check "require('moonwatch.log').debug('at work')" }, "--check", "n")
    assert.equal("logs what is of level debug or above, until the next start\n",
      agent:ask("log-level", "debug").out)
    agent:wait_for_log "debug n: at work"
  end)

  for what, case in pairs {
    ["a script that it does not have"] = { { "pause", "nn" }, 1, 'no script "nn" runs; did you mean n?' },
    ["a level that there is not"] = { { "log-level", "loud" }, 1, "debug, info, warn or error" },
    ["no script"] = { { "pause" }, 2, "which NAME?" },
    ["two scripts"] = { { "pause", "a", "b" }, 2, 'what is "b" for?' },
    ["a script with a blank"] = { { "pause", "a b" }, 2, '"a b" is no NAME' },
  } do
    it("refuses " .. what, function()
      start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n")
      local outcome = agent:ask(unpack(case[1]))
      assert.equal(case[2], outcome.code)
      assert.is_truthy(outcome.err:find(case[3], 1, true), outcome.err)
    end)
  end

  it("refuses to run a script that is broken, and says why", function()
    start({ ["checks/n.lua"] = daemon.check(COUNT), ["checks/wrong.lua"] = "return {" },
      "--check", "n", "--check", "wrong")
    local outcome = agent:ask("run-now", "wrong")
    assert.equal(1, outcome.code)
    assert.matches("wrong cannot run: .*checks/wrong.lua:1: unexpected symbol", outcome.err)
  end)

  it("lets nobody else ask, and takes its socket with it", function()
    start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n")
    local path = agent.dir.path .. "/control.sock"
    assert.equal("rw-------", lfs.attributes(path, "permissions"))
    agent:stop()
    assert.is_nil(lfs.attributes(path, "mode"))
    local outcome = agent:ask "status"
    assert.equal(2, outcome.code)
    assert.matches("no agent listens at .*/control.sock", outcome.err)
  end)

  it("lets those ask whom the operator names, by mode and group", function()
    local group = program.shell("id -gn").out:match "%S+"
    start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n", "--set", "socket_mode=0660",
      "--set", "socket_group=" .. group)
    local path = agent.dir.path .. "/control.sock"
    assert.equal("rw-rw----", lfs.attributes(path, "permissions"))
    assert.equal(tonumber(program.shell("id -g").out), lfs.attributes(path, "gid"))
  end)

  for what, case in pairs {
    ["a group that does not exist"] = {
      "socket_group=no-such-group", 2, "there is no group no-such-group (socket_group)",
    },
    ["a mode that is none"] = {
      "socket_mode=rw", 2, 'socket_mode: expected a mode in octal digits such as "0660", found "rw"',
    },
  } do
    it("does not begin with " .. what, function()
      agent = daemon.start {
        scripts = { ["checks/n.lua"] = daemon.check(COUNT) }, wait = false,
        arguments = { "--check", "n", "--set", case[1] },
      }
      local outcome = agent.running:finish()
      agent.running = nil
      assert.equal(case[2], outcome.code)
      assert.is_truthy(outcome.err:find(case[3], 1, true), outcome.err)
    end)
  end

  it("does not begin when its socket may not be given to the group", function()
    if program.shell("id -u").out ~= "0\n" or program.shell("command -v setpriv").code ~= 0 then
      return pending "needs root, and setpriv to become somebody else"
    end
    local dir = require("spec.support.tmpdir").new()
    program.shell(("chmod 777 %s"):format(dir.path))
    local outcome = program.run {
      "run", "--host-root", daemon.HOST, "--set", "socket=" .. dir.path .. "/control.sock", "--set",
      "state_dir=" .. dir.path, "--set", "socket_group=root",
      prefix = "setpriv --reuid 65534 --regid 65534 --clear-groups timeout 60",
    }
    dir:remove()
    assert.equal(2, outcome.code)
    assert.matches("cannot give the control socket .* to the group root %(socket_group%): Operation not permitted",
      outcome.err)
  end)

  it("takes the place of an agent that was killed, not of one that lives", function()
    start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n")
    local socket = agent.dir.path .. "/control.sock"
    local second = program.run { "run", "--host-root", daemon.HOST, "--set", "socket=" .. socket }
    assert.equal(1, second.code)
    local who = ("another agent (process %d) has the control socket %s"):format(agent.running.pid, socket)
    assert.is_truthy(second.err:find(who, 1, true), second.err)
    assert.matches("%-%-set socket=PATH", second.err)
    assert.equal(0, agent:ask("status").code)

    os.execute("kill -KILL " .. agent.running.pid .. " 2>/dev/null")
    agent.running:finish()
    agent.running = program.start {
      "run", "--host-root", daemon.HOST, "--set", "socket=" .. socket, "--set", "state_dir=" .. agent.dir.path,
    }
    agent:wait_for_log "is ready"
    assert.equal(0, agent:ask("status").code)
  end)

  it("is not held up by who connects and says nothing, or too much", function()
    if program.shell("command -v python3").code ~= 0 then
      return pending "needs python3 to connect"
    end
    start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n")
    local outcome = program.shell(([[python3 -c '
import socket
idle = []
for i in range(20):
    s = socket.socket(socket.AF_UNIX); s.connect("%s"); idle.append(s)
s = idle[0]
s.sendall(b"nonsense\n")
print(s.recv(100))']]):format(agent.dir.path .. "/control.sock"))
    assert.is_truthy(outcome.out:find('error "nonsense" is not understood', 1, true), outcome.out)
    assert.equal(0, agent:ask("status").code) -- who said nothing is gone with the process
    local long = program.shell(([[python3 -c '
import socket
s = socket.socket(socket.AF_UNIX); s.connect("%s"); s.sendall(b"x" * 5000)
print(s.recv(100))']]):format(agent.dir.path .. "/control.sock"))
    assert.equal("b'error line too long\\n'\n", long.out, long.err)
    agent:wait_for_gauge("n", 3)
  end)

  it("sends its messages as one object a line", function()
    start({ ["checks/n.lua"] = daemon.check(COUNT) }, "--check", "n")
    agent:wait_for_gauge("n", 2)
    local outcome = agent:stop()
    for _, line in ipairs(files.lines(outcome.out)) do
      local message = cjson.decode(line)
      assert.same({ "metric", "n", 1 }, { message.kind, message.script, message.schema })
    end
  end)
end)
