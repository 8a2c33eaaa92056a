--- The containers that a check sends, sorted by id: those that run, that no rule leaves out, and
--- that are not held back. Each has a table of its own that is filled anew in every run.
---
--- What follows from the inventory alone (rules, state, tags) is worked out when the inventory's
--- table of a container changes, and at no other time: most runs only read numbers.
local filters = require "moonwatch.filter"
local garden_hold = require "moonwatch.garden_hold"
local inventory = require "moonwatch.inventory"
local log = require "moonwatch.log"
local numbers = require "moonwatch.container_numbers"

local M = {}

---@class ContainerListConfig
---@field options table<string, any>  those of M.options
---@field describe? fun(stat: table, container: Container)  sets what a check sends besides

---@class ContainerList
---@field private describe? fun(stat: table, container: Container)
---@field private filter Filter
---@field private hold GardenHold
---@field private known table<string, NumberedContainer>  by id
---@field private list NumberedContainer[]
---@field private stats table[]  of the list, in the same order
---@field private containers? Container[]  that the list was made of
---@field private run integer
---@field private kept table<string, table>  by id: of those that were listed before a reload
local ContainerList = {}
ContainerList.__index = ContainerList

local function rules(doc)
  return { type = "strings", default = {}, doc = doc }
end

--- The options of each check that has such a list.
M.options = {
  container_include = rules "kept, whatever excludes it: image:, name: or kube_namespace: and a regular expression",
  container_exclude = rules "left out: image:, name: or kube_namespace: and a regular expression",
  container_include_metrics = rules "as container_include, for numbers alone",
  container_exclude_metrics = rules "as container_exclude, for numbers alone",
  exclude_pause_container = { type = "boolean", default = true,
                              doc = "leave out the containers that only hold a pod's namespaces" },
  garden_hold_s = { type = "integer", default = 60, min = 0, max = 86400,
                    doc = "how long a garden container without tags is held back" },
}

-- Some 400 bytes each, of the megabyte that may be kept; those beyond it begin with no rates.
local KEPT_MAX = 2000

-- Numbers of the wire format. In any other state, or in none that is known, there is no process to
-- measure, and the container is not listed.
local STATES = { restarting = 2, running = 3, paused = 4 }
local HEALTHS = { starting = 1, healthy = 2, unhealthy = 3 }

--- The options of a check: its own and those of the list.
---@param own table<string, table>
---@return table<string, table>
function M.with_options(own)
  for name, option in pairs(M.options) do
    own[name] = option
  end
  return own
end

--- A moment of the wire format; absent when it is not known.
---@param time_s? number  since 1970-01-01 UTC
---@return integer? seconds
function M.unix_s(time_s)
  return time_s and time_s > 0 and math.floor(time_s) or nil
end

---@param config ContainerListConfig
---@return ContainerList
function M.new(config)
  local options = config.options
  local filter, problems = filters.new {
    kind = "metrics",
    container_include = options.container_include,
    container_exclude = options.container_exclude,
    container_include_metrics = options.container_include_metrics,
    container_exclude_metrics = options.container_exclude_metrics,
    exclude_pause_container = options.exclude_pause_container,
  }
  for _, problem in ipairs(problems) do
    log.warn("%s", problem)
  end
  return setmetatable({
    describe = config.describe, filter = filter, hold = garden_hold.new(options.garden_hold_s), known = {}, list = {},
    stats = {}, run = 0, kept = {},
  }, ContainerList)
end

--- What the inventory's table says of a container.
local function identify(self, numbered, container)
  local stat = numbered.stat
  numbers.identify(numbered, container)
  stat.id = container.id
  stat.state = STATES[container.state]
  stat.health = HEALTHS[container.health]
  stat.started = M.unix_s(container.started_s)
  if self.describe then
    self.describe(stat, container)
  end
end

---@return NumberedContainer? listed
local function list_one(self, container, now_s)
  local numbered = self.known[container.id]
  if numbered and numbered.container == container then
    return numbered
  end
  if not STATES[container.state] or self.filter:decide_container(container).excluded then
    return nil
  end
  local kept = self.kept[container.id]
  if not numbered and not kept and self.hold:holds(container, now_s) then
    return nil -- one that is listed stays so
  end
  numbered = numbered or kept and numbers.resume(kept) or numbers.start()
  identify(self, numbered, container)
  self.known[container.id] = numbered
  return numbered
end

local function forget_the_gone(self)
  for id, numbered in pairs(self.known) do
    if numbered.run ~= self.run then
      self.known[id] = nil
    end
  end
end

--- Make the list anew, because the inventory changed or because something waits for its time.
local function make_list(self, containers, now_s)
  local list, stats = {}, {}
  self.run = self.run + 1
  self.hold:begin()
  for i = 1, #containers do
    local numbered = list_one(self, containers[i], now_s)
    if numbered then
      numbered.run = self.run
      list[#list + 1] = numbered
      stats[#stats + 1] = numbered.stat
    end
  end
  self.hold:finish()
  forget_the_gone(self)
  self.list, self.stats, self.kept = list, stats, {}
end

--- Measure every container.
---@param max_age_ms number  numbers may be this old
---@param now_s number  wall clock
---@return table[] stats  sorted by id; valid until the next call
function ContainerList:collect(max_age_ms, now_s)
  local containers = inventory.containers() -- another table as soon as anything changed
  if containers ~= self.containers or self.hold.held_count > 0 then
    make_list(self, containers, now_s)
    self.containers = containers
  end
  numbers.measure(self.list, max_age_ms)
  return self.stats
end

--- What a check saves for the one that is loaded in its place: so that no rate is lost.
---@return table<string, table>? kept  plain data
function ContainerList:save()
  local kept, list = {}, self.list
  if #list == 0 then
    return self.containers == nil and self.kept or nil -- nothing has run in between
  end
  for i = 1, math.min(#list, KEPT_MAX) do
    kept[list[i].container.id] = numbers.keep(list[i])
  end
  return kept
end

--- Go on where another list was saved; before the first `collect`.
---@param kept table<string, table>
function ContainerList:restore(kept)
  self.kept = kept
end

return M
