local duration = require "moonwatch.duration"

describe("moonwatch.duration", function()
  for _, case in ipairs {
    { 0, "0 s" }, { 0.0487, "0.05 s" }, { 2, "2 s" }, { 41.26, "41.3 s" }, { 119, "119 s" }, { 120, "2 min" },
    { 5400, "90 min" }, { 7200, "2.0 h" }, { 90000, "25.0 h" }, { 172800, "2.0 d" }, { 1e7, "115.7 d" },
  } do
    it(("writes %g s as %s"):format(case[1], case[2]), function()
      assert.equal(case[2], duration.text(case[1]))
    end)
  end
end)
