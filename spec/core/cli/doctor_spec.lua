--- What the doctor finds: on recorded hosts, on such hosts with something broken, on this machine,
--- and as a user without rights.
local cjson = require "cjson"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local V1, V2, HYBRID = "spec/fixtures/kubelet-1.20-v1", "spec/fixtures/v2/t0", "spec/fixtures/hybrid"
local NESTED = "spec/fixtures/nested"
local UNIFIED = "/sys/fs/cgroup"
local STATUSES = { ok = true, info = true, warn = true, fail = true }

local function doctor(call)
  local words = { "doctor", "--format", "json" }
  for _, word in ipairs(call) do
    table.insert(words, word)
  end
  words.prefix = call.prefix
  local outcome = program.run(words)
  local by_check = {}
  for _, finding in ipairs(cjson.decode(outcome.out)) do
    assert.is_nil(by_check[finding.check], finding.check) -- each thing is told once
    by_check[finding.check] = finding
  end
  return by_check, outcome
end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do
    set[name] = true
  end
  return set
end

local function has(finding, text)
  return finding and finding.found:find(text, 1, true) ~= nil or false
end

describe("moonwatch doctor", function()
  local dir, root

  before_each(function()
    dir = tmpdir.new()
    root = dir.path .. "/host"
  end)

  after_each(function()
    dir:remove()
  end)

  local function copy(host)
    assert(os.execute(("cp -r %s %s"):format(host, root)) == 0)
  end

  local function shell(command)
    assert(os.execute(("cd %s && %s"):format(root, command)) == 0)
  end

  for name, host in pairs { ["version 1"] = V1, ["version 2"] = V2, nested = NESTED, hybrid = HYBRID } do
    it("finds nothing to cure on a recorded host: " .. name, function()
      local found, outcome = doctor { "--host-root", host }
      assert.equal(0, outcome.code, outcome.out)
      assert.equal("", outcome.err)
      assert.equal("info", found.host.status)
      assert.is_true(has(found.host, "recorded at " .. host))
      assert.equal("ok", found["controller memory"].status)
      assert.is_nil(found.capabilities) -- of this process, which says nothing about that host
      assert.is_nil(found.descriptors)
      assert.matches("^%d+, of which %d+ were read$", found.containers.found)
    end)
  end

  it("gives a list of findings with sorted keys", function()
    local found, outcome = doctor { "--host-root", HYBRID }
    assert.equal(1, select(2, outcome.out:gsub("\n", "")))
    local json = require "moonwatch.json"
    assert.equal(json.encode(json.decode(outcome.out)) .. "\n", outcome.out)
    for check, finding in pairs(found) do
      assert.is_true(STATUSES[finding.status], check)
      assert.is_string(finding.found)
      assert.is_table(finding.costs)
      assert.is_true(finding.cure == nil or #finding.cure > 0)
    end
  end)

  it("decides version by version on a hybrid host", function()
    local found = doctor { "--host-root", HYBRID }
    assert.is_true(has(found["controller cpu"], "version 1 at "))
    assert.is_true(has(found["controller memory"], "version 2 at "))
    assert.equal("info", found["files of memory"].status)
    assert.is_true(has(found["files of memory"], "1 of 6 containers have no cgroup in its hierarchy"))
    assert.is_true(set_of(found["files of memory"].costs).memory_usage_bytes)
  end)

  it("wraps the table to the terminal", function()
    local outcome = program.run { "doctor", "--host-root", HYBRID, env = { COLUMNS = "80" } }
    assert.equal(0, outcome.code)
    assert.matches("^STATUS  CHECK +FOUND\n", outcome.out)
    assert.matches("\nok      controller cpu +version 1 at\n +" .. HYBRID, outcome.out)
    assert.matches("\n +costs: cpu_total_ns, cpu_user_ns, cpu_system_ns\n", outcome.out)
    assert.matches("\n%d+ ok, %d+ info, 0 warn, 0 fail\n$", outcome.out)
    for line in outcome.out:gmatch "[^\n]+" do
      assert.is_true(#line <= 80 or not line:match "^ +(.*)$":find " ", line) -- a long path stays whole
    end
  end)

  it("has the same findings in the table", function()
    local found = doctor { "--host-root", HYBRID }
    local table_text = program.run({ "doctor", "--host-root", HYBRID, env = { COLUMNS = "100000" } }).out
    for check, finding in pairs(found) do
      local line = table_text:match("\n" .. finding.status .. " +" .. check .. " +([^\n]*)")
      assert.equal(finding.found:gsub(" +", " "), line)
    end
  end)

  it("fails where there are no cgroups", function()
    dir:write { ["host/proc/mounts"] = "proc /proc proc rw 0 0\n" }
    local found, outcome = doctor { "--host-root", root }
    assert.equal(1, outcome.code)
    assert.equal("fail", found.cgroups.status)
    assert.is_true(has(found.cgroups, "no cgroup hierarchy with a controller in use is mounted"))
    assert.matches("mount %-t cgroup2 none /sys/fs/cgroup", found.cgroups.cure)
  end)

  it("says that no container runs", function()
    dir:write {
      ["host/proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
      ["host/sys/fs/cgroup/cgroup.controllers"] = "cpuset cpu io memory hugetlb pids\n",
      ["host/proc/cgroups"] = files.read(V2 .. "/proc/cgroups"),
    }
    local found, outcome = doctor { "--host-root", root }
    assert.equal(0, outcome.code, outcome.out)
    assert.equal("info", found.containers.status)
    assert.is_true(has(found.containers, "no container runs"))
  end)

  describe("about a controller that is not there", function()
    -- The line of proc/cgroups (nil: none), then the status, what is found, and the cure.
    for _, case in ipairs {
      { "that is not mounted", "pids\t8\t3\t1\n", "not mounted",
        "mount -t cgroup -o pids cgroup /sys/fs/cgroup/pids" },
      { "that the command line disables", "pids\t0\t1\t0\n", "disabled on the kernel's command line",
        "boot without cgroup_disable=pids" },
      { "that version 2 might have", "pids\t0\t1\t1\n",
        "version 2 is mounted at /sys/fs/cgroup/unified, and cgroup.controllers there does not name it",
        "echo +pids > /sys/fs/cgroup/unified/cgroup.subtree_control" },
      { "that was not built in", "xpids\t1\t1\t1\n", "the kernel was built without it",
        "a kernel that is built with controller pids" },
    } do
      local what, line, text, cure = unpack(case)
      it("says why: one " .. what, function()
        copy(V1)
        shell "sed -i '/ cgroup rw,relatime,pids /d' proc/mounts && sed -i '/^pids/d' proc/cgroups"
        dir:write { ["host/proc/cgroups"] = files.read(root .. "/proc/cgroups") .. line }
        local found, outcome = doctor { "--host-root", root }
        assert.equal(1, outcome.code)
        local finding = found["controller pids"]
        assert.equal("warn", finding.status)
        assert.is_true(has(finding, text), finding.found)
        assert.is_truthy(finding.cure:find(cure, 1, true), finding.cure)
        assert.same({ "pids_current", "pids_limit" }, finding.costs)
      end)
    end

    it("says which mount hides it", function()
      copy(V1)
      shell "echo 'tmpfs /sys/fs tmpfs rw 0 0' >> proc/mounts && rm -r sys/fs/cgroup/pids"
      local found = doctor { "--host-root", root }
      assert.equal("warn", found["controller pids"].status)
      assert.equal("mounted at /sys/fs/cgroup/pids, but hidden by a later mount at /sys/fs",
        found["controller pids"].found)
      assert.equal("umount /sys/fs, or mount it before /sys/fs/cgroup/pids", found["controller pids"].cure)
    end)

    it("says that pressure needs version 2", function()
      copy(V1)
      shell "sed -i '/ cgroup2 /d' proc/mounts"
      local finding = doctor({ "--host-root", root })["controller pressure"]
      assert.equal("info", finding.status) -- it is a recording
      assert.equal("version 2 is not mounted, and version 1 does not have it", finding.found)
      assert.is_true(set_of(finding.costs).cpu_pressure_some_ns)
    end)

    it("says that this process cannot open it", function()
      copy(V1)
      shell "rm -r sys/fs/cgroup/pids"
      local found = doctor { "--host-root", root }
      assert.is_true(has(found["controller pids"], "where this process cannot open it"))
    end)

    it("does not miss cpuacct in version 2", function()
      local found = doctor { "--host-root", V2 }
      assert.equal("ok", found["controller cpuacct"].status)
      assert.equal("a part of cpu in version 2", found["controller cpuacct"].found)
    end)
  end)

  describe("about files of containers", function()
    it("names the cgroup that does not pass a controller on", function()
      copy(V2)
      shell [[
        for slice in $(find sys/fs/cgroup -mindepth 1 -type d); do
          echo cpuset cpu io memory pids > $slice/cgroup.controllers
          echo cpuset cpu io memory pids > $slice/cgroup.subtree_control
        done
        echo cpuset cpu io memory pids > sys/fs/cgroup/cgroup.subtree_control
        echo cpuset cpu io pids > sys/fs/cgroup/system.slice/cgroup.subtree_control
        for scope in sys/fs/cgroup/system.slice/docker-*.scope; do
          echo cpuset cpu io pids > $scope/cgroup.controllers
          rm $scope/memory.*
        done]]
      local found, outcome = doctor { "--host-root", root }
      local finding = found["files of memory"]
      assert.equal(1, outcome.code)
      assert.equal("warn", finding.status)
      assert.equal("not enabled in cgroup.subtree_control of " .. root .. UNIFIED .. "/system.slice, so 2 of 10 "
        .. "containers do not have them", finding.found)
      assert.is_truthy(finding.cure:find("echo +memory > " .. root .. UNIFIED .. "/system.slice/cgroup.subtree_control",
        1, true))
      local costs = set_of(finding.costs)
      assert.is_true(costs.memory_usage_bytes and costs.memory_rss_bytes and costs.memory_limit_bytes)
      assert.is_nil(costs.cpu_total_ns)
      assert.is_nil(found["memory.current"]) -- told once
    end)

    it("does not take a file of the cgroup above, which is read as well, for the container's", function()
      copy(V2)
      shell [[
        for slice in $(find sys/fs/cgroup -type d); do
          echo cpuset cpu io memory pids > $slice/cgroup.controllers
          echo cpuset cpu io memory pids > $slice/cgroup.subtree_control
        done
        pod=$(echo sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/*-pod*.slice)
        echo io pids > $pod/cgroup.subtree_control
        for scope in $pod/*.scope; do
          echo io pids > $scope/cgroup.controllers
          rm $scope/cpuset.* $scope/cpu.max $scope/cpu.weight $scope/memory.[!p]* $scope/memory.peak
        done]]
      local found = doctor { "--host-root", root }
      local lacking = { cpuset = "cpu_set_cpus", cpu = "cpu_quota_ns", memory = "memory_oom_kills_total" }
      for controller, figure in pairs(lacking) do
        local finding = assert(found["files of " .. controller], controller)
        assert.matches("^not enabled in cgroup.subtree_control of .*/kubepods%-burstable%-pod[^/]*%.slice, so 2 of 10 ",
          finding.found)
        assert.is_true(set_of(finding.costs)[figure], figure)
      end
    end)

    it("only informs of a controller that is not enabled and whose files many lack", function()
      copy(V2)
      shell [[
        for slice in $(find sys/fs/cgroup -mindepth 1 -type d); do
          echo cpuset cpu io memory pids > $slice/cgroup.controllers
          echo cpuset cpu io memory pids > $slice/cgroup.subtree_control
        done
        echo cpuset cpu io memory hugetlb pids > sys/fs/cgroup/cgroup.controllers
        echo cpuset cpu io memory pids > sys/fs/cgroup/cgroup.subtree_control]]
      local found, outcome = doctor { "--host-root", root }
      assert.equal(0, outcome.code)
      assert.equal("info", found["files of hugetlb"].status)
      assert.matches("^echo %+hugetlb > ", found["files of hugetlb"].cure)
      assert.equal(4, #found["files of hugetlb"].costs)
    end)

    it("says which kernel has a file that is missing, and what it costs", function()
      copy(V2)
      shell "find sys/fs/cgroup -name cpu.max -exec rm {} +"
      local found, outcome = doctor { "--host-root", root }
      assert.equal(1, outcome.code)
      assert.equal("warn", found["cpu.max"].status)
      assert.matches("^10 of 10 containers: No such file or directory %(", found["cpu.max"].found)
      assert.equal("a kernel with CONFIG_CFS_BANDWIDTH; or a recording that has the file", found["cpu.max"].cure)
      assert.same({ "cpu_quota_ns", "cpu_period_ns" }, found["cpu.max"].costs)
    end)

    it("only informs of an optional file that a recording lacks", function()
      copy(V2)
      shell "find sys/fs/cgroup -name memory.peak -exec rm {} +"
      local found, outcome = doctor { "--host-root", root }
      assert.equal(0, outcome.code)
      assert.equal("info", found["memory.peak"].status)
      assert.equal("Linux 5.19 or later; or a recording that has the file", found["memory.peak"].cure)
      assert.same({ "memory_peak_bytes" }, found["memory.peak"].costs)
    end)

    it("tells of sizes of huge pages that there are not in one finding", function()
      local found = doctor { "--host-root", V2 }
      local finding = found["optional hugetlb"]
      assert.equal("info", finding.status)
      assert.matches("^not there, as on many kernels: hugetlb.2MB.current, .*, hugetlb.1GB.max$", finding.found)
      assert.equal(4, #finding.costs)
    end)

    it("only informs of a file that nobody can bring back", function()
      copy(V2)
      shell "find sys/fs/cgroup -name cpu.weight -exec rm {} +"
      local found, outcome = doctor { "--host-root", root }
      assert.equal(0, outcome.code)
      assert.equal("info", found["cpu.weight"].status)
      assert.same({ "cpu_weight" }, found["cpu.weight"].costs)
      assert.is_nil(found["cpu.weight"].cure)
    end)

    it("tells version 1 without a throttle rule, where the kernel counts no disk traffic", function()
      copy(V1)
      shell "find sys/fs/cgroup/blkio -name 'blkio.throttle.io_serv*' -exec truncate -s 0 {} +"
      local found, outcome = doctor { "--host-root", root }
      assert.equal(1, outcome.code)
      assert.equal("warn", found.blkio.status)
      assert.matches('echo "MAJ:MIN 100000000000" > .*/sys/fs/cgroup/blkio/kubepods/.*/pod[^/]+/'
        .. 'blkio.throttle.write_bps_device', found.blkio.cure)
      assert.same({ "io_read_bytes", "io_write_bytes", "io_read_operations_total", "io_write_operations_total" },
        found.blkio.costs)
    end)

    it("tells version 1 that does not account for swap", function()
      copy(V1)
      shell "find sys/fs/cgroup/memory -name 'memory.memsw.*' -exec rm {} +"
      local found = doctor { "--host-root", root }
      assert.is_true(has(found.swap, "not accounted for"))
      assert.equal("boot with swapaccount=1 on the kernel's command line", found.swap.cure)
    end)

    it("does not take a container without a cgroup for one without files", function()
      copy(V1)
      shell [[find sys/fs/cgroup/memory -regex '.*/[0-9a-f]*' -type d | grep -E '/[0-9a-f]{64}$' | sort | tail -8 |
        xargs rm -r]]
      local found = doctor { "--host-root", root }
      assert.equal("8 of 9 containers have no cgroup in its hierarchy", found["files of memory"].found)
      assert.is_nil(found.swap)
    end)
  end)

  it("is true about the machine that it runs on", function()
    local found, outcome = doctor {}
    assert.is_true(outcome.code == 0 or outcome.code == 1)
    assert.equal("", outcome.err)
    assert.equal("ok", found.host.status)
    assert.matches("^runs in ", found.agent.found)
    assert.matches("^" .. files.read("/proc/sys/kernel/osrelease"):match("%S+"):gsub("%p", "%%%0"), found.kernel.found)
    local mounts = files.read "/proc/mounts"
    for check, finding in pairs(found) do
      local path = check:find "^controller " and finding.found:match "^version %d at (/.*)$"
      assert.is_true(not path or mounts:find(" " .. path .. " ", 1, true) ~= nil, path)
    end
    local needs_cure = false
    for _, finding in pairs(found) do
      needs_cure = needs_cure or finding.status == "warn" or finding.status == "fail"
    end
    assert.equal(needs_cure and 1 or 0, outcome.code)
  end)

  describe("as a user without rights", function()
    local NOBODY = "timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups"

    local function can_be_nobody()
      return program.shell(NOBODY .. " " .. program.PATH .. " --version").code == 0
    end

    it("says what a capability would give", function()
      if not can_be_nobody() then
        pending "nobody cannot run the program here"
        return
      end
      local found, outcome = doctor { prefix = NOBODY }
      assert.equal(1, outcome.code)
      assert.equal("info", found.capabilities.status)
      assert.is_true(has(found.capabilities, "lacks CAP_SYS_PTRACE"))
      assert.equal("warn", found.namespaces.status)
      assert.same({ "network_namespace", "host_network", "open_files_count" }, found.namespaces.costs)
      assert.matches("run moonwatch as root, or with CAP_SYS_PTRACE", found.namespaces.cure, 1, true)
    end)

    it("tells of processes that are hidden, which count all the same", function()
      local hidden = "unshare -pfm sh -c 'mount -t proc -o hidepid=2 proc /proc && " .. NOBODY .. ' "$@"; exit $?\' sh'
      if program.shell(hidden .. " " .. program.PATH .. " --version").code ~= 0 then
        pending "neither a namespace nor nobody is to be had here"
        return
      end
      local found = doctor { prefix = hidden }
      assert.is_true(has(found.processes, "mounted with hidepid="))
      assert.same({
        "zombies_count", "threads_count", "open_files_count", "network_rcvd_bytes", "network_rcvd_packets_total",
        "network_sent_bytes", "network_sent_packets_total",
      }, found.processes.costs)
      assert.matches("CAP_SYS_PTRACE", found.processes.cure, 1, true)
    end)

    it("asks for no capability that there is", function()
      local traces = "timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups"
        .. " --inh-caps +sys_ptrace --ambient-caps +sys_ptrace"
      if program.shell(traces .. " " .. program.PATH .. " --version").code ~= 0 then
        pending "nobody cannot run the program here, or not with a capability"
        return
      end
      for check, finding in pairs(doctor { prefix = traces }) do
        assert.is_nil(finding.cure and finding.cure:match "SYS_PTRACE", check)
      end
    end)

    it("names the files that it may not read", function()
      if not can_be_nobody() then
        pending "nobody cannot run the program here"
        return
      end
      copy(V2)
      os.execute("chmod 755 " .. dir.path)
      shell "find sys/fs/cgroup -name memory.current -exec chmod 600 {} +"
      local found, outcome = doctor { "--host-root", root, prefix = NOBODY }
      assert.equal(1, outcome.code)
      assert.matches("^10 of 10 containers: Permission denied %(", found["memory.current"].found)
      assert.equal("run moonwatch as root, or with CAP_DAC_READ_SEARCH", found["memory.current"].cure)
      assert.same({ "memory_usage_bytes" }, found["memory.current"].costs)
    end)
  end)

  it("fails when nobody takes its output", function()
    assert.equal(1, program.run({ "doctor", "--host-root", V2, redirect = "> /dev/full" }).code)
  end)
end)
