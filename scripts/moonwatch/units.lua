--- Numbers for people: the unit of a figure, and a size that eyes can take in.
local M = {}

local BYTE_UNITS = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" }
local TIME_UNITS = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } }
local NS_PER_PERCENT = 1e7 -- of a second

---@param bytes number
---@return string  "1.5 MiB"
function M.bytes(bytes)
  local unit = 1
  while bytes >= 1023.95 and unit < #BYTE_UNITS do
    bytes, unit = bytes / 1024, unit + 1
  end
  return (unit == 1 and "%.0f %s" or "%.1f %s"):format(bytes, BYTE_UNITS[unit])
end

---@param ns number
---@return string  "1.234 s"
function M.time(ns)
  for _, unit in ipairs(TIME_UNITS) do
    if ns >= unit[1] then
      return ("%.3f %s"):format(ns / unit[1], unit[2])
    end
  end
  return ("%.0f ns"):format(ns)
end

--- A value in the unit of the table of figures.
---@param value number
---@param unit "bytes"|"ns"|"count"|"percent"
---@return string
function M.value(value, unit)
  if unit == "bytes" then
    return M.bytes(value)
  elseif unit == "ns" then
    return M.time(value)
  elseif unit == "percent" then
    return ("%.1f %%"):format(value)
  end
  return ("%.0f"):format(value)
end

--- How much a total of that unit grows in a second; time that passes in a second is a percentage.
---@param per_second number
---@param unit "bytes"|"ns"|"count"
---@return string
function M.rate(per_second, unit)
  if unit == "ns" then
    return ("%.1f %%"):format(per_second / NS_PER_PERCENT)
  elseif unit == "bytes" then
    return M.bytes(per_second) .. "/s"
  end
  return ("%.1f/s"):format(per_second)
end

return M
