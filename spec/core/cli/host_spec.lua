local cjson = require "cjson"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

describe("moonwatch host", function()
  it("shows what a recorded host says of itself", function()
    local root = "spec/fixtures/hybrid"
    local outcome = program.run { "host", "--host-root", root }
    assert.equal(0, outcome.code)
    assert.equal("", outcome.err)
    assert.matches("\nkernel     " .. files.read(root .. "/proc/sys/kernel/osrelease"):gsub("%p", "%%%0"), outcome.out)
    assert.matches("\nCPUs       2\n", outcome.out)
    assert.matches("\ncgroup cpu       version 1 at ", outcome.out)
    assert.matches("\ncgroup memory    version 2 at ", outcome.out)
  end)

  it("gives the same as one JSON object with sorted keys", function()
    local root = "spec/fixtures/v2/t0"
    local outcome = program.run { "host", "--format", "json", "--host-root", root }
    local facts = cjson.decode(outcome.out)
    assert.equal(tonumber(files.read(root .. "/proc/meminfo"):match "MemTotal:%s+(%d+) kB") * 1024, facts.totalMemory)
    assert.equal(tonumber(files.read(root .. "/proc/stat"):match "btime (%d+)"), facts.bootTime)
    assert.equal(2, facts.numCpus)
    assert.equal(2, facts.cgroupControllers.memory.version)
    assert.equal(1, select(2, outcome.out:gsub("\n", "")))
    assert.equal(require("moonwatch.json").encode(require("moonwatch.json").decode(outcome.out)) .. "\n", outcome.out)
  end)

  it("shows the host that it runs on", function()
    local facts = cjson.decode(program.run({ "host", "--format", "json" }).out)
    assert.equal(files.read("/proc/sys/kernel/osrelease"):match "%S+", facts.kernelRelease)
  end)

  it("shows what there is when a part cannot be read, and fails", function()
    local dir = tmpdir.new { ["proc/meminfo"] = "MemTotal: 1024 kB\n" }
    for format, expected in pairs { table = "memory     1.0 MiB", json = '"totalMemory":1048576' } do
      local outcome = program.run { "host", "--format", format, "--host-root", dir.path }
      assert.equal(1, outcome.code)
      assert.is_truthy(outcome.out:find(expected, 1, true))
      assert.is_nil(outcome.out:find("bootTime", 1, true))
      assert.matches("moonwatch: [^\n]*" .. dir.path .. "[^\n]*\n", outcome.err)
    end
    dir:remove()
  end)

  it("fails when nobody takes its output", function()
    assert.equal(1, program.run({ "host", redirect = "> /dev/full" }).code)
    assert.equal(1, program.run({ "host", redirect = ">&-" }).code)
  end)
end)
