--- Scripts that turn the modules of moonwatch against their host. Each must end by itself or at its
--- deadline, within its memory, and leave a state that can be used again.
---
--- Times are of the CPU: what others do on the machine does not count.
local script = require "moonwatch.script"

local has_checker = require "spec.support.checker"

local ENOMEM, ETIME, ECANCELED = 12, 62, 125
local DEADLINE_MS = 50
-- Under a checker what C does takes several times as long.
local OVERTIME_MAX_S = has_checker and 0.25 or 0.05
local MEMORY_MAX_BYTES = 64e6

-- What every script begins with. ID is a container of the recorded host.
local PRELUDE = [[
  local json, regex, stats = require "moonwatch.json", require "moonwatch.regex", require "moonwatch.stats"
  local cgroup, inventory = require "moonwatch.cgroup", require "moonwatch.inventory"
  local host, log = require "moonwatch.host", require "moonwatch.log"
  local ID = "a79e4d54edc2fff604f4066ad599c396d2760f7e87fbcd376c8af527b63b3865"
  local NAN = 0 / 0
  local function raising() error("boom", 0) end
  local function yielding() coroutine.yield(1) end
  local function looping() while true do end end
  local EVENTS = { "__index", "__newindex", "__len", "__tostring", "__eq", "__lt", "__concat", "__call", "__pairs" }
  local function hostile(action)
    local meta = { __metatable = "mine", __mode = "kv" }
    for _, event in ipairs(EVENTS) do meta[event] = action end
    return setmetatable({}, meta)
  end
  local function nested(levels, inner)
    local t = inner
    for _ = 1, levels do t = { t } end
    return t
  end
  local function repeated(n, value)
    local t = {}
    for i = 1, n do t[i] = value end
    return t
  end
]]

-- Each of these would go on for ever, most of them in a function in C.
local endless = {
  ["decode of many small documents"] = "while true do json.decode '[1,[2,{\"a\":null}]]' end",
  ["decode of what is not JSON, caught"] = "while true do pcall(json.decode, '[1,[2,{\"a\":') end",
  ["decode of millions of numbers"] = [[
    local s = '[' .. ('1,'):rep(2e6) .. '1]' while true do pcall(json.decode, s) end]],
  ["decode of millions of empty texts"] = [[
    local s = '[' .. ('"",'):rep(2e6) .. '""]' while true do pcall(json.decode, s) end]],
  ["decode of one key a million times"] = [[
    local s = '{' .. ('"k":1,'):rep(1e6) .. '"k":1}' while true do pcall(json.decode, s) end]],
  ["decode of texts that are all different"] = [[
    local t = {} for i = 1, 1e5 do t[i] = '"' .. i .. '"' end
    local s = '[' .. table.concat(t, ',') .. ']' while true do pcall(json.decode, s) end]],
  ["decode in a callback of gsub"] = "while true do ('[1][2]'):gsub('%b[]', function(s) json.decode(s) end) end",
  ["decode in a coroutine"] = [[
    local f = coroutine.wrap(function() while true do coroutine.yield(json.decode '[{}]') end end)
    while true do f() end]],
  ["encode of a list that holds one list millions of times"] = [[
    local t = repeated(1000, repeated(1000, {})) while true do pcall(json.encode, t) end]],
  ["encode of lists that double at each level"] = [[
    local t = {} for _ = 1, 40 do t = { t, t } end while true do pcall(json.encode, t) end]],
  ["encode of a table that was emptied, again and again"] = [[
    local hollow = repeated(5e5, 1) for i = 1, 5e5 do hollow[i] = nil end
    local t = repeated(5000, hollow) while true do pcall(json.encode, t) end]],
  ["encode of an object whose members were taken out"] = [[
    local hollow = {}
    for i = 1, 1e5 do hollow['k' .. i] = 1 end
    for i = 1, 1e5 do hollow['k' .. i] = nil end
    local t = repeated(20000, hollow) while true do pcall(json.encode, t) end]],
  ["encode of objects of many shapes"] = [[
    local i = 0 while true do i = i + 1 json.encode { ['a' .. i] = 1, ['b' .. i] = { ['c' .. i] = 2 } } end]],
  ["encode of one object with many keys"] = [[
    local t = {} for i = 1, 1e5 do t['k' .. i] = i end while true do json.encode(t) end]],
  ["encode of itself, caught"] = "local t = {} t[1] = t while true do pcall(json.encode, t) end",
  ["constant after constant"] = "while true do json.encode { a = json.constant { 1, { b = 2 } } } end",
  ["constants in constants"] = [[
    while true do
      local t = json.constant {}
      repeat t = json.constant { t, t } until #json.encode(t) > 1e6
    end]],
  ["list on list"] = "while true do json.list(json.list {}) end",
  ["compile without end"] = "while true do regex.compile('a{1000}') end",
  ["compile of the largest patterns"] = "local p = ('[^a]'):rep(1000) while true do regex.compile(p) end",
  ["compile of what is no pattern, caught"] = "while true do pcall(regex.compile, ('('):rep(4000)) end",
  ["nested repetitions"] = [[
    local r = assert(regex.compile('(a*)*(a*)*(a*)*b')) local s = ('a'):rep(16000) while true do r:matches(s) end]],
  ["alternatives that all begin alike"] = [[
    local r = assert(regex.compile('(a|aa|aaa|aaaa)+$'))
    local s = ('a'):rep(16000) .. 'b' while true do r:matches(s) end]],
  ["counted repetitions in each other"] = [[
    local r = assert(regex.compile('((a{0,10}){0,10}){0,10}b'))
    local s = ('a'):rep(16000) while true do r:matches(s) end]],
  ["classes of case-folded letters"] = [[
    local r = assert(regex.compile('(?i)[^k]*[^s]*[^é]*x'))
    local s = ('ſ'):rep(8000) while true do r:matches(s) end]],
  ["patterns that match nothing, everywhere"] = [[
    local r = assert(regex.compile('(?:)*$^')) local s = ('\n'):rep(16000) while true do r:matches(s) end]],
  ["bytes that are no UTF-8"] = [[
    local r = assert(regex.compile('.*.*x')) local s = ('\255'):rep(16000) while true do r:matches(s) end]],
  ["matching in a comparator"] = [[
    local r = regex.compile('a') local t = {} for i = 1, 1000 do t[i] = tostring(i) end
    while true do pcall(table.sort, t, function(a, b) return r:matches(a) or a < b end) end]],
  ["tostring of expressions"] = "local r = regex.compile('a') while true do tostring(r) end",
  ["reading a container"] = "while true do stats.container({ id = ID }, 0) end",
  ["reading a container of which there is none"] = "while true do stats.container({ id = 'none' }, 0) end",
  ["reading ids that are always new"] = [[
    local i = 0 while true do i = i + 1 stats.container({ id = 'x' .. i }, 1e6) end]],
  ["processes of a container"] = "while true do stats.processes({ id = ID }, 0) end",
  ["networks of a container"] = "while true do stats.network({ id = ID }, 0) stats.interfaces({ id = ID }, 0) end",
  ["following without end"] = "local f while true do f = stats.follow({ id = ID }, f) end",
  ["values without end"] = [[
    local f, g = stats.follow { id = ID }, stats.figures { "cpu_total_ns" } while true do stats.values(f, 0, g) end]],
  ["sets of figures"] = "while true do stats.figures { 'cpu_total_ns', 'memory_usage_bytes' } end",
  ["walking"] = "while true do cgroup.walk() end",
  ["listing"] = "while true do cgroup.containers() inventory.containers() inventory.pods() end",
  ["problems"] = "while true do cgroup.problems() end",
  ["what the host is"] = "while true do host.system_info() end",
  ["logging at a level that is off"] = "while true do log.debug('x') end",
  ["a message whose __tostring loops"] = "log.error('%s', hostile(looping))",
  ["a text in the log whose format is the script's own"] = [[
    string.format = looping log.error('%s', 1) while true do end]],
  ["pcall around everything there is"] = [[
    local all = { json, regex, stats, cgroup, inventory, host }
    while true do for _, m in ipairs(all) do for _, f in pairs(m) do pcall(f, hostile(looping)) end end end]],
  ["the filter with patterns that backtrack"] = [[
    local filter = require "moonwatch.filter"
    while true do pcall(filter.new, { container_exclude = { "name:(a*)*b", "image:(x+x+)+y" } }) end]],
}

-- Each of these wants more memory than there is.
local greedy = {
  ["decode of lists that are kept"] = "local t = {} while true do t[#t + 1] = json.decode '[1,2,3,{\"a\":[]}]' end",
  ["decode of one list too large"] = "return #json.decode('[' .. ('[],'):rep(2e6) .. '[]]')",
  ["decode of texts too many"] = [[
    local t = {} for i = 1, 2e5 do t[i] = '"' .. i .. ('x'):rep(60) .. '"' end
    local s = '[' .. table.concat(t, ',') .. ']' t = nil
    local kept = {} while true do kept[#kept + 1] = json.decode(s) end]],
  ["encode of texts that are kept"] = [[
    local t, kept = repeated(1e5, 'abc'), {} while true do kept[#kept + 1] = json.encode { #kept, t } end]],
  ["constants that are kept"] = "local t = {} while true do t[#t + 1] = json.constant { ('x'):rep(1e4) .. #t } end",
  ["containers that are followed"] = [[
    local t = {} while true do t[#t + 1] = stats.follow { id = ('x'):rep(1000) .. #t } end]],
  ["sets that are kept"] = "local t = {} while true do t[#t + 1] = stats.figures { 'cpu_total_ns' } end",
  ["readings that are kept"] = "local t = {} while true do t[#t + 1] = stats.container({ id = ID }, 1e9) end",
  ["a message that is too long for the log"] = "log.error(('x'):rep(3e7) .. 'y')",
  ["handles in coroutines that are kept"] = [[
    local t = {} while true do
      local co = coroutine.create(function() local f = stats.follow { id = ID } coroutine.yield(f) end)
      coroutine.resume(co) t[#t + 1] = co
    end]],
}

-- Each of these ends by itself: with an error that has a message, or with a value.
local quick = {
  ["decode of 65 levels"] = "return json.decode(('['):rep(65) .. (']'):rep(65))",
  ["decode of a million levels"] = "return json.decode(('['):rep(1e6))",
  ["decode of a million levels of objects"] = "return json.decode(('{\"a\":'):rep(1e6))",
  ["decode of more than there may be"] = "return json.decode((' '):rep(17e6))",
  ["decode of a number of a million digits"] = "return json.decode(('1'):rep(1e6))",
  ["decode of an exponent of a million digits"] = "return json.decode('1e' .. ('9'):rep(1e6))",
  ["decode of what is no text"] = "return json.decode(hostile(raising))",
  ["decode of half a surrogate"] = [[return json.decode '["\\ud800\\ud800"]']],
  ["decode of bytes that are no UTF-8"] = "return json.decode '[\"\\255\\254\"]'",
  ["encode of itself"] = "local t = {} t.t = t return json.encode(t)",
  ["encode of itself, over a list"] = "local t = {} t[1] = { { a = t } } return json.encode(t)",
  ["encode of 65 levels"] = "return json.encode(nested(65, 1))",
  ["encode of a function"] = "return json.encode { a = { print } }",
  ["encode of a coroutine"] = "return json.encode { coroutine.create(print) }",
  ["encode of a handle"] = "return json.encode { regex.compile 'a', stats.follow { id = ID } }",
  ["encode of mixed keys"] = "return json.encode { 1, a = 2 }",
  ["encode of a list with one gap"] = "return json.encode { [1] = 1, [1e15] = 2 }",
  ["encode of NaN as a value and infinity as a key"] = "return json.encode { [1 / 0] = NAN }",
  ["encode of numbers at the edge"] = [[
    return json.encode { NAN, 1 / 0, -1 / 0, 2 ^ 53, -2 ^ 63, 5e-324, 1.7976931348623157e308 }]],
  ["encode with metamethods that raise"] = "return json.encode { hostile(raising), a }",
  ["encode with metamethods that yield, in a coroutine"] = [[
    return coroutine.wrap(function() return json.encode { hostile(yielding), { hostile(yielding) } } end)()]],
  ["encode with metamethods that loop"] = "return json.encode { hostile(looping) }",
  ["encode of a text longer than there may be"] = "local s = ('x'):rep(9e6) return json.encode { s, s }",
  ["constant of a table with a metatable"] = "return json.constant(hostile(raising))",
  ["constant of itself"] = "local t = {} t[1] = t return json.constant(t)",
  ["list of what has a metatable"] = "return json.list(hostile(looping))",
  ["a pattern of a megabyte"] = "return regex.compile(('a'):rep(1e6))",
  ["a pattern with too many groups"] = "return regex.compile(('('):rep(300) .. (')'):rep(300))",
  ["a pattern whose counts multiply"] = "return regex.compile('((a{1000}){1000}){1000}')",
  ["a pattern of bytes that are no UTF-8"] = "return regex.compile('\\255[\\254')",
  ["a text too long to match"] = "return regex.compile('a'):matches(('a'):rep(1e6))",
  ["a pattern that is a table"] = "return regex.compile(hostile(raising))",
  ["matches of something else"] = "return regex.compile('a').matches(hostile(raising), 'x')",
  ["matches of the set of figures"] = "return regex.compile('a').matches(stats.figures {}, 'x')",
  ["an expression that is called and indexed at odd places"] = [[
    local r = regex.compile('a')
    pcall(r) pcall(function() r.x = 1 end) pcall(function() return #r end)
    return tostring(r[hostile(raising)]) .. tostring(r[NAN]) .. tostring(getmetatable(r))]],
  ["more expressions than there may be"] = [[
    local t = {} for i = 1, 5000 do t[i] = regex.compile('k' .. i) if not t[i] then return i end end]],
  ["follow of nothing"] = "return stats.follow()",
  ["follow of a table that answers everything"] = [[
    return stats.follow(setmetatable({}, { __index = function() return ('x'):rep(1e6) end }))]],
  ["follow after what is not followed"] = "return stats.follow({ id = ID }, stats.figures {})",
  ["follow after an expression"] = "return stats.follow({ id = ID }, regex.compile 'a')",
  ["follow of an id of a megabyte"] = [[
    return stats.values(stats.follow { id = ('x'):rep(1e6) }, 0, stats.figures {})]],
  ["follow of an id with a NUL byte"] = "return stats.follow { id = 'a\\0b' }",
  ["follow of a number"] = "return stats.follow { id = 12 }",
  ["values of something else"] = "return stats.values(regex.compile 'a', 0, stats.figures {})",
  ["values in a coroutine of a handle from another"] = [[
    local f = coroutine.wrap(function() return stats.follow { id = ID } end)()
    local g = coroutine.wrap(function() return stats.figures { 'cpu_total_ns' } end)()
    return select('#', coroutine.wrap(function() return stats.values(f, 0, g) end)())]],
  ["ages that are no numbers"] = [[
    local f, g, answers = stats.follow { id = ID }, stats.figures { 'cpu_total_ns' }, 0
    local ages = { NAN, 1 / 0, -1 / 0, 1e308, -1e308, 2 ^ 63, -2 ^ 63, 0.5, '7', 'x', {}, print, hostile(raising) }
    for _, age in ipairs(ages) do
      for _, ask in ipairs { stats.container, stats.network, stats.processes, stats.io_devices, stats.interfaces } do
        answers = answers + (pcall(ask, { id = ID }, age) and 1 or 0)
      end
      pcall(stats.values, f, age, g) pcall(stats.network_values, f, age)
    end
    return answers]],
  ["figures with names that there are not"] = "return stats.figures { 'cpu_total_ns', ('x'):rep(1e6) }",
  ["figures without number"] = "return stats.figures(repeated(1e6, 'cpu_total_ns'))",
  ["figures of a table with metamethods"] = "return stats.figures(hostile(looping))",
  ["figures of things"] = "return stats.figures { {}, print, NAN }",
  ["a row that is filled with metamethods around"] = [[
    local row = hostile(raising) return type(stats.container({ id = ID }, 0, row))]],
  ["a row that is the reference"] = [[
    local t = { id = ID } stats.container(t, 0, t) return type(stats.container(t, 0, t))]],
  ["processes with odd numbers"] = [[
    local n = 0
    for _, pid in ipairs { NAN, 1 / 0, -1, 0, 0.5, 2 ^ 31, 2 ^ 53, -2 ^ 63, '1e99', {}, true } do
      n = n + (pcall(stats.id_of_pid, pid) and 1 or 0)
    end
    return n]],
  ["inodes that are none"] = [[
    for _, inode in ipairs { '', '-1', '0x1', ('f'):rep(1e6), 'ffffffffffffffff', ' 1', 'g', '1\0002', {}, NAN } do
      pcall(stats.id_of_inode, inode)
    end
    return stats.id_of_inode 'ffffffffffffffff']],
  ["read of odd ids"] = [[
    for _, id in ipairs { '', '.', '..', '/', '../..', ('../'):rep(1e4), '%s%n', ('x'):rep(1e6), 'a\0b', {}, NAN } do
      pcall(cgroup.read, id) pcall(stats.container, { id = id }, 0)
    end
    return cgroup.read '../../../etc/passwd']],
  ["calls with more arguments than there are"] = [[
    local many, n = repeated(200, {}), 0
    for _, m in ipairs { json, regex, stats, cgroup, inventory, host } do
      for _, f in pairs(m) do if type(f) == 'function' then pcall(f, unpack(many)) n = n + 1 end end
    end
    return n]],
  ["calls without arguments"] = [[
    local n = 0
    for _, m in ipairs { json, regex, stats, cgroup, inventory, host, log } do
      for _, f in pairs(m) do if type(f) == 'function' then pcall(f) n = n + 1 end end
    end
    return n]],
  ["calls with each kind of value in each place"] = [[
    local values = { true, NAN, -1, 1e308, '', 'a\0b', {}, print, coroutine.create(print), json.null,
      regex.compile 'a', stats.follow { id = ID }, stats.figures {}, hostile(raising), hostile(yielding) }
    local n = 0
    for _, m in ipairs { json, regex, stats, cgroup, inventory, host } do
      for _, f in pairs(m) do
        if type(f) == 'function' then
          for _, a in ipairs(values) do for _, b in ipairs(values) do pcall(f, a, b, a) n = n + 1 end end
        end
      end
    end
    return n]],
  ["tables of modules that are taken apart"] = [[
    for _, m in ipairs { json, regex, stats, cgroup, inventory, host, log } do
      for k in pairs(m) do m[k] = nil end
    end
    return require('moonwatch.json').encode]],
  ["the inventory's tables, written to"] = [[
    local list, pods = inventory.containers(), inventory.pods()
    list[1] = list pods.x = pods setmetatable(list, { __index = raising }) return #inventory.containers()]],
  ["replacing the inventory from a check"] = "return inventory.replace('x', {})",
  ["errors that are tables, out of callbacks of modules"] = [[
    local t = setmetatable({}, { __tostring = raising })
    return (('a'):gsub('a', function() error(t) end))]],
  ["errors that are coroutines"] = "error(coroutine.create(print))",
  ["a yield over the log"] = [[
    return coroutine.wrap(function() log.error('%s', hostile(yielding)) end)()]],
  ["a yield over gsub and decode"] = [[
    return coroutine.wrap(function()
      return (('[1]'):gsub('.+', function(s) coroutine.yield(json.decode(s)) end))
    end)()]],
  ["formats of the log that fit nothing"] = "log.error('%d %q %s %99999d', {}, print)",
  ["the log with a text of metamethods"] = "log.error(hostile(looping))",
  ["a module within itself"] = "return require('moonwatch.json') == json and require('moonwatch.script')",
  ["tags of hostile values"] = [[
    local units = require 'moonwatch.units' local n = 0
    for _, f in pairs(units) do
      if type(f) == 'function' then pcall(f, hostile(raising), NAN) pcall(f, NAN) n = n + 1 end
    end
    return n]],
  ["a filter of hostile rules"] = [[
    return (require 'moonwatch.filter').new {
      container_exclude = { hostile(raising), NAN, ('x'):rep(1e6), 'name:(' },
    }]],
}

describe("a script that abuses the modules of moonwatch", function()
  local function new(timeout_ms)
    return assert(script.new {
      name = "hostile",
      host_root = "spec/fixtures/kubelet-1.20-v1",
      memory_max_bytes = MEMORY_MAX_BYTES,
      module_dirs = { "scripts" },
      timeout_ms = timeout_ms,
    })
  end

  --- What it came to, and by how much longer than its deadline it ran.
  local function run(s, text, timeout_ms)
    local from_s = os.clock()
    local value, message, code = s:eval(PRELUDE .. text, "hostile.lua")
    return value, message, code, os.clock() - from_s - timeout_ms / 1e3
  end

  local function usable_again(s)
    assert.is_true(s:memory_peak_bytes() <= MEMORY_MAX_BYTES)
    assert.equal('{"a":[1,"x"]}', s:eval([[
      local json, regex, stats = require "moonwatch.json", require "moonwatch.regex", require "moonwatch.stats"
      if not json.encode then return '{"a":[1,"x"]}' end
      assert(regex.compile("x+"):matches("axx"))
      assert(stats.usage().reads_total >= 0)
      return json.encode(json.decode '{"a": [1, "x"]}')]], nil, 0)) -- on a busy machine 50 ms pass while others run
  end

  for what, text in pairs(endless) do
    it("by " .. what .. " is stopped at its deadline", function()
      local s = new(DEADLINE_MS)
      local value, message, code, overtime_s = run(s, text, DEADLINE_MS)
      assert.is_nil(value)
      assert.matches("deadline of 50 ms reached", message)
      assert.equal(ETIME, code)
      assert.is_true(overtime_s < OVERTIME_MAX_S, ("%.0f ms late"):format(overtime_s * 1e3))
      usable_again(s)
    end)
  end

  -- Too slow to make for a short deadline.
  for what, text in pairs {
    ["an object with half a million keys"] = [[
      local t = {} for i = 1, 4e5 do t['k' .. i] = 1 end while true do pcall(json.encode, t) end]],
    ["a list of millions"] = "local t = repeated(4e6, 1) while true do pcall(json.encode, t) end",
    ["a document of millions"] = [[
      local s = '[' .. ('{},'):rep(5e5) .. ('1,'):rep(5e6) .. '1]' while true do pcall(json.decode, s) end]],
    ["a text that the log has to cut"] = "local s = ('\\0'):rep(2e7) while true do log.debug(s) end",
  } do
    it("by " .. what .. " is stopped at its deadline, however far it is", function()
      local timeout_ms = 700
      local s = new(timeout_ms)
      local _, _, code, overtime_s = run(s, text, timeout_ms)
      assert.equal(ETIME, code)
      assert.is_true(overtime_s < OVERTIME_MAX_S, ("%.0f ms late"):format(overtime_s * 1e3))
      usable_again(s)
    end)
  end

  for what, text in pairs(greedy) do
    it("by " .. what .. " is stopped at its memory limit", function()
      local s = new(60000)
      local value, message, code = run(s, text, 0)
      assert.is_nil(value)
      assert.matches("memory limit of 64000000 bytes reached", message)
      assert.equal(ENOMEM, code)
      usable_again(s)
    end)
  end

  for what, text in pairs(quick) do
    it("by " .. what .. " ends", function()
      local s = new(60000)
      local value, message, code = run(s, text, 0)
      if value == nil and code then
        assert.is_true(code == ECANCELED or code == 22, tostring(code) .. ": " .. tostring(message))
        assert.is_true(#message > 0)
      end
      usable_again(s)
    end)
  end

  it("comes in more than a hundred kinds", function()
    local count = 0
    for _, kinds in ipairs { endless, greedy, quick } do
      for _ in pairs(kinds) do
        count = count + 1
      end
    end
    assert.is_true(count > 100)
  end)
end)
