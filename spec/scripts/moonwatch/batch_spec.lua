local batch = require "moonwatch.batch"

local function repeated(size, times)
  local sizes = {}
  for i = 1, times do
    sizes[i] = size
  end
  return sizes
end

local function items(count)
  local list = {}
  for i = 1, count do
    list[i] = "item " .. i
  end
  return list
end

-- { items, limit, messages of the reference (their number is kept), sizes }
local VECTORS = {
  { 1, 100, 1, { 1 } },
  { 99, 100, 1, { 99 } },
  { 100, 100, 1, { 100 } },
  { 101, 100, 2, { 51, 50 } },
  { 199, 100, 2, { 100, 99 } },
  { 200, 100, 2, { 100, 100 } },
  { 201, 100, 3, { 67, 67, 67 } },
  { 250, 100, 3, { 84, 83, 83 } },
  { 300, 100, 3, { 100, 100, 100 } },
  { 1000, 100, 10, repeated(100, 10) },
  { 10000, 100, 100, repeated(100, 100) },
  { 10100, 100, 101, repeated(100, 101) },
  { 2, 1, 2, { 1, 1 } },
  { 3, 1, 3, { 1, 1, 1 } },
  { 4, 2, 2, { 2, 2 } },
  { 5, 2, 3, { 2, 2, 1 } },
  { 6, 2, 3, { 2, 2, 2 } },
  { 12, 3, 4, { 3, 3, 3, 3 } },
  { 24, 5, 5, { 5, 5, 5, 5, 4 } },
  { 30, 5, 6, repeated(5, 6) },
}

describe("moonwatch.batch", function()
  describe("sizes", function()
    for _, vector in ipairs(VECTORS) do
      local count, most, messages, sizes = vector[1], vector[2], vector[3], vector[4]

      it(("makes %d messages of %d items, at most %d in each"):format(messages, count, most), function()
        assert.same(sizes, batch.sizes(count, most))
        assert.equal(messages, #sizes)
      end)
    end

    it("is right for every small case: none over the limit, none empty, even, complete", function()
      for count = 1, 60 do
        for most = 1, 62 do
          local sizes, sum, least, largest = batch.sizes(count, most), 0, math.huge, 0
          for _, size in ipairs(sizes) do
            sum, least, largest = sum + size, math.min(least, size), math.max(largest, size)
          end
          assert.equal(count, sum)
          assert.equal(math.ceil(count / most), #sizes)
          assert.is_true(least >= 1 and largest <= most and largest - least <= 1)
        end
      end
    end)

    it("makes no message of nothing, whatever the limit", function()
      assert.same({}, batch.sizes(0, 1))
      assert.same({}, batch.sizes(0, 1e300))
    end)

    it("blames the caller for a limit that leaves no room", function()
      for _, most in ipairs { 0, -5 } do
        local _, message = pcall(function() batch.sizes(3, most) end)
        assert.matches("batch_spec.lua:%d+: max_per_message is .* leaves no room for an item", message)
      end
    end)
  end)

  describe("split", function()
    it("keeps the order of the items", function()
      assert.same({ { "item 1", "item 2" }, { "item 3", "item 4" }, { "item 5" } }, batch.split(items(5), 2))
    end)

    it("gives the list itself when it fits", function()
      local list = items(3)
      assert.equal(list, batch.split(list, 3)[1])
      assert.equal(1, #batch.split(list, 3))
    end)

    it("makes no message of an empty list", function()
      assert.same({}, batch.split({}, 10))
    end)
  end)
end)
