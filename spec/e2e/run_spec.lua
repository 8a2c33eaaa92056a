--- The agent at work: intervals, signals, scripts that misbehave, files. What is to come is waited
--- for, however long it takes.
local cjson = require "cjson"
local lfs = require "lfs"

local daemon = require "spec.support.daemon"
local files = require "spec.support.files"
local program = require "spec.support.program"

local ENDLESS = "while true do pcall(error) end"

local function count_in(run)
  return ("n = (n or 0) + 1 context:gauge('%s', n)"):format(run)
end

describe("moonwatch run", function()
  local agent

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
  end)

  local function start(options)
    agent = daemon.start(options)
  end

  it("sends the messages of the container checks without any configuration", function()
    start {
      arguments = { "--set", "scripts.container.interval_s=0.1", "--set", "scripts.container_rt.interval_s=0.1" },
    }
    for _, kind in ipairs { "container_rt", "container" } do
      local message = agent:wait_for_message(kind, function(message)
        return message.kind == kind
      end)
      assert.equal(6, #(message.body.stats or message.body.containers))
      assert.equal(1, message.schema)
      assert.equal(kind, message.script)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", message.emitted_at)
    end
    local rates = agent:wait_for_message("rates", function(message)
      return message.kind == "container_rt" and message.body.stats[1].totalPct
    end)
    assert.equal(0, rates.body.stats[1].totalPct)
  end)

  it("lets the first check see the containers", function()
    start {
      scripts = {
        ["checks/seen.lua"] = daemon.check [[
          context:gauge('seen', #require('moonwatch.inventory').containers())]],
      },
      arguments = { "--check", "seen" },
    }
    agent:wait_for_gauge("seen", 6)
    assert.equal(6, agent:messages()[1].body.value)
  end)

  it("is ready when its sources have spoken, and not when it looks at files the next time", function()
    start { scripts = { ["checks/n.lua"] = daemon.check(count_in "n", 1) }, arguments = { "--check", "n" } }
    agent:wait_for_gauge("n", 3)
    assert.matches("agent: is ready", agent:log(), 1, true)
  end)

  it("says at its start what it runs, and what is given up in safety", function()
    start {
      scripts = { ["checks/n.lua"] = daemon.check(count_in "n") },
      arguments = {
        "--check", "n", "--set", "kubelet.url=https://127.0.0.1:1", "--set", "kubelet.insecure_skip_verify=true",
        "--set", "credentials.backend.insecure_skip_verify=true",
      },
    }
    agent:wait_for_gauge("n", 1)
    for _, said in ipairs {
      "agent: sources: cgroup\n", "agent: checks: n\n", "agent: sinks: stdout\n",
      "warning: kubelet.insecure_skip_verify=true: whoever answers",
      "warning: with credentials backend anybody can pass",
      "kubelet.url is set, and the source kubelet is not among the sources",
    } do
      assert.matches(said, agent:log(), 1, true)
    end
  end)

  it("runs at the interval, without drift", function()
    start {
      scripts = { ["checks/clock.lua"] = daemon.check("context:gauge('at', context.now_s)", 0.1) },
      arguments = { "--check", "clock" },
    }
    daemon.wait_until("twenty runs", function()
      return #agent:messages() >= 20
    end)
    -- Runs may be late or skipped, on a machine that is busy; each belongs to a point of the grid.
    local phases = {}
    for _, message in ipairs(agent:messages()) do
      table.insert(phases, message.body.value % 0.1)
    end
    table.sort(phases)
    local middle, near = phases[math.floor(#phases / 2)], 0
    for _, phase in ipairs(phases) do
      local off = math.abs(phase - middle)
      near = near + (math.min(off, 0.1 - off) < 0.03 and 1 or 0)
    end
    assert.is_true(near >= #phases / 2, ("%d of %d"):format(near, #phases))
  end)

  for _, signal in ipairs { "TERM", "INT" } do
    it("ends at SIG" .. signal .. " with exit code 0, and delivers what there is", function()
      start { scripts = { ["checks/n.lua"] = daemon.check(count_in "n") }, arguments = { "--check", "n" } }
      agent:wait_for_gauge("n", 3)
      local outcome = agent:stop(signal)
      assert.equal(0, outcome.code)
      local last
      for _, line in ipairs(files.lines(outcome.out)) do
        local value = cjson.decode(line).body.value
        -- a file that is as young as the agent is loaded twice, and counts from 1 again
        assert.is_true(value == (last or 0) + 1 or value == 1, value)
        last = value
      end
      assert.equal("\n", outcome.out:sub(-1))
    end)
  end

  it("ends with an error when nobody reads its output any more", function()
    local outcome = program.shell(([[
      (%s run --host-root %s --set socket=/dev/null/none --set state_dir=/dev/null/none \
        --set scripts.container_rt.interval_s=0.05 \
        --check container_rt; echo "code $?" >&2) | head -n 1]]):format(program.PATH, daemon.HOST))
    assert.equal(1, #files.lines(outcome.out))
    assert.matches("the sink is given up", outcome.err)
    assert.matches("no sink is left", outcome.err)
    assert.matches("code 1\n", outcome.err)
  end)

  it("goes on when the files of its log and its messages may not grow any more", function()
    local outcome = program.shell(([[
      d=$(mktemp -d) && head -c 4096 /dev/zero > $d/log && {
        (ulimit -f 1; exec %s run --host-root %s --set socket=$d/socket --set state_dir=$d --check container_rt \
          --set scripts.container_rt.interval_s=0.05 --sink file:$d/out 2>>$d/log) & agent=$!
        until %s status --socket $d/socket 2>/dev/null | grep -q "File too large" || ! kill -0 $agent; do
          sleep 0.1
        done
        kill -TERM $agent; wait $agent; echo "code $?"
      }; rm -rf $d]]):format(program.PATH, daemon.HOST, program.PATH))
    assert.equal("code 0\n", outcome.out)
  end)

  it("ends within its time while scripts loop, initialise, and wait for a place", function()
    start {
      scripts = {
        ["checks/a.lua"] = daemon.check("context:gauge('began', 1)\n" .. ENDLESS),
        ["checks/b.lua"] = daemon.check("context:gauge('began', 1)\n" .. ENDLESS),
        ["checks/c.lua"] = "local M = { api = 1, run = print } function M.init() " .. ENDLESS .. " end return M",
      },
      arguments = {
        "--check", "a", "--check", "b", "--check", "c", "--set", "parallel_runs=2",
        "--set", "budget.cpu_ms=600000", "--set", "budget.wall_ms=600000",
      },
      wait = false,
    }
    agent:wait_for_message("the first of them", function(message)
      return message.body.metric == "began"
    end)
    local outcome, took_s = agent:stop()
    assert.equal(0, outcome.code)
    assert.is_true(took_s <= 6, took_s .. " s") -- whole seconds of two readings
    assert.is_nil(outcome.err:find("error", 1, true), outcome.err)
  end)

  it("lets no script disturb the others", function()
    start {
      scripts = {
        ["checks/good.lua"] = daemon.check(count_in "good"),
        ["checks/bad.lua"] = daemon.check "error 'boom'",
        ["checks/wrong.lua"] = "return {",
        ["checks/endless.lua"] = daemon.check(ENDLESS),
        ["checks/greedy.lua"] = daemon.check "local s = 'x' while true do s = s .. s end",
        ["checks/flood.lua"] = daemon.check "while true do pcall(context.gauge, context, 'flood', 1) end",
      },
      arguments = {
        "--check", "good", "--check", "bad", "--check", "wrong", "--check", "endless", "--check", "greedy",
        "--check", "flood", "--set", "budget.cpu_ms=50", "--set", "scripts.flood.budget.messages_count=5",
        "--set", "scripts.greedy.budget.memory_bytes=2000000",
      },
    }
    agent:wait_for_gauge("good", 30)
    for _, said in ipairs {
      "bad: check bad: .*checks/bad.lua:3: boom",
      "wrong: .*checks/wrong.lua:1: unexpected symbol",
      "endless: over its budget of 50 ms of CPU time %(scripts.endless.budget.cpu_ms%): .*endless.lua:3",
      "greedy: over its budget of 2000000 bytes of memory %(scripts.greedy.budget.memory_bytes%)",
      "flood: over its budget of 50 ms",
      "endless: was over its budget 3 times in a row: it pauses for 10 s",
    } do
      agent:wait_for_log(said)
    end
    local floods = 0
    for _, message in ipairs(agent:messages()) do
      floods = floods + (message.script == "flood" and 1 or 0)
    end
    assert.is_true(floods > 0 and floods % 5 == 0, floods)
  end)

  it("names the budget of messages", function()
    start {
      scripts = { ["checks/flood.lua"] = daemon.check "for i = 1, 9 do context:gauge('flood', i) end" },
      arguments = { "--check", "flood", "--set", "scripts.flood.budget.messages_count=5" },
    }
    agent:wait_for_log "the run is over its budget of 5 messages %(scripts.flood.budget.messages_count%)"
  end)

  it("names the budget of HTTP requests", function()
    local asks = [[
local get = require("moonwatch.http").get
context:gauge('first', select(3, get "http://127.0.0.1:1/").errno)
return nil, (select(2, get "http://127.0.0.1:1/"))]]
    start {
      scripts = { ["checks/asks.lua"] = daemon.check(asks) },
      arguments = { "--check", "asks", "--set", "scripts.asks.budget.http_requests_count=1" },
    }
    agent:wait_for_log "over its budget of 1 HTTP requests %(scripts.asks.budget.http_requests_count%)"
    agent:wait_for_gauge("asks", 111) -- ECONNREFUSED: that one was tried
  end)

  it("writes few entries however often it is told to reload", function()
    start { scripts = { ["checks/n.lua"] = daemon.check "context:gauge('n', 1)" }, arguments = { "--check", "n" } }
    for _ = 1, 20 do
      agent.running:signal "HUP"
    end
    agent:wait_for_log "reloads:"
    local _, entries = agent:stop().err:gsub("reloads:", "")
    assert.is_true(entries >= 1 and entries < 5, entries)
  end)

  describe("when a script changes", function()
    it("runs the new one", function()
      start { scripts = { ["checks/x.lua"] = daemon.check "context:gauge('x', 1)" }, arguments = { "--check", "x" } }
      agent:wait_for_gauge("x", 1)
      agent:write("checks/x.lua", daemon.check "context:gauge('x', 2)")
      agent:wait_for_gauge("x", 2)
      assert.matches("x: was loaded anew", agent:log())
    end)

    local function counting(step)
      return "local n = 0\n" ..
        daemon.check(("n = n + %d context:gauge('n', n)"):format(step)):gsub("return M",
          "function M.save() return n end function M.restore(kept) n = kept end return M")
    end

    it("gives the new one what the old one keeps", function()
      start { scripts = { ["checks/n.lua"] = counting(1) }, arguments = { "--check", "n" } }
      agent:wait_for_gauge("n", 3)
      agent:write("checks/n.lua", counting(100))
      local last = 0
      agent:wait_for_message("a hundred more", function(message)
        local step = message.body.value - last
        last = message.body.value
        return step == 100 and last > 103
      end)
      for i, message in ipairs(agent:messages()) do
        assert.is_true(i == 1 or message.body.value > 1)
      end
    end)

    it("says so when the new one begins with nothing", function()
      start { scripts = { ["checks/n.lua"] = counting(1) }, arguments = { "--check", "n" } }
      agent:wait_for_gauge("n", 3)
      agent:write("checks/n.lua", (counting(100):gsub("n = kept", "error 'too old'")))
      agent:wait_for_gauge("n", 100)
      assert.matches("warn +n: keeps nothing of what the old one knew: restore: .-n.lua:%d+: too old", agent:log())
      local _, script = agent:status "n"
      assert.matches("too old", script.restore_error)
      assert.is_nil(script.load_error)
      assert.matches("n began with nothing when it was loaded anew: restore: ", agent:ask("status").out)
    end)

    it("sends the rates of containers in the very next message", function()
      local arguments = { "--check", "container_rt", "--set", "scripts.container_rt.interval_s=0.1" }
      start { arguments = arguments }
      local function has_rates(message)
        return message.kind == "container_rt" and message.body.stats[1].totalPct ~= nil
      end
      agent:wait_for_message("rates", has_rates)
      local text = assert(files.read "scripts/checks/container_rt.lua")
      agent:write("checks/container_rt.lua", text .. "-- the operator's\n")
      agent:wait_for_log "container_rt: was loaded anew"
      local seen = #agent:messages()
      agent:wait_for_message("another one", has_rates, seen)
      local first
      for i, message in ipairs(agent:messages()) do
        first = first or has_rates(message) and i
        assert.is_true(not first or has_rates(message), "no rates in message " .. i)
      end
    end)

    it("goes on with the old one while the new one is wrong", function()
      start { scripts = { ["checks/x.lua"] = daemon.check(count_in "x") }, arguments = { "--check", "x" } }
      for what, text in pairs {
        ["x.lua:1: unexpected symbol"] = "return {",
        ["has no function run"] = "return { api = 1 }",
        ["x.lua: not today"] = "return { api = 1, run = print, init = function() return nil, 'not today' end }",
      } do
        agent:write("checks/x.lua", text)
        agent:wait_for_log(what .. ".-; the old one goes on")
        local seen = #agent:messages()
        agent:wait_for_message("a message of the old one", function(message)
          return message.body.value >= seen
        end, seen)
      end
      agent:write("checks/x.lua", daemon.check "context:gauge('x', 'good' and -1)")
      agent:wait_for_gauge("x", -1)
    end)

    it("notices the modules that it has required, late ones too", function()
      start {
        scripts = {
          ["checks/x.lua"] = daemon.check "context:gauge('x', require('moonwatch.mine').value)",
          ["moonwatch/mine.lua"] = "return { value = 1 }",
        },
        arguments = { "--check", "x" },
      }
      agent:wait_for_gauge("x", 1)
      agent:write("moonwatch/mine.lua", "return { value = 2 }")
      agent:wait_for_gauge("x", 2)
    end)

    it("takes a script of the operator in front of the one that ships, and back", function()
      start { arguments = { "--check", "container_rt", "--set", "scripts.container_rt.interval_s=0.1" } }
      local function is_theirs(message)
        return message.kind == "container_rt"
      end
      agent:wait_for_message("the shipped one", is_theirs)
      agent.dir:write { ["scripts/checks/container_rt.lua"] = daemon.check "context:gauge('mine', 5)" }
      agent:wait_for_gauge("container_rt", 5)
      agent.dir:remove_file "scripts/checks/container_rt.lua"
      local seen = #agent:messages()
      agent:wait_for_message("the shipped one again", is_theirs, seen)
    end)

    it("stops what is removed, and runs what is added", function()
      start {
        scripts = { ["checks/a.lua"] = daemon.check "context:gauge('a', 1)" },
        arguments = { "--check", "a", "--check", "b" },
      }
      agent:wait_for_log 'there is no check "b"'
      agent:write("checks/b.lua", daemon.check "context:gauge('b', 1)")
      agent:wait_for_gauge("b", 1)
      agent.dir:remove_file "scripts/checks/a.lua"
      agent:wait_for_log 'there is no check "a"'
    end)

    it("sees a link that is switched", function()
      start {
        scripts = {
          ["v1/x.lua"] = daemon.check "context:gauge('x', 1)",
          ["v2/x.lua"] = daemon.check "context:gauge('x', 2)",
          ["checks/other.lua"] = daemon.check "",
        },
        arguments = { "--check", "x", "--check", "other" },
      }
      local scripts = agent.dir.path .. "/scripts"
      assert(lfs.link("v1", scripts .. "/data", true))
      assert(lfs.link("../data/x.lua", scripts .. "/checks/x.lua", true))
      agent:wait_for_gauge("x", 1)
      assert(lfs.link("v2", scripts .. "/data.new", true))
      assert(os.execute(("mv -T %s/data.new %s/data"):format(scripts, scripts)) == 0)
      agent:wait_for_gauge("x", 2)
    end)
  end)

  describe("with the sink file", function()
    it("writes lines there, and makes the file anew at SIGHUP when it was moved", function()
      start {
        scripts = { ["checks/n.lua"] = daemon.check(count_in "n") },
        arguments = { "--check", "n", "--sink", "file:DIR/out.jsonl" },
      }
      local path = agent.dir.path .. "/out.jsonl"
      daemon.wait_until("three lines", function()
        return #agent:messages(path) >= 3
      end)
      assert(os.rename(path, path .. ".moved"))
      agent.running:signal "HUP"
      daemon.wait_until("lines in the new file", function()
        return #agent:messages(path) >= 3
      end)
      agent:stop()
      local last
      for _, part in ipairs { path .. ".moved", path } do
        for _, message in ipairs(agent.messages({}, part)) do
          -- the script is loaded anew, so it counts from 1 again, once
          assert.is_true(not last or message.body.value == last + 1 or message.body.value == 1)
          last = message.body.value
        end
      end
    end)

    it("rotates by size, and keeps so many", function()
      start {
        scripts = { ["checks/n.lua"] = daemon.check(count_in "n", 0.01) },
        arguments = {
          "--check", "n", "--sink", "file:DIR/out.jsonl", "--set", "scripts.file.options.max_bytes=1000",
          "--set", "scripts.file.options.keep=2",
        },
      }
      local path = agent.dir.path .. "/out.jsonl"
      daemon.wait_until("the second old file, and one that follows it", function()
        local text = files.read_if_there(path .. ".2")
        return text and not text:find('"value":1}', 1, true)
      end)
      agent:stop()
      assert.is_nil(files.read_if_there(path .. ".3"))
      for _, suffix in ipairs { "", ".1", ".2" } do
        assert.is_true(lfs.attributes(path .. suffix, "size") <= 1000 + 200)
      end
    end)
  end)

  it("tells systemd that it is ready, alive, and stopping", function()
    local listener = [[
      import os, socket, subprocess, sys
      s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      name = "moonwatch-test-%d" % os.getpid()
      s.bind("\0" + name)
      s.settimeout(60)
      env = dict(os.environ, NOTIFY_SOCKET="@" + name, WATCHDOG_USEC="200000")
      p = subprocess.Popen(sys.argv[1:], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
      seen = [s.recv(100).decode() for _ in range(3)]
      p.terminate()
      while seen[-1] != "STOPPING=1": seen.append(s.recv(100).decode())
      print(p.wait(), " ".join(seen))]]
    if program.shell("command -v python3").code ~= 0 then
      return pending "needs python3 to listen"
    end
    local arguments = "--host-root %s --set socket=/dev/null/none --set state_dir=/dev/null/none"
    local outcome = program.shell(("python3 -c '%s' %s run " .. arguments):format(
      listener:gsub("\n      ", "\n"):gsub("^%s+", ""), program.PATH, daemon.HOST))
    assert.matches("^0 ", outcome.out, 1, false)
    assert.matches("READY=1", outcome.out)
    assert.matches("WATCHDOG=1 .*STOPPING=1\n$", outcome.out)
  end)

  it("takes the name of any sink", function()
    local outcome = program.shell(("timeout 1 %s run --host-root %s --set socket=/dev/null/none "
      .. "--set state_dir=/dev/null --sink http --set scripts.http.options.url=http://127.0.0.1:1/"):format(
      program.PATH, daemon.HOST))
    assert.matches("sinks: http\n", outcome.err)
  end)

  describe("refuses to begin", function()
    for what, case in pairs {
      ["with a key that nobody knows"] = { { "--set", "paralel_runs=1" }, 2, "parallel_runs" },
      ["with a sink that nobody knows"] = { { "--sink", "stdin" }, 2, 'there is no sink "stdin"' },
      ["with a file sink without a path"] = { { "--sink", "file:" }, 2, "needs a path" },
      ["with an option of the file sink that is wrong"] =
        { { "--sink", "file:x", "--set", "scripts.file.options.keep=many" }, 2, "not a whole number from 0 to 1000" },
      ["with a host root that is none"] = { { "--host-root", "/nonexistent" }, 2, "is not a directory" },
      ["without a check that can be loaded"] = { { "--check", "contaner_rt" }, 1, 'did you mean "container_rt"' },
      ["with a word too many"] = { { "now" }, 2, 'what is "now" for' },
    } do
      it(what, function()
        local outcome = program.run {
          "run", "--host-root", daemon.HOST, "--set", "socket=/dev/null/none",
          "--set", "state_dir=/dev/null/none", unpack(case[1]),
        }
        assert.equal(case[2], outcome.code, outcome.err)
        assert.is_truthy(outcome.err:find(case[3], 1, true), outcome.err)
      end)
    end
  end)
end)
