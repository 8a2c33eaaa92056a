local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local NINE = "spec/fixtures/kubelet-1.20-v1"
local SIX = "spec/fixtures/hybrid"

local function table_of(root, columns)
  local outcome = program.run {
    "check", "container_rt", "--host-root", root, "--interval", "0.01", env = { COLUMNS = columns },
  }
  assert(outcome.code == 0, outcome.err)
  return files.lines(outcome.out)
end

describe("the table of moonwatch check", function()
  local dir

  before_each(function()
    dir = tmpdir.new()
  end)

  after_each(function()
    dir:remove()
  end)

  -- What a check whose run has this body prints on a recorded host.
  local function printed_by(body, columns)
    dir:write { ["my_check.lua"] = "local M = { api = 1 }\nfunction M.run(context)\n" .. body .. "\nend\nreturn M\n" }
    local outcome = program.run {
      "check", dir.path .. "/my_check.lua", "--host-root", SIX, "--interval", "0.01", env = { COLUMNS = columns },
    }
    assert(outcome.code == 0, outcome.err)
    return files.lines(outcome.out), outcome.out
  end

  it("shows a bounded number of containers, and counts the others", function()
    local lines = printed_by([[
      local stats = {}
      for i = 1, 50005 do stats[i] = { id = i } end
      context:emit("container_rt", { stats = stats })]], "40")
    assert.equal(50003, #lines) -- title, header, last line
    assert.equal("and 5 more containers", lines[50003])
  end)

  it("shows a message with a text as long as a message may be", function()
    local lines = printed_by([[ context:emit("note", { text = ("x"):rep(2e6) }) ]], "80")
    assert.equal(#"note             " + #'{"text":""}' + 2e6, #lines[2])
  end)

  it("has the host above, one line for each container, and marks for what is absent", function()
    local lines = table_of(SIX, "200")
    local title = "^recorded%-hybrid  2 CPUs  468.8 MiB  6 containers  %d%d:%d%d:%d%d  host root spec/fixtures/hybrid$"
    assert.matches(title, table.remove(lines, 1))
    assert.matches("^409d6a88b263  0.0 %%  0.0 %%   0.0 %%    100.0 %%  .*  0 B/s  0 B/s         %-     %-"
      .. "     2           %-$", table.remove(lines, 2))
    assert.same({
      "CONTAINER       CPU   USER  SYSTEM  CPU LIMIT     MEMORY      LIMIT  WORKING SET        RSS  CACHE   READ"
        .. "  WRITE  RECEIVED  SENT  PIDS  PIDS LIMIT",
      "7b1b763ee8f6  0.0 %  0.0 %   0.0 %          -  356.0 KiB          -    356.0 KiB  152.0 KiB    0 B      -"
        .. "      -         -     -     3           -",
      "8f9081d15c11  0.0 %  0.0 %   0.0 %          -   24.3 MiB  128.0 MiB     24.3 MiB   24.1 MiB    0 B      -"
        .. "      -         -     -     2           -",
      "d548c5b83fa6  0.0 %  0.0 %   0.0 %     50.0 %    4.0 KiB   64.0 MiB      4.0 KiB    4.0 KiB    0 B      -"
        .. "      -         -     -     1          16",
      "d7974758613a  0.0 %  0.0 %   0.0 %          -          -          -            -          -      -      -"
        .. "      -         -     -     -           -",
      "fd0da0d3f8b9      -      -       -          -  100.0 KiB          -    100.0 KiB   52.0 KiB    0 B      -"
        .. "      -         -     -     1           -",
    }, lines)
  end)

  it("shows what came and went on the network, and a limit under either of its names", function()
    for list, limit in pairs { stats = "memLimit", containers = "memoryLimit" } do
      local lines = printed_by(([[
        context:emit("some_kind", { %s = {
          { id = "abc", %s = 1048576, netRcvdBps = 2048, netSentBps = 512, tags = { "id:no" },
            addresses = { { ip = "1.1.1.1" } } },
        } })]]):format(list, limit), "300")
      assert.equal(3, #lines)
      assert.matches("^abc  .*1.0 MiB .*2.0 KiB/s  512 B/s", lines[3])
    end
  end)

  it("stands apart from the next one", function()
    local outcome = program.run {
      "check", "container_rt", "--host-root", SIX, "--interval", "0.01", "--count", "3",
    }
    assert.matches("^recorded", outcome.out)
    local _, gaps = outcome.out:gsub("\n\nrecorded%-hybrid  ", "")
    assert.equal(2, gaps)
    assert.not_matches("\n\n$", outcome.out)
  end)

  it("gives up the columns that matter least where there is no room", function()
    local lines = table_of(SIX, "52")
    assert.equal("CONTAINER       CPU     MEMORY   READ  WRITE  PIDS", lines[2])
    assert.equal("CONTAINER       CPU", table_of(SIX, "20")[2])
    assert.equal("CONTAINER   ", table_of(SIX, "1")[2])
  end)

  it("never has a line that is wider than asked", function()
    for _, columns in ipairs { 40, 60, 79, 80, 100, 119, 120, 132 } do
      local lines = table_of(NINE, tostring(columns))
      table.remove(lines, 1)
      for _, line in ipairs(lines) do
        assert.is_true(#line <= columns, line)
        assert.equal(#lines[1], #line)
      end
    end
  end)

  it("has all columns in a pipe, and with a COLUMNS that says nothing", function()
    for _, columns in ipairs { "", "0", "x", "-5" } do
      assert.matches("PIDS LIMIT$", table_of(SIX, columns)[2])
    end
  end)

  it("is as wide as the terminal", function()
    if program.shell("command -v script").code ~= 0 then
      return pending "there is no script(1) to make a terminal"
    end
    local outcome = program.shell(
      ([[script -qec "stty cols 52; env -u COLUMNS %s check container_rt --host-root %s --interval 0.01" /dev/null]])
        :format(program.PATH, SIX))
    assert.is_truthy(outcome.out:find("\nCONTAINER       CPU     MEMORY   READ  WRITE  PIDS\r\n", 1, true), outcome.out)
  end)

  it("shows who uses most CPU first, then who has no rate, then goes by id", function()
    local lines = printed_by [[
      context:emit("container_rt", { stats = {
        { id = "bbb", totalPct = 1 }, { id = "aaa" }, { id = "zzz", totalPct = 250.25 }, { id = "abc", totalPct = 1 },
      } })]]
    local order = {}
    for i = 3, #lines do
      table.insert(order, lines[i]:match "%S+")
    end
    assert.equal("zzz abc bbb aaa", table.concat(order, " "))
    assert.matches("^zzz +250.[23] %%", lines[3])
  end)

  it("has the containers of all messages of a run", function()
    local lines = printed_by [[
      context:emit("container_rt", { stats = { { id = "b" } } })
      context:emit("container_rt", { stats = { { id = "a" } } })]]
    assert.matches("^a  ", lines[3])
    assert.matches("^b  ", lines[4])
  end)

  it("shows whole ids where their beginnings are the same", function()
    local lines = printed_by [[
      context:emit("container_rt", { stats = { { id = "0123456789abX" }, { id = "x" }, { id = "0123456789abY" } } })]]
    assert.matches("^0123456789abX ", lines[3])
    assert.matches("^0123456789abY ", lines[4])
    assert.matches("^x             ", lines[5])
  end)

  it("shows a thousand containers with like ids at once", function()
    local lines = printed_by [[
      local stats = {}
      for i = 1, 20000 do stats[i] = { id = ("%012d-%d"):format(i, i), totalPct = 1 } end
      context:emit("container_rt", { stats = stats })]]
    assert.equal(20002, #lines)
    assert.matches("^000000000001 ", lines[3])
  end)

  it("says metrics and events in words, and anything else as it is", function()
    local lines = printed_by [[
      context:gauge("system.load.norm.5", 1.5, { "role:db", "env:prod" })
      context:monotonic_count("requests", 2^53)
      context:event { title = "host is overloaded", severity = "warning", text = "since\nnoon" }
      context:emit("my.kind", { b = {}, a = 1 })]]
    assert.same({
      "gauge            system.load.norm.5 = 1.5  [env:prod, role:db]",
      "monotonic_count  requests = 9007199254740992",
      "event            warning: host is overloaded: since noon",
      'my.kind          {"a":1,"b":{}}',
    }, { unpack(lines, 2) })
  end)

  it("lets nothing through that a terminal would obey", function()
    local body = [[
      context:emit("container_rt", { stats = { { id = "red\27[31m" }, { id = "c1\194\15531m" }, { id = "bad\255" } } })
      context:gauge("me\27tric", 1, { "ta\7g\nx" })
      context:event { title = "\27]0;title\7" }
      context:emit("kind", { text = "\27[2J \127 \194\155" })]]
    local _, text = printed_by(body)
    assert.is_nil(text:find "[%z\1-\9\11-\31\127\155\255]")
    assert.matches("red%?%[31m", text)

    local outcome = program.run {
      "check", dir.path .. "/my_check.lua", "--host-root", SIX, "--interval", "0.01", "--format", "json",
    }
    assert.is_nil(outcome.out:find "[%z\1-\9\11-\31\127\155\255]")
    assert.is_truthy(outcome.out:find([[{"id":"red\u001b[31m"}]], 1, true))
  end)

  it("bears messages that only look like containers", function()
    printed_by [[
      context:emit("a", { stats = { { { id = 1 }, "x", 7, { totalPct = "x" } } } })
      context:emit("b", { stats = { { id = "a", deep = { id = "b", totalPct = 5 } }, "id", { 1 } }, id = "c" })
      context:emit("c", { stats = { "id", 5, true }, totalPct = 5 })
      context:emit("d", { { "stats", { id = "x" } } })
      context:emit("e", { stats = 5 })
      context:emit("f", { stats = {} })
      context:emit("g", { id = "x", stats = { { "x", { id = { "y" } }, "z" } } })
      context:emit("metric", {})
      context:emit("event", { title = 5 })
      context:emit("container_rt", { stats = { { id = ("x"):rep(1000), totalPct = "5", memUsage = true } } })]]
  end)

  it("has room for any number", function()
    local lines = printed_by [[
      local stat = { id = "huge" }
      for _, field in ipairs { "totalPct", "cpuLimit", "memUsage", "rbps", "wbps", "threadCount" } do
        stat[field] = 1.7e308
      end
      local small = { id = "tiny" }
      for field in pairs(stat) do small[field] = small[field] or -1.7e308 end
      context:emit("container_rt", { stats = { stat, small } })]]
    assert.matches("^huge", lines[3])
    assert.matches("1.47e%+290 EiB/s", lines[3])
    assert.matches("^tiny", lines[4])
  end)
end)
