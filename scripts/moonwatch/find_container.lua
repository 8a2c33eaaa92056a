--- The container that an operator means: by its id, its name, or the beginning of its id.
local M = {}

local LISTED_MAX = 10
local SHORT_ID_LENGTH = 12 -- as the runtimes show them
local SUGGESTION_MIN = 2 -- characters that an id has in common with what was typed

local function begins_with(text, start)
  return text:sub(1, #start) == start
end

--- Ids for eyes: their beginnings, or the whole where several begin alike, as those of an ECS task do.
---@param containers Container[]
---@return table<string, string> short  by id
function M.short_ids(containers)
  local counts, short = {}, {}
  for _, container in ipairs(containers) do
    local start = container.id:sub(1, SHORT_ID_LENGTH)
    counts[start] = (counts[start] or 0) + 1
  end
  for _, container in ipairs(containers) do
    local start = container.id:sub(1, SHORT_ID_LENGTH)
    short[container.id] = counts[start] > 1 and container.id or start
  end
  return short
end

local function listed(containers)
  local labels, short = {}, M.short_ids(containers)
  for i = 1, math.min(#containers, LISTED_MAX) do
    local id, name = containers[i].id, containers[i].name
    labels[i] = name and ("%s (%s)"):format(short[id], name) or short[id]
  end
  if #containers > LISTED_MAX then
    table.insert(labels, ("and %d more"):format(#containers - LISTED_MAX))
  end
  return table.concat(labels, ", ")
end

local function common_length(one, other)
  local length = 0
  while length < #one and one:byte(length + 1) == other:byte(length + 1) do
    length = length + 1
  end
  return length
end

--- Those whose name has the text in it, or whose id begins most like it.
local function close_to(containers, text)
  local close, longest = {}, SUGGESTION_MIN
  for _, container in ipairs(containers) do
    longest = math.max(longest, common_length(text, container.id))
  end
  for _, container in ipairs(containers) do
    if common_length(text, container.id) >= longest
      or (container.name and container.name:lower():find(text:lower(), 1, true)) then
      table.insert(close, container)
    end
  end
  return close
end

--- The container whose id is the text; else those whose name it is, and else those whose id begins
--- with it: many a name ("db", "cafe") is the beginning of an id as well.
---@param containers Container[]
---@param text string
---@return Container[] matches
function M.matches(containers, text)
  local named, begun = {}, {}
  for _, container in ipairs(containers) do
    if container.id == text then
      return { container }
    elseif container.name == text then
      table.insert(named, container)
    elseif begins_with(container.id, text) then
      table.insert(begun, container)
    end
  end
  return #named > 0 and named or begun
end

--- The one container that the text means.
---@param containers Container[]
---@param text string
---@return Container?
---@return string? message  what there is instead
function M.one(containers, text)
  local matches = M.matches(containers, text)
  if #matches == 1 then
    return matches[1]
  end
  if #matches > 1 then
    local how = matches[1].name == text and "are called" or "begin with"
    return nil, ("%d containers %s %s: %s"):format(#matches, how, text, listed(matches))
  end
  if #containers == 0 then
    return nil, ("there is no container %s, and none at all"):format(text)
  end
  local close = close_to(containers, text)
  if #close > 0 then
    return nil, ("there is no container %s; did you mean %s?"):format(text, listed(close))
  end
  return nil, ("there is no container %s; moonwatch inventory lists those that there are"):format(text)
end

return M
