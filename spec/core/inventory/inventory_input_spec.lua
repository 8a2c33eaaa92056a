--- What moonwatch.inventory takes from sources, and what it refuses.
local tmpdir = require "spec.support.tmpdir"

describe("moonwatch.inventory.replace", function()
  local inventory, root

  before_each(function()
    root = tmpdir.new()
    inventory = assert(require("moonwatch").open { host_root = root.path }).inventory
  end)

  after_each(function()
    root:remove()
  end)

  local function ids()
    local list = {}
    for i, container in ipairs(inventory.containers()) do
      list[i] = container.id
    end
    return list
  end

  for what, id in pairs {
    ["of one character"] = "a",
    ["with slashes"] = "k8s.io/../a/b//",
    ["with spaces and line ends"] = " a b\n\t",
    ["that is not UTF-8"] = "\255\254\192\128",
    ["of many bytes"] = ("é"):rep(512),
  } do
    it("takes an id " .. what .. " as it is", function()
      assert(inventory.replace("garden", { { id = id }, { id = "m" } }))
      local list = ids()
      assert.equal(2, #list)
      assert.is_true(list[1] == id or list[2] == id)
    end)
  end

  it("sorts by bytes", function()
    inventory.replace("garden", { { id = "\255" }, { id = "b" }, { id = "B" }, { id = "b/" }, { id = " " } })
    assert.same({ " ", "B", "b", "b/", "\255" }, ids())
  end)

  it("takes containers without name, image and state", function()
    inventory.replace("containerd", { { id = "a", name = "", image = "" } })
    assert.same({ { id = "a", sources = { "containerd" } } }, (inventory.containers()))
  end)

  it("lets the first of two elements with the same id count", function()
    inventory.replace("docker", { { id = "b" }, { id = "a", state = "1" }, { id = "a", state = "2" } })
    local containers = inventory.containers()
    assert.same({ "a", "b" }, ids())
    assert.equal("1", containers[1].state)
  end)

  it("takes the shapes that a source may return", function()
    inventory.replace("docker", { { id = "a" } }, { pods = { { uid = "p" } } })
    assert.same({ p = { uid = "p" } }, inventory.pods())
    inventory.replace("docker", {})
    assert.same({}, ids())
    assert.same({}, inventory.pods())
  end)

  it("does not count \"unknown\" as a state or a health", function()
    inventory.replace("docker", { { id = "a", state = "unknown", health = "unknown" } })
    assert.same({ { id = "a", sources = { "docker" } } }, (inventory.containers()))
  end)

  it("gives maps, tags and ports in one order, and nothing twice", function()
    inventory.replace("docker", { {
      id = "a",
      tags = { "b:1", "a:1", "b:1" },
      ports = { { port = 443, protocol = "TCP" }, { port = 80, protocol = "UDP" }, { port = 80, protocol = "TCP" },
                { port = 80, protocol = "tcp", host_port = 8080, name = "web" } },
    } })
    local container = inventory.containers()[1]
    assert.same({ "a:1", "b:1" }, container.tags)
    assert.same({
      { port = 80, protocol = "tcp", name = "web", host_port = 8080 },
      { port = 80, protocol = "udp" },
      { port = 443, protocol = "tcp" },
    }, container.ports)
  end)

  it("leaves out what does not fit into a map or a list, and keeps the container", function()
    inventory.replace("docker", { {
      id = "a",
      labels = { fine = ("x"):rep(4096), long = ("x"):rep(4097), nul = "a\0b", ["k\0"] = "v" },
      tags = { "a:1", "b:\0", ("x"):rep(1025) },
      env = { ok = "\255" },
    } })
    assert.same({
      id = "a", labels = { fine = ("x"):rep(4096) }, tags = { "a:1" }, env = { ok = "\255" }, sources = { "docker" },
    }, inventory.containers()[1])
  end)

  for what, example in pairs {
    ["an element that is not a table"] = { "x", "container 2 is not a table" },
    ["an element without an id"] = { {}, "container 2: id is missing" },
    ["an empty id"] = { { id = "" }, "container 2: id is empty" },
    ["an id that is not a string"] = { { id = 7 }, "container 2: id is not a string" },
    ["an id with a NUL byte"] = { { id = "a\0b" }, "container 2: id contains a NUL byte" },
    ["a state that is not a string"] = { { id = "b", state = true }, "container 2: state is not a string" },
    ["a health with a NUL byte"] = { { id = "b", health = "\0" }, "container 2: health contains a NUL byte" },
    ["an image that is a number"] = { { id = "b", image = 5 }, "container 2: image is not a string" },
    ["a runtime that is too long"] = {
      { id = "b", runtime = ("x"):rep(1025) }, "container 2: runtime is over 1024 bytes long",
    },
    ["a start that is not a number"] = { { id = "b", started_s = "1" }, "container 2: started_s is not a number" },
    ["a creation that is not a time"] = { { id = "b", created_s = 0 / 0 }, "container 2: created_s is not a time" },
    ["a start in the infinite"] = { { id = "b", started_s = math.huge }, "container 2: started_s is not a time" },
    ["a number that is text"] = {
      { id = "b", memory_limit_bytes = "1Gi" }, "container 2: memory_limit_bytes is not a number",
    },
    ["a negative number"] = {
      { id = "b", restarts_count = -1 },
      "container 2: restarts_count is negative or not finite",
    },
    ["a number that is none"] = {
      { id = "b", cpu_limit_percent = 0 / 0 }, "container 2: cpu_limit_percent is negative or not finite",
    },
    ["labels that are not a table"] = { { id = "b", labels = "a=b" }, "container 2: labels is not a table" },
    ["labels that are a list"] = {
      { id = "b", labels = { "a" } },
      "container 2: labels has a key that is not a string",
    },
    ["a label that is a number"] = {
      { id = "b", labels = { x = 1 } }, 'container 2: labels: the value of "x" is not a string',
    },
    ["tags that are no list"] = { { id = "b", tags = { a = "b" } }, "container 2: tags is not a list" },
    ["tags that are a text"] = { { id = "b", tags = "a:b" }, "container 2: tags is not a list" },
    ["a tag that is no text"] = { { id = "b", tags = { "a", {} } }, "container 2: tags: element 2 is not a string" },
    ["a port that is no table"] = { { id = "b", ports = { 80 } }, "container 2: ports: element 1 is not a table" },
    ["a port without number"] = {
      { id = "b", ports = { {} } }, "container 2: ports: element 1 has a port that is not from 1 to 65535",
    },
    ["a port that is too large"] = {
      { id = "b", ports = { { port = 65536 } } },
      "container 2: ports: element 1 has a port that is not from 1 to 65535",
    },
    ["half a port"] = {
      { id = "b", ports = { { port = 1, host_port = 0.5 } } },
      "container 2: ports: element 1 has a host_port that is not from 0 to 65535",
    },
    ["a protocol that is a number"] = {
      { id = "b", ports = { { port = 1, protocol = 6 } } },
      "container 2: ports: element 1 has a protocol that is not a string",
    },
  } do
    it("refuses " .. what .. ", and the last list stays", function()
      inventory.replace("docker", { { id = "last" } })
      local generation, message, code = inventory.replace("docker", { { id = "a" }, example[1] })
      assert.is_nil(generation)
      assert.equal(example[2], message)
      assert.equal(22, code) -- EINVAL
      assert.same({ "last" }, ids())
    end)
  end

  for what, example in pairs {
    ["a pod without uid"] = { {}, "pod 1: uid is missing" },
    ["a pod with an empty uid"] = { { uid = "" }, "pod 1: uid is empty" },
    ["a host network that is a text"] = { { uid = "p", host_network = "yes" }, "pod 1: host_network is not a boolean" },
    ["an owner that is a text"] = { { uid = "p", owners = { "Job" } }, "pod 1: owners: element 1 is not a table" },
    ["an owner whose name is a number"] = {
      { uid = "p", owners = { { kind = "Job", name = 1 } } },
      "pod 1: owners: element 1 has a name that is not a string",
    },
    ["addresses that are a map"] = { { uid = "p", ips = { eth0 = "1.2.3.4" } }, "pod 1: ips is not a list" },
  } do
    it("refuses " .. what, function()
      local _, message, code = inventory.replace("kubelet", { { id = "a" } }, { pods = { example[1] } })
      assert.equal(example[2], message)
      assert.equal(22, code)
      assert.same({}, ids())
    end)
  end

  for what, list in pairs {
    ["has a name instead of a number"] = { { id = "a" }, container = { id = "b" } },
    ["is a single container"] = { id = "a" },
  } do
    it("refuses a list that " .. what, function()
      local _, message = inventory.replace("docker", list)
      assert.equal("the containers are not a list", message)
    end)
  end

  it("refuses a list that has a hole", function()
    assert.is_nil(inventory.replace("docker", { { id = "a" }, nil, nil, { id = "d" } }))
    assert.same({}, ids())
  end)

  it("survives tables that contain themselves", function()
    local list = {}
    list[1] = list
    assert.equal("container 1: id is missing", select(2, inventory.replace("docker", list)))
    local container = { id = "a" }
    container.labels = container
    assert(inventory.replace("docker", { container }) == nil)
    local labels = {}
    labels.labels = labels
    assert.matches('the value of "labels" is not a string',
      select(2, inventory.replace("docker", { { id = "a", labels = labels } })))
  end)

  it("looks past metatables", function()
    local trap = setmetatable({}, { __index = function() error "called" end })
    assert.equal("container 1: id is missing", select(2, inventory.replace("docker", { trap })))
  end)

  it("refuses a list that is too long", function()
    local list = {}
    for i = 1, 100001 do
      list[i] = { id = tostring(i) }
    end
    local _, message, code = inventory.replace("docker", list)
    assert.equal("more than 100000 containers at once", message)
    assert.equal(7, code) -- E2BIG
    list[100001] = nil
    assert(inventory.replace("docker", list))
    assert.equal(100000, #inventory.containers())
  end)

  it("takes a list of a thousand", function()
    local list = {}
    for i = 1, 1000 do
      list[i] = { id = ("c%04d"):format(1000 - i), state = "running" }
    end
    inventory.replace("docker", list)
    local containers = inventory.containers()
    assert.equal(1000, #containers)
    assert.equal("c0000", containers[1].id)
  end)

  it("refuses an empty name of a source", function()
    local _, message = inventory.replace("", {})
    assert.matches("name of a source", message)
  end)

  it("raises when an argument is of the wrong type", function()
    assert.error_matches(function() inventory.replace(nil, {}) end, "string expected")
    assert.error_matches(function() inventory.replace("a\0b", {}) end, "NUL byte")
    assert.error_matches(function() inventory.replace("docker") end, "table expected")
    assert.error_matches(function() inventory.replace("docker", {}, 5) end, "table expected")
    assert.error_matches(function() inventory.replace("docker", {}, { prio = 5 }) end,
      "it has pods, priority and stale_max_s, not prio")
    assert.error_matches(function() inventory.replace("docker", {}, { priority = 0.5 }) end, "whole number")
    assert.error_matches(function() inventory.replace("docker", {}, { priority = 1001 }) end, "from 0 to 1000")
    assert.error_matches(function() inventory.replace("docker", {}, { stale_max_s = "5" }) end, "not a number")
  end)
end)
