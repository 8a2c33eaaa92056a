local moonwatch = require "moonwatch"
local tmpdir = require "spec.support.tmpdir"

local V2, HYBRID = "spec/fixtures/v2/t0", "spec/fixtures/hybrid"

local function names_of(module)
  local names = {}
  for name in pairs(module) do
    table.insert(names, name)
  end
  table.sort(names)
  return names
end

describe("moonwatch", function()
  describe("open", function()
    it("gives the modules of another host", function()
      local host = moonwatch.open { host_root = V2 }
      assert.same({ "cgroup", "host", "http", "inventory", "kubelet", "stats", "store" }, names_of(host))
      assert.equal("recorded-v2", host.host.hostname())
      assert.equal(10, #(assert(host.cgroup.refresh()) and host.cgroup.containers()))
    end)

    it("gives hosts that know nothing of each other", function()
      local one, other = moonwatch.open { host_root = V2 }, moonwatch.open { host_root = HYBRID }
      one.inventory.replace("spec", { { id = "a" } })
      assert.equal(0, #other.inventory.containers())
      assert.equal("recorded-hybrid", other.host.hostname())
      assert.equal("recorded-v2", one.host.hostname())
    end)

    it("takes a proc root of its own", function()
      local dir = tmpdir.new { ["meminfo"] = "MemTotal: 3 kB\n" }
      assert.equal(3072, moonwatch.open({ host_root = V2, proc_root = dir.path }).host.memory_total_bytes())
      dir:remove()
    end)

    it("keeps the host as long as one of its functions", function()
      local hostname = moonwatch.open({ host_root = V2 }).host.hostname
      collectgarbage()
      collectgarbage()
      assert.equal("recorded-v2", hostname())
    end)

    it("reads nothing yet, so what is missing shows when it is asked for", function()
      local host = assert(moonwatch.open { host_root = "/nonexistent" })
      local generation, message, code = host.cgroup.refresh()
      assert.is_nil(generation)
      assert.matches("/nonexistent", message, 1, true)
      assert.is_number(code)
      local row, err = host.stats.container({ id = "a" }, 0)
      assert.is_nil(row)
      assert.matches("/nonexistent", err, 1, true)
    end)

    it("tries again when it is asked again", function()
      local dir = tmpdir.new()
      local host = moonwatch.open { host_root = dir.path }
      assert.is_nil(host.cgroup.refresh())
      dir:write {
        ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
        ["sys/fs/cgroup/cgroup.controllers"] = "memory\n",
      }
      assert.is_truthy(host.cgroup.refresh())
      dir:remove()
    end)

    it("raises when an argument is of the wrong type", function()
      assert.error_matches(function() moonwatch.open() end, "table expected")
      assert.error_matches(function() moonwatch.open { host_root = {} } end, "host_root is a table, not a string")
      assert.error_matches(function() moonwatch.open { host_root = "a\0b" } end, "NUL byte")
      assert.error_matches(function() moonwatch.open { hostroot = V2 } end, "kubelet and state_dir, not hostroot")
      assert.error_matches(function() moonwatch.open { V2 } end, "not a list")
      assert.error_matches(function() moonwatch.open { proc_root = true } end, "proc_root is a boolean, not a string")
    end)
  end)

  it("gives this host to those who require a module", function()
    local file = assert(io.open "/proc/sys/kernel/osrelease")
    assert.equal(file:read "*l", require("moonwatch.host").kernel_release())
    file:close()
  end)
end)

describe("a sandbox", function()
  local script

  before_each(function()
    script = assert(require("moonwatch.script").new { host_root = V2, timeout_ms = 5000 })
  end)

  after_each(function()
    script:close()
  end)

  for _, name in ipairs { "cgroup", "host", "http", "json", "log", "regex", "stats", "store" } do
    it("has the same moonwatch." .. name .. " as plain luajit", function()
      local names = assert(script:eval(([[
        local names = {}
        for name in pairs(require "moonwatch.%s") do names[#names + 1] = name end
        table.sort(names)
        return names]]):format(name)))
      assert.same(names_of(require("moonwatch." .. name)), names)
    end)
  end

  it("can read the inventory, not change it", function()
    assert.same({ "containers", "generation", "pods", "sources" }, script:eval [[
      local names = {}
      for name in pairs(require "moonwatch.inventory") do names[#names + 1] = name end
      table.sort(names)
      return names]])
    assert.same({ "containers", "generation", "pods", "replace", "sources" }, names_of(require "moonwatch.inventory"))
  end)

  for _, name in ipairs { "moonwatch", "moonwatch.script" } do
    it("cannot require " .. name, function()
      local _, message = script:eval(("require %q"):format(name))
      assert.matches("module '" .. name .. "' not found", message, 1, true)
    end)
  end

  it("sees the host that it was given", function()
    assert.equal("recorded-v2", script:eval "return require('moonwatch.host').hostname()")
  end)
end)
