--- The configuration that ships: every key is there with its default, and it changes nothing.
local json = require "cjson"
local lfs = require "lfs"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local KINDS = { "sources", "checks", "sinks" }
local BUILT_IN = { file = true } -- without runs, and so without budgets and intervals
-- Keys of one kind of script.
local ONLY_OF = {
  ["scripts.*.priority"] = "sources", ["scripts.*.stale_s"] = "sources", ["scripts.*.start_at"] = "sinks",
  ["scripts.*.batch_messages"] = "sinks", ["scripts.*.batch_bytes"] = "sinks", ["scripts.*.max_age_s"] = "sinks",
  ["scripts.*.tries_max"] = "sinks",
}
local OF_BUILT_IN = {
  ["scripts.*.enabled"] = true, ["scripts.*.batch_messages"] = true, ["scripts.*.batch_bytes"] = true,
  ["scripts.*.max_age_s"] = true, ["scripts.*.start_at"] = true,
}
-- Their defaults depend on the host and on where the file is.
local COMPUTED = { parallel_runs = true, script_dirs = true }

--- The scripts that ship, and the kind of each.
local function shipped_scripts()
  local scripts = {}
  for _, kind in ipairs(KINDS) do
    if lfs.attributes("scripts/" .. kind, "mode") == "directory" then
      for file in lfs.dir("scripts/" .. kind) do
        local name = file:match "^(.+)%.lua$"
        if name then
          scripts[name] = kind
        end
      end
    end
  end
  for name in pairs(BUILT_IN) do
    scripts[name] = "sinks"
  end
  return scripts
end

--- The text with the dashes in front of keys, and of braces that close, taken away.
local function uncomment(text)
  return (text .. "\n"):gsub("(%s*)%-%-([^\n]*)\n", function(indent, line)
    if line:find "^%s+[%w_]+ = .*[,{]$" or line:find "^%s+},$" then
      return indent .. line .. "\n"
    end
  end)
end

local function show(path, ...)
  local outcome = program.run { "config", "show", path, "--format", "json", ... }
  local values = {}
  for _, value in ipairs(json.decode(outcome.out)) do
    values[value.key] = value
  end
  return values
end

--- "scripts.*.enabled" as a Lua pattern, with a name for the first star.
local function pattern_of(key, name)
  local any = "[%%w_-]+"
  return "^" .. key:gsub("%*", name or any, name and 1 or nil):gsub("%.%*$", "." .. any):gsub("%.", "%%.") .. "$"
end

local function has_key(values, pattern)
  for key, value in pairs(values) do
    if key:find(pattern) and value.origin == "file" then
      return true
    end
  end
  return false
end

describe("The configuration that ships", function()
  local scripts, keys = shipped_scripts(), nil
  local empty, full -- folders: one without anything, one with every key
  local defaults, values

  setup(function()
    local lists, all = { sources = {}, checks = {}, sinks = {} }, {}
    for name, kind in pairs(scripts) do
      table.insert(lists[kind], name)
      all["conf.d/" .. name .. ".lua"] = uncomment(files.read("conf/conf.d/" .. name .. ".lua"))
    end
    all["moonwatch.lua"] = uncomment(files.read "conf/moonwatch.lua")
    empty, full = tmpdir.new { ["moonwatch.lua"] = "return {}" }, tmpdir.new(all)
    local set = {}
    for _, kind in ipairs(KINDS) do
      table.insert(set, "--set")
      table.insert(set, kind .. "=" .. table.concat(lists[kind], " "))
    end
    keys = json.decode(program.run { "config", "keys", "--format", "json" }.out)
    defaults = show(empty.path .. "/moonwatch.lua", unpack(set))
    values = show(full.path .. "/moonwatch.lua", unpack(set))
    -- the lists are those of the command line here
    local without = show(full.path .. "/moonwatch.lua")
    for _, kind in ipairs(KINDS) do
      values[kind], defaults[kind] = without[kind], show(empty.path .. "/moonwatch.lua")[kind]
    end
  end)

  teardown(function()
    empty:remove()
    full:remove()
  end)

  it("has no mistake where every key is set, but that the sink file needs a path", function()
    local outcome = program.run { "config", "check", full.path .. "/moonwatch.lua", "--format", "json" }
    for _, fault in ipairs(json.decode(outcome.out)) do -- a folder of scripts that need not be here
      assert.same({ "warning", "script_dirs" }, { fault.severity, fault.key })
    end
    outcome = program.run { "config", "check", full.path .. "/moonwatch.lua", "--set", "sinks=file" }
    assert.matches("%-%-set: sinks: sink file needs to know where[^\n]*\n1 mistake\n$", outcome.out)
  end)

  it("has no mistake, and changes nothing", function()
    local outcome = program.run { "config", "check", "conf/moonwatch.lua" }
    assert.equal(0, outcome.code, outcome.out)
    assert.matches("^conf/moonwatch.lua: fine", outcome.out)
    for key, value in pairs(show "conf/moonwatch.lua") do
      assert.equal("default", value.origin, key)
    end
  end)

  it("has every key in moonwatch.lua", function()
    local checked = 0
    for _, key in ipairs(keys) do
      if not key.key:find "^scripts%." then
        assert.is_true(has_key(values, pattern_of(key.key)), key.key)
        checked = checked + 1
      end
    end
    assert.is_true(checked > 30)
  end)

  it("has a file for each script, with every key", function()
    for name, kind in pairs(scripts) do
      for _, key in ipairs(keys) do
        local applies = key.key:find "^scripts%." and not key.key:find "%.options%."
          and (ONLY_OF[key.key] or kind) == kind
          and (not BUILT_IN[name] or OF_BUILT_IN[key.key])
        if applies then
          assert.is_true(has_key(values, pattern_of(key.key, name)), name .. ": " .. key.key)
        end
      end
    end
  end)

  it("has every option that a script declares", function()
    local checked = 0
    for key in pairs(defaults) do
      if key:find "%.options%." then
        assert.equal("file", values[key].origin, key)
        checked = checked + 1
      end
    end
    assert.is_true(checked > 20)
  end)

  it("names the default of each key", function()
    for key, value in pairs(values) do
      if value.origin == "file" and defaults[key] and not COMPUTED[key] then
        assert.same(defaults[key].value, value.value, key)
      end
    end
  end)

  it("says what each key is for", function()
    for _, path in ipairs(files.lines(program.shell("find conf -name '*.lua'").out)) do
      local before, is_key = "", "^%s*%-%- [%w_]+ = .*[,{]$"
      for line in (files.read(path) .. "\n"):gmatch "(.-)\n" do
        if line:find(is_key) then -- keys that belong together share a comment
          assert.is_true(before:find "^%s*%-%- ." ~= nil or before:find "{$" ~= nil, path .. ": " .. line)
        end
        before = line
      end
    end
  end)
end)
