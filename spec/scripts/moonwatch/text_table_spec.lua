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
