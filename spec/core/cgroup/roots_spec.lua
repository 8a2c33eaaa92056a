--- Where the hierarchies are, for an agent that sees its host below a root of its own.
local moonwatch = require "moonwatch"
local tmpdir = require "spec.support.tmpdir"

local ID = ("5c"):rep(32)

local function host_with(mounts)
  local files = {
    ["sys/fs/cgroup/cgroup.controllers"] = "pids\n",
    ["sys/fs/cgroup/docker/" .. ID .. "/pids.current"] = "7\n",
  }
  local dir = tmpdir.new(files)
  dir:write { ["proc/mounts"] = (mounts:gsub("ROOT", dir.path)) }
  return dir
end

local function pids_of(dir)
  local cgroup = assert(moonwatch.open { host_root = dir.path }).cgroup
  assert(cgroup.refresh())
  local row = assert(cgroup.read(ID))
  return row.pids_current, cgroup.controllers().pids.mount_path
end

describe("the roots of moonwatch.cgroup", function()
  local dir

  after_each(function()
    dir:remove()
  end)

  for what, mounts in pairs {
    ["the host's own table, without the root"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
    ["a container's table, below the root"] = "cgroup2 ROOT/sys/fs/cgroup cgroup2 rw 0 0\n",
    ["a container's table, beside its own mount"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
      .. "cgroup2 ROOT/sys/fs/cgroup cgroup2 ro 0 0\ncgroup2 /sys/fs/other cgroup2 rw 0 0\n",
  } do
    it("are found by " .. what, function()
      dir = host_with(mounts)
      local pids, mount_path = pids_of(dir)
      assert.equal(7, pids)
      assert.equal(dir.path .. "/sys/fs/cgroup", mount_path)
    end)
  end

  it("come from the host's first process where its table can be read", function()
    dir = host_with "cgroup2 /nowhere cgroup2 rw 0 0\n"
    dir:write { ["proc/1/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n" }
    assert.equal(7, (pids_of(dir)))
  end)
end)
