local tmpdir = require "spec.support.tmpdir"

local function ids_of(containers)
  local ids = {}
  for i, container in ipairs(containers) do
    ids[i] = container.id
  end
  return table.concat(ids, " ")
end

describe("moonwatch.inventory", function()
  local inventory, root

  before_each(function()
    root = tmpdir.new()
    inventory = assert(require("moonwatch").open { host_root = root.path }).inventory
  end)

  after_each(function()
    root:remove()
  end)

  describe("containers", function()
    it("is empty, of generation 0, before any source spoke", function()
      local containers, generation = inventory.containers()
      assert.same({}, containers)
      assert.equal(0, generation)
    end)

    it("is sorted by id", function()
      inventory.replace("docker", { { id = "b" }, { id = "c" }, { id = "a" } })
      assert.equal("a b c", ids_of(inventory.containers()))
    end)

    it("has all that was given, and leaves out what is not known", function()
      local full = {
        id = "a", runtime = "containerd", namespace = "k8s.io", state = "running", health = "healthy",
        created_s = 1700000000, started_s = 1700000001,
      }
      inventory.replace("docker", { full, { id = "b", state = "", created_s = 0 } })
      assert.same({ full, { id = "b" } }, (inventory.containers()))
    end)

    it("is the same table while nothing changed, and another one afterwards", function()
      inventory.replace("docker", { { id = "a" } })
      local first = inventory.containers()
      inventory.replace("docker", { { id = "a" } })
      assert.equal(first, (inventory.containers()))

      inventory.replace("docker", { { id = "b" } })
      assert.equal("b", ids_of(inventory.containers()))
      assert.equal("a", ids_of(first))
    end)

    it("is apart for each host", function()
      local other = assert(require("moonwatch").open { host_root = root.path }).inventory
      inventory.replace("docker", { { id = "a" } })
      other.replace("docker", { { id = "b" } })
      assert.equal("a", ids_of(inventory.containers()))
      assert.equal("b", ids_of(other.containers()))
      assert.equal("a", ids_of(inventory.containers()))
    end)
  end)

  describe("generation", function()
    it("goes up with each change, and only then", function()
      assert.equal(0, inventory.generation())
      assert.equal(1, inventory.replace("docker", {}))
      assert.equal(1, inventory.replace("docker", {}))
      assert.equal(2, inventory.replace("docker", { { id = "a" } }))
      assert.equal(2, inventory.replace("docker", { { id = "a", state = "" } }))
      assert.equal(3, inventory.replace("docker", { { id = "a", state = "running" } }))
      assert.equal(3, inventory.generation())
      assert.equal(3, select(2, inventory.containers()))
    end)

    for field, value in pairs {
      runtime = "docker", namespace = "k8s.io", state = "exited", health = "unhealthy", created_s = 5, started_s = 6,
    } do
      it("goes up when " .. field .. " changes", function()
        inventory.replace("docker", { { id = "a" } })
        assert.equal(2, inventory.replace("docker", { { id = "a", [field] = value } }))
      end)
    end
  end)

  describe("replace", function()
    it("merges sources; the first to speak wins", function()
      inventory.replace("docker", { { id = "a", state = "running" }, { id = "c" } })
      inventory.replace("cgroup", { { id = "a", state = "unknown" }, { id = "b" } })
      local containers = inventory.containers()
      assert.equal("a b c", ids_of(containers))
      assert.equal("running", containers[1].state)

      inventory.replace("docker", {})
      containers = inventory.containers()
      assert.equal("a b", ids_of(containers))
      assert.equal("unknown", containers[1].state)
    end)

    it("lets the first of two elements with the same id count", function()
      inventory.replace("docker", { { id = "b" }, { id = "a", state = "1" }, { id = "a", state = "2" } })
      assert.same({ { id = "a", state = "1" }, { id = "b" } }, (inventory.containers()))
    end)

    for what, example in pairs {
      ["an element that is not a table"] = { "x", "container 2 is not a table" },
      ["an element without an id"] = { {}, "container 2: id is missing" },
      ["an empty id"] = { { id = "" }, "container 2: id is empty" },
      ["an id that is not a string"] = { { id = 7 }, "container 2: id is not a string" },
      ["an id with a NUL byte"] = { { id = "a\0b" }, "container 2: id contains a NUL byte" },
      ["a state that is not a string"] = { { id = "b", state = true }, "container 2: state is not a string" },
      ["a health with a NUL byte"] = { { id = "b", health = "\0" }, "container 2: health contains a NUL byte" },
      ["a runtime that is too long"] = {
        { id = "b", runtime = ("x"):rep(1025) }, "container 2: runtime is over 1024 bytes long",
      },
      ["a start that is not a number"] = { { id = "b", started_s = "1" }, "container 2: started_s is not a number" },
      ["a creation that is not a time"] = { { id = "b", created_s = 0 / 0 }, "container 2: created_s is not a time" },
      ["a start in the infinite"] = { { id = "b", started_s = math.huge }, "container 2: started_s is not a time" },
    } do
      it("refuses " .. what .. ", and the last list stays", function()
        inventory.replace("docker", { { id = "last" } })
        local generation, message, code = inventory.replace("docker", { { id = "a" }, example[1] })
        assert.is_nil(generation)
        assert.equal(example[2], message)
        assert.equal(22, code) -- EINVAL
        assert.equal("last", ids_of(inventory.containers()))
      end)
    end

    it("refuses an empty name of a source", function()
      local _, message = inventory.replace("", {})
      assert.matches("name of a source", message)
    end)

    it("refuses a list that is too long", function()
      local element, list = { id = "a" }, {}
      for i = 1, 100001 do
        list[i] = element
      end
      local _, message, code = inventory.replace("docker", list)
      assert.equal('source "docker": too many containers at once', message)
      assert.equal(7, code) -- E2BIG
    end)

    it("takes a list of a thousand", function()
      local list = {}
      for i = 1, 1000 do
        list[i] = { id = ("c%04d"):format(1000 - i), state = "running" }
      end
      inventory.replace("docker", list)
      local containers = inventory.containers()
      assert.equal(1000, #containers)
      assert.same({ id = "c0000", state = "running" }, containers[1])
    end)

    it("raises when an argument is of the wrong type", function()
      assert.error_matches(function() inventory.replace(nil, {}) end, "string expected")
      assert.error_matches(function() inventory.replace("a\0b", {}) end, "NUL byte")
      assert.error_matches(function() inventory.replace("docker") end, "table expected")
    end)
  end)

  it("releases what it held when the collector runs", function()
    for i = 1, 50 do
      inventory.replace("docker", { { id = "a" .. i } })
      inventory.containers()
    end
    inventory = nil
    collectgarbage()
    collectgarbage()
  end)
end)
