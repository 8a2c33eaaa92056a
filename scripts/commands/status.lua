--- moonwatch status: what a running agent says of itself, as tables for eyes: what is wrong first.
local duration = require "moonwatch.duration"
local json = require "moonwatch.json"
local text_table = require "moonwatch.text_table"
local units = require "moonwatch.units"

local M = {
  api = 1,
  options = {
    status = { type = "string", default = "{}", doc = "the object of the control socket, as JSON" },
    all = { type = "boolean", default = false, doc = "each figure, and where errors were raised, too" },
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
}

local USAGE_COLUMNS = {
  { title = "LAST / MOST" },
  { title = "CPU", align = "right", keep = 90 },
  { title = "MEMORY PEAK", align = "right", keep = 85 },
  { title = "MESSAGES", align = "right", keep = 80 },
  { title = "BYTES", align = "right", keep = 60 },
  { title = "HTTP", align = "right", keep = 70 },
}

local SINK_COLUMNS = {
  { title = "SINK" }, { title = "DELIVERED", align = "right" }, { title = "WAITING", align = "right" },
  { title = "OLDEST", align = "right", keep = 40 }, { title = "DROPPED", align = "right" },
  { title = "STALE", align = "right", keep = 60 }, { title = "ASIDE", align = "right" },
  { title = "FAILED", align = "right" }, { title = "NEXT TRY", align = "right", keep = 50 },
}

local SOURCE_COLUMNS = {
  { title = "SOURCE" }, { title = "CONTAINERS", align = "right" }, { title = "PODS", align = "right" },
  { title = "LAST LIST", align = "right" }, { title = "STALE" },
}

local FIGURE_COLUMNS = {
  { title = "FIGURE" }, { title = "PRESENT", align = "right" }, { title = "ABSENT", align = "right" },
  { title = "FAILED", align = "right" },
}

local function milliseconds(value)
  return ("%.1f ms"):format(value)
end

local function count(value)
  return ("%.0f"):format(value)
end

local function short(value)
  return (value < 9.95 and "%.1f" or "%.0f"):format(value)
end

--- Two digits say enough, and budgets are round numbers: "1.4 KiB", "35 KiB", "64 MiB".
local function bytes(value)
  return (units.bytes(value):gsub("%.0 ", " "):gsub("(%d%d+)%.%d ", "%1 "))
end

--- "1.4K": where three of them stand side by side.
local function short_bytes(value)
  return (bytes(value):gsub(" (%a)iB$", "%1"):gsub(" B$", ""))
end

local function script_row(script)
  local has_run = script.runs_total > 0
  return {
    script.name, script.kind, script.state, script.interval_s > 0 and duration.text(script.interval_s),
    script.next_run_in_s and duration.text(script.next_run_in_s),
    count(script.runs_total), count(script.failures_total), count(script.skips_total),
    has_run and milliseconds(script.p50_ms), has_run and milliseconds(script.p99_ms),
  }
end

--- "1 / 3 of 100": of the last run, the most of any, and what it may be.
local function share(last, most, budget, text_of)
  return ("%s / %s of %s"):format(text_of(last), text_of(most), text_of(budget))
end

local function usage_row(script)
  local last, most, budget = script.usage_last, script.usage_most, script.budget
  return {
    script.name, ("%s / %s of %s ms"):format(short(script.cpu_last_ms), short(script.cpu_max_ms), count(budget.cpu_ms)),
    ("%s of %s"):format(short_bytes(most.memory_bytes), short_bytes(budget.memory_bytes)),
    share(last.messages_count, most.messages_count, budget.messages_count, count),
    share(last.messages_bytes, most.messages_bytes, budget.messages_bytes, short_bytes),
    share(last.http_requests_count, most.http_requests_count, budget.http_requests_count, count),
  }
end

local function sink_row(sink)
  return {
    sink.name, count(sink.delivered_total), count(sink.waiting),
    sink.oldest_age_s and duration.text(sink.oldest_age_s),
    count(sink.dropped_total), count(sink.stale_total), count(sink.set_aside_total), count(sink.failures_total),
    sink.next_try_in_s and duration.text(sink.next_try_in_s),
  }
end

local function source_row(source)
  return {
    source.name, count(source.containers_count), count(source.pods_count),
    source.age_s and duration.text(source.age_s) .. " ago" or "never", source.stale and "yes" or "no",
  }
end

local function figure_row(figure)
  return { figure.name, count(figure.present), count(figure.absent), count(figure.failed) }
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

local function add_list(lines, title, texts)
  if #texts == 0 then
    return
  end
  table.insert(lines, title)
  for _, text in ipairs(texts) do
    table.insert(lines, "  " .. text)
  end
  table.insert(lines, "")
end

local function add_verdict(lines, status)
  if status.healthy then
    table.insert(lines, "All is well.")
    table.insert(lines, "")
  end
  local title = #status.problems == 1 and "1 problem:" or #status.problems .. " problems:"
  add_list(lines, title, status.problems)
  add_list(lines, "Good to know:", status.notes)
end

--- How many figures there are in all containers that were asked for them, and in how many not.
local function figures_line(status)
  local everywhere, failed = 0, 0
  for _, figure in ipairs(status.figures) do
    everywhere = everywhere + (figure.absent == 0 and figure.failed == 0 and 1 or 0)
    failed = failed + (figure.failed > 0 and 1 or 0)
  end
  return ("figures   %d of %d in all %s containers, %d absent in some, %d could not be read"):format(everywhere,
    #status.figures, count(status.readings.containers), #status.figures - everywhere - failed, failed)
end

--- "queue     128 messages, 12 in memory (31 KiB); 1.2 MiB on disk, 14 commits, the longest 12.0 ms"
local function queue_line(queue)
  local line = ("queue     %s messages, %s in memory (%s)"):format(count(queue.messages),
    count(queue.buffer_messages), bytes(queue.buffer_bytes))
  if not queue.file_used_bytes then
    return line
  end
  return ("%s; %s on disk, %s commits, the longest %s"):format(line, bytes(queue.file_used_bytes),
    count(queue.commits_total), milliseconds(queue.max_commit_ms))
end

local function add_process(lines, status)
  local process = status.process
  table.insert(lines, ("agent     pid %.0f, up %s, CPU %s, %s threads"):format(process.pid,
    duration.text(process.uptime_s), duration.text(process.cpu_s), process.threads or "-"))
  table.insert(lines, queue_line(status.queue))
  local function of(value, what)
    return (value and bytes(value) or "-") .. what
  end
  table.insert(lines, "memory    " .. table.concat({
    of(process.rss_anon_bytes, " of its own"), of(process.rss_bytes, " resident"),
    of(process.cgroup_memory_bytes, " in its cgroup"),
  }, ", "))
  table.insert(lines, ("files     %s descriptors; %s of at most %s kept for containers, %s of the kernel"):format(
    count(process.descriptors), count(process.kept_files), count(process.kept_files_max),
    bytes(process.kept_files_bytes)))
end

--- Where errors were raised from: of the last one, also when runs are fine again.
local function add_tracebacks(lines, scripts, now_s)
  for _, script in ipairs(scripts) do
    local error = script.last_error or script.load_error or script.error
    if error then
      local when = script.last_error_at_s and (", %s ago"):format(duration.text(now_s - script.last_error_at_s)) or ""
      table.insert(lines, ("The last error of %s%s:"):format(script.name, when))
      local traceback = script.last_error and script.last_traceback or script.load_traceback or script.traceback
      for line in (error .. "\n" .. (traceback or "")):gmatch "[^\n]+" do
        table.insert(lines, "  " .. line:gsub("\t", "  "))
      end
      table.insert(lines, "")
    end
  end
end

function M.run(context)
  local status = assert(json.decode(context.options.status))
  local width, lines = context.options.columns, {}
  add_verdict(lines, status)
  add_table(lines, SCRIPT_COLUMNS, status.scripts, script_row, width)
  add_table(lines, USAGE_COLUMNS, status.scripts, usage_row, width)
  add_table(lines, SOURCE_COLUMNS, status.sources, source_row, width)
  add_table(lines, SINK_COLUMNS, status.sinks, sink_row, width)
  if context.options.all then
    add_table(lines, FIGURE_COLUMNS, status.figures, figure_row, width)
    add_tracebacks(lines, status.scripts, context.now_s)
  end
  add_process(lines, status)
  table.insert(lines, figures_line(status))
  context:emit("lines", lines)
  return true
end

return M
