--- A real web server for end-to-end specs: nginx on free ports of 127.0.0.1 and on a unix socket,
--- with certificates that openssl makes for the occasion.
---
--- A small shell process holds it: it ends when its standard input does, however the spec ends.
local files = require "spec.support.files"
local tmpdir = require "spec.support.tmpdir"

local M = {}

local START_ATTEMPTS = 20
local WAIT_ROUNDS = 500 -- of 20 ms each

--- Each has a port of its own, in this order behind the first one.
local SERVERS = {
  "https", "http11", "expired", "self_signed", "wrong_host", "unknown_ca", "client_cert", "http", "alert",
}

local CERTIFICATES = [[
set -e
cd {dir}
ca() { # NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
    -keyout $1.key -out $1.crt
}
signed() { # NAME CA SAN DAYS
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout $1.key -out $1.csr
  echo "subjectAltName=$3" > $1.ext
  openssl x509 -req -in $1.csr -CA $2.crt -CAkey $2.key -CAcreateserial -days $4 -extfile $1.ext -out $1.crt
}
ca ca
ca other_ca
signed https ca DNS:localhost,IP:127.0.0.1 2
signed expired ca DNS:localhost,IP:127.0.0.1 -1
signed wrong_host ca DNS:elsewhere.example 2
signed unknown_ca other_ca DNS:localhost,IP:127.0.0.1 2
signed client ca DNS:client 2
signed other_client other_ca DNS:client 2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout self_signed.key -out self_signed.crt
for name in client_cert http11; do
  cp https.crt $name.crt
  cp https.key $name.key
done
]]

local CONFIGURATION = [[
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events { worker_connections 64; }
http {
  log_format connections "$connection $server_protocol $request_method $uri $http_x_test";
  access_log {dir}/access.log connections;
  client_body_temp_path {dir}/temp_body;
  proxy_temp_path {dir}/temp_proxy;
  fastcgi_temp_path {dir}/temp_fastcgi;
  uwsgi_temp_path {dir}/temp_uwsgi;
  scgi_temp_path {dir}/temp_scgi;
  default_type text/plain;
  root {dir}/www;
  gzip_types text/plain application/json;
  gzip_min_length 1;
  large_client_header_buffers 4 32k;
{servers}
}
]]

local TLS = [[
  server {
    listen 127.0.0.1:{port} ssl{protocol};
    ssl_certificate {dir}/{name}.crt;
    ssl_certificate_key {dir}/{name}.key;
{more}
{locations}
  }
]]

local LOCATIONS = [[
    location = / { return 200 "hello over $server_protocol"; }
    location = /token {
      if ($http_authorization != "Bearer {token}") { return 401 "who are you?"; }
      return 200 "welcome";
    }
    location = /authorization { return 200 "<$http_authorization>"; }
    location = /packed.txt { gzip on; }
    location = /404 { return 404 "gone fishing"; }
    location = /429 { add_header Retry-After 17 always; return 429 "slow down"; }
    location = /500 { return 500 "oops"; }
    location = /503 { return 503; }
    location = /same { return 302 /; }
    location = /other { return 302 https://127.0.0.1:1/elsewhere; }
    location = /headers { {long} return 200 "x"; }
    location = /pods { {allowed} gzip on; alias {dir}/www/pods.json; }
    location = /stats/summary { {allowed} gzip on; alias {dir}/www/stats_summary.json; }
    location = /metrics/cadvisor { return 403 "Forbidden"; }
    location = /method { return 200 "$request_method <$content_type> <$content_length> <$http_expect>"; }
]]

local LONG_HEADER = ('add_header X-Long "%s"; '):format(("x"):rep(3000))

-- As a kubelet does: 401 for who is not known, whatever he asks for.
local ALLOWED = [[default_type application/json;
      if ($http_authorization != "Bearer right-token") { return 401 "Unauthorized"; }]]

local function fill(text, values)
  return (text:gsub("{([%l_]+)}", values))
end

local function run(command)
  local pipe = assert(io.popen(("{ %s\n} 2>&1; echo \"status $?\""):format(command)))
  local output = pipe:read "*a"
  pipe:close()
  local status = tonumber(output:match "status (%d+)\n$")
  assert(status == 0, output)
end

--- The reason why there can be none here, or nil.
function M.lacks()
  for _, program in ipairs { "nginx", "openssl" } do
    if os.execute(("command -v %s > /dev/null 2>&1"):format(program)) ~= 0 then
      return program .. " is not installed (tools/install-packages test)"
    end
  end
end

---@class Nginx
---@field dir TmpDir
---@field ports table<string, integer>  by the name of the server
---@field socket string
local Nginx = {}
Nginx.__index = Nginx

local function configuration(nginx)
  local servers = {}
  for _, name in ipairs(SERVERS) do
    local values = {
      dir = nginx.dir.path, name = name, port = nginx.ports[name], more = "", token = "{token}",
      protocol = name == "http11" and "" or " http2",
    }
    values.locations = fill(LOCATIONS,
      { dir = nginx.dir.path, token = "right-token", long = LONG_HEADER:rep(30), allowed = ALLOWED })
    if name == "client_cert" then
      values.more = fill("    ssl_client_certificate {dir}/ca.crt;\n    ssl_verify_client on;", values)
    end
    local text = TLS
    if name == "http" then
      text = "  server { listen 127.0.0.1:{port}; listen unix:{dir}/nginx.sock;\n{locations}\n  }\n"
    end
    if name ~= "alert" then
      table.insert(servers, fill(text, values))
    end
  end
  return fill(CONFIGURATION, { dir = nginx.dir.path, servers = table.concat(servers) })
end

--- Run it in a shell that waits for the end of its input; what is started is $pid there.
local function hold(dir, name, command)
  return assert(io.popen(fill([[cd {dir} && { {command} > {name}.log 2>&1 & pid=$!
    cat > /dev/null; kill $pid 2> /dev/null; wait $pid 2> /dev/null; }]],
    { dir = dir, name = name, command = command }), "w"))
end

--- @return boolean  it serves; false: it has ended
local function has_started(nginx)
  for _ = 1, WAIT_ROUNDS do
    if (files.read_if_there(nginx.dir.path .. "/nginx.pid") or "") ~= "" then
      return true
    end
    if (files.read_if_there(nginx.dir.path .. "/nginx.log") or ""):find "still could not bind" then
      return false
    end
    os.execute "sleep 0.02"
  end
  error("nginx does not start: " .. (files.read_if_there(nginx.dir.path .. "/nginx.log") or ""))
end

--- Try ports until all of them are free.
local function start(nginx)
  for _ = 1, START_ATTEMPTS do
    local first = math.random(20000, 30000)
    for i, name in ipairs(SERVERS) do
      nginx.ports[name] = first + i - 1
    end
    nginx.dir:write { ["nginx.conf"] = configuration(nginx) }
    nginx.holder = hold(nginx.dir.path, "nginx",
      fill("exec nginx -p {dir} -e {dir}/error.log -c {dir}/nginx.conf -g 'daemon off;'", { dir = nginx.dir.path }))
    if has_started(nginx) then
      return
    end
    nginx.holder:close()
  end
  error "no free ports for nginx"
end

--- A server that ends the handshake where the client has no certificate: nginx answers 400 instead.
local function start_alert(nginx)
  nginx.alert = hold(nginx.dir.path, "alert", fill("exec openssl s_server -accept 127.0.0.1:{port} -www -quiet "
    .. "-cert https.crt -key https.key -CAfile ca.crt -Verify 1 -verify_return_error", { port = nginx.ports.alert }))
  local listening = (":%04X 00000000:0000 0A"):format(nginx.ports.alert)
  for _ = 1, WAIT_ROUNDS do
    if files.read("/proc/net/tcp"):find(listening, 1, true) then
      return
    end
    os.execute "sleep 0.02"
  end
  error("openssl s_server does not start: " .. (files.read_if_there(nginx.dir.path .. "/alert.log") or ""))
end

local function prepare_and_start(nginx, content)
  nginx.socket = nginx.dir.path .. "/nginx.sock"
  for name, text in pairs(content) do
    nginx.dir:write { ["www/" .. name] = text }
  end
  os.execute("chmod 755 " .. nginx.dir.path)
  run(fill(CERTIFICATES, { dir = nginx.dir.path }))
  math.randomseed(tonumber(tostring({}):match "0x(%x+)", 16) % 2 ^ 31 + os.time())
  start(nginx)
  start_alert(nginx)
end

---@param content table<string, string>  files below its root
---@return Nginx
function M.start(content)
  local nginx = setmetatable({ dir = tmpdir.new { ["www/x"] = "" }, ports = {} }, Nginx)
  local ok, message = pcall(prepare_and_start, nginx, content)
  if not ok then
    nginx:stop()
    error(message, 0)
  end
  return nginx
end

function Nginx:url(server, path)
  return ("http%s://127.0.0.1:%d%s"):format(server == "http" and "" or "s", self.ports[server], path or "/")
end

function Nginx:file(name)
  return self.dir.path .. "/" .. name
end

---@class ServedRequest
---@field connection string  its number
---@field protocol string
---@field method string
---@field test string  its header X-Test

local function served(self, path)
  local requests = {}
  for connection, protocol, method, uri, test in
    files.read(self:file "access.log"):gmatch "(%d+) (%S+) (%S+) (%S+) (%S+)\n" do
    if uri == path then
      table.insert(requests, { connection = connection, protocol = protocol, method = method, test = test })
    end
  end
  return requests
end

--- What it has served under this path once it `is_complete`: nginx answers first and writes its log
--- afterwards.
---@param is_complete fun(requests: ServedRequest[]): boolean
---@return ServedRequest[]
function Nginx:served_once(path, is_complete)
  for _ = 1, WAIT_ROUNDS do
    local requests = served(self, path)
    if is_complete(requests) then
      return requests
    end
    os.execute "sleep 0.02"
  end
  error(("nginx has not served what was waited for at %s"):format(path))
end

--- What it has served under this path, up to the request whose X-Test this was.
---@return ServedRequest[]
function Nginx:served(path, last_test)
  return self:served_once(path, function(requests)
    return requests[1] and requests[#requests].test == last_test
  end)
end

--- How many requests for this path it has served by now.
function Nginx:count(path)
  return #served(self, path)
end

function Nginx:stop()
  for _, holder in ipairs { "alert", "holder" } do
    if self[holder] and io.type(self[holder]) == "file" then
      self[holder]:close()
    end
  end
  self.dir:remove()
end

return M
