--- What the program says of recorded hosts, against the hosts' files, which are parsed here in a
--- way of their own.
local cjson = require "cjson"
local lfs = require "lfs"

local files = require "spec.support.files"
local program = require "spec.support.program"

-- The number behind the key in a file of words, or the file's only number.
local function number(dir, file, key)
  local text = dir and files.read_if_there(dir .. "/" .. file)
  return text and tonumber(("\n" .. text):match("\n" .. (key and key .. " " or "") .. "(%d+)"))
end

local function is_container(name, id)
  return name:find(id, 1, true) and not name:find "conmon" and not name:find "%.mount$"
end

-- The cgroup of a container in a hierarchy: the first folder on the way down that bears its id.
local function find_dir(path, id)
  for name in lfs.dir(path) do
    local child = path .. "/" .. name
    if name ~= "." and name ~= ".." and lfs.symlinkattributes(child, "mode") == "directory" then
      local found = is_container(name, id) and child or find_dir(child, id)
      if found then
        return found
      end
    end
  end
end

local READERS = {
  [1] = function(hierarchy)
    local memory, pids = hierarchy "memory", hierarchy "pids"
    return {
      memUsage = number(memory, "memory.usage_in_bytes"),
      memRss = number(memory, "memory.stat", "total_rss"),
      memCache = number(memory, "memory.stat", "total_cache"),
      inactive_file = number(memory, "memory.stat", "total_inactive_file"),
      memLimit = number(memory, "memory.stat", "hierarchical_memory_limit"),
      threadCount = number(pids, "pids.current"),
      threadLimit = number(pids, "pids.max"),
    }
  end,
  [2] = function(hierarchy)
    local memory, pids = hierarchy "memory", hierarchy "pids"
    return {
      memUsage = number(memory, "memory.current"),
      memRss = number(memory, "memory.stat", "anon"),
      memCache = number(memory, "memory.stat", "file"),
      inactive_file = number(memory, "memory.stat", "inactive_file"),
      memLimit = number(memory, "memory.max"),
      threadCount = number(pids, "pids.current"),
      threadLimit = number(pids, "pids.max"),
    }
  end,
}

-- { root, version of memory and pids, where they are below sys/fs/cgroup ("%s": the controller),
--   containers }
local HOSTS = {
  { "spec/fixtures/kubelet-1.20-v1", 1, "/%s", 9 },
  { "spec/fixtures/kubelet-1.20-cluster", 1, "/%s", 16 },
  { "spec/fixtures/v2/t0", 2, "", 10 },
  { "spec/fixtures/v2/t1", 2, "", 10 },
  { "spec/fixtures/hybrid", 2, "/unified", 6 },
}

-- No source here knows tags: containers of Garden are not to wait for them.
local function stats_of(root)
  local outcome = program.run {
    "check", "container_rt", "--format", "json", "--interval", "0.01", "--host-root", root,
    "--set", "garden_hold_s=0",
  }
  assert(outcome.code == 0, outcome.err)
  return cjson.decode(outcome.out).stats
end

local function expected_of(host, id)
  local expected = READERS[host[2]](function(controller)
    return find_dir(host[1] .. "/sys/fs/cgroup" .. host[3]:format(controller), id)
  end)
  if expected.memUsage then
    expected.memAccounted = math.max(0, expected.memUsage - expected.inactive_file)
  end
  expected.inactive_file = nil
  return expected
end

describe("moonwatch check container_rt on a recorded host", function()
  for _, host in ipairs(HOSTS) do
    it("says what the files of " .. host[1] .. " say", function()
      local stats = stats_of(host[1])
      assert.equal(host[4], #stats)
      for i, stat in ipairs(stats) do
        local seen = {}
        for _, field in ipairs {
          "memUsage", "memRss", "memCache", "memAccounted", "memLimit", "threadCount", "threadLimit",
        } do
          seen[field] = stat[field]
        end
        assert.same(expected_of(host, stat.id), seen, stat.id)
        assert.is_true(i == 1 or stats[i - 1].id < stat.id)
      end
    end)
  end

  it("has the CPU limits that were set, of the container or of its pod", function()
    local limits = {}
    for _, stat in ipairs(stats_of "spec/fixtures/v2/t0") do
      limits[stat.id:sub(1, 8)] = stat.cpuLimit
    end
    -- c6406461 is bound to one CPU, f1a9e839 belongs to a task of a quarter
    assert.same({
      d548c5b8 = 50, ["2397d068"] = 150, ["6f7ce9e7"] = 150, c6406461 = 100, f1a9e839 = 25,
    }, limits)
  end)

  it("has figures of both versions for a container of a hybrid host, and none of what it lacks", function()
    local by_id = {}
    for _, stat in ipairs(stats_of "spec/fixtures/hybrid") do
      by_id[stat.id:sub(1, 8)] = stat
    end
    assert.equal(50, by_id.d548c5b8.cpuLimit) -- version 1
    assert.equal(64 * 1024 * 1024, by_id.d548c5b8.memLimit) -- version 2
    assert.equal(0, by_id.d7974758.totalPct) -- it stands still
    assert.is_nil(by_id.d7974758.memUsage)
    assert.is_nil(by_id.fd0da0d3.totalPct)
    assert.is_true(by_id.fd0da0d3.memUsage > 0)
  end)
end)
