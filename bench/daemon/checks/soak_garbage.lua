--- Leaves much to the collector.
local M = { api = 1, interval_s = 2 }

function M.run(context)
  local kept = {}
  for i = 1, 5000 do
    kept[i % 100] = { i, tostring(i), ("%d of %s"):format(i, tostring(context.now_s)) }
  end
  context:gauge("soak.garbage", #kept)
end

return M
