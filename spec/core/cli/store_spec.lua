local cjson = require "cjson"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

describe("moonwatch store", function()
  local dir

  before_each(function()
    dir = tmpdir.new()
  end)

  after_each(function()
    dir:remove()
  end)

  local function run(...)
    return program.run { "store", ... }
  end

  local function store(...)
    local words = { "store", "--state-dir", dir.path .. "/state", ... }
    return program.run(words)
  end

  local function put(script, key, value)
    local outcome = store("put", "--script", script, "--", key, value)
    assert.same({ out = "", err = "", code = 0 }, outcome)
  end

  it("gets what was put", function()
    put("one", "k", "v")
    put("two", "k", "of two")
    assert.same({ out = "v\n", err = "", code = 0 }, store("get", "k", "--script", "one"))
    assert.same({ out = "of two\n", err = "", code = 0 }, store("get", "k", "--script", "two"))
    assert.same({ out = '{"key":"k","script":"one","value":"v"}\n', err = "", code = 0 },
      store("get", "k", "--script", "one", "--format", "json"))
  end)

  it("takes keys and values that look like options, behind --", function()
    put("s", "--key", "-v")
    assert.equal("-v\n", store("get", "--script", "s", "--", "--key").out)
  end)

  it("reads a value from standard input", function()
    dir:write { value = "a\0b\n\27[31m\255\194\155\\" }
    local outcome = program.run { "store", "put", "k", "-", "--script", "s", "--state-dir", dir.path .. "/state",
      redirect = "< " .. dir.path .. "/value" }
    assert.same({ out = "", err = "", code = 0 }, outcome)
  end)

  describe("with a value of any bytes", function()
    local BYTES = "a\0b\n\27[31m\255\194\155\\ \195\164"

    before_each(function()
      dir:write { value = BYTES }
      program.run { "store", "put", "k", "-", "--script", "s", "--state-dir", dir.path .. "/state",
        redirect = "< " .. dir.path .. "/value" }
    end)

    it("gives a terminal no orders", function()
      local expected = "a\\x00b\\n\\x1b[31m\\xff\\xc2\\x9b\\\\ \195\164"
      assert.equal(expected .. "\n", store("get", "k", "--script", "s").out)
      assert.equal(("s  k  %d bytes  %s\n"):format(#BYTES, expected), store("list").out)
    end)

    it("writes it as it is with --raw", function()
      local outcome = program.run { "store", "get", "k", "--raw", "--script", "s", "--state-dir", dir.path .. "/state",
        redirect = "> " .. dir.path .. "/copy" }
      assert.equal(0, outcome.code)
      assert.equal(BYTES, files.read(dir.path .. "/copy"))
    end)

    it("writes it as base64 in JSON", function()
      dir:write { encoded = BYTES }
      local expected = program.shell("base64 -w0 < " .. dir.path .. "/encoded").out
      local record = cjson.decode(store("get", "k", "--script", "s", "--format", "json").out)
      assert.same({ key = "k", script = "s", valueBase64 = expected }, record)
    end)
  end)

  it("lists what all scripts keep, or one of them", function()
    put("b", "k", ("x"):rep(100))
    put("a", "2", "two")
    put("a", "1", "one")
    local long = "b  k  100 bytes  " .. ("x"):rep(48) .. "...\n"
    assert.equal("a  1  3 bytes  one\na  2  3 bytes  two\n" .. long, store("list").out)
    assert.equal(long, store("list", "--script", "b").out)
    assert.equal('{"key":"1","script":"a","value":"one"}\n{"key":"2","script":"a","value":"two"}\n',
      store("list", "--script", "a", "--format", "json").out)
  end)

  it("deletes", function()
    put("s", "k", "v")
    assert.same({ out = "", err = "", code = 0 }, store("delete", "k", "--script", "s"))
    local outcome = store("delete", "k", "--script", "s")
    assert.same({ out = "", err = "moonwatch: s keeps nothing under k\n", code = 3 }, outcome)
    assert.equal(3, store("get", "k", "--script", "s").code)
  end)

  it("tells how much is used, and by whom", function()
    put("a", "1", "one")
    put("b", "1", "one")
    put("b", "2", "two")
    local stats = cjson.decode(store("stats", "--format", "json").out)
    assert.same({ { entries = 1, script = "a", usedBytes = 68 }, { entries = 2, script = "b", usedBytes = 136 } },
      stats.scripts)
    assert.equal(3, stats.entries)
    assert.equal(256 * 2 ^ 20, stats.maxBytes)
    assert.is_true(stats.sizeBytes >= 4096)
    local out = store("stats").out
    assert.matches("^entries  3\nfile     [%d.]+ KiB of 256.0 MiB\n", out)
    assert.matches("script   b  entries 2  136 B of 8.0 MiB\n", out, 1, true)
  end)

  describe("check", function()
    local path

    before_each(function()
      put("s", "good", "what stays")
      put("s", "bad", "what changes")
      path = dir.path .. "/state/store/data.mdb"
    end)

    local function rewrite(content)
      local file = assert(io.open(path, "wb"))
      file:write(content)
      file:close()
    end

    it("finds a sound store sound", function()
      assert.same({ out = "sound: all pages, and 2 of 2 values\n", err = "", code = 0 }, store("check"))
      assert.equal('{"damaged":0,"entries":2}\n', store("check", "--format", "json").out)
    end)

    it("finds the value whose bytes changed", function()
      rewrite((files.read(path):gsub("what changes", "what changed")))
      local outcome = store("check")
      assert.equal(1, outcome.code)
      assert.equal("sound: all pages, and 1 of 2 values\n", outcome.out)
      assert.equal("moonwatch: the value of s under bad has changed on the disk; delete it, or put it again\n",
        outcome.err)
      assert.equal('{"damaged":1,"entries":2}\n', store("check", "--format", "json").out)
      assert.equal("what stays\n", store("get", "good", "--script", "s").out)
      assert.equal(1, store("get", "bad", "--script", "s").code)
    end)

    it("finds a file that is cut off", function()
      rewrite(files.read(path):sub(1, 8192))
      local outcome = store("check")
      assert.equal(1, outcome.code)
      assert.matches("data.mdb is damaged: it is cut off before page %d+; move it away", outcome.err)
    end)

    it("finds a file that is no store", function()
      rewrite(("no store"):rep(2000))
      local outcome = store("check")
      assert.equal(1, outcome.code)
      assert.matches("data.mdb is not a store; move it away to begin with an empty store", outcome.err, 1, true)
    end)
  end)

  it("says when there is no store yet, and makes none", function()
    for _, action in ipairs { "list", "stats", "check" } do
      local outcome = store(action)
      assert.equal(3, outcome.code)
      assert.equal(("moonwatch: there is no store in %s/state/store yet\n"):format(dir.path), outcome.err)
    end
    assert.equal(3, store("delete", "k", "--script", "s").code)
    assert.equal(3, store("list").code)
  end)

  it("tells of itself", function()
    local outcome = run "--help"
    assert.equal(0, outcome.code)
    assert.matches("^Usage: moonwatch store get KEY", outcome.out)
    for line in outcome.out:gmatch "[^\n]*" do
      assert.is_true(#line <= 80, line)
    end
  end)

  for what, case in pairs {
    ["no action"] = { "what is to be done: get, put, delete, list, stats or check?" },
    ["a misspelt action"] = { 'there is no action "lst"; did you mean "list"?', "lst" },
    ["no key"] = { "get needs a key", "get", "--script", "s" },
    ["no value"] = { "put needs a value", "put", "k", "--script", "s" },
    ["no script"] = { "get needs --script NAME: which script keeps it?", "get", "k" },
    ["a word too many"] = { 'what is "x" for?', "list", "x" },
    ["many words too many"] = { 'what is "4" for?', "put", "1", "2", "4", "5" },
    ["--raw without get"] = { "--raw is for get alone", "list", "--raw" },
    ["a misspelt option"] = { "there is no option --scirpt; did you mean --script?", "list", "--scirpt", "s" },
    ["a format that is none"] = { "--format xml is neither table nor json", "list", "--format", "xml" },
    ["an empty key"] = { "a key is empty", "put", "", "v", "--script", "s" },
  } do
    it("refuses " .. what, function()
      local outcome = store(unpack(case, 2))
      assert.equal(2, outcome.code)
      assert.matches("moonwatch: " .. case[1], outcome.err, 1, true)
    end)
  end
end)
