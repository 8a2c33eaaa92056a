--- libmoonwatch as a C program sees it: what it exports, and a program that links it.
local podman = require "spec.support.podman"
local tmpdir = require "spec.support.tmpdir"

local BUILD = (os.getenv "MOONWATCH_BIN" or "build/dev/bin/moonwatch"):match "^(.*)/bin/[^/]+$"
local LIBRARY = BUILD .. "/lib/libmoonwatch.so"

local PROGRAM = [[
#include <moonwatch/cgroup.h>
#include <moonwatch/host.h>
#include <stdio.h>

static bool count(void *data, const struct mw_cgroup_container *container)
{
  (void)container;
  ++*(int *)data;
  return true;
}

int main(int argc, char **argv)
{
  struct mw_error err = {0};
  int containers = 0;
  struct mw_host *host = mw_host_new(&(struct mw_host_config){.host_root = argv[argc - 1]}, &err);
  struct mw_cgroups *cgroups =
      mw_cgroups_open(&(struct mw_cgroups_config){.host_root = argv[argc - 1]}, &err);

  if (!host || !cgroups || mw_cgroups_refresh(cgroups, &err) < 0 ||
      mw_cgroups_each(cgroups, count, &containers, &err) < 0) {
    fprintf(stderr, "%s\n", err.text);
    return 1;
  }
  printf("%u CPUs, %d containers\n", mw_host_cpu_count(host), containers);
  mw_cgroups_close(cgroups);
  mw_host_free(host);
  return 0;
}
]]

local function shell(command)
  local output, status = podman.shell(command)
  assert.equal(0, status, command .. "\n" .. output)
  return output
end

--- The public headers without their comments.
local function headers()
  return "\n" .. shell "cat include/moonwatch/*.h":gsub("/%*.-%*/", "")
end

--- Every name that a public header declares MW_API, sorted.
local function declared_names()
  local text = headers()
  local names = {}
  for declaration in text:gmatch "\nMW_API ([^;{]*)" do
    table.insert(names, (assert(declaration:match "([%w_]+)%s*[%(%[]", declaration)))
  end
  table.sort(names)
  return names
end

local function exported_names()
  local names = {}
  for name in shell("nm --dynamic --defined-only " .. LIBRARY):gmatch "%x+ %a ([%w_]+)" do
    table.insert(names, name)
  end
  table.sort(names)
  return names
end

describe("libmoonwatch", function()
  it("exports what its headers mark MW_API, and nothing else", function()
    local declared = declared_names()

    assert.is_true(#declared > 20)
    assert.same(declared, exported_names())
  end)

  it("offers every function that its headers declare", function()
    for line in headers():gmatch "\n(%a[^\n;]*[ *]mw_[%w_]+%()" do
      local marked = line:find "^MW_API " or line:find "^static inline " or line:find "^typedef "
      assert.truthy(marked, line .. ": neither MW_API nor inline")
    end
  end)

  it("has a name with the version that programs are bound to", function()
    assert.matches("SONAME%s+libmoonwatch%.so%.0\n", shell("objdump -p " .. LIBRARY))
  end)

  it("needs no Lua", function()
    assert.not_matches("lua", shell("objdump -p " .. LIBRARY))
  end)

  it("needs no libcurl until something is asked", function()
    assert.not_matches("libcurl", shell("objdump -p " .. LIBRARY))
  end)

  it("is found by pkg-config where it was installed, and works from C", function()
    local dir = tmpdir.new { ["program.c"] = PROGRAM }
    finally(function() dir:remove() end)

    local prefix = dir.path .. "/prefix"
    shell(("cmake --install %s --prefix %s"):format(BUILD, prefix))
    shell(("cd %s && cc -std=gnu11 -Wall -Wextra -Werror program.c -o program "):format(dir.path)
      .. ("$(PKG_CONFIG_PATH=%s/lib/pkgconfig pkg-config --cflags --libs moonwatch)"):format(prefix))
    local run = ("LD_LIBRARY_PATH=%s/lib %s/program spec/fixtures/kubelet-1.20-v1"):format(prefix, dir.path)

    assert.equal("2 CPUs, 9 containers\n", shell(run))
  end)
end)
