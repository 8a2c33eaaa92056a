--- Encodes and decodes what is as large as a common answer of an API.
local json = require "moonwatch.json"

local M = { api = 1, interval_s = 5 }

function M.run(context)
  local list = {}
  for i = 1, 1000 do
    list[i] = { number = i, name = "name " .. i, flags = { true, false }, share = i / 7 }
  end
  local text = assert(json.encode(list))
  context:gauge("soak.json", #assert(json.decode(text)))
end

return M
