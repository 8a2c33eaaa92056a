--- A recorded node from end to end: its cgroups, its /proc and its kubelet's answers of one second, and
--- what the check "container" makes of them. The files are read here in a way of their own.
local cjson = require "cjson"
local lfs = require "lfs"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local ROOT, ANSWERS = "spec/fixtures/kubelet-1.20-cluster", "spec/fixtures/kubelet-1.20-answers"

-- The containers that run, as the pod list has them: id = { pod = , status = , spec = }.
local function listed_containers()
  local listed, count = {}, 0
  for _, pod in ipairs(cjson.decode(files.read(ANSWERS .. "/pods.json")).items) do
    local specs = {}
    for _, spec in ipairs(pod.spec.containers) do
      specs[spec.name] = spec
    end
    for _, status in ipairs(pod.status.containerStatuses or {}) do
      if status.state.running then
        local id = status.containerID:match "://(.*)"
        listed[id], count = { pod = pod, status = status, spec = specs[status.name] }, count + 1
      end
    end
  end
  return listed, count
end

-- The folder of a container below a controller's hierarchy.
local function folder_of(id, path)
  for name in lfs.dir(path) do
    if name == id then
      return path .. "/" .. name
    elseif not name:find "^%." and lfs.attributes(path .. "/" .. name, "mode") == "directory" then
      local found = folder_of(id, path .. "/" .. name)
      if found then
        return found
      end
    end
  end
end

local function number_in(id, controller, file, key)
  local text = files.read(folder_of(id, ROOT .. "/sys/fs/cgroup/" .. controller) .. "/" .. file)
  return tonumber(("\n" .. text):match("\n" .. (key and key .. " " or "") .. "(%d+)"))
end

local function has_tag(item, tag)
  for _, its_tag in ipairs(item.tags) do
    if its_tag == tag then
      return true
    end
  end
  return false
end

local MILLI = { m = 0.1 }
local BINARY = { Ki = 1024, Mi = 1024 * 1024 }

local function percent_of(quantity)
  local number, suffix = quantity:match "^(%d+)(m?)$"
  return number * (MILLI[suffix] or 100)
end

local function bytes_of(quantity)
  local number, suffix = quantity:match "^(%d+)([KM]?i?)$"
  return number * (BINARY[suffix] or 1)
end

describe("moonwatch check container on a node with a kubelet", function()
  local items, by_id, listed, listed_count, outcome

  setup(function()
    outcome = program.run {
      "check", "container", "--host-root", ROOT, "--source", "cgroup", "--source", "kubelet", "--http-answers", ANSWERS,
      "--set", "kubelet.url=https://127.0.0.1:10250", "--interval", "0.01", "--format", "json",
    }
    listed, listed_count = listed_containers()
    items, by_id = {}, {}
    for line in outcome.out:gmatch "[^\n]+" do
      for _, item in ipairs(cjson.decode(line).containers or {}) do
        table.insert(items, item)
        by_id[item.id] = item
      end
    end
  end)

  local function for_each(look)
    assert.equal(9, listed_count)
    for id, known in pairs(listed) do
      look(assert(by_id[id], id .. " is not shown"), known)
    end
  end

  it("shows every container that runs, and no pause container", function()
    assert.equal(0, outcome.code, outcome.err)
    assert.equal(listed_count, #items)
    for_each(function(item) assert.equal(3, item.state) end)
  end)

  it("names pod, namespace, container and image of each", function()
    for_each(function(item, known)
      for _, tag in ipairs {
        "pod_name:" .. known.pod.metadata.name,
        "kube_namespace:" .. known.pod.metadata.namespace,
        "kube_container_name:" .. known.status.name,
        "display_container_name:" .. known.status.name .. "_" .. known.pod.metadata.name,
        "kube_qos:" .. known.pod.status.qosClass,
        "container_id:" .. item.id,
        "image_name:docker.io/library/busybox", "short_image:busybox", "image_tag:1.35",
        "pod_phase:running",
      } do
        assert.is_true(has_tag(item, tag), tag)
      end
      assert.equal("containerd", item.type)
    end)
  end)

  it("has the numbers of the files", function()
    for_each(function(item)
      local id = item.id
      assert.same({
        number_in(id, "memory", "memory.usage_in_bytes"),
        number_in(id, "memory", "memory.stat", "total_rss"),
        number_in(id, "memory", "memory.stat", "total_cache"),
        number_in(id, "pids", "pids.current"),
      }, { item.memUsage, item.memRss, item.memCache, item.threadCount })
    end)
  end)

  it("has what the pods' specs want", function()
    for_each(function(item, known)
      local requests = known.spec.resources.requests or {}
      assert.equal(requests.cpu and percent_of(requests.cpu), item.cpuRequest)
      assert.equal(requests.memory and bytes_of(requests.memory), item.memoryRequest)
    end)
  end)

  it("tells which share the network of the host", function()
    for_each(function(item, known)
      assert.equal(known.pod.spec.hostNetwork, item.hostNetwork)
    end)
  end)
end)

--- Nothing of the host is mounted but a bare /proc: the kubelet alone has the numbers.
describe("moonwatch check container_rt where no cgroup can be seen", function()
  local outcome, rows, listed

  -- What the summary says of a container, which it knows by pod and name.
  local function in_summary(known)
    local uid = known.pod.metadata.annotations["kubernetes.io/config.hash"] or known.pod.metadata.uid
    for _, pod in ipairs(cjson.decode(files.read(ANSWERS .. "/stats_summary.json")).pods) do
      for _, container in ipairs(pod.podRef.uid == uid and pod.containers or {}) do
        if container.name == known.status.name then
          return container, pod
        end
      end
    end
  end

  setup(function()
    local bare = { ["host/proc/mounts"] = "proc /proc proc rw 0 0\n" }
    for _, name in ipairs { "meminfo", "stat", "uptime" } do
      bare["host/proc/" .. name] = files.read(ROOT .. "/proc/" .. name)
    end
    local dir = tmpdir.new(bare)
    outcome = program.run {
      "check", "container_rt", "--host-root", dir.path .. "/host", "--source", "kubelet", "--http-answers", ANSWERS,
      "--set", "kubelet.url=https://127.0.0.1:10250", "--interval", "0.01", "--format", "json",
    }
    dir:remove()
    listed, rows = listed_containers(), {}
    for line in outcome.out:gmatch "[^\n]+" do
      for _, row in ipairs(cjson.decode(line).stats) do
        rows[row.id] = row
      end
    end
  end)

  it("has the kubelet's numbers of every container that it names", function()
    local compared = 0
    assert.equal(0, outcome.code, outcome.err)
    for id, known in pairs(listed) do
      local row, container = assert(rows[id], id .. " is not shown"), in_summary(known)
      if container then
        assert.same({ container.memory.usageBytes, container.memory.workingSetBytes, container.memory.rssBytes },
          { row.memUsage, row.memAccounted, row.memRss })
        assert.is_number(row.totalPct)
        compared = compared + 1
      end
    end
    assert.equal(9, compared)
  end)

  it("knows nothing of what a kubelet does not measure", function()
    for _, row in pairs(rows) do
      for _, member in ipairs { "userPct", "systemPct", "threadCount", "rbps", "wbps", "netRcvdPs", "memLimit" } do
        assert.is_nil(row[member], member)
      end
    end
  end)

  it("counts the traffic of a pod with the host's network once", function()
    local marked, carried = 0, 0
    for _, row in pairs(rows) do
      marked = marked + (row.hostNetwork and 1 or 0)
      carried = carried + (row.hostNetwork and row.netRcvdBps and 1 or 0)
    end
    assert.is_true(marked > 1)
    assert.equal(1, carried)
  end)
end)
