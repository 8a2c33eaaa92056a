--- Runs a script of scripts/ in plain luajit and collects what it emits: with made-up modules, or
--- with the real ones on a recorded host. The sandbox, budgets and the encoding of messages are the
--- business of core/agent and its own tests.
local M = {}

---@class Outcome  of one run
---@field ok any  what run or list returned
---@field err any
---@field messages table[]  what it emitted: { kind = ..., body = ... }
---@field gauges table<string, number>
---@field gauge_tags table<string, string[]>
---@field counts table<string, number>
---@field events table[]
---@field logs string[]  "debug: text"

local LIBRARY = "scripts/moonwatch/"

local function defaults_of(options)
  local values = {}
  for name, option in pairs(options or {}) do
    values[name] = option.default
  end
  return values
end

-- As the agent, which encodes at once: what the script does with its table later does not show.
local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local result = {}
  for key, element in pairs(value) do
    result[key] = copy(element)
  end
  return result
end

local function is_library(name)
  local file = io.open(LIBRARY .. name .. ".lua")
  if file then
    file:close()
  end
  return file ~= nil
end

local function collecting_log(script)
  local log = {}
  for _, level in ipairs { "debug", "info", "warn", "error" } do
    log[level] = function(text, ...)
      table.insert(script.outcome.logs, level .. ": " .. (select("#", ...) > 0 and text:format(...) or text))
    end
  end
  return log
end

-- They know no host, so that the real ones will do.
local STATELESS = { json = true, regex = true }

-- The scripts' own library is real; any other module of the core has to be handed in. As in the
-- agent, a module is loaded once.
local function environment_of(modules)
  local loaded, environment = {}, nil

  local function require_one(module)
    local name = module:match "^moonwatch%.([%w_]+)$"
    local known = name and (modules[name] or loaded[name])
    if known then
      return known
    end
    if STATELESS[name] then
      return require(module)
    end
    assert(name and is_library(name), "no fake for " .. module)
    loaded[name] = setfenv(assert(loadfile(LIBRARY .. name .. ".lua")), environment)()
    return loaded[name]
  end

  environment = setmetatable({ require = require_one }, { __index = _G })
  return environment
end

local function make_context(script, options)
  local context = { options = options, interval_s = script.interval_s, name = script.name, now_s = 1700000000 }
  function context:emit(kind, body) table.insert(script.outcome.messages, { kind = kind, body = copy(body) }) end
  function context:gauge(metric, value, tags)
    script.outcome.gauges[metric], script.outcome.gauge_tags[metric] = value, tags
  end
  function context:count(metric, value) script.outcome.counts[metric] = value end
  function context:event(event) table.insert(script.outcome.events, copy(event)) end
  function context:next_group_id()
    script.groups = script.groups + 1
    return script.groups
  end
  return context
end

local function no_outcome()
  return { messages = {}, gauges = {}, gauge_tags = {}, counts = {}, events = {}, logs = {} }
end

---@class Harnessed  a loaded script
---@field table table  what its file returned
---@field context table  what its runs are given
local Harnessed = {}
Harnessed.__index = Harnessed

-- What init returns or logs is in the outcome until the first run.
function Harnessed:init()
  if self.table.init then
    self.outcome.ok, self.outcome.err = self.table.init(self.context.options)
  end
end

--- Run it once: `run` of a check, `list` of a source.
---@return Outcome
function Harnessed:run()
  self.outcome = no_outcome()
  self.outcome.ok, self.outcome.err = (self.table.run or self.table.list)(self.context)
  return self.outcome
end

--- Load a script; each has its own state, as in the agent. Its clock stands still: a spec moves
--- context.now_s.
---@param name string  "checks/container_rt"
---@param modules table<string, table>  "inventory" is what it gets for moonwatch.inventory
---@param given? { options?: table, interval_s?: number }
---@return Harnessed
function M.load(name, modules, given)
  given = given or {}
  local self = setmetatable({ name = name:match "[^/]+$", groups = 0 }, Harnessed)
  local all = setmetatable({ log = collecting_log(self) }, { __index = modules })
  local chunk = assert(loadfile("scripts/" .. name .. ".lua"))
  self.table = setfenv(chunk, environment_of(all))()
  self.interval_s = given.interval_s or self.table.interval_s
  local options = defaults_of(self.table.options)
  for key, value in pairs(given.options or {}) do
    options[key] = value
  end
  self.context = make_context(self, options)
  self.outcome = no_outcome()
  self:init()
  return self
end

--- Load and run it once.
---@return Outcome
function M.run(name, modules, given)
  return M.load(name, modules, given):run()
end

--- The real modules of the host below @p root, with the containers of its cgroups in the inventory.
---@param root string
---@return table<string, table>
function M.recorded(root)
  local modules = assert(require("moonwatch").open { host_root = root })
  local list = M.run("sources/cgroup", modules)
  assert(modules.inventory.replace("cgroup", assert(list.ok, list.err)))
  return modules
end

return M
