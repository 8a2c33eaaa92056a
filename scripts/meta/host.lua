---@meta moonwatch.host
-- What the C module offers to scripts: for people and for the language server, never run.
-- Facts about the host, not about the container that the agent may run in.

local M = {}

--- Logical CPUs, at least 1. Counted once and then kept; while the host's files cannot be read it
--- is the number of CPUs that the agent may run on, and the files are tried again at each call.
---@return integer
function M.cpu_count() end

---@return integer? bytes  MemTotal of /proc/meminfo
---@return string? message
---@return integer? errno
function M.memory_total_bytes() end

---@return integer? seconds  since 1970-01-01 UTC, when the host started
---@return string? message
---@return integer? errno
function M.boot_time_s() end

---@return string? name  never empty, printable
---@return string? message
---@return integer? errno
function M.hostname() end

---@return string? release  "6.1.0-18-amd64"
---@return string? message
---@return integer? errno
function M.kernel_release() end

---@class SystemInfo  what is not known is absent
---@field uuid string?  the firmware's product UUID, else /etc/machine-id, else the id of this start
---@field os_name "linux"
---@field platform string?  "ubuntu": ID of os-release(5)
---@field family string?  of platforms: "debian", "rhel", "suse", "alpine", ...
---@field version string?  "22.04": VERSION_ID of os-release(5)
---@field kernel_release string?  as kernel_release()

--- What identifies the host and its system. Reads files: call it in init, not in every run.
---@return SystemInfo info
function M.system_info() end

---@return integer number  the payload's: 0, 1 or 2
---@return "notSpecified"|"fargateECS"|"fargateEKS" name
function M.container_host_type() end

return M
