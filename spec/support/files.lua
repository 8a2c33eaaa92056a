--- Files that specs look at.
local M = {}

--- The content of a file, or nil when it cannot be opened.
---@param path string
---@return string?
function M.read_if_there(path)
  local file = io.open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read "*a"
  file:close()
  return text
end

--- The content of a file that has to be there.
---@param path string
---@return string
function M.read(path)
  return M.read_if_there(path) or error("cannot open " .. path, 2)
end

--- The lines of a text that are not empty.
---@param text string
---@return string[]
function M.lines(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do
    table.insert(lines, line)
  end
  return lines
end

return M
