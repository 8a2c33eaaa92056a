local script = require "moonwatch.script"

local EINVAL = 22

local function eval(text, options)
  options = options or {}
  options.timeout_ms = options.timeout_ms or 1000
  return assert(script.new(options)):eval(text)
end

local function names_of(expression)
  return eval(
    "local names = {} for name in pairs(" .. expression .. ") do names[#names + 1] = name end "
      .. "table.sort(names) return table.concat(names, ' ')"
  )
end

describe("the sandbox", function()
  describe("offers", function()
    it("these globals and no others", function()
      assert.equal(
        "_G _VERSION assert collectgarbage coroutine error getmetatable ipairs math next os pairs pcall print "
          .. "rawequal rawget rawset require select setmetatable string table tonumber tostring type unpack xpcall",
        names_of "_G"
      )
    end)

    it("these functions and no others", function()
      assert.equal("create isyieldable resume running status wrap yield", names_of "coroutine")
      assert.equal("clock date difftime time", names_of "os")
      assert.equal("byte char find format gmatch gsub len lower match rep reverse sub upper", names_of "string")
      assert.equal("concat insert maxn move remove sort", names_of "table")
    end)

    it("all of math", function()
      local names = {}
      for name in pairs(math) do
        names[#names + 1] = name
      end
      table.sort(names)
      assert.equal(table.concat(names, " "), names_of "math")
    end)

    it("only the count of collectgarbage", function()
      assert.is_true(eval "return collectgarbage('count')" > 10)
      local _, message = eval "collectgarbage('stop')"
      assert.matches("only \"count\"", message)
      assert.is_nil(eval "collectgarbage()")
    end)

    it("an xpcall that passes arguments and handles errors", function()
      assert.same({ true, 3 }, eval "return { xpcall(function(a, b) return a + b end, error, 1, 2) }")
      assert.same({ false, "handled boom" }, eval [[
        return { xpcall(function() error("boom", 0) end, function(e) return "handled " .. e end) }]])
      assert.same({ false, "worse" }, eval [[
        return { xpcall(error, function() error("worse", 0) end, "boom") }]])
      assert.equal("went on", eval [[
        local run = coroutine.wrap(function() xpcall(coroutine.yield, error) return "went on" end)
        run()
        return run()]])
    end)

    it("a table.sort that compares as the stock one does", function()
      assert.same({ 1, 2, 3 }, eval "local t = { 3, 1, 2 } table.sort(t) return t")
      assert.same({ 3, 2, 1 }, eval "local t = { 3, 1, 2 } table.sort(t, function(a, b) return a > b end) return t")
      local _, message = eval "table.sort { 1, 'x' }"
      assert.matches("attempt to compare", message)
    end)

    it("a table.insert that does as the stock one does", function()
      assert.same({ 1, 2, 3 }, eval "local t = { 1 } table.insert(t, 3) table.insert(t, 2, 2) return t")
      assert.same({ 1, [5] = 2 }, eval "local t = { 1 } table.insert(t, 5, 2) return t")
      assert.is_nil(eval "table.insert({}, 1, 2, 3)")
      assert.is_nil(eval "table.insert({})")
    end)

    it("times and dates", function()
      assert.equal("1970-01-02", eval "return os.date('!%Y-%m-%d', 86400)")
      assert.is_true(eval "return os.time() > 1e9 and os.clock() > 0")
      assert.equal(12, eval "return os.date('!*t', os.time { year = 2020, month = 6, day = 1, hour = 12 }).min + 12")
      local _, message = eval "os.date(('%c'):rep(200))"
      assert.matches("longer than 256 bytes", message)
    end)

    it("coroutines", function()
      assert.same({ 1, 2, 3 }, eval [[
        local t = {}
        for i in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do t[i] = i end
        return t]])
      assert.same({ true, "a", false, "cannot resume dead coroutine" }, eval [[
        local co = coroutine.create(function(x) return x end)
        local ok, value = coroutine.resume(co, "a")
        return { ok, value, coroutine.resume(co) }]])
    end)

    it("print, into the log", function()
      assert.is_true(eval "print('x', nil, {}) return true")
    end)
  end)

  describe("blames the script's own line", function()
    for text, message in pairs {
      ["string.format('%d', 'x')"] = "^eval:1: bad argument #2 to 'format'",
      ["table.sort(1)"] = "^eval:1: bad argument #1 to 'sort'",
      ["table.insert({}, 0, 1)"] = "^eval:1: bad argument #2 to 'insert'",
      ["coroutine.wrap(1)"] = "^eval:1: bad argument #1 to 'wrap'",
      ["('x'):find('[')"] = "^eval:1: malformed pattern",
      ["require 'no.such'"] = "^eval:1: module 'no.such' not found",
      ["os.date(('x'):rep(300))"] = "^eval:1: bad argument #1 to 'date'",
      ["local function f() ('x'):gsub('x', f) end f()"] = "^eval:1: stack overflow",
    } do
      it("in " .. text, function()
        local _, found = eval(text)
        assert.matches(message, found)
      end)
    end
  end)

  describe("gives no way out", function()
    for _, name in ipairs {
      "dofile", "load", "loadstring", "loadfile", "newproxy", "getfenv", "setfenv", "gcinfo", "module", "package",
      "io", "debug", "jit", "ffi", "bit", "os.execute", "os.getenv", "os.remove", "os.setlocale", "os.exit",
      "string.dump", "string.gfind", "table.foreach",
    } do
      it("by " .. name, function()
        assert.equal("nil", eval("return type(" .. name .. ")"))
      end)
    end

    it("by bytecode", function()
      local s = assert(script.new {})
      local result, _, code = s:eval(string.dump(function() return 1 end))
      assert.is_nil(result)
      assert.equal(EINVAL, code)
      assert.is_nil(s:eval("#!shebang\n" .. string.dump(function() return 1 end)))
    end)

    it("by the metatable of strings", function()
      assert.equal("locked", eval "return getmetatable('')")
      assert.is_nil(eval "setmetatable('', {})")
      assert.is_true(eval "return ('').find == string.find and ('').dump == nil")
    end)

    it("by a 64-bit literal, which opens ffi inside", function()
      assert.equal("ffi", eval "local x = 1LL return getmetatable(x)")
      for _, way in ipairs { "require 'ffi'", "x.cdef", "x('int')", "x[0]", "setmetatable(x, {})" } do
        assert.is_false(eval("local x = 1ULL return (pcall(function() return " .. way .. " end))"), way)
      end
      assert.equal("nil", eval "local x = 1LL return type(ffi)")
    end)

    it("by the modules that a stock require would find", function()
      for _, name in ipairs { "_G", "string", "ffi", "jit", "jit.util", "table.new", "string.buffer", "socket" } do
        assert.is_false(eval("return (pcall(require, '" .. name .. "'))"), name)
      end
    end)

    it("by the environment of a function", function()
      assert.equal("nil", eval "return type(_ENV)")
      assert.is_true(eval "return _G._G == _G and _G.os.execute == nil")
    end)

    it("by breaking its own globals", function()
      local s = assert(script.new { timeout_ms = 1000 })
      s:eval "local globals = _G for name in pairs(globals) do globals[name] = nil end"
      assert.equal(2, s:eval "return 1 + 1")
      local _, message = s:eval "error('x')"
      assert.matches("attempt to call global 'error'", message)
      assert.equal(1, s:eval "return (('x'):find('x'))")
    end)
  end)

  describe("require", function()
    local dir

    local function write(path, text)
      local file = assert(io.open(dir .. "/" .. path, "w"))
      file:write(text)
      file:close()
    end

    before_each(function()
      dir = os.tmpname()
      os.remove(dir)
      assert(os.execute("mkdir -p " .. dir .. "/moonwatch " .. dir .. "/second") == 0)
    end)

    after_each(function()
      os.execute("rm -r " .. dir)
    end)

    local function eval_here(text)
      return eval(text, { module_dirs = { dir, dir .. "/second" } })
    end

    it("finds files below its folders, dots being slashes", function()
      write("moonwatch/rates.lua", "return { name = ... }")
      write("second/other.lua", "return { twice = require('moonwatch.rates').name:rep(2) }")
      assert.equal("moonwatch.rates", eval_here "return require('moonwatch.rates').name")
      assert.equal("moonwatch.ratesmoonwatch.rates", eval_here "return require('other').twice")
    end)

    it("finds the modules of the host", function()
      assert.equal("table", eval_here "return type(require 'moonwatch.json')")
    end)

    it("runs a module once", function()
      write("counter.lua", "runs = (runs or 0) + 1 return { runs = runs }")
      assert.is_true(eval_here "return require 'counter' == require 'counter' and runs == 1")
    end)

    it("takes true for a module that returns nothing", function()
      write("quiet.lua", "loud = 1")
      assert.same({ true, true, 1 }, eval_here "return { require 'quiet', require 'quiet', loud }")
    end)

    it("names the line of a module that fails, and tries again next time", function()
      write("broken.lua", "tries = (tries or 0) + 1\nerror('boom')")
      local message = eval_here "local _, m = pcall(require, 'broken') return m"
      assert.equal("broken.lua:2: boom", message)
      assert.equal(2, eval_here "pcall(require, 'broken') pcall(require, 'broken') return tries")
    end)

    it("names the line of a syntax error", function()
      write("moonwatch/wrong.lua", "return {\n  = 1 }")
      local _, message = eval_here "require 'moonwatch.wrong'"
      assert.matches("^moonwatch/wrong.lua:2: unexpected symbol", message)
    end)

    it("refuses bytecode", function()
      write("code.lua", string.dump(function() end))
      local _, message = eval_here "require 'code'"
      assert.matches("code.lua: is bytecode", message)
    end)

    it("explains a circle", function()
      write("a.lua", "return require 'b'")
      write("b.lua", "return require 'a'")
      local _, message = eval_here "require 'a'"
      assert.matches("module 'a' requires itself", message)
    end)

    it("lists what it tried", function()
      local _, message = eval_here "require 'moonwatch.nothing'"
      assert.matches("module 'moonwatch.nothing' not found", message)
      assert.matches("no file " .. dir .. "/moonwatch/nothing.lua", message, 1, true)
      assert.matches("no file " .. dir .. "/second/moonwatch/nothing.lua", message, 1, true)
    end)

    it("refuses what is no regular file", function()
      assert(os.execute("mkfifo " .. dir .. "/pipe.lua") == 0)
      local _, message = eval_here "require 'pipe'"
      assert.matches("not a regular file", message)
    end)

    it("refuses a file that is too large", function()
      write("large.lua", "return '" .. ("x"):rep(2 ^ 20) .. "'")
      local _, message = eval_here "require 'large'"
      assert.matches("larger than the limit", message)
    end)

    for _, name in ipairs {
      "", ".", "a.", ".a", "a..b", "../a", "/etc/passwd", "a/b", "a\\0b", "a b", "a-b", ("a"):rep(200),
    } do
      it("refuses the name '" .. name:sub(1, 20) .. "'", function()
        local _, message = eval_here("require '" .. name .. "'")
        assert.matches("a module's name has letters", message)
      end)
    end
  end)
end)
