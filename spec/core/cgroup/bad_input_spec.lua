--- Wrong content of each file that is read: told with the file's name and the cause, and everything
--- else goes on.
local lfs = require "lfs"
local tmpdir = require "spec.support.tmpdir"

local ID = ("0123456789abcdef"):rep(4)

-- What each file looks like when all is well, by version and name.
local GOOD = {
  {
    ["cpuacct.usage"] = "5000\n", ["cpuacct.stat"] = "user 1\nsystem 2\n",
    ["cpu.stat"] = "nr_periods 1\nnr_throttled 2\nthrottled_time 3\n",
    ["cpu.shares"] = "1024\n", ["cpu.cfs_quota_us"] = "50000\n", ["cpu.cfs_period_us"] = "100000\n",
    ["cpuset.cpus"] = "0-1\n", ["memory.usage_in_bytes"] = "4096\n", ["memory.stat"] = "total_cache 1\ntotal_rss 2\n",
    ["memory.soft_limit_in_bytes"] = "4096\n", ["memory.max_usage_in_bytes"] = "8192\n",
    ["blkio.throttle.io_service_bytes"] = "8:0 Read 1\n8:0 Write 2\nTotal 3\n",
    ["blkio.throttle.io_serviced"] = "8:0 Read 1\n8:0 Write 2\nTotal 3\n",
    ["pids.current"] = "7\n", ["pids.max"] = "42\n",
    ["memory.kmem.usage_in_bytes"] = "4096\n", ["memory.failcnt"] = "3\n",
    ["memory.oom_control"] = "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
    ["hugetlb.2MB.usage_in_bytes"] = "2097152\n", ["hugetlb.2MB.limit_in_bytes"] = "4194304\n",
    ["hugetlb.1GB.usage_in_bytes"] = "0\n", ["hugetlb.1GB.limit_in_bytes"] = "1073741824\n",
  },
  {
    ["cpu.stat"] = "usage_usec 3\nuser_usec 2\nsystem_usec 1\n", ["cpu.weight"] = "100\n",
    ["cpu.max"] = "50000 100000\n", ["cpuset.cpus.effective"] = "0-1\n", ["memory.current"] = "4096\n",
    ["memory.stat"] = "anon 1\nfile 2\n", ["memory.max"] = "8192\n", ["memory.low"] = "1\n", ["memory.min"] = "1\n",
    ["memory.high"] = "4096\n", ["memory.peak"] = "8192\n",
    ["io.stat"] = "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n", ["io.max"] = "8:0 rbps=1 wbps=2 riops=max wiops=max\n",
    ["pids.current"] = "7\n", ["pids.max"] = "42\n",
    ["memory.swap.current"] = "4096\n", ["memory.swap.max"] = "8192\n", ["memory.swap.high"] = "4096\n",
    ["memory.events"] = "low 0\nhigh 0\nmax 5\noom 3\noom_kill 2\n",
    ["hugetlb.2MB.current"] = "2097152\n", ["hugetlb.2MB.max"] = "4194304\n",
    ["hugetlb.1GB.current"] = "0\n", ["hugetlb.1GB.max"] = "1073741824\n",
    ["cpu.pressure"] = "some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
    ["memory.pressure"] = "some avg10=0.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 total=1\n",
    ["io.pressure"] = "some avg10=0.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 total=1\n",
  },
}

-- Empty is what these are when there is nothing to list, or no quota.
local MAY_BE_EMPTY = {
  ["cpu.cfs_quota_us"] = true, ["cpu.cfs_period_us"] = true, ["cpuset.cpus"] = true,
  ["cpuset.cpus.effective"] = true, ["blkio.throttle.io_service_bytes"] = true,
  ["blkio.throttle.io_serviced"] = true, ["io.stat"] = true, ["io.max"] = true,
}

local WRONG = {
  ["cut"] = function(good) return good:sub(1, -2) end,
  ["empty"] = function() return "" end,
  ["binary"] = function() return "\127ELF\2\1\1\0\0\255\254\n" end,
  ["not numbers"] = function(good) return (good:gsub("%d[%d]*\n", "many\n"):gsub("=%d+", "=many")) end,
  ["negative"] = function(good) return (good:gsub("(%d+\n)", "-%1"):gsub("=(%d+)", "=-%1")) end,
  ["twice the same"] = function(good) return good .. good end,
  ["larger than a mebibyte"] = function(good) return good .. ("x"):rep(2 ^ 20) .. "\n" end,
}

local function most_memory_kb()
  for line in io.lines "/proc/self/status" do
    local kb = line:match "^VmHWM:%s*(%d+)"
    if kb then
      return tonumber(kb)
    end
  end
end

-- The one container has a folder in each hierarchy; what a file is called tells in which.
local function folder_of(version, name)
  if version == 2 then
    return "sys/fs/cgroup/docker/" .. ID .. "/"
  end
  return "sys/fs/cgroup/" .. name:match "^%a+" .. "/docker/" .. ID .. "/"
end

local function host_files(version)
  local files = { ["proc/cpuinfo"] = "processor\t: 0\n\nprocessor\t: 1\n\n", ["proc/diskstats"] = "" }
  if version == 2 then
    files["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"
    files["sys/fs/cgroup/cgroup.controllers"] = "cpu cpuset hugetlb io memory pids\n"
  else
    local mounts = {}
    for _, controller in ipairs { "blkio", "cpu", "cpuacct", "cpuset", "hugetlb", "memory", "pids" } do
      table.insert(mounts, ("cgroup /sys/fs/cgroup/%s cgroup rw 0 0\n"):format(controller))
    end
    files["proc/mounts"] = table.concat(mounts)
  end
  for name, good in pairs(GOOD[version]) do
    files[folder_of(version, name) .. name] = good
  end
  return files
end

-- The figures that come from a file, and what is computed from them.
local function figures_from(cgroup, file, version)
  local figures = { memory_working_set_bytes = true, memory_kernel_bytes = file == "memory.stat" or nil }
  for _, figure in ipairs(cgroup.figures()) do
    for _, source in ipairs(figure.sources) do
      if source.file == file and source.version == version then
        figures[figure.name] = true
      end
    end
  end
  return figures
end

describe("moonwatch.cgroup", function()
  local root, cgroup

  local function open()
    cgroup = assert(require("moonwatch").open { host_root = root.path }).cgroup
    return cgroup.read(ID)
  end

  for version, files in ipairs(GOOD) do
    describe("of version " .. version, function()
      local expected

      setup(function()
        root = tmpdir.new(host_files(version))
        expected = assert(open())
      end)

      teardown(function()
        root:remove()
      end)

      it("has good examples of all files that are read", function()
        open()
        assert.same({}, cgroup.problems())
        assert.equal(0, expected.problems_count)
        for _, figure in ipairs(cgroup.figures()) do
          for _, source in ipairs(figure.sources) do
            assert.truthy(source.version ~= version or files[source.file], source.file .. " has no example")
          end
        end
      end)

      for name, good in pairs(files) do
        local path = folder_of(version, name) .. name

        local function read_spoiled(text)
          root:write { [path] = text }
          local row = open()
          root:write { [path] = good }
          return row
        end

        for what, spoil in pairs(WRONG) do
          if what == "empty" and MAY_BE_EMPTY[name] then
            it("takes an empty " .. name .. " for nothing", function()
              local row = assert(read_spoiled "")
              assert.equal(0, row.problems_count)
              for figure in pairs(figures_from(cgroup, name, version)) do
                assert.is_nil(figure ~= "memory_working_set_bytes" and row[figure] or nil)
              end
            end)
          else
            it(("goes on when %s is %s, and tells"):format(name, what), function()
              local row = assert(read_spoiled(spoil(good)))

              local problems = cgroup.problems()
              assert.equal(1, #problems, table.concat(problems, "\n"))
              assert.matches("/docker/" .. ID .. "/" .. name .. " %l", problems[1])
              assert.is_nil(problems[1]:find "[%z\1-\31\127-\255]")
              assert.equal(1, row.problems_count)
              local from_file = figures_from(cgroup, name, version)
              for _, figure in ipairs(cgroup.figures()) do
                if not from_file[figure.name] then
                  assert.equal(expected[figure.name], row[figure.name], figure.name)
                end
              end
            end)
          end
        end
      end
    end)
  end

  describe("with what is no file", function()
    before_each(function()
      root = tmpdir.new(host_files(2))
    end)

    after_each(function()
      root:remove()
    end)

    local function read_with(name, make)
      local path = root.path .. "/" .. folder_of(2, name) .. name
      os.remove(path)
      assert(make(path))
      return open()
    end

    for what, make in pairs {
      ["a FIFO"] = function(path) return os.execute("mkfifo " .. path) == 0 end,
      ["a directory"] = lfs.mkdir,
      ["a link to a device"] = function(path) return lfs.link("/dev/zero", path, true) end,
    } do
      it("neither waits for nor reads " .. what, function()
        local row = assert(read_with("cpu.stat", make))
        assert.is_nil(row.cpu_total_ns)
        assert.equal(7, row.pids_current)
        assert.matches("/cpu.stat cannot be read: not a regular file", cgroup.problems()[1], 1, true)
      end)
    end

    it("reports a loop of links", function()
      local row = assert(read_with("cpu.stat", function(path) return lfs.link("cpu.stat", path, true) end))
      assert.equal(7, row.pids_current)
      assert.matches("/cpu.stat cannot be read: Too many levels of symbolic links", cgroup.problems()[1], 1, true)
    end)

    it("has no figures of a cgroup that the container shares with others", function()
      root:write {
        ["proc/mounts"] = "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
        ["proc/7/cgroup"] = "1:pids:/user.slice\n0::/docker/" .. ID .. "\n",
        ["sys/fs/cgroup/pids/user.slice/pids.current"] = "900\n",
        [folder_of(2, "cgroup.procs") .. "cgroup.procs"] = "7\n",
      }
      local row = open()
      assert.is_nil(row.pids_current)
      assert.is_number(row.cpu_total_ns)
    end)

    it("does not read a million processes to find one", function()
      -- Only where there are two hierarchies a process is asked where it is.
      root:write {
        ["proc/mounts"] = "cgroup /sys/fs/cgroup/pids cgroup rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
        ["proc/1234567/cgroup"] = "1:pids:/elsewhere/" .. ID .. "\n0::/docker/" .. ID .. "\n",
        ["sys/fs/cgroup/pids/elsewhere/" .. ID .. "/pids.current"] = "9\n",
        [folder_of(2, "cgroup.procs") .. "cgroup.procs"] = ("1234567\n"):rep(1000000),
      }
      collectgarbage()
      local before_kb = most_memory_kb()
      assert.equal(9, open().pids_current)
      assert.is_true(most_memory_kb() - before_kb < 4096)
    end)
  end)
end)
