---@meta moonwatch.store
-- What the C module offers to scripts: for people and for the language server, never run.
--
-- What a script keeps over restarts: values under keys, both strings of any bytes. Each script has a
-- store of its own, named like the script; no other sees what is in it. It needs a state directory:
-- without one (moonwatch check without --state-dir) every function returns nil, "no state directory:
-- give --state-dir", ENOENT.
--
-- A write is on the disk when it returns, which takes as long as the disk takes: write once in a run,
-- not once for each container. A call that others keep waiting ends after 5 s with ETIMEDOUT.
--
-- Bounds: keys of 1 to 446 bytes (EINVAL), values of 1 MiB (EMSGSIZE), 8 MiB for all that a script
-- keeps (EDQUOT). Keys and values count, and 64 bytes for each entry. Errors of the disk come as
-- they are: ENOSPC; EBADMSG: what was stored has changed on the disk; EBUSY: another process has it.

local M = {}

--- nil without a message: nothing is there.
---@param key string
---@return string? value
---@return string? message
---@return integer? errno
function M.get(key) end

--- In the place of what is there. Raises when the value is no string: `tostring`, `json.encode`.
---@param key string
---@param value string
---@return true? ok
---@return string? message
---@return integer? errno
function M.put(key, value) end

---@param key string
---@return boolean? was_there
---@return string? message
---@return integer? errno
function M.delete(key) end

--- For keys that begin with the prefix (all by default), in the order of their bytes:
---
---     for key, value in assert(store.each "seen/") do ... end
---
--- The loop may put and delete: what comes behind the key of the moment is seen as it then is. It
--- raises when the store cannot be read.
---@param prefix? string
---@return (fun(): string?, string?)? iterator
---@return string? message
---@return integer? errno
function M.each(prefix) end

---@class StoreStats
---@field entries_count integer  of this script
---@field used_bytes integer  of max_bytes, by this script
---@field max_bytes integer
---@field store_size_bytes integer  of the file, with what all scripts keep
---@field store_max_bytes integer

--- Looks at all entries of the script.
---@return StoreStats? stats
---@return string? message
---@return integer? errno
function M.stats() end

return M
