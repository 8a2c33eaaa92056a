--- The agent runs no script that others could have written.
local daemon = require "spec.support.daemon"

local COUNT = "n = (n or 0) + 1 context:gauge('n', n) return true"

describe("moonwatch run", function()
  local agent

  after_each(function()
    agent:remove()
  end)

  local function chmod(mode, name)
    os.execute(("chmod %s %s/scripts/%s"):format(mode, agent.dir.path, name))
  end

  it("refuses a script that everybody can write, and goes on with the one that it has", function()
    agent = daemon.start { scripts = { ["checks/n.lua"] = daemon.check(COUNT) }, arguments = { "--check", "n" } }
    agent:wait_for_gauge("n", 1)

    chmod("666", "checks/n.lua")

    agent:wait_for_log("checks/n.lua can be written by everybody; cure: chmod go%-w [^\n]*/checks/n.lua")
    local count = #agent:messages()
    daemon.wait_until("more messages", function() return #agent:messages() > count end)
  end)

  it("takes it again when it is cured", function()
    agent = daemon.start {
      scripts = { ["checks/n.lua"] = daemon.check(COUNT), ["moonwatch/part.lua"] = "return {}" },
      arguments = { "--check", "n" },
    }
    agent:wait_for_gauge("n", 1)
    chmod("666", "moonwatch/part.lua")
    agent:write("checks/n.lua", "require 'moonwatch.part'\n" .. daemon.check "context:gauge('second', 1) return true")
    agent:wait_for_log("moonwatch/part.lua can be written by everybody")

    chmod("644", "moonwatch/part.lua")

    agent:wait_for_message("the cured script", function(message) return message.body.metric == "second" end)
  end)
end)
