--- Far ends that hang, and a machine that is busy, while checks have to keep their interval.
---
---   MOONWATCH_LOAD_S     for how long the machine is busy (3); tools/soak has 30
---   MOONWATCH_LOAD_JOBS  by how many processes (8); tools/soak has 32
local clock = require "spec.support.clock"
local daemon = require "spec.support.daemon"
local faulty_server = require "spec.support.faulty_server"
local program = require "spec.support.program"

local LOAD_S = tonumber(os.getenv "MOONWATCH_LOAD_S") or 3
local LOAD_JOBS = tonumber(os.getenv "MOONWATCH_LOAD_JOBS") or 8
local RUNS = 20

local ASKS = [[
local M = { api = 1, interval_s = 0.1 }
function M.%s() return require('moonwatch.http').get('%s', { timeout_s = 60 }) end
return M]]

describe("container_rt keeps its interval", function()
  local agent, stop_server

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
    if stop_server then
      stop_server()
      stop_server = nil
    end
  end)

  local function start(options)
    local arguments = { "--check", "container_rt", "--set", "scripts.container_rt.interval_s=0.1" }
    for _, argument in ipairs(options.arguments or {}) do
      table.insert(arguments, argument)
    end
    options.arguments = arguments
    agent = daemon.start(options)
  end

  local function wait_for_runs(count)
    return agent:wait_for_status("container_rt", "run " .. count .. " times", function(script)
      return script.runs_total >= count
    end)
  end

  local function check_undisturbed(script)
    assert.equal(0, script.failures_total, script.error)
    assert.equal(0, script.over_budget_total)
  end

  --- More checks than there are places to run in: who waits for an answer takes none.
  it("while a source and checks wait for a server that says nothing", function()
    local url
    url, stop_server = faulty_server.start "silent"
    start {
      scripts = {
        ["sources/asks.lua"] = ASKS:format("list", url),
        ["checks/asks1.lua"] = ASKS:format("run", url),
        ["checks/asks2.lua"] = ASKS:format("run", url),
        ["checks/asks3.lua"] = ASKS:format("run", url),
      },
      arguments = {
        "--source", "cgroup", "--source", "asks", "--check", "asks1", "--check", "asks2", "--check", "asks3",
        "--set", "parallel_runs=1", "--set", "budget.wall_ms=60000",
      },
    }
    check_undisturbed(wait_for_runs(RUNS))
    for _, name in ipairs { "asks", "asks1", "asks2", "asks3" } do
      local _, asks = agent:status(name)
      assert.equal("running", asks.state, name)
      assert.equal(0, asks.runs_total, name)
    end
  end)

  it("while nobody reads its output, and its file goes on", function()
    local fifo = os.tmpname()
    os.remove(fifo)
    assert.equal(0, program.shell("mkfifo " .. fifo).code)
    start {
      scripts = { ["checks/flood.lua"] = daemon.check "context:emit('flood', { text = ('x'):rep(20000) })" },
      arguments = {
        "--check", "flood", "--sink", "stdout", "--sink", "file:DIR/out.jsonl", "--set", "queue.buffer_bytes=2000000",
      },
      redirect = "1<> " .. fifo,
    }
    os.remove(fifo)
    check_undisturbed(wait_for_runs(RUNS))
    local status = agent:status()
    local waits, goes_on
    for _, sink in ipairs(status.sinks) do
      if sink.name == "stdout" then
        waits = sink
      else
        goes_on = sink
      end
    end
    assert.is_true(waits.waiting > 0)
    daemon.wait_until("the file to have what the pipe has not", function()
      return #agent:messages(agent.dir.path .. "/out.jsonl") > RUNS
    end)
    assert.equal(0, goes_on.dropped_total)
    assert.is_true(status.queue.buffer_bytes <= 2000000)
  end)

  it("while a sink's file is a pipe that nobody reads", function()
    start {
      scripts = { ["checks/n.lua"] = daemon.check "context:gauge('n', 1)" },
      arguments = { "--check", "n", "--sink", "file:DIR/fifo", "--sink", "stdout" },
      before = function(dir)
        assert.equal(0, program.shell("mkfifo " .. dir.path .. "/fifo").code)
      end,
    }
    check_undisturbed(wait_for_runs(RUNS))
    agent:wait_for_gauge("n", 1)
    assert.equal(0, agent:stop().code)
  end)

  it("while the machine is busy: nobody who behaves is stopped", function()
    local busy = "for i in $(seq %d); do while :; do :; done & done; wait"
    local load = program.start {
      prefix = ("setsid sh -c 'trap \"kill -KILL 0\" TERM; " .. busy .. "' load"):format(LOAD_JOBS),
    }
    finally(function()
      load:signal "TERM"
      load:finish()
    end)
    start {
      scripts = { ["checks/computes.lua"] = daemon.check "for i = 1, 1e5 do n = i end context:gauge('n', n)" },
      arguments = {
        "--check", "computes", "--set", "scripts.computes.interval_s=0.2",
        "--set", "scripts.computes.budget.cpu_ms=200",
      },
    }
    clock.sleep(LOAD_S)
    for _, name in ipairs { "container_rt", "computes" } do
      local _, script = agent:status(name)
      check_undisturbed(script)
      assert.is_true(script.runs_total > 0)
      print(("# %s: %d runs, %d skipped, %.0f ms late at most"):format(name, script.runs_total, script.skips_total,
        script.late_max_ms))
    end
  end)
end)
