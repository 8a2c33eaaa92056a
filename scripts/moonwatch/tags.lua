--- The tags of containers and pods, from what the inventory knows of them.
---
--- A container has tags of its own and of its pod. The pod knows better: where it has a tag of some
--- name, the container's own of that name are left out. Tags have a cardinality, and who asks for one
--- gets those below it too: low (few values in a cluster), orchestrator (a value for each pod), high
--- (a value for each container).
local container_tags = require "moonwatch.container_tags"
local pod_tags = require "moonwatch.pod_tags"
local tag_mapping = require "moonwatch.tag_mapping"
local tag_set = require "moonwatch.tag_set"

local M = {}

---@alias Cardinality "low"|"orchestrator"|"high"

--- Each mapping is pattern = "tag,tag", or a list of "pattern=tag,tag", see moonwatch.tag_mapping.
---@class TagConfig
---@field container_labels_as_tags? table
---@field container_env_as_tags? table
---@field docker_labels_as_tags? table  the older name; both count
---@field docker_env_as_tags? table
---@field kubernetes_pod_labels_as_tags? table
---@field kubernetes_pod_annotations_as_tags? table
---@field tag_value_split_separator? table  tag = separator, or a list of "tag=separator"

---@class TagMappings
---@field container_labels TagMapping[]
---@field container_env TagMapping[]
---@field pod_labels TagMapping
---@field pod_annotations TagMapping

---@class Tagger
---@field private mappings TagMappings
---@field private separators table<string, string>
---@field private cache table<table, table<string, string[]>>
local Tagger = {}
Tagger.__index = Tagger

local LEVELS = { low = tag_set.LOW, orchestrator = tag_set.ORCHESTRATOR, high = tag_set.HIGH }

--- Is this a cardinality?
---@param word any
---@return boolean
function M.is_cardinality(word)
  return LEVELS[word] ~= nil
end

local function separators_of(entries)
  local separators, problems = {}, {}
  for key, text in pairs(entries or {}) do
    local name, separator = key, text
    if type(key) == "number" then
      name, separator = text:match "^([^=]+)=(.+)$"
    end
    if name and separator ~= "" then
      separators[name] = separator
    else
      table.insert(problems, ('tag_value_split_separator: "%s" is not understood: it is TAG=SEPARATOR'):format(
        type(key) == "number" and text or key .. "=" .. text))
    end
  end
  table.sort(problems)
  return separators, problems
end

---@param config? TagConfig
---@return Tagger
---@return string[] problems  entries that are not understood; the others hold
function M.new(config)
  config = config or {}
  local problems = {}

  local function collect(result, its_problems)
    for _, problem in ipairs(its_problems) do
      table.insert(problems, problem)
    end
    return result
  end
  local function mapping(setting)
    return collect(tag_mapping.new(config[setting], setting))
  end

  return setmetatable({
    mappings = {
      container_labels = { mapping "docker_labels_as_tags", mapping "container_labels_as_tags" },
      container_env = { mapping "docker_env_as_tags", mapping "container_env_as_tags" },
      pod_labels = mapping "kubernetes_pod_labels_as_tags",
      pod_annotations = mapping "kubernetes_pod_annotations_as_tags",
    },
    separators = collect(separators_of(config.tag_value_split_separator)),
    cache = setmetatable({}, { __mode = "k" }),
  }, Tagger), problems
end

local function pod_set(self, pod)
  local set = tag_set.new(self.separators)
  pod_tags.add(set, pod, self.mappings)
  return set
end

-- Of Garden, the tags of its own are all that is known.
local function container_set(self, container)
  local set = tag_set.new(self.separators)
  if container.runtime ~= "garden" then
    local own = tag_set.new(self.separators)
    container_tags.add(own, container, self.mappings)
    if container.pod then
      local of_pod = pod_set(self, container.pod)
      pod_tags.add_container(of_pod, container.pod, container)
      set:merge(of_pod)
      set:merge(own, of_pod)
    else
      set = own
    end
  end
  for _, tag in ipairs(container.tags or {}) do
    set:add_tag(tag_set.HIGH, tag) -- whatever others say: its source gave it whole
  end
  return set
end

local function cached(self, entity, cardinality, make)
  local lists = self.cache[entity]
  if lists and lists[cardinality] then
    return lists[cardinality]
  end
  local level = LEVELS[cardinality]
  if not level then
    error(('"%s" is no cardinality: it is low, orchestrator or high'):format(tostring(cardinality)), 3)
  end
  lists = lists or {}
  lists[cardinality] = make(self, entity):list(level)
  self.cache[entity] = lists
  return lists[cardinality]
end

--- The tags of a container, worked out once for each table that the inventory gives.
---@param container Container
---@param cardinality Cardinality
---@return string[] tags  sorted, none twice; for reading only
function Tagger:container(container, cardinality)
  return cached(self, container, cardinality, container_set)
end

---@param pod Pod
---@param cardinality Cardinality
---@return string[] tags  sorted, none twice; for reading only
function Tagger:pod(pod, cardinality)
  return cached(self, pod, cardinality, pod_set)
end

return M
