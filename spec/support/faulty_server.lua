--- Starts faulty_server.c, which does one thing wrong.
local files = require "spec.support.files"

local M = {}

local PROGRAM = (os.getenv "MOONWATCH_BIN" or "build/dev/bin/moonwatch"):match "^(.*)/bin/[^/]+$"
  .. "/spec/faulty_server"
local WAIT_ROUNDS = 500 -- of 20 ms each

--- @param kind string  as faulty_server.c has them
--- @return string url
--- @return fun() stop
function M.start(kind)
  local out = os.tmpname()
  local holder = assert(io.popen(("exec %s %s > %s"):format(PROGRAM, kind, out), "w"))
  for _ = 1, WAIT_ROUNDS do
    local port = files.read(out):match "^(%d+)\n"
    if port then
      return ("http://127.0.0.1:%s/"):format(port), function()
        holder:close()
        os.remove(out)
      end
    end
    os.execute "sleep 0.02"
  end
  error(PROGRAM .. " " .. kind .. " does not start")
end

return M
