--- What a check keeps outlives the program, however that ends.
local daemon = require "spec.support.daemon"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local HOST = "spec/fixtures/v2/t0"

-- Counts its runs, over restarts; says the number when it is stored.
local COUNTER = [[
local inventory = require "moonwatch.inventory"
local store = require "moonwatch.store"

local M = { api = 1, interval_s = 0.01 }

function M.run(context)
  inventory.generation()
  local count = tonumber((store.get "count")) or 0
  local ok, err = store.put("count", tostring(count + 1))
  if not ok then
    return nil, err
  end
  store.put(("filler/%d"):format(count % 50), ("x"):rep(count % 5000))
  context:emit("count", { count = count + 1 })
  return true
end

return M
]]

describe("moonwatch check --state-dir", function()
  local dir

  before_each(function()
    dir = tmpdir.new { ["counter.lua"] = COUNTER }
  end)

  after_each(function()
    dir:remove()
  end)

  local function call(...)
    return { "check", dir.path .. "/counter.lua", "--format", "json", "--host-root", HOST, ... }
  end

  local function stored()
    local outcome = program.run { "store", "get", "count", "--script", "counter", "--state-dir", dir.path .. "/state" }
    return tonumber(outcome.out), outcome
  end

  local function last_said(out)
    local last = 0
    for count in out:gmatch '"count":(%d+)}\n' do
      last = tonumber(count)
    end
    return last
  end

  it("goes on where it stopped", function()
    local outcome = program.run(call("--count", "3", "--state-dir", dir.path .. "/state"))
    assert.equal(0, outcome.code, outcome.err)
    assert.equal(4, last_said(outcome.out)) -- a silent run comes first
    assert.equal(6, last_said(program.run(call("--count", "1", "--state-dir", dir.path .. "/state")).out))
    assert.equal(6, (stored()))
  end)

  it("keeps nothing without one, and says what to do", function()
    local outcome = program.run(call())
    assert.equal(1, outcome.code)
    assert.matches("no state directory: give --state-dir", outcome.err, 1, true)
  end)

  it("loses nothing that was stored when it is killed", function()
    for _ = 1, 3 do
      local running = program.start(call("--count", "1000000", "--state-dir", dir.path .. "/state"))
      running:wait_for "took a first reading"
      local before = stored()
      for _ = 1, 3000 do
        if stored() >= before + 5 then
          break
        end
      end
      running:signal "KILL"
      local said = last_said(running:finish().out)
      local count, outcome = stored()
      assert.equal(0, outcome.code, outcome.err)
      assert.is_true(count >= said and count >= before + 5)
      local check = program.run { "store", "check", "--state-dir", dir.path .. "/state" }
      assert.equal(0, check.code, check.err)
    end
  end)

  it("can be looked at while it runs, and changed by nobody else", function()
    local running = program.start(call("--count", "1000000", "--state-dir", dir.path .. "/state"))
    running:wait_for "took a first reading"
    assert.is_true(stored() >= 1)
    local put = program.run { "store", "put", "k", "v", "--script", "counter", "--state-dir", dir.path .. "/state" }
    assert.equal(1, put.code)
    assert.matches(("process %s writes the store in "):format(running.pid), put.err, 1, true)
    running:signal "INT"
    assert.equal(0, running:finish().code)
    local after = program.run { "store", "put", "k", "v", "--script", "counter", "--state-dir", dir.path .. "/state" }
    assert.equal(0, after.code, after.err)
  end)

  it("begins with an empty store when the file is damaged, and keeps the file", function()
    dir:write { ["state/store/data.mdb"] = ("no store"):rep(2000) }
    os.execute(("chmod 600 %s/state/store/data.mdb"):format(dir.path))
    local outcome = program.run(call("--state-dir", dir.path .. "/state"))
    assert.equal(0, outcome.code, outcome.err)
    assert.matches("it was renamed to data.mdb.damaged, and scripts begin with an empty store", outcome.err, 1, true)
    assert.equal(2, (stored()))
  end)
end)

describe("moonwatch run", function()
  it("keeps what its scripts store, in its state_dir, also when it is killed", function()
    local agent = daemon.start { scripts = { ["checks/counter.lua"] = COUNTER }, arguments = { "--check", "counter" } }
    local state_dir = agent.dir.path
    finally(function() agent:remove() end)
    local function stored()
      local outcome = program.run { "store", "get", "count", "--script", "counter", "--state-dir", state_dir }
      return tonumber(outcome.out) or 0
    end

    daemon.wait_until("counts that are stored", function() return stored() >= 3 end)
    agent:stop "KILL"

    local count = stored()
    assert.is_true(count >= 3)
    local check = program.run { "store", "check", "--state-dir", state_dir }
    assert.equal(0, check.code, check.err)
    local again = program.run { "check", state_dir .. "/scripts/checks/counter.lua", "--format", "json",
      "--host-root", HOST, "--state-dir", state_dir }
    assert.equal(('{"count":%d}\n'):format(count + 2), again.out) -- a silent run comes first
  end)
end)
