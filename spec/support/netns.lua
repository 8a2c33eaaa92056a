--- Real network namespaces for end-to-end specs: processes that sleep in them, veth pairs between
--- them, traffic of a known size, and what the kernel's tools say about it.
---
--- Everything lives below one temporary folder. A guardian, a small shell process, waits until
--- stop() is called or this process dies, of whatever, and ends and removes it all.
local cjson = require "cjson"

local files = require "spec.support.files"
local podman = require "spec.support.podman"

local M = {}

local shell = podman.shell

-- The sleepers' ids are in files that their starter writes; a namespace and its interfaces go with
-- its last process. Signals of the terminal reach the whole group, so they are ignored here.
local GUARDIAN = [[
trap '' INT TERM HUP
cat > /dev/null
exec 2> /dev/null
cat {dir}/pids/* | xargs -r kill -9
for pid in $(cat {dir}/pids/*); do
  for round in $(seq 200); do
    readlink "/proc/$pid/ns/net" > /dev/null || break
    sleep 0.01
  done
done
while read -r folder; do
  for round in 1 2 3 4 5 6 7 8 9 10; do
    rmdir "$folder" && break
    [ -d "$folder" ] || break
    sleep 0.1
  done
done < {dir}/cgroups
rm -rf '{dir}'
]]

-- ---- Namespaces ----------------------------------------------------------------------------

---@class TestProcess  that sleeps in a namespace
---@field pid integer
---@field namespace TestNamespace
local Process = {}
Process.__index = Process

--- Put it into a cgroup, which is made when it is not there, and removed in the end.
---@param folder string  "/sys/fs/cgroup/pids/x/y"
function Process:enter_cgroup(folder)
  local made = {}
  local path = folder
  while not files.read_if_there(path .. "/cgroup.procs") and #path > 1 do
    table.insert(made, path)
    path = path:match "^(.*)/"
  end
  local list = assert(io.open(self.namespace.host.dir .. "/cgroups", "a+"))
  local known = list:read "*a"
  list:close()
  list = assert(io.open(self.namespace.host.dir .. "/cgroups", "w"))
  list:write(table.concat(made, "\n"), #made > 0 and "\n" or "", known)
  list:close()
  local output, status = shell(("mkdir -p %s && echo %d > %s/cgroup.procs"):format(folder, self.pid, folder))
  assert(status == 0, output)
end

--- End it; returns when it is in no namespace any more, though perhaps a zombie.
function Process:kill()
  local _, status = shell(([[
    kill -9 %d
    for round in $(seq 500); do readlink /proc/%d/ns/net || exit 0; sleep 0.01; done
    exit 1]]):format(self.pid, self.pid))
  assert(status == 0, "it does not end")
end

---@class TestNamespace
---@field id string  decimal, as in "net:[4026532240]"
---@field first TestProcess  the process that it was made with
---@field machine? TestNamespace  whose pid namespace its processes are in
---@field host TestNetwork
local Namespace = {}
Namespace.__index = Namespace

-- Its id is the one that this /proc has, also when it is in a pid namespace of its own.
local function start_sleeper(host, namespace, prefix)
  host.sleepers = host.sleepers + 1
  local file = ("%s/pids/%d"):format(host.dir, host.sleepers)
  local output, status = shell(([[
    %s sh -c 'read pid rest < /proc/self/stat && echo $pid > %s.new && mv %s.new %s && exec sleep 3600' \
      < /dev/null > /dev/null 2>&1 &
    for round in $(seq 500); do [ -s %s ] && exit 0; sleep 0.01; done
    exit 1]]):format(prefix, file, file, file, file))
  assert(status == 0, "cannot start a process: " .. output)
  local pid = assert(tonumber(files.read(file):match "%d+"))
  return namespace:adopt(pid)
end

--- Another process in the namespace.
---@return TestProcess
function Namespace:start()
  return start_sleeper(self.host, self, ("nsenter -t %d -n %s"):format(self.first.pid, self.machine and "-p" or ""))
end

--- A process in it that somebody else has started, and ends.
---@param pid integer
---@return TestProcess
function Namespace:adopt(pid)
  return setmetatable({ pid = pid, namespace = self }, Process)
end

--- Run a shell command in the namespace.
---@return string output
function Namespace:run(command)
  local output, status = shell(("nsenter -t %d -n sh -c '%s'"):format(self.first.pid, command))
  assert(status == 0, output)
  return output
end

--- The words before a command that is to run on the machine, with its processes in /proc.
---@return string prefix
function Namespace:on_machine()
  return ("nsenter -t %d -p -n unshare --mount-proc"):format(self.machine.first.pid)
end

--- What "ip -s -j link" says, by name of the interface, with lo.
---@return table<string, { rcvd_bytes: integer, rcvd_packets: integer, sent_bytes: integer, sent_packets: integer }>
function Namespace:interfaces()
  local by_name = {}
  for _, link in ipairs(cjson.decode(self:run "ip -s -j link")) do
    local rx, tx = link.stats64.rx, link.stats64.tx
    by_name[link.ifname] = {
      rcvd_bytes = rx.bytes, rcvd_packets = rx.packets, sent_bytes = tx.bytes, sent_packets = tx.packets,
    }
  end
  return by_name
end

--- Send datagrams to an address: each is a frame of 14 + 20 + 8 + payload_bytes bytes.
---@param address string  that Network:veth gave, or one on lo
---@param count integer
---@param payload_bytes integer  1 to 1400
function Namespace:send(address, count, payload_bytes)
  self:run(("bash -c \"for i in {1..%d}; do printf %%%dd 7 > /dev/udp/%s/9; done\""):format(
    count, payload_bytes, address))
end

-- ---- The whole -----------------------------------------------------------------------------

---@class TestNetwork
---@field dir string
local Network = {}
Network.__index = Network

local function make_namespace(network, machine, prefix)
  local namespace = setmetatable({ host = network, machine = machine }, Namespace)
  namespace.first = start_sleeper(network, namespace, prefix)
  -- Or the kernel would send frames that nobody asked for, or send on what is to be dropped.
  namespace:run "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; echo 0 > /proc/sys/net/ipv4/ip_forward"
  namespace.id = namespace:run "readlink /proc/self/ns/net":match "%d+"
  return namespace
end

--- A namespace of its own with a process that sleeps in it.
---@param machine? TestNamespace  from Network:machine: whose pid namespace the process is in
---@return TestNamespace
function Network:namespace(machine)
  local enter = machine and ("nsenter -t %d -p"):format(machine.first.pid) or ""
  return make_namespace(self, machine, enter .. " unshare --net")
end

--- A namespace whose first process is process 1 of a pid namespace: what looks at it from there
--- takes it for the host's. Ends with that process.
---@return TestNamespace?, string? reason  why there can be none here
function Network:machine()
  if select(2, shell "unshare --pid --fork --mount-proc true") ~= 0 then
    return nil, "pid namespaces with a /proc of their own need root, and the right to mount"
  end
  local namespace = make_namespace(self, nil, "unshare --net --pid --fork")
  namespace.machine = namespace
  return namespace
end

--- The namespace that this process is in, with a process that sleeps in it. It is somebody else's:
--- for looking, not for changing.
---@return TestNamespace
function Network:here()
  local namespace = setmetatable({ host = self }, Namespace)
  namespace.first = start_sleeper(self, namespace, "")
  namespace.id = namespace:run "readlink /proc/self/ns/net":match "%d+"
  return namespace
end

--- Join two namespaces. Each end has one address to send from, and one that leads to it but is not
--- its own: what is sent there counts as received and is dropped, where an address of its own would
--- be answered. The ends know each other's hardware addresses, so no frame is sent to ask.
---@param one TestNamespace
---@param other TestNamespace
---@param name string  of the interface at both ends
---@return string to_one, string to_other  addresses for send
function Network:veth(one, other, name)
  self.pairs = self.pairs + 1
  local net = ("10.213.%d."):format(self.pairs)
  local macs = { ("02:00:00:00:%02x:01"):format(self.pairs), ("02:00:00:00:%02x:02"):format(self.pairs) }
  one:run(("ip link add %s address %s type veth peer name %s address %s netns %d"):format(
    name, macs[1], name, macs[2], other.first.pid))
  for own, namespace in ipairs { one, other } do
    local peer = 3 - own
    namespace:run(("ip addr add %s%d/29 dev %s && ip link set %s up"):format(net, own, name, name))
    namespace:run(("ip neigh replace %s%d lladdr %s dev %s nud permanent"):format(net, 4 + peer, macs[peer], name))
  end
  for _, namespace in ipairs { one, other } do -- until then the kernel drops what is sent
    namespace:run(("for i in $(seq 200); do ip link show %s | grep -q \"state UP\" && exit 0;"
      .. " sleep 0.02; done; exit 1"):format(name))
  end
  return net .. "5", net .. "6"
end

--- End all processes, remove cgroups and files; returns when they are gone. Safe to call twice.
function Network:stop()
  if self.guardian then
    self.guardian:close()
    self.guardian = nil
  end
end

local function missing_right()
  for _, program in ipairs { "ip", "unshare", "nsenter", "bash" } do
    if select(2, shell("command -v " .. program)) ~= 0 then
      return program .. " is not installed"
    end
  end
  if select(2, shell "unshare --net true") ~= 0 then
    return "network namespaces need root"
  end
end

---@return TestNetwork?, string? reason  why there can be no namespaces here
function M.start()
  local missing = missing_right()
  if missing then
    return nil, missing
  end
  local dir = shell "mktemp -d /tmp/moonwatch-netns.XXXXXX":match "%S+"
  shell(("mkdir %s/pids && touch %s/cgroups"):format(dir, dir))
  local network = setmetatable({ dir = dir, sleepers = 0, pairs = 0 }, Network)
  network.guardian = assert(io.popen((GUARDIAN:gsub("{dir}", dir)), "we"))
  return network
end

return M
