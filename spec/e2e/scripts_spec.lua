--- Which scripts run, from which files, and what stands in front of what ships.
local cjson = require "cjson"

local daemon = require "spec.support.daemon"
local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local FINE = daemon.check "context:gauge('n', 1)"

describe("moonwatch scripts", function()
  local agent, shipped

  before_each(function()
    shipped = tmpdir.new()
    assert.equal(0, program.shell(("cp -r scripts/. %s"):format(shipped.path)).code)
  end)

  after_each(function()
    if agent then
      agent:remove()
      agent = nil
    end
    shipped:remove()
  end)

  local function own(name)
    return files.read("scripts/" .. name) .. "-- ours\n"
  end

  local function start(scripts, ...)
    agent = daemon.start { scripts = scripts, arguments = { ... }, env = { MOONWATCH_SCRIPTS = shipped.path } }
  end

  local function restart(check)
    agent:stop()
    agent.running = program.start {
      "run", "--host-root", daemon.HOST, "--set", "script_dirs=" .. agent.dir.path .. "/scripts", "--set",
      "socket=" .. agent.dir.path .. "/control.sock", "--set", "state_dir=" .. agent.dir.path, "--check", check,
      env = { MOONWATCH_SCRIPTS = shipped.path },
    }
    agent:wait_for_log "is ready"
  end

  local function listed(name)
    local outcome = agent:ask("scripts", "--format", "json")
    assert.equal(0, outcome.code, outcome.err)
    local all = cjson.decode(outcome.out)
    for _, list in ipairs { all.scripts, all.modules } do
      for _, item in ipairs(list) do
        if item.name == name then
          return item, all
        end
      end
    end
    return nil, all
  end

  it("tells of each script its file, its state, and since when this version runs", function()
    start({ ["checks/n.lua"] = FINE, ["checks/container_rt.lua"] = own "checks/container_rt.lua" },
      "--check", "n", "--check", "container_rt")
    local n, all = listed "n"
    assert.same({ "check", agent.dir.path .. "/scripts/checks/n.lua", 1 }, { n.kind, n.file, n.api })
    assert.is_true(math.abs(n.loaded_at_s - os.time()) < 60)
    assert.is_true(all.agent)
    local shadow = listed "container_rt"
    assert.equal(agent.dir.path .. "/scripts/checks/container_rt.lua", shadow.file)
    assert.equal(shipped.path .. "/checks/container_rt.lua", shadow.shadows)
    assert.is_false(shadow.shipped_changed)
    assert.is_nil(n.shadows)
    assert.equal(shipped.path .. "/sources/cgroup.lua", (listed "cgroup").file)

    local before = n.loaded_at_s
    agent:write("checks/n.lua", FINE .. "-- another\n")
    daemon.wait_until("the new version", function()
      return (listed "n").loaded_at_s > before
    end)
  end)

  it("tells it in a table, too, modules of the library included", function()
    start({ ["checks/n.lua"] = FINE, ["moonwatch/filter.lua"] = own "moonwatch/filter.lua" }, "--check", "n")
    local outcome = agent:ask "scripts"
    assert.equal(0, outcome.code, outcome.err)
    assert.matches("\nn +check +%l+ +1 +[%d.]+ s +yours +/", outcome.out)
    assert.matches("\ncgroup +source +%l+ +1 +[%d.]+ s +shipped +/", outcome.out)
    assert.matches("\nmoonwatch/filter +module +%- +%- +%- +yours, over shipped +/", outcome.out)
    local front = "moonwatch/filter stands in front of " .. shipped.path .. "/moonwatch/filter.lua"
    assert.is_truthy(outcome.out:find(front, 1, true))
  end)

  it("marks what shadows a file that has changed since, over restarts, until the copy changes", function()
    start({ ["checks/n.lua"] = FINE, ["moonwatch/filter.lua"] = own "moonwatch/filter.lua" }, "--check", "n")
    assert.is_false((listed "filter").shipped_changed)
    shipped:write { ["moonwatch/filter.lua"] = files.read "scripts/moonwatch/filter.lua" .. "-- a newer version\n" }
    restart "n"
    assert.is_true((listed "filter").shipped_changed)
    local status = agent:ask "status"
    assert.equal(0, status.code) -- good to know, and no problem
    assert.matches("/scripts/moonwatch/filter.lua stands in front of a shipped file that has changed since: "
      .. "moonwatch scripts diff moonwatch/filter\n", status.out)
    assert.matches("yours, shipped changed", agent:ask("scripts").out)

    agent:write("moonwatch/filter.lua", own "moonwatch/filter.lua" .. "-- brought up to date\n")
    assert.is_false((listed "filter").shipped_changed)
  end)

  it("says what the configuration names where no agent runs", function()
    local dir = tmpdir.new { ["scripts/checks/container.lua"] = own "checks/container.lua" }
    local conf = 'return { socket = "%s/none.sock", state_dir = "%s", checks = { "container" } }'
    dir:write { ["moonwatch.lua"] = conf:format(dir.path, dir.path) }
    local outcome = program.run {
      "scripts", "--config", dir.path .. "/moonwatch.lua", env = { MOONWATCH_SCRIPTS = shipped.path },
    }
    dir:remove()
    assert.equal(0, outcome.code)
    assert.matches("no agent listens at .*/none.sock: this is what the configuration names", outcome.err)
    assert.matches("\ncontainer +check +not running +%- +%- +yours, over shipped +/", outcome.out)
  end)

  describe("diff", function()
    local dir

    before_each(function()
      dir = tmpdir.new {
        ["moonwatch.lua"] = "return {}",
        ["scripts/checks/container_rt.lua"] = own "checks/container_rt.lua",
        ["scripts/checks/only_ours.lua"] = FINE,
        ["scripts/moonwatch/filter.lua"] = files.read "scripts/moonwatch/filter.lua",
      }
    end)

    after_each(function()
      dir:remove()
    end)

    local function diff(name, path)
      return program.run {
        "scripts", "diff", name, "--config", dir.path .. "/moonwatch.lua",
        env = { MOONWATCH_SCRIPTS = shipped.path, PATH = path }, prefix = path and "",
      }
    end

    it("shows what is different, and ends with 1", function()
      for _, name in ipairs { "container_rt", "checks/container_rt" } do
        local outcome = diff(name)
        assert.equal(1, outcome.code, outcome.err)
        assert.is_truthy(outcome.out:find("--- " .. shipped.path .. "/checks/container_rt.lua", 1, true), outcome.out)
        assert.matches("\n%+%-%- ours\n", outcome.out)
      end
    end)

    it("shows nothing of what is the same, modules included, and ends with 0", function()
      for _, name in ipairs { "moonwatch/filter", "moonwatch.filter", "filter" } do
        local outcome = diff(name)
        assert.same({ 0, "" }, { outcome.code, outcome.out }, outcome.err)
      end
      local outcome = diff "container"
      assert.equal(0, outcome.code)
      assert.matches("checks/container.lua is the shipped one: nothing stands in front of it", outcome.err)
    end)

    for what, case in pairs {
      ["what does not ship"] = { "only_ours", "only_ours.lua stands in front of nothing that ships" },
      ["what there is not"] = { "none", 'there is no script or module "none" below script_dirs' },
      ["two files without diff"] = {
        "container_rt", "diff is not installed: the package diffutils has it", "/nonexistent",
      },
    } do
      it("cannot compare " .. what .. ", and ends with 2", function()
        local outcome = diff(case[1], case[3])
        assert.equal(2, outcome.code)
        assert.is_truthy(outcome.err:find(case[2], 1, true), outcome.err)
      end)
    end
  end)
end)
