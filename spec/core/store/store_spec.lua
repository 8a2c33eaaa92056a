local lfs = require "lfs"

local moonwatch = require "moonwatch"
local new_script = require("moonwatch.script").new
local tmpdir = require "spec.support.tmpdir"

local NO_STATE_DIR = "no state directory: give --state-dir"

describe("moonwatch.store", function()
  local dir, store

  local function open()
    return assert(moonwatch.open { state_dir = dir.path .. "/state" }).store
  end

  before_each(function()
    dir = tmpdir.new()
    store = open()
  end)

  after_each(function()
    store = nil
    collectgarbage()
    collectgarbage()
    dir:remove()
  end)

  local function reopen()
    store = nil
    collectgarbage()
    collectgarbage()
    store = open()
  end

  local function all(prefix)
    local seen = {}
    for key, value in assert(store.each(prefix)) do
      table.insert(seen, key .. "=" .. value)
    end
    return seen
  end

  it("gives back what was put", function()
    assert.is_true(store.put("k", "v"))
    assert.equal("v", store.get "k")
    assert.is_true(store.put("k", "a\0b"))
    assert.equal("a\0b", store.get "k")
    assert.is_true(store.put("k", ""))
    assert.equal("", store.get "k")
  end)

  it("gives nil alone for what is not there", function()
    assert.same({ n = 1 }, { n = select("#", store.get "nothing"), store.get "nothing" })
  end)

  it("remembers over restarts", function()
    assert(store.put("k", "v"))
    reopen()
    assert.equal("v", store.get "k")
  end)

  it("makes nothing until it is used, and then for its user alone", function()
    assert.is_nil(lfs.attributes(dir.path .. "/state"))
    assert(store.put("k", "v"))
    assert.equal("rwx------", lfs.attributes(dir.path .. "/state/store", "permissions"))
  end)

  it("deletes, and says whether there was something", function()
    assert(store.put("k", "v"))
    assert.is_true(store.delete "k")
    assert.is_false(store.delete "k")
    assert.is_nil(store.get "k")
  end)

  it("walks over a prefix in the order of bytes", function()
    for _, key in ipairs { "b", "a/2", "a/1", "a", "a0" } do
      assert(store.put(key, "v" .. key))
    end
    assert.same({ "a=va", "a/1=va/1", "a/2=va/2", "a0=va0", "b=vb" }, all())
    assert.same({ "a/1=va/1", "a/2=va/2" }, all "a/")
    assert.same({}, all "c")
  end)

  it("lets a walk delete what it sees", function()
    for i = 1, 20 do
      assert(store.put(("%02d"):format(i), "v"))
    end
    for key in assert(store.each()) do
      assert.is_true(store.delete(key))
    end
    assert.same({}, all())
  end)

  it("tells how much is used", function()
    assert(store.put("key", "value"))
    local stats = assert(store.stats())
    assert.equal(1, stats.entries_count)
    assert.equal(64 + 3 + 5, stats.used_bytes)
    assert.equal(8 * 2 ^ 20, stats.max_bytes)
    assert.is_true(stats.store_size_bytes > 0 and stats.store_size_bytes < stats.store_max_bytes)
  end)

  it("is bound in bytes", function()
    local value = ("v"):rep(2 ^ 20)
    for i = 1, 7 do
      assert(store.put("k" .. i, value))
    end
    local ok, message = store.put("k8", value)
    assert.is_nil(ok)
    assert.matches("the store of script is full: with this value it would use 8389%d+ bytes of the 8388608 that a "
      .. "script may use; delete what is not needed", message)
    assert.is_true(store.delete "k1")
    assert.is_true(store.put("k8", value))
  end)

  it("refuses keys and values that do not fit", function()
    for message, call in pairs {
      ["a key is empty"] = function() return store.put("", "v") end,
      ["a key is too long: it has 447 bytes, at most 446 are possible"] = function()
        return store.get(("k"):rep(447))
      end,
      ["a value is too large: 1048577 bytes, at most 1048576 are possible"] = function()
        return store.put("k", ("v"):rep(2 ^ 20 + 1))
      end,
    } do
      local result, why = call()
      assert.is_nil(result)
      assert.equal(message, why)
    end
  end)

  it("raises when an argument is no string", function()
    assert.error_matches(function() store.put("k", 1) end, "string expected, got number")
    assert.error_matches(function() store.put("k") end, "string expected, got no value")
    assert.error_matches(function() store.get {} end, "string expected, got table")
    assert.error_matches(function() store.each(1) end, "string expected, got number")
  end)

  it("says so when there is no state directory", function()
    local homeless = assert(moonwatch.open {}).store
    for name, call in pairs {
      get = { "k" }, put = { "k", "v" }, delete = { "k" }, each = {}, stats = {},
    } do
      local result, message, code = homeless[name](unpack(call))
      assert.is_nil(result, name)
      assert.equal(NO_STATE_DIR, message)
      assert.equal(2, code) -- ENOENT
    end
    assert.equal(NO_STATE_DIR, select(2, require("moonwatch.store").get "k"))
  end)

  it("says who has it open", function()
    assert(store.put("k", "v"))
    local other = open()
    local result, message, code = other.get "k"
    assert.is_nil(result)
    assert.matches("is open in this process already", message, 1, true)
    assert.equal(16, code) -- EBUSY
  end)

  it("ends a walk with an error when the disk has changed a value", function()
    assert(store.put("k", "what will change"))
    store = nil
    collectgarbage()
    collectgarbage()
    local path = dir.path .. "/state/store/data.mdb"
    local file = assert(io.open(path, "rb"))
    local content = file:read "*a"
    file:close()
    file = assert(io.open(path, "wb"))
    file:write((content:gsub("what will change", "what has changed")))
    file:close()
    store = open()
    local value, message, code = store.get "k"
    assert.is_nil(value)
    assert.matches("has changed on the disk; delete or replace it", message, 1, true)
    assert.equal(74, code) -- EBADMSG
    assert.error_matches(all, "has changed on the disk")
    assert.is_true(store.put("k", "new"))
    assert.same({ "k=new" }, all())
  end)

  describe("in a sandbox", function()
    it("belongs to the script of that name", function()
      local state_dir = dir.path .. "/sandbox"
      local function run(name, text)
        local script = assert(new_script { name = name, state_dir = state_dir, timeout_ms = 10000 })
        local result, message = script:eval("local store = require 'moonwatch.store'\n" .. text)
        script:close()
        return result, message
      end

      assert.is_true(run("one", "return store.put('k', 'of one')"))
      assert.is_nil(run("two", "return store.get 'k'"))
      assert.equal("of one", run("one", "return store.get 'k'"))
      assert.same({ k = "of one" }, run("one", "local all = {} for k, v in store.each() do all[k] = v end return all"))
    end)

    it("says so when there is no state directory", function()
      local script = assert(new_script { timeout_ms = 10000 })
      assert.same({ NO_STATE_DIR }, script:eval [[
        local _, message = require("moonwatch.store").get "k"
        return { message }]])
      script:close()
    end)
  end)
end)
