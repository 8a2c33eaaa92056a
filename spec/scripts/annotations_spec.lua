--- Every type that the scripts' annotations name is declared somewhere in them.
local lfs = require "lfs"

local function scripts_in(path, found)
  for name in lfs.dir(path) do
    local child = path .. "/" .. name
    if name:find "^%a" and lfs.attributes(child, "mode") == "directory" then
      scripts_in(child, found)
    elseif name:find "%.lua$" then
      table.insert(found, child)
    end
  end
  return found
end

-- Types of ours are capitalised; literals, and the text behind two spaces, are none.
local function types_in(line)
  local rest = line:match "^%-%-%-@%l+%s+(.*)"
  local types = {}
  if rest and not line:find "^%-%-%-@meta" then
    for word in rest:gsub("  .*", ""):gsub('"[^"]*"', ""):gmatch "%f[%w_]%u[%w_]*" do
      table.insert(types, word)
    end
  end
  return types
end

describe("the annotations of the scripts", function()
  local declared, files = {}, scripts_in("scripts", {})

  for _, path in ipairs(files) do
    for line in io.lines(path) do
      local name = line:match "^%-%-%-@class ([%w_]+)" or line:match "^%-%-%-@alias ([%w_]+)"
        or line:match "^%-%-%-@generic ([%w_]+)"
      if name then
        declared[name] = true
      end
    end
  end

  for _, path in ipairs(files) do
    it("name only types that are declared, in " .. path, function()
      for line in io.lines(path) do
        for _, name in ipairs(types_in(line)) do
          assert.is_true(declared[name], name .. " in: " .. line)
        end
      end
    end)
  end
end)
