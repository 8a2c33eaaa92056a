--- Splits a list into messages: at most the limit in each, none empty, sizes that differ by at
--- most one.
local M = {}

local ceil, floor = math.ceil, math.floor

--- How many items go into each message.
---@param count integer  items, 0 or more
---@param max_per_message integer  1 or more
---@return integer[] sizes  larger ones first; empty when there is no item
function M.sizes(count, max_per_message)
  if max_per_message < 1 then
    error("max_per_message is " .. max_per_message .. ", which leaves no room for an item", 2)
  end
  local messages = ceil(count / max_per_message)
  local sizes = {}
  for i = 1, messages do
    local larger = i <= count % messages
    sizes[i] = floor(count / messages) + (larger and 1 or 0)
  end
  return sizes
end

--- The items of a list, in order, message by message.
---@generic T
---@param items T[]
---@param max_per_message integer
---@return T[][] batches
function M.split(items, max_per_message)
  local sizes = M.sizes(#items, max_per_message)
  if #sizes == 1 then
    return { items }
  end
  local batches, taken = {}, 0
  for i, size in ipairs(sizes) do
    local batch = {}
    for k = 1, size do
      batch[k] = items[taken + k]
    end
    batches[i] = batch
    taken = taken + size
  end
  return batches
end

--- Send a list in as many messages as it takes. They share one group id, and all that `message` has.
---@param context CheckContext
---@param kind string
---@param message table  is filled anew for each
---@param field string  where the items go
---@param items table[]  at least one
function M.emit(context, kind, message, field, items)
  local batches = M.split(items, context.options.max_per_message)
  message.groupId, message.groupSize = context:next_group_id(), #batches
  for _, batch in ipairs(batches) do
    message[field] = batch
    context:emit(kind, message)
  end
end

return M
