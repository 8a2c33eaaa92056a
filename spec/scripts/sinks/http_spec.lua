local json = require "cjson"

local harness = require "spec.support.harness"

local MESSAGES = {
  { number = 7, script = "n", kind = "metric", schema = 1, emitted_at_s = 1700000000.0074, body = '{"n":1}' },
  { number = 8, script = "n", kind = "event", schema = 2, emitted_at_s = 1700000000.9999, body = '{"n":2}' },
}

-- The sink with a far end that answers with a status; what it is sent comes back as requests.
local function sink_with(status, options, failure)
  local requests = {}
  local http = {
    post = function(url, body, request_options)
      table.insert(requests, { url = url, body = body, options = request_options })
      if status >= 200 and status < 300 then
        return { status = status }
      end
      failure = failure or {}
      failure.status = status > 0 and status or nil
      return nil, "POST: no", failure
    end,
  }
  options = options or {}
  options.url = options.url or "https://in.example/"
  return harness.load("sinks/http", { http = http }, { options = options }), requests
end

local function deliver(sink)
  return sink.table.deliver(sink.context, MESSAGES)
end

describe("sinks/http", function()
  it("posts a line for each message", function()
    local sink, requests = sink_with(200)
    assert.is_true(deliver(sink))
    assert.equal("https://in.example/", requests[1].url)
    assert.equal("application/x-ndjson", requests[1].options.headers["Content-Type"])
    assert.is_nil(requests[1].options.credentials)
    assert.equal([[
{"body":{"n":1},"emitted_at":"2023-11-14T22:13:20.007Z","kind":"metric","number":7,"schema":1,"script":"n"}
{"body":{"n":2},"emitted_at":"2023-11-14T22:13:21.000Z","kind":"event","number":8,"schema":2,"script":"n"}
]], requests[1].body)
  end)

  it("posts a list when it is told to", function()
    local sink, requests = sink_with(204, { format = "list" })
    assert.is_true(deliver(sink))
    assert.equal("application/json", requests[1].options.headers["Content-Type"])
    assert.equal(2, json.decode(requests[1].body)[2].body.n)
  end)

  it("sends headers and names credentials as it is told to", function()
    local sink, requests = sink_with(200,
      { headers = { "X-Tenant:a:b", "Content-Type:text/plain" }, credentials = "backend", timeout_s = 2 })
    deliver(sink)
    assert.same({
      headers = { ["X-Tenant"] = "a:b", ["Content-Type"] = "text/plain" }, credentials = "backend", timeout_s = 2,
    }, requests[1].options)
  end)

  for status, is_permanent in pairs {
    [0] = false, [302] = false, [400] = true, [401] = false, [403] = false, [404] = false, [408] = false, [409] = true,
    [413] = true, [415] = true, [422] = true, [429] = false, [500] = false, [503] = false,
  } do
    it(("calls %d %s"):format(status, is_permanent and "permanent" or "a reason to try again"), function()
      local ok, why, failure = deliver((sink_with(status)))
      assert.is_nil(ok)
      assert.equal("POST: no", why)
      assert.equal(is_permanent, failure.permanent)
    end)
  end

  it("passes on how long the far end asks to wait", function()
    local _, _, failure = deliver((sink_with(429, nil, { retry_after_s = 17 })))
    assert.equal(17, failure.retry_after_s)
  end)

  it("does not start without knowing where to, or with what makes no sense", function()
    for expected, options in pairs {
      ["set options.url"] = { url = "" },
      ["neither lines nor list"] = { format = "xml" },
      ["no Name:value"] = { headers = { "nonsense" } },
    } do
      local outcome = sink_with(200, options).outcome
      assert.is_nil(outcome.ok)
      assert.matches(expected, outcome.err)
    end
  end)
end)
