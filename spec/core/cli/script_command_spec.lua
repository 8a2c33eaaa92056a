--- Commands that are scripts: what they emit is what the program prints, and how it ends.
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local HEAD = [[
local M = { api = 1, options = {
  format = { type = "string", default = "" }, columns = { type = "integer", default = 0 },
  id = { type = "string", default = "" },
} }
]]

local SOURCE = [[return { api = 1, list = function() return {} end }]]

describe("a command that is a script", function()
  local dir

  before_each(function()
    dir = tmpdir.new { ["sources/cgroup.lua"] = SOURCE }
  end)

  after_each(function()
    dir:remove()
  end)

  --- Run "moonwatch stats x", which runs its script twice, with this body of run(context).
  local function run(body, words)
    dir:write { ["commands/stats.lua"] = HEAD .. "function M.run(context) " .. body .. " end return M" }
    local call = { "stats", "x", "--interval", "0.01", env = { MOONWATCH_SCRIPTS = dir.path, COLUMNS = "99" } }
    for _, word in ipairs(words or {}) do
      table.insert(call, word)
    end
    return program.run(call)
  end

  it("prints lines, notices and objects where they belong", function()
    local outcome = run [[
      context:emit("lines", { "one", "", "two" })
      context:emit("notices", { "look out" })
      context:emit("json", { b = 1, a = 2 })
      context:emit("exit", { code = 0 })]]
    assert.equal(0, outcome.code)
    assert.equal('one\n\ntwo\n{"a":2,"b":1}\n', outcome.out)
    assert.equal("moonwatch: look out\n", outcome.err)
  end)

  it("prints nothing that would steer the terminal", function()
    local outcome = run [[
      context:emit("lines", { "a\27[2Jb" })
      context:emit("notices", { "c\27[2Jd" })
      context:emit("exit", { code = 0 })]]
    assert.equal("a?[2Jb\n", outcome.out)
    assert.equal("moonwatch: c?[2Jd\n", outcome.err)
  end)

  it("runs as often as it needs to, until it says how it ends", function()
    assert.equal("x\nx\n", run([[ context:emit("lines", { "x" }) return true ]]).out)
    local outcome = run [[ context:emit("lines", { "x" }) context:emit("exit", { code = 3 }) ]]
    assert.equal("x\n", outcome.out)
    assert.equal(3, outcome.code)
  end)

  for code, expected in pairs { [0] = 0, [1] = 1, [2] = 2, [3] = 3, [4] = 1, [-1] = 1 } do
    it(("ends with %d when told %d"):format(expected, code), function()
      assert.equal(expected, run(([[ context:emit("exit", { code = %d }) ]]):format(code)).code)
    end)
  end

  it("is told the format, the width of the terminal and its argument", function()
    local body = [[
      context:emit("lines", { context.options.format, tostring(context.options.columns), context.options.id })
      context:emit("exit", { code = 0 })]]
    assert.equal("table\n99\nx\n", run(body).out)
    assert.equal("json\n99\nx\n", run(body, { "--format", "json" }).out)
  end)

  it("fails with what the script raises, by name and line", function()
    local outcome = run [[ error "no luck" ]]
    assert.equal(1, outcome.code)
    assert.matches("moonwatch: command stats: [^\n]*commands/stats.lua:%d+: no luck", outcome.err)
  end)

  it("fails when nobody takes its output", function()
    dir:write { ["commands/stats.lua"] = HEAD .. 'function M.run(c) c:emit("lines", { "x" }) end return M' }
    local outcome = program.run {
      "stats", "x", "--interval", "0.01", env = { MOONWATCH_SCRIPTS = dir.path }, redirect = "> /dev/full",
    }
    assert.equal(1, outcome.code)
  end)

  it("says so when a source fails, and goes on", function()
    dir:write { ["bad.lua"] = 'return { api = 1, list = function() return nil, "no answer" end }' }
    local outcome = run([[ context:emit("lines", { "x" }) context:emit("exit", { code = 0 }) ]],
      { "--source", dir.path .. "/bad.lua" })
    assert.equal(1, outcome.code)
    assert.equal("x\n", outcome.out)
    assert.matches("bad[^\n]*no answer\n", outcome.err)
  end)

  it("does not take it for nothing to do that a source failed", function()
    dir:write { ["bad.lua"] = 'return { api = 1, list = function() return nil, "no answer" end }' }
    local outcome = run([[ context:emit("exit", { code = 3 }) ]], { "--source", dir.path .. "/bad.lua" })
    assert.equal(1, outcome.code)
  end)

  it("fails when it is interrupted before its end", function()
    dir:write { ["commands/stats.lua"] = HEAD .. [[
      function M.run(context)
        context:emit("notices", { "first" })
      end
      return M]] }
    local running = program.start {
      "stats", "x", "--interval", "3600", env = { MOONWATCH_SCRIPTS = dir.path },
    }
    running:wait_for "first"
    running:signal "INT"
    local outcome = running:finish()
    assert.equal(1, outcome.code)
    assert.matches("interrupted before the second reading\n", outcome.err)
  end)
end)
