--- Where containers come from: the source that ships, and those of the operator.
local cjson = require "cjson"

local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local ROOT = "spec/fixtures/hybrid" -- six containers

-- A check that emits the ids that it is given.
local IDS = [[
local inventory = require "moonwatch.inventory"
local M = { api = 1 }
function M.run(context)
  local ids = {}
  for i, container in ipairs(inventory.containers()) do
    ids[i] = container.id
  end
  context:emit("ids", ids)
end
return M]]

-- Another container in each run.
local ONE = [[
local M, runs = { api = 1 }, 0
function M.list()
  runs = runs + 1
  return { { id = "my-own-" .. runs, runtime = "mine", state = "running" } }
end
return M]]

-- It works once.
local BREAKS = [[
local M, runs = { api = 1 }, 0
function M.list()
  runs = runs + 1
  if runs > 1 then return nil, "the runtime does not answer" end
  return { { id = "kept" } }
end
return M]]

describe("the sources of a command", function()
  local dir

  before_each(function()
    dir = tmpdir.new { ["ids.lua"] = IDS, ["one.lua"] = ONE, ["breaks.lua"] = BREAKS }
  end)

  after_each(function()
    dir:remove()
  end)

  local function check(...)
    return program.run {
      "check", dir.path .. "/ids.lua", "--host-root", ROOT, "--interval", "0.01", "--format", "json", ...,
    }
  end

  it("are the cgroups of the host unless others are named", function()
    local outcome = check()
    assert.equal(0, outcome.code)
    assert.equal(6, #cjson.decode(outcome.out))
  end)

  it("are those that are named, and no others", function()
    local outcome = check("--source", dir.path .. "/one.lua")
    assert.equal(0, outcome.code, outcome.err)
    assert.same({ "my-own-2" }, cjson.decode(outcome.out))
  end)

  it("give one list together", function()
    local outcome = check("--source", "cgroup", "--source", dir.path .. "/one.lua")
    assert.equal(0, outcome.code, outcome.err)
    assert.equal(7, #cjson.decode(outcome.out))
  end)

  it("keep the last list of one that fails, run the others, and say so", function()
    local outcome = check("--source", dir.path .. "/breaks.lua", "--source", dir.path .. "/one.lua")
    assert.equal(1, outcome.code)
    assert.same({ "kept", "my-own-2" }, cjson.decode(outcome.out))
    assert.matches("moonwatch: [^\n]*breaks[^\n]*the runtime does not answer\n", outcome.err)
  end)

  it("give what they have when one fails from the beginning", function()
    dir:write { ["never.lua"] = 'return { api = 1, list = function() return nil, "no answer yet" end }' }
    local outcome = check("--source", dir.path .. "/never.lua", "--source", dir.path .. "/one.lua")
    assert.equal(1, outcome.code)
    assert.same({ "my-own-2" }, cjson.decode(outcome.out))
    assert.matches("never[^\n]*no answer yet\n", outcome.err)
  end)

  for _, case in ipairs {
    { "is not there", 2, { "zzz" }, 'there is no source "zzz"; there are: cgroup' },
    { "is misspelt", 2, { "cgruop" }, 'did you mean "cgroup"?' },
    { "is a path to nothing", 2, { "./none.lua" }, "./none.lua: No such file or directory" },
  } do
    local what, code, names, message = unpack(case)
    it("are refused when one " .. what, function()
      local outcome = check("--source", names[1])
      assert.equal(code, outcome.code)
      assert.equal("", outcome.out)
      assert.is_truthy(outcome.err:find(message, 1, true), outcome.err)
    end)
  end

  it("are refused when there are too many", function()
    local words = {}
    for _ = 1, 17 do
      table.insert(words, "--source")
      table.insert(words, "cgroup")
    end
    local outcome = check(unpack(words))
    assert.equal(2, outcome.code)
    assert.matches("%-%-source is given more than 16 times", outcome.err)
  end)
end)
