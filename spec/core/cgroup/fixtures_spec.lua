--- Recorded hosts: what is read equals what the files say, understood a second time and naively.
local lfs = require "lfs"

local FIXTURES = "spec/fixtures/"

-- ---- The second, naive reader ----

local function text_of(path)
  local file = io.open(path)
  local text = file and file:read "*a"
  if file then
    file:close()
  end
  return text
end

local function count_cpus(list)
  local count = 0
  for first, last in list:gsub("(%d+)", "%1-%1"):gsub("(%d+)%-%d+%-(%d+)%-%d+", "%1-%2"):gmatch "(%d+)%-(%d+)" do
    count = count + last - first + 1
  end
  return count > 0 and count or nil
end

local function sum(text, pattern)
  local total
  for number in text:gmatch(pattern) do
    total = (total or 0) + tonumber(number)
  end
  return total
end

-- The number in a file, by what the row of the table says about it; nil: not there.
local function number_in(text, file, key)
  if file:find "^cpuset" then
    return count_cpus(text)
  elseif file == "cpu.max" then
    return tonumber(text:match(key == "quota" and "^(%d+) " or "^%w+ (%d+)"))
  elseif file:find "^blkio" then
    return sum(text, "%d+:%d+ " .. key .. " (%d+)") or (text == "Total 0\n" and 0 or nil)
  elseif file:find "%.pressure$" then
    local kind, field = key:match "^(%w+)%.(%w+)$"
    return tonumber(("\n" .. text):match("\n" .. kind .. " [^\n]*" .. field .. "=(%d+)\n"))
  elseif file == "io.stat" then
    return sum(text, "[ \n]" .. key .. "=(%d+)")
  elseif key then
    return tonumber(("\n" .. text):match("\n" .. key .. " (%d+)\n"))
  end
  return tonumber(text:match "^(%d+)\n$")
end

local NONE_WHEN_ZERO = {
  memory_limit_bytes = true, memory_low_bytes = true, memory_min_bytes = true, memory_high_bytes = true,
  memory_peak_bytes = true, memory_swap_limit_bytes = true, memory_swap_high_bytes = true,
}

local function is_none(name, version, number)
  if version == 2 then
    return NONE_WHEN_ZERO[name] and number == 0
  end
  return name:find "^memory_.*l[io][mw].*_bytes$" and number > 9.2e18
end

-- The figures of a container whose folder in the hierarchy of a controller is folder_of(controller).
local function read_naively(figures, versions, folder_of)
  local row = {}
  for _, figure in ipairs(figures) do
    for _, source in ipairs(figure.sources) do
      local folder = versions[source.controller] == source.version and folder_of(source.controller)
      if folder and source.of_pod then
        folder = folder:match "^(.*pod[%x_-]+)/[^/]*$" or folder:match "^(.*pod[%x_-]+%.slice)/[^/]*$"
      end
      local text = folder and text_of(folder .. "/" .. source.file)
      local number = text and number_in(text, source.file, source.key)
      if number and not is_none(figure.name, source.version, number) then
        row[figure.name] = number * source.scale
      end
    end
  end
  if row.memory_usage_bytes and row.memory_inactive_file_bytes then
    row.memory_working_set_bytes = math.max(0, row.memory_usage_bytes - row.memory_inactive_file_bytes)
  end
  if row.memory_kernel_stack_bytes and row.memory_slab_bytes then
    row.memory_kernel_bytes = row.memory_kernel_stack_bytes + row.memory_slab_bytes
  end
  return row
end

local function find_folders(path, visit)
  for name in lfs.dir(path) do
    local child = path .. "/" .. name
    if name ~= "." and name ~= ".." and lfs.symlinkattributes(child, "mode") == "directory" then
      visit(child, name)
      find_folders(child, visit)
    end
  end
end

local function id_in(name)
  if name:find "conmon" or name:find "%.mount$" then
    return nil
  end
  return name:match(("%x"):rep(64)) or name:match(("%x"):rep(32) .. "%-%d+")
    or name:match "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x$"
end

-- { id = folder } of all containers below a hierarchy.
local function containers_below(top)
  local found = {}
  find_folders(top, function(path, name)
    local id = id_in(name)
    if id then
      found[id] = path
    end
  end)
  return found
end

-- ---- The hosts ----

local V1 = { cpu = 1, cpuacct = 1, cpuset = 1, memory = 1, blkio = 1, pids = 1 }
local V2 = { cpu = 2, cpuset = 2, memory = 2, io = 2, pids = 2, hugetlb = 2, pressure = 2 }
local V2_TOPS = { cpu = "", cpuset = "", memory = "", io = "", pids = "", hugetlb = "", pressure = "" }

local HOSTS = {
  { root = "kubelet-1.20-v1", versions = V1, containers = 9, tops = {
    cpu = "cpu", cpuacct = "cpuacct", cpuset = "cpuset", memory = "memory", blkio = "blkio", pids = "pids",
  } },
  { root = "v2/t0", versions = V2, containers = 10, tops = V2_TOPS },
  { root = "v2/t1", versions = V2, containers = 10, tops = V2_TOPS },
  { root = "nested", versions = V2, containers = 6, tops = V2_TOPS },
  { root = "hybrid", containers = 6,
    versions = { cpu = 1, cpuacct = 1, cpuset = 1, memory = 2, io = 2, pids = 2, hugetlb = 2, pressure = 2 },
    tops = {
      cpu = "cpu,cpuacct", cpuacct = "cpu,cpuacct", cpuset = "cpuset",
      memory = "unified", io = "unified", pids = "unified", hugetlb = "unified", pressure = "unified",
    } },
}

describe("moonwatch.cgroup, reading a recorded host,", function()
  for _, host in ipairs(HOSTS) do
    describe(host.root, function()
      local cgroup, folders, ids

      setup(function()
        local root = FIXTURES .. host.root
        cgroup = assert(require("moonwatch").open { host_root = root }).cgroup
        folders, ids = {}, {}
        local seen = {}
        for controller, top in pairs(host.tops) do
          folders[controller] = containers_below(root .. "/sys/fs/cgroup/" .. top)
          for id in pairs(folders[controller]) do
            seen[id] = true
          end
        end
        for id in pairs(seen) do
          table.insert(ids, id)
        end
        table.sort(ids)
      end)

      it("decides the version for each controller", function()
        for name, controller in pairs(assert(cgroup.controllers())) do
          assert.equal(host.versions[name == "io" and host.versions.blkio and "blkio" or name], controller.version)
        end
      end)

      it("finds all containers, sorted by id", function()
        assert(cgroup.refresh())
        local found = {}
        for i, container in ipairs(assert(cgroup.containers())) do
          found[i] = container.id
        end
        assert.equal(host.containers, #found)
        assert.same(ids, found)
      end)

      it("reads what the files say", function()
        for _, id in ipairs(ids) do
          local expected = read_naively(cgroup.figures(), host.versions, function(controller)
            return folders[controller][id]
          end)
          local row = assert(cgroup.read(id))
          for _, figure in ipairs(cgroup.figures()) do
            assert.equal(expected[figure.name], row[figure.name], id .. " " .. figure.name)
          end
          assert.is_not_nil(next(expected))
        end
      end)

      it("has nothing to complain about", function()
        for _, problem in ipairs(cgroup.problems()) do
          -- mount points that were not recorded, files that this kernel does not have
          assert.matches("No such file or directory", problem)
        end
      end)
    end)
  end

  describe("hybrid,", function()
    local cgroup = assert(require("moonwatch").open { host_root = FIXTURES .. "hybrid" }).cgroup

    local function read(start)
      assert(cgroup.refresh())
      for _, container in ipairs(assert(cgroup.containers())) do
        if container.id:sub(1, 8) == start then
          return assert(cgroup.read(container.id))
        end
      end
      error("no container " .. start)
    end

    it("has both versions of a container whose path is another in each", function()
      local row = read "7b1b763e"
      assert.is_number(row.cpu_shares)
      assert.is_number(row.memory_usage_bytes)
    end)

    it("leaves out what a container has not, on either side", function()
      assert.is_nil(read("d7974758").memory_usage_bytes)
      assert.is_number(read("d7974758").cpu_total_ns)
      assert.is_nil(read("fd0da0d3").cpu_shares)
      assert.is_number(read("fd0da0d3").memory_usage_bytes)
    end)

    it("knows the limits of both", function()
      local row = read "d548c5b8"
      assert.equal(50, row.cpu_limit_percent)
      assert.equal(64 * 1024 * 1024, row.memory_limit_bytes)
      assert.equal(16, row.pids_limit)
    end)
  end)

  it("nested tells the node, what its kubelet runs, and what Docker runs inside of Docker", function()
    local cgroup = assert(require("moonwatch").open { host_root = FIXTURES .. "nested" }).cgroup
    local found = {}
    assert(cgroup.refresh())
    for _, container in ipairs(assert(cgroup.containers())) do
      local row = assert(cgroup.read(container.id))
      found[container.id:sub(1, 8)] = { container.runtime, container.pod_uid, pids = row.pids_current }
    end
    local burstable, besteffort = "94aaa027-f2e4-4c60-45f6-4f6bfbca3306", "3eb3613e-bb34-f1a6-4ce9-7b990cdf1760"
    assert.same({
      ["7232fa5b"] = { "docker", pids = 8 }, -- the node: two processes of its own, and those of its pods
      ["6f7ce9e7"] = { "containerd", burstable, pids = 1 },
      ["2397d068"] = { "containerd", burstable, pids = 2 },
      ["fbd537f8"] = { "containerd", besteffort, pids = 3 },
      ["2a8c227a"] = { "docker", pids = 3 }, -- Docker in Docker: two of its own, and one in it
      ["33bf6fbd"] = { "docker", pids = 1 },
    }, found)
  end)

  it("v2 takes the quota of an ECS task from its group", function()
    local cgroup = assert(require("moonwatch").open { host_root = FIXTURES .. "v2/t0" }).cgroup
    assert(cgroup.refresh())
    for _, container in ipairs(assert(cgroup.containers())) do
      if container.path:find "^/ecs/" then
        local row = assert(cgroup.read(container.id))
        assert.equal(25, row.cpu_limit_percent)
        assert.is_false(row.cpu_limit_defaulted)
      end
    end
  end)

  it("v2 names the runtime where the cgroup does", function()
    local cgroup = assert(require("moonwatch").open { host_root = FIXTURES .. "v2/t0" }).cgroup
    assert(cgroup.refresh())
    local runtimes = {}
    for _, container in ipairs(assert(cgroup.containers())) do
      runtimes[container.path:match "([%w.]+)[-/][^/]*$" or container.path] = container.runtime or "unknown"
    end
    local seen = {}
    for _, runtime in pairs(runtimes) do
      seen[runtime] = true
    end
    for _, runtime in ipairs { "docker", "containerd", "cri-o", "podman", "garden" } do
      assert.is_true(seen[runtime] or false, runtime)
    end
  end)
end)
