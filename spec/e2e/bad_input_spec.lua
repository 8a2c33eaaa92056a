--- What people, editors and machines do to an agent: folders that are not there, files that are no
--- scripts, clocks that jump, clients that write nonsense, limits that are too low.
local lfs = require "lfs"

local clock = require "spec.support.clock"
local daemon = require "spec.support.daemon"
local has_checker = require "spec.support.checker"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local COUNT = "n = (n or 0) + 1 context:gauge('n', n)"
local CLOCK = program.PATH:match "^(.*)/bin/[^/]+$" .. "/spec/jumping_clock.so"

describe("moonwatch run", function()
  local agent, second

  after_each(function()
    for _, one in ipairs { second or false, agent or false } do
      if one then
        one:remove()
      end
    end
    agent, second = nil, nil
  end)

  local function start(options)
    agent = daemon.start(options)
  end

  local function start_counting(arguments)
    start {
      scripts = { ["checks/n.lua"] = daemon.check(COUNT) },
      arguments = { "--check", "n", unpack(arguments or {}) },
    }
    agent:wait_for_gauge("n", 1)
  end

  --- It still does its work.
  local function check_alive()
    local _, script = agent:status "n"
    agent:wait_for_status("n", "running on", function(now)
      return now.runs_total > script.runs_total
    end)
  end

  local function python(text)
    local outcome = program.shell(("python3 -c '\nimport socket\npath = \"%s/control.sock\"\n%s'"):format(
      agent.dir.path, text))
    assert.equal(0, outcome.code, outcome.err)
    return outcome.out
  end

  local function it_with_python(sentence, run)
    it(sentence, function()
      if program.shell("command -v python3").code ~= 0 then
        return pending "needs python3 to connect"
      end
      run()
    end)
  end

  describe("with a folder of scripts", function()
    it("that is not there looks into the others, and takes it when it comes", function()
      start {
        arguments = { "--check", "container_rt", "--check", "late", "--set", "scripts.container_rt.interval_s=0.1" },
      }
      agent:wait_for_log 'there is no check "late"'
      agent:wait_for_message("the shipped check", function(message)
        return message.kind == "container_rt"
      end)
      agent.dir:write { ["scripts/checks/late.lua"] = daemon.check(COUNT) }
      agent:wait_for_gauge("late", 1)
    end)

    it("that is a file goes on with the others", function()
      start {
        before = function(dir)
          dir:write { scripts = "no folder" }
        end,
        arguments = { "--check", "container_rt", "--set", "scripts.container_rt.interval_s=0.1" },
      }
      agent:wait_for_message("the shipped check", function(message)
        return message.kind == "container_rt"
      end)
    end)

    it("that it may not read says so, and ends", function()
      local user = "setpriv --reuid=65534 --regid=65534 --clear-groups"
      if program.shell(user .. " test -r " .. program.PATH).code ~= 0 then
        return pending "cannot become another user here, or that one cannot read the program"
      end
      start {
        before = function(dir)
          dir:write { ["scripts/checks/n.lua"] = daemon.check(COUNT) }
          os.execute(("chmod 0777 %s && chmod 0700 %s/scripts"):format(dir.path, dir.path))
        end,
        arguments = { "--check", "n" },
        prefix = user,
        wait = false,
      }
      local outcome = agent.running:finish()
      agent.running = nil
      assert.equal(1, outcome.code, outcome.err)
      assert.matches("scripts/checks/n.lua: Permission denied", outcome.err)
    end)

    it("full of what editors leave there takes none of it", function()
      start_counting()
      local checks = agent.dir.path .. "/scripts/checks/"
      for _ = 1, 5 do
        agent.dir:write {
          ["scripts/checks/n.lua~"] = "not Lua", ["scripts/checks/n.lua.swp"] = "b0VIM 8.2",
          ["scripts/checks/.n.lua.swx"] = "", ["scripts/checks/4913"] = "", ["scripts/checks/#n.lua#"] = "not Lua",
          ["scripts/checks/n.lua.bak"] = "not Lua", ["scripts/checks/m.lua.rpmnew"] = "not Lua",
        }
        assert(lfs.link("somebody@somewhere.1234", checks .. ".#n.lua", true))
        check_alive()
        os.remove(checks .. "4913")
        os.remove(checks .. ".#n.lua")
      end
      local _, script = agent:status "n"
      assert.equal(0, script.failures_total)
      assert.is_nil(script.load_error)
      assert.is_nil(agent:log():find(" error ", 1, true), agent:log())
      assert.equal(2, #agent:status().scripts) -- with the source
    end)
  end)

  it("finishes a run whose script is deleted meanwhile, and takes the script when it is back", function()
    local slow = daemon.check [[
      context:gauge('began', 1)
      local until_s = os.clock() + 0.5
      while os.clock() < until_s do end
      context:gauge('ended', 1)]]
    start { scripts = { ["checks/slow.lua"] = slow, ["checks/n.lua"] = daemon.check(COUNT) },
      arguments = { "--check", "slow", "--check", "n", "--set", "budget.cpu_ms=10000" } }
    local function is(metric)
      return function(message)
        return message.body.metric == metric
      end
    end
    local seen = #agent:messages()
    agent:wait_for_message("a run", is "began", seen)
    agent.dir:remove_file "scripts/checks/slow.lua"
    agent:wait_for_message("the end of the run", is "ended", seen)
    agent:wait_for_log 'there is no check "slow".*; it stops until its file is back'
    check_alive()
    seen = #agent:messages()
    agent:write("checks/slow.lua", slow)
    agent:wait_for_message("another run", is "ended", seen)
  end)

  for _, jump_s in ipairs { 3600, -3600 } do
    it("keeps its intervals, and sees edits, when the clock jumps by " .. jump_s .. " s", function()
      if has_checker then
        return pending "the checker wants to be the first library"
      end
      local jump = tmpdir.new()
      finally(function()
        jump:remove()
      end)
      start {
        scripts = {
          ["checks/n.lua"] = daemon.check(COUNT),
          ["checks/at.lua"] = daemon.check "context:gauge('at', context.now_s)",
        },
        arguments = { "--check", "n", "--check", "at" },
        env = { LD_PRELOAD = CLOCK, MOONWATCH_CLOCK_JUMP = jump.path .. "/seconds" },
      }
      agent:wait_for_gauge("n", 3)
      jump:write { seconds = tostring(jump_s) }
      agent:wait_for_message("the other time", function(message)
        return message.script == "at" and math.abs(message.body.value - os.time() - jump_s) < 600
      end)
      local _, before = agent:status "n"
      clock.sleep(1)
      local _, after = agent:status "n"
      local runs = after.runs_total + after.skips_total - before.runs_total - before.skips_total
      assert.is_true(runs >= 15 and runs < 200, runs) -- 20 are due; asking takes its time, too
      agent:write("checks/n.lua", daemon.check "context:gauge('n', -1)")
      agent:wait_for_gauge("n", -1)
      local last = agent:messages()[#agent:messages()]
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", last.emitted_at)
    end)
  end

  it("bears a hundred SIGHUPs in a second", function()
    start_counting()
    local before_kib, descriptors
    for i = 1, 300 do
      agent.running:signal "HUP"
      if i == 100 then
        before_kib, descriptors = agent:number_of "RssAnon", agent:descriptors()
      end
    end
    check_alive()
    assert.is_true(agent:descriptors() <= descriptors + 2)
    assert.is_true(has_checker or agent:number_of "RssAnon" - before_kib < 2048)
  end)

  it("ends when another agent has its state folder, which goes on", function()
    start_counting()
    local outcome = program.run {
      "run", "--host-root", daemon.HOST, "--set", "socket=" .. agent.dir.path .. "/other.sock",
      "--set", "state_dir=" .. agent.dir.path,
    }
    assert.equal(1, outcome.code, outcome.err)
    assert.matches("process " .. agent.running.pid .. " writes the queue in ", outcome.err)
    check_alive()
  end)

  it("without a queue on the disk leaves the store to the agent that has it, and goes on", function()
    local keeps = {
      ["checks/keeps.lua"] = daemon.check [[
        local store = require 'moonwatch.store'
        local ok, message, errno = store.put('last', tostring(context.now_s))
        context:gauge('errno', ok and 0 or errno)
        if not ok then return nil, message end]],
      ["checks/n.lua"] = daemon.check(COUNT),
    }
    start { scripts = keeps, arguments = { "--check", "keeps", "--check", "n" } }
    agent:wait_for_gauge("keeps", 0)
    second = daemon.start {
      scripts = keeps,
      arguments = {
        "--check", "keeps", "--check", "n", "--set", "state_dir=" .. agent.dir.path, "--set", "queue.on_disk=false",
      },
    }
    second:wait_for_gauge("keeps", 16) -- EBUSY
    second:wait_for_log("keeps: .*process " .. agent.running.pid .. " writes the store")
    second:wait_for_gauge("n", 5)
    local seen = #agent:messages()
    agent:wait_for_message("what the first one keeps", function(message)
      return message.script == "keeps" and message.body.value == 0
    end, seen)
    assert.equal(0, agent:stop().code)
    second:wait_for_gauge("keeps", 0)
  end)

  it_with_python("answers others while clients write nonsense, megabytes, nothing, or leave at once", function()
    start_counting()
    python [[
import os
def connect():
    s = socket.socket(socket.AF_UNIX); s.connect(path); s.settimeout(20); return s
noise = os.urandom(1000).replace(b"\n", b"")
for text in [b"\0\0\0\0\n", b"\xff" * 900 + b"\n", b"status\0pause n\n", b"\n", b"\r\n", noise + b"\n"]:
    s = connect(); s.sendall(text)
    answer = s.recv(4096)
    assert answer.startswith(b"error "), (text, answer)
s = connect()
try:
    for _ in range(200): s.sendall(b"x" * 65536)
except OSError: pass
for _ in range(500): connect().close()
s = connect(); s.shutdown(socket.SHUT_WR); s.recv(100)
s = connect(); s.sendall(b"status\n"); s.close()
idle = [connect() for _ in range(30)]
print("fine")]]
    assert.equal(0, agent:ask("status").code)
    check_alive()
    assert.is_true(agent:descriptors() < 60)
  end)

  describe("with too low a limit", function()
    --- Limits of the shell that becomes the agent.
    local function run_with(limit, seconds)
      return program.run {
        "run", "--host-root", daemon.HOST, "--set", "state_dir=/dev/null/none", "--set", "socket=/dev/null/none",
        "--set", "scripts.container_rt.interval_s=0.1",
        prefix = ("sh -c 'ulimit %s; exec timeout -k 5 %d \"$@\"' limited"):format(limit, seconds),
      }
    end

    --- It worked until timeout(1) ended it, or said what it lacks; nothing else.
    local function check_outcome(outcome, ...)
      assert.is_true(outcome.code == 124 or outcome.code == 1 or outcome.code == 2, outcome.code .. outcome.err)
      if outcome.code == 124 then
        assert.matches("agent: ends: Terminated", outcome.err)
        return
      end
      for _, said in ipairs { ... } do
        if outcome.err:find(said, 1, true) then
          return
        end
      end
      error("it does not say what it lacks: " .. outcome.err)
    end

    it("of descriptors works with few of them, or says so", function()
      for _, count in ipairs { 5, 7, 9, 11, 13, 16, 24 } do
        check_outcome(run_with("-n " .. count, 1), "Too many open files")
      end
      local outcome = run_with("-n 32", 2)
      assert.equal(124, outcome.code, outcome.err)
      assert.matches('"kind":"container_rt"', outcome.out)
    end)

    it("of memory works, or says so", function()
      if has_checker then
        return pending "the checker needs terabytes of addresses"
      end
      for _, kib in ipairs { 7500, 8000, 9000, 10000, 12000, 16000 } do
        check_outcome(run_with("-v " .. kib, 1), "emory", "cannot start the thread")
      end
    end)

    it("of processes says that there is no thread", function()
      local user = "setpriv --reuid=65533 --regid=65533 --clear-groups"
      if has_checker or program.shell(user .. " test -r " .. program.PATH).code ~= 0 then
        return pending "cannot become another user here, or that one cannot read the program"
      end
      local outcome = program.run {
        "run", "--host-root", daemon.HOST, "--set", "state_dir=/dev/null/none", "--set", "socket=/dev/null/none",
        prefix = "timeout -k 5 20 " .. user .. " prlimit --nproc=3",
      }
      assert.equal(1, outcome.code, outcome.err)
      assert.matches("cannot start the thread of %w+ [%w_]+: Resource temporarily unavailable", outcome.err)
    end)
  end)
end)
