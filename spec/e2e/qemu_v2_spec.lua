--- Real cgroups of version 2, with every controller and pressure, whatever this machine has: Debian's
--- kernel runs in an emulated machine, once, and the cases look at what moonwatch said there beside
--- what the kernel's files said. guest/v2-init makes the containers, and says what each one does.
---
--- An emulated machine is slow, and slower when this one is busy. So nothing here is about how long
--- something took: counters lie between a reading before and one after, rates are held against what
--- the kernel counted in the time that passed there.
local cgroup = require "moonwatch.cgroup"
local files = require "spec.support.files"
local guests = require "spec.support.guest"
local program = require "spec.support.program"
local v2_files = require "spec.support.v2_files"

local MIB = 1048576
-- Read by "stats", beside the files; the quiet ones did nothing at all meanwhile.
local QUIET = { "holder", "huge", "oom", "survivor", "forks", "mapped", "kind", "spinner", "swapper", "neighbour" }
local BUSY = { "quota", "writer", "worker" }

-- The kernel collects memory for each CPU, and adds it up later: where something is going on, levels
-- may be off by some pages, up or down.
local LEVEL_TOLERANCE = {
  memory = MIB, pids_current = 2, processes_count = 2, threads_count = 2, open_files_count = 20,
}

-- The machine has no huge page of this size.
local NEVER_SEEN = { hugetlb_1gb_usage_bytes = true, hugetlb_1gb_limit_bytes = true }

local guest
local containers, in_order = {}, {}

local function read_containers()
  for line in guest:read "containers":gmatch "[^\n]+" do
    local name, id, runtime, pod, path = line:match "^(%S+) (%S+) (%S+) (%S+) (%S+)$"
    containers[name] = { name = name, id = id, folder = "/sys/fs/cgroup/" .. path,
                         runtime = runtime ~= "-" and runtime or nil, pod = pod ~= "-" and pod or nil }
    table.insert(in_order, containers[name])
  end
end

local function start_guest()
  local options = "--append ipv6.disable=1 --module veth --disk 64 --program luajit --program unshare --program %s"
    .. " --folder scripts=/share/moonwatch --folder spec/e2e/guest=/test"
  return guests.run(options:format(program.PATH), "spec/e2e/guest/v2-init")
end

local machine = guests.shared(start_guest)
local case = machine:cases(it, pending)

local function look(name, when)
  return v2_files.parse(guest:read(("look/%s/%s"):format(name, when)), containers[name].folder)
end

--- What "stats" said of a container, its figures by name.
local function stats_of(name, step)
  local body = guest:json(step or "stats/" .. name)
  assert.equal(0, guest:code_of(step or "stats/" .. name))
  local by_name = {}
  for _, figure in ipairs(body.figures) do
    by_name[figure.name] = figure
  end
  return by_name, body
end

local function value_of(name, figure, step)
  local found = stats_of(name, step)[figure]
  return found and found.value
end

local function assert_within(lowest, value, highest, what)
  local text = ("%s: %s is not within %s and %s"):format(what, tostring(value), lowest, highest)
  assert.is_true(type(value) == "number" and lowest <= value and value <= highest, text)
end

local function row_of(message, id)
  for _, row in ipairs(message.stats or message.containers) do
    if row.id == id then
      return row
    end
  end
end

local function same_in_both(name, figure, before, after, tolerance)
  local read = v2_files.READERS[figure]
  local first, last = read(before), read(after)
  local figures = stats_of(name)
  local value = figures[figure] and figures[figure].value
  if first and last then
    assert_within(math.min(first, last) - tolerance, value, math.max(first, last) + tolerance, name .. " " .. figure)
  elseif not first and not last then
    assert.is_nil(value, name .. " " .. figure)
  end
end

setup(function()
  guest = machine:start()
  if guest then
    read_containers()
  end
end)

teardown(function()
  machine:stop()
end)

describe("moonwatch on a host with version 2 of cgroups", function()
  case("finds each container of each layout, with runtime and pod, and nothing else", function()
    local found = {}
    for i, container in ipairs(guest:json "inventory".containers) do
      found[i] = { id = container.id, runtime = container.runtime, pod = container.pod_uid }
    end

    local wanted = {}
    for i, container in ipairs(in_order) do
      wanted[i] = { id = container.id, runtime = container.runtime, pod = container.pod }
    end
    table.sort(wanted, function(a, b) return a.id < b.id end)
    assert.same(wanted, found)
    assert.equal(0, guest:code_of "inventory")
  end)

  case("sends every container in both messages, but for that of Garden, which is held until it has tags", function()
    for _, check in ipairs { "container", "rates" } do
      assert.equal(0, guest:code_of(check))
      for _, container in ipairs(in_order) do
        local row = row_of(guest:json_lines(check)[1], container.id)
        assert.equal(container.runtime ~= "garden", row ~= nil, check .. " " .. container.name)
        assert.is_true(row == nil or row.memUsage > 0 and row.threadCount > 0 and row.totalPct >= 0, container.name)
      end
    end
  end)
end)

describe("moonwatch stats, with version 2 of cgroups,", function()
  case("is held against a reader for each figure", function()
    for _, figure in ipairs(cgroup.figures()) do
      assert.is_true(figure.version ~= 2 or v2_files.READERS[figure.name] ~= nil, figure.name)
    end
    for name in pairs(stats_of "holder") do
      assert.is_true(v2_files.READERS[name] ~= nil or name == "cpu_limit_percent", name)
    end
  end)

  for _, name in ipairs(QUIET) do
    case("says of " .. name .. " what the files say", function()
      local before, after = look(name, "before"), look(name, "after")
      for figure in pairs(v2_files.READERS) do
        same_in_both(name, figure, before, after, 0)
      end
    end)
  end

  for _, name in ipairs(BUSY) do
    case("says of " .. name .. ", at work, what the files say before and after", function()
      local before, after = look(name, "before"), look(name, "after")
      for figure in pairs(v2_files.READERS) do
        local is_level = not stats_of(name)[figure] or not stats_of(name)[figure].rate_per_s
        local tolerance = is_level and (LEVEL_TOLERANCE[figure] or LEVEL_TOLERANCE[figure:match "^%l+"]) or 0
        same_in_both(name, figure, before, after, tolerance)
      end
    end)
  end

  case("has seen each figure that there is, and not only zero", function()
    local seen = {}
    for _, list in ipairs { QUIET, BUSY } do
      for _, name in ipairs(list) do
        for figure, reading in pairs(stats_of(name)) do
          seen[figure] = seen[figure] or reading.value > 0
        end
      end
    end
    for figure in pairs(v2_files.READERS) do
      assert.is_true(seen[figure] or NEVER_SEEN[figure] or false, figure)
    end
  end)

  -- The first reading is the second one less what the rate says; it lies between the files, too.
  case("has rates of what only grows, as the kernel counted between two readings", function()
    for _, name in ipairs(BUSY) do
      local before, after = look(name, "before"), look(name, "after")
      local figures, body = stats_of(name)
      for figure, reading in pairs(figures) do
        if reading.rate_per_s then
          local first = reading.value - reading.rate_per_s * body.interval_s
          local rounding = reading.value * 1e-9 + (figure:find "^network_" and reading.value or 0) * 0.05
          local read = v2_files.READERS[figure]
          assert_within((read(before) or 0) - rounding, first, read(after) + rounding, name .. " " .. figure)
        end
      end
    end
  end)

  case("has no growth of what did nothing", function()
    for _, name in ipairs(QUIET) do
      for figure, reading in pairs(stats_of(name)) do
        local is_own = not figure:find "^network_" -- the host's network has its own life
        assert.is_true(not is_own or (reading.rate_per_s or 0) == 0, name .. " " .. figure)
      end
    end
  end)

  case("tells limits as they were set, and none where none is", function()
    local EXPECTED = {
      quota = { cpu_quota_ns = 50e6, cpu_period_ns = 100e6, cpu_weight = 50, cpu_limit_percent = 50,
                memory_limit_bytes = 64 * MIB },
      spinner = { cpu_set_cpus = 1, cpu_weight = 1, cpu_limit_percent = 100 },
      holder = { memory_limit_bytes = 128 * MIB, memory_high_bytes = 96 * MIB, memory_low_bytes = 8 * MIB,
                 memory_min_bytes = 4 * MIB, pids_limit = 32, cpu_limit_percent = 150 },
      huge = { hugetlb_2mb_limit_bytes = 8 * MIB, hugetlb_1gb_limit_bytes = 0 },
      swapper = { memory_swap_limit_bytes = 64 * MIB, memory_swap_high_bytes = 48 * MIB },
      kind = { cpu_limit_percent = 200, cpu_set_cpus = 2, cpu_period_ns = 100e6, cpu_weight = 100 },
    }
    local LIMITS = {
      "cpu_quota_ns", "memory_limit_bytes", "memory_high_bytes", "memory_low_bytes", "memory_min_bytes", "pids_limit",
      "hugetlb_2mb_limit_bytes", "hugetlb_1gb_limit_bytes", "memory_swap_limit_bytes", "memory_swap_high_bytes",
    }
    for name, limits in pairs(EXPECTED) do
      for figure, value in pairs(limits) do
        assert.equal(value, value_of(name, figure), name .. " " .. figure)
      end
    end
    for _, figure in ipairs(LIMITS) do
      assert.is_nil(value_of("kind", figure), figure)
    end
  end)

  case("tells what the containers were made to do", function()
    local LEAST = {
      quota = { cpu_throttled_periods_total = 1, cpu_throttled_ns = 1, cpu_pressure_full_ns = 1 },
      holder = { memory_rss_bytes = 26 * MIB, memory_unevictable_bytes = 2 * MIB, threads_count = 4, pids_current = 6,
                 open_files_count = 7 },
      huge = { memory_rss_huge_bytes = 2 * MIB, hugetlb_2mb_usage_bytes = 4 * MIB },
      mapped = { memory_mapped_file_bytes = 6 * MIB, memory_cache_bytes = 6 * MIB },
      swapper = { memory_swap_bytes = MIB, memory_major_page_faults_total = 1, memory_pressure_full_ns = 1 },
      writer = { io_read_bytes = MIB, io_write_bytes = MIB, io_write_operations_total = 16, io_pressure_full_ns = 1 },
    }
    for name, figures in pairs(LEAST) do
      for figure, least in pairs(figures) do
        assert_within(least, value_of(name, figure), math.huge, name .. " " .. figure)
      end
    end
    assert.equal(8, value_of("forks", "pids_current"))
    assert.equal(8, value_of("forks", "pids_limit"))
    assert.equal(4 * MIB, value_of("huge", "hugetlb_2mb_usage_bytes"))
  end)

  case("counts processes in cgroups inside of a container, and in a container inside of it", function()
    assert.equal(3, value_of("kind", "processes_count"))
    assert.equal(3, value_of("kind", "pids_current"))
    local _, body = stats_of "kind"
    assert.equal(3, #body.pids)
  end)

  case("counts children that ended and that nobody waits for", function()
    assert.equal(2, value_of("holder", "zombies_count"))
    assert.equal(3, value_of("holder", "processes_count"))
  end)

  case("tells the disk that is written to, with its limits", function()
    local figures, body = stats_of "writer"
    assert.equal(1, #body.io_devices)
    local device = body.io_devices[1]
    assert.equal(figures.io_write_bytes.value, device.write_bytes)
    assert.equal(2097152, device.write_limit_bytes_per_s)
    assert.equal(5000, device.read_limit_operations_per_s)
    assert.is_nil(device.read_limit_bytes_per_s)
  end)

  case("tells the network namespace that two containers share, and the host's", function()
    local _, worker = stats_of "worker"
    local _, neighbour = stats_of "neighbour"
    local _, other = stats_of "kind"

    assert.equal(("%016x"):format(tonumber(look("worker", "before").namespace)), worker.network_namespace)
    assert.equal(worker.network_namespace, neighbour.network_namespace)
    assert.equal("veth0", worker.interfaces[1].name)
    assert.is_false(worker.host_network)
    assert.is_true(other.host_network)
  end)
end)

describe("moonwatch, of a container whose memory ran out,", function()
  case("counts the kill in the container and in its pod, not in its neighbour", function()
    assert.equal(1, value_of("oom", "memory_oom_kills_total"))
    assert_within(1, value_of("oom", "memory_oom_events_total"), math.huge, "memory_oom_events_total")
    assert_within(1, value_of("oom", "memory_limit_hits_total"), math.huge, "memory_limit_hits_total")
    assert.equal(1, value_of("oom", "pod_oom_kills_total"))
    assert.equal(0, value_of("survivor", "memory_oom_kills_total"))
    assert.equal(1, value_of("survivor", "pod_oom_kills_total"))
    assert.equal(0, value_of("holder", "pod_oom_kills_total"))
    assert.is_nil(value_of("quota", "pod_oom_kills_total"))
  end)

  case("keeps the kill in the pod when the container has gone", function()
    assert.equal(1, value_of("survivor", "pod_oom_kills_total", "survivor"))
    assert.equal(1, guest:code_of "gone")
    assert.matches("there is no container " .. containers.oom.id, guest:read "gone.err", 1, true)
  end)
end)

-- How long an interval really was is not in a message. On a busy machine a run may be late, so that
-- the next interval is shorter; all of them lie in the time that passed.
describe("moonwatch check container_rt, with version 2 of cgroups,", function()
  local SHORTEST_S = 0.4 -- of 1.5 s
  local WRITTEN_BYTES, READ_BYTES = 64 * 65536, 32 * 65536
  local PING_BYTES = 40 * (1000 + 8 + 20 + 14)

  local function passed_s()
    return tonumber(guest:read("uptime-after"):match "%S+") - tonumber(guest:read("uptime-before"):match "%S+")
  end

  local function growth(name, figure)
    local read = v2_files.READERS[figure]
    return read(look(name, "after-rates")) - (read(look(name, "before-rates")) or 0)
  end

  -- A rate times its interval is what was counted: all of it, when it happened between two readings.
  local function assert_amount(member, amount)
    local sum = 0
    for _, message in ipairs(guest:json_lines "rates") do
      sum = sum + row_of(message, containers.worker.id)[member]
    end
    assert_within(amount / passed_s(), sum, amount / SHORTEST_S, member)
  end

  case("gives the work that was done, in bytes a second", function()
    assert.equal(WRITTEN_BYTES, growth("worker", "io_write_bytes"))
    assert.equal(READ_BYTES, growth("worker", "io_read_bytes"))
    assert_amount("wbps", WRITTEN_BYTES)
    assert_amount("rbps", READ_BYTES)
  end)

  case("gives the traffic of the namespace", function()
    local rcvd, sent = growth("worker", "network_rcvd_bytes"), growth("worker", "network_sent_bytes")
    assert_within(PING_BYTES, rcvd, PING_BYTES + 500, "received")
    assert_within(PING_BYTES, sent, PING_BYTES + 500, "sent")
    assert_amount("netRcvdPs", growth("worker", "network_rcvd_packets_total"))
    assert_amount("netSentPs", growth("worker", "network_sent_packets_total"))
  end)

  case("gives the CPU that a quota leaves", function()
    local most_s = growth("quota", "cpu_total_ns") / 1e9
    for _, message in ipairs(guest:json_lines "rates") do
      local row = row_of(message, containers.quota.id)
      assert_within(0, row.totalPct, math.min(100 * most_s / SHORTEST_S, 105), "totalPct")
      assert_within(row.totalPct - 1, row.userPct + row.systemPct, row.totalPct + 1, "userPct + systemPct")
      assert.equal(50, row.cpuLimit)
    end
  end)

  case("gives nearly a whole CPU where no quota is, and no more than one", function()
    for _, message in ipairs(guest:json_lines "rates") do
      local row = row_of(message, containers.spinner.id)
      assert_within(1, row.totalPct, 105, "totalPct")
      assert.equal(100, row.cpuLimit)
      assert.is_nil(row.memLimit)
    end
  end)
end)

describe("moonwatch check container_rt, while containers come and go,", function()
  case("goes on, and tells of the others in each message", function()
    local messages = guest:json_lines "churn"

    assert.equal(0, guest:code_of "churn")
    assert.equal(12, #messages)
    assert_within(3, tonumber(guest:read "churn.made"), math.huge, "containers that came and went")
    for _, message in ipairs(messages) do
      for _, container in ipairs(in_order) do
        assert.is_true(container.runtime == "garden" or row_of(message, container.id) ~= nil, container.name)
      end
    end
    assert.equal("", (guest:read "churn.err":gsub("moonwatch: took a first reading[^\n]*\n", "")))
  end)

  local function mortal_in(step)
    local lines = files.lines(guest:read("life/" .. step))
    local message = require "cjson".decode(lines[#lines])
    for _, row in ipairs(message.stats) do
      local known = false
      for _, container in ipairs(in_order) do
        known = known or container.id == row.id
      end
      if not known then
        return row
      end
    end
  end

  case("tells of a container from its first message on, and no more when it is gone", function()
    assert.is_nil(mortal_in "unborn")
    assert.is_not_nil(mortal_in "born")
    assert_within(1, mortal_in "alive".totalPct, 250, "totalPct")
    assert.is_nil(mortal_in "gone")
  end)

  case("begins afresh with a container that comes again under its id", function()
    assert.is_not_nil(mortal_in "again")
    for _, message in ipairs(guest:json_lines "life") do
      for _, row in ipairs(message.stats) do
        assert_within(0, row.totalPct or 0, 250, row.id)
      end
    end
  end)
end)

describe("moonwatch doctor, with version 2 of cgroups,", function()
  local function statuses(step)
    local other = {}
    for _, finding in ipairs(guest:json(step)) do
      if finding.status ~= "ok" then
        table.insert(other, finding)
      end
    end
    return other
  end

  case("finds all well", function()
    assert.same({}, statuses "doctor")
    assert.equal(0, guest:code_of "doctor")
  end)

  case("tells which cgroup does not hand a controller down, and what that costs", function()
    local findings = statuses "lacking/doctor"

    assert.equal(1, guest:code_of "lacking/doctor")
    assert.equal(1, #findings)
    assert.equal("files of memory", findings[1].check)
    assert.matches("not enabled in cgroup.subtree_control of /sys/fs/cgroup/lacking", findings[1].found, 1, true)
    local costs = table.concat(findings[1].costs, " ")
    assert.matches("memory_usage_bytes", costs, 1, true)
    assert.not_matches("pids_current", costs, 1, true)
  end)

  case("finds all well after its cure was typed in", function()
    assert.equal("echo +memory > /sys/fs/cgroup/lacking/cgroup.subtree_control\n", guest:read "lacking/cure")
    assert.same({}, statuses "lacking/cured")
    assert.equal(0, guest:code_of "lacking/cured")
  end)

  case("does not make zeros of the figures that are not there", function()
    local figures = stats_of("lacking", "lacking/stats")

    assert.is_nil(figures.memory_usage_bytes)
    assert.is_nil(figures.memory_oom_kills_total)
    assert.is_not_nil(figures.cpu_total_ns)
    assert.is_not_nil(figures.memory_pressure_some_ns) -- pressure is no part of the controller
  end)
end)

describe("moonwatch in a cgroup namespace", function()
  local function findings_of(step)
    local by_check = {}
    for _, finding in ipairs(guest:json(step)) do
      by_check[finding.check] = finding
    end
    return by_check
  end

  case("sees all that the host's mounts show, and measures it", function()
    local found = {}
    for _, container in ipairs(guest:json "namespace/inventory".containers) do
      found[container.id] = true
    end
    local message = guest:json_lines "namespace/check"[1]
    for _, container in ipairs(in_order) do
      if container.name ~= "oom" then -- it has been removed
        assert.is_true(found[container.id] or false, container.name)
        local row = row_of(message, container.id)
        assert.is_true(container.runtime == "garden" or row.memUsage > 0 and row.threadCount > 0, container.name)
      end
    end
  end)

  case("is told so by the doctor, with the cure", function()
    local finding = findings_of "namespace/doctor" ["cgroup namespace"]
    assert.equal(0, guest:code_of "namespace/doctor")
    assert.equal("info", finding.status)
    assert.matches("its own: paths in /proc/PID/cgroup are relative to it", finding.found, 1, true)
    assert.equal("run it with --cgroupns=host", finding.cure)
  end)

  case("sees the containers of its own node, and no others, with mounts of its own", function()
    local listed = guest:json "node/inventory".containers
    assert.equal(1, #listed)
    assert.equal("containerd", listed[1].runtime)
    assert.matches("^%x+-%x+-%x+-%x+-%x+$", listed[1].pod_uid)

    local files_of_it = guest:read "node-files"
    local figures = stats_of(nil, "node/stats")
    for figure, file in pairs { memory_usage_bytes = "memory.current", pids_current = "pids.current",
                                memory_peak_bytes = "memory.peak" } do
      assert.equal(tonumber(files_of_it:match("/" .. file:gsub("%p", "%%%0") .. ":(%d+)")), figures[figure].value)
    end
    assert.equal(1, figures.processes_count.value)
  end)

  case("is told by the doctor in a node that all is well there but the namespace", function()
    local others = {}
    for check, finding in pairs(findings_of "node/doctor") do
      others[check] = finding.status ~= "ok" and finding.status or nil
    end
    assert.same({ ["cgroup namespace"] = "info", ["files of hugetlb"] = "info" }, others)
    assert.equal(0, guest:code_of "node/doctor")
  end)
end)
