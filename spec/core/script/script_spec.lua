local script = require "moonwatch.script"

local EINVAL, ENOMEM, ECANCELED = 22, 12, 125

local function new(options)
  options = options or {}
  options.name = options.name or "spec"
  return assert(script.new(options))
end

describe("moonwatch.script", function()
  describe("eval", function()
    it("returns plain data of any shape", function()
      local s = new()
      assert.is_nil(s:eval "return nil")
      assert.is_false(s:eval "return false")
      assert.equal(2, s:eval "return 1 + 1")
      assert.equal("a\0b", s:eval "return 'a\\0b'")
      assert.same({ 1, { x = "y", [true] = { 2.5 } } }, s:eval "return { 1, { x = 'y', [true] = { 2.5 } } }")
    end)

    it("keeps globals from one call to the next", function()
      local s = new()
      s:eval "count = 41"
      assert.equal(42, s:eval "count = count + 1 return count")
    end)

    it("keeps its result apart from that of a finalizer which calls it meanwhile", function()
      local s = new()
      local many = "local t = {} for i = 1, 2000 do t[i] = 'text ' .. i end return t"
      for _ = 1, 20 do
        collectgarbage()
        collectgarbage("setpause", 0)
        getmetatable(newproxy(true)).__gc = function() s:eval "return ('x'):rep(1e6)" end
        local result = s:eval(many)
        assert.equal(2000, #result)
        assert.equal("text 2000", result[2000])
      end
      collectgarbage("setpause", 200)
    end)

    for what, text in pairs {
      ["a function"] = "return print",
      ["a coroutine"] = "return coroutine.create(print)",
      ["a function inside a table"] = "return { { print } }",
      ["a table that holds itself"] = "local t = {} t[1] = t return t",
      ["a 64-bit literal"] = "return 1LL",
    } do
      it("refuses to return " .. what, function()
        local s = new()
        local result, message, code = s:eval(text)
        assert.is_nil(result)
        assert.matches("^a result: plain data may not hold", message)
        assert.equal(EINVAL, code)
        assert.equal(2, s:eval "return 1 + 1")
      end)
    end

    it("says where a syntax error is", function()
      local result, message, code = new():eval("x = = 1", "checks/load.lua")
      assert.is_nil(result)
      assert.equal("checks/load.lua:1: unexpected symbol near '='", message)
      assert.equal(EINVAL, code)
    end)

    it("says where an error was raised and how it came there", function()
      local text = "local function read()\n  error('no such figure')\nend\n\nread()\nreturn 1"
      local result, message, code = new():eval(text, "checks/load.lua")
      assert.is_nil(result)
      assert.equal(ECANCELED, code)
      assert.equal(
        "checks/load.lua:2: no such figure\n"
          .. "stack traceback:\n"
          .. "\t[C]: in function 'error'\n"
          .. "\tchecks/load.lua:2: in function 'read'\n"
          .. "\tchecks/load.lua:5: in main chunk",
        message
      )
    end)

    for what, example in pairs {
      ["a table"] = { "error({ code = 1 })", "^error value is table, not text\n" },
      ["nil"] = { "error()", "^error value is nil, not text\n" },
      ["a table that wants to be asked"] = {
        "error(setmetatable({}, { __tostring = function() while true do end end }))",
        "^error value is table, not text\n",
      },
      ["a number"] = { "error(42)", "^eval:1: 42\n" },
    } do
      it("gives a clear text when the error is " .. what, function()
        local _, message, code = new():eval(example[1])
        assert.matches(example[2], message)
        assert.equal(ECANCELED, code)
      end)
    end

    it("shows both ends of a message that is too long", function()
      local _, message = new():eval "error('begin' .. ('x'):rep(10000) .. 'end', 0)"
      assert.matches("^begin", message)
      assert.matches("xend\nstack traceback", message)
      assert.is_true(#message < 5000)
    end)
  end)

  describe("memory", function()
    it("is counted, with its peak", function()
      local s = new()
      local before = s:memory_bytes()
      s:eval "kept = ('x'):rep(1e6)"
      assert.is_true(s:memory_bytes() >= before + 1e6)
      assert.is_true(s:memory_peak_bytes() >= s:memory_bytes())
    end)

    it("never passes its ceiling, and comes back after it was reached", function()
      local s = new { memory_max_bytes = 1e6 }
      local result, message, code = s:eval "local t = {} while true do t[#t + 1] = {} end"
      assert.is_nil(result)
      assert.matches("^memory limit of 1000000 bytes reached", message)
      assert.equal(ENOMEM, code)
      assert.is_true(s:memory_peak_bytes() <= 1e6)
      assert.is_true(s:memory_bytes() < 5e5)
      assert.equal(2, s:eval "return 1 + 1")
    end)

    it("refuses a ceiling that is too low for a state", function()
      local s, message, code = script.new { memory_max_bytes = 10000 }
      assert.is_nil(s)
      assert.matches("10000 bytes", message)
      assert.equal(ENOMEM, code)
    end)
  end)

  describe("close", function()
    it("may be called twice, and nothing else after it", function()
      local s = new()
      s:close()
      s:close()
      assert.error_matches(function() s:eval "return 1" end, "closed")
    end)
  end)

  it("gives one eval a deadline of its own", function()
    local s = new { timeout_ms = 60000 }
    local _, message, code = s:eval("while true do end", "busy", 5)
    assert.matches("deadline of 5 ms reached", message)
    assert.equal(62, code) -- ETIME
    local impatient = new { timeout_ms = 1 }
    assert.equal(3e6, impatient:eval("local n = 0 for _ = 1, 3e6 do n = n + 1 end return n", nil, 0))
    assert.has_error(function() s:eval("return 1", nil, -2) end)
    assert.has_error(function() s:eval("return 1", nil, 0 / 0) end)
  end)

  describe("new", function()
    it("keeps scripts apart", function()
      local a, b = new(), new()
      a:eval "shared = 1; string.find = nil; table.insert(string, 'x')"
      assert.is_nil(b:eval "return shared")
      assert.equal(1, b:eval "return (('x'):find('x'))")
    end)

    it("serves the modules of a host of its own", function()
      local s = new { host_root = "/" }
      assert.equal("table", s:eval "return type(require 'moonwatch.host')")
      s:close()
    end)

    it("raises on options of the wrong kind", function()
      assert.has_error(function() script.new() end)
      assert.has_error(function() script.new { timeout_ms = -1 } end)
      assert.has_error(function() script.new { module_dirs = "scripts" } end)
      assert.has_error(function() script.new { name = "a\0b" } end)
    end)
  end)
end)
