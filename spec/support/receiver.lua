--- A far end for sinks: nginx on a port of its own, which writes down what is posted to it, and can
--- be away and come back, refuse what is too large, or say that it is busy.
local cjson = require "cjson"

local files = require "spec.support.files"
local tmpdir = require "spec.support.tmpdir"

local M = {}

local START_ATTEMPTS = 20
local WAIT_ROUNDS = 500 -- of 20 ms each
M.BODY_MAX_BYTES = 65536

-- nginx reads a body only for who is asked next: the second server.
local CONFIGURATION = [[
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events { worker_connections 64; }
http {
  log_format received escape=json
    '{"path":"$uri","status":$status,"type":"$content_type","token":"$http_authorization","body":"$request_body"}';
  client_body_temp_path {dir}/temp_body;
  proxy_temp_path {dir}/temp_proxy;
  fastcgi_temp_path {dir}/temp_fastcgi;
  uwsgi_temp_path {dir}/temp_uwsgi;
  scgi_temp_path {dir}/temp_scgi;
  client_body_buffer_size 4m;
  client_max_body_size {max};
  server {
    listen 127.0.0.1:{port};
    access_log {dir}/received.log received;
    location = /nowhere { return 404; }
    location / {
      if (-f {dir}/busy) { add_header Retry-After 2 always; return 429 "slow down"; }
      if (-f {dir}/broken) { return 500 "oops"; }
      proxy_pass http://unix:{dir}/second.sock;
    }
  }
  server {
    listen unix:{dir}/second.sock;
    access_log off;
    location / { return 200; }
  }
}
]]

---@class Receiver
---@field dir TmpDir
---@field port integer
local Receiver = {}
Receiver.__index = Receiver

local function fill(text, values)
  return (text:gsub("{([%l_]+)}", values))
end

--- The reason why there can be none here, or nil.
function M.lacks()
  if os.execute "command -v nginx > /dev/null 2>&1" ~= 0 then
    return "nginx is not installed (tools/install-packages test)"
  end
end

--- @return boolean  it serves; false: its port is taken
local function has_started(self)
  for _ = 1, WAIT_ROUNDS do
    if (files.read_if_there(self.dir.path .. "/nginx.pid") or "") ~= "" then
      return true
    end
    if (files.read_if_there(self.dir.path .. "/nginx.log") or ""):find "still could not bind" then
      return false
    end
    os.execute "sleep 0.02"
  end
  error("nginx does not start: " .. (files.read_if_there(self.dir.path .. "/nginx.log") or ""))
end

--- Serve, on the port that it has. @return boolean
function Receiver:come()
  self.dir:write { ["nginx.conf"] = fill(CONFIGURATION,
    { dir = self.dir.path, port = self.port, max = M.BODY_MAX_BYTES }) }
  os.execute(fill("rm -f {dir}/second.sock {dir}/nginx.pid {dir}/nginx.log", { dir = self.dir.path }))
  self.holder = assert(io.popen(fill([[cd {dir} && { nginx -p {dir} -e {dir}/error.log -c {dir}/nginx.conf \
    -g 'daemon off;' > nginx.log 2>&1 & pid=$!
    cat > /dev/null; kill $pid 2> /dev/null; wait $pid 2> /dev/null; }]], { dir = self.dir.path }), "w"))
  return has_started(self)
end

--- Connections to it are refused from now on.
function Receiver:go()
  if self.holder then
    self.holder:close()
    self.holder = nil
  end
end

--- Say 429 with Retry-After ("busy"), or 500 ("broken"), to all.
function Receiver:say(what)
  self.dir:write { [what] = "" }
end

function Receiver:say_no_longer(what)
  os.remove(self.dir.path .. "/" .. what)
end

function Receiver:url(path)
  return ("http://127.0.0.1:%d%s"):format(self.port, path or "/")
end

--- Requests that were answered, in order, the last one included once it is complete.
---@return { path: string, status: integer, type: string, body: string }[]
function Receiver:requests()
  local requests = {}
  for line in (files.read_if_there(self.dir.path .. "/received.log") or ""):gmatch "([^\n]*)\n" do
    table.insert(requests, cjson.decode(line))
  end
  return requests
end

--- The messages in what it has taken, decoded, in order.
function Receiver:messages()
  local messages = {}
  for _, request in ipairs(self:requests()) do
    if request.status == 200 then
      for line in request.body:gmatch "[^\n]+" do
        table.insert(messages, cjson.decode(line))
      end
    end
  end
  return messages
end

function Receiver:remove()
  self:go()
  self.dir:remove()
end

--- @param options? { is_away: boolean }  it has a port, but does not serve yet
---@return Receiver
function M.start(options)
  local self = setmetatable({ dir = tmpdir.new() }, Receiver)
  os.execute("chmod 755 " .. self.dir.path)
  math.randomseed(tonumber(tostring({}):match "0x(%x+)", 16) % 2 ^ 31 + os.time())
  for _ = 1, START_ATTEMPTS do
    self.port = math.random(20000, 30000)
    if self:come() then
      if options and options.is_away then
        self:go()
      end
      return self
    end
    self:go()
  end
  self:remove()
  error "no free port for nginx"
end

return M
