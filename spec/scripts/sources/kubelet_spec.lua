local harness = require "spec.support.harness"
local moonwatch = require "moonwatch"
local tmpdir = require "spec.support.tmpdir"

local tags = require "moonwatch.tags"

local URL = "https://127.0.0.1:10250"
local SERVER = "c8ce59ba2afb0467e6e9c252d5ec9fe9a2a94d640977965bf9012732d0f357cc"
local PREPARE = "82282690198581908535b662b588dca907367a982c9aeda912b9cfbf22a39425"
local API = "c24b8ff799d163d9dc17a097bceb583ee8acdb937f167449d850e45f34ed1705"

-- A kubelet with one answer after the other; a text is a failure.
local function source_with(answers)
  return harness.load("sources/kubelet", {
    kubelet = {
      pods = function()
        local answer = table.remove(answers, 1)
        if type(answer) == "string" then
          return nil, answer, 5
        end
        return answer
      end,
    },
  })
end

local function one_pod(pod)
  pod.uid, pod.containers = pod.uid or "u", pod.containers or {}
  return { pod }
end

describe("sources/kubelet", function()
  it("is asked every five seconds, before the runtimes", function()
    local source = source_with({}).table
    assert.same({ 5, 20 }, { source.interval_s, source.priority })
  end)

  it("gives pods, and containers that know theirs", function()
    local list = source_with({ one_pod {
      name = "web", namespace = "shop",
      containers = { { id = "a", name = "server", state = "running", started_s = 7 } },
    } }):run().ok
    assert.equal("web", list.pods[1].name)
    local container = list.containers[1]
    assert.same({ "a", "u", 7, 7 }, { container.id, container.pod_uid, container.created_s, container.started_s })
    assert.same({ ["io.kubernetes.pod.namespace"] = "shop" }, container.labels)
  end)

  it("leaves out containers that never started, and pods without uid", function()
    local list = source_with({ {
      { uid = "u", containers = { { name = "waits" }, { id = "a", name = "runs" } } },
      { name = "nobody", containers = { { id = "b" } } },
    } }):run().ok
    assert.same({ 1, "runs", 1 }, { #list.containers, list.containers[1].name, #list.pods })
  end)

  it("keeps of the environment what tags are made of", function()
    local list = source_with({ one_pod {
      containers = { { id = "a", variables = {
        { name = "DD_ENV", value = "prod" }, { name = "PASSWORD", value = "secret" },
      } } },
    } }):run().ok
    assert.same({ DD_ENV = "prod" }, list.containers[1].env)
  end)

  it("drops the annotation that repeats the pod", function()
    local list = source_with({ one_pod {
      annotations = { ["kubectl.kubernetes.io/last-applied-configuration"] = "{...}", a = "b" },
    } }):run().ok
    assert.same({ a = "b" }, list.pods[1].annotations)
  end)

  it("says why there is no list", function()
    local outcome = source_with({ "GET https://k/pods: connection refused" }):run()
    assert.is_nil(outcome.ok)
    assert.equal("GET https://k/pods: connection refused", outcome.err)
  end)
end)

describe("the inventory, of a recorded kubelet,", function()
  local host, containers

  setup(function()
    host = assert(moonwatch.open { http_answers = "spec/fixtures/kubelet-1.20-answers", kubelet = { url = URL } })
    local list = harness.run("sources/kubelet", host).ok
    assert(host.inventory.replace("kubelet", list.containers, { pods = list.pods, priority = 20 }))
    containers = {}
    for _, container in ipairs(host.inventory.containers()) do
      containers[container.id] = container
    end
  end)

  it("has every container that has an id", function()
    assert.equal(10, #host.inventory.containers())
    assert.equal("stopped", containers[PREPARE].state)
    assert.equal("running", containers[SERVER].state)
  end)

  it("has all pods", function()
    local count = 0
    for _ in pairs(host.inventory.pods()) do
      count = count + 1
    end
    assert.equal(7, count)
  end)

  it("gives a container its pod and what the pod's spec says", function()
    local server = containers[SERVER]
    assert.equal("web-kubelab-node", server.pod.name)
    assert.same({ 50, 64 * 1024 * 1024 }, { server.cpu_limit_percent, server.memory_limit_bytes })
  end)

  it("gives the tags of a static pod", function()
    assert.same({
      "container_id:" .. SERVER, "container_name:server", "display_container_name:server_web-kubelab-node",
      "image_id:" .. containers[SERVER].image_id, "image_name:docker.io/library/busybox", "image_tag:1.35",
      "kube_app_name:web", "kube_app_version:2.4.1", "kube_container_name:server", "kube_namespace:shop",
      "kube_qos:Burstable", "pod_name:web-kubelab-node", "pod_phase:running", "short_image:busybox",
    }, tags.new():container(containers[SERVER], "high"))
  end)

  it("gives the tags of an owner, from what it made", function()
    local of_api = table.concat(tags.new():container(containers[API], "high"), " ")
    for _, tag in ipairs {
      "kube_replica_set:api-7d9c5b6f4", "kube_deployment:api", "kube_ownerref_kind:replicaset",
      "kube_namespace:shop", "pod_name:api-7d9c5b6f4-x2x9k",
    } do
      assert.matches(tag, of_api, 1, true)
    end
  end)

  it("lets rules decide by namespace, annotation and image", function()
    local filter = require "moonwatch.filter"
    local function excluded(rule, id)
      return filter.new({ kind = "metrics", container_exclude = rule }):decide_container(containers[id]).excluded
    end
    assert.is_true(excluded("kube_namespace:^shop$", SERVER))
    assert.is_false(excluded("kube_namespace:^shop$", PREPARE))
    assert.is_true(excluded("image:/busybox$", SERVER))
    assert.is_true(excluded("name:^server$", SERVER))
    assert.is_false(excluded("name:^serv$", SERVER))
  end)
end)

describe("standard labels and annotations of a pod that a kubelet lists", function()
  local POD = [[{ "metadata": { "uid": "u1", "name": "web-1", "namespace": "shop",
      "labels": { "tags.datadoghq.com/env": "prod", "tags.datadoghq.com/web.service": "store" },
      "annotations": { "ad.datadoghq.com/tags": "{\"team\": \"a\"}", "ad.datadoghq.com/sidecar.exclude": "true" } },
    "spec": { "containers": [
      { "name": "web", "image": "reg.local:5000/shop/web:2.1", "env": [
        { "name": "DD_VERSION", "value": "7" }, { "name": "PASSWORD", "value": "x" } ] },
      { "name": "sidecar", "image": "envoy:1" } ] },
    "status": { "phase": "Running", "containerStatuses": [
      { "name": "web", "containerID": "containerd://aa", "image": "reg.local:5000/shop/web:2.1",
        "state": { "running": { "startedAt": "2026-11-22T19:27:31Z" } } },
      { "name": "sidecar", "containerID": "containerd://bb", "image": "envoy:1",
        "state": { "running": {} } } ] } }]]
  local dir, containers

  setup(function()
    dir = tmpdir.new {
      ["answers.json"] = ('{"answers": [{ "url": "%s/pods", "status": 200, "body_file": "pods.json" }]}'):format(URL),
      ["pods.json"] = '{"items": [' .. POD .. "]}",
    }
    local host = assert(moonwatch.open { http_answers = dir.path, kubelet = { url = URL } })
    local list = harness.run("sources/kubelet", host).ok
    host.inventory.replace("kubelet", list.containers, { pods = list.pods })
    containers = host.inventory.containers()
  end)

  teardown(function()
    dir:remove()
  end)

  it("become tags", function()
    local list = tags.new():container(containers[1], "high")
    assert.same({
      "container_id:aa", "container_name:web", "display_container_name:web_web-1", "env:prod",
      "image_name:reg.local:5000/shop/web", "image_tag:2.1", "kube_container_name:web", "kube_namespace:shop",
      "pod_name:web-1", "pod_phase:running", "service:store", "short_image:web", "team:a", "version:7",
    }, list)
  end)

  it("leave a container out", function()
    local filter = require("moonwatch.filter").new { kind = "metrics" }
    assert.is_false(filter:decide_container(containers[1]).excluded)
    assert.equal("ad.datadoghq.com/sidecar.exclude=true", filter:decide_container(containers[2]).rule)
  end)
end)
