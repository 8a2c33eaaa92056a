--- moonwatch config: what it tells of mistakes, and what it shows.
local json = require "cjson"

local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local CHECK = [[
return { api = 1, interval_s = 7, options = {
  size = { type = "integer", default = 100, min = 1, max = 1000, doc = "how many" },
  share = { type = "number", default = 0.5, min = 0 },
  deep = { type = "boolean", default = false },
  name = { type = "string", default = "none" },
  api_key = { type = "string", default = "" },
  rules = { type = "strings", default = { "a", "b" }, max = 3 },
}, run = function() end }
]]

describe("moonwatch config", function()
  local dir

  before_each(function()
    dir = tmpdir.new {
      ["shipped/checks/shipped.lua"] = CHECK,
      ["scripts/checks/mine.lua"] = CHECK,
      ["scripts/sources/src.lua"] = "return { api = 1, priority = 9, list = function() return {} end }",
      ["moonwatch.lua"] = "return { sources = { 'src' }, checks = { 'mine' } }",
    }
  end)

  after_each(function()
    dir:remove()
  end)

  local function config(words, env)
    local call = { "config", env = { MOONWATCH_SCRIPTS = dir.path .. "/shipped" } }
    for name, value in pairs(env or {}) do
      call.env[name] = value
    end
    for _, word in ipairs(words) do
      table.insert(call, (word:gsub("^~", dir.path)))
    end
    local outcome = program.run(call)
    outcome.out = outcome.out:gsub(dir.path:gsub("%p", "%%%0"), "~")
    return outcome
  end

  local function check(...)
    return config { "check", "~/moonwatch.lua", ... }
  end

  local function shown(...)
    local values = {}
    local outcome = config { "show", "~/moonwatch.lua", "--format", "json", ... }
    for _, value in ipairs(json.decode(outcome.out)) do
      values[value.key] = value
    end
    return values, outcome
  end

  describe("check", function()
    it("says that all is fine", function()
      local outcome = check()
      assert.equal("~/moonwatch.lua: fine (1 file)\n", outcome.out)
      assert.equal(0, outcome.code)
    end)

    it("tells all mistakes, with line and key, and what was probably meant", function()
      dir:write {
        ["moonwatch.lua"] = "return {\n  log = {\n    levl = 'info',\n  },\n  checks = { 'mine', 'shiped' },\n"
          .. "  sources = { 'src' },\n}\n",
        ["conf.d/mine.lua"] = "return {\n  interval_s = 0,\n  options = {\n    sise = 5,\n    share = -1,\n"
          .. "    deep = 'yes',\n    name = 5,\n    rules = { 'a b' },\n    size = 1.5,\n  },\n}\n",
      }
      local outcome = check("--set", "parallel_runs=many")
      assert.equal(1, outcome.code)
      assert.equal(table.concat({
        "~/moonwatch.lua:3: log.levl: there is no such key; did you mean log.level?",
        '~/moonwatch.lua:5: checks: there is no check "shiped"; did you mean shipped?',
        "~/conf.d/mine.lua:2: scripts.mine.interval_s: expected a number of seconds from 0.01 to 86400, found 0",
        "~/conf.d/mine.lua:4: scripts.mine.options.sise: the script has no such option; did you mean "
          .. "scripts.mine.options.size?",
        "~/conf.d/mine.lua:5: scripts.mine.options.share: expected a number from 0, found -1",
        '~/conf.d/mine.lua:6: scripts.mine.options.deep: expected true or false, found "yes"',
        "~/conf.d/mine.lua:7: scripts.mine.options.name: expected a text, found 5",
        '~/conf.d/mine.lua:8: scripts.mine.options.rules: has the entry "a b": an entry is a word without '
          .. "blanks (in a regular expression write \\s)",
        "~/conf.d/mine.lua:9: scripts.mine.options.size: expected a whole number from 1 to 1000, found 1.5",
        '--set: parallel_runs: expected a whole number of runs from 1 to 64, found "many"',
        "10 mistakes",
        "",
      }, "\n"), outcome.out)
    end)

    it("gives them to programs as well", function()
      dir:write { ["moonwatch.lua"] = "return {\n  levl = 1 }" }
      local outcome = check("--format", "json")
      assert.equal(1, outcome.code)
      assert.same({
        key = "levl", line = 2, place = "~/moonwatch.lua", severity = "mistake", text = "there is no such key",
      }, json.decode(outcome.out)[1])
    end)

    for what, case in pairs {
      ["a number as text"] = { "size=12", true },
      ["a number out of bounds"] = { "size=1001", 'expected a whole number from 1 to 1000, found "1001"' },
      ["a number that is none"] = { "share=nan", 'expected a number from 0, found "nan"' },
      ["a truth value"] = { "deep=true", true },
      ["a truth value that is none"] = { "deep=1", 'expected true or false, found "1"' },
      ["any text"] = { "name=a b", true },
      ["words"] = { "rules=a b c", true },
      ["too many words"] = { "rules=a b c d", 'expected a list of words, their count up to 3, found "a b c d"' },
      ["a secret, which it does not repeat"] = { "apikey=hunter2",
        "the script has no such option; did you mean scripts.mine.options.api_key?" },
    } do
      it("judges options of the command line: " .. what, function()
        local outcome = check("--set", "scripts.mine.options." .. case[1])
        if case[2] == true then
          assert.equal(0, outcome.code, outcome.out)
        else
          local key = case[1]:match "^[^=]+"
          assert.equal(("--set: scripts.mine.options.%s: %s\n1 mistake\n"):format(key, case[2]), outcome.out)
        end
      end)
    end

    it("takes options from the environment", function()
      local outcome = config({ "check", "~/moonwatch.lua" }, { MOONWATCH_SCRIPTS_MINE_OPTIONS_SIZE = "0" })
      assert.equal("MOONWATCH_SCRIPTS_MINE_OPTIONS_SIZE: scripts.mine.options.size: expected a whole number "
        .. 'from 1 to 1000, found "0"\n1 mistake\n', outcome.out)
    end)

    it("warns of what conf.d says of no script, and judges what it says of one that does not run", function()
      dir:write {
        ["conf.d/mien.lua"] = "return { interval_s = 5 }",
        ["conf.d/shipped.lua"] = "return { options = { sise = 1 } }",
      }
      local outcome = check()
      assert.equal('~/conf.d/mien.lua: warning: is about no script: there is no "mien"; did you mean mine?\n'
        .. "~/conf.d/shipped.lua:1: scripts.shipped.options.sise: the script has no such option; did you mean "
        .. "scripts.shipped.options.size?\n1 mistake\n", outcome.out)
    end)

    it("tells what is wrong with a script", function()
      for text, message in pairs {
        ["return {"] = "~/scripts/checks/mine.lua:1: unexpected symbol near '<eof>'",
        ["\nerror 'no'"] = "~/scripts/checks/mine.lua:2: no",
        ["return 5"] = "~/scripts/checks/mine.lua: has to return a table, not number",
        ["return { options = { a = { type = 'int' } } }"] = "~/scripts/checks/mine.lua: script mine: options.a "
          .. 'has no type: it is "integer", "number", "boolean", "string" or "strings"',
        ["return { options = 5 }"] = "~/scripts/checks/mine.lua: script mine: options is not a table",
      } do
        dir:write { ["scripts/checks/mine.lua"] = text }
        assert.equal(message .. "\n1 mistake\n", check().out)
      end
    end)

    it("refuses a script that others can write", function()
      os.execute("chmod 666 " .. dir.path .. "/scripts/checks/mine.lua")
      assert.equal("~/moonwatch.lua:1: checks: ~/scripts/checks/mine.lua can be written by everybody; "
        .. "cure: chmod go-w ~/scripts/checks/mine.lua\n1 mistake\n", check().out)
    end)

    it("believes a folder that this process was given read-only, as a container is given a ConfigMap", function()
      local folder, given = dir.path .. "/map", dir.path .. "/given"
      dir:write { ["map/.keep"] = "" }
      local outcome = program.shell(([[
        unshare --mount sh -c 'mount -t tmpfs none %s || exit 99
        mkdir -m 0777 %s/folder %s && echo "return { sources = {}, checks = {} }" > %s/folder/moonwatch.lua
        chmod 0666 %s/folder/moonwatch.lua
        mount --bind %s/folder %s && %s config check %s/moonwatch.lua
        mount -o remount,bind,ro %s && exec %s config check %s/moonwatch.lua']]):format(
        folder, folder, given, folder, folder, folder, given, program.PATH, given, given, program.PATH, given))
      if outcome.code == 99 or outcome.err:find "unshare" then
        return pending "may not mount"
      end
      assert.matches("can be written by everybody", outcome.out, 1, true)
      assert.matches("\n" .. given:gsub("%p", "%%%0") .. "/moonwatch.lua: fine %(1 file%)\n$", outcome.out)
    end)

    it("finds an operator's script before the one that ships", function()
      dir:write { ["scripts/checks/shipped.lua"] = "return { options = {} }" }
      local outcome = check("--set", "checks=shipped", "--set", "scripts.shipped.options.size=1")
      assert.matches("the script has no such option", outcome.out, 1, true)
      assert.equal(0, check("--set", "checks=shipped", "--set", "script_dirs=/none",
        "--set", "sources=", "--set", "scripts.shipped.options.size=1").code)
    end)

    it("wants a file that was named", function()
      local outcome = config { "check", "~/none.lua" }
      assert.equal("~/none.lua: cannot open ~/none.lua: No such file or directory\n", (outcome.out:gsub("\n.*", "\n")))
      assert.equal(1, outcome.code)
      outcome = config({ "check" }, { MOONWATCH_CONFIG = dir.path .. "/moonwatch.lua" })
      assert.equal("~/moonwatch.lua: fine (1 file)\n", outcome.out)
    end)

    it("ends a file that never does", function()
      dir:write { ["moonwatch.lua"] = "while true do end" }
      local outcome = check("--set", "sources=", "--set", "checks=")
      assert.matches("^~/moonwatch.lua:1: limit of 2000 ms of CPU time reached\n", outcome.out)
      assert.equal(1, outcome.code)
    end)

    it("prints nothing that would steer the terminal", function()
      dir:write { ["moonwatch.lua"] = 'return { log = { level = "\\27[2J" }, ["\\27x"] = 1 }' }
      assert.is_nil(check().out:find "\27")
    end)
  end)

  describe("show", function()
    it("has what is in effect, and where it is from", function()
      dir:write {
        ["conf.d/mine.lua"] = "return {\n  budget = { cpu_ms = 50 },\n  options = { rules = { 'x', 'y' } } }",
      }
      local values, outcome = shown("--set", "log.level=debug", "--set", "scripts.mine.options.share=1")
      assert.equal(0, outcome.code, outcome.err)
      assert.same({ key = "log.level", origin = "flag", place = "--set", value = "debug" }, values["log.level"])
      assert.same({ key = "checks", line = 1, origin = "file", place = "~/moonwatch.lua", value = { "mine" } },
        values.checks)
      assert.same({ key = "scripts.mine.budget.cpu_ms", line = 2, origin = "file", place = "~/conf.d/mine.lua",
        unit = "ms", value = 50 }, values["scripts.mine.budget.cpu_ms"])
      assert.same({ "x", "y" }, values["scripts.mine.options.rules"].value)
      assert.same({ key = "parallel_runs", origin = "default", unit = "runs", value = values.parallel_runs.value },
        values.parallel_runs)
    end)

    it("has what scripts declare where nobody says otherwise", function()
      local values = shown()
      assert.same({ key = "scripts.mine.interval_s", origin = "default", unit = "s", value = 7 },
        values["scripts.mine.interval_s"])
      assert.equal(9, values["scripts.src.priority"].value)
      assert.same({ key = "scripts.mine.options.rules", origin = "default", value = { "a", "b" } },
        values["scripts.mine.options.rules"])
      assert.is_false(values["scripts.mine.options.deep"].value)
    end)

    it("masks secrets", function()
      for _, format in ipairs { "table", "json" } do
        local outcome = config({ "show", "~/moonwatch.lua", "--format", format },
          { MOONWATCH_SCRIPTS_MINE_OPTIONS_API_KEY = "hunter2" })
        assert.is_nil(outcome.out:find "hunter2")
        assert.matches("MOONWATCH_SCRIPTS_MINE_OPTIONS_API_KEY", outcome.out, 1, true)
        assert.matches("********", outcome.out, 1, true)
      end
    end)

    it("is a table for eyes", function()
      local outcome = config { "show", "~/moonwatch.lua", "--set", "sinks=" }
      assert.matches("^KEY%s+VALUE%s+FROM\n", outcome.out)
      assert.matches("\nchecks%s+mine%s+~/moonwatch.lua:1\n", outcome.out)
      assert.matches("\nscripts.mine.interval_s%s+7 s%s+default\n", outcome.out)
      assert.matches("\nscripts.mine.options.rules%s+a, b%s+default\n", outcome.out)
      assert.matches("\nsinks%s+%-%s+%-%-set\n", outcome.out)
    end)

    it("leaves out what is wrong, and says so", function()
      local values, outcome = shown("--set", "log.level=loud")
      assert.equal("info", values["log.level"].value)
      assert.equal(1, outcome.code)
      assert.matches("there are mistakes", outcome.err, 1, true)
    end)
  end)

  it("prints every key with its default", function()
    local outcome = config { "keys" }
    assert.equal(0, outcome.code)
    assert.matches("\nlog%.level +entries below it are dropped\n +one of debug, info, warn, error; default: info\n",
      outcome.out)
  end)

  describe("the command line", function()
    for name, case in pairs {
      ["no subcommand"] = { {}, "check, show or keys?" },
      ["another one"] = { { "chek" }, 'not "chek"; did you mean check?' },
      ["two files"] = { { "check", "a", "b" }, "one file at a time: a or b?" },
      ["an empty name"] = { { "check", "" }, "the name of the file is empty" },
      ["a value that is none"] = { { "check", "--set", "a" }, "--set a is not of the form KEY=VALUE" },
      ["an option that is none"] = { { "check", "--sett=a" }, "did you mean --set?" },
      ["a format that is none"] = { { "show", "--format", "xml" }, "--format xml is neither table nor json" },
    } do
      it("refuses " .. name, function()
        local outcome = config(case[1])
        assert.equal(2, outcome.code)
        assert.matches(case[2], outcome.err, 1, true)
      end)
    end

    it("has help", function()
      assert.matches("^Usage: moonwatch config check", config({ "--help" }).out)
    end)
  end)

  it("needs no root", function()
    if not program.shell("id -u").out:find "^0" then
      return pending "needs root, to become nobody"
    end
    local outcome = program.shell(([[
      program=$(realpath %s) && chmod -R a+rX %s && MOONWATCH_SCRIPTS=%s/shipped \
      setpriv --reuid 65534 --clear-groups "$program" config check %s/moonwatch.lua]]):format(
      program.PATH, dir.path, dir.path, dir.path))
    if outcome.err:find "ermission denied" then
      return pending "nobody cannot reach the program"
    end
    assert.equal(dir.path .. "/moonwatch.lua: fine (1 file)\n", outcome.out, outcome.err)
  end)
end)
