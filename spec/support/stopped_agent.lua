--- The program, stopped by a signal between its first reading and its second one: what is done then
--- happens between them, however slow the host is.
local lfs = require "lfs"

local files = require "spec.support.files"
local program = require "spec.support.program"

local M = {}

local WAIT_ROUNDS = 1500 -- of 20 ms each
local RUN_MAX_S = 120

local running = {} -- agents that nobody has waited for yet

--- Wait until the condition gives something, and give that; raises after half a minute.
---@param what string
---@param condition fun(): any
function M.wait_until(what, condition)
  for _ = 1, WAIT_ROUNDS do
    local value = condition()
    if value then
      return value
    end
    os.execute "sleep 0.02"
  end
  error("waited in vain until " .. what)
end

--- Since the host started, as the kernel says.
---@return number
function M.uptime_s()
  return tonumber(files.read("/proc/uptime"):match "^[%d.]+")
end

---@class StoppedAgent
---@field private began_s number
---@field private run RunningProgram
---@field pid integer  of the program itself, as this /proc has it
local Agent = {}
Agent.__index = Agent

-- The program among the processes that start it, once it is there.
local function find_program(pid)
  if files.read_if_there(("/proc/%s/comm"):format(pid)) == "moonwatch\n" then
    return tonumber(pid)
  end
  local children = files.read_if_there(("/proc/%s/task/%s/children"):format(pid, pid)) or ""
  for child in children:gmatch "%d+" do
    local found = find_program(child)
    if found then
      return found
    end
  end
end

--- It may have ended meanwhile.
function Agent:signal(name)
  os.execute(("kill -%s %s 2> /dev/null"):format(name, self.pid))
end

---@return string[] targets  of what it has open
function Agent:open_files()
  local targets = {}
  for fd in lfs.dir(("/proc/%s/fd"):format(self.pid)) do
    local target = lfs.symlinkattributes(("/proc/%s/fd/%s"):format(self.pid, fd), "target")
    if target then
      table.insert(targets, target)
    end
  end
  return targets
end

-- It keeps one that it has read.
local function has_read_network(agent)
  for _, target in ipairs(agent:open_files()) do
    if target:find "/net/dev$" then
      return true
    end
  end
end

--- What it has written to standard output by now.
---@return string
function Agent:said()
  return files.read(self.run.out_path)
end

--- Let it go on, and wait for its end.
---@return ProgramOutcome  with took_s, which is longer than between any two of its readings
function Agent:finish()
  self:signal "CONT"
  running[self] = nil
  local outcome = self.run:finish()
  outcome.took_s = M.uptime_s() - self.began_s
  return outcome
end

local function stop(agent)
  agent:signal "STOP"
  M.wait_until("the agent is stopped", function()
    return files.read(("/proc/%s/stat"):format(agent.pid)):find "%) T "
  end)
end

--- Start the program and stop it after its first reading of a network.
---@param call table  for program.start: "check" or "stats"; its prefix comes before a deadline
---@return StoppedAgent
function M.start(call)
  call.prefix = ("%s timeout -k 5 %d"):format(call.prefix or "", RUN_MAX_S)
  local agent = setmetatable({ began_s = M.uptime_s(), run = program.start(call) }, Agent)
  agent.pid = agent.run.pid -- to end it by, until the program is there
  running[agent] = true
  agent.pid = M.wait_until("the agent starts", function() return find_program(agent.run.pid) end)
  if call[1] == "check" then
    agent.run:wait_for "took a first reading"
  else
    M.wait_until("the network is read", function() return has_read_network(agent) end)
  end
  stop(agent)
  return agent
end

--- End those that a case that failed has left.
function M.kill_all()
  for agent in pairs(running) do
    agent:signal "KILL"
    agent:finish()
  end
end

return M
