local moonwatch = require "moonwatch"
local tmpdir = require "spec.support.tmpdir"

local ID = ("0123456789abcdef"):rep(4)
local CGROUP = "sys/fs/cgroup/docker/" .. ID .. "/"

local function host_of(files)
  local tree = {
    ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
    ["proc/cpuinfo"] = "processor : 0\nprocessor : 1\n",
    ["sys/fs/cgroup/cgroup.controllers"] = "cpu memory pids\n",
  }
  for name, text in pairs(files) do
    tree[CGROUP .. name] = text
  end
  local dir = tmpdir.new(tree)
  return assert(moonwatch.open { host_root = dir.path }), dir
end

local FILES = {
  ["cpu.max"] = "max 100000\n",
  ["cpu.stat"] = "usage_usec 3\nuser_usec 1\nsystem_usec 2\n",
  ["memory.current"] = "4096\n",
  ["pids.current"] = "7\n",
}

describe("moonwatch.stats", function()
  describe("values", function()
    local host, dir, stats

    before_each(function()
      host, dir = host_of(FILES)
      stats = host.stats
      assert(host.cgroup.walk())
    end)

    after_each(function()
      dir:remove()
    end)

    it("gives the figures in the order of their names, nil for what is absent", function()
      local figures = stats.figures { "pids_current", "memory_limit_bytes", "cpu_total_ns", "memory_usage_bytes" }
      local epoch, read_s, pids, limit, cpu_ns, usage = stats.values(stats.follow { id = ID }, 0, figures)
      assert.is_number(epoch)
      assert.is_number(read_s)
      assert.same({ 7, nil, 3000, 4096 }, { pids, limit, cpu_ns, usage })
    end)

    it("gives the limit of CPU time, and whether it is a real one", function()
      local figures = stats.figures { "cpu_limit_percent", "cpu_limit_defaulted" }
      local _, _, percent, defaulted = stats.values(stats.follow { id = ID }, 0, figures)
      assert.equal(100 * host.host.cpu_count(), percent)
      assert.is_true(defaulted)
    end)

    it("stays in one epoch as long as the cgroup is the same", function()
      local figures, followed = stats.figures { "pids_current" }, stats.follow { id = ID }
      local epoch = stats.values(followed, 0, figures)
      assert.equal(epoch, (stats.values(followed, 0, figures)))
      assert.equal(epoch, (stats.values(stats.follow({ id = ID, runtime = "docker" }, followed), 0, figures)))
      assert.not_equal(epoch, (stats.values(stats.follow { id = ID }, 0, figures)))
      assert.not_equal(epoch, (stats.values(stats.follow({ id = ID }, stats.follow { id = "x" }), 0, figures)))
    end)

    it("goes on in an epoch that was kept as bytes", function()
      local figures, followed = stats.figures { "pids_current" }, stats.follow { id = ID }
      local epoch = stats.values(followed, 0, figures)
      local kept = stats.epochs(followed)
      for _ = 1, 2 do -- also when nothing was read in between
        local again = stats.follow({ id = ID }, kept)
        kept = stats.epochs(again)
        assert.equal(epoch, (stats.values(stats.follow({ id = ID }, kept), 0, figures)))
      end
      local changed = kept:sub(1, -2) .. string.char((kept:byte(-1) + 1) % 256)
      for _, other in ipairs { "", "x", kept .. "x", string.char((kept:byte(1) + 1) % 256) .. kept:sub(2) } do
        assert.not_equal(epoch, (stats.values(stats.follow({ id = ID }, other), 0, figures)))
      end
      assert.is_number((stats.values(stats.follow({ id = ID }, changed), 0, figures)))
    end)

    it("begins another epoch with another cgroup of the same id", function()
      local figures, followed = stats.figures { "pids_current" }, stats.follow { id = ID }
      local epoch = stats.values(followed, 0, figures)
      local cgroup = dir.path .. "/sys/fs/cgroup/docker/"
      assert(os.rename(cgroup .. ID, cgroup .. "gone"))
      dir:write { [CGROUP .. "pids.current"] = "9\n", [CGROUP .. "memory.current"] = "1\n" }
      assert(host.cgroup.walk())
      local next_epoch, _, pids = stats.values(followed, 0, figures)
      assert.equal(9, pids)
      assert.not_equal(epoch, next_epoch)
    end)

    it("finds a container again when others have left", function()
      local other = ("f"):rep(64)
      dir:write { ["sys/fs/cgroup/docker/" .. other .. "/pids.current"] = "5\n" }
      assert(host.cgroup.walk())
      local figures = stats.figures { "pids_current" }
      local followed, gone = stats.follow { id = ID }, stats.follow { id = other }
      assert.equal(5, (select(3, stats.values(gone, 0, figures))))
      assert.equal(7, (select(3, stats.values(followed, 0, figures))))
      assert(os.execute(("rm -r '%s/sys/fs/cgroup/docker/%s'"):format(dir.path, other)) == 0)
      assert(host.cgroup.walk())
      local epoch, message, code = stats.values(gone, 0, figures)
      assert.is_nil(epoch)
      assert.matches(other, message, 1, true)
      assert.equal(2, code) -- ENOENT
      assert.equal(7, (select(3, stats.values(followed, 0, figures))))
    end)

    it("can be asked of another host", function()
      local there, there_dir = host_of { ["pids.current"] = "8\n", ["memory.current"] = "1\n" }
      assert(there.cgroup.walk())
      local followed = stats.follow { id = ID }
      for _ = 1, 3 do
        assert.equal(7, (select(3, stats.values(followed, 0, stats.figures { "pids_current" }))))
        assert.equal(8, (select(3, there.stats.values(followed, 0, stats.figures { "pids_current" }))))
      end
      there_dir:remove()
    end)

    it("raises when it is used wrongly", function()
      local followed, figures = stats.follow { id = ID }, stats.figures {}
      assert.error_matches(function() stats.follow {} end, "id is a nil")
      assert.error_matches(function() stats.follow({ id = ID }, figures) end, "not what stats.follow%(%) gave")
      assert.error_matches(function() stats.values({ id = ID }, 0, figures) end, "not what stats.follow%(%) gave")
      assert.error_matches(function() stats.values(followed, 0) end, "not a set that stats.figures%(%) gave")
      assert.error_matches(function() stats.values(followed, 0 / 0, figures) end, "not a number")
      assert.error_matches(function() stats.network_values(figures, 0) end, "not what stats.follow%(%) gave")
      local names = {}
      for i = 1, 100 do
        names[i] = "pids_current"
      end
      assert.error_matches(function() stats.figures(names) end, "more names than there are figures")
    end)
  end)

  describe("network_values", function()
    it("gives the same as network()", function()
      local host = moonwatch.open { host_root = "spec/fixtures/kubelet-1.20-v1" }
      local compared = 0
      assert(host.cgroup.walk())
      for _, container in ipairs(host.cgroup.containers()) do
        local row, followed = host.stats.network(container, 1e6), host.stats.follow(container)
        local epoch, read_s, rcvd_bytes, rcvd_packets, sent_bytes, sent_packets, on_host =
          host.stats.network_values(followed, 1e6)
        assert.equal(row ~= nil, epoch ~= nil)
        if row then
          compared = compared + 1
          assert.same({ row.network_read_s, row.network_rcvd_bytes, row.network_rcvd_packets_total },
            { read_s, rcvd_bytes, rcvd_packets })
          assert.same({ row.network_sent_bytes, row.network_sent_packets_total, row.host_network },
            { sent_bytes, sent_packets, on_host })
          assert.equal(row.network_namespace, host.stats.network_namespace(followed))
        end
      end
      assert.is_true(compared > 0)
    end)
  end)
end)
