local tag_mapping = require "moonwatch.tag_mapping"
local tag_set = require "moonwatch.tag_set"

-- The tags that a mapping makes of labels, those of high cardinality with a "+".
local function mapped(entries, labels)
  local set = tag_set.new()
  tag_mapping.new(entries, "labels_as_tags"):apply(set, labels)
  local list = set:list(tag_set.HIGH)
  for i, tag in ipairs(list) do
    list[i] = (set.levels[tag] == tag_set.HIGH and "+" or "") .. tag
  end
  return table.concat(list, " ")
end

describe("moonwatch.tag_mapping", function()
  for what, case in pairs {
    ["a name"] = { { app = "application" }, { app = "x", other = "y" }, "application:x" },
    ["a name of another case"] = { { APP = "application" }, { aPp = "x" }, "application:x" },
    ["several tags of one label"] = { { app = "a, b ,,c" }, { app = "x" }, "a:x b:x c:x" },
    ["high cardinality"] = { { app = "+a,b" }, { app = "x" }, "+a:x b:x" },
    ["an entry as text"] = { { "app = a,+b" }, { app = "x" }, "a:x +b:x" },
    ["two entries of one name"] = { { "app=a", "APP=b" }, { app = "x" }, "a:x b:x" },
    ["the label's own name"] = { { ["*"] = "l_%%label%%" }, { App = "x" }, "l_App:x" },
    ["the other names of it"] = { { ["a"] = "%%env%%_%%annotation%%" }, { A = "x" }, "A_A:x" },
    ["nothing for a name that there is not"] = { { a = "t%%odd%%u,%%odd%%" }, { a = "x" }, "tu:x" },
    ["high cardinality of the label's own name"] = { { a = "+%%label%%" }, { a = "x" }, "+a:x" },
    ["nothing of an empty value"] = { { a = "t" }, { a = "" }, "" },
    ["nothing of no labels"] = { { a = "t" }, nil, "" },
    ["nothing without entries"] = { nil, { a = "x" }, "" },
    ["an exact name and a glob"] = { { app = "a", ["a*"] = "b" }, { app = "x" }, "a:x b:x" },
  } do
    it("maps " .. what, function()
      assert.equal(case[3], mapped(case[1], case[2]))
    end)
  end

  for _, case in ipairs {
    { "*", "anything", true }, { "*", "", true }, { "app*", "app", true }, { "app*", "application", true },
    { "app*", "my-app", false }, { "*app", "my-app", true }, { "*app", "apple", false }, { "a*c", "abbc", true },
    { "a*c", "ac", true }, { "a*c", "acb", false }, { "a*a", "a", false }, { "*b*", "abc", true },
    { "*b*", "ac", false },
    { "a*b*c", "abc", true }, { "a*b*", "ab", true },
    { "a*b*c", "axbyc", true }, { "a*b*c", "axyc", false }, { "a**c", "abc", true }, { "a*bc*bc", "abc", false },
    { "x.y/*", "x.y/z", true }, { "x.y/*", "xzy/z", false }, { "%a*", "%ab", true }, { "%a*", "bb", false },
    { "*ab", "aab", true }, { "*a*b*", "ba", false },
  } do
    it(("finds %s in %s: %s"):format(case[1], case[2], case[3]), function()
      assert.equal(case[3] and "t:x" or "", mapped({ [case[1]] = "t" }, { [case[2]] = "x" }))
    end)
  end

  it("takes no time over a pattern of many stars", function()
    local started = os.clock()
    assert.equal("", mapped({ [("*a"):rep(50) .. "b"] = "t" }, { [("a"):rep(500)] = "x" }))
    assert.is_true(os.clock() - started < 0.1)
  end)

  for what, entry in pairs {
    ["no tag"] = "app=", ["no pattern"] = "=tag", ["no equals sign"] = "app", ["nothing but commas"] = "app=,,",
  } do
    it("says that an entry has " .. what .. ", and maps the others", function()
      local mapping, problems = tag_mapping.new({ entry, "ok=t" }, "labels_as_tags")
      assert.same({ ('labels_as_tags: "%s" is not understood: it is PATTERN=TAG[,TAG...]'):format(entry) }, problems)
      local set = tag_set.new()
      mapping:apply(set, { app = "x", ok = "y" })
      assert.same({ "t:y" }, set:list(tag_set.HIGH))
    end)
  end
end)
