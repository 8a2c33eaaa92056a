--- inventory, stats and filter on recorded hosts.
local cjson = require "cjson"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local V2 = "spec/fixtures/v2/t0" -- ten containers
local BURNER = "d548c5b83fa61d8e3bd86ad42a7ffea9b7c86e3f9d8095c1577d3e1270bb9420"

local function run(...)
  return program.run { ... }
end

local function is_sorted(text)
  local json = require "moonwatch.json"
  return json.encode(json.decode(text)) .. "\n" == text
end

describe("with containers,", function()
  describe("moonwatch inventory", function()
    it("lists what cgroups show", function()
      local outcome = run("inventory", "--host-root", V2)
      assert.equal(0, outcome.code)
      assert.equal("", outcome.err)
      assert.matches("^CONTAINER +RUNTIME +STATE +", outcome.out)
      assert.matches("\nd548c5b83fa6  docker +running ", outcome.out)
      assert.matches("\n10 containers, %d+ pods?\n$", outcome.out)
    end)

    it("gives all of it as one object with sorted keys", function()
      local outcome = run("inventory", "--host-root", V2, "--format", "json")
      local body = cjson.decode(outcome.out)
      assert.is_true(is_sorted(outcome.out))
      assert.equal(10, #body.containers)
      assert.is_truthy(outcome.out:find('"pods":[]', 1, true)) -- a list, though it is empty
      assert.equal("cgroup", body.sources[1].name)
      assert.same({ "cgroup" }, body.containers[1].sources)
    end)

    it("has nothing to do where no container is", function()
      local empty = tmpdir.new {
        ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
        ["sys/fs/cgroup/cgroup.controllers"] = "cpu io memory pids\n",
      }
      local outcome = run("inventory", "--host-root", empty.path)
      empty:remove()
      assert.equal(3, outcome.code)
      assert.equal("moonwatch: no container is known\n", outcome.err)
    end)
  end)

  describe("moonwatch stats", function()
    local function figures_of(outcome)
      local figures = {}
      for _, figure in ipairs(cjson.decode(outcome.out).figures) do
        figures[figure.name] = figure
      end
      return figures
    end

    it("has the figures of the container's files, with units and rates", function()
      local outcome = run("stats", BURNER:sub(1, 6), "--host-root", V2, "--interval", "0.01", "--format", "json")
      assert.equal(0, outcome.code, outcome.err)
      assert.is_true(is_sorted(outcome.out))
      local figures = figures_of(outcome)
      local usage_usec = files.read(V2 .. "/sys/fs/cgroup/system.slice/docker-" .. BURNER .. ".scope/cpu.stat")
        :match "usage_usec (%d+)"
      assert.equal(tonumber(usage_usec) * 1000, figures.cpu_total_ns.value)
      assert.equal("ns", figures.cpu_total_ns.unit)
      assert.equal(0, figures.cpu_total_ns.rate_per_s)
      assert.equal(50, figures.cpu_limit_percent.value)
      assert.is_truthy(outcome.out:find('"interfaces":[]', 1, true))
    end)

    it("shows them in groups", function()
      local outcome = run("stats", BURNER, "--host-root", V2, "--interval", "0.01")
      assert.matches("^" .. BURNER .. "  docker  running\n\nCPU\nFIGURE ", outcome.out)
      assert.matches("\n\nmemory\nFIGURE ", outcome.out)
      assert.matches("\npids_current +%d", outcome.out)
    end)

    it("lists those that an id may mean, and suggests others", function()
      local outcome = run("stats", "8", "--host-root", V2, "--source", "cgroup")
      assert.equal(0, outcome.code, outcome.err)
      outcome = run("stats", "d549", "--host-root", V2)
      assert.equal(1, outcome.code)
      assert.equal("moonwatch: there is no container d549; did you mean d548c5b83fa6?\n", outcome.err)
      assert.equal("", outcome.out)
    end)
  end)

  describe("moonwatch filter test", function()
    it("names the rule that leaves a container out", function()
      local outcome = run("filter", "test", "--name", "web-1", "--set", "container_exclude=name:^web",
        "--format", "json")
      assert.equal(0, outcome.code, outcome.err)
      assert.is_true(is_sorted(outcome.out))
      local decision = cjson.decode(outcome.out)
      assert.is_true(decision.excluded)
      assert.equal("name:^web", decision.rule)
      assert.equal("name", decision.field)
      assert.equal("web-1", decision.text)
    end)

    it("keeps what no rule matches", function()
      local outcome = run("filter", "test", "--name", "x", "--set", "container_exclude=name:^web")
      assert.equal(0, outcome.code)
      assert.equal("kept: no rule matches\n", outcome.out)
    end)

    it("leaves out pause containers unless told otherwise", function()
      local pause = "registry.k8s.io/pause:3.9"
      assert.matches("^left out by image:[^\n]* of pause images", run("filter", "test", "--image", pause).out)
      assert.equal("kept: no rule matches\n",
        run("filter", "test", "--image", pause, "--set", "exclude_pause_container=false").out)
    end)

    it("looks at annotations", function()
      local outcome = run("filter", "test", "--name", "x", "--annotation", "ad.datadoghq.com/exclude=true",
        "--format", "json")
      assert.is_true(cjson.decode(outcome.out).excluded)
    end)

    it("says which rule does not compile, decides by the others, and fails", function()
      local outcome = run("filter", "test", "--name", "x", "--set", "container_exclude=name:( name:^x")
      assert.equal(1, outcome.code)
      assert.matches("^left out by name:^x of container_exclude", outcome.out)
      assert.matches("^moonwatch: [^\n]*invalid regex '%('", outcome.err)
    end)
  end)

  describe("moonwatch filter explain", function()

    it("fails for an id that there is not", function()
      local outcome = run("filter", "explain", "zz", "--host-root", V2)
      assert.equal(1, outcome.code)
      assert.matches("^moonwatch: there is no container zz", outcome.err)
    end)
  end)
end)
