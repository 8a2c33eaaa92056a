--- Holds back containers of Garden that have no tags: nobody could tell whose they are, and the
--- tags come from elsewhere, somewhat later. They are not held for ever.
local log = require "moonwatch.log"

local M = {}

---@class GardenHold
---@field held_count integer  containers that are held back since the last `begin`
---@field private hold_s number
---@field private waiting table<string, table>
---@field private run integer
local GardenHold = {}
GardenHold.__index = GardenHold

---@param hold_s number  how long; 0: not at all
---@return GardenHold
function M.new(hold_s)
  return setmetatable({ hold_s = hold_s, waiting = {}, run = 0, held_count = 0 }, GardenHold)
end

--- Begin to look at all containers: what is not asked about until `finish` is forgotten then.
function GardenHold:begin()
  self.run, self.held_count = self.run + 1, 0
end

---@param container Container
---@param now_s number  wall clock
---@return boolean
function GardenHold:holds(container, now_s)
  if container.runtime ~= "garden" or container.tags and container.tags[1] or self.hold_s <= 0 then
    return false
  end
  local id, wait = container.id, self.waiting[container.id]
  if not wait then
    wait = { since_s = now_s, over = false }
    self.waiting[id] = wait
    log.info("%s: a garden container without tags: held back until it has some, for at most %d s", id, self.hold_s)
  end
  wait.run = self.run
  -- Either way: a clock that was set back must not make it wait for long.
  if not wait.over and math.abs(now_s - wait.since_s) >= self.hold_s then
    wait.over = true
    log.info("%s: no tags came within %d s: listed without", id, self.hold_s)
  end
  self.held_count = self.held_count + (wait.over and 0 or 1)
  return not wait.over
end

function GardenHold:finish()
  for id, wait in pairs(self.waiting) do
    if wait.run ~= self.run then
      self.waiting[id] = nil
    end
  end
end

return M
