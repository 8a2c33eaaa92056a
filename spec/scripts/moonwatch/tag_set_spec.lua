local tag_set = require "moonwatch.tag_set"

local LOW, ORCHESTRATOR, HIGH = tag_set.LOW, tag_set.ORCHESTRATOR, tag_set.HIGH

describe("moonwatch.tag_set", function()
  local set

  before_each(function()
    set = tag_set.new { list = ", " }
  end)

  it("lists tags up to a cardinality, sorted", function()
    set:add(HIGH, "c", "3")
    set:add(LOW, "b", "1")
    set:add(ORCHESTRATOR, "a", "2")
    assert.same({ "b:1" }, set:list(LOW))
    assert.same({ "a:2", "b:1" }, set:list(ORCHESTRATOR))
    assert.same({ "a:2", "b:1", "c:3" }, set:list(HIGH))
  end)

  it("adds nothing without a name or a value", function()
    set:add(LOW, "", "1")
    set:add(LOW, nil, "1")
    set:add(LOW, "a", "")
    set:add(LOW, "a", nil)
    set:add_tag(LOW, "")
    assert.same({}, set:list(HIGH))
    assert.same({}, set.names)
  end)

  it("has a tag once, at its lowest cardinality", function()
    set:add(HIGH, "a", "1")
    set:add(LOW, "a", "1")
    set:add(HIGH, "a", "1")
    set:add_tag(HIGH, "a:1")
    assert.same({ "a:1" }, set:list(LOW))
    assert.same({ "a:1" }, set:list(HIGH))
  end)

  it("splits values at the separator of their name", function()
    set:add(LOW, "list", "a, b,c, ")
    set:add(LOW, "other", "a, b")
    assert.same({ "list:a", "list:b,c", "other:a, b" }, set:list(LOW))
  end)

  it("merges another set but for the names of its owner", function()
    local other, owner = tag_set.new(), tag_set.new()
    other:add(LOW, "a", "1")
    other:add(HIGH, "a:b", "2")
    other:add(HIGH, "c", "3")
    owner:add(HIGH, "a", "9")
    set:add(HIGH, "c", "3")
    set:merge(other, owner)
    assert.same({ "a:b:2", "c:3" }, set:list(HIGH))
    assert.same({}, set:list(ORCHESTRATOR))
    assert.is_true(set.names["a:b"])
  end)
end)
