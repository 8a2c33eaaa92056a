--- Forty scripts that behave beside ten that do not, each in a way of its own; and one that ruins its
--- state over and over.
---
---   MOONWATCH_MISBEHAVE_S   for how long (5); tools/soak has 60
---   MOONWATCH_RUINS         how often the one does it (60); tools/soak has 1000
local clock = require "spec.support.clock"
local daemon = require "spec.support.daemon"
local faulty_server = require "spec.support.faulty_server"
local has_checker = require "spec.support.checker"

local SECONDS = tonumber(os.getenv "MOONWATCH_MISBEHAVE_S") or 5
local RUINS = tonumber(os.getenv "MOONWATCH_RUINS") or 60
local GOOD_COUNT = 40
local GOOD_INTERVAL_S = 0.5
local GROWTH_MAX_KIB = has_checker and 65536 or 16384 -- some of them hold megabytes while they run
local ENV = { ASAN_OPTIONS = "quarantine_size_mb=1" }

local GOOD = daemon.check([[
  n = (n or 0) + 1
  context:gauge('n', n, { ('a text %d'):format(n):upper() })]], GOOD_INTERVAL_S)

--- The text of each, by its name; URL is a server that never answers.
local BAD = {
  loops = daemon.check "while true do pcall(error) end",
  grows = daemon.check "local s = 'x' while true do s = s .. s end",
  fails = daemon.check "error('no ' .. context.now_s)",
  floods = daemon.check "while true do context:gauge('flood', 1) end",
  waits = daemon.check "return require('moonwatch.http').get('URL', { timeout_s = 1 })",
  ruins = [[
    local M = { api = 1, interval_s = 0.05 }
    function M.run()
      pcall(function() getmetatable('').__index = nil end)
      pcall(function() string.format, string.upper = nil, nil end)
      for key in pairs(M) do M[key] = false end
    end
    return M]],
  never_begins = "return { api = 1, interval_s = 0.05, run = print, init = function() error 'not today' end }",
  changes = daemon.check "context:gauge('changes', 0)",
  recurses = daemon.check "local function f(n) return 1 + f(n + 1) end f(1)",
  talks = daemon.check "context:emit('huge', { text = ('x'):rep(3e6) })",
}

local BUDGETS = {
  "budget.cpu_ms=100", "budget.wall_ms=3000", "scripts.grows.budget.memory_bytes=4000000",
  "scripts.floods.budget.messages_count=100", "scripts.talks.budget.messages_bytes=1000000",
}

describe("beside scripts that misbehave", function()
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

  local function start(scripts, settings)
    local options = { scripts = {}, arguments = {}, env = ENV }
    for name, text in pairs(scripts) do
      options.scripts["checks/" .. name .. ".lua"] = text
      table.insert(options.arguments, "--check")
      table.insert(options.arguments, name)
    end
    for _, setting in ipairs(settings) do
      table.insert(options.arguments, "--set")
      table.insert(options.arguments, setting)
    end
    agent = daemon.start(options)
  end

  --- The scripts of the status whose name begins like this.
  local function scripts_like(prefix)
    local found = {}
    for _, script in ipairs(agent:status().scripts) do
      if script.name:find(prefix, 1, true) == 1 then
        table.insert(found, script)
      end
    end
    return found
  end

  local function misbehave_for(seconds)
    local until_s, version = clock.now_s() + seconds, 0
    while clock.now_s() < until_s do
      version = version + 1
      agent:write("checks/changes.lua", daemon.check(("context:gauge('changes', %d)"):format(version)))
      clock.sleep(0.05)
    end
  end

  local function lateness_of(scripts)
    local p50s, p99_ms, max_ms = {}, 0, 0
    for _, script in ipairs(scripts) do
      table.insert(p50s, script.late_p50_ms)
      p99_ms, max_ms = math.max(p99_ms, script.late_p99_ms), math.max(max_ms, script.late_max_ms)
    end
    table.sort(p50s)
    return ("p50 %.1f ms, the worst p99 %.1f ms, max %.1f ms"):format(p50s[math.ceil(#p50s / 2)], p99_ms, max_ms)
  end

  it("all others keep their schedule, and nothing grows", function()
    local scripts = {}
    local url, stop = faulty_server.start "silent"
    stop_server = stop
    for name, text in pairs(BAD) do
      scripts[name] = text:gsub("URL", url)
    end
    for i = 1, GOOD_COUNT do
      scripts["good" .. i] = GOOD
    end
    start(scripts, BUDGETS)
    misbehave_for(SECONDS / 2)
    local before_kib, before_descriptors = agent:number_of "RssAnon", agent:descriptors()
    misbehave_for(SECONDS / 2)

    local good, runs, skips = scripts_like "good", 0, 0
    assert.equal(GOOD_COUNT, #good)
    for _, script in ipairs(good) do
      assert.equal(0, script.failures_total, script.error)
      assert.equal(0, script.over_budget_total)
      assert.is_true(script.runs_total > 1, script.name)
      runs, skips = runs + script.runs_total, skips + script.skips_total
    end
    local after_kib = agent:number_of "RssAnon"
    print(("# %d runs, %d skipped; late: %s; RssAnon from %d to %d KiB"):format(runs, skips, lateness_of(good),
      before_kib, after_kib))
    assert.is_true(after_kib - before_kib < GROWTH_MAX_KIB, ("from %d to %d KiB"):format(before_kib, after_kib))
    assert.is_true(agent:descriptors() <= before_descriptors + 3)
    for name in pairs(BAD) do
      local bad = scripts_like(name)[1]
      assert.is_true(name == "changes" and bad.reloads_total > 0 or (bad.error or "") ~= "" or
        bad.failures_total > 0, name)
    end
    local outcome = agent:stop()
    assert.equal(0, outcome.code, outcome.err)
    assert.is_nil(outcome.err:find("Sanitizer", 1, true), outcome.err)
  end)

  it("what a huge message took is given back", function()
    if has_checker then
      return pending "the checker keeps what was freed for a while"
    end
    start({ talks = daemon.check("context:emit('huge', { text = ('x'):rep(3e7) })", 3600) }, {})
    local before_kib = agent:number_of "RssAnon"
    for count = 1, 3 do
      assert.equal(0, agent:ask("run-now", "talks").code)
      agent:wait_for_status("talks", "done", function(script)
        return script.runs_total >= count and script.state == "waiting"
      end)
    end
    local after_kib = agent:number_of "RssAnon"
    assert.is_true(after_kib - before_kib < 16384, ("from %d to %d KiB"):format(before_kib, after_kib))
  end)

  it("one that ruins its state over and over costs neither memory nor descriptors", function()
    -- Every second run is fine, or it would have to pause; what it needs for that it keeps in its store.
    local ruins = [[
      local store = require 'moonwatch.store'
      local M = { api = 1, interval_s = 0.01 }
      local kept = { ('x'):rep(1e5) }
      local ways = {
        function(context) while true do context:gauge('flood', 1) end end,
        function() local s = 'x' while true do s = s .. s end end,
        function() local t = {} while true do t[#t + 1] = { {}, t } end end,
        function() while true do pcall(error) end end,
      }
      function M.run(context)
        local runs = tonumber(store.get 'runs' or '0') + 1
        assert(store.put('runs', tostring(runs)))
        if runs % 2 == 1 then
          return true
        end
        pcall(function() getmetatable('').__index = nil end)
        M.run, M.interval_s = nil, kept
        _G.held = coroutine.wrap(function() coroutine.yield(kept) end)
        _G.held()
        ways[runs / 2 % #ways + 1](context)
      end
      return M]]
    start({ ruins = ruins }, {
      "scripts.ruins.budget.cpu_ms=20", "scripts.ruins.budget.memory_bytes=2000000",
      "scripts.ruins.budget.messages_count=5",
    })
    local function wait_for_ruins(count)
      agent:wait_for_status("ruins", "ruined " .. count .. " times", function(script)
        return script.over_budget_total >= count
      end)
      return agent:number_of "RssAnon", agent:descriptors()
    end
    local before_kib, before_descriptors = wait_for_ruins(RUINS / 3)
    local after_kib, after_descriptors = wait_for_ruins(RUINS)
    print(("# ruined %d times: RssAnon from %d to %d KiB"):format(RUINS, before_kib, after_kib))
    assert.is_true(after_kib - before_kib < GROWTH_MAX_KIB, ("from %d to %d KiB"):format(before_kib, after_kib))
    assert.is_true(after_descriptors <= before_descriptors + 2)
  end)
end)
