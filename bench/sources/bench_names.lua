--- What a runtime and a kubelet would say of the benchmark's containers: names, images, labels, tags'
--- raw material, addresses, pods. No two are alike, so nothing that is found out for one of them
--- serves another.
local cgroup = require "moonwatch.cgroup"

local M = { api = 1, interval_s = 2, priority = 20 }

local told = false

local function labels_of(number)
  local app = "app-" .. number
  return {
    ["app.kubernetes.io/name"] = app,
    ["app.kubernetes.io/instance"] = app .. "-blue",
    ["app.kubernetes.io/version"] = "1.2." .. number,
    ["app.kubernetes.io/component"] = "server",
    ["app.kubernetes.io/part-of"] = "suite-" .. number % 40,
    ["io.kubernetes.pod.namespace"] = "team-" .. number % 20,
  }
end

local function container_of(known, number)
  return {
    id = known.id,
    runtime = "containerd",
    namespace = "k8s.io",
    name = "app-" .. number,
    image = ("registry.example/team-%d/app-%d:1.2.%d"):format(number % 20, number, number),
    state = "running",
    health = "healthy",
    started_s = 1700000000 + number,
    pod_uid = known.pod_uid,
    labels = labels_of(number),
    env = { DD_ENV = "production", DD_SERVICE = "app-" .. number, DD_VERSION = "1.2." .. number },
    ports = { { port = 8080, protocol = "tcp", name = "http" }, { port = 9090, protocol = "tcp", name = "metrics" } },
    cpu_request_percent = 10,
    memory_request_bytes = 64 * 2 ^ 20,
  }
end

local function pod_of(uid, number)
  local name = "app-" .. number
  return {
    uid = uid,
    name = name .. "-6d4cf56db6-x7k2p",
    namespace = "team-" .. number % 20,
    phase = "Running",
    qos_class = "Burstable",
    node_name = "node-7",
    host_network = false,
    labels = labels_of(number),
    annotations = {
      ["example.com/checksum"] = ("%040d"):format(number),
      ["example.com/owner"] = "team-" .. number % 20,
    },
    ips = { ("10.0.%d.%d"):format(math.floor(number / 256) % 256, number % 256) },
    owners = { { kind = "ReplicaSet", name = name .. "-6d4cf56db6" } },
    created_s = 1700000000,
    started_s = 1700000000,
  }
end

function M.list()
  if told then
    return "unchanged" -- the benchmark's containers come and go all at once, and not while it measures
  end
  local known, err = cgroup.containers()
  if not known then
    return nil, err
  end
  local containers, pods, seen = {}, {}, {}
  for number, container in ipairs(known) do
    containers[number] = container_of(container, number)
    local uid = container.pod_uid
    if uid and not seen[uid] then
      seen[uid] = true
      pods[#pods + 1] = pod_of(uid, number)
    end
  end
  told = true
  return { containers = containers, pods = pods }
end

return M
