--- Rows of text as lines of a table for eyes: columns as wide as they need to be, and where that is
--- wider than the terminal, with shorter texts and then without the columns that matter least.
local M = {}

local GAP = "  "
local ELLIPSIS = "…"

---@class TextColumn
---@field title string
---@field align? "right"  left unless it says so
---@field keep? integer  columns with the lowest leave first; without it a column stays
---@field shorten? integer  characters that its texts may be cut down to: the end stays, which tells
---  more of an image

--- How many columns of a terminal a text takes: characters, not bytes.
---@param text string
---@return integer
function M.width(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

local function widths_of(columns, rows)
  local widths = {}
  for i, column in ipairs(columns) do
    widths[i] = M.width(column.title)
    for _, row in ipairs(rows) do
      widths[i] = math.max(widths[i], M.width(row[i] or "-"))
    end
  end
  return widths
end

local function total_width(shown, widths)
  local total = #GAP * (#shown - 1)
  for _, place in ipairs(shown) do
    total = total + widths[place]
  end
  return total
end

local function widest_to_shorten(columns, shown, widths)
  local widest
  for _, place in ipairs(shown) do
    local least = columns[place].shorten and math.max(columns[place].shorten, M.width(columns[place].title))
    if least and widths[place] > least and (not widest or widths[place] > widths[widest]) then
      widest = place
    end
  end
  return widest
end

--- The widths where texts are as short as the terminal needs them, and as they may be.
local function shortened(columns, shown, natural, width)
  local widths = { unpack(natural) }
  while width > 0 and total_width(shown, widths) > width do
    local place = widest_to_shorten(columns, shown, widths)
    if not place then
      break
    end
    local least = math.max(columns[place].shorten, M.width(columns[place].title))
    widths[place] = math.max(least, widths[place] - (total_width(shown, widths) - width))
  end
  return widths
end

local function least_of(shown, columns)
  local least
  for i, place in ipairs(shown) do
    local keep = columns[place].keep
    if keep and (not least or keep < columns[shown[least]].keep) then
      least = i
    end
  end
  return least
end

--- The places of the columns that fit, and the widths of all.
local function fit(columns, natural, width)
  local shown = {}
  for place = 1, #columns do
    shown[place] = place
  end
  local widths = shortened(columns, shown, natural, width)
  while width > 0 and total_width(shown, widths) > width do
    local least = least_of(shown, columns)
    if not least then
      break
    end
    table.remove(shown, least)
    widths = shortened(columns, shown, natural, width)
  end
  return shown, widths
end

--- The last characters of a text.
local function last_of(text, count)
  local at = #text + 1
  while count > 0 and at > 1 do
    at = at - 1
    if not text:find("^[\128-\191]", at) then
      count = count - 1
    end
  end
  return text:sub(at)
end

local function cell(text, width, align)
  text = text:gsub("%c", "?") -- a line feed would end the row
  if M.width(text) > width then
    text = ELLIPSIS .. last_of(text, width - 1)
  end
  local padding = (" "):rep(width - M.width(text))
  return align == "right" and padding .. text or text .. padding
end

--- @p rows are lists of texts, one for each column; false is shown as "-".
---@param columns TextColumn[]
---@param rows (string|false)[][]
---@param width integer  of the terminal; 0: any
---@return string[] lines  titles first
function M.lines(columns, rows, width)
  local shown, widths = fit(columns, widths_of(columns, rows), width)

  local function line_of(text_at)
    local cells = {}
    for i, place in ipairs(shown) do
      cells[i] = cell(text_at(place), widths[place], columns[place].align)
    end
    return (table.concat(cells, GAP):gsub(" +$", ""))
  end

  local lines = { line_of(function(place) return columns[place].title end) }
  for _, row in ipairs(rows) do
    table.insert(lines, line_of(function(place) return row[place] or "-" end))
  end
  return lines
end

return M
