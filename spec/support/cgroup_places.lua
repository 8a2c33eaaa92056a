--- Where a spec may make and remove cgroups: a function for each place, by its name, which returns nil
--- and the reason where it cannot. Paths are below the place.
---
---   add(path)           a cgroup, with those above it
---   remove(path)        one that has no cgroup in it
---   rename(from, to)
---   write(path, text)   into a file of a cgroup
---   close()             removes all that is left
---   host_root, below    for moonwatch.open, and what the paths of its containers begin with
---   version             of the hierarchy; nil: these are no real cgroups
local lfs = require "lfs"

local tmpdir = require "spec.support.tmpdir"

local M = {}

M["plain folders"] = function()
  local dir = tmpdir.new({
    ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
    ["sys/fs/cgroup/cgroup.controllers"] = "pids\n",
    ["proc/stat"] = "cpu0 0 0 0 0 0 0 0 0 0 0\n",
  }, "/dev/shm") -- in memory: a disk may be busy
  local top = dir.path .. "/sys/fs/cgroup/"
  return {
    host_root = dir.path,
    add = function(path)
      local folder = ""
      for part in path:gmatch "[^/]+" do
        folder = folder .. part .. "/"
        lfs.mkdir(top .. folder)
      end
      dir:write { ["sys/fs/cgroup/" .. path .. "/pids.current"] = "0\n" }
    end,
    remove = function(path)
      os.remove(top .. path .. "/pids.current")
      os.remove(top .. path .. "/pids.max")
      assert(lfs.rmdir(top .. path))
    end,
    rename = function(from, to) assert(os.rename(top .. from, top .. to)) end,
    write = function(path, text) dir:write { ["sys/fs/cgroup/" .. path] = text } end,
    close = function() dir:remove() end,
    below = "",
  }
end

-- From the bottom up; files of cgroups go with them.
local function remove_folders(path)
  for name in lfs.dir(path) do
    if name ~= "." and name ~= ".." and lfs.symlinkattributes(path .. "/" .. name, "mode") == "directory" then
      remove_folders(path .. "/" .. name)
    end
  end
  lfs.rmdir(path)
end

-- In a root of this spec's own, below which only it makes and removes anything.
M["the cgroups of this machine"] = function()
  local controllers = assert(require("moonwatch").open {}).cgroup.controllers()
  local pids = controllers and controllers.pids
  if not pids then
    return nil, "this machine has no controller pids"
  end
  local root = "mw-spec-" .. (lfs.symlinkattributes("/proc/self", "target") or "0")
  local top = pids.mount_path .. "/" .. root
  local done, why = lfs.mkdir(top)
  if not done then
    return nil, "no right to make a cgroup: " .. why
  end
  return {
    version = pids.version,
    add = function(path)
      local folder = top
      for part in path:gmatch "[^/]+" do
        folder = folder .. "/" .. part
        lfs.mkdir(folder)
      end
    end,
    remove = function(path) assert(lfs.rmdir(top .. "/" .. path)) end,
    rename = function(from, to) assert(os.rename(top .. "/" .. from, top .. "/" .. to)) end,
    write = function(path, text)
      local file = assert(io.open(top .. "/" .. path, "w"))
      assert(file:write(text))
      assert(file:close())
    end,
    close = function() remove_folders(top) end,
    below = "/" .. root,
  }
end

return M
