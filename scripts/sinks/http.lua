--- Posts messages to a URL, in batches: one JSON object a line, as the sinks stdout and file write
--- them, or a JSON list of these objects.
local http = require "moonwatch.http"

local M = {
  api = 1,
  interval_s = 1,
  options = {
    url = { type = "string", default = "", doc = "where to; there is no default: the sink needs one" },
    credentials = { type = "string", default = "", doc = "name of credentials of moonwatch.lua; none: no token" },
    format = { type = "string", default = "lines", doc = "lines: JSON lines; list: one JSON list" },
    headers = { type = "strings", default = {}, max = 32, doc = "more of the request: Name:value" },
    timeout_s = { type = "number", default = 5, min = 0.1, max = 300, doc = "for one answer, complete" },
  },
}

--- Said of the request and not of what is in it: the messages can do nothing about it. All others
--- from 400 to 499 mean that the same batch would be refused again.
local NOT_ABOUT_MESSAGES = {
  [401] = true, [402] = true, [403] = true, [404] = true, [405] = true, [407] = true, [408] = true, [410] = true,
  [421] = true, [423] = true, [425] = true, [426] = true, [429] = true,
}

local FORMATS = {
  lines = { type = "application/x-ndjson", first = "", between = "\n", last = "\n" },
  list = { type = "application/json", first = "[", between = ",", last = "]" },
}

local format, request_options

local function headers_of(options)
  local headers = { ["Content-Type"] = format.type }
  for _, header in ipairs(options.headers) do
    local name, value = header:match "^([%w_-]+):(.+)$"
    if not name then
      return nil, ("headers has \"%s\", which is no Name:value"):format(header)
    end
    headers[name] = value
  end
  return headers
end

function M.init(options)
  if options.url == "" then
    return nil, "it needs to know where to: set options.url in conf.d/http.lua, or scripts.http.options.url"
  end
  format = FORMATS[options.format]
  if not format then
    return nil, ("format is \"%s\", neither lines nor list"):format(options.format)
  end
  local headers, why = headers_of(options)
  request_options = {
    headers = headers,
    timeout_s = options.timeout_s,
    credentials = options.credentials ~= "" and options.credentials or nil,
  }
  return headers and true, why
end

--- "2026-11-26T12:00:00.123Z"
local function time(at_s)
  local ms = math.floor(at_s * 1000 + 0.5)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000)) .. (".%03dZ"):format(ms % 1000)
end

--- Names of scripts and kinds need no quoting in JSON; the body is JSON already.
---@param message Message
local function object(message)
  return table.concat {
    '{"body":', message.body, ',"emitted_at":"', time(message.emitted_at_s), '","kind":"', message.kind,
    '","number":', ("%.0f"):format(message.number), ',"schema":', ("%d"):format(message.schema), ',"script":"',
    message.script, '"}',
  }
end

local function is_permanent(status)
  return status ~= nil and status >= 400 and status < 500 and not NOT_ABOUT_MESSAGES[status]
end

---@param context SinkContext
---@param batch Message[]
---@return true? delivered
---@return string? why
---@return DeliveryFailure? failure
function M.deliver(context, batch)
  local objects = {}
  for i, message in ipairs(batch) do
    objects[i] = object(message)
  end
  local body = format.first .. table.concat(objects, format.between) .. format.last
  local answer, why, failure = http.post(context.options.url, body, request_options)
  if answer then
    return true
  end
  return nil, why, { permanent = is_permanent(failure.status), retry_after_s = failure.retry_after_s }
end

return M
