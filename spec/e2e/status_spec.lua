--- How a running agent says that it is: what is wrong first, what scripts use, which figures there are.
local cjson = require "cjson"

local daemon = require "spec.support.daemon"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local FINE = daemon.check "context:gauge('n', 1)"

describe("moonwatch status", function()
  local agent, host

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
    if host then
      host:remove()
      host = nil
    end
  end)

  local function start(scripts, ...)
    agent = daemon.start { scripts = scripts, arguments = { ... } }
  end

  local function wait_for_table(what, pattern, ...)
    local options, outcome = { ... }, nil
    daemon.wait_until(what, function()
      outcome = agent:ask("status", unpack(options))
      return outcome.out:find(pattern)
    end)
    return outcome
  end

  it("ends with 0 while all is well, and says so", function()
    start({ ["checks/n.lua"] = FINE }, "--check", "n")
    agent:wait_for_gauge("n", 1)
    for _, format in ipairs { "table", "json" } do
      assert.equal(0, agent:ask("status", "--format", format).code)
    end
    assert.matches("^All is well.\n\nSCRIPT", agent:ask("status").out)
  end)

  it("ends with 1 while something is wrong, and begins with what", function()
    start({ ["checks/bad.lua"] = daemon.check "error 'boom'" }, "--check", "bad")
    local outcome = wait_for_table("its error", "^1 problem:\n  bad failed at its last run, [^\n]*bad.lua:3: boom\n")
    assert.equal(1, outcome.code)
    assert.equal(1, agent:ask("status", "--format", "json").code)
    assert.matches("\nbad +check +%l+ +0.05 s ", outcome.out)
    assert.matches("\ncgroup +6 +0 +[%d.]+ s ago  no\n", outcome.out)
  end)

  it("ends with 2 where no agent tells", function()
    local outcome = program.run { "status", "--socket", "/nonexistent/control.sock" }
    assert.equal(2, outcome.code)
    assert.matches("no agent listens at /nonexistent/control.sock", outcome.err)
  end)

  it("names scripts that cannot be loaded, and those of which an old one goes on", function()
    start({ ["checks/n.lua"] = FINE, ["checks/wrong.lua"] = "return {" }, "--check", "n", "--check", "wrong")
    agent:write("checks/n.lua", "return {")
    local outcome = wait_for_table("both", "^2 problems:\n")
    assert.matches("\n  n has changed and does not load, so the old one goes on: [^\n]*unexpected symbol", outcome.out)
    assert.matches("\n  wrong cannot be loaded: [^\n]*wrong.lua:1: unexpected symbol", outcome.out)
  end)

  it("tells how long a script pauses that was over its budget, and why", function()
    start({ ["checks/greedy.lua"] = daemon.check "for i = 1, 100 do context:gauge('n', i) end" }, "--check", "greedy",
      "--set", "scripts.greedy.budget.messages_count=10")
    local script = agent:wait_for_status("greedy", "held", function(script)
      return script.state == "held"
    end)
    assert.equal("it was over its budget again and again", script.pause_reason)
    assert.is_true(script.pause_ends_in_s > 0 and script.pause_ends_in_s <= 10)
    assert.equal(3, script.over_budget_in_a_row)
    assert.matches("greedy pauses for %d+ s more, over its budget 3 times in a row: [^\n]*budget of 10 messages",
      agent:ask("status").out)
  end)

  it("takes for no problem what somebody wanted", function()
    start({ ["checks/n.lua"] = FINE }, "--check", "n")
    agent:ask("pause", "n")
    local outcome = wait_for_table("the pause", "Good to know:\n  n is paused: moonwatch resume n lets it go on\n")
    assert.equal(0, outcome.code)
  end)

  it("tells what runs use, of what they may", function()
    start({
      ["checks/n.lua"] = daemon.check [[
        n = (n or 0) + 1
        for i = 1, n == 1 and 5 or 2 do context:gauge("n", i) end
        if n == 2 then kept = nil elseif n == 1 then kept = ("x"):rep(300000) end
        for _ = 1, 3 do require("moonwatch.http").get("http://127.0.0.1:1/") end
      ]],
    }, "--check", "n")
    local script = agent:wait_for_status("n", "run twice", function(script)
      return script.runs_total >= 2
    end)
    assert.same({ 2, 5, 10000 },
      { script.usage_last.messages_count, script.usage_most.messages_count, script.budget.messages_count })
    assert.is_true(script.usage_last.messages_bytes > 20
      and script.usage_most.messages_bytes > script.usage_last.messages_bytes)
    assert.same({ 3, 3, 100 }, { script.usage_last.http_requests_count, script.usage_most.http_requests_count,
      script.budget.http_requests_count })
    assert.is_true(script.usage_most.memory_bytes > 300000)
    assert.matches("\nn +[%d.]+ / [%d.]+ of 1000 ms +[%d.]+K of 64M +2 / 5 of 10000 +[%d.]+ / [%d.]+ of 64M "
      .. "+3 / 3 of 100\n", agent:ask("status").out)
  end)

  it("keeps the last error and where it was raised, when runs are fine again", function()
    start({
      ["checks/n.lua"] = daemon.check
        "n = (n or 0) + 1 local function deep() error 'once' end if n == 1 then deep() end",
    }, "--check", "n")
    local script = agent:wait_for_status("n", "fine again", function(script)
      return script.runs_total >= 2 and not script.error
    end)
    assert.matches("n.lua:3: once$", script.last_error)
    assert.matches("^stack traceback:.*in function 'deep'", script.last_traceback)
    assert.is_true(math.abs(script.last_error_at_s - os.time()) < 60)
    assert.matches("The last error of n, [%d.]+ %l+ ago:\n  check n: [^\n]*once\n  stack traceback:",
      agent:ask("status", "--all").out)
  end)

  it("counts in how many containers a figure is there, is not, or cannot be read", function()
    host = tmpdir.new()
    assert.equal(0, program.shell(("cp -r %s/. %s"):format(daemon.HOST, host.path)).code)
    local found = program.shell(("find %s -path '*/unified/docker/*/memory.current' | head -n 1"):format(host.path))
    local file = assert(found.out:match "%S+")
    assert(os.remove(file))
    assert.equal(0, program.shell(("mkdir %s"):format(file)).code)
    start({ ["checks/n.lua"] = FINE }, "--check", "container_rt", "--host-root", host.path,
      "--set", "scripts.container_rt.interval_s=0.1")
    local figure
    daemon.wait_until("the figure that cannot be read", function()
      for _, one in ipairs(agent:status().figures) do
        figure = one.name == "memory_usage_bytes" and one or figure
      end
      return figure and figure.failed > 0
    end)
    assert.equal(1, figure.failed)
    assert.equal(6, figure.present + figure.absent + figure.failed)
    assert.matches("memory_usage_bytes +" .. figure.present .. " +" .. figure.absent .. " +1\n",
      agent:ask("status", "--all").out)
    assert.matches("figures could not be read in some containers %(moonwatch doctor tells why%): ",
      agent:ask("status").out)
  end)

  it("tells what the agent itself costs", function()
    start({ ["checks/n.lua"] = FINE }, "--check", "container_rt", "--set", "scripts.container_rt.interval_s=0.1")
    local process
    daemon.wait_until("files that are kept", function()
      process = agent:status().process
      return process.kept_files > 0
    end)
    assert.is_true(process.rss_bytes > process.rss_anon_bytes)
    assert.is_true(process.kept_files <= process.descriptors and process.kept_files <= process.kept_files_max)
    assert.equal(process.kept_files * 4710, process.kept_files_bytes)
    assert.matches("\nmemory +[%d.]+ %a+ of its own, [%d.]+ MiB resident, ", agent:ask("status").out)
  end)

  it("prints lines that people can read at once", function()
    start({ ["checks/n.lua"] = FINE }, "--check", "n", "--check", "container_rt")
    agent:wait_for_gauge("n", 1)
    for line in agent:ask("status").out:gmatch "[^\n]+" do
      assert.is_true(#line <= 110, line)
    end
  end)

  it("has sorted keys", function()
    start({ ["checks/n.lua"] = FINE }, "--check", "n")
    local text = agent:ask("status", "--format", "json").out
    local last = ""
    for name in ("figures healthy notes problems process queue readings ready scripts sinks"):gmatch "%a+" do
      assert.is_true(name > last)
      assert.is_not_nil(cjson.decode(text)[name], name)
      last = name
    end
  end)
end)
