local json = require "moonwatch.json"

local function nested(levels)
  local value = {}
  for _ = 2, levels do
    value = { value }
  end
  return value
end

describe("moonwatch.json", function()
  describe("encode", function()
    for _, example in ipairs {
      { "null", json.null, "null" },
      { "booleans", { true, false }, "[true,false]" },
      { "a string", "abc", '"abc"' },
      { "an empty string", "", '""' },
      { "a list", { 1, 2, 3 }, "[1,2,3]" },
      { "an empty table as an object", {}, "{}" },
      { "an empty list that is marked", json.list {}, "[]" },
      { "a marked list that is not empty", json.list { 1 }, "[1]" },
      { "marked lists inside each other", json.list { json.list {}, { a = json.list {} } }, '[[],{"a":[]}]' },
      { "a list with null", { 1, json.null, 3 }, "[1,null,3]" },
      { "an object", { a = 1 }, '{"a":1}' },
      { "objects in lists in objects", { l = { { a = {} }, { b = { {} } } } }, '{"l":[{"a":{}},{"b":[{}]}]}' },
      { "a key that looks like a number", { ["1"] = 1 }, '{"1":1}' },
      { "an empty key", { [""] = 1 }, '{"":1}' },
    } do
      it("writes " .. example[1], function()
        assert.equal(example[3], json.encode(example[2]))
      end)
    end

    for _, example in ipairs {
      { 0, "0" },
      { -0, "0" },
      { -1, "-1" },
      { 123456789012345, "123456789012345" },
      { 2 ^ 53, "9007199254740992" },
      { -2 ^ 53, "-9007199254740992" },
      { 2 ^ 63, "9223372036854775808" },
      { 2 ^ 64 - 2048, "18446744073709549568" },
      { 2 ^ 64, "1.8446744073709552e+19" },
      { 0.1, "0.1" },
      { 12.34, "12.34" },
      { 1 / 3, "0.3333333333333333" },
      { 1e-7, "1e-07" },
      { 1e300, "1e+300" },
      { 0 / 0, "null" },
      { math.huge, "null" },
      { -math.huge, "null" },
    } do
      it("writes the number " .. example[2], function()
        assert.equal(example[2], json.encode(example[1]))
      end)
    end

    for what, example in pairs {
      ["quotes and backslashes"] = { 'a"b\\c', [["a\"b\\c"]] },
      ["control characters"] = { "\0\1\8\9\10\12\13\31", [["\u0000\u0001\b\t\n\f\r\u001f"]] },
      ["DEL"] = { "a\127", [["a\u007f"]] },
      ["a special byte in each place of a word"] = { 'aaaaaaa"aaaaaaaa\\', [["aaaaaaa\"aaaaaaaa\\"]] },
      ["UTF-8 of every length"] = { "é€\240\159\152\128", '"é€\240\159\152\128"' },
      ["a stray continuation"] = { "a\128b", '"a\239\191\189b"' },
      ["a cut sequence"] = { "\226\130", '"\239\191\189\239\191\189"' },
      ["an overlong form"] = { "\192\128", '"\239\191\189\239\191\189"' },
      ["a surrogate"] = { "\237\160\128", '"\239\191\189\239\191\189\239\191\189"' },
      ["a code point that is too large"] = { "\244\144\128\128", '"' .. ("\239\191\189"):rep(4) .. '"' },
      ["bytes that are never UTF-8"] = { "\254\255", '"\239\191\189\239\191\189"' },
    } do
      it("makes valid JSON of a string with " .. what, function()
        assert.equal(example[2], json.encode(example[1]))
        assert.equal("{" .. example[2] .. ":1}", json.encode { [example[1]] = 1 })
      end)
    end

    it("escapes a special byte wherever it stands", function()
      for special, escaped in pairs {
        ['"'] = '\\"', ["\\"] = "\\\\", ["\0"] = "\\u0000", ["\31"] = "\\u001f", ["\127"] = "\\u007f",
        ["\128"] = "\239\191\189", ["\255"] = "\239\191\189",
      } do
        for length = 1, 20 do
          for at = 1, length do
            local before, after = ("x"):rep(at - 1), ("~"):rep(length - at)
            assert.equal('"' .. before .. escaped .. after .. '"', json.encode(before .. special .. after))
          end
        end
      end
    end)

    it("sorts keys by their bytes, a prefix first", function()
      assert.equal('{"":0,"A":1,"B":2,"a":3,"ab":4,"b":5,"é":6}',
        json.encode { b = 5, ab = 4, a = 3, B = 2, A = 1, [""] = 0, ["é"] = 6 })
    end)

    it("sorts objects of the same keys whatever the order of their making", function()
      for _ = 1, 50 do
        local names, object = {}, {}
        for i = 1, 20 do
          table.insert(names, math.random(i), ("key%02d"):format(i))
        end
        for _, name in ipairs(names) do
          object[name] = tonumber(name:sub(4))
        end
        local text = json.encode { object, object, { key01 = 1, key00 = 0 } }
        local last = 0
        for key, value in text:match("^%[({.-})"):gmatch('"key(%d+)":(%d+)') do
          assert.equal(tonumber(key), tonumber(value))
          assert.equal(last + 1, tonumber(key))
          last = tonumber(key)
        end
        assert.equal(20, last)
        assert.matches('{"key00":0,"key01":1}]$', text)
      end
    end)

    it("keeps many shapes of object apart", function()
      for round = 1, 3 do
        for shape = 1, 200 do
          local a, b = "a" .. shape % 7, "b" .. shape
          assert.equal(('{"%s":%d,"%s":2}'):format(a, round, b), json.encode { [b] = 2, [a] = round })
        end
      end
    end)

    it("sorts the keys of large objects, tables among them", function()
      local object, expected = {}, {}
      for i = 1, 10000 do
        object[("k%05d"):format(i)] = i % 2 == 0 and { i } or i
        expected[i] = (i % 2 == 0 and '"k%05d":[%d]' or '"k%05d":%d'):format(i, i)
      end
      assert.equal("{" .. table.concat(expected, ",") .. "}", json.encode(object))
    end)

    describe("of a constant", function()
      it("writes the text that it had when it was made", function()
        local tags = { "a:1", "b:2" }
        assert.equal(tags, json.constant(tags))
        assert.equal('{"id":1,"tags":["a:1","b:2"]}', json.encode { tags = tags, id = 1 })
        tags[3] = "c:3"
        assert.equal('{"tags":["a:1","b:2"]}', json.encode { tags = tags })
        assert.equal('[["a:1","b:2"],["a:1","b:2"]]', json.encode { tags, tags })
        assert.equal('["a:1","b:2"]', json.encode(tags))
        assert.equal('["a:1","b:2"]', json.encode(json.constant(tags)))
      end)

      it("takes objects, empty lists, and constants inside of each other", function()
        local inner = json.constant { b = 1, a = json.constant(json.list {}) }
        assert.equal('[{"a":[],"b":1}]', json.encode(json.constant { inner }))
        assert.equal("{}", json.encode(json.constant {}))
      end)

      it("lets go of the text with the table", function()
        for i = 1, 1000 do
          json.constant { ("x"):rep(10000) .. i }
        end
        collectgarbage()
        collectgarbage()
        assert.is_true(collectgarbage "count" < 20000)
      end)

      it("raises for what has no JSON, and for other metatables", function()
        assert.error_matches(function() json.constant { a = print } end, "cannot encode a: a function")
        assert.error_matches(function() json.constant(setmetatable({}, {})) end, "metatable of its own")
        assert.error_matches(function() json.constant "text" end, "table expected")
        local kept = { print }
        pcall(json.constant, kept)
        assert.is_nil(getmetatable(kept))
      end)
    end)

    it("reads tables as they are, without their metatables", function()
      local object = setmetatable({ a = 1 }, { __index = { b = 2 }, __len = error, __tostring = error })
      assert.equal('{"a":1}', json.encode(object))
    end)

    it("nests 64 tables, not 65", function()
      assert.equal(("["):rep(63) .. "{}" .. ("]"):rep(63), json.encode(nested(64)))
      assert.error_matches(function() json.encode(nested(65)) end, "nested too deep")
    end)

    it("can be used again after an error at any depth", function()
      for levels = 1, 70 do
        local value = nested(levels)
        assert.is_false(pcall(json.encode, { a = value, b = print }))
      end
      assert.equal('{"a":{"b":{}}}', json.encode { a = { b = {} } })
    end)

    it("refuses a table inside itself", function()
      local object = {}
      object.self = { object }
      assert.error_matches(function() json.encode(object) end, "cannot encode self%[1%]%.self.*inside itself")
    end)

    for _, example in ipairs {
      { "a function", print, "cannot encode a function" },
      { "a function in a list", { 1, print }, "cannot encode [2]: a function" },
      { "a thread deep inside", { stats = { 1, 2, { id = coroutine.create(print) } } },
        "cannot encode stats[3].id: a thread" },
      { "a userdata under a strange key", { ["a b"] = { io.stdout } }, 'cannot encode ["a b"][1]: a userdata' },
      { "a sparse list", { a = { 1, nil, nil, 4 } }, "cannot encode a: a list with gaps (json.null fills a gap)" },
      { "a list from 0", { [0] = 1, [1] = 2 },
        "cannot encode a list with gaps, or other numbers as keys (json.null fills a gap)" },
      { "a fraction as key", { [1] = 1, [1.5] = 2 },
        "cannot encode a list with gaps, or other numbers as keys (json.null fills a gap)" },
      { "NaN-like keys", { [math.huge] = 2 },
        "cannot encode a list with gaps, or other numbers as keys (json.null fills a gap)" },
      { "a boolean as key", { a = { [true] = 1 } }, "cannot encode a: a table whose keys are not all strings" },
      { "a marked list with names", json.list { a = 1 }, "cannot encode a list whose keys are not 1, 2, 3, ..." },
    } do
      it("refuses " .. example[1] .. " by its path", function()
        local ok, message = pcall(json.encode, example[2])
        assert.is_false(ok)
        assert.equal(example[3], message)
      end)
    end

    it("refuses numbers mixed with names", function()
      assert.error_matches(function() json.encode { 1, a = 2 } end, "cannot encode a table whose keys")
    end)

    it("blames the line that called it", function()
      local ok, message = pcall(function() return json.encode(print), 1 end)
      assert.is_false(ok)
      assert.matches("encode_spec%.lua:%d+: cannot encode a function", message)
    end)

    it("returns nil and a message for more than 16 MiB, and works on", function()
      local megabyte = ("x"):rep(2 ^ 20)
      local list = {}
      for i = 1, 16 do
        list[i] = megabyte
      end

      local text, message, code = json.encode(list)
      assert.is_nil(text)
      assert.equal("larger than the limit of 16777216 bytes", message)
      assert.equal(90, code) -- EMSGSIZE
      list[16] = nil
      assert.equal(15 * (2 ^ 20 + 3) + 1, #json.encode(list))
      assert.equal("[1]", json.encode { 1 })
    end)

    it("raises for nil, which is more often a mistake than a null", function()
      assert.error_matches(function() json.encode(nil) end, "cannot encode a nil")
      assert.has_error(function() json.encode() end)
    end)

    it("keeps no table alive", function()
      local seen = setmetatable({}, { __mode = "k" })
      local function encode_and_forget()
        local inner = {}
        seen[inner] = true
        json.encode { a = { inner }, b = { c = inner, d = { e = inner } } }
      end

      encode_and_forget()
      collectgarbage()
      assert.is_nil(next(seen))
    end)

    it("has one context for the coroutines of a state", function()
      local text = coroutine.wrap(function() return json.encode { b = {}, a = { c = {} } } end)()
      assert.equal('{"a":{"c":{}},"b":{}}', text)
    end)
  end)

  describe("list", function()
    it("returns its argument", function()
      local list = {}
      assert.equal(list, json.list(list))
      assert.equal(list, json.list(list))
    end)

    it("does not show its mark, and cannot be undone", function()
      local list = json.list {}
      assert.is_string(getmetatable(list))
      assert.has_error(function() setmetatable(list, nil) end)
    end)

    it("refuses a table that has a metatable of its own", function()
      assert.error_matches(function() json.list(setmetatable({}, {})) end, "metatable of its own")
    end)
  end)
end)
