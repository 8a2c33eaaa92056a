--- Scripts that are loaded anew all the time, while they run.
---
---   MOONWATCH_RELOADS   how often (100 under the address checker, else 30); tools/soak has 1000
local daemon = require "spec.support.daemon"

local has_checker = require "spec.support.checker"
local RELOADS = tonumber(os.getenv "MOONWATCH_RELOADS") or (has_checker and 100 or 30)
local EDIT_EVERY = 10
local SCRIPTS = 4

--- A checker keeps what was freed for a while, and its own notes of threads and of memory.
local CHECKER_ENV = { ASAN_OPTIONS = "quarantine_size_mb=1", TSAN_OPTIONS = "history_size=0" }
local GROWTH_MAX_KIB = 8192

--- Runs for so long that a reload mostly finds it at work.
local function script_of(version)
  return daemon.check(([[
    local text = {}
    for i = 1, 2000 do text[i %% 50] = tostring(i) end
    context:gauge('version', %d)]]):format(version), 0.02)
end

describe("an agent whose scripts are loaded anew again and again", function()
  local agent

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
  end)

  local function name_of(number)
    return "s" .. number
  end

  local function start()
    local scripts, arguments = {}, {}
    for i = 1, SCRIPTS do
      scripts["checks/" .. name_of(i) .. ".lua"] = script_of(0)
      table.insert(arguments, "--check")
      table.insert(arguments, name_of(i))
    end
    agent = daemon.start { scripts = scripts, arguments = arguments, env = CHECKER_ENV }
  end

  --- How often each script was loaded anew.
  local function reloads()
    local counts = {}
    for name in agent:log():gmatch "(%w+): was loaded anew" do
      counts[name] = (counts[name] or 0) + 1
    end
    return counts
  end

  --- Both ways to order it; another process, with a checker in it, takes a while to begin.
  local function reload_and_wait(count)
    local before = reloads()
    if count % EDIT_EVERY == 0 then
      assert.equal(0, agent:ask("reload").code)
    else
      agent.running:signal "HUP"
    end
    daemon.wait_until("reload " .. count, function()
      local after, all = reloads(), true
      for i = 1, SCRIPTS do
        all = all and (after[name_of(i)] or 0) > (before[name_of(i)] or 0)
      end
      return all
    end)
  end

  local function edit(number, version)
    agent:write("checks/" .. name_of(number) .. ".lua", script_of(version))
  end

  --- Versions of each script, as they were sent, never go back.
  local function check_order()
    local last = {}
    for _, message in ipairs(agent:messages()) do
      assert.is_true(message.body.value >= (last[message.script] or 0), message.script)
      last[message.script] = message.body.value
    end
  end

  it("always runs the last version, and keeps nothing of the others", function()
    start()
    local before_kib, before_descriptors
    for count = 1, RELOADS do
      if count % EDIT_EVERY == 0 then
        edit(count / EDIT_EVERY % SCRIPTS + 1, count)
      end
      reload_and_wait(count)
      if count % EDIT_EVERY == 0 then
        agent:wait_for_gauge(name_of(count / EDIT_EVERY % SCRIPTS + 1), count)
      end
      if count == math.ceil(RELOADS / 4) then
        before_kib, before_descriptors = agent:number_of "RssAnon", agent:descriptors()
      end
    end
    local after_kib = agent:number_of "RssAnon"
    assert.is_true(after_kib - before_kib < GROWTH_MAX_KIB, ("from %d to %d KiB"):format(before_kib, after_kib))
    assert.is_true(agent:descriptors() <= before_descriptors + 2) -- a connection may be open
    check_order()
    print(("# %d reloads: RssAnon from %d to %d KiB, %d descriptors"):format(RELOADS, before_kib, after_kib,
      before_descriptors))
    local outcome = agent:stop()
    assert.equal(0, outcome.code, outcome.err)
    assert.is_nil(outcome.err:find("Sanitizer", 1, true), outcome.err)
  end)
end)
