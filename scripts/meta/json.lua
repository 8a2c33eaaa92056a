---@meta moonwatch.json
-- What the C module offers to scripts: for people and for the language server, never run.

local M = {}

--- Stands for null: a nil in a table is no member at all. encode writes it, decode gives it.
---@type lightuserdata
M.null = nil

--- Text of a value, the same for the same value: keys are sorted by their bytes, whole numbers of
--- less than 2^64 keep every digit, other numbers have the fewest digits that read back as the
--- same. NaN and infinities become null, bytes that are not UTF-8 become U+FFFD.
---
--- A table with the keys 1 to n is a list, one with string keys an object; an empty table is {},
--- or [] after list(t). Metatables play no part.
---
--- Raises for what has no JSON, and names it ("cannot encode stats[3].id: a function"): functions
--- and the like, lists with gaps, mixed keys, more than 64 tables inside each other. Returns nil,
--- message, errno when the text grows over 16 MiB.
---@param value any
---@return string?, string?, integer?
function M.encode(value) end

--- For a table that is sent many times and stays as it is, such as tags: its text is made now, and
--- encode takes that. What is changed in it, or inside of it, afterwards is not sent. It counts as one
--- level. Raises as encode does, and when t has a metatable of its own.
---@generic T: table
---@param t T
---@return T? t, string? message, integer? errno  the same table
function M.constant(t) end

--- Value of a text of at most 16 MiB: one document and nothing behind it.
---
--- Lists are marked, so that [] stays [] when it is encoded again. Whole numbers over 2^53 become
--- strings of their digits, since a number would lose some. Of members with the same key the last
--- counts. Not JSON are invalid UTF-8, numbers over 1.8e308, more than 64 levels.
---@param text string
---@return any value, string? message, integer? errno  nil, message, errno when it is not JSON
function M.decode(text) end

--- Mark t as a list, for when it is empty. Raises when t has a metatable of its own.
---@generic T: table
---@param t T
---@return T t  the same table
function M.list(t) end

return M
