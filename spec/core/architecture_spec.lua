--- The map of who may use whom, held against the #include lines and the CMake files.
local lfs = require "lfs"

local files = require "spec.support.files"

-- A folder of core/, and the folders that it may use besides itself. "*" is all others.
local ALLOWED = {
  base = {},
  json = { "base" },
  regex = { "base" },
  host = { "base" },
  cgroup = { "base" },
  proc = { "base" },
  http = { "json", "base" },
  kubelet = { "http", "json", "base" },
  inventory = { "base" },
  stats = { "cgroup", "proc", "kubelet", "host", "base" },
  lmdb = { "base" },
  store = { "lmdb", "base" },
  queue = { "lmdb", "base" },
  script = { "base" },
  bindings = { "base", "json", "http", "regex", "host", "cgroup", "proc", "kubelet", "inventory", "stats", "store",
    "queue", "script" },
  agent = { "base", "json", "http", "regex", "host", "cgroup", "proc", "kubelet", "inventory", "stats", "store",
    "queue", "script", "bindings" },
  cli = { "*" },
}

-- Public headers, include/moonwatch/<name>.h, belong to the folder that implements them.
local PUBLIC = {
  export = "base", error = "base", slice = "base", clock = "base", pids = "base", origin = "base", place = "base",
  host = "host", http = "http", cgroup = "cgroup", proc = "proc", stats = "stats", store = "store", queue = "queue",
  kubelet = "kubelet", kubelet_values = "kubelet", kubelet_summary = "kubelet", kubelet_pods = "kubelet",
}

-- Libraries that only some folders may see, by their headers.
local LIBRARIES = {
  { pattern = "^lua", name = "LuaJIT", folders = { script = true, bindings = true, agent = true } },
  { pattern = "^lauxlib", name = "LuaJIT", folders = { script = true, bindings = true, agent = true } },
  { pattern = "^yajl/", name = "yajl", folders = { json = true } },
  { pattern = "^lmdb", name = "LMDB", folders = { lmdb = true, store = true, queue = true } },
  { pattern = "^zstd", name = "zstd", folders = { queue = true } },
  { pattern = "^pcre2", name = "PCRE2", folders = { regex = true } },
  { pattern = "^curl/", name = "libcurl", folders = { http = true } },
}

local function set_of(list)
  local set = {}
  for _, name in ipairs(list) do
    set[name] = true
  end
  return set
end

local function entries(path)
  local names = {}
  for name in lfs.dir(path) do
    if not name:find "^%." then
      table.insert(names, name)
    end
  end
  table.sort(names)
  return names
end

--- Calls visit(place, delimiter, header) for each #include of the C files in a folder.
local function each_include(folder_path, visit)
  for _, name in ipairs(entries(folder_path)) do
    if name:find "%.[ch]$" then
      local number = 0
      for line in (files.read(folder_path .. "/" .. name) .. "\n"):gmatch "(.-)\n" do
        number = number + 1
        local delimiter, header = line:match '^%s*#%s*include%s*([<"])([^>"]+)'
        if header then
          visit(("%s/%s:%d"):format(folder_path, name, number), delimiter, header)
        end
      end
    end
  end
end

--- The folder that a header in quotes belongs to; nil when nobody knows it.
local function owner_of(header)
  local public = header:match "^moonwatch/([%w_]+)%.h$"
  if public then
    return PUBLIC[public]
  end
  local folder = header:match "^([%w_]+)/[%w_]+%.h$"
  return ALLOWED[folder] and folder
end

local function may_use(folder, other)
  local allowed = set_of(ALLOWED[folder])
  return folder == other or allowed["*"] or allowed[other] or false
end

--- What is wrong with one #include line of a folder, or nil.
local function fault_of(folder, delimiter, header)
  if delimiter == '"' then
    local owner = owner_of(header)
    if not owner then
      return ('"%s" belongs to no folder that this spec knows'):format(header)
    elseif not may_use(folder, owner) then
      return ('%s may not use %s ("%s")'):format(folder, owner, header)
    end
    return nil
  end
  for _, library in ipairs(LIBRARIES) do
    if header:find(library.pattern) and not library.folders[folder] then
      return ("%s may not use %s (<%s>)"):format(folder, library.name, header)
    end
  end
end

--- The folders that a folder's CMakeLists.txt names behind USES; nil when it is no mw_module.
local function uses_of(folder)
  local path = "core/" .. folder .. "/CMakeLists.txt"
  local text = lfs.attributes(path, "mode") and files.read(path):gsub("#[^\n]*", "")
  local arguments = text and text:match("mw_module%(%s*" .. folder .. "%s+(.-)%)")
  if not arguments then
    return nil
  end
  local uses, inside = {}, false
  for word in arguments:gmatch "%S+" do
    if word:find "^%u+$" then
      inside = word == "USES"
    elseif inside then
      uses[word] = true
    end
  end
  return uses
end

local function core_folders()
  local folders = {}
  for _, name in ipairs(entries "core") do
    if lfs.attributes("core/" .. name, "mode") == "directory" then
      table.insert(folders, name)
    end
  end
  return folders
end

describe("the architecture", function()
  it("has no folder that this spec does not know", function()
    for _, folder in ipairs(core_folders()) do
      assert.truthy(ALLOWED[folder], "core/" .. folder .. ": not in the map of who may use whom")
    end
  end)

  it("has no public header that this spec does not know", function()
    for _, name in ipairs(entries "include/moonwatch") do
      assert.truthy(PUBLIC[name:match "^(.*)%.h$"], "include/moonwatch/" .. name .. ": whose is it?")
    end
  end)

  it("lets public headers include public headers only, along the arrows", function()
    local faults = {}
    each_include("include/moonwatch", function(place, delimiter, header)
      local folder = PUBLIC[place:match "/([%w_]+)%.h:%d+$"]
      local fault = folder and fault_of(folder, delimiter, header)
      if delimiter == '"' and not header:find "^moonwatch/" then
        fault = ('"%s" is not public'):format(header)
      end
      if fault then
        table.insert(faults, place .. ": " .. fault)
      end
    end)
    assert.same({}, faults)
  end)

  -- mw_push_binding checks the thread; finalizers, openers and what only C calls need no check.
  it("gives functions to scripts in one way only", function()
    local allowed = {
      ["lua_pushcfunction(L, gc);"] = true, ["lua_pushcfunction(L, regex_gc);"] = true,
      ["lua_pushcfunction(L, script_close);"] = true,
      ["lua_pushcfunction(L, mw_lua_json_encode_function);"] = true,
    }
    local faults, bindings = {}, 0
    for _, folder in ipairs { "core/bindings", "core/agent", "core/cli" } do
      for _, name in ipairs(entries(folder)) do
        for line in (name:find "%.[ch]$" and files.read(folder .. "/" .. name) or ""):gmatch "[^\n]+" do
          bindings = bindings + (line:find "mw_push_binding%(" and 1 or 0)
          local other = line:match "lua_pushcfunction%(.*" or line:match "lua_pushcclosure%(.*"
            or line:match "luaL_%a*register%(.*"
          if other and not allowed[other] then
            table.insert(faults, folder .. "/" .. name .. ": " .. other)
          end
        end
      end
    end
    assert.same({}, faults)
    assert.is_true(bindings >= 5)
  end)

  for _, folder in ipairs(core_folders()) do
    it("lets core/" .. folder .. " include what it may use", function()
      local faults = {}
      each_include("core/" .. folder, function(place, delimiter, header)
        local fault = fault_of(folder, delimiter, header)
        if fault then
          table.insert(faults, place .. ": " .. fault)
        end
      end)
      assert.same({}, faults)
    end)

    it("links core/" .. folder .. " with what it includes, and with nothing that it may not", function()
      local uses = uses_of(folder)
      if not uses then
        return -- a program, not a module
      end
      for other in pairs(uses) do
        assert.is_true(may_use(folder, other), ("core/%s/CMakeLists.txt: USES %s"):format(folder, other))
      end
      each_include("core/" .. folder, function(place, delimiter, header)
        local owner = delimiter == '"' and owner_of(header)
        if owner and owner ~= folder then
          assert.is_true(uses[owner] or false,
            ("%s: %s is not among USES in core/%s/CMakeLists.txt"):format(place, owner, folder))
        end
      end)
    end)
  end

  describe("this spec itself", function()
    for name, case in pairs {
      ["an arrow against the map"] = { "base", '"', "host/cpu.h", "base may not use host" },
      ["a public header against the map"] = { "cgroup", '"', "moonwatch/host.h", "cgroup may not use host" },
      ["a header of the program"] = { "agent", '"', "cli/cli.h", "agent may not use cli" },
      ["a header that nobody owns"] = { "cli", '"', "elsewhere/x.h", "belongs to no folder" },
      ["Lua below the bindings"] = { "cgroup", "<", "lua.h", "cgroup may not use LuaJIT" },
      ["Lua's second header"] = { "stats", "<", "lauxlib.h", "stats may not use LuaJIT" },
      ["yajl outside json"] = { "agent", "<", "yajl/yajl_gen.h", "agent may not use yajl" },
      ["LMDB outside store"] = { "bindings", "<", "lmdb.h", "bindings may not use LMDB" },
      ["libcurl outside http"] = { "kubelet", "<", "curl/curl.h", "kubelet may not use libcurl" },
      ["PCRE2 outside regex"] = { "bindings", "<", "pcre2.h", "bindings may not use PCRE2" },
    } do
      it("sees " .. name, function()
        assert.matches(case[4], fault_of(case[1], case[2], case[3]), 1, true)
      end)
    end

    it("lets pass what is right", function()
      assert.is_nil(fault_of("stats", '"', "moonwatch/cgroup.h"))
      assert.is_nil(fault_of("cli", '"', "agent/agent.h"))
      assert.is_nil(fault_of("script", "<", "lua.h"))
      assert.is_nil(fault_of("base", "<", "stdio.h"))
    end)

    it("reads the names behind USES", function()
      assert.same({ base = true }, uses_of "host")
      assert.same({}, uses_of "base")
      assert.is_true(uses_of("stats").cgroup and uses_of("stats").base)
    end)
  end)
end)
