--- moonwatch scripts: which scripts run, from which files, and in front of which shipped ones.
local duration = require "moonwatch.duration"
local json = require "moonwatch.json"
local text_table = require "moonwatch.text_table"

local M = {
  api = 1,
  options = {
    scripts = { type = "string", default = "{}", doc = "the object of the control socket, as JSON" },
    format = { type = "string", default = "table", doc = "table" },
    columns = { type = "integer", default = 0, min = 0, max = 100000, doc = "of the terminal; 0: any number" },
  },
}

local COLUMNS = {
  { title = "SCRIPT" },
  { title = "KIND" },
  { title = "STATE" },
  { title = "API", align = "right", keep = 10 },
  { title = "SINCE", align = "right", keep = 20 },
  { title = "WHOSE" },
  { title = "FILE", shorten = 30 },
}

local function whose(item, shipped_dir)
  if item.shadows then
    return item.shipped_changed and "yours, shipped changed" or "yours, over shipped"
  elseif not item.file then
    return false
  end
  return item.file:sub(1, #shipped_dir + 1) == shipped_dir .. "/" and "shipped" or "yours"
end

local function row_of(item, listed, now_s)
  return {
    item.kind and item.name or "moonwatch/" .. item.name, item.kind or "module", item.state or false,
    item.api and ("%.0f"):format(item.api), item.loaded_at_s and duration.text(now_s - item.loaded_at_s),
    whose(item, listed.script_dirs[#listed.script_dirs]), item.file or "there is none",
  }
end

local function add_details(lines, items)
  for _, item in ipairs(items) do
    local name = item.kind and item.name or "moonwatch/" .. item.name
    if item.load_error then
      table.insert(lines, ("%s: %s"):format(name, item.load_error))
    end
    if item.shadows then
      table.insert(lines, ("%s stands in front of %s%s"):format(name, item.shadows,
        item.shipped_changed and ", which has changed since" or ""))
    end
    if item.shipped_changed then
      table.insert(lines, ("  moonwatch scripts diff %s shows how they differ"):format(name))
    end
  end
end

function M.run(context)
  local listed = assert(json.decode(context.options.scripts))
  local items, rows = {}, {}
  for _, list in ipairs { listed.scripts, listed.modules } do
    for _, item in ipairs(list) do
      table.insert(items, item)
      table.insert(rows, row_of(item, listed, context.now_s))
    end
  end
  local lines = text_table.lines(COLUMNS, rows, context.options.columns)
  table.insert(lines, "")
  add_details(lines, items)
  if lines[#lines] == "" then
    table.remove(lines)
  end
  context:emit("lines", lines)
  return true
end

return M
