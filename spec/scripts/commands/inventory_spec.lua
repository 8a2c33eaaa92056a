local harness = require "spec.support.harness"

local NOW_S = 1700000000 -- of the harness

local POD = { uid = "u1", name = "web-0", namespace = "shop" }
local CONTAINERS = {
  { id = "0123456789abcdef", runtime = "docker", state = "running", name = "web", image = "reg/x/web:1",
    started_s = NOW_S - 3 * 86400 - 5, pod = POD, pod_uid = "u1", sources = { "cgroup", "kubelet" } },
  { id = "ff", created_s = NOW_S - 90, pod_uid = "u2", sources = { "cgroup" }, stale = true },
  { id = "gg" },
}

local function run(options, containers)
  return harness.run("commands/inventory", {
    json = require "moonwatch.json",
    inventory = {
      containers = function() return containers or CONTAINERS, 1 end,
      pods = function() return { u2 = { uid = "u2" }, u1 = POD } end,
      sources = function() return { { name = "cgroup", priority = 100, containers_count = 3 } } end,
    },
  }, { options = options })
end

describe("the command inventory", function()
  it("shows a line for each container, and how many there are", function()
    assert.same({ {
      kind = "lines", body = {
        "CONTAINER     RUNTIME  STATE    NAME  IMAGE        POD         AGE  SOURCES",
        "0123456789ab  docker   running  web   reg/x/web:1  shop/web-0   3d  cgroup,kubelet",
        "ff            -        -        -     -            u2           1m  cgroup (stale)",
        "gg            -        -        -     -            -             -",
        "3 containers, 2 pods",
      },
    } }, run({}).messages)
  end)

  it("counts the pods that containers are in, though no source tells of them", function()
    local lines = run({}, { { id = "a", pod_uid = "u2" }, { id = "b", pod_uid = "u3" } }).messages[1].body
    assert.equal("2 containers, 3 pods", lines[#lines])
  end)

  it("shows whole ids where their beginnings are the same", function()
    local lines = run({}, { { id = "34dc0b5e626f2c5c-1" }, { id = "34dc0b5e626f2c5c-2" } }).messages[1].body
    assert.matches("^34dc0b5e626f2c5c%-1 ", lines[2])
  end)

  it("leaves out columns on a narrow terminal", function()
    for _, line in ipairs(run({ columns = 40 }).messages[1].body) do
      assert.is_true(#line <= 40, line)
    end
  end)

  it("gives all that is known as one object, each pod once", function()
    local body = run({ format = "json" }).messages[1].body
    assert.equal("reg/x/web:1", body.containers[1].image)
    assert.is_nil(body.containers[1].pod)
    assert.equal("u1", body.containers[1].pod_uid)
    assert.same({ POD, { uid = "u2" } }, body.pods)
    assert.equal("cgroup", body.sources[1].name)
  end)

  it("sorts the pods", function()
    local pods = {}
    for i = 1, 20 do
      pods["p" .. i * 7 % 20] = { uid = "p" .. i * 7 % 20 }
    end
    local given = harness.run("commands/inventory", {
      inventory = { containers = function() return {}, 1 end, pods = function() return pods end,
                    sources = function() return {} end },
    }, { options = { format = "json" } }).messages[1].body.pods
    assert.equal(20, #given)
    for i = 2, #given do
      assert.is_true(given[i - 1].uid < given[i].uid)
    end
  end)

  for _, case in ipairs {
    { 0, "0s" }, { 59, "59s" }, { 60, "1m" }, { 3599, "59m" }, { 3600, "1h" }, { 86399, "23h" }, { 86400, "1d" },
    { 86400 * 400, "400d" },
  } do
    it(("shows an age of %d seconds as %s"):format(case[1], case[2]), function()
      local lines = run({}, { { id = "a", started_s = NOW_S - case[1] } }).messages[1].body
      assert.matches(" " .. case[2] .. "$", lines[2])
    end)
  end

  it("leaves the inventory's tables alone", function()
    run { format = "json" }
    assert.equal(POD, CONTAINERS[1].pod)
  end)

  it("says that there is none", function()
    assert.same({
      { kind = "notices", body = { "no container is known" } }, { kind = "exit", body = { code = 3 } },
    }, run({}, {}).messages)
  end)

  it("does not make up an age of what starts in the future", function()
    local lines = run({}, { { id = "a", started_s = NOW_S + 60 } }).messages[1].body
    assert.is_nil(lines[2]:find "%d")
  end)
end)
