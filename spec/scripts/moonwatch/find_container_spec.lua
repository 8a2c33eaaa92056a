local find_container = dofile "scripts/moonwatch/find_container.lua"

local WEB = { id = "abcd1111", name = "web" }
local DATABASE = { id = "abcd2222", name = "database" }
local NAMELESS = { id = "ef" }
local LONGER = { id = "ef00" }
local SHORT = { id = "0123", name = "ab" }
local ALL = { WEB, DATABASE, NAMELESS, LONGER, SHORT }

describe("moonwatch.find_container", function()
  for _, case in ipairs {
    { "a whole id", "abcd1111", WEB },
    { "the beginning of one id", "abcd2", DATABASE },
    { "a name", "web", WEB },
    { "an id that others begin with", "ef", NAMELESS },
    { "a name, though ids begin with it", "ab", SHORT },
  } do
    local what, text, expected = unpack(case)
    it("takes " .. what, function()
      assert.equal(expected, find_container.one(ALL, text))
    end)
  end

  for _, case in ipairs {
    { "lists all that it may be", "abcd", "2 containers begin with abcd: abcd1111 (web), abcd2222 (database)" },
    { "suggests ids that begin alike", "abcd3333",
      "there is no container abcd3333; did you mean abcd1111 (web), abcd2222 (database)?" },
    { "suggests names that have it", "Base", "there is no container Base; did you mean abcd2222 (database)?" },
    { "says where they are listed", "zz",
      "there is no container zz; moonwatch inventory lists those that there are" },
  } do
    local what, text, message = unpack(case)
    it(what, function()
      local container, err = find_container.one(ALL, text)
      assert.is_nil(container)
      assert.equal(message, err)
    end)
  end

  it("says that there is none at all", function()
    assert.same({ nil, "there is no container x, and none at all" }, { find_container.one({}, "x") })
  end)

  it("lists ten at most", function()
    local many = {}
    for i = 1, 14 do
      many[i] = { id = ("a%02d"):format(i) }
    end
    local _, err = find_container.one(many, "a")
    assert.matches("^14 containers begin with a: a01, a02, .*, a10, and 4 more$", err)
  end)

  it("lists whole ids where their beginnings are the same", function()
    local task = { { id = "34dc0b5e626f2c5c-1" }, { id = "34dc0b5e626f2c5c-2", name = "web" } }
    local _, err = find_container.one(task, "34")
    assert.equal("2 containers begin with 34: 34dc0b5e626f2c5c-1, 34dc0b5e626f2c5c-2 (web)", err)
  end)

  it("gives ids for eyes that tell containers apart", function()
    assert.same({
      ["0123456789abcdef"] = "0123456789ab", ["34dc0b5e626f2c5c-1"] = "34dc0b5e626f2c5c-1",
      ["34dc0b5e626f2c5c-2"] = "34dc0b5e626f2c5c-2", a = "a",
    }, find_container.short_ids {
      { id = "0123456789abcdef" }, { id = "34dc0b5e626f2c5c-1" }, { id = "34dc0b5e626f2c5c-2" }, { id = "a" },
    })
  end)

  it("finds two of one name", function()
    local _, err = find_container.one({ { id = "a1", name = "db" }, { id = "db2", name = "db" } }, "db")
    assert.equal("2 containers are called db: a1 (db), db2 (db)", err)
  end)
end)
