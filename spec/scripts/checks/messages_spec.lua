--- docs/messages.md lists what the two checks send of a host of which everything is known, and
--- nothing else.
local files = require "spec.support.files"
local harness = require "spec.support.harness"
local made_up = require "spec.support.made_up"

local T = made_up.T
local DOCUMENT = "docs/messages.md"
local LISTS = { container_rt = "stats", container = "containers" } -- what holds the containers of a message

-- ---- What the document says ----

local function section(title)
  local text = files.read(DOCUMENT) .. "\n## "
  return assert(text:match("\n## " .. title .. "\n(.-)\n## "), title)
end

-- The cells of each row of the section's table: members, in which messages, the others.
local function rows_of(title)
  local rows = {}
  for line in section(title):gmatch "[^\n]+" do
    local cells = {}
    for cell in line:gmatch "| ([^|]-) %f[|]" do
      cells[#cells + 1] = cell
    end
    if cells[1] and cells[1]:find "^`" then
      rows[#rows + 1] = cells
    end
  end
  return rows
end

local function names_in(cell)
  local names = {}
  for name in cell:gmatch "`([^`]+)`" do
    names[#names + 1] = name
  end
  return names
end

-- The members that a check sends; with `only`, those of whose last cell it is the beginning.
local function documented(title, check, only)
  local members = {}
  for _, cells in ipairs(rows_of(title)) do
    local is_sent = cells[2] == "both" or names_in(cells[2])[1] == check
    if is_sent and (not only or cells[#cells]:sub(1, #only) == only) then
      for _, name in ipairs(names_in(cells[1])) do
        assert(not members[name], name .. " is there twice")
        members[name] = true
      end
    end
  end
  return members
end

-- ---- What is sent ----

-- "a", "b.c", "list[].d": every member of an object that is no object itself.
local function add_members(members, prefix, object)
  for name, value in pairs(object) do
    local path = prefix .. name
    if type(value) ~= "table" then
      members[path] = true
    elseif value[1] == nil then
      add_members(members, path .. ".", value)
    elseif type(value[1]) == "table" then
      add_members(members, path .. "[].", value[1])
    else
      members[path] = true
    end
  end
  return members
end

local function full_world()
  local world = { cpu_count = 2, networks = { c1 = made_up.network { host_network = true } } }
  world.containers = { made_up.container("c1", {
    runtime = "containerd", health = "healthy", created_s = 1, started_s = 2, name = "web", repo_digest = "sha256:1",
    ips = { net = "10.0.0.1" }, ports = { { port = 80, protocol = "tcp" } },
    cpu_request_percent = 50, memory_request_bytes = 300,
  }) }
  world.rows = { c1 = made_up.sample() }
  world.system_info = {
    uuid = "u", os_name = "linux", platform = "debian", family = "debian", version = "12", kernel_release = "6.1",
  }
  return world
end

-- The message of a second run, and the container in it.
local function sent(check, world)
  local script = harness.load("checks/" .. check, made_up.modules(world), { options = { network_id = "vpc-1" } })
  script:run()
  if world.rows.c1 then
    world.rows.c1, world.networks.c1.network_read_s = made_up.sample { read_s = T + 10 }, T + 10
  end
  local outcome = script:run()
  local body = outcome.messages[1].body
  local container = body[LISTS[check]][1]
  body[LISTS[check]] = "the containers"
  return body, container, outcome
end

describe(DOCUMENT, function()
  for check in pairs(LISTS) do
    describe("of " .. check, function()
      it("lists the members of the message", function()
        assert.same(add_members({}, "", (sent(check, full_world()))), documented("Of the whole message", check))
      end)

      it("lists the members of a container", function()
        local _, container = sent(check, full_world())
        assert.same(add_members({}, "", container), documented("Of one container", check))
      end)

      it("tells which members are never absent", function()
        local _, container = sent(check, { containers = { { id = "c1", state = "running" } }, rows = {} })
        container.tags = nil -- of the id
        assert.same(add_members({}, "", container), documented("Of one container", check, "never"))
      end)
    end)
  end

  it("names the gauge and its tags", function()
    local _, _, outcome = sent("container", full_world())
    local metric = next(outcome.gauges)
    assert.same({ "container", metric, outcome.gauge_tags[metric][1] }, names_in(section "Beside the messages"))
  end)

  it("lists members of the wire format that are not sent", function()
    local _, container = sent("container", full_world())
    for _, cells in ipairs(rows_of "What the wire format knows and moonwatch does not fill") do
      for _, name in ipairs(names_in(cells[1])) do
        assert.is_nil(container[name], name)
      end
    end
  end)
end)
