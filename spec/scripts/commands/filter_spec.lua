local harness = require "spec.support.harness"

local CONTAINERS = {
  { id = "abcd1111", name = "web", image = "reg/web:1" },
  { id = "ef", name = "pause" },
}

--- A filter that leaves out what is called "pause", and notes what it is made of and asked.
local function made_up_filter(notes, problems)
  local filter = {}
  local function decide(_, of)
    notes.asked = of
    if notes.decision then
      return notes.decision
    end
    if of.name == "pause" then
      return {
        excluded = true, rule = "name:^pause$", list = "container_exclude", field = "name", text = "pause",
        problems = notes.expensive,
      }
    end
    return { excluded = false }
  end
  function filter.new(config)
    notes.config = config
    return { decide = decide, decide_container = decide }, problems or {}
  end
  return filter
end

local function run(options, notes, problems, containers)
  local script = harness.load("commands/filter", {
    filter = made_up_filter(notes or {}, problems),
    inventory = { containers = function() return containers or CONTAINERS, 1 end },
  }, { options = options })
  assert(script.table.init(script.context.options))
  return script:run().messages
end

local function by_kind(messages)
  local bodies = {}
  for _, message in ipairs(messages) do
    bodies[message.kind] = message.body
  end
  return bodies
end

describe("the command filter", function()
  describe("test", function()
    it("says by which rule a container is left out", function()
      assert.same({ {
        kind = "lines",
        body = { 'left out by name:^pause$ of container_exclude, which matches the name "pause"' },
      } }, run { subcommand = "test", name = "pause" })
    end)

    it("says that nothing matches", function()
      assert.same({ { kind = "lines", body = { "kept: no rule matches" } } }, run { subcommand = "test", name = "x" })
    end)

    it("gives the decision as an object", function()
      assert.same({ {
        kind = "json",
        body = { excluded = true, rule = "name:^pause$", list = "container_exclude", field = "name", text = "pause" },
      } }, run { subcommand = "test", name = "pause", format = "json" })
    end)

    it("names an annotation that leaves it out", function()
      local decision = {
        excluded = true, rule = "ad.datadoghq.com/exclude=true", list = "annotation", field = "annotation",
        text = "true",
      }
      assert.same({ {
        kind = "lines", body = { "left out by the annotation ad.datadoghq.com/exclude=true" },
      } }, run({ subcommand = "test" }, { decision = decision }))
    end)

    it("looks at an image without tag and digest, as checks do", function()
      local notes = {}
      run({ subcommand = "test", image = "reg:5000/x/web:1@sha256:ab" }, notes)
      assert.equal("reg:5000/x/web", notes.asked.image)
    end)

    it("asks about what is given, and nothing else", function()
      local notes = {}
      run({ subcommand = "test", image = "i", namespace = "n", annotations = "a=b c=d\ne=\n" }, notes)
      assert.same({ image = "i", namespace = "n", annotations = { a = "b c=d", e = "" } }, notes.asked)
    end)

    it("hands over the rules, and none of its own options", function()
      local notes = {}
      run({ subcommand = "test", container_exclude = { "name:x" }, kind = "global" }, notes)
      assert.same({
        container_include = {}, container_exclude = { "name:x" }, container_include_metrics = {},
        container_exclude_metrics = {}, container_include_logs = {}, container_exclude_logs = {},
        ac_include = {}, ac_exclude = {}, exclude_pause_container = true, kind = "global",
      }, notes.config)
    end)
  end)

  describe("explain", function()
    it("has a line for each container", function()
      assert.same({ {
        kind = "lines",
        body = {
          "CONTAINER  NAME   IMAGE      DECISION  RULE          LIST               FIELD  TEXT",
          "abcd1111   web    reg/web:1  kept      -             -                  -      -",
          "ef         pause  -          left out  name:^pause$  container_exclude  name   pause",
        },
      } }, run {})
    end)

    it("shows whole ids where their beginnings are the same", function()
      local lines = run({}, nil, nil, { { id = "34dc0b5e626f2c5c-1" }, { id = "34dc0b5e626f2c5c-2" } })[1].body
      assert.matches("^34dc0b5e626f2c5c%-2 ", lines[3])
    end)

    it("has an object for each container that is asked about", function()
      assert.same({ {
        kind = "json", body = { excluded = false, id = "abcd1111", name = "web", image = "reg/web:1" },
      } }, run { ids = { "abcd" }, format = "json" })
    end)

    it("says once what is the same for many containers", function()
      local notes = { decision = { excluded = false, problems = { "name:x: too expensive" } } }
      local count = 0
      for _, message in ipairs(run({}, notes, { "invalid regex '['" })) do
        count = count + (message.kind == "notices" and #message.body or 0)
      end
      assert.equal(2, count)
    end)

    it("fails for an id that there is not", function()
      local bodies = by_kind(run { ids = { "zz" } })
      assert.matches("^there is no container zz", bodies.notices[1])
      assert.same({ code = 1 }, bodies.exit)
    end)

    it("says that no container runs", function()
      local bodies = by_kind(run({}, nil, nil, {}))
      assert.same({ "no container runs" }, bodies.notices)
      assert.same({ code = 3 }, bodies.exit)
    end)
  end)

  it("refuses a kind that there is not", function()
    local script = harness.load("commands/filter", { filter = made_up_filter {}, inventory = {} },
      { options = { kind = "logs" } })
    local fine, message = script.table.init(script.context.options)
    assert.is_nil(fine)
    assert.matches('^there is no kind of filter "logs"; there are: metrics, ', message)
  end)

  for _, subcommand in ipairs { "test", "explain" } do
    it("decides by the other rules when one does not compile, says so, and fails: " .. subcommand, function()
      local bodies = by_kind(run({ subcommand = subcommand, name = "pause" }, nil, { "invalid regex '['" }))
      assert.is_table(bodies.lines)
      assert.same({ "invalid regex '['" }, bodies.notices)
      assert.same({ code = 1 }, bodies.exit)
    end)

    it("says that a rule was too expensive, and fails: " .. subcommand, function()
      local notes = { expensive = { "name:x: too expensive" } }
      local bodies = by_kind(run({ subcommand = subcommand, name = "pause" }, notes))
      assert.same({ "name:x: too expensive" }, bodies.notices)
      assert.same({ code = 1 }, bodies.exit)
    end)
  end
end)
