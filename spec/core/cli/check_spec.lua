local cjson = require "cjson"
local lfs = require "lfs"

local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local NINE = "spec/fixtures/kubelet-1.20-v1" -- nine containers
local SIX = "spec/fixtures/hybrid"

-- A host of version 2 without a container.
local EMPTY = {
  ["proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
  ["proc/meminfo"] = "MemTotal: 1024 kB\n",
  ["sys/fs/cgroup/cgroup.controllers"] = "cpu io memory pids\n",
}

-- The program's arguments for container_rt on a recorded host, in a hurry.
local function container_rt(root, more)
  local call = { "check", "container_rt", "--host-root", root, "--interval", "0.01" }
  for _, argument in ipairs(more or {}) do
    table.insert(call, argument)
  end
  call.env, call.redirect = (more or {}).env, (more or {}).redirect
  return call
end

local function decoded(text)
  local messages = {}
  for i, line in ipairs(files.lines(text)) do
    messages[i] = cjson.decode(line)
  end
  return messages
end

describe("moonwatch check", function()
  describe("--format json", function()
    it("prints one message a line, with sorted keys", function()
      local outcome = program.run(container_rt(NINE, { "--format", "json" }))
      assert.equal(0, outcome.code)
      assert.equal(1, #files.lines(outcome.out))
      local json = require "moonwatch.json"
      assert.equal(json.encode(json.decode(outcome.out)) .. "\n", outcome.out)
    end)

    it("has the field names of the wire format, and nothing that is absent", function()
      local message = decoded(program.run(container_rt(SIX, { "--format", "json" })).out)[1]
      local known = {
        containerHostType = "number", groupId = "number", groupSize = "number", hostName = "string",
        numCpus = "number", totalMemory = "number", stats = "table",
      }
      local known_stats = {
        id = "string", state = "number", health = "number", started = "number", totalPct = "number",
        userPct = "number", systemPct = "number", cpuUsageNs = "number", cpuLimit = "number", memUsage = "number",
        memRss = "number", memCache = "number", memLimit = "number", memAccounted = "number", rbps = "number",
        wbps = "number", threadCount = "number", threadLimit = "number",
      }
      for field, value in pairs(message) do
        assert.equal(known[field], type(value), field)
      end
      for _, stat in ipairs(message.stats) do
        for field, value in pairs(stat) do
          assert.equal(known_stats[field], type(value), field)
        end
      end
      assert.equal("recorded-hybrid", message.hostName)
      assert.equal(2, message.numCpus)
    end)

    it("is the same for the same input", function()
      local call = container_rt(NINE, { "--format", "json", "--count", "2" })
      assert.equal(program.run(call).out, program.run(call).out)
    end)

    it("numbers the groups of its runs from 1", function()
      local messages = decoded(program.run(container_rt(SIX, { "--format", "json", "--count", "3" })).out)
      assert.equal(3, #messages)
      for i, message in ipairs(messages) do
        assert.equal(i, message.groupId)
        assert.equal(1, message.groupSize)
      end
    end)

    it("splits nine containers into messages of at most two", function()
      local messages = decoded(program.run(container_rt(NINE, {
        "--format", "json", "--set", "max_per_message=2",
      })).out)
      local sizes = {}
      for i, message in ipairs(messages) do
        sizes[i] = #message.stats
        assert.equal(1, message.groupId)
        assert.equal(5, message.groupSize)
      end
      assert.same({ 2, 2, 2, 2, 1 }, sizes)
    end)
  end)

  describe("--set", function()
    for what, value in pairs { ["the smallest value"] = "1", ["the largest value"] = "10000" } do
      it("takes " .. what .. " without a word", function()
        local outcome = program.run(container_rt(NINE, { "--set", "max_per_message=" .. value }))
        assert.equal(0, outcome.code)
        assert.is_nil(outcome.err:find("warn", 1, true))
      end)
    end

    for _, value in ipairs { "10001", "0", "-5" } do
      it("warns of " .. value .. " for a message and takes the default", function()
        local outcome = program.run(container_rt(NINE, { "--format", "json", "--set", "max_per_message=" .. value }))
        assert.equal(0, outcome.code)
        assert.matches("warn  container_rt: option max_per_message = " .. value:gsub("%-", "%%-")
          .. " is %l+ %d+: the default 100 is used\n", outcome.err)
        assert.equal(1, #files.lines(outcome.out))
      end)
    end

    for what, case in pairs {
      ["an option that is not there"] = {
        "max_pr_message=5", 'no option "max_pr_message"; did you mean "max_per_message"?',
      },
      ["an option that is like none"] = { "colour=5", 'no option "colour"; it has container_exclude, ' },
      ["a word for a number"] = { "max_per_message=many", '"many" is not an integer' },
      ["a fraction"] = { "max_per_message=1.5", '"1.5" is not an integer' },
      ["nothing"] = { "max_per_message=", '"" is not an integer' },
    } do
      it("refuses " .. what, function()
        local outcome = program.run(container_rt(NINE, { "--set", case[1] }))
        assert.equal(2, outcome.code)
        assert.equal("", outcome.out)
        assert.is_truthy(outcome.err:find(case[2], 1, true), outcome.err)
      end)
    end
  end)

  describe("--list-reads", function()
    it("prints every file that is read, once, and no message", function()
      local outcome = program.run(container_rt(NINE, {
        "--list-reads", "--count", "3", "--set", "max_age_ms=0",
      }))
      assert.equal(0, outcome.code)
      local seen, containers = {}, 0
      for _, path in ipairs(files.lines(outcome.out)) do
        assert.is_nil(seen[path], path)
        seen[path] = true
        assert.equal("file", lfs.attributes(path, "mode"), path)
        assert.equal(1, (path:find(NINE, 1, true)))
        containers = containers + (path:find "/memory.usage_in_bytes$" and 1 or 0)
      end
      assert.equal(9, containers)
    end)

    it("is the same for table and json", function()
      local arguments = { "--list-reads", "--set", "max_age_ms=0", "--format", "json" }
      local json = program.run(container_rt(SIX, arguments)).out
      arguments[5] = "table"
      assert.equal(json, program.run(container_rt(SIX, arguments)).out)
    end)
  end)

  it("says on standard error that it takes a silent reading first", function()
    local outcome = program.run(container_rt(NINE, { "--format", "json" }))
    assert.equal("moonwatch: took a first reading; rates follow in 0.01 s\n", outcome.err)
  end)

  it("writes its log as JSON when asked", function()
    local outcome = program.run(container_rt(NINE, { "--set", "max_age_ms=-1", "--log-format", "json" }))
    local entry = cjson.decode(files.lines(outcome.err)[1])
    assert.equal("container_rt", entry.component)
    assert.equal("warn", entry.level)
  end)

  describe("on a host without containers", function()
    local dir

    before_each(function()
      dir = tmpdir.new(EMPTY)
    end)

    after_each(function()
      dir:remove()
    end)

    for _, format in ipairs { "table", "json" } do
      it("has nothing to do for container_rt, in " .. format, function()
        local outcome = program.run(container_rt(dir.path, { "--format", format, "--count", "5" }))
        assert.equal(3, outcome.code)
        assert.equal("", outcome.out)
        assert.equal("moonwatch: no container runs on the host at " .. dir.path .. "\n", outcome.err)
      end)
    end

    it("runs a check that looks at something else", function()
      dir:write { ["quiet.lua"] = "return { api = 1, run = function() end }" }
      local call = container_rt(dir.path)
      call[2] = dir.path .. "/quiet.lua"
      local outcome = program.run(call)
      assert.equal(0, outcome.code)
      assert.matches("  0 containers  ", outcome.out)
    end)

    it("runs such a check even where there are no cgroups", function()
      dir:write {
        ["proc/mounts"] = "proc /proc proc rw 0 0\n",
        ["load.lua"] = "return { api = 1, run = function(context) context:gauge('load', 1) end }",
      }
      local call = container_rt(dir.path, { "--format", "json" })
      call[2] = dir.path .. "/load.lua"
      local outcome = program.run(call)
      assert.equal(0, outcome.code)
      assert.equal('{"metric":"load","type":"gauge","value":1}\n', outcome.out)

      outcome = program.run(container_rt(dir.path))
      assert.equal(1, outcome.code)
      assert.matches("source cgroup: .*cgroup", outcome.err .. "source cgroup: cgroup")
      assert.is_truthy(outcome.err:find(dir.path, 1, true), outcome.err)
    end)
  end)

  describe("standard output", function()
    for what, case in pairs {
      ["is full"] = { "> /dev/full", "No space left on device" },
      ["is closed"] = { ">&-", "Bad file descriptor" },
    } do
      for _, format in ipairs { "table", "json" } do
        it("that " .. what .. " is a failure, said once, for " .. format, function()
          local outcome = program.run(container_rt(NINE, { "--format", format, redirect = case[1] }))
          assert.equal(1, outcome.code)
          assert.equal("moonwatch: cannot write to standard output: " .. case[2], files.lines(outcome.err)[2])
          assert.equal(2, #files.lines(outcome.err))
        end)
      end
    end

    it("whose reader has left ends the program", function()
      local outcome = program.run(container_rt(NINE, {
        "--format", "json", "--count", "100000", redirect = "| head -n 1",
      }))
      assert.equal(1, #files.lines(outcome.out))
    end)
  end)
end)
