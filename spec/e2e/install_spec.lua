--- What "cmake --install" puts into a prefix works from there, wherever the prefix is moved.
local lfs = require "lfs"

local podman = require "spec.support.podman"
local tmpdir = require "spec.support.tmpdir"

local BUILD = (os.getenv "MOONWATCH_BIN" or "build/dev/bin/moonwatch"):match "^(.*)/bin/[^/]+$"
local RECORDED = "spec/fixtures/kubelet-1.20-v1"

describe("An installed moonwatch", function()
  local dir, prefix

  setup(function()
    dir = tmpdir.new()
    prefix = dir.path .. "/moved"
    local output, status = podman.shell(("cmake --install %s --prefix %s/first && mv %s/first %s"):format(
      BUILD, dir.path, dir.path, prefix))
    assert(status == 0, output)
  end)

  teardown(function()
    dir:remove()
  end)

  local function check(name)
    return podman.shell(("%s/bin/moonwatch check %s --interval 0.05 --format json --host-root %s"):format(
      prefix, name, RECORDED))
  end

  it("runs the check that ships", function()
    local output, status = check "container_rt"

    assert.equal(0, status, output)
    assert.matches('"hostName":"kubelab-node"', output, 1, true)
  end)

  it("takes its scripts from beside itself, not from where it was built", function()
    dir:write { ["moved/share/moonwatch/checks/only_here.lua"] = [[
      return { api = 1, run = function(context) context:gauge("only.here", 1) return true end }
    ]] }

    local output, status = check "only_here"

    assert.equal(0, status, output)
    assert.matches('"metric":"only.here"', output, 1, true)
  end)

  it("has its configuration beside itself, and keeps one that is there", function()
    local output, status = podman.shell(prefix .. "/bin/moonwatch config check")

    assert.equal(0, status, output)
    assert.matches("^" .. prefix:gsub("%p", "%%%0") .. "/etc/moonwatch/moonwatch.lua: fine %(%d files%)", output)

    dir:write { ["moved/etc/moonwatch/moonwatch.lua"] = "return { parallel_runs = 3 }" }
    output, status = podman.shell(("cmake --install %s --prefix %s"):format(BUILD, prefix))
    assert.equal(0, status, output)
    output = podman.shell(prefix .. "/bin/moonwatch config show")
    assert.matches("parallel_runs +3 runs +" .. prefix:gsub("%p", "%%%0") .. "/etc/moonwatch/moonwatch.lua:1", output)
  end)

  it("has the unit of systemd, with the paths of what it starts", function()
    local place = dir.path .. "/place"
    local output, status = podman.shell(("cmake --install %s --prefix %s"):format(BUILD, place))
    assert.equal(0, status, output)
    local unit = assert(io.open(place .. "/lib/systemd/system/moonwatch.service")):read "*a"
    assert.is_truthy(unit:find("\nExecStart=" .. place .. "/bin/moonwatch run\n", 1, true), unit)
    local manual = place .. "/share/doc/moonwatch/docs/operating.md"
    assert.is_truthy(unit:find("\nDocumentation=file://" .. manual .. "\n", 1, true), unit)
    assert.is_nil(unit:find("/usr/local", 1, true))
  end)

  it("does not name the folder in which it was built in its scripts' place", function()
    assert.equal("", (podman.shell(("find %s -lname '/*'"):format(prefix))))
  end)

  it("gives plain luajit its modules, those in C and those in Lua", function()
    local output, status = podman.shell(([[
      cd / && export LUA_PATH='%s/share/lua/5.1/?.lua' LUA_CPATH='%s/lib/lua/5.1/?.so'
      luajit -e 'require "moonwatch.rates" print(require "moonwatch.batch".sizes(3, 2)[1])
        print(require "moonwatch.host".cpu_count() > 0, require "moonwatch".open ~= nil)'
    ]]):format(prefix, prefix))

    assert.equal(0, status, output)
    assert.equal("2\ntrue\ttrue\n", output)
  end)

  it("has its documents and its license", function()
    for _, name in ipairs { "README.md", "CHANGELOG.md", "LICENSE", "docs/architecture.md", "docs/scripting.md" } do
      assert.truthy(io.open(prefix .. "/share/doc/moonwatch/" .. name), name)
    end
  end)

  it("has what its documents point to", function()
    local checked = 0
    for _, name in ipairs { "README.md", "docs/architecture.md", "docs/benchmarks.md", "docs/scripting.md" } do
      local path = prefix .. "/share/doc/moonwatch/" .. name
      for target in assert(io.open(path)):read "*a":gmatch "%]%(([^)#:]+)[^)]*%)" do
        if target ~= "https" then
          assert.truthy(lfs.attributes(path:match "^(.*)/" .. "/" .. target), name .. ": " .. target)
          checked = checked + 1
        end
      end
    end
    assert.is_true(checked > 20)
  end)
end)
