--- moonwatch check as the trial of a script: with what is configured for it, and nothing is sent.
local cjson = require "cjson"
local lfs = require "lfs"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local HOST = "spec/fixtures/hybrid"

local CHECK = [[
local M = { api = 1, options = { word = { type = "string", default = "none", doc = "to be said" } } }
function M.run(context)
  context:emit("word", { word = context.options.word, who = %q })
  context:emit("second", {})
  return true
end
return M
]]

describe("A check that is tried", function()
  local dir

  before_each(function()
    dir = tmpdir.new {
      ["scripts/checks/say.lua"] = CHECK:format "in place",
      ["copies/say.lua"] = CHECK:format "a copy",
      ["conf.d/say.lua"] = 'return { interval_s = 0.02, options = { word = "configured" } }',
    }
    dir:write { ["moonwatch.lua"] = ('return { host_root = "%s/%s", checks = {}, sinks = { "file" } }'):format(
      lfs.currentdir(), HOST) }
    dir:write { ["conf.d/file.lua"] = ('return { options = { path = "%s/sent" } }'):format(dir.path) }
  end)

  after_each(function()
    dir:remove()
  end)

  local function try(name, ...)
    return program.run {
      "check", name, "--config", dir.path .. "/moonwatch.lua", "--format", "json", ...,
    }
  end

  local function said(outcome)
    return cjson.decode(files.lines(outcome.out)[1])
  end

  it("has the options and the interval that are configured, and sends nothing", function()
    local outcome = try "say"
    assert.equal(0, outcome.code, outcome.err)
    assert.same({ word = "configured", who = "in place" }, said(outcome))
    assert.matches("rates follow in 0.02 s", outcome.err)
    assert.is_nil(lfs.attributes(dir.path .. "/sent", "mode"))
  end)

  it("may be an edited copy, which has what the one in place has", function()
    assert.same({ word = "configured", who = "a copy" }, said(try(dir.path .. "/copies/say.lua")))
  end)

  it("has an option of the command line instead", function()
    assert.same({ word = "given", who = "in place" }, said(try("say", "--set", "word=given")))
  end)

  it("is held against its budget, as by the agent", function()
    for key, case in pairs {
      messages_count = { 1, "the run is over its budget of 1 messages %(scripts.say.budget.messages_count%)" },
      messages_bytes = { 20, "over its budget of 20 bytes of messages %(scripts.say.budget.messages_bytes%)" },
    } do
      dir:write { ["conf.d/say.lua"] = ("return { budget = { %s = %d } }"):format(key, case[1]) }
      local outcome = try("say", "--interval", "0.01")
      assert.equal(1, outcome.code)
      assert.matches(case[2], outcome.err)
    end
    dir:write {
      ["conf.d/say.lua"] = "return { budget = { cpu_ms = 20 } }",
      ["scripts/checks/say.lua"] = "return { api = 1, run = function() while true do end end }",
    }
    assert.matches("over its budget of 20 ms of CPU time %(scripts.say.budget.cpu_ms%)", try("say").err)
  end)

  it("is tried also when it is not to run", function()
    dir:write { ["conf.d/say.lua"] = 'return { enabled = false, interval_s = 0.02, options = { word = "off" } }' }
    assert.equal("off", said(try "say").word)
  end)

  it("looks at the host and asks the sources that are configured, with their options", function()
    dir:write {
      ["scripts/sources/mine.lua"] = [[
        local M = { api = 1, options = { id = { type = "string", default = "none", doc = "of a container" } } }
        local id
        function M.init(options) id = options.id return true end
        function M.list() return { { id = id, state = "running" } } end
        return M
      ]],
      ["scripts/checks/list.lua"] = [[
        local M = { api = 1, interval_s = 0.02 }
        function M.run(context)
          for _, container in ipairs((require "moonwatch.inventory".containers())) do
            context:emit("id", { id = container.id })
          end
          return true
        end
        return M
      ]],
      ["conf.d/mine.lua"] = 'return { options = { id = "configured" } }',
      ["moonwatch.lua"] = ('return { host_root = "%s/%s", sources = { "mine" } }'):format(lfs.currentdir(), HOST),
    }
    assert.equal("configured", said(try "list").id)
    local outcome = try("list", "--source", "cgroup")
    assert.equal(6, #files.lines(outcome.out), outcome.err)
  end)

  it("is not begun with a configuration that is wrong", function()
    dir:write { ["moonwatch.lua"] = "return { hots_root = '/' }" }
    local outcome = try "say"
    assert.equal(2, outcome.code)
    assert.matches("moonwatch.lua:1: hots_root: there is no such key; did you mean host_root?", outcome.err, 1, true)
  end)
end)
