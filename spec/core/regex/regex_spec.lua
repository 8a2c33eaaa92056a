--- What the module itself promises: compiling, matching, limits. What patterns mean is in
--- syntax_spec.lua.
local regex = require "moonwatch.regex"

local function compile(pattern)
  return assert(regex.compile(pattern))
end

describe("moonwatch.regex", function()
  it("finds a match anywhere", function()
    local pause = compile "rancher/pause.*"
    assert.is_true(pause:matches "docker.io/rancher/pause-amd64:3.1")
    assert.is_false(pause:matches "docker.io/rancher/agent")
    assert.is_true(compile "":matches "")
  end)

  it("keeps the pattern as it was given, and shows it", function()
    assert.equal("(?i)a|b", compile "(?i)a|b".pattern)
    assert.equal("regex: (?i)a|b", tostring(compile "(?i)a|b"))
    assert.is_nil(compile "a".nothing)
  end)

  it("takes a pattern with any byte, NUL included", function()
    assert.is_true(compile "a\0b":matches "xa\0by")
    assert.is_false(compile "a\0b":matches "a")
  end)

  it("returns what is wrong with a pattern, with its code", function()
    local object, message, code = regex.compile "a(?=b)"
    assert.is_nil(object)
    assert.equal("invalid regex 'a(?=b)': error parsing regexp: invalid or unsupported Perl syntax: `(?=`", message)
    assert.equal(22, code) -- EINVAL
  end)

  it("shows of a bad pattern what is printable, and not all of a long one", function()
    assert.equal([[invalid regex 'a\xff\x0ab': error parsing regexp: invalid UTF-8: `a\xff\x0ab`]],
      select(2, regex.compile "a\255\nb"))
    local _, message = regex.compile(("é"):rep(1000) .. "(")
    assert.is_true(#message < 2200)
    assert.matches("é%.%.%.': error parsing regexp: missing closing %): `é", message)
  end)

  it("raises when an argument is no string", function()
    assert.error_matches(function() regex.compile {} end, "string expected")
    assert.error_matches(function() compile "a":matches() end, "string expected")
    assert.error_matches(function() compile "a".matches("a", "a") end, "moonwatch.regex expected")
  end)

  it("guards its metatable", function()
    assert.equal("locked", getmetatable(compile "a"))
  end)

  describe("limits", function()
    it("takes a pattern of 4096 bytes, not one more", function()
      assert.is_true(compile(("a"):rep(4096)):matches(("a"):rep(4096)))
      local _, message, code = regex.compile(("a"):rep(4097))
      assert.matches("^invalid regex 'aaa.*%.%.%.': error parsing regexp: expression too large: `aaa", message)
      assert.equal(90, code) -- EMSGSIZE
    end)

    it("refuses what is too large when it is compiled", function()
      local _, message, code = regex.compile(("(?:[a-z]foo|bar){1000}"):rep(20))
      assert.matches("error parsing regexp: expression too large", message, 1, true)
      assert.equal(90, code)
    end)

    it("takes a pattern of many classes", function()
      assert.is_true(compile(([[\W]]):rep(2048)):matches((" "):rep(2048)))
    end)

    it("matches in a text of 16384 bytes, not in one more", function()
      local a = compile "a$"
      assert.is_true(a:matches(("b"):rep(16383) .. "a"))
      local answer, message, code = a:matches(("b"):rep(16384) .. "a")
      assert.is_nil(answer)
      assert.equal("a text of 16385 bytes is too long to match, at most 16384 are not", message)
      assert.equal(90, code)
    end)

    -- Where a backtracking matcher needs longer than the universe is old.
    for pattern, case in pairs {
      ["(a*)*[bc]"] = { "a", false },
      ["(x+x+)+[yz]"] = { "x", false },
      ["(a|aa)+$"] = { "a", true },
      ["(a|a)*[bc]"] = { "a", false },
      ["(.*)*[=!]"] = { "a", false },
      ["^(([a-z])+.)+[A-Z]([a-z])+$"] = { "a", false },
    } do
      it("decides " .. pattern .. " for a kilobyte", function()
        local text = case[1]:rep(1024)
        assert.equal(case[2], compile(pattern):matches(text))
        assert.is_true(compile(pattern):matches(text .. "bB=y" .. text) or not case[2])
      end)
    end

    it("finds what is far behind when it has to change over", function()
      assert.is_true(compile "(x+x+)+[yz]":matches(("x"):rep(1000) .. "z"))
      assert.is_true(compile "(?:é+é+)+[yz]":matches("a\255" .. ("é"):rep(500) .. "z"))
    end)

    for pattern, text in pairs {
      ["(a?){100}a{100}[bc]"] = ("a"):rep(300),
      ["(?:.*a){30}[=!]"] = ("a"):rep(1024),
    } do
      it("says that " .. pattern .. " is too expensive, and not no", function()
        local answer, message, code = compile(pattern):matches(text)
        assert.is_nil(answer)
        assert.equal(("too expensive for a text of %d bytes"):format(#text), message)
        assert.equal(40, code) -- ELOOP
      end)
    end

    it("has room for 4096 that are alive, and for more that are not", function()
      local kept = {}
      for i = 1, 4096 do
        kept[i] = compile("a" .. i)
      end
      local more, message, code = regex.compile "b"
      assert.is_nil(more)
      assert.equal("a script may keep at most 4096 regular expressions, of 16777216 bytes", message)
      assert.equal(24, code) -- EMFILE
      table.remove(kept)
      assert.is_true(compile "b":matches "b")
      assert.is_true(kept[1]:matches "a1")
    end)

    it("has room for 16 MiB of them", function()
      collectgarbage()
      local kept, message = {}, nil
      for i = 1, 4096 do
        kept[i], message = regex.compile(("(?:[a-q]{1,40}|foo)"):rep(200) .. i)
        if message then
          break
        end
      end
      assert.equal("a script may keep at most 4096 regular expressions, of 16777216 bytes", message)
      assert.is_true(#kept > 100)
    end)
  end)
end)
