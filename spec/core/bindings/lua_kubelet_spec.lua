--- moonwatch.kubelet on recorded answers.
local moonwatch = require "moonwatch"
local script = require "moonwatch.script"
local tmpdir = require "spec.support.tmpdir"

local URL = "https://127.0.0.1:10250"
local ANSWERS = "spec/fixtures/kubelet-1.20-answers"

local function kubelet_of(answers, settings)
  settings = settings or { url = URL }
  return assert(moonwatch.open { http_answers = answers, kubelet = settings }).kubelet
end

local function by_name(list)
  local found = {}
  for _, element in ipairs(list) do
    found[element.name] = element
  end
  return found
end

describe("moonwatch.kubelet", function()
  local dir

  before_each(function()
    dir = tmpdir.new()
  end)

  after_each(function()
    dir:remove()
  end)

  local function answering(text)
    dir:write { ["answers.json"] = '{"answers": [' .. text .. "]}" }
    return kubelet_of(dir.path)
  end

  describe("pods", function()
    local pods = by_name(assert(kubelet_of(ANSWERS).pods()))

    it("are those of the node that have not ended long ago", function()
      local names = {}
      for name in pairs(pods) do
        table.insert(names, name)
      end
      table.sort(names)
      assert.same({
        "agent-5xk2p", "api-7d9c5b6f4-x2x9k", "client-kubelab-node", "node-helper-kubelab-node", "noimage",
        "web-kubelab-node", "writer-kubelab-node",
      }, names)
    end)

    it("say what they are", function()
      local pod = pods["api-7d9c5b6f4-x2x9k"]
      assert.same({
        "9e98773f-f7ad-4a6b-9df1-7ff73c4cab8c", "shop", "Running", "Burstable", "kubelab-node", "192.0.2.2",
      }, { pod.uid, pod.namespace, pod.phase, pod.qos_class, pod.node_name, pod.host_ip })
      assert.same({ "10.88.77.18" }, pod.ips)
      assert.same({ app = "api", ["pod-template-hash"] = "7d9c5b6f4" }, pod.labels)
      assert.is_string(pod.annotations["example.com/note"])
      assert.equal("ReplicaSet", pod.owners[1].kind)
      assert.equal("api-7d9c5b6f4", pod.owners[1].name)
      assert.is_true(pod.ready)
      assert.is_false(pod.static)
      assert.is_false(pod.host_network)
    end)

    it("of the node itself are static, and have the uid of their cgroups", function()
      local pod = pods["web-kubelab-node"]
      assert.is_true(pod.static)
      assert.equal("11a3b4f0b8e604ce0253979c0a60977c", pod.uid)
      assert.is_nil(pod.created_s)
    end)

    it("tell when they share the host's network", function()
      assert.is_true(pods["agent-5xk2p"].host_network)
    end)

    it("have containers that run", function()
      local container = by_name(pods["web-kubelab-node"].containers).server
      assert.same({
        "c8ce59ba2afb0467e6e9c252d5ec9fe9a2a94d640977965bf9012732d0f357cc", "containerd", "regular", "running",
        "docker.io/library/busybox:1.35", 1795375652,
      }, { container.id, container.runtime, container.kind, container.state, container.image, container.started_s })
      assert.is_true(container.ready)
      assert.equal(1, container.restarts_count)
      assert.equal(50, container.cpu_limit_percent)
      assert.equal(64 * 1024 * 1024, container.memory_limit_bytes)
    end)

    it("have init containers that ended", function()
      local container = by_name(pods["writer-kubelab-node"].containers).prepare
      assert.same({ "init", "stopped", "Completed", 0 },
        { container.kind, container.state, container.reason, container.exit_code })
      assert.equal(1795375655, container.finished_s)
    end)

    it("have containers that never started", function()
      local container = pods.noimage.containers[1]
      assert.is_nil(container.id)
      assert.is_nil(container.state)
      assert.equal("ErrImageNeverPull", container.reason)
    end)
  end)

  it("tells what failed, and what cures it", function()
    local kubelet = answering(([[{ "url": "%s/pods", "status": 403,
      "body": "Forbidden (user=jane, verb=get, resource=nodes, subresource=proxy)" }]]):format(URL))
    local pods, message, code = kubelet.pods()
    assert.is_nil(pods)
    assert.matches("resources: [nodes/proxy]", message, 1, true)
    assert.equal(13, code)
  end)

  it("leaves a kubelet that failed alone for a while", function()
    local kubelet = answering(([[{ "url": "%s/pods", "status": 500 },
      { "url": "%s/pods", "status": 200, "body": "{\"items\": []}" }]]):format(URL, URL))
    local _, first = kubelet.pods()
    local pods, again = kubelet.pods()
    assert.is_nil(pods)
    assert.equal(first, again)
  end)

  it("says where to look when nothing tells where the kubelet is", function()
    local pods, message = kubelet_of(ANSWERS, {}).pods()
    assert.is_nil(pods)
    assert.matches("set kubelet.url, or NODE_IP or NODE_NAME", message, 1, true)
  end)

  it("names the folder whose answers cannot be read", function()
    local pods, message = kubelet_of "/nonexistent".pods()
    assert.is_nil(pods)
    assert.matches("/nonexistent", message, 1, true)
  end)

  it("gives lists that belong to the caller", function()
    local kubelet = kubelet_of(ANSWERS)
    local first = assert(kubelet.pods())
    first[1].labels = nil
    assert.not_equal(first, assert(kubelet.pods()))
  end)

  it("raises when an option is wrong", function()
    local kubelet = kubelet_of(ANSWERS)
    assert.error_matches(function() kubelet.pods(1) end, "table expected")
    assert.error_matches(function() kubelet.pods { timeout = 1 } end, "it has timeout_s, not timeout")
    assert.error_matches(function() kubelet.pods { timeout_s = "soon" } end, "timeout_s is not a number")
    assert.error_matches(function() kubelet.pods { timeout_s = 0 } end, "timeout_s is not a number")
  end)

  it("waits no longer than it may", function()
    local pods, message = kubelet_of(ANSWERS).pods { timeout_s = 1e-9 }
    assert.is_nil(pods)
    assert.matches("no time is left", message, 1, true)
  end)

  it("can be required in a sandbox", function()
    local sandbox = script.new {}
    local kind = sandbox:eval 'return type(require "moonwatch.kubelet".pods)'
    sandbox:close()
    assert.equal("function", kind)
  end)

  describe("settings", function()
    local function open(settings)
      return moonwatch.open { kubelet = settings }
    end

    it("may be of any type that says it", function()
      assert.is_table(open { url = "http://127.0.0.1", allow_http = true, timeout_s = 2.5 })
      assert.is_table(open { node_ip = "10.0.0.1", insecure_skip_verify = "false", timeout_s = "3" })
    end)

    it("that are wrong raise", function()
      assert.error_matches(function() open { ulr = URL } end, "did you mean kubelet.url?", 1, true)
      assert.error_matches(function() open { allow_http = 1 } end, "neither true nor false")
      assert.error_matches(function() open { timeout_s = 0 } end, "not a number of seconds")
      assert.error_matches(function() open { url = {} } end, "kubelet.url is a table")
      assert.error_matches(function() open "url" end, "kubelet is not a table")
      assert.error_matches(function() open { "url" } end, "without a name")
    end)
  end)
end)
