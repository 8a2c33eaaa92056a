--- Readings of made-up hosts: every figure of version 1 and 2, and where containers are found.
local tmpdir = require "spec.support.tmpdir"

local ID = ("0123456789abcdef"):rep(4)

-- A host root from { ["controller/file"] = text }, with one container at docker/ID.
local function v1_host(files)
  local mounts, host = {}, {}
  for _, controller in ipairs { "blkio", "cpu", "cpuacct", "cpuset", "hugetlb", "memory", "pids" } do
    table.insert(mounts, ("cgroup /sys/fs/cgroup/%s cgroup rw,%s 0 0\n"):format(controller, controller))
    host["sys/fs/cgroup/" .. controller .. "/docker/" .. ID .. "/cgroup.procs"] = ""
  end
  host["proc/mounts"] = table.concat(mounts)
  for name, text in pairs(files) do
    host["sys/fs/cgroup/" .. name:gsub("/", "/docker/" .. ID .. "/", 1)] = text
  end
  return host
end

local function v2_host(files)
  local host = {
    ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
    ["sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io memory hugetlb pids\n",
    ["sys/fs/cgroup/docker/" .. ID .. "/cgroup.procs"] = "",
  }
  for name, text in pairs(files) do
    host["sys/fs/cgroup/docker/" .. ID .. "/" .. name] = text
  end
  return host
end

-- Everything but what belongs to the reading itself.
local ABOUT = {
  cgroup_inode = 1, identity = 1, read_s = 1, problems_count = 1, cpu_limit_percent = 1, cpu_limit_defaulted = 1,
}

local function figures_of(row)
  local figures = {}
  for key, value in pairs(row) do
    figures[key] = not ABOUT[key] and value or nil
  end
  return figures
end

describe("moonwatch.cgroup", function()
  local root, cgroup

  local function open(files)
    root = tmpdir.new(files)
    cgroup = assert(require("moonwatch").open { host_root = root.path }).cgroup
  end

  after_each(function()
    root:remove()
  end)

  describe("read, version 1,", function()
    it("returns the figures of CPU time", function()
      open(v1_host {
        ["cpu/cpu.stat"] = "nr_periods 421\nnr_throttled 0\nthrottled_time 0\n",
        ["cpu/cpu.shares"] = "200\n",
        ["cpu/cpu.cfs_quota_us"] = "-1\n",
        ["cpu/cpu.cfs_period_us"] = "100000\n",
        ["cpuacct/cpuacct.usage"] = "115456978426898\n",
        ["cpuacct/cpuacct.stat"] = "user 8718602\nsystem 1439790\n",
        ["cpuset/cpuset.cpus"] = "0-7\n",
      })
      assert.same({
        cpu_user_ns = 87186020000000, cpu_system_ns = 14397900000000, cpu_total_ns = 115456978426898,
        cpu_shares = 200, cpu_periods_total = 421, cpu_throttled_periods_total = 0, cpu_throttled_ns = 0,
        cpu_period_ns = 100000000, cpu_set_cpus = 8,
      }, figures_of(assert(cgroup.read(ID))))
    end)

    it("returns the figures of memory", function()
      open(v1_host {
        ["memory/memory.usage_in_bytes"] = "354488320\n",
        ["memory/memory.stat"] = "cache 1\nrss 1\nhierarchical_memory_limit 67108864\n"
          .. "hierarchical_memsw_limit 9223372036854771712\ntotal_cache 4866048\ntotal_rss 19058688\n"
          .. "total_inactive_file 4595712\ntotal_active_anon 18923520\ntotal_pgpgin 878460\n"
          .. "total_pgpgout 872515\ntotal_pgfault 879450\n",
        ["memory/memory.soft_limit_in_bytes"] = "9223372036854771712\n",
        ["memory/memory.max_usage_in_bytes"] = "400000000\n",
        ["memory/memory.kmem.usage_in_bytes"] = "4444160\n",
        ["memory/memory.failcnt"] = "0\n",
        ["memory/memory.oom_control"] = "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
      })
      assert.same({
        memory_usage_bytes = 354488320, memory_limit_bytes = 67108864, memory_peak_bytes = 400000000,
        memory_working_set_bytes = 349892608, memory_cache_bytes = 4866048, memory_rss_bytes = 19058688,
        memory_inactive_file_bytes = 4595712, memory_active_anon_bytes = 18923520,
        memory_kernel_bytes = 4444160, memory_limit_hits_total = 0, memory_oom_kills_total = 2,
        memory_pages_in_total = 878460, memory_pages_out_total = 872515, memory_page_faults_total = 879450,
      }, figures_of(assert(cgroup.read(ID))))
    end)

    it("returns the figures of block devices, by device too", function()
      local host = v1_host {
        ["blkio/blkio.throttle.io_service_bytes"] = "8:16 Read 585728\n8:16 Write 0\n8:16 Sync 1\n8:48 Read 75057152\n"
          .. "8:48 Write 1964221952\n8:32 Read 4410880\n8:32 Write 273678336\nTotal 2317954048\n",
        ["blkio/blkio.throttle.io_serviced"] = "259:0 Read 38\n259:0 Write 27528\n259:0 Total 27566\nTotal 27566\n",
      }
      host["proc/diskstats"] = "   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0\ninvalidline\n"
        .. "   8      16 sdb 24398 2788 1317975 40488 25201 46267 1584744 14882 0 22980 55371\n"
        .. "   8      17 sdb1 24398 2788 1317975 40488 25201 46267 1584744 14882 0 22980 55371\n"
        .. "   8      32 sdc 0 0 0 0 0 0 0 0 0 0\n" -- a figure less than there are
      open(host)
      local row, devices = cgroup.read(ID)
      assert.same({
        io_read_bytes = 80053760, io_write_bytes = 2237900288,
        io_read_operations_total = 38, io_write_operations_total = 27528,
      }, figures_of(assert(row)))
      assert.same({
        { major = 8, minor = 16, name = "sdb", read_bytes = 585728, write_bytes = 0 },
        { major = 8, minor = 32, read_bytes = 4410880, write_bytes = 273678336 },
        { major = 8, minor = 48, read_bytes = 75057152, write_bytes = 1964221952 },
        { major = 259, minor = 0, read_operations_total = 38, write_operations_total = 27528 },
      }, devices)
    end)

    it("returns zero where the kernel counts and nothing happened, and nothing where it does not", function()
      open(v1_host {
        ["blkio/blkio.throttle.io_service_bytes"] = "Total 0\n",
        ["blkio/blkio.throttle.io_serviced"] = "",
      })
      local row, devices = cgroup.read(ID)
      assert.same({ io_read_bytes = 0, io_write_bytes = 0 }, figures_of(row))
      assert.same({}, devices)
    end)

    it("leaves out limits that are none: of memory with swap, and of huge pages", function()
      open(v1_host {
        ["memory/memory.stat"] = "hierarchical_memsw_limit 9223372036854771712\ntotal_swap 4096\n",
        ["hugetlb/hugetlb.2MB.usage_in_bytes"] = "2097152\n",
        ["hugetlb/hugetlb.2MB.limit_in_bytes"] = "9223372036852678656\n",
        ["hugetlb/hugetlb.1GB.usage_in_bytes"] = "0\n",
        ["hugetlb/hugetlb.1GB.limit_in_bytes"] = "9223372035781033984\n",
      })
      assert.same({ memory_swap_bytes = 4096, hugetlb_2mb_usage_bytes = 2097152, hugetlb_1gb_usage_bytes = 0 },
        figures_of(assert(cgroup.read(ID))))
    end)

    it("returns limits of memory with swap, and of huge pages", function()
      open(v1_host {
        ["memory/memory.stat"] = "hierarchical_memsw_limit 134217728\n",
        ["hugetlb/hugetlb.2MB.limit_in_bytes"] = "4194304\n",
        ["hugetlb/hugetlb.1GB.limit_in_bytes"] = "0\n",
      })
      assert.same({
        memory_and_swap_limit_bytes = 134217728, hugetlb_2mb_limit_bytes = 4194304, hugetlb_1gb_limit_bytes = 0,
      }, figures_of(assert(cgroup.read(ID))))
    end)

    it("returns the figures of processes", function()
      open(v1_host { ["pids/pids.current"] = "12\n", ["pids/pids.max"] = "42\n" })
      assert.same({ pids_current = 12, pids_limit = 42 }, figures_of(cgroup.read(ID)))
    end)

    it("leaves out a limit on processes that is none", function()
      open(v1_host { ["pids/pids.current"] = "12\n", ["pids/pids.max"] = "max\n" })
      assert.same({ pids_current = 12 }, figures_of(cgroup.read(ID)))
    end)

    it("takes an empty quota and period for none, without a problem", function()
      open(v1_host {
        ["pids/pids.current"] = "1\n",
        ["cpu/cpu.cfs_quota_us"] = "", ["cpu/cpu.cfs_period_us"] = "",
      })
      assert.same({ pids_current = 1 }, figures_of(cgroup.read(ID)))
      for _, problem in ipairs(cgroup.problems()) do
        assert.not_matches("cfs_", problem)
      end
    end)
  end)

  describe("read, version 2,", function()
    it("returns the figures of CPU time", function()
      open(v2_host {
        ["cpu.stat"] = "usage_usec 5616647428\nuser_usec 3569637760\nsystem_usec 2047009667\n"
          .. "nr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
        ["cpu.weight"] = "16\n",
        ["cpu.max"] = "40000 100000\n",
        ["cpu.pressure"] = "some avg10=42.64 avg60=43.72 avg300=25.76 total=114289003\n",
        ["cpuset.cpus.effective"] = "0-3\n",
      })
      local row = assert(cgroup.read(ID))
      assert.same({
        cpu_total_ns = 5616647428000, cpu_user_ns = 3569637760000, cpu_system_ns = 2047009667000,
        cpu_periods_total = 0, cpu_throttled_periods_total = 0, cpu_throttled_ns = 0,
        cpu_weight = 16, cpu_quota_ns = 40000000, cpu_period_ns = 100000000, cpu_set_cpus = 4,
        cpu_pressure_some_ns = 114289003000,
      }, figures_of(row))
    end)

    it("returns the figures of memory", function()
      open(v2_host {
        ["memory.stat"] = "anon 3108864\nfile 2297856\nkernel_stack 49152\nslab 0\nfile_mapped 2297856\n"
          .. "inactive_anon 5541888\ninactive_file 0\npgfault 2706\n",
        ["memory.current"] = "6193152\n", ["memory.min"] = "0\n", ["memory.low"] = "0\n",
        ["memory.high"] = "max\n", ["memory.max"] = "max\n", ["memory.peak"] = "7000000\n",
        ["memory.swap.current"] = "0\n", ["memory.swap.max"] = "max\n", ["memory.swap.high"] = "max\n",
        ["memory.events"] = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 0\noom_group_kill 1\n",
        ["memory.pressure"] = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
          .. "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
      })
      assert.same({
        memory_usage_bytes = 6193152, memory_working_set_bytes = 6193152, memory_peak_bytes = 7000000,
        memory_rss_bytes = 3108864, memory_cache_bytes = 2297856, memory_mapped_file_bytes = 2297856,
        memory_inactive_anon_bytes = 5541888, memory_inactive_file_bytes = 0, memory_page_faults_total = 2706,
        memory_kernel_bytes = 49152, memory_kernel_stack_bytes = 49152, memory_slab_bytes = 0, memory_swap_bytes = 0,
        memory_limit_hits_total = 12, memory_oom_events_total = 3, memory_oom_kills_total = 0,
        memory_pressure_some_ns = 0, memory_pressure_full_ns = 0,
      }, figures_of(assert(cgroup.read(ID))))
    end)

    it("has no working set below zero", function()
      open(v2_host { ["memory.stat"] = "inactive_file 4096\n", ["memory.current"] = "1\n" })
      assert.equal(0, cgroup.read(ID).memory_working_set_bytes)
    end)

    it("has kernel memory only when both of its parts are there", function()
      open(v2_host { ["memory.stat"] = "kernel_stack 49152\n" })
      assert.same({ memory_kernel_stack_bytes = 49152 }, figures_of(assert(cgroup.read(ID))))
    end)

    it("adds both parts of kernel memory", function()
      open(v2_host { ["memory.stat"] = "kernel_stack 49152\nslab 4096\n" })
      assert.equal(53248, assert(cgroup.read(ID)).memory_kernel_bytes)
    end)

    it("returns limits of swap, and of huge pages where nought is one", function()
      open(v2_host {
        ["memory.swap.max"] = "8192\n", ["memory.swap.high"] = "4096\n", ["memory.swap.current"] = "512\n",
        ["hugetlb.2MB.current"] = "4194304\n", ["hugetlb.2MB.max"] = "0\n",
        ["hugetlb.1GB.current"] = "0\n", ["hugetlb.1GB.max"] = "max\n",
      })
      assert.same({
        memory_swap_limit_bytes = 8192, memory_swap_high_bytes = 4096, memory_swap_bytes = 512,
        hugetlb_2mb_usage_bytes = 4194304, hugetlb_2mb_limit_bytes = 0, hugetlb_1gb_usage_bytes = 0,
      }, figures_of(assert(cgroup.read(ID))))
    end)

    it("returns the figures of block devices, with their limits", function()
      open(v2_host {
        ["io.stat"] = "259:0 rbytes=278528 wbytes=11623899136 rios=6 wios=2744940 dbytes=0 dios=0\n"
          .. "8:16 rbytes=278528 wbytes=11623899136 rios=6 wios=2744940 dbytes=0 dios=0\n",
        ["io.max"] = "8:16 rbps=2097152 wbps=max riops=max wiops=120\n",
      })
      local row, devices = cgroup.read(ID)
      assert.same({
        io_read_bytes = 557056, io_write_bytes = 23247798272,
        io_read_operations_total = 12, io_write_operations_total = 5489880,
      }, figures_of(assert(row)))
      assert.same({
        major = 8, minor = 16, read_bytes = 278528, write_bytes = 11623899136, read_operations_total = 6,
        write_operations_total = 2744940, read_limit_bytes_per_s = 2097152, write_limit_operations_per_s = 120,
      }, devices[1])
      assert.is_nil(devices[2].read_limit_bytes_per_s)
    end)

    it("returns a device that has a limit alone, and no totals", function()
      open(v2_host { ["io.stat"] = "", ["io.max"] = "8:16 rbps=2097152 wbps=max riops=max wiops=max\n" })
      local row, devices = cgroup.read(ID)
      assert.same({}, figures_of(row))
      assert.same({ { major = 8, minor = 16, read_limit_bytes_per_s = 2097152 } }, devices)
    end)

    it("returns nothing of devices when there is nothing", function()
      open(v2_host { ["io.stat"] = "", ["io.max"] = "" })
      local row, devices = cgroup.read(ID)
      assert.same({}, figures_of(row))
      assert.same({}, devices)
    end)
  end)

  for what, case in pairs {
    ["all CPUs, when the figures of CPU time are missing"] = { v2_host { ["pids.current"] = "3\n" }, 800, true },
    ["all CPUs, when the figures of CPU time are empty"] = { v2_host { ["cpu.stat"] = "" }, 800, true },
    ["all CPUs, when nothing limits it"] = { v2_host { ["cpu.max"] = "max 100000\n" }, 800, true },
    ["all CPUs, when its set is all of them"] = { v2_host { ["cpuset.cpus.effective"] = "0-7\n" }, 800, true },
    ["all CPUs, when its set is empty"] = {
      v1_host { ["cpuset/cpuset.cpus"] = "\n", ["pids/pids.current"] = "3\n" }, 800, true,
    },
    ["its set of CPUs"] = { v1_host { ["cpuset/cpuset.cpus"] = "0-1\n" }, 200, false },
    ["its quota, when that is less than its set"] = {
      v2_host { ["cpu.max"] = "150000 100000\n", ["cpuset.cpus.effective"] = "0-1\n" }, 150, false,
    },
  } do
    it("gives as the limit of CPU time " .. what, function()
      case[1]["proc/cpuinfo"] = ("processor : 0\n"):rep(8)
      open(case[1])
      local row = assert(cgroup.read(ID))
      assert.same({ case[2], case[3] }, { row.cpu_limit_percent, row.cpu_limit_defaulted })
      assert.is_nil(row.memory_usage_bytes)
    end)
  end

  for version, host in pairs { [1] = v1_host {}, [2] = v2_host {} } do
    it("has no data when all files are missing, and names each that must be there, version " .. version, function()
      open(host)
      local row, message, code = cgroup.read(ID)
      assert.is_nil(row)
      assert.matches("^no file of container " .. ID .. " can be read below ", message)
      assert.equal(61, code) -- ENODATA
      local named = table.concat(cgroup.problems(), "\n")
      for _, figure in ipairs(cgroup.figures()) do
        for _, source in ipairs(figure.sources) do
          if source.version == version and not source.of_pod then
            local text = "/" .. source.file .. " cannot be read: No such file"
            assert.equal(not source.optional, named:find(text, 1, true) ~= nil, text)
          end
        end
      end
    end)
  end

  describe("containers, of the tree of examples,", function()
    local A = "3bfcdc0bd1b5e43e5e9f7a1d4f7f2f4d1b4d2b1a6f1c0c1a5f44dce3b4d0dc"
    local TREE = {
      ["kubepods.slice/kubepods-pod1.slice/crio-" .. A .. "40.scope"] = A .. "40",
      ["kubepods.slice/kubepods-pod1.slice/crio-conmon-" .. A .. "40.scope"] = false,
      ["kubepods/pod2/" .. A .. "41"] = A .. "41",
      ["kubepods.slice/pod3.slice/cri-containerd-" .. A .. "42.scope"] = A .. "42",
      ["kubepods.slice/run-" .. A .. "42-rootfs.mount"] = false,
      ["libpod_parent/libpod-" .. ("6d"):rep(32)] = ("6d"):rep(32),
      ["libpod_parent/libpod-" .. ("6d"):rep(32) .. "/system.slice/docker-" .. ("15"):rep(32) .. ".scope"]
        = ("15"):rep(32),
      ["libpod_parent/libpod-" .. ("6d"):rep(32) .. "/system.slice/var-" .. ("15"):rep(32) .. "-shm.mount"] = false,
      ["kubepods/besteffort/pod821ad831-6a9a-4970-b623-8cb43cd3462d/" .. ("f2"):rep(32)] = ("f2"):rep(32),
      ["garden/016b5740-120b-42b7-562f-3c62"] = "016b5740-120b-42b7-562f-3c62",
      ["system.slice/ordinary.service"] = false,
    }

    for version, base in pairs { [1] = "sys/fs/cgroup/memory/", [2] = "sys/fs/cgroup/" } do
      it("are found by name, sorted by id, each with its path, version " .. version, function()
        local files = {
          ["proc/mounts"] = version == 1 and "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
            or "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
          ["sys/fs/cgroup/cgroup.controllers"] = "memory\n",
        }
        local expected = {}
        for path, id in pairs(TREE) do
          files[base .. path .. "/cgroup.procs"] = ""
          table.insert(expected, id and { id = id, path = "/" .. path } or nil)
        end
        table.sort(expected, function(a, b) return a.id < b.id end)
        open(files)
        assert(cgroup.refresh())
        local found = {}
        for i, container in ipairs(assert(cgroup.containers())) do
          found[i] = { id = container.id, path = container.path }
          assert.equal("running", container.state)
        end
        assert.same(expected, found)
      end)
    end
  end)

  describe("controllers", function()
    for what, example in pairs {
      ["are none without a mount of cgroups"] = { "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n" },
      ["are none with a hierarchy that has no controller in use"] = {
        "cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n",
      },
      ["are one with a single mount"] = {
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n", memory = 1,
      },
      ["do not have pressure from a hierarchy of that name"] = {
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
          .. "cgroup /sys/fs/cgroup/pressure cgroup rw,name=pressure 0 0\n", memory = 1,
      },
      ["are those of version 2 beside a named hierarchy"] = {
        "cgroup /sys/fs/cgroup/systemd cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
        cpu = 2, hugetlb = 2, io = 2, memory = 2, pressure = 2,
      },
      ["are of both versions at once"] = {
        "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
        cpu = 1, cpuacct = 1, hugetlb = 2, io = 2, memory = 2, pressure = 2,
      },
    } do
      it(what, function()
        open {
          ["proc/mounts"] = example[1],
          ["sys/fs/cgroup/memory/x"] = "", ["sys/fs/cgroup/pressure/x"] = "",
          ["sys/fs/cgroup/cpu,cpuacct/x"] = "", ["sys/fs/cgroup/systemd/x"] = "",
          ["sys/fs/cgroup/unified/cgroup.controllers"] = "cpu io\nmemory hugetlb\n",
        }
        local controllers, message = cgroup.controllers()
        if not next(example, 1) then
          assert.is_nil(controllers)
          assert.matches("^no cgroup hierarchy with a controller in use is mounted", message)
          return
        end
        local versions = { example[1] }
        for name, controller in pairs(assert(controllers)) do
          versions[name] = controller.version
        end
        assert.same(example, versions)
      end)
    end

    it("are said to be unreadable where they are mounted but hidden", function()
      open { ["proc/mounts"] = "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n" }
      local controllers, message = cgroup.controllers()
      assert.is_nil(controllers)
      assert.matches("^no cgroup hierarchy can be read: cannot open directory .*/memory: No such file", message)
    end)

    local CONTROLLERS = { ["sys/fs/cgroup/cgroup.controllers"] = "pids\n", ["elsewhere/cgroup.controllers"] = "cpu\n" }

    it("are those that the host's first process sees, not a container's", function()
      open(CONTROLLERS)
      root:write {
        ["proc/1/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
        ["proc/mounts"] = "cgroup2 /elsewhere cgroup2 rw 0 0\n",
      }
      local top = { version = 2, mount_path = root.path .. "/sys/fs/cgroup" }
      assert.same({ pids = top, pressure = top }, cgroup.controllers())
    end)

    it("are those below the host root when the table names it", function()
      open(CONTROLLERS)
      root:write {
        ["proc/mounts"] = ("cgroup2 %s/sys/fs/cgroup cgroup2 rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
          :format(root.path),
      }
      local top = { version = 2, mount_path = root.path .. "/sys/fs/cgroup" }
      assert.same({ pids = top, pressure = top }, cgroup.controllers())
    end)

    it("are found by the next call when the mount table comes late", function()
      open(CONTROLLERS)
      local controllers, message = cgroup.controllers()
      assert.is_nil(controllers)
      assert.matches("cannot open .*/proc/mounts: No such file or directory", message)
      root:write { ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n" }
      assert.is_table(cgroup.controllers().pids)
    end)
  end)
end)
