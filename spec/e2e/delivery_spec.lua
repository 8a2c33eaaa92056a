--- Sinks that deliver over HTTP, and far ends that are away, busy, picky, or hang. What is to come is
--- waited for, however long it takes.
local daemon = require "spec.support.daemon"
local faulty_server = require "spec.support.faulty_server"
local receiver = require "spec.support.receiver"

--- n = 1, 2, 3, ... in messages of their own.
local COUNT = daemon.check "n = (n or 0) + 1 context:gauge('n', n)"

--- Like http, but it says where its messages are to be found.
local OWN_SINK = [[
local http = require "moonwatch.http"
local json = require "moonwatch.json"
local M = { api = 1, interval_s = 0.05, batch_messages = 5,
  options = { url = { type = "string", default = "", doc = "where to" } } }
function M.deliver(context, batch)
  local lines = {}
  for i, message in ipairs(batch) do
    lines[i] = '{"body":' .. message.body .. "}"
  end
  local answer, why = http.post(context.options.url .. "/PATH", table.concat(lines, "\n"))
  return answer and true, why
end
return M
]]

--- The numbers that have come, without those that came again: each is one more than the last one.
local function numbers(messages)
  local last = 0
  for i, message in ipairs(messages) do
    local n = message.body.value
    assert(n <= last + 1, ("message %d is n = %d, behind n = %d: what is between is lost"):format(i, n, last))
    last = math.max(last, n)
  end
  return last
end

describe("the sink http", function()
  local agent, far_end

  setup(function()
    local reason = receiver.lacks()
    if reason then
      error(reason)
    end
  end)

  after_each(function()
    for _, running in ipairs { agent or false, far_end or false } do
      if running then
        running:remove()
      end
    end
    agent, far_end = nil, nil
  end)

  local function start(options)
    local name = options.name or "http"
    local arguments = {
      "--check", "n", "--set", "sinks=" .. (options.sinks or name),
      "--set", ("scripts.%s.interval_s=0.05"):format(name),
    }
    if options.url or far_end then
      table.insert(arguments, "--set")
      table.insert(arguments, ("scripts.%s.options.url=%s"):format(name, options.url or far_end:url()))
    end
    for _, argument in ipairs(options.arguments or {}) do
      table.insert(arguments, argument)
    end
    local scripts = options.scripts or {}
    scripts["checks/n.lua"] = scripts["checks/n.lua"] or COUNT
    agent = daemon.start { scripts = scripts, arguments = arguments }
  end

  local function wait_for_number(n)
    daemon.wait_until(("n = %d; the log: %s"):format(n, agent:log()), function()
      return numbers(far_end:messages()) >= n
    end)
  end

  local function sink_status(name)
    for _, sink in ipairs((agent:status()).sinks) do
      if sink.name == (name or "http") then
        return sink
      end
    end
  end

  local function wait_for_sink(what, wanted)
    return daemon.wait_until("the sink to be " .. what .. "; the log: " .. agent:log(), function()
      local sink = sink_status()
      return wanted(sink) and sink
    end)
  end

  local function fails(sink)
    return sink.failures_in_a_row > 0 and sink.error
  end

  it("delivers all, in order, as lines of JSON", function()
    far_end = receiver.start()
    start {}
    wait_for_number(50)
    local request, message = far_end:requests()[1], far_end:messages()[1]
    assert.equal("application/x-ndjson", request.type)
    assert.equal("n", message.script)
    assert.equal("metric", message.kind)
    assert.equal(1, message.schema)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", message.emitted_at)
    local _, script = agent:status "http"
    assert.equal("sink", script.kind)
    assert.equal(0, script.failures_total)
    local sink = sink_status()
    assert.is_true(sink.in_use)
    assert.is_true(sink.delivered_total >= 50)
    assert.equal(0, sink.dropped_total + sink.set_aside_total + sink.stale_total + sink.failures_total)
  end)

  it("sends a JSON list when it is told to", function()
    far_end = receiver.start()
    start { arguments = { "--set", "scripts.http.options.format=list" } }
    local body = daemon.wait_until("a request; the log: " .. agent:log(), function()
      local request = far_end:requests()[1]
      return request and request.type == "application/json" and request.body
    end)
    assert.equal(1, require("cjson").decode(body)[1].body.value)
  end)

  it("loses nothing while the far end is away, before it comes and between", function()
    far_end = receiver.start { is_away = true }
    start {}
    wait_for_sink("without a far end", fails)
    assert.matches("Connection refused", sink_status().error)
    far_end:come()
    wait_for_number(30)
    far_end:go()
    wait_for_sink("without a far end", fails)
    local before = numbers(far_end:messages())
    far_end:come()
    wait_for_number(before + 30)
    local sink = wait_for_sink("fine again", function(sink) return sink.failures_in_a_row == 0 end)
    assert.equal(0, sink.set_aside_total + sink.dropped_total)
  end)

  it("leaves a far end alone for as long as that asks", function()
    far_end = receiver.start()
    far_end:say "busy"
    start {}
    local sink = wait_for_sink("asked to wait", function(sink)
      return fails(sink) and (sink.next_try_in_s or 0) > 1
    end)
    assert.matches("429", sink.error)
    far_end:say_no_longer "busy"
    wait_for_number(20)
    assert.equal(0, sink_status().set_aside_total)
  end)

  it("tries again what a far end that is broken has not taken", function()
    far_end = receiver.start()
    far_end:say "broken"
    start {}
    wait_for_sink("told so", function(sink) return fails(sink) and sink.error:find "500" end)
    far_end:say_no_longer "broken"
    wait_for_number(20)
    assert.equal(0, sink_status().set_aside_total)
  end)

  it("sets aside the one message that is refused, and says which", function()
    far_end = receiver.start()
    start {
      scripts = {
        ["checks/n.lua"] = daemon.check(([[
          n = (n or 0) + 1
          context:emit(n == 10 and "huge" or "n", { value = n, text = n == 10 and ("x"):rep(%d) or "" })
        ]]):format(receiver.BODY_MAX_BYTES)),
      },
    }
    wait_for_sink("rid of it", function(sink) return sink.set_aside_total == 1 end)
    daemon.wait_until("the messages behind it", function()
      local messages = far_end:messages()
      return messages[#messages] and messages[#messages].body.value > 20
    end)
    local last = 0
    for _, message in ipairs(far_end:messages()) do
      local n = message.body.value
      assert.is_true(n == last + 1 or (n == 11 and last == 9), ("n = %d behind n = %d"):format(n, last))
      last = n
    end
    assert.matches("http: message %d+ %(huge of n, %d+ bytes%) is set aside[^\n]*413", agent:log())
    assert.equal(1, select(2, agent:log():gsub("is set aside", "")))
  end)

  it("keeps all when its address is wrong", function()
    far_end = receiver.start()
    start { url = far_end:url "/nowhere" }
    local sink = wait_for_sink("told so more than once", function(sink) return sink.failures_in_a_row > 2 and sink end)
    assert.matches("404", sink.error)
    assert.equal(0, sink.set_aside_total)
  end)

  it("holds up no check when it hangs on a socket, nor the end", function()
    local url, stop_server = faulty_server.start "silent"
    finally(stop_server)
    start { url = url, sinks = "stdout http", arguments = { "--set", "scripts.http.options.timeout_s=60" } }
    agent:wait_for_gauge("n", 40)
    local _, script = agent:status "n"
    assert.equal(0, script.failures_total)
    assert.equal(0, sink_status().delivered_total)
    local outcome, took_s = agent:stop()
    assert.equal(0, outcome.code)
    assert.is_true(took_s <= 8, ("it took %d s"):format(took_s))
    assert.matches("messages were not delivered to a sink", outcome.err)
  end)

  it("gets one more run at the end of the agent", function()
    far_end = receiver.start()
    start { sinks = "stdout http", arguments = { "--set", "scripts.http.interval_s=3600" } }
    agent:wait_for_gauge("n", 20)
    local outcome = agent:stop()
    assert.equal(0, outcome.code)
    local last = 0
    for n in outcome.out:gmatch '"value":(%d+)' do
      last = tonumber(n)
    end
    assert.equal(last, numbers(far_end:messages()))
    assert.not_matches("were not delivered", outcome.err)
  end)

  it("needs to know where to, and says so", function()
    start { sinks = "stdout http" }
    local script = agent:wait_for_status("http", "broken", function(script) return script.state == "broken" end)
    assert.matches("set options.url", script.error)
    agent:wait_for_gauge("n", 3)
  end)

  it("takes over between deliveries, without losing a message, when it is edited", function()
    far_end = receiver.start()
    start {
      name = "mine", url = far_end:url():gsub("/$", ""),
      scripts = { ["sinks/mine.lua"] = OWN_SINK:gsub("PATH", "old") },
    }
    wait_for_number(20)
    agent:write("sinks/mine.lua", (OWN_SINK:gsub("PATH", "new")))
    daemon.wait_until("the new one; the log: " .. agent:log(), function()
      local requests = far_end:requests()
      return requests[#requests].path == "/new"
    end)
    wait_for_number(numbers(far_end:messages()) + 20)
    local paths = {}
    for _, request in ipairs(far_end:requests()) do
      if paths[#paths] ~= request.path then
        table.insert(paths, request.path)
      end
    end
    assert.same({ "/old", "/new" }, paths)
    assert.equal(0, sink_status("mine").failures_total)
  end)

  it("goes on where it was when it is configured otherwise", function()
    far_end = receiver.start()
    local function configuration(path)
      return ("return { interval_s = 0.05, options = { url = '%s' } }"):format(far_end:url(path))
    end
    agent = daemon.start {
      scripts = { ["checks/n.lua"] = COUNT },
      files = {
        ["etc/moonwatch.lua"] = "return { checks = { 'n' }, sinks = { 'http' } }",
        ["etc/conf.d/http.lua"] = configuration "/nowhere",
      },
      arguments = { "--config", "DIR/etc/moonwatch.lua" },
    }
    wait_for_sink("told that there is nothing", function(sink) return fails(sink) and sink.error:find "404" end)
    agent:write_file("etc/conf.d/http.lua", configuration "/here")
    wait_for_number(20)
    assert.equal(1, far_end:messages()[1].body.value)
    assert.equal(0, sink_status().set_aside_total + sink_status().dropped_total)
  end)
end)
