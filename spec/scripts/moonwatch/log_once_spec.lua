local harness = require "spec.support.harness"

describe("moonwatch.log_once", function()
  local script

  before_each(function()
    script = harness.load("moonwatch/log_once", {})
  end)

  it("writes each text once, as it is", function()
    for _, text in ipairs { "100 %d", "b", "100 %d", "b" } do
      script.table.warn(text)
    end
    assert.same({ "warn: 100 %d", "warn: b" }, script.outcome.logs)
  end)

  it("says when it stops, and writes nothing more", function()
    for i = 1, 300 do
      script.table.warn("text " .. i)
    end
    assert.equal(257, #script.outcome.logs)
    assert.equal("warn: there are more warnings of this kind; they are not written", script.outcome.logs[257])
  end)
end)
