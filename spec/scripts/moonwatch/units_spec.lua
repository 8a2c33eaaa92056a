local units = dofile "scripts/moonwatch/units.lua"

describe("moonwatch.units", function()
  for _, case in ipairs {
    { 0, "bytes", "0 B" },
    { 1023, "bytes", "1023 B" },
    { 1024, "bytes", "1.0 KiB" },
    { 1536, "bytes", "1.5 KiB" },
    { 1048575, "bytes", "1.0 MiB" }, -- not 1024.0 KiB
    { 2 ^ 60 * 4096, "bytes", "4096.0 EiB" },
    { 0, "ns", "0 ns" },
    { 1500, "ns", "1.500 us" },
    { 23099000, "ns", "23.099 ms" },
    { 3450000000, "ns", "3.450 s" },
    { 42, "count", "42" },
    { 12.345, "percent", "12.3 %" },
  } do
    local value, unit, text = unpack(case)
    it(("writes %.0f %s as %s"):format(value, unit, text), function()
      assert.equal(text, units.value(value, unit))
    end)
  end

  for _, case in ipairs {
    { 1e9, "ns", "100.0 %" },
    { 1.5e8, "ns", "15.0 %" },
    { 2048, "bytes", "2.0 KiB/s" },
    { 0.5, "count", "0.5/s" },
  } do
    local per_second, unit, text = unpack(case)
    it(("writes %g %s in a second as %s"):format(per_second, unit, text), function()
      assert.equal(text, units.rate(per_second, unit))
    end)
  end
end)
