local harness = require "spec.support.harness"

describe("moonwatch.host_facts", function()
  local host, facts

  before_each(function()
    host = { readings = 0, asked = 0, cpus = 2, facts = { uuid = "u", os_name = "linux" } }
    facts = harness.load("moonwatch/host_facts", {
      host = {
        memory_total_bytes = function()
          host.readings = host.readings + 1
          return host.bytes
        end,
        system_info = function()
          host.asked = host.asked + 1
          return host.facts
        end,
        cpu_count = function() return host.cpus end,
      },
    }).table
  end)

  it("reads the memory anew once a minute, or when the clock was set back", function()
    host.bytes = 8e9
    assert.equal(8e9, facts.memory_total_bytes(100))
    host.bytes = 9e9
    assert.equal(8e9, facts.memory_total_bytes(159))
    assert.equal(9e9, facts.memory_total_bytes(160))
    facts.memory_total_bytes(0)
    assert.equal(3, host.readings)
  end)

  it("asks again for memory that could not be read", function()
    assert.is_nil(facts.memory_total_bytes(100))
    host.bytes = 8e9
    assert.equal(8e9, facts.memory_total_bytes(101))
  end)

  it("asks for the system once, and again while it is not known", function()
    host.facts = nil
    assert.is_nil(facts.system_info(0).uuid)
    host.facts = { uuid = "u" }
    assert.equal("u", facts.system_info(0).uuid)
    assert.equal("u", facts.system_info(0).uuid)
    assert.equal(2, host.asked)
  end)

  it("has an element for each CPU that there is now", function()
    assert.same({ { cores = 1 }, { cores = 1 } }, facts.system_info(0).cpus)
    host.cpus = 3
    assert.equal(3, #facts.system_info(0).cpus)
    host.cpus = 1
    assert.equal(1, #facts.system_info(0).cpus)
  end)
end)
