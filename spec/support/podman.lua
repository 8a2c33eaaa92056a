--- Real containers for end-to-end specs, with Podman and runc, away from the host's own.
---
--- Everything lives below one temporary folder and one cgroup. A guardian, a small shell process,
--- waits until stop() is called or this process dies, of whatever, and removes it all.
local cjson = require "cjson"

local files = require "spec.support.files"

local M = {}

local CGROUP_ROOT = "/sys/fs/cgroup"

-- Debian's build machines may not raise limits, and have no network to give.
local RUN_OPTIONS = "--detach --ulimit nofile=1024:1024 --ulimit nproc=1024:1024"
local GLOBAL_OPTIONS = "--root %s/root --runroot %s/runroot --tmpdir %s/tmp --storage-driver vfs"
  .. " --cgroup-manager cgroupfs --runtime runc --events-backend none"

-- Signals of the terminal reach the whole group, so the guardian ignores them: the end of its
-- input is what it waits for, and that comes however the spec ends.
local GUARDIAN = [[
trap '' INT TERM HUP
cat > /dev/null
exec 2> /dev/null
{podman} rm --all --force --time 0 > /dev/null
for round in 1 2 3 4 5 6 7 8 9 10; do
  find {cgroup} -path '*/{parent}/*' -name cgroup.procs -exec cat {} + | sort -u | xargs -r kill -9
  find {cgroup} -depth -type d -path '*/{parent}*' -exec rmdir {} +
  [ -z "$(find {cgroup} -type d -name '{parent}')" ] && break
  sleep 0.2
done
grep -o ' {dir}/[^ ]*' /proc/mounts | sort -r | xargs -r umount
rm -rf '{dir}'
]]

-- What the kernel says: read here in a way of its own, so that specs compare two readers.
local FIGURES = {
  cpu_total_ns = {
    [1] = { "cpuacct", "cpuacct.usage", "^(%d+)", 1 },
    [2] = { "cpu", "cpu.stat", "usage_usec (%d+)", 1000 },
  },
  cpu_quota_us = {
    [1] = { "cpu", "cpu.cfs_quota_us", "^(%d+)", 1 },
    [2] = { "cpu", "cpu.max", "^(%d+)", 1 },
  },
  memory_usage_bytes = {
    [1] = { "memory", "memory.usage_in_bytes", "^(%d+)", 1 },
    [2] = { "memory", "memory.current", "^(%d+)", 1 },
  },
  memory_limit_bytes = {
    [1] = { "memory", "memory.limit_in_bytes", "^(%d+)", 1 },
    [2] = { "memory", "memory.max", "^(%d+)", 1 },
  },
  pids_current = {
    [1] = { "pids", "pids.current", "^(%d+)", 1 },
    [2] = { "pids", "pids.current", "^(%d+)", 1 },
  },
  pids_limit = {
    [1] = { "pids", "pids.max", "^(%d+)", 1 },
    [2] = { "pids", "pids.max", "^(%d+)", 1 },
  },
  io_write_bytes = { -- absent until the kernel counts
    [1] = { "blkio", "blkio.throttle.io_service_bytes", " Write (%d+)", 1 },
    [2] = { "io", "io.stat", "wbytes=(%d+)", 1 },
  },
}

--- Run a shell command. What it says on its error output comes with the rest.
---@return string output, integer status
function M.shell(command)
  local pipe = assert(io.popen("(" .. command .. "\n) 2>&1; echo \"\n$?\"", "re"))
  local output, status = pipe:read("*a"):match "^(.*)\n(%d+)\n$"
  pipe:close()
  return output, tonumber(status)
end

local function missing_program()
  for _, program in ipairs { "podman", "runc", "busybox", "findmnt" } do
    if select(2, M.shell("command -v " .. program)) ~= 0 then
      return program .. " is not installed"
    end
  end
  if M.shell "id -u" ~= "0\n" then
    return "containers with cgroups of their own need root"
  end
end

-- ---- Containers ----------------------------------------------------------------------------

---@class TestContainer
---@field id string
---@field name string
---@field pid string
local Container = {}
Container.__index = Container

-- Version and mount point of a controller of version 1, and the container's path below it; what
-- version 1 does not have here is in version 2.
local function find_controller(pid, controller)
  local v2_mount
  for mount, kind, options in files.read_if_there("/proc/mounts"):gmatch "[^ \n]+ ([^ ]+) (cgroup2?) ([^ ]+)" do
    if kind == "cgroup2" then
      v2_mount = mount
    elseif ("," .. options .. ","):find("," .. controller .. ",", 1, true) then
      local line = "%d+:[%w,]*" .. controller .. "[%w,]*:([^\n]*)"
      return 1, mount, files.read_if_there("/proc/" .. pid .. "/cgroup"):match(line)
    end
  end
  return 2, v2_mount, files.read_if_there("/proc/" .. pid .. "/cgroup"):match "0::([^\n]*)"
end

--- A figure of the kernel's own files, nil when the kernel does not give it.
---@param name string  a key of FIGURES
---@return number?
function Container:read(name)
  local rows = assert(FIGURES[name], name)
  local version, mount, path = find_controller(self.pid, rows[1][1])
  local _, file, pattern, scale = unpack(rows[version])
  local text = files.read_if_there(mount .. path .. "/" .. file)
  local value = text and text:match(pattern)
  return value and tonumber(value) * scale
end

-- ---- A host of containers ------------------------------------------------------------------

---@class TestHost
---@field dir string
local Host = {}
Host.__index = Host

--- Start a container that runs @p script in a busybox of its own.
---@param name string
---@param options string  for "podman run"; without --network there is none but lo
---@param script string
---@return TestContainer?, string? reason
function Host:run(name, options, script)
  local root = self.dir .. "/" .. name
  M.shell(("mkdir -p %s/bin && cp $(command -v busybox) %s/bin/busybox"):format(root, root)
    .. (" && ln -s busybox %s/bin/sh"):format(root))
  local all_options = RUN_OPTIONS .. (options:find "%-%-network" and " " or " --network none ") .. options
  local output, status = M.shell(("%s run %s --cgroup-parent /%s --name %s --rootfs %s /bin/sh -c '%s'"):format(
    self.podman, all_options, self.parent, name, root, script))
  if status ~= 0 then
    return nil, "podman cannot start containers here: " .. output
  end
  local pid = M.shell(("%s inspect --format '{{.State.Pid}}' %s"):format(self.podman, name)):match "%d+"
  return setmetatable({ id = output:match "(%x+)%s*$", name = name, pid = pid }, Container)
end

--- Version 1 counts a disk only below a cgroup with a rule for it, so set one that limits nothing.
function Host:count_io()
  local device = M.shell("findmnt -n -o MAJ:MIN -T " .. self.dir):match "%d+:%d+"
  local whole = files.read_if_there(("/sys/dev/block/%s/../dev"):format(device))
  local rules = ("%s/blkio/%s/blkio.throttle.write_bps_device"):format(CGROUP_ROOT, self.parent)
  local file = io.open(rules, "w")
  if file then
    file:write((whole or device):match "%d+:%d+", " 100000000000")
    file:close()
  end
end

--- What "podman stats" says, by container id (its first 12 digits).
---@return table<string, { mem_usage: string, pids: string }>
function Host:stats()
  local output, status = M.shell(self.podman .. " stats --no-stream --format json")
  assert(status == 0, output)
  local by_id = {}
  for _, row in ipairs(cjson.decode(output)) do
    by_id[row.id] = row
  end
  return by_id
end

--- Remove containers, cgroups and files; returns when they are gone. Safe to call twice.
function Host:stop()
  if self.guardian then
    self.guardian:close()
    self.guardian = nil
  end
end

local function fill(template, values)
  return (template:gsub("{(%l+)}", values))
end

---@return TestHost?, string? reason  why there can be no containers here
function M.start()
  local missing = missing_program()
  if missing then
    return nil, missing
  end
  -- Not /tmp, which may be in memory: a container has to write to a real disk.
  local dir = M.shell("mktemp -d /var/tmp/moonwatch-e2e.XXXXXX"):match "%S+"
  local host = setmetatable({
    dir = dir,
    parent = dir:match "[^/]+$",
    podman = "podman " .. GLOBAL_OPTIONS:gsub("%%s", dir),
  }, Host)
  -- "e": or the containers would inherit the pipe and keep the guardian waiting.
  host.guardian = assert(io.popen(fill(GUARDIAN, {
    podman = host.podman, cgroup = CGROUP_ROOT, parent = host.parent, dir = dir,
  }), "we"))
  return host
end

return M
