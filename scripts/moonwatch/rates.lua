--- Rates between two readings of one container.
---
--- The history belongs to (id, cgroup inode): a container that was restarted under its old id has
--- another inode and starts afresh. It stays through readings that fail, until the container is
--- gone. There is no rate where there is no pair of readings: nothing before, or a counter that is
--- absent in one of the two. The same reading seen again has the rates that it had.
local M = {}

---@class Rates
---@field private counters string[]
---@field private history table<string, RatesEntry>
---@field private run integer  how many runs were begun
local Rates = {}
Rates.__index = Rates

---@class RatesEntry
---@field cgroup_inode string
---@field read_s number
---@field run integer  the run that last saw the container
---@field rates table<integer, number?>
---@field [integer] number?  the last value of each counter

--- What a counter grew by in a second; 0 when it went back; nil where there is no pair.
---@param now? number
---@param before? number
---@param elapsed_s number
---@return number?
function M.rate(now, before, elapsed_s)
  if not now or not before or elapsed_s <= 0 then
    return nil
  end
  return now > before and (now - before) / elapsed_s or 0
end

local rate = M.rate

--- A history of the named counters.
---@param counters string[]  fields of a row of moonwatch.stats
---@return Rates
function M.new(counters)
  return setmetatable({ counters = counters, history = {}, run = 0 }, Rates)
end

--- Begin a run: what is neither updated nor kept until `finish` is forgotten then.
function Rates:begin()
  self.run = self.run + 1
end

--- The container exists but could not be read this time: keep its history.
---@param id string
function Rates:keep(id)
  local entry = self.history[id]
  if entry then
    entry.run = self.run
  end
end

--- Take in a reading.
---@param id string
---@param row ContainerStats
---@return table<integer, number?> per_s  the rate of each counter; to be read, not changed
function Rates:update(id, row)
  local counters, entry = self.counters, self.history[id]
  if not entry or entry.cgroup_inode ~= row.cgroup_inode then
    entry = { cgroup_inode = row.cgroup_inode, read_s = row.read_s, rates = {} }
    for i = 1, #counters do
      entry[i] = row[counters[i]]
    end
    self.history[id] = entry
  else
    local elapsed_s, rates = row.read_s - entry.read_s, entry.rates
    if elapsed_s > 0 then
      for i = 1, #counters do
        local now = row[counters[i]]
        rates[i] = rate(now, entry[i], elapsed_s)
        entry[i] = now
      end
      entry.read_s = row.read_s
    end
  end
  entry.run = self.run
  return entry.rates
end

--- End a run: what was not seen in it is gone.
function Rates:finish()
  local run, history = self.run, self.history
  for id, entry in pairs(history) do
    if entry.run ~= run then
      history[id] = nil
    end
  end
end

return M
