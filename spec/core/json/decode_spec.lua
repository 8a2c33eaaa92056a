local cjson = require "cjson"
local json = require "moonwatch.json"

local DOCUMENT = [[ {"text":"a\u00e9\ud83d\ude00\n\"",
  "list":[1,-2.5e3,null,true,false,[],{}], "big":18446744073709551615} ]]

describe("moonwatch.json", function()
  describe("decode", function()
    it("reads objects, lists and everything in them", function()
      assert.same({
        text = 'aé\240\159\152\128\n"',
        list = { 1, -2500, json.null, true, false, {}, {} },
        big = "18446744073709551615",
      }, json.decode(DOCUMENT))
    end)

    for text, expected in pairs {
      ["0"] = 0,
      ["-0"] = 0,
      ["1"] = 1,
      [" 12.34\n"] = 12.34,
      ["1.0"] = 1,
      ["1E3"] = 1000,
      ["1e-400"] = 0,
      ["9007199254740992"] = 2 ^ 53,
      ["-9007199254740992"] = -2 ^ 53,
      ["9007199254740993"] = "9007199254740993",
      ["-9007199254740993"] = "-9007199254740993",
      ["9223372036854775808"] = "9223372036854775808",
      ["-9223372036854775809"] = "-9223372036854775809",
      ["123456789012345678901234567890"] = "123456789012345678901234567890",
      ["123456789012345678901234567890.0"] = 123456789012345678901234567890,
      ["true"] = true,
      ["null"] = json.null,
      ['""'] = "",
      ['"\\u0000"'] = "\0",
    } do
      it("reads " .. text, function()
        assert.equal(expected, json.decode(text))
      end)
    end

    it("keeps lists and objects apart, also when they are empty", function()
      local text = '{"a":[],"b":{},"c":[[],{}]}'
      assert.equal(text, json.encode(json.decode(text)))
    end)

    it("lets the last of the same keys count", function()
      assert.same({ a = 2 }, json.decode '{"a":1,"a":2}')
    end)

    for what, text in pairs {
      ["nothing"] = "",
      ["white space"] = " \n",
      ["a second document"] = "{} {}",
      ["a second number"] = "01",
      ["a comma too many"] = "[1,]",
      ["no comma"] = "[1 2]",
      ["no colon"] = '{"a" 1}',
      ["a key that is no string"] = "{1:1}",
      ["a bracket of the other kind"] = "[}",
      ["single quotes"] = "'a'",
      ["a comment"] = "/* a */ 1",
      ["a plus sign"] = "+1",
      ["a point without digits"] = "1.",
      ["NaN"] = "NaN",
      ["a wrong word"] = "nul",
      ["a control character in a string"] = '"a\nb"',
      ["an unknown escape"] = '"\\x"',
      ["a NUL byte"] = "1\0",
      ["a byte order mark"] = "\239\187\1911",
    } do
      it("refuses " .. what, function()
        local value, message, code = json.decode(text)
        assert.is_nil(value)
        assert.matches("^not JSON: .+, near byte %d+, after \"", message)
        assert.equal(74, code) -- EBADMSG
      end)
    end

    for what, text in pairs {
      ["a stray continuation"] = '"\128"',
      ["a cut sequence"] = '"\226\130"',
      ["an overlong form"] = '"\192\128"',
      ["a surrogate"] = '"\237\160\128"',
      ["an escaped half of a surrogate pair"] = '"\\udc00"',
      ["a code point that is too large"] = '"\244\144\128\128"',
      ["an invalid key"] = '{"\255":1}',
      ["an invalid byte behind many others"] = '"' .. ("é"):rep(20) .. ("x"):rep(20) .. '\255"',
    } do
      it("refuses invalid UTF-8: " .. what, function()
        local value, message, code = json.decode(text)
        assert.is_nil(value)
        assert.matches("^a string that is not valid UTF%-8: \"", message)
        assert.equal(84, code) -- EILSEQ
      end)
    end

    it("refuses a number that would become infinite", function()
      local value, message, code = json.decode "[1e400]"
      assert.is_nil(value)
      assert.equal('a number out of range: "1e400"', message)
      assert.equal(34, code) -- ERANGE
    end)

    it("says that a document ends early, wherever it was cut", function()
      local text = DOCUMENT:match "^%s*(.-)%s*$"
      for cut = 0, #text - 1 do
        local value, message = json.decode(text:sub(1, cut))
        assert.is_nil(value)
        assert.matches("^not JSON: the document ends early", message)
      end
    end)

    it("nests 64 levels, not 65", function()
      assert.is_table(json.decode(("["):rep(64) .. ("]"):rep(64)))
      local value, message = json.decode(("["):rep(65) .. ("]"):rep(65))
      assert.is_nil(value)
      assert.equal("nested deeper than 64 levels", message)
    end)

    it("reads 16 MiB, not more", function()
      local text = '"' .. ("x"):rep(2 ^ 24 - 2) .. '"'
      assert.equal(2 ^ 24 - 2, #json.decode(text))
      local value, message, code = json.decode(text .. " ")
      assert.is_nil(value)
      assert.equal("JSON larger than the limit of 16777216 bytes", message)
      assert.equal(90, code) -- EMSGSIZE
    end)

    it("raises for what is no string", function()
      assert.has_error(function() json.decode(1) end)
      assert.has_error(function() json.decode() end)
    end)
  end)

  describe("beside cjson", function()
    local function random_value(levels)
      local kind = math.random(levels > 0 and 6 or 4)
      if kind == 1 then
        return math.random(-1e6, 1e6)
      elseif kind == 2 then
        return math.random(-1e6, 1e6) / 64
      elseif kind == 3 then
        return ("a é\"\\\n/"):rep(math.random(0, 3)) .. math.random(100)
      elseif kind == 4 then
        return math.random(2) == 1
      end
      local value = {}
      for i = 1, math.random(1, 5) do
        value[kind == 5 and i or "k" .. math.random(100)] = random_value(levels - 1)
      end
      return value
    end

    it("writes what cjson reads, and reads what cjson writes", function()
      math.randomseed(7)
      for _ = 1, 500 do
        local value = random_value(5)
        local text = json.encode(value)

        assert.same(value, cjson.decode(text))
        assert.same(value, json.decode(cjson.encode(value)))
        assert.equal(text, json.encode(json.decode(text)))
      end
    end)
  end)
end)
