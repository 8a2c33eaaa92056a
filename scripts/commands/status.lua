--- moonwatch status: what a running agent says of itself, as tables for eyes.
local json = require "moonwatch.json"
local text_table = require "moonwatch.text_table"
local units = require "moonwatch.units"

local M = {
  api = 1,
  options = {
    status = { type = "string", default = "{}", doc = "the object of the control socket, as JSON" },
    format = { type = "string", default = "table", doc = "table" },
    columns = { type = "integer", default = 0, min = 0, max = 100000, doc = "of the terminal; 0: any number" },
  },
}

local SCRIPT_COLUMNS = {
  { title = "SCRIPT" },
  { title = "KIND", keep = 20 },
  { title = "STATE" },
  { title = "EVERY", align = "right", keep = 60 },
  { title = "NEXT", align = "right", keep = 30 },
  { title = "RUNS", align = "right" },
  { title = "FAILED", align = "right" },
  { title = "SKIPPED", align = "right", keep = 70 },
  { title = "P50", align = "right", keep = 80 },
  { title = "P99", align = "right", keep = 50 },
  { title = "CPU MAX", align = "right", keep = 90 },
  { title = "MEMORY", align = "right", keep = 85 },
}

local SINK_COLUMNS = {
  { title = "SINK" }, { title = "DELIVERED", align = "right" }, { title = "WAITING", align = "right" },
  { title = "DROPPED", align = "right" }, { title = "FAILED", align = "right" },
}

local SOURCE_COLUMNS = {
  { title = "SOURCE" }, { title = "CONTAINERS", align = "right" }, { title = "PODS", align = "right" },
  { title = "LAST LIST", align = "right" }, { title = "STALE" },
}

local function seconds(value)
  return value and ("%.3g s"):format(value) or false
end

local function milliseconds(value)
  return ("%.1f ms"):format(value)
end

local function count(value)
  return ("%.0f"):format(value)
end

--- "12 of 1000 ms": what was used of what may be used.
local function share_of_cpu(script)
  return ("%.0f of %.0f ms"):format(script.cpu_max_ms, script.budget.cpu_ms)
end

local function script_row(script)
  local has_run = script.runs_total > 0
  return {
    script.name, script.kind, script.state, script.interval_s > 0 and seconds(script.interval_s),
    seconds(script.next_run_in_s), count(script.runs_total), count(script.failures_total), count(script.skips_total),
    has_run and milliseconds(script.p50_ms), has_run and milliseconds(script.p99_ms),
    has_run and share_of_cpu(script), units.bytes(script.memory_bytes),
  }
end

local function sink_row(sink)
  return {
    sink.name, count(sink.delivered_total), count(sink.waiting), count(sink.dropped_total), count(sink.failures_total),
  }
end

local function source_row(source)
  return {
    source.name, count(source.containers_count), count(source.pods_count),
    source.age_s and seconds(source.age_s) .. " ago" or "never", source.stale and "yes" or "no",
  }
end

local function add_table(lines, columns, items, row_of, width)
  local rows = {}
  for i, item in ipairs(items) do
    rows[i] = row_of(item)
  end
  for _, line in ipairs(text_table.lines(columns, rows, width)) do
    table.insert(lines, line)
  end
  table.insert(lines, "")
end

local ERRORS = {
  { field = "error", prefix = "" },
  { field = "load_error", prefix = "not loaded anew: " },
  { field = "restore_error", prefix = "began with nothing when it was loaded anew: " },
}

--- What is wrong: the first line of each error, under its name.
local function add_errors(lines, items)
  for _, item in ipairs(items) do
    for _, kind in ipairs(ERRORS) do
      local text = item[kind.field]
      if text then
        table.insert(lines, ("%s: %s%s"):format(item.name, kind.prefix, text:match "^[^\n]*"))
      end
    end
  end
end

local function process_line(status)
  local process = status.process
  return ("pid %.0f, up %s, CPU %s, memory %s, %s threads, %s descriptors; %s messages wait, %s"):format(
    process.pid, seconds(process.uptime_s), seconds(process.cpu_s),
    process.rss_anon_bytes and units.bytes(process.rss_anon_bytes) or "-", process.threads or "-",
    process.descriptors, count(status.queue.messages), units.bytes(status.queue.bytes))
end

function M.run(context)
  local status = assert(json.decode(context.options.status))
  local width, lines = context.options.columns, {}
  add_table(lines, SCRIPT_COLUMNS, status.scripts, script_row, width)
  add_table(lines, SOURCE_COLUMNS, status.sources, source_row, width)
  add_table(lines, SINK_COLUMNS, status.sinks, sink_row, width)
  add_errors(lines, status.scripts)
  add_errors(lines, status.sinks)
  table.insert(lines, process_line(status))
  context:emit("lines", lines)
  return true
end

return M
