--- scripts/meta declares what the C modules offer: nothing more, nothing less.
local lfs = require "lfs"

local C_MODULES = {
  "moonwatch", "moonwatch.cgroup", "moonwatch.host", "moonwatch.http", "moonwatch.inventory",
  "moonwatch.json", "moonwatch.kubelet", "moonwatch.log", "moonwatch.regex", "moonwatch.script", "moonwatch.stats",
  "moonwatch.store",
}

local function meta_path(module)
  return "scripts/meta/" .. module:match "([%w_]+)$" .. ".lua"
end

--- What is declared on M: { run = "function", null = "value" }.
local function declared_in(path)
  local names = {}
  for line in io.lines(path) do
    local fn = line:match "^function M[.:]([%w_]+)%("
    local field, value = line:match "^M%.([%w_]+)%s*=%s*(.*)$"
    if fn then
      names[fn] = "function"
    elseif field then
      names[field] = value:find "^function" and "function" or "value"
    end
  end
  return names
end

local function offered_by(module)
  local names = {}
  for name, value in pairs(require(module)) do
    names[name] = type(value) == "function" and "function" or "value"
  end
  return names
end

describe("scripts/meta", function()
  for _, module in ipairs(C_MODULES) do
    it("declares what " .. module .. " offers", function()
      assert.same(offered_by(module), declared_in(meta_path(module)))
    end)

    it("names " .. module .. " in its first line", function()
      assert.equal("---@meta " .. module, io.lines(meta_path(module))())
    end)
  end

  it("declares no module that is not there", function()
    local known = {}
    for _, module in ipairs(C_MODULES) do
      known[meta_path(module)] = true
    end
    for name in lfs.dir "scripts/meta" do
      if name:find "%.lua$" then
        assert.truthy(known["scripts/meta/" .. name], name .. " declares no C module")
      end
    end
  end)

  it("runs, as far as it has code", function()
    for _, module in ipairs(C_MODULES) do
      assert.is_table(dofile(meta_path(module)))
    end
  end)
end)
