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
---@field identity string  counters of readings with the same one may be compared
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

---@class StatsFigures  A set of figures: who asks for few has few files read.

---@class StatsFollowed  A container that is read again and again.

---@class NetworkStats  Of the network namespace that the container is in, all interfaces but lo.
---@field network_read_s number  monotonic seconds, when the reading was complete
---@field network_identity string  counters of readings with the same one may be compared
---@field network_rcvd_bytes? number
---@field network_rcvd_packets_total? number
---@field network_sent_bytes? number
---@field network_sent_packets_total? number
---@field network_namespace? string  16 hexadecimal digits; the same for containers that share it
---@field host_network? boolean  it is the host's own

---@class NetworkInterface
---@field name string
---@field rcvd_bytes? number
---@field rcvd_packets_total? number
---@field sent_bytes? number
---@field sent_packets_total? number

---@class ContainerProcesses  With those of cgroups inside of the container's.
---@field read_s number
---@field pids integer[]  ascending, as the host's /proc names them
---@field processes_count integer
---@field zombies_count? integer  absent when none of them could be looked at
---@field threads_count? integer
---@field open_files_count? integer

---@class StatsUsage
---@field entries integer  readings in the cache: figures, network and processes count each
---@field hits_total integer
---@field reads_total integer
---@field joined_total integer  callers that waited for somebody else's reading
---@field expired_total integer  entries that left by age
---@field evicted_total integer  entries that left because there were too many
---@field collectors integer  that are ready
---@field collectors_pending integer  that are not ready yet

local M = {}

--- Raises when a name is none of a figure.
---@param names string[]  as in moonwatch.cgroup.figures(), "cpu_limit_percent" and "cpu_limit_defaulted"
---@return StatsFigures
function M.figures(names) end

--- For a check that reads each container in every run: values(), without a table for each reading,
--- costs a third of container().
---@param ref ContainerRef  is copied
---@param before? StatsFollowed|string  of the same id, of which something else has changed, or what
--- epochs() gave of one: its epochs go on
---@return StatsFollowed
function M.follow(ref, before) end

--- For save() of a script: its epochs as bytes, for follow() of the script that was loaded anew. They
--- are worth something in this process alone; those of another one begin anew.
---@param followed StatsFollowed
---@return string
function M.epochs(followed) end

--- The figures in the order in which they were named to figures(); nil is absent. Counters of two
--- readings may be compared when both are of one epoch, as with ContainerStats.identity.
---@param followed StatsFollowed
---@param max_age_ms number  as in container()
---@param figures StatsFigures
---@return integer? epoch, number|string read_s, any ...  or nil, message, errno
function M.values(followed, max_age_ms, figures) end

--- As network(): received bytes and packets, sent bytes and packets, and whether it is the host's own.
---@param followed StatsFollowed
---@param max_age_ms number
---@return integer? epoch, number|string read_s
---@return number? rcvd_bytes, number? rcvd_packets, number? sent_bytes, number? sent_packets
---@return boolean? host_network
function M.network_values(followed, max_age_ms) end

--- Of the last network_values(); it stays the same within an epoch.
---@param followed StatsFollowed
---@return string? network_namespace  as in NetworkStats
function M.network_namespace(followed) end

--- Raises on a wrong argument; returns nil, message, errno on anything else.
---@param ref ContainerRef
---@param max_age_ms number  an age equal to it is accepted; 0 or less: read now
---@param into? table  filled and returned instead of a new one; of an earlier reading, the figures asked for go
---@param figures? StatsFigures  which ones, by default all; files that hold none of them are not read
---@return ContainerStats?, string?, integer?
function M.container(ref, max_age_ms, into, figures) end

--- One reading of a network namespace serves all containers in it. ENODATA: no interface but lo.
---@param ref ContainerRef
---@param max_age_ms number
---@param into? table  filled and returned instead of a new table
---@return NetworkStats?, string?, integer?
function M.network(ref, max_age_ms, into) end

--- From the same reading as network().
---@param ref ContainerRef
---@param max_age_ms number
---@return NetworkInterface[]?, string?, integer?  sorted by name
function M.interfaces(ref, max_age_ms) end

---@param ref ContainerRef
---@param max_age_ms number
---@return ContainerProcesses?, string?, integer?
function M.processes(ref, max_age_ms) end

--- The container that a process belongs to; nil alone: to none.
---@param pid integer  as the host's /proc names it
---@return string? id, string? message, integer? errno
function M.id_of_pid(pid) end

--- The container that a cgroup is; nil alone: none.
---@param inode string  hexadecimal digits, as cgroup_inode has them
---@return string? id, string? message, integer? errno
function M.id_of_inode(inode) end

--- The container that the agent itself runs in; nil alone: in none.
---@return string? id, string? message, integer? errno
function M.own_id() end

--- From the same reading as container().
---@param ref ContainerRef
---@param max_age_ms number
---@return IoDevice[]?, string?, integer?  sorted by major and minor
function M.io_devices(ref, max_age_ms) end

--- Counters of the cache since the agent started.
---@return StatsUsage?, string?, integer?
function M.usage() end

return M
