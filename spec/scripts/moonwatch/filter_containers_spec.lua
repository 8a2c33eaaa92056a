--- The filter on containers of the inventory, and on what operators and images may throw at it.
local filter = require "moonwatch.filter"
local pause_images = require "moonwatch.pause_images"

describe("a container of the inventory", function()
  local built = filter.new {
    kind = "metrics",
    container_exclude = "image:^reg.local:5000/x/app$ name:^foo$ kube_namespace:^system$",
  }

  for what, case in pairs {
    ["by its image without tag"] = { { image = "reg.local:5000/x/app:1.0" }, true },
    ["by its image without digest"] = { { image = "reg.local:5000/x/app@sha256:12" }, true },
    ["not by another image"] = { { image = "reg.local:5000/x/apple:1.0" }, false },
    ["by its name"] = { { name = "foo", image = "redis" }, true },
    ["by the namespace in its labels"] = { { labels = { ["io.kubernetes.pod.namespace"] = "system" } }, true },
    ["by the namespace of its pod"] = { { pod = { namespace = "system" } }, true },
    ["by the label, whatever its pod says"] = {
      { labels = { ["io.kubernetes.pod.namespace"] = "other" }, pod = { namespace = "system" } }, false,
    },
    ["by annotations of its pod"] = {
      { name = "x", pod = { annotations = { ["ad.datadoghq.com/x.metrics_exclude"] = "true" } } }, true,
    },
    ["not when nothing is known but its id"] = { { id = "abc" }, false },
  } do
    it("is judged " .. what, function()
      assert.equal(case[2], built:decide_container(case[1]).excluded)
    end)
  end

  it("with an image that is only an id is judged by that id", function()
    local by_id = filter.new { kind = "metrics", container_exclude = "image:^sha256:12$" }
    assert.is_true(by_id:decide_container({ image = "sha256:12" }).excluded)
  end)

  it("is judged once", function()
    local container = { name = "foo" }
    local decision = built:decide_container(container)
    assert.equal(decision, built:decide_container(container))
    assert.not_equal(decision, built:decide_container { name = "foo" })
  end)

  it("is forgotten when nobody else knows it", function()
    local decision = setmetatable({ built:decide_container { name = "gone" } }, { __mode = "v" })
    collectgarbage()
    collectgarbage()
    assert.is_nil(decision[1])
  end)
end)

describe("a container that its pod does not name", function()
  local built = filter.new { kind = "metrics", container_include = "kube_namespace:^kept$" }
  local pod = { uid = "1", name = "web", namespace = "shop" }

  it("is taken for a pause container", function()
    local decision = built:decide_container { id = "a", pod_uid = "1", pod = pod }
    assert.is_true(decision.excluded)
    assert.same({ "its pod does not name it", "pause images" }, { decision.rule, decision.list })
  end)

  for what, container in pairs {
    ["it has a name"] = { id = "a", name = "web", pod = pod },
    ["it has an image"] = { id = "a", image = "web:1", pod = pod },
    ["nobody knows its pod"] = { id = "a", pod_uid = "1" },
    ["a rule includes it"] = { id = "a", pod = { uid = "1", name = "web", namespace = "kept" } },
  } do
    it("is kept when " .. what, function()
      assert.is_false(built:decide_container(container).excluded)
    end)
  end

  it("is kept with the other pause containers", function()
    local keeping = filter.new { kind = "metrics", exclude_pause_container = false }
    assert.is_false(keeping:decide_container({ id = "a", pod = pod }).excluded)
    assert.is_false(filter.new({ kind = "global" }):decide_container({ id = "a", pod = pod }).excluded)
  end)
end)

describe("the labels of a sandbox", function()
  for what, case in pairs {
    ["say POD"] = { { ["io.kubernetes.container.name"] = "POD", ["io.kubernetes.pod.name"] = "x" }, true },
    ["name a container"] = {
      { ["io.kubernetes.container.name"] = "storage-provisioner", ["io.kubernetes.pod.name"] = "x" }, false,
    },
    ["name a pod and no container"] = { { ["io.kubernetes.pod.name"] = "kube-proxy-f5dvk" }, true },
    ["name both"] = { { ["io.kubernetes.container.name"] = "redis-ctr", ["io.kubernetes.pod.name"] = "redis" }, false },
    ["are empty"] = { {}, false },
  } do
    it("are told when they " .. what, function()
      assert.equal(case[2], pause_images.is_sandbox(case[1]))
    end)
  end

  it("are not there", function()
    assert.is_false(pause_images.is_sandbox(nil))
  end)
end)

describe("bad input", function()
  for entry, what in pairs {
    ["name:(a"] = "missing closing ): `(a`",
    ["name:a)"] = "unexpected ): `a)`",
    ["name:[a"] = "missing closing ]: `[a`",
    ["name:(?<!a)b"] = "invalid or unsupported Perl syntax: `(?<`",
    ["name:(a)\\1"] = "invalid escape sequence: `\\1`",
    ["name:a*+"] = "invalid nested repetition operator: `*+`",
    ["name:(?>a)"] = "invalid or unsupported Perl syntax: `(?>`",
    ["name:a\\Z"] = "invalid escape sequence: `\\Z`",
    ["name:(?R)"] = "invalid or unsupported Perl syntax: `(?R`",
    ["name:\\C"] = "invalid escape sequence: `\\C`",
    ["name:a{1001}"] = "invalid repeat count: `{1001}`",
    ["name:a\255"] = "invalid UTF-8: `a\\xff`",
    ["name:" .. ("a"):rep(5000)] = "expression too large: `",
    ["name:" .. ("("):rep(2000) .. (")"):rep(2000)] = "expression nests too deeply: `",
  } do
    it(("such as %.30q is refused, and the rest holds"):format(entry), function()
      local built, problems = filter.new { kind = "metrics", container_exclude = { entry, "name:^foo" } }
      assert.equal(1, #problems)
      assert.matches("^invalid regex '", problems[1])
      assert.matches("': error parsing regexp: " .. what, problems[1], 1, true)
      assert.is_true(built:decide({ name = "foo" }).excluded)
    end)
  end

  it("may be names that are not UTF-8", function()
    local built = filter.new { kind = "metrics", container_exclude = { "name:^a.b$", "image:é" } }
    assert.is_true(built:decide({ name = "a\255b" }).excluded)
    assert.is_true(built:decide({ name = "x", image = "\200é" }).excluded)
    assert.is_false(built:decide({ name = "\255\254" }).excluded)
  end)

  it("may be exponential for other engines", function()
    local built = filter.new { kind = "metrics", container_exclude = { "name:(a*)*[bc]$", "name:(x+x+)+y$" } }
    assert.is_false(built:decide({ name = ("a"):rep(1000) }).excluded)
    assert.is_true(built:decide({ name = ("a"):rep(1000) .. "b" }).excluded)
    assert.is_true(built:decide({ name = ("x"):rep(1000) .. "y" }).excluded)
  end)

  it("may be a thousand rules", function()
    local entries = {}
    for i = 1, 1000 do
      entries[i] = "name:^container-" .. i .. "$"
    end
    local built, problems = filter.new { kind = "metrics", container_exclude = entries }
    assert.same({}, problems)
    assert.is_true(built:decide({ name = "container-1000" }).excluded)
    assert.is_false(built:decide({ name = "container-1001" }).excluded)
  end)

  describe("that is too expensive", function()
    local EXPENSIVE, TEXT = "name:(a?){100}a{100}[bc]", ("a"):rep(300)
    local PROBLEM = "container_exclude: " .. EXPENSIVE .. " is skipped: too expensive for a text of 300 bytes"
    local logs, new

    before_each(function()
      logs = {}
      new = assert(loadfile "scripts/moonwatch/filter.lua")
      setfenv(new, setmetatable({ require = function(module)
        return module == "moonwatch.log" and {
          warn = function(text, ...) table.insert(logs, text:format(...)) end,
        } or require(module)
      end }, { __index = _G }))
    end)

    it("is skipped for that text, and the next rules decide", function()
      local built = new().new { kind = "metrics", container_exclude = { EXPENSIVE, "name:^a" } }
      assert.same({ excluded = true, rule = "name:^a", list = "container_exclude", field = "name", text = TEXT,
        problems = { PROBLEM } }, built:decide { name = TEXT })
      assert.is_true(built:decide({ name = ("a"):rep(101) .. "c" }).excluded)
    end)

    it("is logged once", function()
      local built = new().new { kind = "metrics", container_exclude = { EXPENSIVE } }
      assert.same({ excluded = false, problems = { PROBLEM } }, built:decide { name = TEXT })
      assert.same({ PROBLEM }, built:decide({ name = TEXT }).problems)
      assert.same({ PROBLEM }, logs)
    end)
  end)

  it("finds the filter in the agent's sandbox, too", function()
    local script = assert(require("moonwatch.script").new { module_dirs = { "scripts" }, timeout_ms = 5000 })
    assert.same({ true, "name:^b" }, { script:eval [[
      local built = require("moonwatch.filter").new { kind = "metrics", container_exclude = "name:^b" }
      local decision = built:decide { name = "b" }
      return decision.excluded]], (script:eval [[
      return require("moonwatch.filter").new({ kind = "global", container_exclude = "name:^b" })
        :decide({ name = "b" }).rule]]) })
    script:close()
  end)
end)
