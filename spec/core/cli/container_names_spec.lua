--- What a source of the operator's knows, names and images, in all commands that look at containers.
local cjson = require "cjson"

local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local V2 = "spec/fixtures/v2/t0"
local BURNER = "d548c5b83fa61d8e3bd86ad42a7ffea9b7c86e3f9d8095c1577d3e1270bb9420"

local NAMES = ([[
local M = { api = 1 }
function M.list()
  return {
    { id = %q, name = "burner", image = "reg/load/burner:2", runtime = "docker", state = "running" },
    { id = "feed0000", name = "pause-web", image = "reg/pause-like:1", state = "running" },
  }
end
return M]]):format(BURNER)

describe("with a source that knows names,", function()
  local dir

  setup(function()
    dir = tmpdir.new { ["names.lua"] = NAMES }
  end)

  teardown(function()
    dir:remove()
  end)

  local function run(...)
    return program.run { ... }
  end

  it("moonwatch inventory shows them", function()
    local outcome = run("inventory", "--host-root", V2, "--source", dir.path .. "/names.lua")
    assert.equal(0, outcome.code, outcome.err)
    assert.matches("\nd548c5b83fa6 [^\n]* burner +reg/load/burner:2", outcome.out)
  end)

  it("moonwatch stats finds a container by its name", function()
    local outcome = run("stats", "burner", "--host-root", V2, "--interval", "0.01", "--format", "json",
      "--source", "cgroup", "--source", dir.path .. "/names.lua")
    assert.equal(0, outcome.code, outcome.err)
    assert.equal(BURNER, cjson.decode(outcome.out).id)
  end)

  it("moonwatch filter explain decides by them", function()
    local outcome = run("filter", "explain", "--host-root", V2, "--source", dir.path .. "/names.lua",
      "--set", "container_exclude=name:^pause-")
    assert.equal(0, outcome.code, outcome.err)
    assert.matches("\nd548c5b83fa6 +burner +reg/load/burner:2 +kept ", outcome.out)
    assert.matches("\nfeed0000 +pause%-web [^\n]* left out +name:^pause%- ", outcome.out)
  end)

  it("moonwatch filter explain has an object a line for those that are asked about", function()
    local outcome = run("filter", "explain", "feed", "--host-root", V2, "--source", dir.path .. "/names.lua",
      "--format", "json")
    local decision = cjson.decode(outcome.out)
    assert.equal("feed0000", decision.id)
    assert.equal("reg/pause-like:1", decision.image)
  end)
end)
