local cjson = require "cjson"
local podman = require "spec.support.podman"

local PROGRAM = os.getenv "MOONWATCH_BIN" or "build/dev/bin/moonwatch"
local INTERVAL_S = 2
local MIB = 1048576

-- The kernel charges memory in batches for each CPU, so two looks a moment apart differ. What the
-- writer holds comes and goes with each of its files: dd's buffer, the file's pages and their copies
-- on the way to the disk, of 1 MiB each.
local MEMORY_TOLERANCE_BYTES = { burner = MIB, holder = MIB, writer = 4 * MIB }

-- The burner's quota, and what it may use at once: one period's worth, at the worst place.
local QUOTA_CPUS = 0.5
local BURST_CPU_S = 0.1

local FIGURES = {
  "cpu_total_ns", "cpu_quota_us", "memory_usage_bytes", "memory_limit_bytes", "pids_current", "pids_limit",
  "io_write_bytes",
}

local CONTAINERS = {
  { "burner", "--cpus 0.5 --memory 64m", "while :; do :; done" },
  { "holder", "--memory 128m --shm-size 80m --pids-limit 50",
    "busybox dd if=/dev/zero of=/dev/shm/held bs=1M count=64; >/held; exec busybox sleep 100000" },
  { "writer", "", "while :; do busybox dd if=/dev/zero of=/written bs=1M count=1 conv=fsync; busybox sleep 0.1; done" },
}

local function uptime_s()
  local file = assert(io.open "/proc/uptime")
  local seconds = file:read "*n"
  file:close()
  return seconds
end

-- All figures of all containers, as the kernel's files say at this moment.
local function look(containers)
  local moment = { at_s = uptime_s() }
  for name, container in pairs(containers) do
    moment[name] = {}
    for _, figure in ipairs(FIGURES) do
      moment[name][figure] = container:read(figure)
    end
  end
  return moment
end

-- The program's rows by container id; an id that comes twice is an error.
local function rows_by_id(output)
  local rows = {}
  for line in output:gmatch "[^\n]+" do
    for _, row in ipairs(cjson.decode(line).stats) do
      assert(not rows[row.id], "twice in the output: " .. row.id)
      rows[row.id] = row
    end
  end
  return rows
end

local function run_moonwatch()
  local log = os.tmpname()
  local output, status = podman.shell(("%s check container_rt --format json --count 1 --interval %d 2> %s"):format(
    PROGRAM, INTERVAL_S, log))
  local said = podman.shell("cat " .. log)
  os.remove(log)
  assert(status == 0, ("%s ended with %d: %s%s"):format(PROGRAM, status, said, output))
  return rows_by_id(output)
end

local function start_containers(host)
  local containers = {}
  for _, what in ipairs(CONTAINERS) do
    local container, reason = host:run(unpack(what))
    if not container then
      return nil, reason
    end
    containers[what[1]] = container
  end
  host:count_io()
  return containers
end

-- Until the memory is held and the disk is written to: what the specs are about must be there.
local function wait_until_busy(host, containers)
  for _ = 1, 100 do
    local writes = containers.writer:read "io_write_bytes"
    local held = io.open(host.dir .. "/holder/held")
    if held and (writes == nil or writes > 0) then
      held:close()
      return
    end
    podman.shell "sleep 0.1"
  end
  error "the containers did not get to work within 10 s"
end

describe("moonwatch check container_rt, with containers of Podman,", function()
  local host, containers, skipped
  local before, after, rows, failure

  setup(function()
    host, skipped = podman.start()
    if not host then
      return
    end
    containers, skipped = start_containers(host)
    if not containers then
      return
    end
    wait_until_busy(host, containers)
    before = look(containers)
    local ok, result = pcall(run_moonwatch)
    after = look(containers)
    if ok then
      rows = result
    else
      failure = result
    end
  end)

  teardown(function()
    if host then
      host:stop()
    end
  end)

  local function row_of(name)
    if skipped then
      pending(skipped)
    end
    assert(rows, failure)
    return assert(rows[containers[name].id], name .. " is not in the output")
  end

  local function assert_within(lowest, value, highest, what)
    local text = ("%s: %s is not within %s and %s"):format(what, tostring(value), lowest, highest)
    assert.is_true(type(value) == "number" and lowest <= value and value <= highest, text)
  end

  local function assert_between_looks(name, value, figure, tolerance)
    local first, last = before[name][figure], after[name][figure]
    assert_within(math.min(first, last) - tolerance, value, math.max(first, last) + tolerance, name .. " " .. figure)
  end

  it("finds each container once, by its full id", function()
    for _, what in ipairs(CONTAINERS) do
      assert.equal(64, #row_of(what[1]).id)
    end
  end)

  it("takes nothing else of theirs for a container", function()
    row_of "burner"

    local ours = {}
    for _, container in pairs(containers) do
      ours[container.id] = true
    end
    local names = podman.shell("find /sys/fs/cgroup -type d -path '*/" .. host.parent .. "/*'")
    for id in pairs(rows) do
      assert.is_true(ours[id] or not names:find(id, 1, true), "not a container: " .. id)
    end
  end)

  it("gives the memory that the kernel gives", function()
    for _, what in ipairs(CONTAINERS) do
      local name = what[1]
      assert_between_looks(name, row_of(name).memUsage, "memory_usage_bytes", MEMORY_TOLERANCE_BYTES[name])
    end
    assert_within(64 * MIB, row_of("holder").memUsage, 72 * MIB, "holder")
  end)

  it("gives memory limits, and none where there is none", function()
    assert.equal(128 * MIB, row_of("holder").memLimit)
    assert.equal(64 * MIB, row_of("burner").memLimit)
    assert.is_nil(row_of("writer").memLimit)
  end)

  it("gives the number of threads and their limit", function()
    assert.equal(1, row_of("burner").threadCount)
    assert.equal(1, row_of("holder").threadCount)
    assert_within(1, row_of("writer").threadCount, 2, "writer")
    assert.equal(50, row_of("holder").threadLimit)
    assert.equal(before.burner.pids_limit, row_of("burner").threadLimit)
  end)

  it("gives the CPU limit in percent of one CPU", function()
    assert.equal(50000, row_of("burner") and before.burner.cpu_quota_us)
    assert_within(49.99, row_of("burner").cpuLimit, 50.01, "burner")
  end)

  -- The agent's two readings lie inside ours, how far apart is known only roughly: between the
  -- interval asked for and the whole time. Time outside theirs can hide no more CPU than the quota.
  it("gives the CPU use that the kernel counted meanwhile", function()
    local row = row_of "burner"
    local whole_s = after.at_s - before.at_s
    local used_s = (after.burner.cpu_total_ns - before.burner.cpu_total_ns) / 1e9
    local lowest, highest = math.huge, 0
    for _, interval_s in ipairs { INTERVAL_S * 0.95, math.max(whole_s, INTERVAL_S * 0.95) } do
      local least_s = used_s - (whole_s - interval_s) * QUOTA_CPUS - BURST_CPU_S
      local most_s = math.min(used_s, interval_s * QUOTA_CPUS + BURST_CPU_S)
      lowest = math.min(lowest, 100 * least_s / interval_s)
      highest = math.max(highest, 100 * most_s / interval_s)
    end

    assert_within(lowest, row.totalPct, highest, "totalPct")
    assert_within(lowest * 1e7, row.cpuUsageNs, highest * 1e7, "cpuUsageNs")
    assert_within(0, row.userPct + row.systemPct, highest + 5, "userPct + systemPct")
  end)

  it("sees that the holder does nothing", function()
    assert_within(0, row_of("holder").totalPct, 5, "totalPct")
  end)

  it("gives the rate of what is written to disk", function()
    local row = row_of "writer"
    if not before.writer.io_write_bytes then
      pending "the kernel does not count block input and output of containers here"
    end

    local written = after.writer.io_write_bytes - before.writer.io_write_bytes
    assert_within(1, row.wbps, written / (INTERVAL_S * 0.95), "wbps")
  end)

  it("agrees with podman stats: memory within 5 % and 1 MiB, and processes", function()
    row_of "holder"
    local UNITS = { B = 1, kB = 1e3, MB = 1e6, GB = 1e9 }

    local stats = host:stats()
    for _, name in ipairs { "burner", "holder" } do
      local row = row_of(name)
      local theirs = assert(stats[row.id:sub(1, 12)], name)
      local number, unit = theirs.mem_usage:match "^([%d.]+)(%a+) /"
      local bytes = number * UNITS[unit]
      assert_within(bytes * 0.95 - MIB, row.memUsage, bytes * 1.05 + MIB, name)
      assert.equal(tonumber(theirs.pids), row.threadCount)
    end
  end)
end)

describe("The host of containers for specs", function()
  it("leaves no container, cgroup or file behind", function()
    local host, reason = podman.start()
    if not host then
      pending(reason)
    end
    local container, failed = host:run("sleeper", "", "exec busybox sleep 100000")
    host:stop()
    if not container then
      pending(failed)
    end

    assert.equal("", (podman.shell("find /sys/fs/cgroup -name '" .. host.parent .. "*'")))
    assert.equal("", (podman.shell("grep " .. host.parent .. " /proc/mounts")))
    assert.is_nil(io.open(host.dir))
    assert.is_nil(io.open("/proc/" .. container.pid .. "/cgroup"))
  end)
end)
