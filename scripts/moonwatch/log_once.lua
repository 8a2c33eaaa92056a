--- Warnings that would come again in every run: each text is written once.
local log = require "moonwatch.log"

local M = {}

local TEXTS_MAX = 256 -- what is said comes from outside: labels, annotations

local said, count = {}, 0

---@param text string
function M.warn(text)
  if said[text] or count > TEXTS_MAX then
    return
  end
  count = count + 1
  if count > TEXTS_MAX then
    log.warn("there are more warnings of this kind; they are not written")
    return
  end
  said[text] = true
  log.warn("%s", text)
end

return M
