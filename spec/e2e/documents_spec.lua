--- The documents tell the truth: their scripts run, their output is the program's, their links lead
--- somewhere.
local files = require "spec.support.files"
local podman = require "spec.support.podman"
local tmpdir = require "spec.support.tmpdir"

local PROGRAM = os.getenv "MOONWATCH_BIN" or "build/dev/bin/moonwatch"
local DOCUMENTS = {
  "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "docs/scripting.md",
  "docs/metrics.md", "docs/messages.md", "docs/operating.md", "docs/configuration.md",
  "docs/decisions/README.md", "spec/fixtures/README.md",
}

--- The blocks of a document in a language, in their order.
local function blocks_of(path, language)
  local blocks = {}
  for block in files.read(path):gmatch("\n```" .. language .. "\n(.-)\n```") do
    table.insert(blocks, block)
  end
  return blocks
end

describe("README.md", function()
  it("shows a check and what it prints", function()
    local command, expected = blocks_of("README.md", "console")[1]:match "^%$ moonwatch (.-[^\\])\n(.*)$"
    local dir = tmpdir.new { ["memory_percent.lua"] = blocks_of("README.md", "lua")[1] }
    finally(function() dir:remove() end)

    local output, status = podman.shell(("%s %s 2> %s/log"):format(
      PROGRAM, (command:gsub("%./memory_percent", dir.path .. "/memory_percent")), dir.path))

    assert.equal(0, status, files.read(dir.path .. "/log"))
    assert.equal(expected .. "\n", output)
  end)
end)

describe("docs/scripting.md", function()
  local blocks = blocks_of("docs/scripting.md", "lua")
  local check, spec = blocks[1], nil
  for _, block in ipairs(blocks) do
    spec = block:find "describe%(" and block or spec
  end

  it("shows a check that runs", function()
    local dir = tmpdir.new { ["throttled.lua"] = check }
    finally(function() dir:remove() end)

    local output, status = podman.shell((
      "%s check %s/throttled.lua --set max_age_ms=0 --interval 0.05 --format json --host-root spec/fixtures/v2/t0"
    ):format(PROGRAM, dir.path))

    assert.equal(0, status, output)
    assert.matches('{"metric":"cpu.throttled.percent","tags":["id:', output, 1, true)
  end)

  it("shows a spec of it that passes", function()
    local run = {}
    local environment = setmetatable({
      describe = function(_, block) block() end,
      it = function(_, block) table.insert(run, block) end,
      dofile = function() return assert(loadstring(check))() end,
    }, { __index = getfenv() })

    setfenv(assert(loadstring(spec)), environment)()

    assert.equal(1, #run)
    run[1]()
  end)

  it("shows nothing that is not Lua", function()
    for _, block in ipairs(blocks) do
      assert(loadstring(block))
    end
  end)

  it("has a section for each module", function()
    local text = files.read "docs/scripting.md"
    for name in podman.shell "ls scripts/meta scripts/moonwatch":gmatch "([%w_]+)%.lua" do
      local module = name == "moonwatch" and name or "moonwatch." .. name
      assert.truthy(text:find("\n### [^\n]*" .. module:gsub("%.", "%%.")), module)
    end
  end)
end)

describe("docs/operating.md", function()
  it("shows what the doctor finds", function()
    local command, expected
    for _, block in ipairs(blocks_of("docs/operating.md", "console")) do
      if block:find "^%$ moonwatch doctor" then
        command, expected = block:match "^%$ moonwatch (.-)\n(.*)$"
      end
    end
    local output, status = podman.shell(PROGRAM .. " " .. command)
    assert.equal(0, status)
    assert.equal(expected .. "\n", output)
  end)

  it("shows a source that gives containers", function()
    local dir = tmpdir.new { ["names.lua"] = blocks_of("docs/operating.md", "lua")[1] }
    finally(function() dir:remove() end)
    local output, status = podman.shell(("%s inventory --source %s/names.lua"):format(PROGRAM, dir.path))
    assert.equal(0, status, output)
    assert.matches("\n0123abcd ", output)
  end)

  it("shows questions to the filter that it answers", function()
    local asked = 0
    local questions
    for _, block in ipairs(blocks_of("docs/operating.md", "sh")) do
      questions = block:find "^moonwatch filter" and block or questions
    end
    for command in questions:gmatch "moonwatch ([^\n]+)" do
      local output, status = podman.shell(("%s %s --host-root spec/fixtures/v2/t0"):format(PROGRAM, command)
        :gsub("( test .*) %-%-host%-root .*", "%1"))
      assert.equal(0, status, command)
      assert.is_true(#output > 0, command)
      asked = asked + 1
    end
    assert.equal(3, asked)
  end)
end)

describe("docs/operating.md about the configuration", function()
  local text = files.read("docs/operating.md"):match "\n## What it is to do: config\n(.*)$"

  it("shows a file and what is wrong with it", function()
    local command, expected = text:match "\n```console\n%$ moonwatch (.-)\n(.-)\n```"
    local dir = tmpdir.new { ["moonwatch.lua"] = text:match "\n```lua\n(.-)\n```" }
    finally(function() dir:remove() end)
    local output, status = podman.shell(('program=$(realpath %s) && cd %s && "$program" %s'):format(
      PROGRAM, dir.path, command))
    assert.equal(1, status, output)
    assert.equal(expected .. "\n", output)
  end)
end)

describe("docs/configuration.md", function()
  it("is what tools/make-configuration makes of the table of keys", function()
    local output = podman.shell(("MOONWATCH_BIN=%s luajit -joff tools/make-configuration"):format(PROGRAM))
    assert.equal(output, files.read "docs/configuration.md", "tools/make-configuration > docs/configuration.md")
  end)
end)

describe("docs/metrics.md", function()
  it("is what tools/make-metrics makes of the table of figures", function()
    local made = {}
    local function write(text) table.insert(made, text) end
    local environment = setmetatable({
      arg = { [0] = "tools/make-metrics" }, package = {}, io = { write = write },
      print = function(line) write(line .. "\n") end,
    }, { __index = getfenv() })

    setfenv(assert(loadfile "tools/make-metrics"), environment)()

    assert.equal(table.concat(made), files.read "docs/metrics.md", "tools/make-metrics > docs/metrics.md")
  end)
end)

describe("docs/decisions/README.md", function()
  it("lists every decision", function()
    local index = files.read "docs/decisions/README.md"
    for name in podman.shell "ls docs/decisions":gmatch "%d+%-[^\n]+%.md" do
      assert.truthy(index:find(name, 1, true), name)
    end
  end)
end)

describe("The documents", function()
  for _, document in ipairs(DOCUMENTS) do
    it("link to what exists, from " .. document, function()
      local folder = document:match "^(.*/)" or ""
      for target in files.read(document):gmatch "%]%(([^)#]+)[^)]*%)" do
        if not target:find "^https:" then
          local path = folder .. target
          assert.truthy(io.open(path), ("%s: there is no %s"):format(document, path))
        end
      end
    end)
  end
end)
