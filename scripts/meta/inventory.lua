---@meta moonwatch.inventory
-- What the C module offers to scripts: for people and for the language server, never run.
-- Which containers exist, as all sources together say.

---@class Container  What is not known is absent.
---@field id string
---@field runtime? string
---@field namespace? string
---@field state? string  "running", ...
---@field health? string  "healthy", ...
---@field created_s? number  since 1970-01-01 UTC
---@field started_s? number

local M = {}

--- Sorted by id. The same table, elements included, is returned to this script until the generation
--- changes: for reading only.
---@return Container[] containers
---@return integer generation
function M.containers() end

--- 0 before any source spoke; goes up with each change.
---@return integer
function M.generation() end

--- In plain luajit alone, for tests: in the agent, what a source returns is its list, and other
--- scripts have no such function.
---
--- Replace everything that this source said before. The first of two elements with the same id
--- counts; of two sources that name the same id, the one that spoke first since the start.
--- Raises when an argument is of the wrong type. A list with an element that is not right is refused
--- as a whole (nil, message, errno), with index and field in the message, and the last list stays.
---@param source string
---@param containers Container[]
---@return integer? generation
---@return string? message
---@return integer? errno
function M.replace(source, containers) end

return M
