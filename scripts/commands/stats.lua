--- moonwatch stats: every figure of one container, and how fast its totals grow.
local figures = require "moonwatch.figures"
local find_container = require "moonwatch.find_container"
local inventory = require "moonwatch.inventory"
local json = require "moonwatch.json"
local stats = require "moonwatch.stats"
local text_table = require "moonwatch.text_table"
local units = require "moonwatch.units"

local M = {
  api = 1,
  options = {
    id = { type = "string", default = "", doc = "beginning of an id, or a name" },
    format = { type = "string", default = "table", doc = "table or json" },
    columns = { type = "integer", default = 0, min = 0, max = 100000, doc = "of the terminal; 0: any number" },
  },
}

local FAILED = 1

local FIGURE_COLUMNS = {
  { title = "FIGURE" },
  { title = "VALUE", align = "right" },
  { title = "RATE", align = "right" },
  { title = "UNIT", keep = 20 },
  { title = "WHAT", keep = 10 },
}

local found, last -- the container, and its first reading

--- Everything that is known now: one flat row, with the times of its parts.
local function read(container)
  local row, message = stats.container(container, 0)
  if not row then
    return nil, message
  end
  local reading = { row = row, interfaces = {}, devices = stats.io_devices(container, 60000) or {} }
  local network = stats.network(container, 0)
  if network then
    reading.interfaces = stats.interfaces(container, 60000) or {}
  end
  reading.processes = stats.processes(container, 0)
  for _, part in ipairs { network or {}, reading.processes or {} } do
    for field, value in pairs(part) do
      row[field] = row[field] or value
    end
  end
  return reading
end

--- Growth in a second, or nil where there is no pair of readings of the same container.
local function rate_of(figure, now, before)
  local is_network = figure.name:find "^network_" ~= nil
  local clock, identity = "read_s", "identity"
  if is_network then
    clock, identity = "network_read_s", "network_identity"
  end
  local value, first = now.row[figure.name], before and before.row[figure.name]
  if not first or not figure.is_total or now.row[identity] ~= before.row[identity] or value < first then
    return nil
  end
  local passed_s = now.row[clock] - before.row[clock]
  return passed_s > 0 and (value - first) / passed_s or nil
end

--- The figures that are there, with value and rate_per_s.
local function figures_of(now, before)
  local present = {}
  for _, figure in ipairs(figures.all()) do
    figure.value = now.row[figure.name]
    if figure.value then
      figure.rate_per_s = rate_of(figure, now, before)
      table.insert(present, figure)
    end
  end
  return present
end

-- ---- For eyes ----

local function append(lines, more)
  for _, line in ipairs(more) do
    table.insert(lines, line)
  end
end

local function heading(container)
  local parts = { container.id }
  for _, field in ipairs { "name", "image", "runtime", "state" } do
    table.insert(parts, container[field])
  end
  return table.concat(parts, "  ")
end

local function figure_rows(present, group)
  local rows = {}
  for _, figure in ipairs(present) do
    if figure.group == group then
      table.insert(rows, {
        figure.name, units.value(figure.value, figure.unit),
        figure.rate_per_s and units.rate(figure.rate_per_s, figure.unit) or "", figure.unit, figure.text,
      })
    end
  end
  return rows
end

local function groups_of(present)
  local groups, seen = {}, {}
  for _, figure in ipairs(present) do
    if not seen[figure.group] then
      seen[figure.group] = true
      table.insert(groups, figure.group)
    end
  end
  return groups
end

--- A table of things that each have fields, such as devices; fields that none has are left out.
local function append_parts(lines, title, parts, fields, width)
  local columns, rows = { { title = title } }, {}
  for _, field in ipairs(fields) do
    for _, part in ipairs(parts) do
      if part[field] then
        table.insert(columns, { title = field, align = "right", keep = #fields - #columns, field = field })
        break
      end
    end
  end
  for i, part in ipairs(parts) do
    rows[i] = { part.name or ("%d:%d"):format(part.major, part.minor) }
    for k = 2, #columns do
      local field, value = columns[k].field, part[columns[k].field]
      rows[i][k] = value and units.value(value, field:find "bytes" and "bytes" or "count") or false
    end
  end
  if #parts > 0 then
    table.insert(lines, "")
    append(lines, text_table.lines(columns, rows, width))
  end
end

local function text_of(container, now, present, width)
  local lines = { heading(container) }
  for _, group in ipairs(groups_of(present)) do
    table.insert(lines, "")
    table.insert(lines, group)
    append(lines, text_table.lines(FIGURE_COLUMNS, figure_rows(present, group), width))
  end
  append_parts(lines, "DISK", now.devices, {
    "read_bytes", "write_bytes", "read_operations_total", "write_operations_total", "read_limit_bytes_per_s",
    "write_limit_bytes_per_s", "read_limit_operations_per_s", "write_limit_operations_per_s",
  }, width)
  append_parts(lines, "INTERFACE", now.interfaces, {
    "rcvd_bytes", "rcvd_packets_total", "sent_bytes", "sent_packets_total",
  }, width)
  return lines
end

-- ---- For programs ----

local function body_of(container, now, before, present)
  local body = {
    interval_s = now.row.read_s - before.row.read_s,
    id = container.id, name = container.name, image = container.image, runtime = container.runtime,
    figures = json.list {}, io_devices = json.list(now.devices), interfaces = json.list(now.interfaces),
    pids = now.processes and json.list(now.processes.pids), host_network = now.row.host_network,
    network_namespace = now.row.network_namespace, cpu_limit_defaulted = now.row.cpu_limit_defaulted,
  }
  for i, figure in ipairs(present) do
    body.figures[i] = { name = figure.name, unit = figure.unit, value = figure.value, rate_per_s = figure.rate_per_s }
  end
  return body
end

-- ---- Runs ----

local function fail(context, message)
  context:emit("notices", { message })
  context:emit("exit", { code = FAILED })
end

--- The first run reads, the second reads again and shows both.
function M.run(context)
  local message
  if not found then
    found, message = find_container.one(inventory.containers(), context.options.id)
    if not found then
      return fail(context, message)
    end
  end
  local now
  now, message = read(found)
  if not now then
    return fail(context, message)
  end
  if not last then
    last = now
    return true
  end
  local present = figures_of(now, last)
  if context.options.format == "json" then
    context:emit("json", body_of(found, now, last, present))
  else
    context:emit("lines", text_of(found, now, present, context.options.columns))
  end
  return true
end

return M
