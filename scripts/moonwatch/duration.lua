--- Durations for people: the unit that eyes can take in.
local M = {}

local UNITS = { { 172800, 86400, "d" }, { 7200, 3600, "h" }, { 120, 60, "min" } }

---@param seconds number
---@return string  "1.5 s", "12 min", "3.2 h", "5.0 d"
function M.text(seconds)
  for _, unit in ipairs(UNITS) do
    if seconds >= unit[1] then
      return (unit[3] == "min" and "%.0f %s" or "%.1f %s"):format(seconds / unit[2], unit[3])
    end
  end
  return ("%.3g s"):format(math.floor(seconds * 100 + 0.5) / 100)
end

return M
