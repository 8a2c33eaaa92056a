--- Decides which containers are left out, by their name, image, namespace and the annotations of
--- their pod.
---
--- In order: an annotation that excludes; an include that matches anything; an exclude that matches
--- anything; else the container is kept. Rules are not anchored: `name:foo` matches "my-foo-1".
local images = require "moonwatch.images"
local log = require "moonwatch.log"
local pause_images = require "moonwatch.pause_images"
local regex = require "moonwatch.regex"
local rules = require "moonwatch.filter_rules"

local M = {}

---@class FilterConfig  an entry is "image:<regex>", "name:<regex>" or "kube_namespace:<regex>"
---@field kind FilterKind
---@field container_include? string[]|string  of a string each word is an entry
---@field container_exclude? string[]|string
---@field container_include_metrics? string[]|string
---@field container_exclude_metrics? string[]|string
---@field container_include_logs? string[]|string
---@field container_exclude_logs? string[]|string
---@field ac_include? string[]|string  counts where there is no other include
---@field ac_exclude? string[]|string  counts where there is no other exclude
---@field exclude_pause_container? boolean  true by default

---@alias FilterKind
---| "metrics"  for who reads numbers: general and metrics rules, pause images, metrics annotations
---| "global"  for who looks for containers: general rules and annotations
---| "autodiscovery_metrics"  metrics rules and annotations alone
---| "autodiscovery_logs"  logs rules and annotations alone
---| "pause"  pause images and general annotations alone

---@class FilterDecision
---@field excluded boolean
---@field rule? string  the rule that decided; none: no rule matched
---@field list? string  the setting that the rule is from, "pause images" or "annotation"
---@field field? "image"|"name"|"kube_namespace"|"annotation"  what was looked at
---@field text? string  what it was
---@field problems? string[]  rules that were skipped, because they were too expensive for a text

---@class Filter
---@field kind FilterKind
---@field private include FilterRules
---@field private exclude FilterRules
---@field private annotations? string  "metrics" or "logs"
---@field private pause? boolean  pause containers are excluded
---@field private decisions table<table, FilterDecision>  by the container's table
local Filter = {}
Filter.__index = Filter

local KINDS = {
  metrics = {
    include = { "container_include", "container_include_metrics" },
    exclude = { "container_exclude", "container_exclude_metrics" },
    legacy = true, pause = true, annotations = "metrics",
  },
  global = { include = { "container_include" }, exclude = { "container_exclude" }, legacy = true },
  autodiscovery_metrics = {
    include = { "container_include_metrics" }, exclude = { "container_exclude_metrics" }, annotations = "metrics",
  },
  autodiscovery_logs = {
    include = { "container_include_logs" }, exclude = { "container_exclude_logs" }, annotations = "logs",
  },
  pause = { include = {}, exclude = {}, pause = true },
}

local LISTS = {
  container_include = true, container_exclude = true, container_include_metrics = true,
  container_exclude_metrics = true, container_include_logs = true, container_exclude_logs = true,
  ac_include = true, ac_exclude = true,
}

-- ---- Building ----

local function check_list(name, value)
  if type(value) == "string" then
    return
  elseif type(value) ~= "table" then
    error(("%s is a %s, not a list of strings"):format(name, type(value)), 4)
  end
  for i, entry in ipairs(value) do
    if type(entry) ~= "string" then
      error(("%s: entry %d is a %s, not a string"):format(name, i, type(entry)), 4)
    end
  end
end

local function check_config(config)
  if not KINDS[config.kind] then
    error(("there is no kind of filter called %s"):format(tostring(config.kind)), 3)
  end
  for name, value in pairs(config) do
    if LISTS[name] then
      check_list(name, value)
    elseif name ~= "kind" and name ~= "exclude_pause_container" then
      error(("a filter has no setting called %s"):format(tostring(name)), 3)
    end
  end
end

local function append(entries, list, given)
  if type(given) == "string" then
    for entry in given:gmatch "%S+" do
      table.insert(entries, { entry = entry, list = list })
    end
  else
    for _, entry in ipairs(given or {}) do
      table.insert(entries, { entry = entry, list = list })
    end
  end
end

--- The entries of some settings, or of the old one where these have none.
local function entries_of(config, names, old_name)
  local entries = {}
  for _, name in ipairs(names) do
    append(entries, name, config[name])
  end
  if #entries == 0 and old_name then
    append(entries, old_name, config[old_name])
  end
  return entries
end

local function without_duplicates(...)
  local texts, seen = {}, {}
  for _, list in ipairs { ... } do
    for _, text in ipairs(list) do
      if not seen[text] then
        seen[text] = true
        table.insert(texts, text)
      end
    end
  end
  return texts
end

--- Build a filter. Wrong settings raise; rules that are wrong do not: they are named in `problems`,
--- and all others hold.
---@param config FilterConfig
---@return Filter filter
---@return string[] problems  of the includes, then of the excludes; empty when all is well
function M.new(config)
  check_config(config)
  local kind = KINDS[config.kind]
  local include = entries_of(config, kind.include, kind.legacy and "ac_include")
  local exclude = entries_of(config, kind.exclude, kind.legacy and "ac_exclude")
  local pause = kind.pause and config.exclude_pause_container ~= false
  if pause then
    append(exclude, "pause images", pause_images.rules)
  end

  local self = setmetatable({ kind = config.kind, annotations = kind.annotations, pause = pause }, Filter)
  local include_problems, exclude_problems
  self.include, include_problems = rules.parse(include)
  self.exclude, exclude_problems = rules.parse(exclude)
  self.decisions = setmetatable({}, { __mode = "k" })
  return self, without_duplicates(include_problems, exclude_problems)
end

-- ---- Annotations ----

local PREFIX = "ad.datadoghq.com/"
local IS_TRUE = { ["1"] = true, t = true, T = true, TRUE = true, ["true"] = true, True = true }

--- The key that excludes, or nil: the pod's own, else the one of the container. So "false" for a
--- container changes nothing about "true" for its pod.
local function excluding_key(annotations, name, what)
  local of_pod, of_container = PREFIX .. what, PREFIX .. name .. "." .. what
  if IS_TRUE[annotations[of_pod]] then
    return of_pod
  elseif IS_TRUE[annotations[of_container]] then
    return of_container
  end
end

local function decide_by_annotations(self, annotations, name)
  local key = self.annotations and excluding_key(annotations, name, self.annotations .. "_exclude")
    or excluding_key(annotations, name, "exclude")
  if key then
    local value = annotations[key]
    return { excluded = true, rule = key .. "=" .. value, list = "annotation", field = "annotation", text = value }
  end
end

-- ---- Rules ----

local matches = assert(regex.compile "").matches

local function report_skipped(rule, err, decision)
  local problem = ("%s: %s is skipped: %s"):format(rule.list, rule.rule, err)
  decision.problems = decision.problems or {}
  table.insert(decision.problems, problem)
  if not rule.warned then
    rule.warned = true
    log.warn("%s", problem)
  end
end

--- Fill in the decision with the first rule that matches; false: none does.
local function decide_by_rules(list, field, text, excluded, decision)
  for i = 1, #list do
    local rule = list[i]
    local found, err = matches(rule.regex, text)
    if found then
      decision.excluded, decision.rule, decision.list = excluded, rule.rule, rule.list
      decision.field, decision.text = field, text
      return true
    elseif err then
      report_skipped(rule, err, decision)
    end
  end
  return false
end

local function decide_by_includes(include, image, name, namespace, decision)
  return decide_by_rules(include.image, "image", image, false, decision)
    or decide_by_rules(include.name, "name", name, false, decision)
    or decide_by_rules(include.kube_namespace, "kube_namespace", namespace, false, decision)
end

--- What is not known is never a reason to exclude.
local function decide_by_excludes(exclude, image, name, namespace, decision)
  return (image ~= "" and decide_by_rules(exclude.image, "image", image, true, decision))
    or (name ~= "" and decide_by_rules(exclude.name, "name", name, true, decision))
    or (namespace ~= "" and decide_by_rules(exclude.kube_namespace, "kube_namespace", namespace, true, decision))
end

--- Decide about what is given; a field that is not known is nil.
---@param given { annotations?: table<string, string>, name?: string, image?: string, namespace?: string }
---@return FilterDecision
function Filter:decide(given)
  local image, name, namespace = given.image or "", given.name or "", given.namespace or ""
  local by_annotation = given.annotations and decide_by_annotations(self, given.annotations, name)
  if by_annotation then
    return by_annotation
  end
  local decision = { excluded = false }
  if not decide_by_includes(self.include, image, name, namespace, decision) then
    decide_by_excludes(self.exclude, image, name, namespace, decision)
  end
  return decision
end

-- ---- Containers of the inventory ----

local function namespace_of(container)
  local labels, pod = container.labels, container.pod
  return labels and labels["io.kubernetes.pod.namespace"] or pod and pod.namespace
end

--- A pod's list names all of its containers, but not the one that holds its namespaces. What runs in a
--- pod that is known, and is named by nobody, is that one, or began a moment ago and will be named.
local function is_nameless_in_pod(container)
  return container.pod and container.pod.name and not container.name and not container.image
end

--- Decide about a container of the inventory. The decision is kept as long as the container's
--- table, which is another one as soon as anything about the container changes.
---@param container table  an element of the list of moonwatch.inventory
---@return FilterDecision  to be read, not changed
function Filter:decide_container(container)
  local decision = self.decisions[container]
  if not decision then
    decision = self:decide {
      annotations = container.pod and container.pod.annotations,
      name = container.name,
      image = container.image and images.name_of(container.image),
      namespace = namespace_of(container),
    }
    if self.pause and not decision.rule and is_nameless_in_pod(container) then
      decision = { excluded = true, rule = "its pod does not name it", list = "pause images" }
    end
    self.decisions[container] = decision
  end
  return decision
end

return M
