--- Fails now and then, and puts its own table in disorder.
local M = { api = 1, interval_s = 2 }

local runs = 0

function M.run(context)
  runs = runs + 1
  M["field " .. runs % 50] = ("y"):rep(1000)
  if runs % 3 == 0 then
    error("run " .. runs .. " is a multiple of three")
  end
  context:gauge("soak.fails", runs)
end

return M
