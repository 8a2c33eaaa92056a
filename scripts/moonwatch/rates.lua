--- Rates between two readings of one container.
---
--- The history belongs to (id, identity): a container that was restarted under its old id has
--- another cgroup inode and starts afresh. It stays through readings that fail, until the container
--- is gone. There is no rate where there is no pair of readings: nothing before, or a counter that
--- is absent in one of the two. The same reading seen again has the rates that it had.
local M = {}

---@class RateFields  Which fields of a row say when and of what it is.
---@field time? string  monotonic seconds; "read_s" by default
---@field identity? string  "identity" by default; another value means other counters

---@class Readings  What a meter knows of one container.
---@field read_s? number  absent: nothing was read yet
---@field identity? string
---@field rates table<integer, number?>
---@field run? integer  of a history: the run that last saw the container
---@field [integer] number?  the last value of each counter

---@class Meter  For scripts that keep a table for each container anyway.
---@field private counters string[]
---@field private time string
---@field private identity string
local Meter = {}
Meter.__index = Meter

---@class Rates
---@field private meter Meter
---@field private history table<string, Readings>
---@field private run integer  how many runs were begun
local Rates = {}
Rates.__index = Rates

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

---@param counters string[]  fields of a row
---@param fields? RateFields
---@return Meter
function M.meter(counters, fields)
  fields = fields or {}
  return setmetatable({
    counters = counters, time = fields.time or "read_s", identity = fields.identity or "identity",
  }, Meter)
end

--- For a container that was not read yet.
---@return Readings
function Meter:start()
  return { rates = {} }
end

--- Take in a reading.
---@param readings Readings  of this container, from start
---@param row table  of moonwatch.stats
---@return table<integer, number?> per_s  the rate of each counter; to be read, not changed
function Meter:update(readings, row)
  local counters, rates, read_s = self.counters, readings.rates, row[self.time]
  local elapsed_s = read_s - (readings.read_s or read_s)
  if not readings.read_s or readings.identity ~= row[self.identity] then
    for i = 1, #counters do
      rates[i], readings[i] = nil, row[counters[i]]
    end
    readings.identity, readings.read_s = row[self.identity], read_s
  elseif elapsed_s > 0 then
    -- As M.rate, without a call for each counter.
    for i = 1, #counters do
      local now, before = row[counters[i]], readings[i]
      rates[i] = now and before and (now > before and (now - before) / elapsed_s or 0) or nil
      readings[i] = now
    end
    readings.read_s = read_s
  end
  return rates
end

--- A history of the named counters, by id.
---@param counters string[]  fields of a row
---@param fields? RateFields
---@return Rates
function M.new(counters, fields)
  return setmetatable({ meter = M.meter(counters, fields), history = {}, run = 0 }, Rates)
end

--- Begin a run: what is neither updated nor kept until `finish` is forgotten then.
function Rates:begin()
  self.run = self.run + 1
end

--- The container exists but could not be read this time: keep its history.
---@param id string
function Rates:keep(id)
  local readings = self.history[id]
  if readings then
    readings.run = self.run
  end
end

--- Take in a reading.
---@param id string
---@param row table  of moonwatch.stats
---@return table<integer, number?> per_s  the rate of each counter; to be read, not changed
function Rates:update(id, row)
  local readings = self.history[id]
  if not readings then
    readings = self.meter:start()
    self.history[id] = readings
  end
  readings.run = self.run
  return self.meter:update(readings, row)
end

--- End a run: what was not seen in it is gone.
function Rates:finish()
  local run, history = self.run, self.history
  for id, readings in pairs(history) do
    if readings.run ~= run then
      history[id] = nil
    end
  end
end

return M
