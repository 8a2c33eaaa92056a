--- The rules of a filter: "image:<regex>", "name:<regex>" and "kube_namespace:<regex>".
local regex = require "moonwatch.regex"

local M = {}

---@class FilterRule
---@field rule string  as it was given: "name:^foo"
---@field list string  the setting that it is from: "container_exclude"
---@field regex Regex
---@field warned? boolean  that it was too expensive for a text

---@class FilterRules
---@field image FilterRule[]
---@field name FilterRule[]
---@field kube_namespace FilterRule[]

local FIELDS = { "image", "name", "kube_namespace" }
local UNKNOWN = "Container filter %s is unknown, ignoring it. "
  .. "The supported filters are 'image', 'name' and 'kube_namespace'"

local ESCAPES = {
  ["\a"] = "\\a", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t",
  ["\v"] = "\\v", ['"'] = '\\"', ["\\"] = "\\\\",
}

local function quote(text)
  return '"' .. text:gsub('[%c"\\]', function(c)
    return ESCAPES[c] or ("\\x%02x"):format(c:byte())
  end) .. '"'
end

local function split_entry(entry)
  for _, field in ipairs(FIELDS) do
    if entry:sub(1, #field + 1) == field .. ":" then
      return field, entry:sub(#field + 2)
    end
  end
end

--- Make rules of entries, in order. One that is wrong is left out, the others hold.
---@param entries { entry: string, list: string }[]
---@return FilterRules rules
---@return string[] problems  regular expressions that are wrong, then unknown entries
function M.parse(entries)
  local rules = { image = {}, name = {}, kube_namespace = {} }
  local problems, unknown = {}, {}
  for _, given in ipairs(entries) do
    local field, pattern = split_entry(given.entry)
    if field then
      local compiled, err = regex.compile(pattern)
      if compiled then
        table.insert(rules[field], { rule = given.entry, list = given.list, regex = compiled })
      else
        table.insert(problems, err)
      end
    else
      table.insert(unknown, UNKNOWN:format(quote(given.entry)))
    end
  end
  for _, text in ipairs(unknown) do
    table.insert(problems, text)
  end
  return rules, problems
end

return M
