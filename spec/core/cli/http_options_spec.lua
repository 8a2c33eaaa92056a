--- What the command line gives to scripts that ask over HTTP.
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local CHECK = [[
local http = require "moonwatch.http"
return { api = 1, options = { name = { type = "string", default = "" } }, run = function(context)
  local name = context.options.name ~= "" and context.options.name or nil
  local answer, message = http.get("https://api.example/things", { credentials = name })
  context:emit("answer", { body = answer and answer.body, message = message })
  return true
end }
]]

describe("scripts that ask over HTTP", function()
  local dir

  before_each(function()
    dir = tmpdir.new { ["asks.lua"] = CHECK, token = "abc", ["sources/cgroup.lua"] = [[
      local http = require "moonwatch.http"
      return { api = 1, list = function() return nil, select(2, http.get "https://api.example/missing") end }]] }
  end)

  after_each(function()
    dir:remove()
  end)

  local function check(...)
    return program.run { "check", dir.path .. "/asks.lua", "--format", "json", "--interval", "0.01",
      "--http-answers", "spec/fixtures/http-answers", ... }
  end

  it("get recorded answers", function()
    local outcome = check()
    assert.equal(0, outcome.code)
    assert.equal('{"body":"{\\"things\\":[\\"one\\",\\"two\\"]}\\n"}\n', outcome.out)
  end)

  it("name credentials, not paths", function()
    local outcome = check("--set", "name=api", "--credentials", "api.token_file=" .. dir.path .. "/token")
    assert.matches('^{"body":', outcome.out)

    outcome = check("--set", "name=api", "--credentials", "api.token_file=" .. dir.path .. "/gone")
    assert.matches("token_file: cannot open .*/gone: No such file", outcome.out)
  end)

  it("hear of a name that the operator has not given", function()
    local outcome = check("--set", "name=apy", "--credentials", "api.token_file=/x")
    assert.equal(1, outcome.code)
    assert.matches('no credentials are named "apy"; there are: api', outcome.err, 1, true)
    assert.matches("asks.lua:4:", outcome.err, 1, true)
  end)

  it("come with a warning when nothing is verified", function()
    local outcome = check("--credentials", "api.insecure_skip_verify=true")
    assert.equal(0, outcome.code)
    assert.matches("warning: with credentials api anybody can pass for the server", outcome.err, 1, true)
    assert.not_matches("warning", check("--credentials", "api.insecure_skip_verify=false").err)
  end)

  it("may be sources of other commands", function()
    local outcome = program.run { "inventory", "--http-answers", "spec/fixtures/http-answers",
      "--source", dir.path .. "/sources/cgroup.lua" }
    assert.matches("GET https://api.example/missing: 404: there is no such thing", outcome.err, 1, true)
  end)

  it("learn that the recorded answers are not there", function()
    local outcome = program.run { "check", dir.path .. "/asks.lua", "--format", "json", "--interval", "0.01",
      "--http-answers", dir.path }
    assert.matches("cannot open answers.json: No such file", outcome.out, 1, true)
  end)
end)
