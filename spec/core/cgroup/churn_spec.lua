--- Containers that are made and removed all the time, ids that come again, events that the kernel
--- drops. Each container has a limit of its own, by which its figures are known.
---
---   MOONWATCH_CHURN_S   for how many seconds, 200 containers in each (3); tools/soak has 120
local ffi = require "ffi"
local lfs = require "lfs"

local cgroup_places = require "spec.support.cgroup_places"
local files = require "spec.support.files"
local has_checker = require "spec.support.checker"

local RATE_PER_S = 200
local SECONDS = tonumber(os.getenv "MOONWATCH_CHURN_S") or 3
local ALIVE = 100 -- at a time
local IDS = 250 -- fewer than containers: each comes again, as another container

ffi.cdef [[
  struct churn_timespec { long s, ns; };
  int clock_gettime(int clock, struct churn_timespec *out);
]]

local function now_s()
  local now = ffi.new "struct churn_timespec"
  ffi.C.clock_gettime(1, now) -- CLOCK_MONOTONIC
  return tonumber(now.s) + tonumber(now.ns) / 1e9
end

-- Of this process alone: the same spec may run elsewhere on this machine.
local PROCESS = tonumber(lfs.symlinkattributes("/proc/self", "target")) or 0

local function id_of(number)
  return ("%08x%056x"):format(PROCESS, number % IDS + 1)
end

local function path_of(number)
  return ("churn%d/%s"):format(number % 7, id_of(number))
end

local function limit_of(number)
  return 1000 + number
end

local function descriptors_count()
  local count = 0
  for _ in lfs.dir "/proc/self/fd" do
    count = count + 1
  end
  return count
end

local function rss_anon_kib()
  collectgarbage()
  collectgarbage()
  return tonumber(files.read("/proc/self/status"):match "RssAnon:%s*(%d+)")
end

for name, new_place in pairs(cgroup_places) do
  describe("moonwatch, while containers come and go in " .. name .. ",", function()
    local place, why, modules, cgroup, most_seen

    before_each(function()
      place, why = new_place()
      if place then
        modules = assert(require("moonwatch").open { host_root = place.host_root })
        cgroup = modules.cgroup
      end
    end)

    after_each(function()
      if place then
        place.close()
      end
    end)

    local function it_where_possible(sentence, run)
      it(sentence, function()
        if not place then
          pending(why)
        else
          run()
        end
      end)
    end

    local function add(number)
      place.add(path_of(number))
      place.write(path_of(number) .. "/pids.max", limit_of(number) .. "\n")
    end

    --- A container that is there has its own figures, in both ways to read them.
    local function check_alive(number)
      local row, message = cgroup.read(id_of(number))
      assert(row, message)
      assert.equal(limit_of(number), row.pids_limit)
      local stats = assert(modules.stats.container({ id = id_of(number) }, 0))
      assert.equal(limit_of(number), stats.pids_limit)
      assert.equal(row.cgroup_inode, stats.cgroup_inode)
    end

    --- What was read some time ago, out of the cache: of this container, or of the one before it.
    local function check_cached(number)
      local stats = modules.stats.container({ id = id_of(number) }, 50)
      if stats then
        assert.equal((number + 1) % IDS, (stats.pids_limit - limit_of(0) + 1) % IDS)
      end
    end

    local function check_gone(number)
      if place.version then -- the files of a folder that is gone can still be read
        assert.is_nil((cgroup.read(id_of(number))))
      end
    end

    --- Makes and removes containers from first on, with readings between, at RATE_PER_S or slower.
    local function churn(first, count)
      local from_s = now_s()
      for number = first, first + count - 1 do
        add(number)
        local oldest = number - ALIVE
        if oldest >= 0 then
          place.remove(path_of(oldest))
          check_gone(oldest)
        end
        check_alive(math.max(0, number - ALIVE + 1, number - number * 7 % ALIVE))
        check_cached(number)
        if number % 10 == 0 then
          assert(cgroup.refresh())
          most_seen = math.max(most_seen, cgroup.usage().containers)
          modules.stats.processes({ id = id_of(number) }, 0)
        end
        while SECONDS > 10 and now_s() < from_s + (number - first + 1) / RATE_PER_S do
          assert(cgroup.refresh())
        end
      end
    end

    local function remove_last(next_number)
      for number = math.max(0, next_number - ALIVE), next_number - 1 do
        place.remove(path_of(number))
      end
      assert(cgroup.refresh())
    end

    local function what_is_held()
      local usage = cgroup.usage()
      return {
        containers = usage.containers,
        directories = usage.directories,
        inotify_watches = usage.inotify_watches,
        kept_files = usage.kept_files,
        descriptors = descriptors_count(),
      }
    end

    it_where_possible("gives each its own figures and keeps nothing of the dead", function()
      local count = RATE_PER_S * SECONDS
      most_seen = 0
      churn(0, ALIVE * 2)
      remove_last(ALIVE * 2)
      local before, before_kib = what_is_held(), rss_anon_kib()

      for number = ALIVE * 2, ALIVE * 3 - 1 do
        add(number)
      end
      churn(ALIVE * 3, count)
      remove_last(ALIVE * 3 + count)

      local after = what_is_held()
      if place.version then -- others may make cgroups, too
        after.containers, after.directories, after.inotify_watches = nil, nil, nil
        before.containers, before.directories, before.inotify_watches = nil, nil, nil
      end
      assert.same(before, after)
      -- others may have made containers, which are kept while they are there
      local growth_max_kib = 2048 + 4 * most_seen
      if not has_checker then
        assert.is_true(rss_anon_kib() - before_kib < growth_max_kib, "memory grew from " .. before_kib .. " KiB")
      end
      assert.is_true(cgroup.usage().inotify_trusted)
    end)

    it_where_possible("finds at the next refresh what inotify dropped", function()
      local events_max = tonumber(files.read "/proc/sys/fs/inotify/max_queued_events")
      if events_max > 100000 then
        return pending("the queue of inotify is very long: " .. events_max)
      end
      add(1)
      add(2)
      assert(cgroup.refresh())
      local walks = cgroup.usage().walks_total
      check_alive(1)
      for _ = 1, events_max / 2 + 100 do
        place.add "churn1/storm"
        place.remove "churn1/storm"
      end
      place.remove(path_of(2))
      add(3)

      assert(cgroup.refresh())
      assert.equal(walks + 1, cgroup.usage().walks_total)
      check_alive(1)
      check_alive(3)
      check_gone(2)
      assert.is_true(cgroup.usage().inotify_trusted)
    end)
  end)
end
