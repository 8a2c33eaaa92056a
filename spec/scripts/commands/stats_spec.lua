local harness = require "spec.support.harness"

local CONTAINER = { id = "abcd1111", name = "web", image = "reg/web:1", runtime = "docker", state = "running" }

local FIRST = {
  cgroup_inode = "000000000000000a", identity = "000000000000000a", read_s = 100, cpu_total_ns = 1e9,
  cpu_quota_ns = 5e7, memory_usage_bytes = 1024, io_read_bytes = 4096,
  cpu_limit_percent = 50, cpu_limit_defaulted = false,
}
local FIRST_NETWORK = {
  network_read_s = 100, network_namespace = "00000000000000ff", network_identity = "1/ff",
  network_rcvd_bytes = 1000, host_network = false,
}

local function with(table_, changes)
  local copy = {}
  for _, from in ipairs { table_, changes or {} } do
    for key, value in pairs(from) do
      copy[key] = value
    end
  end
  return copy
end

--- Two runs, two seconds apart, of a container whose figures changed by then.
local function run(case)
  local reading = 0
  local rows = { with(FIRST, case.first), with(FIRST, with({ read_s = 102 }, case.second)) }
  local networks = { FIRST_NETWORK, with(FIRST_NETWORK, with({ network_read_s = 102 }, case.network)) }
  local script = harness.load("commands/stats", {
    cgroup = require "moonwatch.cgroup", json = require "moonwatch.json",
    inventory = { containers = function() return case.containers or { CONTAINER }, 1 end },
    stats = {
      container = function()
        reading = reading + 1
        if case.fails_at == reading then
          return nil, "container abcd1111 is gone", 2
        end
        return with(rows[reading])
      end,
      io_devices = function() return case.devices or {} end,
      network = function()
        if case.no_network then
          return nil, "no process", 2
        end
        return networks[reading]
      end,
      interfaces = function() return { { name = "eth0", rcvd_bytes = 1000 } } end,
      processes = function() return case.processes end,
    },
  }, { options = with({ id = "abcd", format = "json" }, case.options) })
  local messages = script:run().messages
  if #messages == 0 then
    messages = script:run().messages
  end
  return messages
end

local function figures_of(messages)
  local figures = {}
  for _, figure in ipairs(messages[1].body.figures) do
    figures[figure.name] = figure
  end
  return figures
end

describe("the command stats", function()
  it("gives each figure that is there, with its unit", function()
    local figures = figures_of(run {})
    assert.same({ name = "memory_usage_bytes", unit = "bytes", value = 1024 }, figures.memory_usage_bytes)
    assert.equal(50, figures.cpu_limit_percent.value)
    assert.equal(1000, figures.network_rcvd_bytes.value)
    assert.is_nil(figures.pids_limit)
  end)

  it("gives the growth of totals in a second", function()
    local figures = figures_of(run {
      second = { cpu_total_ns = 1.5e9, io_read_bytes = 8192, memory_usage_bytes = 2048 },
      network = { network_rcvd_bytes = 3000 },
    })
    assert.equal(2.5e8, figures.cpu_total_ns.rate_per_s)
    assert.equal(2048, figures.io_read_bytes.rate_per_s)
    assert.equal(1000, figures.network_rcvd_bytes.rate_per_s)
    assert.is_nil(figures.memory_usage_bytes.rate_per_s) -- a level
    assert.is_nil(figures.cpu_quota_ns.rate_per_s)
  end)

  it("says how long it was between the two readings", function()
    assert.equal(2, run {}[1].body.interval_s)
  end)

  for what, case in pairs {
    ["that went back"] = { second = { cpu_total_ns = 5 } },
    ["of another cgroup under the same id"] = {
      second = { cpu_total_ns = 2e9, cgroup_inode = "000000000000000b", identity = "000000000000000b" },
    },
    ["of another collector"] = { second = { cpu_total_ns = 2e9, identity = "000000000000000a/kubelet/" } },
    ["read at the same moment"] = { second = { cpu_total_ns = 2e9, read_s = 100 } },
  } do
    it("has no rate of a total " .. what, function()
      local figure = figures_of(run(case)).cpu_total_ns
      assert.is_number(figure.value)
      assert.is_nil(figure.rate_per_s)
    end)
  end

  it("has no rate in another network namespace", function()
    local figures = figures_of(run { network = { network_identity = "2/ff", network_rcvd_bytes = 9000 } })
    assert.is_nil(figures.network_rcvd_bytes.rate_per_s)
    assert.equal(0, figures.cpu_total_ns.rate_per_s)
  end)

  it("shows the rest without the network", function()
    local messages = run { no_network = true }
    assert.is_nil(figures_of(messages).network_rcvd_bytes)
    assert.same({}, messages[1].body.interfaces)
    assert.equal(1024, figures_of(messages).memory_usage_bytes.value)
  end)

  it("has disks, interfaces and processes", function()
    local body = run({
      devices = { { major = 8, minor = 0, name = "sda", read_bytes = 5 } },
      processes = { pids = { 7, 9 }, processes_count = 2 },
    })[1].body
    assert.same({ { major = 8, minor = 0, name = "sda", read_bytes = 5 } }, body.io_devices)
    assert.same({ { name = "eth0", rcvd_bytes = 1000 } }, body.interfaces)
    assert.same({ 7, 9 }, body.pids)
    assert.equal(2, figures_of({ { body = body } }).processes_count.value)
    assert.is_false(body.host_network)
    assert.equal("web", body.name)
  end)

  it("groups the figures for eyes", function()
    local lines = run({
      options = { format = "table" }, second = { cpu_total_ns = 1.5e9 },
      devices = { { major = 8, minor = 0, read_bytes = 2048 } },
    })[1].body
    local text = table.concat(lines, "\n")
    assert.equal("abcd1111  web  reg/web:1  docker  running", lines[1])
    assert.equal(1, select(2, text:gsub("\nCPU\n", "")))
    assert.matches("\n\nCPU\nFIGURE +VALUE +RATE +UNIT +WHAT\n", text)
    assert.matches("\ncpu_total_ns +1%.500 s +25%.0 %% +ns +CPU time [^\n]*\n", text)
    assert.matches("\n\nmemory\n[^\n]+\nmemory_usage_bytes +1%.0 KiB +bytes +memory [^\n]*\n", text)
    assert.matches("\n\nDISK +read_bytes\n8:0 +2%.0 KiB\n", text)
    assert.matches("\n\nINTERFACE +rcvd_bytes\neth0 +1000 B$", text)
  end)

  it("leaves out columns on a narrow terminal", function()
    for _, line in ipairs(run({ options = { format = "table", columns = 50 } })[1].body) do
      assert.is_true(#line <= 50, line)
    end
  end)

  for what, case in pairs {
    ["that is not there"] = { containers = {} },
    ["that cannot be read"] = { fails_at = 1 },
    ["that goes between the two readings"] = { fails_at = 2 },
  } do
    it("says so and fails for a container " .. what, function()
      local messages = run(case)
      assert.equal("notices", messages[1].kind)
      assert.matches("abcd", messages[1].body[1])
      assert.same({ kind = "exit", body = { code = 1 } }, messages[2])
    end)
  end
end)
