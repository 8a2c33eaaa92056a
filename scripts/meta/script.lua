---@meta moonwatch.script
-- Runs text in a sandbox like the agent's, with the same limits. For tests in plain luajit; a
-- script inside a sandbox cannot require it.

---@class ScriptOptions
---@field name? string  for messages and the log; "script" by default
---@field memory_max_bytes? number  of the whole state; 64 MiB by default
---@field module_dirs? string[]  where require looks for Lua files; at most 16
---@field timeout_ms? number  for each eval that has none of its own; without it there is none
---@field state_dir? string  where moonwatch.store keeps what it is given; without it, it refuses
---@field host_root? string  whose numbers the modules give; this host's by default

--- eval runs Lua source text and returns what its first result is: nil, a boolean, a number, a
--- string, or a table of these, at most 32 deep; or nil, a message and an errno. ETIME: the deadline
--- was reached, ENOMEM: the memory limit, ECANCELED: an error was raised, EINVAL: a syntax error, or
--- a result that is no plain data. chunk_name stands in messages: "checks/load.lua". timeout_ms of 0:
--- this one may take as long as it likes.
---@class Script
---@field eval fun(self: Script, text: string, chunk_name?: string, timeout_ms?: number): any, string?, integer?
---@field memory_bytes fun(self: Script): number
---@field memory_peak_bytes fun(self: Script): number  the most since it was made
---@field close fun(self: Script)  any other use afterwards raises

local M = {}

---@param options ScriptOptions
---@return Script?, string?, integer?
function M.new(options) end

return M
