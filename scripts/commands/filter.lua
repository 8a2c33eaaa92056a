--- moonwatch filter: which containers the rules leave out, and by which rule.
local filter = require "moonwatch.filter"
local find_container = require "moonwatch.find_container"
local images = require "moonwatch.images"
local inventory = require "moonwatch.inventory"
local text_table = require "moonwatch.text_table"

local function rules(doc)
  return { type = "strings", default = {}, doc = doc }
end

local KINDS = { "metrics", "global", "autodiscovery_metrics", "autodiscovery_logs", "pause" }

local M = {
  api = 1,
  options = {
    subcommand = { type = "string", default = "explain", doc = "test or explain" },
    ids = { type = "strings", default = {}, doc = "explain: beginnings of ids; none: all containers" },
    name = { type = "string", default = "", doc = "test: of the container" },
    image = { type = "string", default = "", doc = "test: of the container" },
    namespace = { type = "string", default = "", doc = "test: of its pod" },
    annotations = { type = "string", default = "", doc = "test: of its pod, a line each, key=value" },
    kind = { type = "string", default = "metrics", doc = "whose rules: " .. table.concat(KINDS, ", ") },
    container_include = rules "rules of containers that are kept whatever else they match",
    container_exclude = rules "rules of containers that are left out",
    container_include_metrics = rules "as container_include, of metrics alone",
    container_exclude_metrics = rules "as container_exclude, of metrics alone",
    container_include_logs = rules "as container_include, of logs alone",
    container_exclude_logs = rules "as container_exclude, of logs alone",
    ac_include = rules "as container_include, where there is no other include",
    ac_exclude = rules "as container_exclude, where there is no other exclude",
    exclude_pause_container = { type = "boolean", default = true, doc = "leave out pause containers" },
    format = { type = "string", default = "table", doc = "table or json" },
    columns = { type = "integer", default = 0, min = 0, max = 100000, doc = "of the terminal; 0: any number" },
  },
}

local FAILED, NOTHING_TO_DO = 1, 3

local COLUMNS = {
  { title = "CONTAINER" },
  { title = "NAME", keep = 60 },
  { title = "IMAGE", keep = 50, shorten = 24 },
  { title = "DECISION" },
  { title = "RULE" },
  { title = "LIST", keep = 40 },
  { title = "FIELD", keep = 30 },
  { title = "TEXT", keep = 20, shorten = 24 },
}

local RULES = {
  "container_include", "container_exclude", "container_include_metrics", "container_exclude_metrics",
  "container_include_logs", "container_exclude_logs", "ac_include", "ac_exclude", "exclude_pause_container", "kind",
}

local rules_filter, rules_problems
local said = {} -- by text: a rule that is too expensive is so for many containers

local function is_kind(kind)
  for _, name in ipairs(KINDS) do
    if kind == name then
      return true
    end
  end
  return false
end

function M.init(options)
  if not is_kind(options.kind) then
    return nil, ("there is no kind of filter %q; there are: %s"):format(options.kind, table.concat(KINDS, ", "))
  end
  local config = {}
  for _, key in ipairs(RULES) do
    config[key] = options[key]
  end
  rules_filter, rules_problems = filter.new(config)
  return true
end

local function given(text)
  return text ~= "" and text or nil
end

--- Lines "key=value" as a table.
local function annotations_of(text)
  local annotations
  for key, value in text:gmatch "([^\n=]+)=([^\n]*)" do
    annotations = annotations or {}
    annotations[key] = value
  end
  return annotations
end

local function body_of(decision)
  return {
    excluded = decision.excluded, rule = decision.rule, list = decision.list, field = decision.field,
    text = decision.text,
  }
end

local function say(context, problems)
  for _, problem in ipairs(problems or {}) do
    if not said[problem] then
      said[problem] = true
      context:emit("notices", { problem })
      context:emit("exit", { code = FAILED })
    end
  end
end

--- "left out by name:^x of container_exclude, which matches the name \"xy\"".
local function sentence(decision)
  if not decision.rule then
    return decision.excluded and "left out" or "kept: no rule matches"
  elseif decision.field == "annotation" then
    return "left out by the annotation " .. decision.rule
  end
  return ("%s by %s%s%s"):format(
    decision.excluded and "left out" or "kept", decision.rule,
    decision.list and " of " .. decision.list or "",
    decision.text and (", which matches the %s %q"):format(decision.field or "text", decision.text) or "")
end

local function test(context)
  local options = context.options
  local decision = rules_filter:decide {
    name = given(options.name), image = given(images.name_of(options.image)), namespace = given(options.namespace),
    annotations = annotations_of(options.annotations),
  }
  if options.format == "json" then
    context:emit("json", body_of(decision))
  else
    context:emit("lines", { sentence(decision) })
  end
  say(context, decision.problems)
end

--- The containers that are asked about, or nil and what is wrong with an id.
local function wanted(ids)
  local containers = inventory.containers()
  if #ids == 0 then
    return containers
  end
  local chosen = {}
  for _, id in ipairs(ids) do
    local container, message = find_container.one(containers, id)
    if not container then
      return nil, message
    end
    table.insert(chosen, container)
  end
  return chosen
end

local function row_of(container, short_ids, decision)
  return {
    short_ids[container.id], container.name or false, container.image and images.brief(container.image) or false,
    decision.excluded and "left out" or "kept", decision.rule or false, decision.list or false,
    decision.field or false, decision.text or false,
  }
end

local function explain(context)
  local containers, message = wanted(context.options.ids)
  if not containers or #containers == 0 then
    context:emit("notices", { message or "no container runs" })
    context:emit("exit", { code = containers and NOTHING_TO_DO or FAILED })
    return
  end
  local rows, short_ids = {}, find_container.short_ids(containers)
  for i, container in ipairs(containers) do
    local decision = rules_filter:decide_container(container)
    if context.options.format == "json" then
      local body = body_of(decision)
      body.id, body.name, body.image = container.id, container.name, container.image
      context:emit("json", body)
    end
    rows[i] = row_of(container, short_ids, decision)
    say(context, decision.problems)
  end
  if context.options.format ~= "json" then
    context:emit("lines", text_table.lines(COLUMNS, rows, context.options.columns))
  end
end

function M.run(context)
  if context.options.subcommand == "test" then
    test(context)
  else
    explain(context)
  end
  say(context, rules_problems)
  return true
end

return M
