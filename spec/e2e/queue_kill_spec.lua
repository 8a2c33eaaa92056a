--- The agent, killed at any moment: what its queue had committed arrives, in order, unchanged.
local cjson = require "cjson"

local daemon = require "spec.support.daemon"
local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local KILLS = tonumber(os.getenv "MOONWATCH_KILLS") or 50
local LIFE_MAX_S = 0.6

local CHECK = daemon.check([[
  for i = 1, 5 do
    context:emit("note", { text = ("x"):rep(math.random(3000)), i = i })
  end]], 0.01)

describe("an agent that is killed " .. KILLS .. " times", function()
  local dir, call, out

  before_each(function()
    dir = tmpdir.new()
    dir:write { ["scripts/checks/notes.lua"] = CHECK }
    out = dir.path .. "/out"
    call = { "run", "--host-root", daemon.HOST, "--check", "notes", "--sink", "file:" .. out,
      "--set", "script_dirs=" .. dir.path .. "/scripts", "--set", "state_dir=" .. dir.path,
      "--set", "socket=" .. dir.path .. "/control.sock", "--set", "queue.flush_interval_s=0.05",
      "--set", "queue.keep_s=3600", "--set", "scripts.file.options.max_bytes=1000000000" }
  end)

  after_each(function()
    dir:remove()
  end)

  local function live_and_be_killed()
    local running = program.start(call)
    os.execute(("sleep %.3f"):format(math.random() * LIFE_MAX_S))
    running:signal "KILL"
    local outcome = running:finish()
    assert.equal(137, outcome.code, outcome.err) -- it had not ended by itself
    assert.is_nil(outcome.err:find " error ", outcome.err)
  end

  local function live_and_end()
    local running = program.start(call)
    daemon.wait_until("the agent", function()
      return files.read(running.err_path):find "is ready"
    end)
    os.execute "sleep 0.3"
    running:signal "TERM"
    assert.equal(0, running:finish().code)
  end

  it("delivers what was committed, in order, and twice only around an end", function()
    math.randomseed(os.time())
    for _ = 1, KILLS do
      live_and_be_killed()
    end
    live_and_end()

    local delivered, steps_back, last = {}, 0, 0
    for line in files.read(out):gmatch "([^\n]*)\n" do
      local message = cjson.decode(line) -- raises when it is cut
      if message.number <= last then
        steps_back = steps_back + 1
      end
      local name = message.number .. " of " .. message.emitted_at
      assert.is_true(delivered[name] == nil or delivered[name] == line, name .. " stands for two messages")
      delivered[name] = line
      last = message.number
    end
    assert.is_true(steps_back <= KILLS, steps_back .. " steps back")

    local committed = 0
    local outcome = program.run { "tail", "--since", "1h", "--state-dir", dir.path }
    assert.equal(0, outcome.code, outcome.err)
    for line in outcome.out:gmatch "([^\n]*)\n" do
      committed = committed + 1
      local message = cjson.decode(line)
      local name = message.number .. " of " .. message.emitted_at
      assert.equal(line, delivered[name], name .. " was committed and is not there")
    end
    assert.is_true(committed > KILLS, committed .. " messages were committed")
    assert.is_nil(files.read_if_there(dir.path .. "/queue/data.mdb.damaged"))
  end)
end)
