local moonwatch = require "moonwatch"
local tmpdir = require "spec.support.tmpdir"

local function processors(count)
  local lines = {}
  for i = 1, count do
    lines[i] = ("processor\t: %d\nmodel name\t: made up\n"):format(i - 1)
  end
  return table.concat(lines, "\n")
end

--- The CPUs of this process's affinity mask: "0-3,8" is 5.
local function affinity_count()
  local list = assert(io.open "/proc/self/status"):read("*a"):match "Cpus_allowed_list:%s*(%S+)"
  local count = 0
  for first, last in list:gmatch "(%d+)%-?(%d*)" do
    count = count + (tonumber(last) or tonumber(first)) - tonumber(first) + 1
  end
  return count
end

describe("moonwatch.host", function()
  local dir, host

  before_each(function()
    dir = tmpdir.new()
    host = moonwatch.open({ host_root = dir.path }).host
  end)

  after_each(function()
    dir:remove()
  end)

  describe("cpu_count", function()
    for _, case in ipairs {
      { "counts the processors of cpuinfo", { ["proc/cpuinfo"] = processors(4) }, 4 },
      { "passes over an ARM model", {
        ["proc/cpuinfo"] = "Processor : ARMv7 rev 3\nprocessor : 0\nprocessor : 1\n",
      }, 2 },
      { "counts in stat when cpuinfo is missing", {
        ["proc/stat"] = "cpu  2 0\ncpu0 1 0\ncpu1 1 0\nintr 5\n",
      }, 2 },
      { "counts in stat when cpuinfo has nothing to count", {
        ["proc/cpuinfo"] = "# processors    : 2\nprocessor 0: version = FF\n",
        ["proc/stat"] = "cpu  2 0\ncpu0 1 0\ncpu1 1 0\n",
      }, 2 },
      { "counts the CPUs that are online when neither counts", {
        ["proc/cpuinfo"] = "\0\255", ["sys/devices/system/cpu/online"] = "0-5,8\n",
      }, 7 },
      { "trusts cpuinfo before stat before the list", {
        ["proc/cpuinfo"] = processors(3), ["proc/stat"] = "cpu0 1\n",
        ["sys/devices/system/cpu/online"] = "0-7\n",
      }, 3 },
      { "takes stat before the list", {
        ["proc/stat"] = "cpu0 1\ncpu1 1\n", ["sys/devices/system/cpu/online"] = "0-7\n",
      }, 2 },
      { "counts 10,000 processors", { ["proc/cpuinfo"] = processors(10000) }, 10000 },
    } do
      local sentence, files, expected = case[1], case[2], case[3]
      it(sentence, function()
        dir:write(files)
        assert.equal(expected, host.cpu_count())
      end)
    end

    it("keeps what it has counted", function()
      dir:write { ["proc/cpuinfo"] = processors(8) }
      assert.equal(8, host.cpu_count())
      dir:write { ["proc/cpuinfo"] = processors(2) }
      assert.equal(8, host.cpu_count())
      dir:remove_file "proc/cpuinfo"
      assert.equal(8, host.cpu_count())
    end)

    it("tries again after no file could be read", function()
      assert.equal(affinity_count(), host.cpu_count())
      dir:write { ["proc/cpuinfo"] = processors(10000) }
      assert.equal(10000, host.cpu_count())
    end)

    it("takes a count of zero for a failure", function()
      dir:write { ["proc/cpuinfo"] = "\n", ["proc/stat"] = "\n" }
      assert.equal(affinity_count(), host.cpu_count())
      dir:write { ["proc/cpuinfo"] = processors(4) }
      assert.equal(4, host.cpu_count())
    end)

    it("is that of this machine by default", function()
      local file = assert(io.open "/proc/stat")
      local _, expected = file:read("*a"):gsub("\ncpu%d", "")
      file:close()
      assert.equal(expected, require("moonwatch.host").cpu_count())
    end)
  end)

  it("reads /proc somewhere else when told so", function()
    dir:write { ["elsewhere/cpuinfo"] = processors(6), ["proc/cpuinfo"] = processors(2) }
    local opened = moonwatch.open { host_root = dir.path, proc_root = dir.path .. "/elsewhere/" }
    assert.equal(6, opened.host.cpu_count())
  end)

  describe("memory_total_bytes", function()
    it("is MemTotal in bytes", function()
      dir:write { ["proc/meminfo"] = "MemTotal:       16384256 kB\nMemFree:  1 kB\n" }
      assert.equal(16777478144, host.memory_total_bytes())
    end)

    it("names the file that it cannot open", function()
      local total, message, code = host.memory_total_bytes()
      assert.is_nil(total)
      assert.equal("cannot open " .. dir.path .. "/proc/meminfo: No such file or directory", message)
      assert.equal(2, code) -- ENOENT
    end)

    it("names the file that it does not understand", function()
      dir:write { ["proc/meminfo"] = "MemTotal: plenty\n" }
      local total, message = host.memory_total_bytes()
      assert.is_nil(total)
      assert.equal(dir.path .. "/proc/meminfo: MemTotal is not an amount of memory in kB", message)
    end)

    it("looks for it at the start of the file alone", function()
      dir:write { ["proc/meminfo"] = ("x"):rep(64 * 1024) .. "\nMemTotal: 1 kB\n" }
      local total, message = host.memory_total_bytes()
      assert.is_nil(total)
      assert.equal(dir.path .. '/proc/meminfo: no line "MemTotal:"', message)
    end)
  end)

  describe("boot_time_s", function()
    it("is btime", function()
      dir:write { ["proc/stat"] = "cpu  1\nintr 1 2 3\nbtime 1723456789\nprocesses 5\n" }
      assert.equal(1723456789, host.boot_time_s())
    end)

    it("fails when there is no such line", function()
      dir:write { ["proc/stat"] = "cpu  1\n" }
      local seconds, message = host.boot_time_s()
      assert.is_nil(seconds)
      assert.equal(dir.path .. '/proc/stat: no line "btime"', message)
    end)

    it("lies in the past of this machine", function()
      assert.is_true(require("moonwatch.host").boot_time_s() <= os.time())
    end)
  end)

  describe("hostname", function()
    it("is what stands in etc/hostname of the host", function()
      dir:write { ["etc/hostname"] = "node-7\n", ["proc/sys/kernel/hostname"] = "container\n" }
      assert.equal("node-7", host.hostname())
    end)

    it("is the kernel's when that file says nothing", function()
      dir:write { ["etc/hostname"] = "\n", ["proc/sys/kernel/hostname"] = "node-8\n" }
      assert.equal("node-8", host.hostname())
    end)

    it("says what was tried", function()
      dir:write { ["etc/hostname"] = "\27[2J\n" }
      local name, message = host.hostname()
      assert.is_nil(name)
      assert.equal(("no host name: %s/etc/hostname: not a name of at most 255 printable characters: "
        .. '"\\x1b[2J"; cannot open %s/proc/sys/kernel/hostname: No such file or directory')
        :format(dir.path, dir.path), message)
    end)

    it("is that of this machine by default", function()
      local file = assert(io.open "/proc/sys/kernel/hostname")
      assert.equal(file:read "*l", require("moonwatch.host").hostname())
      file:close()
    end)
  end)

  describe("kernel_release", function()
    it("is osrelease", function()
      dir:write { ["proc/sys/kernel/osrelease"] = "6.1.0-18-amd64\n" }
      assert.equal("6.1.0-18-amd64", host.kernel_release())
    end)

    it("is the third word of version without it", function()
      dir:write { ["proc/version"] = "Linux version 5.10.0-8-arm64 (someone@example)\n" }
      assert.equal("5.10.0-8-arm64", host.kernel_release())
    end)

    it("says what was tried", function()
      local release, message, code = host.kernel_release()
      assert.is_nil(release)
      assert.matches("^no kernel release: cannot open .*/osrelease.*; cannot open .*/version", message)
      assert.equal(2, code)
    end)

    it("is that of this machine by default", function()
      local file = assert(io.open "/proc/sys/kernel/osrelease")
      assert.equal(file:read "*l", require("moonwatch.host").kernel_release())
      file:close()
    end)
  end)

  describe("system_info", function()
    local UUID = "4C4C4544-0039-4A10-8052-B7C04F4E5231"
    local MACHINE_ID = "0123456789abcdef0123456789abcdef"
    local ALL = {
      ["sys/class/dmi/id/product_uuid"] = UUID .. "\n",
      ["etc/machine-id"] = MACHINE_ID .. "\n",
      ["proc/sys/kernel/random/boot_id"] = "fb4bb7f5-1b4b-4e3f-8b1e-3f5a6e1d2c3b\n",
      ["proc/sys/kernel/osrelease"] = "5.15.0-91-generic\n",
      ["etc/os-release"] = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n',
      ["usr/lib/os-release"] = "ID=alpine\n",
    }

    it("tells machine, platform and kernel", function()
      dir:write(ALL)
      assert.same({
        uuid = UUID, os_name = "linux", platform = "ubuntu", family = "debian", version = "22.04",
        kernel_release = "5.15.0-91-generic",
      }, host.system_info())
    end)

    it("takes the machine's id without a UUID of its own, and that of the start without either", function()
      dir:write(ALL)
      dir:write { ["sys/class/dmi/id/product_uuid"] = "00000000-0000-0000-0000-000000000000\n" }
      assert.equal(MACHINE_ID, host.system_info().uuid)
      dir:write { ["etc/machine-id"] = "uninitialized\n" }
      assert.equal("fb4bb7f5-1b4b-4e3f-8b1e-3f5a6e1d2c3b", host.system_info().uuid)
    end)

    it("looks for the platform in a second place", function()
      dir:write(ALL)
      dir:remove_file "etc/os-release"
      local info = host.system_info()
      assert.equal("alpine", info.platform)
      assert.equal("alpine", info.family)
      assert.is_nil(info.version)
    end)

    it("has nothing else where nothing is known", function()
      assert.same({ os_name = "linux" }, host.system_info())
    end)

    it("has no family of a platform that has no name", function()
      dir:write { ["etc/os-release"] = "ID_LIKE=debian\nVERSION_ID=12\n" }
      assert.same({ os_name = "linux", version = "12" }, host.system_info())
    end)

    it("is that of this machine by default", function()
      local own = require("moonwatch.host")
      assert.equal(own.kernel_release(), own.system_info().kernel_release)
      assert.is_string(own.system_info().uuid)
    end)
  end)

  it("gives the kind of container host as the payload's number and its name", function()
    local number, name = host.container_host_type()
    assert.equal(({ notSpecified = 0, fargateECS = 1, fargateEKS = 2 })[name], number)
  end)
end)
