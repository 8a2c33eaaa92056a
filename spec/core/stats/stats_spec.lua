local tmpdir = require "spec.support.tmpdir"

local ID = ("0123456789abcdef"):rep(4)
local CGROUP = "sys/fs/cgroup/system.slice/docker-" .. ID .. ".scope/"

-- A host of version 2 with one container; what a test changes, it changes before it reads.
local function host_files()
  return {
    ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n",
    ["proc/cpuinfo"] = "processor\t: 0\n\nprocessor\t: 1\n\n",
    ["proc/diskstats"] = "   8       0 sda 1 0 8 0 0 0 0 0 0 0 0\n",
    ["sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io memory pids\n",
    [CGROUP .. "cgroup.controllers"] = "cpuset cpu io memory pids\n",
    [CGROUP .. "cpu.stat"] = "usage_usec 3000\nuser_usec 2000\nsystem_usec 1000\n",
    [CGROUP .. "cpu.max"] = "50000 100000\n",
    [CGROUP .. "memory.current"] = "1048576\n",
    [CGROUP .. "memory.stat"] = "anon 4096\nfile 8192\ninactive_file 2048\n",
    [CGROUP .. "pids.current"] = "5\n",
    [CGROUP .. "io.stat"] = "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
  }
end

describe("moonwatch.stats", function()
  local root, stats

  before_each(function()
    root = tmpdir.new(host_files())
    stats = assert(require("moonwatch").open { host_root = root.path }).stats
  end)

  after_each(function()
    root:remove()
  end)

  describe("container", function()
    it("returns the figures that the kernel gave, and only those", function()
      local row = assert(stats.container({ id = ID }, 0))
      assert.equal(1048576, row.memory_usage_bytes)
      assert.equal(3000000, row.cpu_total_ns)
      assert.equal(5, row.pids_current)
      assert.is_nil(row.memory_limit_bytes)
    end)

    it("says when it was read, from which cgroup, and what the limit is", function()
      local row = assert(stats.container({ id = ID }, 0))
      assert.matches("^%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x$", row.cgroup_inode)
      assert.is_true(row.read_s > 0)
      assert.is_number(row.problems_count)
      assert.equal(50, row.cpu_limit_percent)
      assert.is_false(row.cpu_limit_defaulted)
    end)

    it("gives the last reading again while its age is accepted", function()
      local before = assert(stats.container({ id = ID }, 0))
      root:write { [CGROUP .. "memory.current"] = "2097152\n" }
      assert.same(before, stats.container({ id = ID }, math.huge))
      assert.equal(2097152, stats.container({ id = ID }, 0).memory_usage_bytes)
      assert.equal(2097152, stats.container({ id = ID }, math.huge).memory_usage_bytes)
    end)

    it("keeps failures like readings", function()
      local row, message, code = stats.container({ id = "gone" }, math.huge)
      assert.is_nil(row)
      assert.is_string(message)
      assert.equal(2, code) -- ENOENT
      assert.same({ nil, message, 2 }, { stats.container({ id = "gone" }, math.huge) })
      assert.equal(1, stats.usage().reads_total)
    end)

    it("tells runtimes and namespaces apart", function()
      stats.container({ id = ID, runtime = "docker" }, math.huge)
      stats.container({ id = ID, namespace = "docker" }, math.huge)
      stats.container({ id = ID, runtime = "docker" }, math.huge)
      assert.equal(2, stats.usage().reads_total)
    end)

    it("fills the table that it is given, and removes what is not there any more", function()
      local into = { mine = true }
      assert.equal(into, stats.container({ id = ID }, 0, into))
      assert.equal(5, into.pids_current)

      root:write { [CGROUP .. "pids.current"] = "" }
      assert.equal(into, stats.container({ id = ID }, 0, into))
      assert.is_nil(into.pids_current)
      assert.is_true(into.mine)
      into.mine = nil
      assert.same(stats.container({ id = ID }, math.huge), into)
    end)

    for what, example in pairs {
      ["no reference"] = { "table expected" },
      ["no id"] = { "id is a nil, not a string", {}, 0 },
      ["an id that is not a string"] = { "id is a number, not a string", { id = 7 }, 0 },
      ["an id with a NUL byte"] = { "id contains a NUL byte", { id = "a\0" }, 0 },
      ["a runtime that is not a string"] = { "runtime is a boolean", { id = ID, runtime = true }, 0 },
      ["no age"] = { "number expected", { id = ID } },
      ["an age that is not a number"] = { "not a number", { id = ID }, 0 / 0 },
      ["an into that is not a table"] = { "table expected", { id = ID }, 0, "into" },
    } do
      it("raises with " .. what, function()
        assert.error_matches(function() stats.container(unpack(example, 2, 4)) end, example[1])
      end)
    end

    it("refuses an id that is empty or too long", function()
      assert.equal(22, select(3, stats.container({ id = "" }, 0))) -- EINVAL
      assert.equal(36, select(3, stats.container({ id = ("x"):rep(300) }, 0))) -- ENAMETOOLONG
    end)
  end)

  describe("io_devices", function()
    it("returns what the container did on each device", function()
      assert.same({
        {
          major = 8, minor = 0, name = "sda",
          read_bytes = 10, write_bytes = 20, read_operations_total = 1, write_operations_total = 2,
        },
      }, stats.io_devices({ id = ID }, 0))
    end)

    it("shares the reading with container()", function()
      stats.container({ id = ID }, 0)
      assert.equal(1, #stats.io_devices({ id = ID }, math.huge))
      assert.equal(1, stats.usage().reads_total)
    end)

    it("passes on why there is none", function()
      assert.equal(2, select(3, stats.io_devices({ id = "gone" }, 0))) -- ENOENT
    end)
  end)

  describe("usage", function()
    it("counts", function()
      stats.container({ id = ID }, math.huge)
      stats.container({ id = ID }, math.huge)
      assert.same({
        collectors = 1, collectors_pending = 0, entries = 1,
        hits_total = 1, reads_total = 1, joined_total = 0, expired_total = 0, evicted_total = 0,
      }, stats.usage())
    end)
  end)

  it("says what is missing on a host without cgroups", function()
    local empty = tmpdir.new { ["proc/mounts"] = "" }
    local other = assert(require("moonwatch").open { host_root = empty.path }).stats
    local row, message = other.container({ id = ID }, 0)
    empty:remove()
    assert.is_nil(row)
    assert.matches("cgroup", message)
  end)
end)
