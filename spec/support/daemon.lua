--- The agent at work, in a folder of its own, on a recorded host: what it says, and waits for it.
local cjson = require "cjson"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local M = {}

M.HOST = "spec/fixtures/hybrid" -- six containers

--- However busy the machine is.
local PATIENCE_S = 60

---@class Daemon
---@field dir TmpDir  with scripts/, where the agent looks first
---@field running RunningProgram
local Daemon = {}
Daemon.__index = Daemon

--- Wait until condition() is true. @return what it returned.
---@param what string  for the message of the failure
function M.wait_until(what, condition)
  local give_up = os.time() + PATIENCE_S
  repeat
    local answer = condition()
    if answer then
      return answer
    end
    os.execute "sleep 0.02"
  until os.time() > give_up
  error("waited in vain for " .. what, 2)
end

--- A check whose run is @p body.
function M.check(body, interval_s)
  return ("local M = { api = 1, interval_s = %g }\nfunction M.run(context)\n%s\nend\nreturn M\n"):format(
    interval_s or 0.05, body)
end

--- Messages that were written to standard output so far; whole lines only.
function Daemon:messages(path)
  local messages = {}
  for line in (files.read_if_there(path or self.running.out_path) or ""):gmatch "([^\n]*)\n" do
    table.insert(messages, cjson.decode(line))
  end
  return messages
end

function Daemon:log()
  return files.read_if_there(self.running.err_path) or ""
end

--- Wait for a message that wanted(message) likes, among those behind number @p after.
function Daemon:wait_for_message(what, wanted, after)
  return M.wait_until(what .. "; the log: " .. self:log(), function()
    local messages = self:messages()
    for i = (after or 0) + 1, #messages do
      if wanted(messages[i]) then
        return messages[i]
      end
    end
  end)
end

--- Wait until the check @p name has a gauge with this value.
function Daemon:wait_for_gauge(name, value)
  return self:wait_for_message(("%s = %s"):format(name, value), function(message)
    return message.kind == "metric" and message.script == name and message.body.value == value
  end)
end

function Daemon:wait_for_log(pattern)
  return M.wait_until("the log to say " .. pattern, function()
    return self:log():match(pattern)
  end)
end

--- Write a script as an editor does: another file, which takes its name.
function Daemon:write(name, text)
  self.dir:write { ["scripts/" .. name .. ".new"] = text }
  assert(os.rename(self.dir.path .. "/scripts/" .. name .. ".new", self.dir.path .. "/scripts/" .. name))
end

--- Write a file below DIR likewise.
function Daemon:write_file(name, text)
  self.dir:write { [name .. ".new"] = text }
  assert(os.rename(self.dir.path .. "/" .. name .. ".new", self.dir.path .. "/" .. name))
end

--- End it. @return what it said, and how long the end took.
---@return ProgramOutcome, integer
function Daemon:stop(signal)
  local began = os.time()
  self.running:signal(signal or "TERM")
  local outcome = self.running:finish()
  self.running = nil
  return outcome, os.time() - began
end

--- Start it in the same folder, after it has ended.
function Daemon:start_again()
  self.running = program.start(self.call)
  if self.wait then
    self:wait_for_log "is ready"
  end
end

function Daemon:remove()
  if self.running then
    self:stop()
  end
  self.dir:remove()
end

--- Ask it: one of the commands that do, with its arguments.
---@return ProgramOutcome
function Daemon:ask(...)
  local call = { ... }
  table.insert(call, "--socket")
  table.insert(call, self.dir.path .. "/control.sock")
  return program.run(call)
end

--- Its status, decoded; and the script of that name in it.
function Daemon:status(name)
  local outcome = self:ask("status", "--format", "json")
  assert(outcome.code <= 1, outcome.err) -- 1: something is wrong
  local status = cjson.decode(outcome.out)
  for _, script in ipairs(status.scripts) do
    if script.name == name then
      return status, script
    end
  end
  return status
end

--- Wait until wanted(script) likes the status of the script @p name.
function Daemon:wait_for_status(name, what, wanted)
  return M.wait_until(name .. " to be " .. what, function()
    local _, script = self:status(name)
    return wanted(script) and script
  end)
end

---@param options table  scripts, files (below DIR): name to text; arguments; env; wait: false does not wait for it
---@return Daemon
function M.start(options)
  local self = setmetatable({ dir = tmpdir.new() }, Daemon)
  for name, text in pairs(options.scripts or {}) do
    self.dir:write { ["scripts/" .. name] = text }
  end
  self.dir:write(options.files or {})
  local call = {
    "run", "--host-root", M.HOST,
    "--set", "script_dirs=" .. self.dir.path .. "/scripts",
    "--set", "socket=" .. self.dir.path .. "/control.sock",
    "--set", "state_dir=" .. self.dir.path,
    env = options.env,
  }
  for _, argument in ipairs(options.arguments or {}) do
    table.insert(call, (argument:gsub("DIR", self.dir.path)))
  end
  self.call, self.wait = call, options.wait ~= false
  self:start_again()
  return self
end

return M
