local harness = require "spec.support.harness"
local tmpdir = require "spec.support.tmpdir"

local LIST = { { id = "a", path = "/docker/a", cgroup_inode = "0", state = "running" } }

-- A cgroup module with one generation after the other; nil is a failure.
local function source_with(generations, list)
  local lists = 0
  local run = harness.load("sources/cgroup", {
    cgroup = {
      refresh = function()
        local generation = table.remove(generations, 1)
        return generation, not generation and "no mount table" or nil
      end,
      containers = function()
        lists = lists + 1
        return list, not list and "out of memory" or nil
      end,
    },
  })
  return run, function() return lists end
end

describe("sources/cgroup", function()
  it("is asked every two seconds, and every other source knows better", function()
    local source = source_with({}, LIST).table
    assert.same({ 2, 100 }, { source.interval_s, source.priority })
  end)

  it("gives the containers of the cgroups", function()
    assert.equal(LIST, source_with({ 1 }, LIST):run().ok)
  end)

  it("says unchanged, and lists nothing, while the generation stays", function()
    local source, lists = source_with({ 1, 1, 2 }, LIST)
    source:run()
    assert.equal("unchanged", source:run().ok)
    assert.equal(1, lists())
    assert.equal(LIST, source:run().ok)
  end)

  it("passes on why the cgroups cannot be looked at", function()
    local outcome = source_with({}, LIST):run()
    assert.is_nil(outcome.ok)
    assert.equal("no mount table", outcome.err)
  end)

  it("passes on why there is no list, and tries again in the next run", function()
    local source, lists = source_with({ 1, 1 }, nil)
    assert.equal("out of memory", source:run().err)
    assert.equal("out of memory", source:run().err)
    assert.equal(2, lists())
  end)

  describe("on a recorded host", function()
    it("finds its containers, sorted by id", function()
      local containers = harness.recorded("spec/fixtures/kubelet-1.20-v1").inventory.containers()
      assert.equal(9, #containers)
      for i, container in ipairs(containers) do
        assert.equal("running", container.state)
        assert.is_true(i == 1 or containers[i - 1].id < container.id)
      end
    end)

    it("says that a folder is no host", function()
      local dir = tmpdir.new { ["proc/version"] = "Linux" }
      local outcome = harness.run("sources/cgroup", require("moonwatch").open { host_root = dir.path })
      assert.is_nil(outcome.ok)
      assert.matches(dir.path, outcome.err, 1, true)
      dir:remove()
    end)
  end)
end)
