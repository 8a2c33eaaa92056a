local tmpdir = require "spec.support.tmpdir"

local function ids_of(containers)
  local ids = {}
  for i, container in ipairs(containers) do
    ids[i] = container.id
  end
  return table.concat(ids, " ")
end

describe("moonwatch.inventory", function()
  local inventory, root

  before_each(function()
    root = tmpdir.new()
    inventory = assert(require("moonwatch").open { host_root = root.path }).inventory
  end)

  after_each(function()
    root:remove()
  end)

  describe("containers", function()
    it("is empty, of generation 0, before any source spoke", function()
      local containers, generation = inventory.containers()
      assert.same({}, containers)
      assert.equal(0, generation)
    end)

    it("is sorted by id", function()
      inventory.replace("docker", { { id = "b" }, { id = "c" }, { id = "a" } })
      assert.equal("a b c", ids_of(inventory.containers()))
    end)

    it("has all that was given, and leaves out what is not known", function()
      local full = {
        id = "a", runtime = "containerd", runtime_flavor = "kata", namespace = "k8s.io", name = "web",
        image = "reg.example/x/app:1", image_id = "sha256:1", repo_digest = "reg.example/x/app@sha256:2",
        state = "running", health = "healthy", pod_uid = "p", hostname = "web-0",
        created_s = 1700000000, started_s = 1700000001, restarts_count = 0,
        cpu_request_percent = 12.5, memory_request_bytes = 2 ^ 40, cpu_limit_percent = 200, memory_limit_bytes = 2 ^ 41,
        labels = { app = "web", empty = "" }, env = { DD_ENV = "prod" }, ips = { [""] = "10.0.0.1",
          bridge = "172.17.0.2" },
        tags = { "a:1", "b:2" },
        ports = { { port = 53, protocol = "udp" }, { port = 80, protocol = "tcp", name = "http", host_port = 8080 } },
      }
      inventory.replace("containerd", { full, { id = "b", state = "", created_s = 0, labels = {}, tags = {} } })
      full.sources = { "containerd" }
      assert.same({ full, { id = "b", sources = { "containerd" } } }, (inventory.containers()))
    end)

    it("has no field that tells where it is from in the host, or that nobody knows", function()
      inventory.replace("cgroup", { { id = "a", path = "/x", cgroup_inode = "00", [1] = 2, sources = { "x" },
        stale = 1 } })
      assert.same({ { id = "a", sources = { "cgroup" } } }, (inventory.containers()))
    end)

    it("is the same table while nothing changed, and another one afterwards", function()
      inventory.replace("docker", { { id = "a" } })
      local first = inventory.containers()
      inventory.replace("docker", { { id = "a" } })
      assert.equal(first, (inventory.containers()))

      inventory.replace("docker", { { id = "b" } })
      assert.equal("b", ids_of(inventory.containers()))
      assert.equal("a", ids_of(first))
    end)

    it("keeps the table of a container of which nothing changed", function()
      inventory.replace("docker", { { id = "a", labels = { x = "1" } }, { id = "c" }, { id = "d" }, { id = "e" } })
      local first = inventory.containers()
      inventory.replace("docker", {
        { id = "b" }, { id = "c", state = "running" }, { id = "e" }, { id = "a", labels = { x = "1" } },
      })
      local second = inventory.containers()
      assert.equal("a b c e", ids_of(second))
      assert.equal(first[1], second[1])
      assert.are_not.equal(first[2], second[3])
      assert.is_nil(first[2].state)
      assert.equal(first[4], second[4])
    end)

    it("keeps the right table, whatever a script did to the list", function()
      inventory.replace("docker", { { id = "a" }, { id = "b" } })
      local list = inventory.containers()
      local a = list[1]
      table.sort(list, function(x, y) return x.id > y.id end)
      table.remove(list)
      inventory.replace("docker", { { id = "a" }, { id = "b" }, { id = "c" } })
      local containers = inventory.containers()
      assert.equal("a b c", ids_of(containers))
      assert.equal(a, containers[1])
    end)

    it("lets go of what is gone, so that caches by table may be weak", function()
      local cache = setmetatable({}, { __mode = "k" })
      inventory.replace("docker", { { id = "a" }, { id = "b" } })
      for _, container in ipairs(inventory.containers()) do
        cache[container] = container.id
      end
      inventory.replace("docker", { { id = "b" } })
      inventory.containers()
      collectgarbage()
      collectgarbage()
      local ids = {}
      for _, id in pairs(cache) do
        table.insert(ids, id)
      end
      assert.same({ "b" }, ids)
    end)

    it("is apart for each host", function()
      local other = assert(require("moonwatch").open { host_root = root.path }).inventory
      inventory.replace("docker", { { id = "a" } })
      other.replace("docker", { { id = "b" } })
      assert.equal("a", ids_of(inventory.containers()))
      assert.equal("b", ids_of(other.containers()))
      assert.equal("a", ids_of(inventory.containers()))
    end)
  end)

  describe("generation", function()
    it("goes up with each change, and only then", function()
      assert.equal(0, inventory.generation())
      assert.equal(1, inventory.replace("docker", {}))
      assert.equal(1, inventory.replace("docker", {}))
      assert.equal(2, inventory.replace("docker", { { id = "a" } }))
      assert.equal(2, inventory.replace("docker", { { id = "a", state = "" } }))
      assert.equal(3, inventory.replace("docker", { { id = "a", state = "running" } }))
      assert.equal(3, inventory.generation())
      assert.equal(3, select(2, inventory.containers()))
    end)

    for field, value in pairs {
      runtime = "docker", runtime_flavor = "kata", namespace = "k8s.io", name = "n", image = "i", image_id = "i",
      repo_digest = "d", state = "dead", health = "unhealthy", pod_uid = "p", hostname = "h", created_s = 5,
      started_s = 6, restarts_count = 0, cpu_request_percent = 1, memory_request_bytes = 1, cpu_limit_percent = 1,
      memory_limit_bytes = 1, labels = { x = "" }, env = { x = "" }, ips = { x = "" }, tags = { "t" },
      ports = { { port = 1 } },
    } do
      it("goes up when " .. field .. " changes", function()
        inventory.replace("docker", { { id = "a" } })
        assert.equal(2, inventory.replace("docker", { { id = "a", [field] = value } }))
      end)
    end
  end)

  describe("pods", function()
    it("is empty before any source spoke", function()
      assert.same({}, inventory.pods())
    end)

    it("has all that was given, by uid", function()
      local full = {
        uid = "p1", name = "web-0", namespace = "shop", phase = "Running", qos_class = "Burstable",
        priority_class = "high", node_name = "n1", host_network = false, created_s = 5, started_s = 6,
        labels = { app = "web" }, annotations = { ["a/b"] = "c" }, ips = { "fd00::1", "10.0.0.1" },
        owners = { { kind = "ReplicaSet", name = "web" }, { kind = "Job", name = "a" } },
      }
      inventory.replace("kubelet", {}, { pods = { full, { uid = "p2", host_network = true } } })
      assert.same({ p1 = full, p2 = { uid = "p2", host_network = true } }, inventory.pods())
    end)

    it("is where a container's pod comes from", function()
      inventory.replace("kubelet", {}, { pods = { { uid = "p1" }, { uid = "p2" } } })
      inventory.replace("cgroup", { { id = "a", pod_uid = "p2" }, { id = "b", pod_uid = "p3" }, { id = "c" } })
      local containers = inventory.containers()
      assert.equal(inventory.pods().p2, containers[1].pod)
      assert.is_nil(containers[2].pod)
      assert.is_nil(containers[3].pod)
    end)

    it("makes a new table of a pod that changed, and of its containers alone", function()
      local containers = { { id = "a", pod_uid = "p1" }, { id = "b", pod_uid = "p2" } }
      inventory.replace("kubelet", containers, { pods = { { uid = "p1" }, { uid = "p2", phase = "Pending" } } })
      local first, pods = inventory.containers(), inventory.pods()
      inventory.replace("kubelet", containers, { pods = { { uid = "p1" }, { uid = "p2", phase = "Running" } } })
      local second = inventory.containers()
      assert.equal(first[1], second[1])
      assert.equal(pods.p1, inventory.pods().p1)
      assert.are_not.equal(first[2], second[2])
      assert.equal("Pending", first[2].pod.phase)
      assert.equal("Running", second[2].pod.phase)
    end)

    it("keeps the table of a pod that two sources name, beside those that come and go", function()
      inventory.replace("one", {}, { pods = { { uid = "a" }, { uid = "c", name = "n" } } })
      inventory.replace("two", {}, { pods = { { uid = "c", phase = "Running" }, { uid = "d" } } })
      local pods, generation = inventory.pods(), inventory.generation()
      inventory.replace("three", {}, { pods = { { uid = "b" }, { uid = "c" } } })
      inventory.replace("two", {}, { pods = { { uid = "c", phase = "Running", name = "hidden" }, { uid = "d" } } })
      assert.equal(pods.c, inventory.pods().c)
      assert.equal(pods.d, inventory.pods().d)
      assert.equal(generation + 1, inventory.generation())
    end)

    it("makes new tables of the containers of a pod that is gone", function()
      local containers = { { id = "a", pod_uid = "p1" } }
      inventory.replace("kubelet", containers, { pods = { { uid = "p1" } } })
      local first = inventory.containers()
      inventory.replace("kubelet", containers)
      assert.is_table(first[1].pod)
      assert.is_nil(inventory.containers()[1].pod)
      assert.same({}, inventory.pods())
    end)
  end)

  describe("sources", function()
    it("is empty before any source spoke", function()
      assert.same({}, inventory.sources())
    end)

    it("tells how each stands, in the order of merging", function()
      inventory.replace("cgroup", { { id = "a" }, { id = "b" } }, { priority = 100 })
      inventory.replace("kubelet", {}, { pods = { { uid = "p" } }, priority = 20 })
      local sources = inventory.sources()
      for _, source in ipairs(sources) do
        assert.is_true(source.age_s >= 0 and source.age_s < 60)
        source.age_s = nil
      end
      assert.same({
        { name = "kubelet", priority = 20, containers_count = 0, pods_count = 1, stale = false },
        { name = "cgroup", priority = 100, containers_count = 2, pods_count = 0, stale = false },
      }, sources)
    end)
  end)

  it("releases what it held when the collector runs", function()
    for i = 1, 50 do
      inventory.replace("docker", { { id = "a" .. i } })
      inventory.containers()
    end
    inventory = nil
    collectgarbage()
    collectgarbage()
  end)
end)
