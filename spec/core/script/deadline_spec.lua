--- Scripts that want to stay for ever, take all memory or crash. Each must end with the right
--- error and leave a state that can be used again.
local script = require "moonwatch.script"

local has_checker = require "spec.support.checker"

local ENOMEM, ETIME, ECANCELED = 12, 62, 125
local MEMORY_MAX_BYTES = 16e6

-- Each of these runs until it is stopped.
local endless = {
  ["an empty loop"] = "while true do end",
  ["a repeat loop"] = "repeat until false",
  ["a loop with goto"] = "::again:: goto again",
  ["a for loop without end"] = "for _ = 1, math.huge do end",
  ["a loop in a protected call"] = "pcall(function() while true do end end) while true do end",
  ["a loop of protected calls"] = "while true do pcall(function() while true do end end) end",
  ["a tail call to a protected call"] = "return pcall(function() while true do end end)",
  ["protected calls in one another"] = "local function f() pcall(f) while true do end end f()",
  ["xpcall with a handler that loops"] = "xpcall(error, function() while true do end end)",
  ["xpcall whose function and handler loop"] = [[
    local function f() while true do end end
    while true do xpcall(f, f) end]],
  ["xpcall as its own handler"] = "local function f() while true do xpcall(error, xpcall) end end f()",
  ["a loop in a coroutine"] = "coroutine.wrap(function() while true do end end)()",
  ["a coroutine that catches everything"] = [[
    local co = coroutine.create(function()
      while true do pcall(function() while true do coroutine.yield() end end) end
    end)
    while true do coroutine.resume(co) end]],
  ["new coroutines in a loop"] = [[
    while true do coroutine.resume(coroutine.create(function() while true do end end)) end]],
  ["yield without end"] = [[
    local f = coroutine.wrap(function() while true do coroutine.yield(1) end end)
    while f() do end]],
  ["a pattern with many stars"] = "return (('a'):rep(32):find(('a*'):rep(32) .. 'b'))",
  ["a pattern with many stars in match"] = "return ('a'):rep(32):match(('a*'):rep(32) .. 'b')",
  ["a pattern with many stars in gmatch"] = "for _ in ('a'):rep(32):gmatch(('a*'):rep(32) .. 'b') do end",
  ["a pattern with many stars in gsub"] = "return (('a'):rep(32):gsub(('a*'):rep(32) .. 'b', ''))",
  ["lazy repetitions on a long text"] = "return ('x'):rep(1e6):find('.-.-b')",
  ["sets that repeat"] = "return ('a'):rep(40):find(('[a-c]*'):rep(20) .. '$b')",
  ["optional items"] = "return ('a'):rep(60):find(('a?'):rep(60) .. ('a'):rep(60) .. 'b')",
  ["captures that repeat"] = "return ('a'):rep(60):find(('(a*)'):rep(30) .. 'b')",
  ["back references that repeat"] = "return ('a'):rep(2000):find('(a*)(a*)%1%2(a*)%3b')",
  ["balanced brackets on a long text"] = "return ('('):rep(1e6):find('%b()')",
  ["a pattern in a loop of protected calls"] = [[
    while true do pcall(string.find, ('a'):rep(32), ('a*'):rep(32) .. 'b') end]],
  ["a pattern in a coroutine"] = "coroutine.wrap(function() return ('a'):rep(32):find(('a*'):rep(32) .. 'b') end)()",
  ["a pattern through the string's metatable"] = "local s = ('a'):rep(32) return s.find(s, ('a*'):rep(32) .. 'b')",
  ["a gsub callback that loops"] = "('x'):gsub('x', function() while true do end end)",
  ["a gsub callback that catches and loops"] = [[
    while true do ('xx'):gsub('x', function() pcall(function() while true do end end) end) end]],
  ["a gsub table that loops"] = [[
    ('x'):gsub('x', setmetatable({}, { __index = function() while true do end end }))]],
  ["a comparator that loops"] = "table.sort({ 1, 2, 3 }, function() while true do end end)",
  ["sorting without end"] = "local t = {} for i = 1, 1e4 do t[i] = i % 7 end while true do table.sort(t) end",
  ["a comparator in C"] = [[
    local t = {} for i = 1, 1e5 do t[i] = i end
    while true do pcall(table.sort, t, rawequal) end]],
  ["__lt that loops"] = [[
    local m = { __lt = function() while true do end end }
    table.sort { setmetatable({}, m), setmetatable({}, m) }]],
  ["__index that loops"] = "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
  ["__newindex that loops"] = "local t = setmetatable({}, { __newindex = function() while true do end end }) t.x = 1",
  ["__eq that loops"] = [[
    local m = { __eq = function() while true do end end }
    return setmetatable({}, m) == setmetatable({}, m)]],
  ["__concat that loops"] = "return setmetatable({}, { __concat = function() while true do end end }) .. 'x'",
  ["__call that loops"] = "setmetatable({}, { __call = function() while true do end end })()",
  ["__tostring that loops"] = "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
  ["__tostring in format"] = [[
    string.format('%s', setmetatable({}, { __tostring = function() while true do end end }))]],
  ["an error value whose __tostring loops, in a loop"] = [[
    local e = setmetatable({}, { __tostring = function() while true do end end })
    while true do pcall(error, e) end]],
  ["an iterator that never ends"] = "for _ in function() return 1 end do end",
  ["next on a table that keeps changing"] = "local t = { 1 } while true do next(t) t[1] = nil t[1] = 1 end",
  ["tail recursion"] = "local function f() return f() end return f()",
  ["string.rep in a loop"] = "while true do local _ = ('x'):rep(1e5) end",
  ["garbage in a loop"] = "while true do local _ = { {}, {} } end",
  ["weak tables in a loop"] = "local t = setmetatable({}, { __mode = 'kv' }) while true do t[{}] = {} end",
  ["memory that runs out under a protected call, again and again"] = [[
    local function f() local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end end
    while true do pcall(f) end]],
  ["table.move over a huge range"] = "table.move({}, 1, 2 ^ 31 - 2, 2)",
  ["table.remove in a table with holes"] = [[
    local t = {} for i = 0, 30 do t[2 ^ i] = 1 end
    while true do table.remove(t, 1) table.insert(t, 1, 1) end]],
  ["require in a loop"] = "while true do pcall(require, 'no.such') end",
  ["unpack in a loop"] = "local t = {} for i = 1, 7000 do t[i] = i end while true do select('#', unpack(t)) end",
}

-- Each of these wants more memory than there is.
local greedy = {
  ["a table that grows"] = "local t = {} while true do t[#t + 1] = {} end",
  ["a text that doubles"] = "local s = 'x' while true do s = s .. s end",
  ["string.rep of a huge text"] = "return #('x'):rep(2 ^ 28)",
  ["string.rep of the longest text"] = "return #('x'):rep(2 ^ 31 - 1)",
  ["string.rep with a separator"] = "return #string.rep('', 2 ^ 28, 'x')",
  ["table.concat of one text many times"] = [[
    local t, s = {}, ('x'):rep(1e5) for i = 1, 1e4 do t[i] = s end return #table.concat(t)]],
  ["gsub that multiplies"] = "return #('x'):rep(1e5):gsub('x', ('y'):rep(1e5))",
  ["gsub through a function"] = "local s = ('y'):rep(1e6) return #('x'):rep(1e5):gsub('x', function() return s end)",
  ["coroutines that are kept"] = "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
  ["closures that are kept"] = "local f while true do local g = f f = function() return g end end",
  ["memory that runs out in a coroutine"] = [[
    coroutine.wrap(function() local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end end)()]],
  ["a table with a million keys"] = "local t = {} for i = 1, 1e7 do t['k' .. i] = i end",
  ["format of long texts"] = "local s = ('x'):rep(5e6) return #string.format('%s%s%s%s%s', s, s, s, s, s)",
}

-- Each of these nests deeper than a stack should go, or asks for what is refused.
local deep = {
  ["recursion"] = "local function f() return 1 + f() end return f()",
  ["gsub in a gsub callback"] = "local function f() return (('x'):gsub('x', f)) end f()",
  ["gsub in a gsub table"] = [[
    local t = setmetatable({}, { __index = function(t) return (('x'):gsub('x', t)) end }) ('x'):gsub('x', t)]],
  ["sort in a comparator"] = "local function f() table.sort({ 1, 2 }, f) end f()",
  ["coroutines in one another"] = "local function f() coroutine.wrap(f)() end f()",
  ["coroutines in one another, resumed"] = [[
    local function f() assert(coroutine.resume(coroutine.create(f))) end f()]],
  ["format in __tostring"] = [[
    local t = setmetatable({}, {})
    getmetatable(t).__tostring = function() return string.format('%s', t) end
    return string.format('%s', t)]],
  ["os.time in __index"] = [[
    local t = setmetatable({}, { __index = function(t) return os.time(t) end }) os.time(t)]],
  ["__index without end"] = "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
  ["__index functions without end"] = [[
    local t = setmetatable({}, { __index = function(t, k) return t[k] .. 'x' end }) return t.x]],
  ["gsub in a coroutine in gsub"] = [[
    local function f() return coroutine.wrap(function() return (('x'):gsub('x', f)) end)() end f()]],
  ["unpack of a huge range"] = "return unpack({}, 1, 1e8)",
  ["unpack of all integers"] = "return unpack({}, -2 ^ 31, 2 ^ 31 - 1)",
  ["string.byte of a long text"] = "return ('x'):rep(1e6):byte(1, -1)",
  ["table.insert far below zero"] = "table.insert({}, -2 ^ 31, 1)",
  ["a pattern with too many repetitions"] = "return (('a'):rep(250):find(('a?'):rep(250)))",
  ["a pattern with too many captures"] = "return ('a'):find(('()'):rep(33))",
  ["source text with too many levels"] = "return " .. ("("):rep(1000) .. "1" .. (")"):rep(1000),
}

local function usable_again(s)
  -- without a deadline, which on a busy machine passes while others run
  assert.equal(2, s:eval("return 1 + 1", nil, 0))
  assert.is_true(s:memory_peak_bytes() <= MEMORY_MAX_BYTES)
  assert.is_true(s:eval("local t = {} for i = 1, 1000 do t[i] = ('x'):rep(i) end return #t == 1000", nil, 0))
end

describe("a script that", function()
  local function new(timeout_ms)
    return assert(script.new { name = "hostile", memory_max_bytes = MEMORY_MAX_BYTES, timeout_ms = timeout_ms })
  end

  for what, text in pairs(endless) do
    it("is " .. what .. " is stopped at its deadline", function()
      local s = new(50)
      local result, message, code = s:eval(text)
      assert.is_nil(result)
      assert.matches("deadline of 50 ms reached", message)
      assert.equal(ETIME, code)
      usable_again(s)
    end)
  end

  for what, text in pairs(greedy) do
    it("is " .. what .. " is stopped at its memory limit", function()
      local s = new(10000)
      local result, message, code = s:eval(text)
      assert.is_nil(result)
      assert.matches("memory limit of 16000000 bytes reached", message)
      assert.equal(ENOMEM, code)
      usable_again(s)
    end)
  end

  for what, text in pairs(deep) do
    it("is " .. what .. " fails", function()
      local s = new(10000)
      local result, _, code = s:eval(text)
      assert.is_nil(result)
      assert.is_true(code == ECANCELED or code == 22, "errno " .. tostring(code))
      usable_again(s)
    end)
  end

  it("is over before its deadline never hears of it", function()
    local s = new(10000)
    for i = 1, 1000 do
      assert.equal(i, s:eval("return " .. i))
    end
  end)

  it("is stopped with its memory nearly full leaves room for the next calls", function()
    local s = assert(script.new { name = "spec", memory_max_bytes = 64e6, timeout_ms = 1500 })
    local from_s = os.clock()
    local _, _, code = s:eval [[
      local t = {} for i = 1, 5e5 do t[i] = "text number " .. i if collectgarbage "count" > 55e3 then break end end
      while true do end]]
    assert.equal(ETIME, code)
    assert.is_true(os.clock() - from_s < 1.5 + (has_checker and 0.25 or 0.05))
    for i = 1, 20 do -- the last ones take more than was free: what was left has been collected
      local text = "local t = {} for i = 1, %d do t[i] = 'n' .. i end return #t"
      assert.equal(i * 1e4, s:eval(text:format(i * 1e4), nil, 0))
    end
  end)

  it("is stopped in the middle of a gsub whose every match succeeds", function()
    local s = assert(script.new { name = "spec", memory_max_bytes = 1e9, timeout_ms = 100 })
    local started_s = os.clock()
    local _, _, code = s:eval "return (('a'):rep(3e7):gsub('a', '%%'))"
    assert.equal(ETIME, code)
    assert.is_true(os.clock() - started_s < 1)
  end)

  it("says at which line it was stopped", function()
    local _, message = new(50):eval("local x = 1\nwhile true do\n  x = -x\nend", "checks/busy.lua")
    assert.matches("^checks/busy.lua:[234]: deadline of 50 ms reached\nstack traceback:\n\tchecks/busy.lua", message)
  end)

  it("finds an empty string.rep cheap however often it repeats", function()
    assert.equal("", new(10000):eval "return ('').rep('', 2 ^ 31 - 1, '')")
  end)
end)
