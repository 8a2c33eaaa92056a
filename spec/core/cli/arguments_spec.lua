local program = require "spec.support.program"

local ROOT = "spec/fixtures/hybrid"

describe("the command line of moonwatch", function()
  for what, call in pairs {
    ["the program"] = { "--help" },
    ["the program, asked without dashes"] = { "help" },
    ["check"] = { "check", "--help" },
    ["check, whatever else is given"] = { "check", "container_rt", "--count", "3", "--help", "--nonsense" },
    ["host"] = { "host", "--help" },
    ["doctor"] = { "doctor", "--help" },
    ["inventory"] = { "inventory", "--help" },
    ["stats"] = { "stats", "--help" },
    ["run"] = { "run", "--help" },
    ["status"] = { "status", "--help" },
    ["reload"] = { "reload", "--help" },
    ["run-now"] = { "run-now", "--help" },
    ["pause"] = { "pause", "--help" },
    ["resume"] = { "resume", "--help" },
    ["log-level"] = { "log-level", "--help" },
    ["scripts"] = { "scripts", "--help" },
    ["filter"] = { "filter", "--help" },
    ["a subcommand of filter"] = { "filter", "test", "--help" },
    ["check, asked as a topic"] = { "help", "check" },
  } do
    it("has a help for " .. what, function()
      local outcome = program.run(call)
      assert.equal(0, outcome.code)
      assert.equal("", outcome.err)
      assert.matches("^Usage: moonwatch ", outcome.out)
      assert.matches("\nExit codes: 0 fine, 1 ", outcome.out)
      for line in outcome.out:gmatch "[^\n]+" do
        assert.is_true(#line <= 80, line)
      end
    end)
  end

  it("has a column for the commands in its help", function()
    local _, lines = program.run({ "--help" }).out:gsub("\n  %l+  +%l", "")
    assert.is_true(lines >= 6)
  end)

  it("names every option in its help", function()
    local help = program.run({ "check", "--help" }).out
    for _, option in ipairs {
      "count", "interval", "format", "set", "source", "host-root", "list-reads", "log-level", "log-format",
      "credentials", "unix-socket", "http-answers", "help",
    } do
      assert.is_truthy(help:find("\n  --" .. option .. " ", 1, true), option)
    end
  end)

  it("names every option in the help of run", function()
    local help = program.run({ "run", "--help" }).out
    for _, option in ipairs {
      "config", "set", "source", "check", "sink", "host-root", "log-level", "log-format", "help",
    } do
      assert.is_truthy(help:find("\n  --" .. option .. " ", 1, true), option)
    end
  end)

  for _, command in ipairs { "check", "inventory", "stats", "filter" } do
    it("says how requests of scripts are named, in the help of " .. command, function()
      assert.matches("\n  --credentials NAME.KEY=VALUE\n", program.run({ command, "--help" }).out, 1, true)
    end)
  end

  it("tells its version", function()
    assert.matches("^moonwatch %d+%.%d+%.%d+\n$", program.run({ "--version" }).out)
  end)

  -- What is wrong, the call, and what is said about it.
  for _, case in ipairs {
    { "no command", {}, "moonwatch: which command?" },
    { "a command that is not there", { "prozess" }, 'moonwatch: there is no command "prozess"' },
    { "a misspelt command", { "chekc" }, 'there is no command "chekc"; did you mean "check"?' },
    { "a misspelt option of the program", { "--hepl" }, 'there is no option "--hepl"; did you mean "--help"?' },
    { "a command that would steer the terminal", { "a\27[2Jb" }, 'there is no command "a?[2Jb"' },
    { "no check", { "check" }, "which check? For example: moonwatch check container_rt" },
    { "two checks", { "check", "a", "b" }, "one check at a time: a or b?" },
    { "two checks behind --", { "check", "--", "a", "b" }, 'what is "b" for?' },
    { "a check that is not there", { "check", "zzz" }, 'there is no check "zzz"; there are: container, container_rt' },
    { "a misspelt check", { "check", "container_tr" }, 'did you mean "container_rt"?' },
    { "a path that is not there", { "check", "./none.lua" }, "./none.lua: No such file or directory" },
    { "an unknown option", { "check", "x", "--zzzzzz" }, "there is no option --zzzzzz" },
    { "a misspelt option", { "check", "x", "--fromat" }, "there is no option --fromat; did you mean --format?" },
    { "a misspelt option with a value", { "check", "x", "--cont=3" }, "no option --cont; did you mean --count?" },
    { "a short option for help", { "check", "x", "-h" }, "there is no option -h; did you mean --help?" },
    { "a short option for help of the program", { "-h" }, 'there is no option "-h"; did you mean "--help"?' },
    { "a short option", { "check", "x", "-c", "3" }, "there is no option -c" },
    { "a short option that is no letter of ASCII", { "check", "x", "-é" }, "there are no options of one letter" },
    { "short options in one word", { "check", "x", "-xy" }, "there is no option -x" },
    { "a value where none belongs", { "check", "x", "--list-reads=5" }, "option --list-reads takes no value" },
    { "an option without its value", { "check", "x", "--count" }, "option --count needs a value" },
    { "a count of 0", { "check", "x", "--count", "0" }, "--count 0 is not a number of runs, 1 or more" },
    { "a negative count", { "check", "x", "--count", "-1" }, "--count -1 is not a number of runs" },
    { "half a count", { "check", "x", "--count", "1.5" }, "--count 1.5 is not a number of runs" },
    { "a count with a blank", { "check", "x", "--count", " 1" }, "--count  1 is not a number of runs" },
    { "a count over 2^64", { "check", "x", "--count", "18446744073709551616" }, "is not a number of runs" },
    { "no interval", { "check", "x", "--interval", "" }, "--interval  is not a number of seconds" },
    { "an interval of 0", { "check", "x", "--interval", "0" },
      "--interval 0 is not a number of seconds from 0.01 to 86400" },
    { "a negative interval", { "check", "x", "--interval", "-2" }, "--interval -2 is not a number of seconds" },
    { "an interval that is no number", { "check", "x", "--interval", "nan" }, "--interval nan is not" },
    { "an interval without end", { "check", "x", "--interval", "inf" }, "--interval inf is not" },
    { "an interval with a unit", { "check", "x", "--interval", "2s" }, "--interval 2s is not" },
    { "an interval of years", { "check", "x", "--interval", "1e9" }, "--interval 1e9 is not" },
    { "an unknown format", { "check", "x", "--format", "xml" }, "--format xml is neither table nor json" },
    { "an unknown log level", { "check", "x", "--log-level", "loud" }, 'unknown log level "loud": use debug' },
    { "an unknown log format", { "check", "x", "--log-format", "xml" }, "--log-format xml is neither text nor json" },
    { "an option of a check without a value", { "check", "x", "--set", "a" }, "--set a is not of the form KEY=VALUE" },
    { "an option of a check without a name", { "check", "x", "--set", "=5" }, "--set =5 is not of the form KEY=VALUE" },
    { "a host root that is not there", { "check", "x", "--host-root", "/nonexistent" },
      "host root /nonexistent is not a directory" },
    { "a host root that is a file", { "check", "x", "--host-root", "/etc/passwd" },
      "host root /etc/passwd is not a directory" },
    { "a host root that is no host", { "check", "x", "--host-root", "spec" }, "host root spec has no proc" },
    { "credentials without a value", { "check", "x", "--credentials", "a.token_file" },
      "--credentials a.token_file is not of the form NAME.KEY=VALUE" },
    { "credentials without a key", { "check", "x", "--credentials", "a=/b.c" }, "is not of the form NAME.KEY=VALUE" },
    { "credentials with an empty key", { "check", "x", "--credentials", "a.=b" }, "--credentials a.=b has no key" },
    { "credentials without a name", { "check", "x", "--credentials", ".ca_file=b" }, "is not of the form" },
    { "credentials with a name of blanks", { "check", "x", "--credentials", "a b.ca_file=c" },
      "a name has 1 to 64 letters, digits, _ and -" },
    { "credentials with a key that is not there", { "stats", "x", "--credentials", "a.token=b" },
      '--credentials a.token: credentials have ca_file, cert_file, key_file, token_file and insecure_skip_verify' },
    { "verification that is neither", { "check", "x", "--credentials", "a.insecure_skip_verify=yes" },
      'insecure_skip_verify is true or false, not "yes"' },
    { "a unix socket without a path", { "check", "x", "--unix-socket", "a" },
      "--unix-socket a is not of the form NAME=PATH" },
    { "a unix socket that is not absolute", { "inventory", "--unix-socket", "a=b" },
      "the path of a unix socket begins with /" },
    { "an argument of host", { "host", "name" }, 'what is "name" for?' },
    { "a misspelt option of host", { "host", "--formt=json" }, "there is no option --formt; did you mean --format?" },
    { "an unknown format of host", { "host", "--format", "xml" }, "--format xml is neither table nor json" },
    { "an argument of doctor", { "doctor", "name" }, 'what is "name" for?' },
    { "a misspelt option of doctor", { "doctor", "--hostroot=/" },
      "there is no option --hostroot; did you mean --host-root?" },
    { "an unknown format of doctor", { "doctor", "--format", "xml" }, "--format xml is neither table nor json" },
    { "a host root without a host for doctor", { "doctor", "--host-root", "/nonexistent" }, "is not a directory" },
    { "an argument of inventory", { "inventory", "name" }, 'what is "name" for?' },
    { "a misspelt option of inventory", { "inventory", "--sorce", "x" }, "did you mean --source?" },
    { "a host root without a host for inventory", { "inventory", "--host-root", "/nonexistent" },
      "is not a directory" },
    { "a source that is not there", { "inventory", "--source", "cgruop" }, 'did you mean "cgroup"?' },
    { "stats of nothing", { "stats" }, "of which container? moonwatch inventory lists them" },
    { "stats of no name", { "stats", "" }, "of which container?" },
    { "stats of two", { "stats", "a", "b" }, "one container at a time: a or b?" },
    { "stats without time", { "stats", "a", "--interval", "0" },
      "--interval 0 is not a number of seconds from 0.01 to 86400" },
    { "an unknown format of stats", { "stats", "a", "--format", "xml" }, "--format xml is neither table nor json" },
    { "a filter without a verb", { "filter" }, "test or explain? For example: moonwatch filter explain" },
    { "a misspelt verb of filter", { "filter", "explian" },
      'filter knows test and explain, not "explian"; did you mean explain?' },
    { "another word for test", { "filter", "test", "web" }, 'what is "web" for? test takes --name' },
    { "sources for test", { "filter", "test", "--source", "cgroup" }, "belong to explain, not to test" },
    { "a name to explain", { "filter", "explain", "--name", "x" }, "belong to test, not to explain" },
    { "an empty id to explain", { "filter", "explain", "" }, "explain which container? An id is empty" },
    { "an option of the command as a rule", { "filter", "test", "--set", "format=json" },
      "--set format: that is no option of the filter" },
    { "an annotation without a value", { "filter", "test", "--annotation", "x" },
      "--annotation x is not of the form K=V" },
    { "a rule without a list", { "filter", "test", "--set", "name:x" }, "--set name:x is not of the form KEY=VALUE" },
    { "a list of rules that is not there", { "filter", "test", "--set", "container_exlude=name:x" },
      'did you mean "container_exclude"?' },
    { "a host root without a host", { "host", "--host-root", "/nonexistent" }, "is not a directory" },
  } do
    local what, call, message = case[1], case[2], case[3]

    it("refuses " .. what, function()
      local outcome = program.run(call)
      assert.equal(2, outcome.code)
      assert.equal("", outcome.out)
      assert.matches("^moonwatch: ", outcome.err)
      assert.is_truthy(outcome.err:find(message, 1, true), outcome.err)
      assert.is_nil(outcome.err:find "[%z\1-\9\11-\31]")
    end)
  end

  it("points to the help of the command", function()
    assert.matches('\nTry "moonwatch %-%-help".\n$', program.run({ "chekc" }).err)
    assert.matches('\nTry "moonwatch check %-%-help".\n$', program.run({ "check", "--zzz" }).err)
    assert.matches('\nTry "moonwatch host %-%-help".\n$', program.run({ "host", "-x" }).err)
  end)

  it("takes the name of the check anywhere among the options", function()
    for _, call in ipairs {
      { "check", "container_rt", "--interval", "0.01", "--host-root", ROOT },
      { "check", "--interval", "0.01", "container_rt", "--host-root", ROOT },
      { "check", "--interval=0.01", "--host-root=" .. ROOT, "--", "container_rt" },
    } do
      assert.equal(0, program.run(call).code)
    end
  end)

  it("says that it finds no scripts, and what to do", function()
    local outcome = program.run { "check", "x", env = { MOONWATCH_SCRIPTS = "/nonexistent" } }
    assert.equal(1, outcome.code)
    assert.matches("MOONWATCH_SCRIPTS names /nonexistent, which is not a directory", outcome.err)
  end)

  it("says that it cannot find its own folder where /proc is hidden", function()
    local hidden = "unshare -m sh -c 'mount -t tmpfs none /proc && exec \"$@\"' sh"
    if program.shell(hidden .. " true").code ~= 0 then
      pending "mounts cannot be made here"
      return
    end
    local outcome = program.run { "check", "x", prefix = hidden }
    assert.equal(1, outcome.code)
    assert.matches("cannot read /proc/self/exe, .*: No such file or directory; set MOONWATCH_SCRIPTS", outcome.err)
  end)

  it("fails when its help cannot be written", function()
    local outcome = program.run { "--help", redirect = "> /dev/full" }
    assert.equal(1, outcome.code)
    assert.matches("cannot write to standard output: No space left on device", outcome.err)
  end)
end)
