local figures = require "moonwatch.figures"
local moonwatch = require "moonwatch"

local UNITS = { bytes = "_bytes$", ns = "_ns$", percent = "_percent$" }

--- All rows of the containers of a recorded host.
local function rows_of(host_root)
  local host, rows = moonwatch.open { host_root = host_root }, {}
  assert(host.cgroup.refresh())
  for _, container in ipairs(assert(host.cgroup.containers())) do
    rows[container.id] = assert(host.cgroup.read(container.id))
  end
  return rows
end

describe("moonwatch.figures", function()
  it("has each figure once", function()
    local seen = {}
    for _, figure in ipairs(figures.all()) do
      assert.is_nil(seen[figure.name], figure.name)
      seen[figure.name] = true
    end
    assert.is_true(seen.cpu_total_ns and seen.network_rcvd_bytes and seen.cpu_limit_percent)
  end)

  it("says of each what it is, its unit as the name does, and where it is from", function()
    for _, figure in ipairs(figures.all()) do
      assert.is_true(#figure.text > 0, figure.name)
      assert.is_true(#figure.group > 0, figure.name)
      local is_from_somewhere = #figure.sources > 0 or figure.formulas ~= nil or figure.from ~= nil
      assert.is_true(is_from_somewhere, figure.name)
      for unit, ending in pairs(UNITS) do
        assert.equal(figure.name:find(ending) ~= nil, figure.unit == unit, figure.name)
      end
    end
  end)

  it("tells totals from levels", function()
    local is_total = {}
    for _, figure in ipairs(figures.all()) do
      is_total[figure.name] = figure.is_total
    end
    for _, name in ipairs { "cpu_total_ns", "cpu_throttled_ns", "io_read_bytes", "io_write_bytes",
      "memory_page_faults_total", "network_sent_packets_total", "network_rcvd_bytes", "network_sent_bytes" } do
      assert.is_true(is_total[name], name)
    end
    for _, name in ipairs { "cpu_quota_ns", "cpu_period_ns", "memory_usage_bytes", "pids_current",
      "cpu_limit_percent" } do
      assert.is_false(is_total[name], name)
    end
  end)

  -- The version that memory has there.
  for root, version in pairs { ["spec/fixtures/v2/t0"] = 2, ["spec/fixtures/hybrid"] = 2,
    ["spec/fixtures/kubelet-1.20-v1"] = 1 } do
    it("has formulas that hold on " .. root, function()
      local held = 0
      for id, row in pairs(rows_of(root)) do
        for name, formulas in pairs(figures.FORMULAS) do
          local environment = setmetatable({ math = math }, { __index = row })
          local formula = formulas[version] and assert(loadstring("return " .. formulas[version]))
          local fine, value = pcall(setfenv(formula or function() return row[name] end, environment))
          assert.equal(row[name], fine and value or nil, id .. ": " .. name)
          held = held + (formula and row[name] and 1 or 0)
        end
      end
      assert.is_true(held > 0)
    end)
  end
end)
