--- moonwatch inventory: the containers that the sources know of, and what they tell of each.
local find_container = require "moonwatch.find_container"
local images = require "moonwatch.images"
local inventory = require "moonwatch.inventory"
local json = require "moonwatch.json"
local text_table = require "moonwatch.text_table"

local M = {
  api = 1,
  options = {
    format = { type = "string", default = "table", doc = "table or json" },
    columns = { type = "integer", default = 0, min = 0, max = 100000, doc = "of the terminal; 0: any number" },
  },
}

local NOTHING_TO_DO = 3

local COLUMNS = {
  { title = "CONTAINER" },
  { title = "RUNTIME", keep = 40 },
  { title = "STATE", keep = 80 },
  { title = "NAME", keep = 100 },
  { title = "IMAGE", keep = 60, shorten = 24 },
  { title = "POD", keep = 70 },
  { title = "AGE", align = "right", keep = 50 },
  { title = "SOURCES", keep = 30 },
}

local AGES = { { 86400, "d" }, { 3600, "h" }, { 60, "m" }, { 1, "s" } }

--- "3d", "5h": the largest unit that is not zero.
local function age_of(container, now_s)
  local since_s = container.started_s or container.created_s
  if not since_s or since_s > now_s then
    return false
  end
  for _, unit in ipairs(AGES) do
    if now_s - since_s >= unit[1] then
      return ("%d%s"):format(math.floor((now_s - since_s) / unit[1]), unit[2])
    end
  end
  return "0s"
end

local function pod_of(container)
  local pod = container.pod
  if pod and pod.name then
    return pod.namespace and pod.namespace .. "/" .. pod.name or pod.name
  end
  return container.pod_uid or false
end

local function sources_of(container)
  local sources = table.concat(container.sources or {}, ",")
  return container.stale and sources .. " (stale)" or sources
end

local function row_of(container, short_ids, now_s)
  return {
    short_ids[container.id], container.runtime or false, container.state or false, container.name or false,
    container.image and images.brief(container.image) or false, pod_of(container), age_of(container, now_s),
    sources_of(container),
  }
end

local function count(number, noun)
  return ("%d %s%s"):format(number, noun, number == 1 and "" or "s")
end

--- A source that knows no pods may know which pod a container is in.
local function pods_count(containers, pods)
  local seen, number = {}, #pods
  for _, pod in ipairs(pods) do
    seen[pod.uid] = true
  end
  for _, container in ipairs(containers) do
    if container.pod_uid and not seen[container.pod_uid] then
      seen[container.pod_uid] = true
      number = number + 1
    end
  end
  return number
end

local function table_lines(containers, pods, options, now_s)
  local rows, short_ids = {}, find_container.short_ids(containers)
  for i, container in ipairs(containers) do
    rows[i] = row_of(container, short_ids, now_s)
  end
  local lines = text_table.lines(COLUMNS, rows, options.columns)
  table.insert(lines, count(#containers, "container") .. ", " .. count(pods_count(containers, pods), "pod"))
  return lines
end

--- Without its pod, which stands in a list of its own.
local function without_pod(container)
  local copy = {}
  for field, value in pairs(container) do
    if field ~= "pod" then
      copy[field] = value
    end
  end
  return copy
end

local function sorted_pods()
  local pods = {}
  for _, pod in pairs(inventory.pods()) do
    table.insert(pods, pod)
  end
  table.sort(pods, function(a, b) return a.uid < b.uid end)
  return pods
end

local function whole(containers, pods)
  local body = { containers = json.list {}, pods = json.list(pods), sources = inventory.sources() }
  for i, container in ipairs(containers) do
    body.containers[i] = without_pod(container)
  end
  return body
end

function M.run(context)
  local containers, pods = inventory.containers(), sorted_pods()
  if context.options.format == "json" then
    context:emit("json", whole(containers, pods))
  elseif #containers > 0 then
    context:emit("lines", table_lines(containers, pods, context.options, context.now_s))
  end
  if #containers == 0 then
    context:emit("notices", { "no container is known" })
    context:emit("exit", { code = NOTHING_TO_DO })
  end
  return true
end

return M
