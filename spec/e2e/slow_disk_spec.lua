--- The agent on a disk that syncs for seconds: checks and sinks do not notice, and nothing is lost.
local cjson = require "cjson"

local daemon = require "spec.support.daemon"
local program = require "spec.support.program"

local BUILD = program.PATH:match "^(.*)/bin/[^/]+$"
local SYNC_MS = 2000

describe("an agent whose disk takes " .. SYNC_MS .. " ms to sync", function()
  local agent

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
  end)

  it("keeps its schedule, delivers at once, and commits all at its end", function()
    local checker = os.getenv "LD_PRELOAD" -- comes first
    local preload = (checker and checker .. ":" or "") .. BUILD .. "/spec/libslow_sync.so"
    agent = daemon.start {
      scripts = { ["checks/n.lua"] = daemon.check "n = (n or 0) + 1 context:gauge('n', n)" },
      arguments = { "--check", "n", "--set", "queue.flush_interval_s=0.1" },
      env = { LD_PRELOAD = preload, SLOW_SYNC_MS = tostring(SYNC_MS) },
    }
    local status, script
    daemon.wait_until("two slow commits", function()
      status, script = agent:status "n"
      return (status.queue.commits_total or 0) >= 2
    end)
    assert.is_true(status.queue.max_commit_ms >= SYNC_MS)
    -- A run that waited for a commit would be late by a whole sync.
    assert.is_true(script.runs_total > 40, script.runs_total)
    assert.is_true(script.late_max_ms < SYNC_MS / 2, script.late_max_ms)
    assert.equal(0, script.skips_total)
    assert.is_true(status.sinks[1].delivered_total > 40)

    local dir = agent.dir.path
    local outcome = agent:stop()
    assert.equal(0, outcome.code, outcome.err)
    local _, delivered = outcome.out:gsub("\n", "")
    local tail = program.run { "tail", "--since", "1h", "--state-dir", dir }
    local last = cjson.decode(tail.out:match "([^\n]*)\n$")
    assert.equal(delivered, last.number)
  end)
end)
