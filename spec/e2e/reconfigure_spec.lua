--- A configuration that changes while the agent works by it. What is to come is waited for, however
--- long it takes.
local cjson = require "cjson"

local daemon = require "spec.support.daemon"
local program = require "spec.support.program"

--- A check that says its option x, and how often it has run since it was loaded.
local function check(name)
  return ([[
    local M = { api = 1, interval_s = 0.05, options = { x = { type = "integer", default = 1 } } }
    local n = 0
    function M.run(context)
      n = n + 1
      context:gauge("%s", context.options.x)
    end
    return M]]):format(name)
end

describe("the configuration of a running agent", function()
  local agent

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
  end)

  local function start(config, more)
    local options = {
      scripts = { ["checks/a.lua"] = check "a", ["checks/b.lua"] = check "b" },
      files = { ["etc/moonwatch.lua"] = config },
      arguments = { "--config", "DIR/etc/moonwatch.lua" },
    }
    for name, text in pairs(more or {}) do
      options.files[name] = text
    end
    agent = daemon.start(options)
  end

  local function configuration()
    return agent:status().configuration
  end

  local function wait_for_error(pattern)
    return daemon.wait_until("a mistake like " .. pattern, function()
      local text = configuration().error
      return text and text:find(pattern) and text
    end)
  end

  it("is applied by difference when a file of it is replaced", function()
    start "return { checks = { 'a', 'b' } }"
    agent:wait_for_gauge("b", 1)
    agent:write_file("etc/conf.d/a.lua", "return { options = { x = 5 }, interval_s = 0.1 }")
    agent:wait_for_gauge("a", 5)
    local status, a = agent:status "a"
    local _, b = agent:status "b"
    assert.equal(0.1, a.interval_s)
    assert.equal(0.05, b.interval_s)
    assert.equal(1, status.configuration.reloads_total)
    assert.is_true(math.abs(status.configuration.loaded_at_s - os.time()) < 60)
    assert.is_nil(status.configuration.error)
    assert.matches("a: is configured otherwise", agent:log(), 1, true)
    assert.is_nil(agent:log():find("b: is configured otherwise", 1, true))
  end)

  it("starts scripts that it names from now on, and ends those that it does not", function()
    start "return { checks = { 'a' } }"
    agent:wait_for_gauge("a", 1)
    agent:write_file("etc/moonwatch.lua", "return { checks = { 'b' } }")
    agent:wait_for_gauge("b", 1)
    daemon.wait_until("a to be gone", function()
      local _, a = agent:status "a"
      return not a
    end)
    local outcome = agent:ask("pause", "a")
    assert.equal(1, outcome.code)
    assert.matches("no script \"a\" runs", outcome.err, 1, true)
  end)

  it("is asked about a broken configuration without being told where it listens", function()
    start "return { checks = { 'a' } }"
    agent:wait_for_gauge("a", 1)
    local config = agent.dir.path .. "/etc/moonwatch.lua"
    agent:write_file("etc/moonwatch.lua", ("return { socket = '%s/control.sock', log = { levle = 'debug' } }"):format(
      agent.dir.path))
    wait_for_error "log.levle"
    local outcome = program.run { "status", "--config", config }
    assert.equal(1, outcome.code, outcome.err)
    assert.matches("the configuration has a mistake, the old one goes on: [^\n]*log.levle", outcome.out)
    outcome = program.run { "reload", "--config", config }
    assert.equal(1, outcome.code)
    assert.matches("the old one goes on", outcome.err, 1, true)
  end)

  it("goes on as a whole while there is a mistake in the new one, which is told everywhere", function()
    start "return { checks = { 'a' } }"
    agent:write_file("etc/conf.d/b.lua", "return {\n  options = { y = 5 } }")
    agent:write_file("etc/moonwatch.lua", "return {\n  checks = { 'a', 'b' },\n  log = { levle = 'debug' } }")
    wait_for_error "moonwatch.lua:3: log.levle: there is no such key; did you mean log.level%?"
    wait_for_error "conf.d/b.lua:2: scripts.b.options.y: "
    agent:wait_for_log "error configuration: [^\n]*moonwatch.lua:3: log.levle"
    assert.matches("the configuration has a mistake, the old one goes on: [^\n]*log.levle", agent:ask("status").out)
    local outcome = agent:ask "reload"
    assert.equal(1, outcome.code)
    assert.matches("the configuration has 2 mistakes: the old one goes on\n", outcome.err, 1, true)
    assert.matches("moonwatch.lua:3: log.levle: there is no such key", outcome.err, 1, true)
    assert.matches("conf.d/b.lua:2: scripts.b.options.y: ", outcome.err, 1, true)
    local _, b = agent:status "b"
    assert.is_nil(b)

    agent:write_file("etc/conf.d/b.lua", "return { options = { x = 9 } }")
    agent:write_file("etc/moonwatch.lua", "return { checks = { 'a', 'b' } }")
    agent:wait_for_gauge("b", 9)
    assert.is_nil(configuration().error)
    outcome = agent:ask "reload"
    assert.equal(0, outcome.code)
    assert.equal("", outcome.err)
  end)

  it("is read when a link on the way to it is switched, as Kubernetes does", function()
    start("return {}", {
      ["etc/..1/moonwatch.lua"] = "return { checks = { 'a' } }",
      ["etc/..2/moonwatch.lua"] = "return { checks = { 'b' } }",
    })
    assert(program.shell(([[cd %s/etc && ln -s ..1 ..data && ln -s ..data/moonwatch.lua new && mv new moonwatch.lua]])
      :format(agent.dir.path)))
    agent:wait_for_gauge("a", 1)
    assert(program.shell(([[cd %s/etc && ln -s ..2 ..data_tmp && mv -T ..data_tmp ..data]]):format(agent.dir.path)))
    agent:wait_for_gauge("b", 1)
  end)

  it("is read again at HUP, with the environment and the flags of the start", function()
    agent = daemon.start {
      scripts = { ["checks/a.lua"] = check "a" },
      files = { ["etc/moonwatch.lua"] = "return { checks = { 'a' } }" },
      arguments = { "--config", "DIR/etc/moonwatch.lua", "--set", "scripts.a.interval_s=0.07" },
      env = { MOONWATCH_SCRIPTS_A_OPTIONS_X = "6" },
    }
    agent:wait_for_gauge("a", 6)
    agent.running:signal "HUP"
    daemon.wait_until("a reload", function()
      return configuration().reloads_total == 1
    end)
    local _, a = agent:status "a"
    assert.equal(0.07, a.interval_s)
    agent:wait_for_message("another one", function(message)
      return message.body.value == 6
    end, #agent:messages())
  end)

  it("keeps nobody waiting while a script that it names takes its time", function()
    start("return { checks = { 'a' } }", {
      ["scripts/checks/endless.lua"] = "while true do end",
    })
    agent:write_file("etc/moonwatch.lua", "return { checks = { 'a', 'endless' } }")
    local outcome = agent:ask "reload" -- while it is being read, or before
    assert.equal(1, outcome.code)
    assert.matches("endless.lua:1: limit of 2000 ms of CPU time reached", outcome.err, 1, true)
    agent:write_file("scripts/checks/endless.lua", "while true do end -- still")
    outcome = agent:stop()
    assert.equal(0, outcome.code)
    assert.is_nil(outcome.err:find("does not end", 1, true))
  end)

  it("is read a few times only for a hundred signals", function()
    start "return { checks = { 'a' } }"
    local began = os.time()
    program.shell(("for i in $(seq 100); do kill -HUP %s; sleep 0.005; done"):format(agent.running.pid))
    agent:write_file("etc/conf.d/a.lua", "return { options = { x = 3 } }")
    agent.running:signal "HUP"
    agent:wait_for_gauge("a", 3)
    local took_s = os.time() - began
    assert.is_true(configuration().reloads_total <= 2 * (took_s + 1) + 3)
  end)

  it("tells which keys wait for a restart", function()
    start "return { checks = { 'a' } }"
    agent:write_file("etc/moonwatch.lua", "return { checks = { 'a' }, queue = { on_disk = false }, parallel_runs = 1 }")
    agent:wait_for_log "warn +configuration: these keys change when the agent is started again: queue.on_disk\n"
    assert.equal("queue.on_disk", configuration().needs_restart)
    local note = "the configuration has changed in what needs a restart: queue.on_disk\n"
    assert.matches(note, agent:ask("status").out, 1, true)
  end)

  it("sets level and format of the log at once", function()
    start "return { checks = { 'a' } }"
    agent:write_file("etc/moonwatch.lua", "return { checks = { 'a' }, log = { format = 'json' } }")
    local line = agent:wait_for_log "\n({[^\n]*was read anew[^\n]*})\n"
    assert.equal("configuration", cjson.decode(line).component)
  end)

  it("lets a script keep what it saves over a change of its options", function()
    start("return { checks = { 'total' } }", {
      ["scripts/checks/total.lua"] = [[
        local M = { api = 1, interval_s = 0.05, options = { x = { type = "integer", default = 1 } } }
        local total = 0
        function M.save() return total end
        function M.restore(kept) total = kept end
        function M.run(context)
          total = total + 1
          context:gauge("total", total)
          context:gauge("x", context.options.x)
        end
        return M]],
    })
    agent:wait_for_gauge("total", 3)
    agent:write_file("etc/conf.d/total.lua", "return { options = { x = 1000000 } }")
    agent:wait_for_gauge("total", 1000000)
    local last = 0
    for _, message in ipairs(agent:messages()) do
      if message.body.metric == "total" then
        assert.equal(last + 1, message.body.value)
        last = message.body.value
      end
    end
  end)

  it("lets a run that is going on come to its end", function()
    start("return { checks = { 'a', 'slow' } }", {
      ["scripts/checks/slow.lua"] = [[
        local M = { api = 1, interval_s = 0.05 }
        function M.run(context)
          context:gauge("begins", 1)
          local t = os.clock()
          while os.clock() - t < 0.3 do end
          context:gauge("ends", 1)
        end
        return M]],
    })
    agent:wait_for_gauge("slow", 1)
    agent:write_file("etc/moonwatch.lua", "return { checks = { 'a' } }")
    agent:wait_for_log "slow: ends, as the configuration says"
    agent:write_file("etc/moonwatch.lua", "return { checks = { 'a', 'slow' } }")
    agent:wait_for_log "slow: begins, as the configuration says"
    local open = 0
    for _, message in ipairs(agent:messages()) do
      if message.script == "slow" then
        open = open + (message.body.metric == "begins" and 1 or -1)
        assert.is_true(open == 0 or open == 1)
      end
    end
  end)

  it("may name no sink, and says so", function()
    start "return { checks = { 'a' }, sinks = {} }"
    assert.matches("warning: sinks: names none, so no message is delivered", agent:log(), 1, true)
    daemon.wait_until("a run", function()
      local status, a = agent:status "a"
      assert.same({}, status.sinks)
      return a.runs_total > 0
    end)
    assert.same({}, agent:messages())
    agent:write_file("etc/moonwatch.lua", "return { checks = { 'a' } }")
    agent:wait_for_gauge("a", 1)
  end)
end)
