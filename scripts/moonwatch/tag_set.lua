--- Tags of one origin, each with the lowest cardinality at which it is shown.
local M = {}

M.LOW, M.ORCHESTRATOR, M.HIGH = 1, 2, 3

---@class TagSet
---@field levels table<string, integer>  of each tag, "name:value"
---@field names table<string, boolean>  that have a tag
---@field private name_of table<string, string>
---@field private separators table<string, string>
local TagSet = {}
TagSet.__index = TagSet

---@param separators? table<string, string>  of the names whose values are lists
---@return TagSet
function M.new(separators)
  return setmetatable({ levels = {}, names = {}, name_of = {}, separators = separators or {} }, TagSet)
end

local function put(set, level, tag, name)
  set.levels[tag] = math.min(level, set.levels[tag] or level)
  set.names[name], set.name_of[tag] = true, name
end

--- Add a whole tag, "name:value" or a plain word.
---@param level integer
---@param tag string
function TagSet:add_tag(level, tag)
  if tag ~= "" then
    put(self, level, tag, tag:match "^[^:]*")
  end
end

local function pieces_of(value, separator)
  local pieces, from = {}, 1
  repeat
    local first, last = value:find(separator, from, true)
    pieces[#pieces + 1] = value:sub(from, (first or 0) - 1)
    from = last and last + 1
  until not from
  return pieces
end

--- Without a name or a value there is no tag.
---@param level integer
---@param name? string
---@param value? string
function TagSet:add(level, name, value)
  if not name or name == "" or not value then
    return
  end
  local separator = self.separators[name]
  for _, piece in ipairs(separator and pieces_of(value, separator) or { value }) do
    if piece ~= "" then
      put(self, level, name .. ":" .. piece, name)
    end
  end
end

--- Add under a name that somebody chose: "+name" has high cardinality, any other low.
---@param name string
---@param value? string
function TagSet:add_chosen(name, value)
  if name:sub(1, 1) == "+" then
    self:add(M.HIGH, name:sub(2), value)
  else
    self:add(M.LOW, name, value)
  end
end

--- Take in another set, but for the names that `owner` has: who knows better owns the name, at
--- whatever cardinality.
---@param other TagSet
---@param owner? TagSet
function TagSet:merge(other, owner)
  for tag, level in pairs(other.levels) do
    local name = other.name_of[tag]
    if not owner or not owner.names[name] then
      put(self, level, tag, name)
    end
  end
end

---@param level integer  with all that is lower
---@return string[] tags  sorted
function TagSet:list(level)
  local tags = {}
  for tag, its_level in pairs(self.levels) do
    if its_level <= level then
      tags[#tags + 1] = tag
    end
  end
  table.sort(tags)
  return tags
end

return M
