---@meta moonwatch.stats
-- What the C module offers to scripts: for people and for the language server, never run.
-- The numbers of a container, "at most so many milliseconds old". Readings are shared by all
-- scripts: who asks while a container is being read gets that reading. Failures are kept like
-- readings.

---@class ContainerRef  An element of moonwatch.inventory's list will do.
---@field id string
---@field runtime? string
---@field namespace? string

--- One number for each figure that the kernel gave, under its name in the table of figures
--- ("memory_usage_bytes", "cpu_total_ns", ...); what it did not give is absent, never zero.
---@class ContainerStats
---@field cgroup_inode string  16 hexadecimal digits; another one means another container
---@field read_s number  monotonic seconds, when the reading was complete
---@field problems_count integer  files that were missing or not understood
---@field cpu_limit_percent? number  100 is one CPU
---@field cpu_limit_defaulted? boolean  no limit was set: all CPUs of the host
---@field [string] number

---@class IoDevice  What a container did on one block device. Limits: version 2 only.
---@field major integer
---@field minor integer
---@field name? string  absent when /proc/diskstats does not list it
---@field read_bytes? number
---@field write_bytes? number
---@field read_operations_total? number
---@field write_operations_total? number
---@field read_limit_bytes_per_s? number
---@field write_limit_bytes_per_s? number
---@field read_limit_operations_per_s? number
---@field write_limit_operations_per_s? number

---@class StatsUsage
---@field entries integer  containers in the cache
---@field hits_total integer
---@field reads_total integer
---@field joined_total integer  callers that waited for somebody else's reading
---@field expired_total integer  entries that left by age
---@field evicted_total integer  entries that left because there were too many

local M = {}

--- Raises on a wrong argument; returns nil, message, errno on anything else.
---@param ref ContainerRef
---@param max_age_ms number  an age equal to it is accepted; 0 or less: read now
---@param into? table  filled and returned instead of a new table: what an earlier reading left there goes
---@return ContainerStats?, string?, integer?
function M.container(ref, max_age_ms, into) end

--- From the same reading as container().
---@param ref ContainerRef
---@param max_age_ms number
---@return IoDevice[]?, string?, integer?  sorted by major and minor
function M.io_devices(ref, max_age_ms) end

--- Counters of the cache since the agent started.
---@return StatsUsage?, string?, integer?
function M.usage() end

return M
