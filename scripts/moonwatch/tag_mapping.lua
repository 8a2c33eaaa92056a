--- "As tags": which labels, annotations or environment variables become tags, and under which names.
---
--- A pattern is a name, compared without case, in which `*` stands for any text. Behind it come the
--- names of tags, separated by commas: "+" in front means high cardinality, %%label%%, %%annotation%%
--- and %%env%% stand for the name that was found.
local M = {}

---@class TagMapping
---@field private exact table<string, string[]>  templates by lower-case name
---@field private globs { pieces: string[], templates: string[] }[]
local TagMapping = {}
TagMapping.__index = TagMapping

local VARIABLES = { label = true, annotation = true, env = true }

local function split(text, separator)
  local pieces = {}
  for piece in (text .. separator):gmatch("(.-)%" .. separator) do
    pieces[#pieces + 1] = piece
  end
  return pieces
end

local function templates_of(text)
  local templates = {}
  for _, template in ipairs(split(text, ",")) do
    template = template:match "^%s*(.-)%s*$"
    if template ~= "" then
      templates[#templates + 1] = template
    end
  end
  return templates
end

local function add_pattern(self, pattern, templates)
  pattern = pattern:lower()
  if pattern:find("*", 1, true) then
    table.insert(self.globs, { pieces = split(pattern, "*"), templates = templates })
    return
  end
  local known = self.exact[pattern] or {}
  for _, template in ipairs(templates) do
    known[#known + 1] = template
  end
  self.exact[pattern] = known
end

-- The pieces in their order, the first at the start and the last at the end: no pattern is so odd
-- that it would take long.
local function matches(pieces, name)
  local first, last = pieces[1], pieces[#pieces]
  if #name < #first + #last or name:sub(1, #first) ~= first then
    return false
  end
  local from, behind = #first + 1, #name - #last
  for i = 2, #pieces - 1 do
    local _, found = name:find(pieces[i], from, true)
    if not found or found > behind then
      return false
    end
    from = found + 1
  end
  return name:sub(behind + 1) == last
end

local function resolve(template, name)
  return (template:gsub("%%%%([^%%]*)%%%%", function(variable)
    return VARIABLES[variable] and name or ""
  end))
end

---@param entries? table<string, string>|string[]  pattern = "names", or a list of "pattern=names"
---@param setting string  for the texts of problems
---@return TagMapping
---@return string[] problems  entries that are not understood; they map nothing
function M.new(entries, setting)
  local self, problems = setmetatable({ exact = {}, globs = {} }, TagMapping), {}
  for key, text in pairs(entries or {}) do
    local pattern, names = key, text
    if type(key) == "number" then
      pattern, names = text:match "^%s*([^=]-)%s*=(.*)$"
    end
    local templates = names and templates_of(names) or {}
    if not pattern or pattern == "" or #templates == 0 then
      table.insert(problems, ('%s: "%s" is not understood: it is PATTERN=TAG[,TAG...]'):format(setting,
        type(key) == "number" and text or key .. "=" .. text))
    else
      add_pattern(self, pattern, templates)
    end
  end
  table.sort(problems)
  return self, problems
end

local function add_all(set, templates, name, value)
  for _, template in ipairs(templates) do
    set:add_chosen(resolve(template, name), value)
  end
end

--- Add what the mapping makes of labels, annotations or environment variables.
---@param set TagSet
---@param values? table<string, string>
function TagMapping:apply(set, values)
  if not next(self.exact) and #self.globs == 0 then
    return
  end
  for name, value in pairs(values or {}) do
    local lower = name:lower()
    add_all(set, self.exact[lower] or {}, name, value)
    for _, glob in ipairs(self.globs) do
      if matches(glob.pieces, lower) then
        add_all(set, glob.templates, name, value)
      end
    end
  end
end

return M
