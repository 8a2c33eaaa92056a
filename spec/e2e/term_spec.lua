--- The end of the agent at random moments, whatever its scripts and its readers do.
---
---   MOONWATCH_TERMS   how often (20); tools/soak has 200
local lfs = require "lfs"

local clock = require "spec.support.clock"
local daemon = require "spec.support.daemon"
local faulty_server = require "spec.support.faulty_server"
local has_checker = require "spec.support.checker"
local program = require "spec.support.program"

local TERMS = tonumber(os.getenv "MOONWATCH_TERMS") or 20
local STOP_MAX_S = has_checker and 10 or 5 -- looking for leaks takes a while, too

local GOOD = daemon.check("context:gauge('n', 1)", 0.01)
local GENEROUS = { "--set", "budget.cpu_ms=600000", "--set", "budget.wall_ms=600000" }

math.randomseed(clock.now_s() * 1e3)

local function sleep_at_random(max_s)
  clock.sleep(math.random() * max_s)
end

describe("an agent that is told to end", function()
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
    options.scripts["checks/good.lua"] = GOOD
    options.arguments = { "--check", "good", unpack(options.arguments or {}) }
    for _, argument in ipairs(GENEROUS) do
      table.insert(options.arguments, argument)
    end
    agent = daemon.start(options)
  end

  local function start_with(name, text)
    start { scripts = { ["checks/" .. name .. ".lua"] = text }, arguments = { "--check", name } }
  end

  local function wait_for_socket()
    daemon.wait_until("the control socket", function()
      return lfs.attributes(agent.dir.path .. "/control.sock", "mode")
    end)
  end

  local moments = {
    { "while it starts", function()
      start { scripts = {}, wait = false }
      wait_for_socket()
      sleep_at_random(0.05)
    end },
    { "while it works", function()
      start { scripts = {} }
      sleep_at_random(0.2)
    end },
    { "while a script loads for ever", function()
      start { scripts = { ["checks/slow.lua"] = "while true do end" }, arguments = { "--check", "slow" }, wait = false }
      wait_for_socket()
      sleep_at_random(0.1)
    end },
    { "while scripts are loaded anew", function()
      start { scripts = {} }
      for _ = 1, 20 do
        agent.running:signal "HUP"
      end
      sleep_at_random(0.05)
    end },
    { "while a script loops", function()
      start_with("endless", daemon.check "while true do pcall(error) end")
      sleep_at_random(0.2)
    end },
    { "while a script waits for a server that says nothing", function()
      local url
      url, stop_server = faulty_server.start "silent"
      start_with("asks", daemon.check(
        ("require('moonwatch.http').get('%s', { timeout_s = 60 })"):format(url)))
      sleep_at_random(0.2)
    end },
    { "while nobody reads what it sends", function()
      local fifo = os.tmpname()
      os.remove(fifo)
      assert.equal(0, program.shell("mkfifo " .. fifo).code)
      start {
        scripts = { ["checks/flood.lua"] = daemon.check "context:emit('flood', { text = ('x'):rep(100000) })" },
        arguments = { "--check", "flood" },
        redirect = "1<> " .. fifo, -- opened for reading as well, by the agent alone
      }
      os.remove(fifo)
      agent:wait_for_log "is ready"
      sleep_at_random(0.3)
    end },
  }

  for number, moment in ipairs(moments) do
    it("ends soon, with exit code 0, " .. moment[1], function()
      local worst_s, rounds = 0, 0
      for _ = number, TERMS, #moments do
        moment[2]()
        local began_s = clock.now_s()
        local outcome = agent:stop()
        local took_s = clock.now_s() - began_s
        worst_s, rounds = math.max(worst_s, took_s), rounds + 1
        assert.equal(0, outcome.code, outcome.err)
        assert.is_nil(outcome.err:find("Sanitizer", 1, true), outcome.err)
        assert.is_true(took_s <= STOP_MAX_S, took_s .. " s")
        agent:remove()
        agent = nil
        if stop_server then
          stop_server()
          stop_server = nil
        end
      end
      print(("# %s: %d times, the slowest in %.2f s"):format(moment[1], rounds, worst_s))
    end)
  end
end)
