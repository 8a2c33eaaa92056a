--- An emulated machine for end-to-end specs: it runs once, and what it wrote down is looked at here.
local cjson = require "cjson"

local files = require "spec.support.files"
local podman = require "spec.support.podman"

local M = {}

local PROGRAM = "spec/support/guest"
local MISSING = 77
local CONSOLE_BYTES = 2000

---@class Guest
---@field dir string  what the machine wrote down
local Guest = {}
Guest.__index = Guest

--- A file that the machine wrote.
function Guest:read(name)
  return files.read(self.dir .. "/results/" .. name)
end

--- What a program of the machine said in JSON; that it ended well is up to code_of().
function Guest:json(name)
  return cjson.decode(self:read(name .. ".out"))
end

--- Each line is JSON of its own.
function Guest:json_lines(name)
  local decoded = {}
  for i, line in ipairs(files.lines(self:read(name .. ".out"))) do
    decoded[i] = cjson.decode(line)
  end
  return decoded
end

function Guest:code_of(name)
  return tonumber(self:read(name .. ".code"))
end

--- The ids of containers by their names, where the machine wrote them down as lines "NAME ID".
function Guest:ids()
  local ids = {}
  for name, id in self:read "ids":gmatch "(%S+) (%S+)\n" do
    ids[name] = id
  end
  return ids
end

function Guest:remove()
  podman.shell(("rm -rf '%s'"):format(self.dir))
end

--- Run a machine to its end. An error when it fails, with the end of what it said.
---@param options string  of spec/support/guest
---@param init string  path of its first process
---@return Guest?, string? reason  what is missing here
function M.run(options, init)
  local output, status = podman.shell(PROGRAM .. " --check")
  if status == MISSING then
    return nil, (output:gsub("\n", " "))
  end
  local guest = setmetatable({ dir = podman.shell "mktemp -d":match "%S+" }, Guest)
  output, status = podman.shell(("%s %s %s %s/results"):format(PROGRAM, options, init, guest.dir))
  if status == 0 then
    return guest
  end
  local console = files.read_if_there(guest.dir .. "/results.console") or ""
  guest:remove()
  error(output .. console:sub(-CONSOLE_BYTES), 0)
end

---@class SharedGuest
---@field guest? Guest  from start() on, where there is one
---@field private begin fun(): Guest?, string?
---@field private skipped? string
---@field private failure? string
local SharedGuest = {}
SharedGuest.__index = SharedGuest

--- A machine that all cases of a spec look at: to be started in setup, and stopped in teardown.
---@param begin fun(): Guest?, string?  as M.run
---@return SharedGuest
function M.shared(begin)
  return setmetatable({ begin = begin }, SharedGuest)
end

function SharedGuest:start()
  local ok, guest, skipped = pcall(self.begin)
  if ok then
    self.guest, self.skipped = guest, skipped
  else
    self.failure = guest
  end
  return self.guest
end

function SharedGuest:stop()
  if self.guest then
    self.guest:remove()
  end
end

--- What stands for `it` in cases that need the machine to have run.
---@param it function  busted's, as is `pending`
---@return fun(name: string, body: function)
function SharedGuest:cases(it, pending)
  return function(name, body)
    it(name, function()
      if self.skipped then
        pending(self.skipped)
      end
      assert(self.guest, self.failure)
      body()
    end)
  end
end

return M
