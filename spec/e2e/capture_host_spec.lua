local lfs = require "lfs"

local podman = require "spec.support.podman"
local tmpdir = require "spec.support.tmpdir"

local FIXTURES = { "kubelet-1.20-v1", "kubelet-1.20-cluster", "v2/t0", "hybrid" }

describe("tools/capture-host", function()
  local dir

  before_each(function()
    dir = tmpdir.new()
  end)

  after_each(function()
    dir:remove()
  end)

  local function capture(arguments)
    return podman.shell("tools/capture-host " .. arguments .. " " .. dir.path .. "/host")
  end

  for _, fixture in ipairs(FIXTURES) do
    it("records the recorded host " .. fixture .. " as it is", function()
      local root = "spec/fixtures/" .. fixture

      local output, status = capture(("--proc %s/proc --cgroup %s/sys/fs/cgroup"):format(root, root))

      assert.equal(0, status, output)
      assert.equal("", (podman.shell(("diff -r -x ORIGIN.md %s %s/host"):format(root, dir.path))))
    end)
  end

  it("records every file that a figure is from", function()
    local names = {}
    for _, figure in ipairs(require("moonwatch.cgroup").figures()) do
      for _, source in ipairs(figure.sources) do
        names[source.file] = true
      end
    end
    assert.is_true(names["memory.current"] and names["memory.usage_in_bytes"])
    dir:write {
      ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
      ["proc/version"] = "Linux version 6.1.0 (somebody@somewhere) #1 SMP\n",
    }
    for name in pairs(names) do
      dir:write { ["cgroup/box/" .. name] = "1\n" }
    end

    local output, status = capture(("--proc %s/proc --cgroup %s/cgroup"):format(dir.path, dir.path))

    assert.equal(0, status, output)
    for name in pairs(names) do
      assert.is_true(lfs.attributes(dir.path .. "/host/sys/fs/cgroup/box/" .. name) ~= nil, name)
    end
  end)

  it("leaves out mounts that are not of cgroups, and who built the kernel", function()
    dir:write {
      ["proc/mounts"] = "/dev/sda1 / ext4 rw 0 0\n"
        .. "server:/secret /mnt nfs rw,addr=192.0.2.1 0 0\n"
        .. "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
      ["proc/version"] = "Linux version 6.1.0 (somebody@somewhere) #1 SMP\n",
      ["cgroup/cgroup.procs"] = "",
    }

    local output, status = capture(("--proc %s/proc --cgroup %s/cgroup --hostname other"):format(dir.path, dir.path))

    assert.equal(0, status, output)
    assert.equal("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nLinux version 6.1.0\nother\n",
      (podman.shell(("cd %s/host/proc && cat mounts version sys/kernel/hostname"):format(dir.path))))
  end)

  it("does not write into a folder with something in it", function()
    dir:write { ["host/precious"] = "" }

    local output, status = capture ""

    assert.equal(1, status)
    assert.matches("host is not empty", output, 1, true)
  end)

  it("says how it is used", function()
    local output, status = podman.shell "tools/capture-host"

    assert.equal(2, status)
    assert.matches("--hostname NAME", output, 1, true)
  end)
end)
