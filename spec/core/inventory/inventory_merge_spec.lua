--- How moonwatch.inventory merges what several sources say of one container or pod.
local tmpdir = require "spec.support.tmpdir"

describe("moonwatch.inventory merges", function()
  local inventory, root

  before_each(function()
    root = tmpdir.new()
    inventory = assert(require("moonwatch").open { host_root = root.path }).inventory
  end)

  after_each(function()
    root:remove()
  end)

  --- What is known of a container of which two sources, the one that counts more first, know this.
  local function merged(first, second)
    first.id, second.id = "a", "a"
    inventory.replace("second", { second }, { priority = 30 })
    inventory.replace("first", { first }, { priority = 20 })
    local container = inventory.containers()[1]
    assert.same({ "first", "second" }, container.sources)
    return container
  end

  for _, field in ipairs {
    "runtime", "runtime_flavor", "namespace", "name", "image", "image_id", "repo_digest", "health", "pod_uid",
    "hostname",
  } do
    it("texts: " .. field .. " of the first that knows it", function()
      assert.equal("1", merged({ [field] = "1" }, { [field] = "2" })[field])
      assert.equal("2", merged({ [field] = "" }, { [field] = "2" })[field])
    end)
  end

  for _, field in ipairs {
    "restarts_count", "cpu_request_percent", "memory_request_bytes", "cpu_limit_percent", "memory_limit_bytes",
  } do
    it("numbers: " .. field .. " of the first that knows one other than zero", function()
      assert.equal(1, merged({ [field] = 1 }, { [field] = 2 })[field])
      assert.equal(2, merged({ [field] = 0 }, { [field] = 2 })[field])
      assert.equal(2, merged({}, { [field] = 2 })[field])
      assert.equal(0, merged({ [field] = 0 }, {})[field])
      assert.equal(0, merged({}, { [field] = 0 })[field])
      assert.is_nil(merged({}, {})[field])
    end)
  end

  for _, field in ipairs { "created_s", "started_s" } do
    it("times: " .. field .. " of the last that knows it", function()
      assert.equal(2, merged({ [field] = 1 }, { [field] = 2 })[field])
      assert.equal(1, merged({ [field] = 1 }, { [field] = 0 })[field])
      assert.equal(1, merged({ [field] = 1 }, {})[field])
    end)
  end

  for _, example in ipairs {
    { "created", "stopped", "created" },
    { nil, "stopped", "stopped" },
    { "unknown", "stopped", "stopped" },
    { "created", "running", "running" },
    { "stopped", "running", "running" },
    { "dead", "running", "running" },
    { "unknown", "running", "running" },
    { "paused", "running", "paused" },
    { "restarting", "running", "restarting" },
    { "running", "paused", "running" },
    { "running", "stopped", "running" },
  } do
    it(("states: %s and %s are %s"):format(example[1] or "none", example[2], example[3]), function()
      assert.equal(example[3], merged({ state = example[1] }, { state = example[2] }).state)
    end)
  end

  for _, field in ipairs { "labels", "env", "ips" } do
    it("maps: " .. field .. " are united, and the first value of a key stays", function()
      local values = merged({ [field] = { x = "1", y = "1" } }, { [field] = { y = "2", z = "2" } })[field]
      assert.same({ x = "1", y = "1", z = "2" }, values)
    end)
  end

  it("tags: united and sorted, none twice", function()
    assert.same({ "a:1", "b:1", "c:1" }, merged({ tags = { "c:1", "a:1" } }, { tags = { "a:1", "b:1" } }).tags)
  end)

  it("ports: united by number and protocol, completed with name and host port", function()
    assert.same({
      { port = 80, protocol = "tcp", name = "http", host_port = 8080 },
      { port = 80, protocol = "udp" },
      { port = 443, protocol = "tcp", name = "tls", host_port = 1 },
    }, merged(
      { ports = { { port = 443, protocol = "TCP", name = "tls", host_port = 1 },
                  { port = 80, protocol = "TCP", name = "http" } } },
      { ports = { { port = 80, protocol = "tcp", name = "x", host_port = 8080 }, { port = 80, protocol = "udp" },
                  { port = 443, protocol = "tcp", name = "y", host_port = 2 } } }).ports)
  end)

  it("pods in the same way", function()
    inventory.replace("second", {}, { priority = 30, pods = { {
      uid = "p", name = "2", phase = "Running", host_network = true, created_s = 2, labels = { a = "2", b = "2" },
      ips = { "10.0.0.2", "10.0.0.1" }, owners = { { kind = "Job", name = "j" }, { kind = "CronJob", name = "c" } },
    } } })
    inventory.replace("first", {}, { priority = 20, pods = { {
      uid = "p", name = "1", host_network = false, created_s = 1, labels = { a = "1" },
      ips = { "10.0.0.1" }, owners = { { kind = "Job", name = "j" } },
    }, { uid = "q" } } })
    assert.same({
      p = {
        uid = "p", name = "1", phase = "Running", host_network = true, created_s = 2, labels = { a = "1", b = "2" },
        ips = { "10.0.0.1", "10.0.0.2" }, owners = { { kind = "Job", name = "j" }, { kind = "CronJob", name = "c" } },
      },
      q = { uid = "q" },
    }, inventory.pods())
  end)

  it("the pod of one source with the container of another", function()
    inventory.replace("kubelet", { { id = "a", pod_uid = "p" } }, { priority = 20, pods = { { uid = "p" } } })
    inventory.replace("cgroup", { { id = "a", state = "running" } }, { priority = 100 })
    assert.same({
      { id = "a", state = "running", pod_uid = "p", pod = { uid = "p" }, sources = { "kubelet", "cgroup" } },
    }, (inventory.containers()))
  end)

  it("by name where the priority is the same", function()
    inventory.replace("b", { { id = "a", name = "of b" } })
    inventory.replace("a", { { id = "a", name = "of a" } })
    assert.equal("of a", inventory.containers()[1].name)
  end)

  it("what is left when a source is gone", function()
    merged({ name = "1" }, { name = "2", image = "i" })
    inventory.replace("first", {}, { priority = 20 })
    assert.same({ { id = "a", name = "2", image = "i", sources = { "second" } } }, (inventory.containers()))
  end)
end)
