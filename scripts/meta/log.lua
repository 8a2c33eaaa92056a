---@meta moonwatch.log
-- What the C module offers to scripts: for people and for the language server, never run.
-- Each call is one line of the agent's log, under the name of the script. With one argument the
-- text is written as it is; with more they are formatted as by string.format. Control characters
-- become spaces. A level that is not logged costs next to nothing.

local M = {}

---@param text string  or a format for what follows
---@param ... any
function M.debug(text, ...) end

---@param text string
---@param ... any
function M.info(text, ...) end

---@param text string
---@param ... any
function M.warn(text, ...) end

---@param text string
---@param ... any
function M.error(text, ...) end

return M
