local rates = require "moonwatch.rates"

-- What one container has at each of the given readings, in runs one after the other.
local function run(history, id, row)
  history:begin()
  local per_s
  if row then
    per_s = history:update(id, row)
  else
    history:keep(id)
  end
  history:finish()
  return per_s
end

local function row(read_s, total, read, inode)
  return { identity = inode or "00000000000000aa", read_s = read_s, cpu = total, io = read }
end

describe("moonwatch.rates", function()
  local history

  before_each(function()
    history = rates.new { "cpu", "io" }
  end)

  describe("rate", function()
    -- now, before, elapsed, rate; the reference has 0 or -1 where here is nil
    for _, vector in ipairs {
      { 300, 100, 10, 20 },
      { 300, 100, 0.5, 400 },
      { 3e9, 1e9, 10, 2e8 },
      { 100, 100, 10, 0 },
      { 50, 100, 10, 0 },
      { 300, 100, 0, nil },
      { 300, 100, -1, nil },
      { 300, nil, 10, nil },
      { nil, 100, 10, nil },
      { nil, nil, 10, nil },
    } do
      local now, before, elapsed_s, expected = vector[1], vector[2], vector[3], vector[4]

      it(("of %s after %s in %s s is %s"):format(now, before, elapsed_s, expected), function()
        assert.equal(expected, rates.rate(now, before, elapsed_s))
      end)
    end
  end)

  it("has no rates at the first reading", function()
    assert.same({}, run(history, "a", row(100, 5, 7)))
  end)

  it("has the rate of each counter from the second reading on", function()
    run(history, "a", row(100, 5, 7))
    assert.same({ 20, 0.5 }, run(history, "a", row(110, 205, 12)))
    assert.same({ 1, 0 }, run(history, "a", row(111, 206, 12)))
  end)

  it("is 0 for a counter that went back, and goes on from there", function()
    run(history, "a", row(100, 500))
    assert.same({ 0 }, run(history, "a", row(110, 3)))
    assert.same({ 2 }, run(history, "a", row(120, 23)))
  end)

  it("has no rate around a reading in which the counter was missing", function()
    run(history, "a", row(100, 5, 7000))
    assert.same({ 1 }, run(history, "a", row(110, 15)))
    assert.same({ 1 }, run(history, "a", row(120, 25, 9000)))
    assert.same({ 1, 10 }, run(history, "a", row(130, 35, 9100)))
  end)

  it("gives a reading that is seen again the rates that it had", function()
    run(history, "a", row(100, 5, 7))
    run(history, "a", row(110, 205, 7))
    assert.same({ 20, 0 }, run(history, "a", row(110, 205, 7)))
    assert.same({ 10, 0 }, run(history, "a", row(120, 305, 7)))
  end)

  it("passes over a reading that is older than the last", function()
    run(history, "a", row(100, 5))
    run(history, "a", row(110, 105))
    assert.same({ 10 }, run(history, "a", row(109, 95)))
    assert.same({ 5 }, run(history, "a", row(120, 155)))
  end)

  it("starts afresh for another cgroup under the same id", function()
    run(history, "a", row(100, 1000, 7))
    run(history, "a", row(110, 1100, 7))
    assert.same({}, run(history, "a", row(120, 2000, 7, "00000000000000bb")))
    assert.same({ 1, 0 }, run(history, "a", row(130, 2010, 7, "00000000000000bb")))
  end)

  it("keeps its history through readings that fail", function()
    run(history, "a", row(100, 5))
    run(history, "a", nil)
    run(history, "a", nil)
    assert.same({ 10 }, run(history, "a", row(130, 305)))
  end)

  it("forgets a container that was not there in a run", function()
    run(history, "a", row(100, 5))
    run(history, "b", row(100, 5))
    assert.same({}, run(history, "a", row(110, 105)))
  end)

  it("keeps a container that it never read out of the history", function()
    run(history, "a", nil)
    assert.same({}, run(history, "a", row(110, 105)))
    assert.same({ 1 }, run(history, "a", row(120, 115)))
  end)

  it("keeps containers apart", function()
    history:begin()
    history:update("a", row(100, 0))
    history:update("b", row(100, 0))
    history:finish()
    history:begin()
    local a, b = history:update("a", row(110, 10)), history:update("b", row(105, 10))
    history:finish()
    assert.same({ { 1 }, { 2 } }, { a, b })
  end)

  it("forgets nothing when a run broke off", function()
    run(history, "a", row(100, 5))
    history:begin()
    assert.same({ 10 }, run(history, "a", row(110, 105)))
  end)

  it("knows nothing of another history", function()
    run(history, "a", row(100, 5))
    assert.same({}, run(rates.new { "cpu" }, "a", row(110, 105)))
  end)

  it("takes time and identity from the fields that it is told", function()
    local network = rates.new({ "bytes" }, { time = "network_read_s", identity = "network_namespace" })
    local function at(read_s, bytes, namespace)
      return { network_read_s = read_s, bytes = bytes, network_namespace = namespace, read_s = 7, identity = "a" }
    end
    run(network, "a", at(100, 0, "n1"))
    assert.same({ 5 }, run(network, "a", at(110, 50, "n1")))
    assert.same({}, run(network, "a", at(120, 90, "n2")))
  end)

  it("starts afresh where the identity is not known any more", function()
    run(history, "a", row(100, 5))
    assert.same({}, run(history, "a", { read_s = 110, cpu = 105 }))
    assert.same({ 1 }, run(history, "a", { read_s = 120, cpu = 115 }))
  end)

  describe("a meter", function()
    it("has the same rates for a script that keeps the readings itself", function()
      local meter = rates.meter { "cpu", "io" }
      local a, b = meter:start(), meter:start()
      meter:update(a, row(100, 5, 7))
      assert.same({}, meter:update(b, row(105, 0, 0)))
      assert.same({ 20, 0.5 }, meter:update(a, row(110, 205, 12)))
      assert.same({ 1, 2 }, meter:update(b, row(115, 10, 20)))
    end)
  end)
end)
