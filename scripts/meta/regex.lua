---@meta moonwatch.regex
-- What the C module offers to scripts: for people and for the language server, never run.
-- Regular expressions of RE2's syntax, as in Go: https://github.com/google/re2/wiki/Syntax.
-- Unlike Lua's patterns they have alternation, and a match takes time linear in the text.

--- matches says whether the text, of at most 16384 bytes, has a match anywhere. A byte that is not
--- UTF-8 counts as one U+FFFD. Errors: "too expensive ..." (ELOOP) when the pattern needs to keep more
--- than 128 alternatives at a time for this text, as (a?){100}a{100} may; a text that is too long
--- (EMSGSIZE). Neither is a "no". An expression cannot change, and the collector frees it.
---@class Regex
---@field pattern string  as it was given
---@field matches fun(self: Regex, text: string): boolean?, string?, integer?

local M = {}

--- A pattern of at most 4096 bytes. A script may keep at most 4096 of them,
--- which take at most 16 MiB (EMFILE).
---@param pattern string
---@return Regex? regex
---@return string? message  "invalid regex 'a(?=b)': error parsing regexp: invalid or ..."
---@return integer? errno  EINVAL; EMSGSIZE: too large
function M.compile(pattern) end

return M
