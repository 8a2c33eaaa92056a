local harness = require "spec.support.harness"
local made_up = require "spec.support.made_up"

local container, network, sample = made_up.container, made_up.network, made_up.sample
local T = made_up.T

local function check_over(world, given)
  return harness.load("checks/container", made_up.modules(world), given)
end

local function sent(outcome, id)
  return made_up.sent(outcome, "containers", id)
end

-- What is sent of a single container.
local function sent_of(changes, options)
  local world = { containers = { container("c1", changes) }, rows = { c1 = sample() } }
  return sent(check_over(world, { options = options }):run(), "c1")
end

describe("checks/container", function()
  it("runs every 10 seconds, with numbers of at most 2 seconds", function()
    local world = made_up.numbered(1)
    local check = check_over(world)
    assert.is_true(check:run().ok)
    assert.equal(10, check.table.interval_s)
    assert.equal(2000, world.asked[1].max_age_ms)
  end)

  it("runs more often with numbers of at most half the interval", function()
    local world = made_up.numbered(1)
    check_over(world, { interval_s = 1 }):run()
    assert.equal(500, world.asked[1].max_age_ms)
  end)

  it("has as many containers in a message as the operator wants, between 1 and 10,000", function()
    local option = check_over(made_up.numbered(0)).table.options.max_per_message
    assert.same({ 100, 1, 10000 }, { option.default, option.min, option.max })
  end)

  it("sends the facts of the host with each message", function()
    local world = made_up.numbered(1)
    world.cpu_count = 2
    world.system_info = {
      uuid = "4c4c4544", os_name = "linux", platform = "debian", family = "debian", version = "12",
      kernel_release = "6.1.0-18-amd64",
    }
    local message = check_over(world, { options = { network_id = "vpc-1" } }):run().messages[1]
    message.body.containers = nil
    assert.equal("container", message.kind)
    assert.same({
      hostName = "node", networkId = "vpc-1", containerHostType = 0, groupId = 1, groupSize = 1,
      info = {
        uuid = "4c4c4544", totalMemory = 8e9, cpus = { { cores = 1 }, { cores = 1 } },
        os = {
          name = "linux", platform = "debian", family = "debian", version = "12", kernelVersion = "6.1.0-18-amd64",
        },
      },
    }, message.body)
  end)

  it("leaves out the facts of the host that are not known", function()
    local world = made_up.numbered(1)
    world.cpu_count = 1
    local body = check_over(world):run().messages[1].body
    body.containers = nil
    assert.same({
      hostName = "node", containerHostType = 0, groupId = 1, groupSize = 1,
      info = { os = {}, cpus = { { cores = 1 } }, totalMemory = 8e9 },
    }, body)
  end)

  it("follows the host's number of CPUs", function()
    local world = made_up.numbered(1)
    local check = check_over(world)
    assert.equal(4, #check:run().messages[1].body.info.cpus)
    world.cpu_count = 1
    assert.equal(1, #check:run().messages[1].body.info.cpus)
  end)

  it("sends everything that there is of a container, under the names of the wire format", function()
    local world = { rows = { c1 = sample() }, networks = { c1 = network() } }
    world.containers = { container("c1", {
      runtime = "containerd", health = "healthy", created_s = 1699999400, started_s = 1700000000, name = "web",
      image = "reg/x/app:1", repo_digest = "sha256:378e", ips = { net = "10.0.0.1" },
      ports = { { port = 420, protocol = "tcp" } }, cpu_request_percent = 500, memory_request_bytes = 300,
    }) }
    local check = check_over(world)
    check:run()
    world.rows.c1 = sample {
      read_s = T + 10, cpu_user_ns = 300 + 6e9, cpu_system_ns = 200 + 4e9, cpu_total_ns = 100 + 1e10,
      io_read_bytes = 400, io_write_bytes = 800,
    }
    world.networks.c1 = network {
      network_read_s = T + 10, network_rcvd_bytes = 83, network_sent_bytes = 92, network_rcvd_packets_total = 821,
      network_sent_packets_total = 920,
    }
    assert.same({
      type = "containerd", id = "c1", state = 3, health = 2, created = 1699999400, started = 1700000000,
      repoDigest = "sha256:378e", addresses = { { ip = "10.0.0.1", port = 420, protocol = 0 } },
      tags = { "container_id:c1", "container_name:web", "image_name:reg/x/app", "image_tag:1", "short_image:app" },
      totalPct = 100, userPct = 60, systemPct = 40, cpuUsageNs = 1e9, cpuLimit = 50, cpuRequest = 500,
      memUsage = 42000, memRss = 300, memCache = 200, memoryLimit = 42000, memAccounted = 350, memoryRequest = 300,
      rbps = 20, wbps = 40, netRcvdPs = 40, netSentPs = 50, netRcvdBps = 4, netSentBps = 5,
      threadCount = 10, threadLimit = 20, networkNamespace = "00000000f0000001",
    }, sent(check:run(), "c1"))
  end)

  it("sends what a container is when it cannot be read", function()
    local world = { containers = { container("c3", { runtime = "docker", repo_digest = "sha256:378e" }) }, rows = {} }
    assert.same({
      id = "c3", type = "docker", state = 3, repoDigest = "sha256:378e", tags = { "container_id:c3" },
    }, sent(check_over(world):run(), "c3"))
  end)

  for what, case in pairs {
    ["the runtime as type"] = { { runtime = "podman" }, "type", "podman" },
    ["ecsfargate as ECS"] = { { runtime = "ecsfargate" }, "type", "ECS" },
    ["no type when the runtime is not known"] = { {}, "type", nil },
    ["no time of creation that was never set"] = { { created_s = 0 }, "created", nil },
    ["no name"] = { { name = "web" }, "name", nil },
    ["no image"] = { { image = "redis:6" }, "image", nil },
    ["no addresses without a port"] = { { ips = { a = "1.1.1.1" } }, "addresses", nil },
    ["no tags where there are none"] = { { runtime = "garden" }, "tags", nil },
  } do
    it("sends " .. what, function()
      assert.equal(case[3], sent_of(case[1], { garden_hold_s = 0 })[case[2]])
    end)
  end

  it("keeps the memory limit from run to run", function()
    local check = check_over(made_up.numbered(1))
    check:run()
    local item = sent(check:run(), "c00001")
    assert.same({ 42000, nil }, { item.memoryLimit, item.memLimit })
  end)

  it("sends a container's new tags when they change", function()
    local world = { containers = { container("c1", { name = "a" }) }, rows = { c1 = sample() } }
    local check = check_over(world)
    check:run()
    world.containers = { container("c1", { name = "b" }) }
    assert.same({ "container_id:c1", "container_name:b" }, sent(check:run(), "c1").tags)
  end)

  it("sends the tags of labels that changed, and of a pod that came later", function()
    local function labelled(team, pod)
      return { container("c1", { labels = { team = team }, pod = pod }) }
    end
    local world = { containers = labelled "a", rows = { c1 = sample() } }
    local check = check_over(world, { options = {
      cardinality = "orchestrator", container_labels_as_tags = { "team=team" },
    } })
    assert.same({ "team:a" }, sent(check:run(), "c1").tags)
    world.containers = labelled "b"
    assert.same({ "team:b" }, sent(check:run(), "c1").tags)
    world.containers = labelled("b", { uid = "p", name = "shop-1" })
    assert.same({ "pod_name:shop-1", "team:b" }, sent(check:run(), "c1").tags)
    world.containers = labelled()
    assert.is_nil(sent(check:run(), "c1").tags)
  end)

  describe("the tags", function()
    local docker = { runtime = "docker", name = "n1", image = "redis:6", labels = { team = "x", tier = "a,b" } }

    it("are those of the cardinality that the operator wants", function()
      assert.same({ "docker_image:redis:6", "image_name:redis", "image_tag:6", "short_image:redis" },
        sent_of(docker, { cardinality = "low" }).tags)
    end)

    it("have the labels that the operator wants", function()
      local tags = sent_of(docker, {
        cardinality = "low", container_labels_as_tags = { "team=squad", "tier=tier" },
        tag_value_split_separator = { "tier=," },
      }).tags
      assert.equal("squad:x tier:a tier:b", table.concat(tags, " ", 5))
    end)

    it("refuse a cardinality that there is not", function()
      local check = check_over(made_up.numbered(1), { options = { cardinality = "medium" } })
      assert.is_nil(check.outcome.ok)
      assert.equal('option cardinality is "medium": it is low, orchestrator or high', check.outcome.err)
    end)

    it("say at the start what of their options is not understood", function()
      local check = check_over(made_up.numbered(1), { options = { container_labels_as_tags = { "team" } } })
      assert.same({ 'warn: container_labels_as_tags: "team" is not understood: it is PATTERN=TAG[,TAG...]' },
        check.outcome.logs)
    end)
  end)

  describe("the number of containers", function()
    it("is a gauge", function()
      local outcome = check_over(made_up.numbered(3), { options = { max_per_message = 2 } }):run()
      assert.same({ ["datadog.process.containers.host_count"] = 3 }, outcome.gauges)
      assert.same({ "agent:moonwatch" }, outcome.gauge_tags["datadog.process.containers.host_count"])
    end)

    it("is no gauge when there is none, and no group is used up", function()
      local world = made_up.numbered(0)
      local check = check_over(world)
      local outcome = check:run()
      assert.is_true(outcome.ok)
      assert.same({}, outcome.gauges)
      world.containers = made_up.numbered(1).containers
      assert.equal(1, check:run().messages[1].body.groupId)
    end)
  end)

  it("splits its containers as evenly as it can, in the order of their ids", function()
    local outcome = check_over(made_up.numbered(250)):run()
    local sizes, last = {}, ""
    for i, message in ipairs(outcome.messages) do
      sizes[i] = #message.body.containers
      assert.same({ 1, 3 }, { message.body.groupId, message.body.groupSize })
      for _, item in ipairs(message.body.containers) do
        assert.is_true(last < item.id)
        last = item.id
      end
    end
    assert.same({ 84, 83, 83 }, sizes)
  end)

  it("reads a recorded host", function()
    local check = harness.load("checks/container", harness.recorded "spec/fixtures/kubelet-1.20-v1")
    local body = check:run().messages[1].body
    assert.equal("kubelab-node", body.hostName)
    assert.equal("linux", body.info.os.name)
    assert.equal(9, #body.containers)
    assert.is_true(body.containers[1].memUsage > 0)
  end)
end)
