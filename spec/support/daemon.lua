--- The agent at work, in a folder of its own, on a recorded host: what it says, and waits for it.
local cjson = require "cjson"
local lfs = require "lfs"

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

--- Add the messages behind what was read of a file before; whole lines only.
local function read_on(seen, path)
  local file = io.open(path, "rb")
  if not file then
    return
  end
  file:seek("set", seen.bytes)
  for line in file:read("*a"):gmatch "([^\n]*)\n" do
    table.insert(seen.messages, cjson.decode(line))
    seen.bytes = seen.bytes + #line + 1
  end
  file:close()
end

--- Messages that were written to standard output so far, or to the file @p path.
function Daemon:messages(path)
  path = path or self.running.out_path
  self.seen = self.seen or {}
  local attributes = lfs.attributes(path) or { size = 0 }
  local seen = self.seen[path]
  if not seen or seen.inode ~= attributes.ino or seen.bytes > attributes.size then
    seen = { inode = attributes.ino, bytes = 0, messages = {} }
    self.seen[path] = seen
  end
  read_on(seen, path)
  return seen.messages
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

--- What the kernel says of the process: "RssAnon" in KiB, "Threads".
function Daemon:number_of(key)
  local text = files.read(("/proc/%s/status"):format(self.running.pid))
  return tonumber(text:match(key .. ":%s*(%d+)")) or error("the process has no " .. key, 2)
end

--- How many descriptors it has.
function Daemon:descriptors()
  local count = 0
  for entry in lfs.dir(("/proc/%s/fd"):format(self.running.pid)) do
    count = count + (entry:find "^%d" and 1 or 0)
  end
  return count
end

---@param options table  scripts, files (below DIR): name to text; arguments; env; redirect: of its output;
---before(dir): is called before it starts;
---wait: false does not wait until it is ready
---@return Daemon
function M.start(options)
  local self = setmetatable({ dir = tmpdir.new() }, Daemon)
  for name, text in pairs(options.scripts or {}) do
    self.dir:write { ["scripts/" .. name] = text }
  end
  self.dir:write(options.files or {})
  if options.before then
    options.before(self.dir)
  end
  local call = {
    "run", "--host-root", M.HOST,
    "--set", "script_dirs=" .. self.dir.path .. "/scripts",
    "--set", "socket=" .. self.dir.path .. "/control.sock",
    "--set", "state_dir=" .. self.dir.path,
    env = options.env,
    prefix = options.prefix,
    redirect = options.redirect,
  }
  for _, argument in ipairs(options.arguments or {}) do
    table.insert(call, (argument:gsub("DIR", self.dir.path)))
  end
  self.call, self.wait = call, options.wait ~= false
  self:start_again()
  return self
end

return M
