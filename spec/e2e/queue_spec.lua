--- The queue of a real agent: what survives, and what moonwatch tail and moonwatch queue show of it.
local cjson = require "cjson"

local daemon = require "spec.support.daemon"
local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local COUNT = "n = (n or 0) + 1 context:gauge('n', n)"

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do
    table.insert(lines, line)
  end
  return lines
end

describe("the queue", function()
  local agent

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
  end)

  local function start(...)
    agent = daemon.start {
      scripts = {
        ["checks/count.lua"] = daemon.check(COUNT),
        ["checks/other.lua"] = daemon.check "context:emit('note', {})",
      },
      arguments = { "--check", "count", "--check", "other", "--set", "queue.flush_interval_s=0.1", ... },
    }
  end

  local function again(...)
    local call = { "run", "--host-root", daemon.HOST, "--set", "script_dirs=" .. agent.dir.path .. "/scripts",
      "--set", "socket=" .. agent.dir.path .. "/control.sock", "--set", "state_dir=" .. agent.dir.path,
      "--set", "queue.flush_interval_s=0.1", ... }
    agent.running = program.start(call)
    agent:wait_for_log "is ready"
  end

  --- moonwatch tail or queue, about this agent's queue.
  local function ask(...)
    local call = { ... }
    table.insert(call, "--state-dir")
    table.insert(call, agent.dir.path)
    return program.run(call)
  end

  local function tail(...)
    local outcome = ask("tail", ...)
    assert.equal(0, outcome.code, outcome.err)
    local messages = {}
    for _, line in ipairs(lines_of(outcome.out)) do
      table.insert(messages, cjson.decode(line))
    end
    return messages
  end

  local function stats()
    local outcome = ask("queue", "stats", "--format", "json")
    assert.equal(0, outcome.code, outcome.err)
    return cjson.decode(outcome.out)
  end

  local function wait_for_messages(count)
    daemon.wait_until(count .. " messages in the queue", function()
      local outcome = ask("queue", "stats", "--format", "json")
      return outcome.code == 0 and cjson.decode(outcome.out).messages_count >= count
    end)
  end

  it("shows the last messages of a running agent, as the sinks write them", function()
    start()
    wait_for_messages(30)
    local last = tail("--kind", "metric", "--lines", "5")
    assert.equal(5, #last)
    for i, message in ipairs(last) do
      assert.equal("count", message.script)
      assert.equal(last[1].body.value + i - 1, message.body.value)
      assert.is_true(i == 1 or message.number > last[i - 1].number)
    end
    local written = {}
    agent:wait_for_message("what tail has shown", function(message)
      written[message.number] = message
      return message.number >= last[5].number
    end)
    assert.same(written[last[1].number], last[1])
    assert.equal(10, #tail())
    for _, message in ipairs(tail("--script", "other")) do
      assert.equal("note", message.kind)
    end
  end)

  it("shows those since a time", function()
    start()
    wait_for_messages(30)
    local all = tail("--since", "1h")
    assert.is_true(#all >= 30)
    assert.equal(1, all[1].number)
    assert.same({}, tail("--since", "2099-01-01"))
  end)

  it("follows, and ends when it is told to", function()
    start()
    local following = program.start {
      "tail", "--follow", "--lines", "0", "--kind", "metric", "--state-dir", agent.dir.path,
    }
    local lines
    daemon.wait_until("ten lines", function()
      lines = lines_of(files.read_if_there(following.out_path) or "")
      return #lines >= 10
    end)
    following:signal "INT"
    assert.equal(0, following:finish().code)
    local first = cjson.decode(lines[1]).body.value
    for i, line in ipairs(lines) do
      assert.equal(first + i - 1, cjson.decode(line).body.value)
    end
  end)

  it("shows a table for eyes", function()
    start()
    wait_for_messages(3)
    local outcome = ask("tail", "--lines", "2", "--format", "table")
    local lines = lines_of(outcome.out)
    assert.equal(3, #lines)
    assert.matches("^TIME +NUMBER +SCRIPT +KIND +BYTES +BODY$", lines[1])
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ +%d+ +%l+ +%l+ +%d+ B  {", lines[2])
    outcome = ask("queue", "stats")
    assert.matches("messages, %d", outcome.out)
    assert.matches("\nSINK +WAITING", outcome.out)
    assert.matches("\nstdout +%d+", outcome.out)
  end)

  it("is there when the agent has ended, in order or not", function()
    start()
    wait_for_messages(20)
    agent:stop()
    local before = stats()
    assert.is_true(before.is_clean)
    local last = tail("--lines", "1")[1].number
    assert.equal(before.next_number - 1, last)

    again("--check", "count")
    daemon.wait_until("more messages", function()
      return stats().next_number > before.next_number + 5
    end)
    agent:stop "KILL"
    assert.is_false(stats().is_clean)
    again("--check", "count")
    daemon.wait_until("more messages", function()
      return tail("--lines", "1")[1].number > last + 10
    end)
  end)

  it("delivers to a sink what it has not had when the agent was killed", function()
    start("--sink", "file:/nowhere/at/all")
    wait_for_messages(20)
    agent:stop "KILL"
    local target = tmpdir.new()
    again("--check", "count", "--sink", "file:" .. target.path .. "/out")
    daemon.wait_until("the first message", function()
      return #agent:messages(target.path .. "/out") >= 20
    end)
    for i, message in ipairs(agent:messages(target.path .. "/out")) do
      assert.equal(i, message.number)
    end
    target:remove()
  end)

  it("forgets a sink that is not there any more when it is told to", function()
    start("--sink", "file:/nowhere/at/all")
    wait_for_messages(20)
    local refused = agent:ask("queue", "forget", "file")
    assert.equal(1, refused.code)
    assert.matches("the sink file runs: take it out of sinks first", refused.err)
    agent:stop()
    again("--check", "count", "--sink", "stdout")
    local waiting
    for _, sink in ipairs(agent:status().sinks) do
      if sink.name == "file" then
        waiting = sink
      end
    end
    assert.is_false(waiting.in_use)
    assert.is_true(waiting.waiting >= 20)
    local outcome = agent:ask("queue", "forget", "file")
    assert.equal(0, outcome.code, outcome.err)
    daemon.wait_until("the file to forget it", function()
      return #stats().cursors == 1
    end)
    outcome = agent:ask("queue", "forget", "file")
    assert.equal(1, outcome.code)
    assert.matches('the queue knows no sink "file"', outcome.err)
  end)

  it("tells in its status that the file cannot be written", function()
    local dir = tmpdir.new { state = "a file, not a directory" }
    start("--set", "state_dir=" .. dir.path .. "/state")
    agent:wait_for_log "messages stay in memory meanwhile"
    local outcome = agent:ask "status"
    dir:remove()
    assert.equal(1, outcome.code)
    assert.matches("the queue cannot write its file, so messages are in memory alone: ", outcome.out, 1, true)
  end)

  it("refuses a second agent with its state directory", function()
    start()
    local second = program.run { "run", "--host-root", daemon.HOST, "--set", "state_dir=" .. agent.dir.path,
      "--set", "socket=" .. agent.dir.path .. "/second.sock", "--set", "script_dirs=" .. agent.dir.path .. "/scripts",
      "--check", "count" }
    assert.equal(1, second.code)
    assert.matches("process %d+ writes the queue in [^\n]*; stop it first, or name another state directory", second.err)
  end)

  it("is in memory alone where it is told so", function()
    start("--set", "queue.on_disk=false")
    agent:wait_for_gauge("count", 3)
    local outcome = ask("tail")
    assert.equal(3, outcome.code)
    assert.matches("there is no queue in .*/queue yet", outcome.err)
  end)
end)

describe("moonwatch tail", function()
  for _, case in ipairs {
    { { "tail", "--since", "yesterday" }, '"yesterday" is no time' },
    { { "tail", "--lines", "-1" }, "%-%-lines %-1 is not a number" },
    { { "tail", "here" }, 'what is "here" for%?' },
    { { "queue" }, "what is to be done: stats or forget%?" },
    { { "queue", "stat" }, 'there is no action "stat"' },
    { { "queue", "forget" }, "forget needs the name of a sink" },
  } do
    it("refuses " .. table.concat(case[1], " "), function()
      local outcome = program.run(case[1])
      assert.equal(2, outcome.code)
      assert.matches(case[2], outcome.err)
    end)
  end

  it("says that there is no queue yet", function()
    local dir = tmpdir.new()
    for _, call in ipairs { { "tail" }, { "queue", "stats" } } do
      table.insert(call, "--state-dir")
      table.insert(call, dir.path)
      local outcome = program.run(call)
      assert.equal(3, outcome.code)
      assert.matches("there is no queue in " .. dir.path:gsub("%p", "%%%0") .. "/queue yet", outcome.err)
    end
    dir:remove()
  end)
end)
