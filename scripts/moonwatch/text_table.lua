--- Rows of text as lines of a table for eyes: columns as wide as they need to be, and where that is
--- wider than the terminal, without those that matter least.
local M = {}

local GAP = "  "

---@class TextColumn
---@field title string
---@field align? "right"  left unless it says so
---@field keep? integer  columns with the lowest leave first; without it a column stays

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

--- The places of the columns that fit.
local function fit(columns, widths, width)
  local shown = {}
  for place = 1, #columns do
    shown[place] = place
  end
  while width > 0 and total_width(shown, widths) > width do
    local least = least_of(shown, columns)
    if not least then
      break
    end
    table.remove(shown, least)
  end
  return shown
end

local function cell(text, width, align)
  local padding = (" "):rep(width - M.width(text))
  return align == "right" and padding .. text or text .. padding
end

--- @p rows are lists of texts, one for each column; false is shown as "-".
---@param columns TextColumn[]
---@param rows (string|false)[][]
---@param width integer  of the terminal; 0: any
---@return string[] lines  titles first
function M.lines(columns, rows, width)
  local widths = widths_of(columns, rows)
  local shown = fit(columns, widths, width)

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
