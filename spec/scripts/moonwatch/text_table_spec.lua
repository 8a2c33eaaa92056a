local text_table = dofile "scripts/moonwatch/text_table.lua"

local COLUMNS = {
  { title = "ID" },
  { title = "NAME", keep = 2 },
  { title = "AGE", align = "right", keep = 1 },
}

describe("moonwatch.text_table", function()
  it("aligns columns that are as wide as they need to be", function()
    assert.same({
      "ID   NAME  AGE",
      "a    web   10s",
      "bcd  -      2d",
    }, text_table.lines(COLUMNS, { { "a", "web", "10s" }, { "bcd", false, "2d" } }, 0))
  end)

  it("leaves out what matters least where the terminal is narrow", function()
    local rows = { { "abc", "web", "10s" } }
    assert.same({ "ID   NAME  AGE", "abc  web   10s" }, text_table.lines(COLUMNS, rows, 14))
    assert.same({ "ID   NAME", "abc  web" }, text_table.lines(COLUMNS, rows, 13))
    assert.same({ "ID", "abc" }, text_table.lines(COLUMNS, rows, 8))
  end)

  it("shortens texts that may be, from the left, before it leaves out columns", function()
    local columns = { { title = "ID" }, { title = "IMAGE", keep = 1, shorten = 6 }, { title = "AGE", keep = 2 } }
    local rows = { { "a", "reg/größe:1", "1s" }, { "b", "x", "2s" } }
    assert.same({ "ID  IMAGE        AGE", "a   reg/größe:1  1s", "b   x            2s" },
      text_table.lines(columns, rows, 20))
    assert.same({ "ID  IMAGE     AGE", "a   …größe:1  1s", "b   x         2s" }, text_table.lines(columns, rows, 17))
    assert.same({ "ID  IMAGE   AGE", "a   …öße:1  1s", "b   x       2s" }, text_table.lines(columns, rows, 15))
    assert.same({ "ID  AGE", "a   1s", "b   2s" }, text_table.lines(columns, rows, 14))
  end)

  it("gives back to a shortened text the room of a column that had to leave", function()
    local columns = { { title = "IMAGE", shorten = 4 }, { title = "SOURCES", keep = 1 } }
    assert.same({ "IMAGE", "…ample/web:1" },
      text_table.lines(columns, { { "registry.example/web:1", "cgroup" } }, 12))
  end)

  it("has one line for a row whatever is in it", function()
    assert.same({ "ID     NAME  AGE", "a?b?c  x      1s" },
      text_table.lines(COLUMNS, { { "a\nb\tc", "x", "1s" } }, 0))
  end)

  it("keeps a column that has no rank, however narrow the terminal is", function()
    assert.same({ "ID", "abc" }, text_table.lines(COLUMNS, { { "abc", "web", "10s" } }, 1))
  end)

  it("counts characters, not bytes", function()
    assert.equal(4, text_table.width "größ")
    assert.same({ "ID    NAME  AGE", "größ  x       y" }, text_table.lines(COLUMNS, { { "größ", "x", "y" } }, 0))
  end)

  it("has no blanks at the ends of lines", function()
    assert.same({ "ID", "a" }, text_table.lines({ { title = "ID" } }, { { "a" } }, 0))
    assert.same({ "ID  X", "a" }, text_table.lines({ { title = "ID" }, { title = "X" } }, { { "a", "" } }, 0))
  end)

  it("is its titles alone without rows", function()
    assert.same({ "ID  NAME  AGE" }, text_table.lines(COLUMNS, {}, 0))
  end)
end)
