--- Runs the program that was built, and catches what it says.
local files = require "spec.support.files"

local M = {}

--- MOONWATCH_BIN, else what the preset "dev" builds.
M.PATH = os.getenv "MOONWATCH_BIN" or "build/dev/bin/moonwatch"

local TIMEOUT_S = 60

---@class ProgramOutcome
---@field out string  standard output
---@field err string  standard error
---@field code integer  exit code; 128 and more: a signal ended it

local function quote(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

local function read_and_remove(path)
  local text = files.read(path)
  os.remove(path)
  return text
end

--- The shell's words for a call: arguments in order, variables under `env`, `prefix` in front.
local function command_of(call)
  local words = {}
  for name, value in pairs(call.env or {}) do
    table.insert(words, name .. "=" .. quote(value))
  end
  table.sort(words)
  table.insert(words, 1, "env")
  table.insert(words, call.prefix or ("timeout -k 5 " .. TIMEOUT_S))
  table.insert(words, quote(M.PATH))
  for _, argument in ipairs(call) do
    table.insert(words, quote(argument))
  end
  return table.concat(words, " ")
end

--- Run a shell command and wait for its end.
---@return ProgramOutcome
function M.shell(command)
  local out, err = os.tmpname(), os.tmpname()
  local pipe = assert(io.popen(("{ %s\n} > %s 2> %s; echo $?"):format(command, out, err)))
  local code = tonumber(pipe:read "*a")
  pipe:close()
  return { out = read_and_remove(out), err = read_and_remove(err), code = code }
end

--- Run the program: M.run { "check", "container_rt", env = { COLUMNS = "80" } }. Where the output
--- goes instead, or a pipe, can follow as `redirect`.
---@return ProgramOutcome
function M.run(call)
  return M.shell(command_of(call) .. " " .. (call.redirect or ""))
end

---@class RunningProgram
---@field pid string
local Running = {}
Running.__index = Running

--- Wait, a short while, until the program has said @p pattern on standard error.
function Running:wait_for(pattern)
  for _ = 1, TIMEOUT_S * 50 do
    if (files.read_if_there(self.err_path) or ""):find(pattern) then
      return
    end
    os.execute "sleep 0.02"
  end
  error("the program never said " .. pattern)
end

function Running:signal(name)
  os.execute(("kill -%s %s"):format(name, self.pid))
end

--- Wait for its end.
---@return ProgramOutcome
function Running:finish()
  local code = tonumber(self.pipe:read "*a")
  self.pipe:close()
  return { out = read_and_remove(self.out_path), err = read_and_remove(self.err_path), code = code }
end

--- Start the program and come back at once. With a prefix, the pid is that of its first word.
---@return RunningProgram
function M.start(call)
  local self = setmetatable({ out_path = os.tmpname(), err_path = os.tmpname() }, Running)
  call.prefix = call.prefix or "" -- nothing between the shell and the program: the pid is the program's
  self.pipe = assert(io.popen(("%s > %s 2> %s %s & echo $!; wait $!; echo $?"):format(
    command_of(call), self.out_path, self.err_path, call.redirect or "")))
  self.pid = self.pipe:read "*l"
  return self
end

return M
