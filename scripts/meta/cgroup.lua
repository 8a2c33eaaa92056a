---@meta moonwatch.cgroup
-- Which containers there are, and what one of them has used, straight from the kernel's files.
-- Checks ask moonwatch.stats instead, which reads at most as often as they need.

---@class CgroupContainer
---@field id string
---@field runtime? string  "docker", "containerd", "cri-o", "podman", "garden"; absent: the cgroup does not tell
---@field namespace? string  of containerd
---@field pod_uid? string  where its cgroup lies in a pod's
---@field path string  below the mount point of its hierarchy: "/docker/<id>"
---@field cgroup_inode string  16 hex digits; another one under the same id is another container
---@field state string  "running"

---@class CgroupController
---@field version integer  1 or 2
---@field mount_path string  as this process opens it

---@class CgroupFigureSource
---@field version integer
---@field controller string  "cpuacct", "blkio", "io", ...
---@field file string  "memory.stat"
---@field key? string  "total_rss"; absent: the file is one number
---@field scale number  the file's number times this is the figure
---@field optional boolean  many kernels lack the file: then the figure is absent and nothing is wrong
---@field of_pod boolean  the file is that of the pod's cgroup, a directory above the container's

---@class CgroupFigure
---@field name string  "memory_rss_bytes": the key in a row of moonwatch.stats
---@field unit string  "bytes", "ns", "count"
---@field text string
---@field sources CgroupFigureSource[]

---@class CgroupUsage
---@field containers integer
---@field directories integer  that are watched over
---@field inotify_watches integer
---@field kept_files integer  open between readings
---@field kept_files_max integer
---@field walks_total integer  full walks
---@field inotify_trusted boolean  false: link counts alone tell of changes

local M = {}

--- Look which containers have come and gone.
---@return integer? generation  goes up with each change
---@return string? message
---@return integer? errno
function M.refresh() end

--- As refresh, but list every cgroup anew.
---@return integer? generation
---@return string? message
---@return integer? errno
function M.walk() end

--- The containers that the last refresh or walk found, sorted by id.
---@return CgroupContainer[]? containers
---@return string? message
---@return integer? errno
function M.containers() end

--- Read all figures of one container now.
---@param id string
---@return ContainerStats? row
---@return IoDevice[]|string devices_or_message
---@return integer? errno
function M.read(id) end

--- The controllers of this host by name ("cpu", "io", ...); one that it lacks is absent.
---@return table<string, CgroupController>? controllers
---@return string? message
---@return integer? errno
function M.controllers() end

--- The table of figures: everything that can be read, and where it comes from.
---@return CgroupFigure[]
function M.figures() end

--- What was wrong with files of containers since the last call; at most 64 lines.
---@return string[]
---@return integer dropped_count  those that found no room
function M.problems() end

---@return CgroupUsage? usage
---@return string? message
---@return integer? errno
function M.usage() end

return M
