--- Containers that come and go, in plain folders and in the cgroups of this machine.
local lfs = require "lfs"

local cgroup_places = require "spec.support.cgroup_places"
local tmpdir = require "spec.support.tmpdir"

local function id_of(number)
  return ("%064x"):format(number)
end

local function ids_of(cgroup)
  assert(cgroup.refresh())
  local ids = {}
  for i, container in ipairs(assert(cgroup.containers())) do
    ids[i] = container.id
  end
  return ids
end

for name, new_place in pairs(cgroup_places) do
  describe("moonwatch.cgroup, in " .. name .. ",", function()
    local place, why, cgroup

    -- Only what is below the place: others make cgroups too.
    local function ids_here()
      assert(cgroup.refresh())
      local ids = {}
      for _, container in ipairs(assert(cgroup.containers())) do
        if container.path:sub(1, #place.below) == place.below then
          table.insert(ids, container.id)
        end
      end
      return ids
    end

    before_each(function()
      place, why = new_place()
      if place then
        cgroup = assert(require("moonwatch").open { host_root = place.host_root }).cgroup
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

    it_where_possible("finds what was there, what comes, and what goes", function()
      place.add("docker/" .. id_of(1))
      assert.same({ id_of(1) }, ids_here())
      place.add("docker/" .. id_of(2))
      place.add("later/" .. id_of(3))
      assert.same({ id_of(1), id_of(2), id_of(3) }, ids_here())
      place.remove("docker/" .. id_of(2))
      assert.same({ id_of(1), id_of(3) }, ids_here())
      assert.is_true(cgroup.usage().inotify_trusted)
      assert.equal(1, cgroup.usage().walks_total)
    end)

    it_where_possible("reads a container that no refresh has seen yet", function()
      ids_here()
      place.add("docker/" .. id_of(4))
      assert.equal(0, assert(cgroup.read(id_of(4))).pids_current)
    end)

    it_where_possible("finds containers inside containers", function()
      place.add("docker/" .. id_of(1))
      assert.same({ id_of(1) }, ids_here())
      place.add("docker/" .. id_of(1) .. "/system.slice/docker-" .. id_of(2) .. ".scope")
      assert.same({ id_of(1), id_of(2) }, ids_here())
      place.remove("docker/" .. id_of(1) .. "/system.slice/docker-" .. id_of(2) .. ".scope")
      assert.same({ id_of(1) }, ids_here())
    end)

    it_where_possible("tells a container that is restarted under its id from the old one", function()
      place.add("docker/" .. id_of(1))
      local before = assert(cgroup.read(id_of(1)))
      place.add("docker/other") -- so that the inode is not used again
      place.remove("docker/" .. id_of(1))
      place.add("docker/another")
      place.add("docker/" .. id_of(1))
      assert.same({ id_of(1) }, ids_here())
      local after = assert(cgroup.read(id_of(1)))
      if place.version then -- plain folders may get the old inode again
        assert.not_equal(before.cgroup_inode, after.cgroup_inode)
      end
      assert.equal(0, after.pids_current)
    end)

    it_where_possible("goes on after a container was renamed", function()
      if place.version == 2 then
        return pending "version 2 has no renaming"
      end
      place.add("docker/" .. id_of(1))
      place.add("docker/" .. id_of(1) .. "/inside")
      assert.same({ id_of(1) }, ids_here())
      place.rename("docker/" .. id_of(1), "docker/" .. id_of(2))
      assert.same({ id_of(2) }, ids_here())
      assert.equal(0, assert(cgroup.read(id_of(2))).pids_current)
      assert.is_nil((cgroup.read(id_of(1))))
    end)

    it_where_possible("keeps up with 300 that come and go", function()
      local expected = {}
      for i = 1, 300 do
        place.add("many/" .. id_of(i))
        if i % 3 == 0 then
          table.insert(expected, id_of(i))
        end
        if i == 150 then
          assert.equal(150, #ids_here())
        end
      end
      for i = 1, 300 do
        if i % 3 ~= 0 then
          place.remove("many/" .. id_of(i))
        end
      end
      assert.same(expected, ids_here())
      assert.is_true(cgroup.usage().inotify_trusted)
      assert.equal(1, cgroup.usage().walks_total)
    end)

    it_where_possible("lists a directory that takes more than one answer", function()
      for i = 1, 300 do
        place.add("many/" .. id_of(i))
      end
      assert(cgroup.walk())
      assert.equal(300, #ids_here())
    end)

    it_where_possible("closes what it kept of a container that is gone", function()
      place.add("docker/" .. id_of(1))
      ids_here()
      local before = cgroup.usage().kept_files
      assert(cgroup.read(id_of(1)))
      assert.is_true(cgroup.usage().kept_files > before)
      place.remove("docker/" .. id_of(1))
      local row, message, code = cgroup.read(id_of(1))
      if place.version then -- the files of a folder that is gone can still be read
        assert.is_nil(row)
        assert.matches(" is gone$", message)
        assert.equal(2, code) -- ENOENT
      end
      ids_here()
      assert.equal(before, cgroup.usage().kept_files)
    end)

    it_where_possible("goes up a generation with each change, and only then", function()
      local before = assert(cgroup.refresh())
      if name == "plain folders" then -- elsewhere others may change something
        assert.equal(before, cgroup.refresh())
      end
      place.add("docker/" .. id_of(1))
      assert.is_true(cgroup.refresh() > before)
    end)
  end)
end

describe("moonwatch.cgroup", function()
  local dir

  after_each(function()
    dir:remove()
  end)

  it("passes over names that are no ids, however odd", function()
    dir = tmpdir.new {
      ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
      ["sys/fs/cgroup/cgroup.controllers"] = "pids\n",
    }
    local top = dir.path .. "/sys/fs/cgroup/"
    for _, name in ipairs {
      "a b", "new\nline", "\255\254", "%s%n", "-", "..x", ("x"):rep(255), "\27[31m", id_of(1):upper():gsub("0", "F"),
      "\255" .. id_of(7) .. "\n",
    } do
      assert(lfs.mkdir(top .. name))
    end
    local cgroup = assert(require("moonwatch").open { host_root = dir.path }).cgroup
    assert.same({ id_of(7) }, ids_of(cgroup))
  end)

  it("goes on below a path that is too long for the kernel", function()
    dir = tmpdir.new {
      ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
      ["sys/fs/cgroup/cgroup.controllers"] = "pids\n",
      ["sys/fs/cgroup/docker/" .. id_of(1) .. "/pids.current"] = "1\n",
    }
    local before = lfs.currentdir()
    assert(lfs.chdir(dir.path .. "/sys/fs/cgroup"))
    for _ = 1, 20 do
      assert(lfs.mkdir(("z"):rep(250)))
      assert(lfs.chdir(("z"):rep(250)))
    end
    for _ = 1, 20 do
      assert(lfs.chdir "..")
    end
    assert(lfs.chdir(before))
    local cgroup = assert(require("moonwatch").open { host_root = dir.path }).cgroup
    assert.same({ id_of(1) }, ids_of(cgroup))
    os.execute("rm -rf " .. dir.path .. "/sys/fs/cgroup/zzz*") -- deeper than tmpdir can name
  end)
end)
