--- The pattern functions of the sandbox give the answers of the stock ones, which run beside them.
local script = require "moonwatch.script"

-- Runs in both: in the sandbox with its functions, here with those of luajit.
local ANSWER = [==[
  local find, match, gmatch, gsub = string.find, string.match, string.gmatch, string.gsub
  local function all(s, p)
    local found = {}
    for a, b, c in gmatch(s, p) do
      found[#found + 1] = tostring(a) .. "," .. tostring(b) .. "," .. tostring(c)
    end
    return table.concat(found, ";")
  end
  local function bracket(a, b) return a and "<" .. a .. tostring(b) .. ">" end
  local known = { a = "A", b = false, [1] = "one", [""] = "-" }
  local ways = {
    find, match, all,
    function(s, p) return find(s, p, 3) end,
    function(s, p) return find(s, p, -3) end,
    function(s, p) return match(s, p, 100) end,
    function(s, p) return find(s, p, 1, true) end,
    function(s, p) return gsub(s, p, "(%1)%0%%") end,
    function(s, p) return gsub(s, p, "x", 2) end,
    function(s, p) return gsub(s, p, bracket) end,
    function(s, p) return gsub(s, p, known) end,
  }
  local function answer_in(way, s, p)
    local t = { pcall(way, s, p) }
    if not t[1] then
      return "error: " .. tostring(t[2]):gsub("^[^ ]*:%d+: ", "")
    end
    local texts = {}
    for i = 1, 12 do texts[i] = tostring(t[i]) end
    return table.concat(texts, "|")
  end
  function answer(s, p)
    local answers = {}
    for i, way in ipairs(ways) do answers[i] = answer_in(way, s, p) end
    return answers
  end
]==]

local function stock_answer()
  local globals = setmetatable({}, { __index = _G })
  setfenv(assert(loadstring(ANSWER, "=stock")), globals)()
  return globals.answer
end

-- A generator of its own, so that the cases are the same everywhere.
local state = 20240229
local function random(n)
  state = (state * 16807) % 2147483647
  return state % n + 1
end

local PIECES = {
  "a", "b", "c", ".", "%a", "%d", "%s", "%w", "%p", "%u", "%l", "%x", "%z", "%c", "%A", "%W", "%g", "%.", "%%",
  "[abc]", "[^a]", "[a-c]", "[%d_]", "[]]", "[^]]", "[a-]", "[%a-z]", "[b", "[^", "(", ")", "()", "(a)", "(.-)",
  "a*", "b+", ".*", ".-", "a?", "[ab]*", "[^b]-", "%a+", "%w-", "%s?", "(a*)", "(.*)", "(%a+)", "a", "b", "a", "b",
  "%1", "%2", "%0", "%b()", "%bab", "%b", "%f[%a]", "%f[^a]", "%f", "^", "$", "*", "+", "-", "?", "%", " ", "-",
}
local LETTERS = { "a", "b", "c", "a", "b", "1", " ", "(", ")", "A", "]", "%", "-", "\0", "\n", "\200" }

local function random_text(pieces, count_max)
  local text = {}
  for i = 1, random(count_max + 1) - 1 do
    text[i] = pieces[random(#pieces)]
  end
  return table.concat(text)
end

describe("the sandbox's patterns", function()
  local sandbox, stock

  setup(function()
    sandbox = assert(script.new { timeout_ms = 60000 })
    assert(sandbox:eval(ANSWER .. " return true"))
    stock = stock_answer()
  end)

  local function agree(cases)
    local source = { "local answers = {}" }
    for i, case in ipairs(cases) do
      source[#source + 1] = ("answers[%d] = answer(%q, %q)"):format(i, case[1], case[2]):gsub("%z", "\\0")
    end
    source[#source + 1] = "return answers"
    local answers = assert(sandbox:eval(table.concat(source, "\n")))
    for i, case in ipairs(cases) do
      assert.same(stock(case[1], case[2]), answers[i], ("subject %q, pattern %q"):format(case[1], case[2]))
    end
  end

  for what, case in pairs {
    ["an empty pattern"] = { "abc", "" },
    ["an empty subject"] = { "", ".*" },
    ["an anchor"] = { "aab", "^a" },
    ["an anchor at the end"] = { "aab", "b$" },
    ["a dollar in the middle"] = { "a$b", "a$b" },
    ["all the classes"] = { "aB3 _\t\1\127\255", "%a%u%d%s%p%c%c%c." },
    ["a class in a set"] = { "x1-]", "[%a%d%-%]]+" },
    ["a range that ends with a percent sign"] = { "a%b", "[a-%]" },
    ["captures in one another"] = { "key = value", "((%w+)%s*=%s*(%w+))" },
    ["a position"] = { "hello", "()ll()" },
    ["a back reference"] = { [[say "it's" now]], [[(["'])(.-)%1]] },
    ["a back reference to a position"] = { "aa", "()%1" },
    ["balance"] = { "f(a(b)c)(d", "%b()" },
    ["balance of equal ends"] = { "'a' 'b'", "%b''" },
    ["a frontier"] = { "THE (quick) fox", "%f[%a]%a+%f[%A]" },
    ["a frontier at the end"] = { "abc", "%f[%z]" },
    ["a star that gives all back"] = { "aaab", "a*aaab" },
    ["a plus that gives back all but one"] = { "aaab", "a+aab" },
    ["an item that had better be left out"] = { "ab", "a?ab" },
    ["empty matches"] = { "abc", "%d*" },
    ["lazy repetition"] = { "<a><b>", "<(.-)>" },
    ["a NUL in the subject"] = { "a\0b", "a%zb" },
    ["a capture that is not closed"] = { "abc", "(a" },
    ["a bracket that nobody opened"] = { "abc", "a)" },
    ["a set that is not closed"] = { "abc", "[a" },
    ["a percent sign at the end"] = { "abc", "a%" },
    ["a mistake that is never reached"] = { "abc", "x[" },
    ["a back reference to nothing"] = { "abc", "%1" },
    ["a back reference to itself"] = { "abc", "(%1)" },
    ["a caret for gmatch"] = { "^a^a", "^a" },
  } do
    it("agree on " .. what, function()
      agree { case }
    end)
  end

  it("agree on 4,000 pairs made at random", function()
    for _ = 1, 10 do
      local cases = {}
      for i = 1, 400 do
        cases[i] = { random_text(LETTERS, 14), random_text(PIECES, 5) }
      end
      agree(cases)
    end
  end)

  it("take a NUL in a pattern as a character", function()
    assert.equal(3, sandbox:eval [[return (("ab\0c"):find("\0%a"))]])
    assert.equal(3, sandbox:eval [[return (("ab\0c"):find("\0"))]])
  end)

  for what, example in pairs {
    ["a start far before the beginning"] = { "return { ('abc'):find('b', -1e9) }", { 2, 2 } },
    ["a start far behind the end"] = { "return { ('abc'):find('', 1e9) }", { 4, 3 } },
    ["no replacements at all"] = { "return { ('abc'):gsub('b', 'x', 0) }", { "abc", 0 } },
    ["a replacement that is a number"] = { "return { ('abc'):gsub('b', 12) }", { "a12c", 1 } },
    ["a number as subject"] = { "return { string.find(1234, 23) }", { 2, 3 } },
    ["a result that outgrows the stack"] = {
      "local s, n = ('x'):rep(1000):gsub('x', 'yy') return { s == ('y'):rep(2000), n }", { true, 1000 },
    },
    ["gsub that changes nothing"] = { "return { ('abc'):gsub('%d', 'x') }", { "abc", 0 } },
    ["plain find of special characters"] = { "return { ('a.b*c'):find('.b*', 1, true) }", { 2, 4 } },
    ["gmatch that is asked again at its end"] = {
      "local f = ('ab'):gmatch('%a') f() f() return { f() == nil, f() == nil }", { true, true },
    },
    ["a table with positions as keys"] = { "return { ('ab'):gsub('()b', { [2] = 'X' }) }", { "aX", 1 } },
  } do
    it("handle " .. what, function()
      assert.same(example[2], sandbox:eval(example[1]))
    end)
  end

  for what, example in pairs {
    ["gsub without a replacement"] = { "('x'):gsub('x')", "string/function/table expected" },
    ["gsub with a wrong replacement"] = { "('x'):gsub('x', true)", "string/function/table expected" },
    ["gsub whose function returns a table"] = {
      "('x'):gsub('x', function() return {} end)", "invalid replacement value %(a table%)",
    },
    ["a replacement that names no capture"] = { "('x'):gsub('x', '%2')", "invalid capture index" },
    ["find without a pattern"] = { "('x'):find()", "bad argument #1 to 'find'" },
    ["gmatch of a table"] = { "string.gmatch({}, 'x')", "bad argument #1 to 'gmatch'" },
    ["too many captures"] = { "('x'):find(('()'):rep(33))", "too many captures" },
    ["too many repetitions"] = { "('a'):rep(300):find(('a?'):rep(300))", "pattern too complex" },
  } do
    it("refuse " .. what, function()
      local _, message = sandbox:eval(example[1])
      assert.matches(example[2], message)
    end)
  end
end)
