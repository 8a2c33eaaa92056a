--- Mount tables as containers see them, from real hosts: the agent in such a container, with the host
--- below a root of its own, finds the host's hierarchies and containers there, and not its own.
local cjson = require "cjson"

local files = require "spec.support.files"
local moonwatch = require "moonwatch"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local OUTER = "88ea268ece65a02d68b169fd74bcbcb427eb7f28900db0e3b906fb2eeb7341df" -- the one of dind-cgroupv1
local INNER = ("5c"):rep(32)
local POD = "94aaa027-f2e4-4c60-45f6-4f6bfbca3306"
local KIND_POD = OUTER .. "/kubelet/kubepods/burstable/pod" .. POD .. "/" .. INNER

local V1_FILES = { cpuacct = { ["cpuacct.usage"] = "500\n" }, memory = { ["memory.usage_in_bytes"] = "4096\n" },
                   pids = { ["pids.current"] = "7\n" } }
local V2_FILES = { [""] = { ["cpu.stat"] = "usage_usec 5\n", ["memory.current"] = "4096\n", ["pids.current"] = "7\n" } }

-- Each table; the folder of a controller where that is not its name.
local TABLES = {
  ["container-cgroupv1"] = { v1 = true, cpuacct = "cpu,cpuacct" },
  ["dind-cgroupv1"] = { v1 = true },
  ["self-reader-cgroupv1"] = { v1 = true, cpuacct = "cpu,cpuacct" },
  ["container-cgroupv2"] = {},
  ["self-reader-cgroupv2"] = {},
}

local function add_containers(dir, layout)
  local tree = { ["sys/fs/cgroup/cgroup.controllers"] = not layout.v1 and "cpu memory pids\n" or nil }
  for controller, contents in pairs(layout.v1 and V1_FILES or V2_FILES) do
    for file, text in pairs(contents) do
      for _, path in ipairs { OUTER, KIND_POD } do
        local folder = layout.v1 and (layout[controller] or controller) .. "/" or ""
        tree[("sys/fs/cgroup/%sdocker/%s/%s"):format(folder, path, file)] = text
      end
    end
  end
  dir:write(tree)
end

--- A host whose root is seen where the table has "/host".
local function host_of(name)
  local layout, dir = TABLES[name], tmpdir.new()
  local text = files.read(("spec/fixtures/mounts/%s/mounts"):format(name))
  dir:write { ["proc/mounts"] = (text:gsub(" /host/", " " .. dir.path .. "/")),
              ["proc/cgroups"] = files.read "spec/fixtures/v2/t0/proc/cgroups" }
  add_containers(dir, layout)
  return dir, layout
end

for name in pairs(TABLES) do
  describe("an agent with the mount table of " .. name, function()
    local dir, layout

    before_each(function()
      dir, layout = host_of(name)
    end)

    after_each(function()
      dir:remove()
    end)

    it("finds the host's containers below its root, those of a kind node in it as well", function()
      local cgroup = assert(moonwatch.open { host_root = dir.path }).cgroup
      assert(cgroup.refresh())
      local by_id = {}
      for _, container in ipairs(assert(cgroup.containers())) do
        by_id[container.id] = container
      end

      assert.equal("docker", by_id[OUTER].runtime)
      assert.is_nil(by_id[OUTER].pod_uid)
      assert.equal(POD, by_id[INNER].pod_uid)
      by_id[OUTER], by_id[INNER] = nil, nil
      assert.same({}, by_id)
    end)

    it("reads them there, and has no figure of what is not there", function()
      local cgroup = assert(moonwatch.open { host_root = dir.path }).cgroup
      assert(cgroup.refresh())
      for _, id in ipairs { OUTER, INNER } do
        local row = assert(cgroup.read(id))
        assert.equal(layout.v1 and 500 or 5000, row.cpu_total_ns)
        assert.equal(4096, row.memory_usage_bytes)
        assert.equal(7, row.pids_current)
        assert.is_nil(row.io_read_bytes)
        assert.is_nil(row.memory_limit_bytes)
      end
    end)

    it("is told by the doctor where the hierarchies are, and which it cannot open", function()
      local outcome = program.run { "doctor", "--host-root", dir.path, "--format", "json" }
      local by_check = {}
      for _, finding in ipairs(cjson.decode(outcome.out)) do
        by_check[finding.check] = finding
      end

      local folder = layout.v1 and "/memory" or ""
      assert.equal(("version %d at %s/sys/fs/cgroup%s"):format(layout.v1 and 1 or 2, dir.path, folder),
        by_check["controller memory"].found)
      assert.equal("ok", by_check["controller memory"].status)
      local lacking, top = by_check["controller io"], dir.path .. "/sys/fs/cgroup"
      assert.equal("warn", lacking.status)
      assert.equal("io_read_bytes", lacking.costs[1])
      if layout.v1 then
        assert.equal(("mounted at %s/blkio, where this process cannot open it"):format(top), lacking.found)
        assert.matches(("make %s/blkio visible to this process"):format(top), lacking.cure, 1, true)
      else
        assert.equal(("version 2 is mounted at %s, and cgroup.controllers there does not name it"):format(top),
          lacking.found)
        assert.matches(("echo +io > %s/cgroup.subtree_control"):format(top), lacking.cure, 1, true)
      end
    end)
  end)
end
