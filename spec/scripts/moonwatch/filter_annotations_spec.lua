--- Containers that annotations of their pod exclude.
local filter = require "moonwatch.filter"

local OF_ONE = {
  ["ad.datadoghq.com/foo.exclude"] = "true",
  ["ad.datadoghq.com/foo.metrics_exclude"] = "true",
  ["ad.datadoghq.com/foo.logs_exclude"] = "true",
  ["ad.datadoghq.com/bar.exclude"] = "false",
  ["ad.datadoghq.com/bar.metrics_exclude"] = "false",
  ["ad.datadoghq.com/bar.logs_exclude"] = "false",
}

local function of_pod(values)
  local annotations = {}
  for key, value in pairs(values) do
    annotations["ad.datadoghq.com/" .. key] = value
  end
  return annotations
end

describe("annotations", function()
  local filters = {
    (filter.new { kind = "global" }),
    (filter.new { kind = "metrics" }),
    (filter.new { kind = "autodiscovery_logs" }),
  }

  -- { what, annotations, container, excluded by the filters: global, metrics, logs }
  for _, case in ipairs {
    { "of one container, for it", OF_ONE, "foo", true, true, true },
    { "of one container that say no", OF_ONE, "bar", false, false, false },
    { "of others", OF_ONE, "other", false, false, false },
    { "of the pod, all", of_pod { exclude = "true", metrics_exclude = "true", logs_exclude = "true" }, "x",
      true, true, true },
    { "of the pod, general", of_pod { exclude = "true" }, "x", true, true, true },
    { "of the pod, metrics", of_pod { metrics_exclude = "true" }, "x", false, true, false },
    { "of the pod, logs", of_pod { logs_exclude = "true" }, "x", false, false, true },
    { "of one container, general", of_pod { ["bar.exclude"] = "true" }, "bar", true, true, true },
    { "of the pod, against the container's", of_pod { exclude = "true", ["bar.exclude"] = "false" }, "bar",
      true, true, true },
    { "that are no truth value", of_pod { exclude = "yes" }, "x", false, false, false },
    { "of the pod that are none, with the container's", of_pod { exclude = "yes", ["bar.exclude"] = "T" }, "bar",
      true, true, true },
    { "that contradict each other", of_pod { exclude = "true", metrics_exclude = "false" }, "x", true, true, true },
    { "that are empty", {}, "x", false, false, false },
    { "that are absent", nil, "x", false, false, false },
  } do
    it(case[1] .. " exclude as they say", function()
      for i, built in ipairs(filters) do
        local decision = built:decide { annotations = case[2], name = case[3], image = "redis" }
        assert.equal(case[3 + i], decision.excluded, built.kind)
      end
    end)
  end

  for value, excluded in pairs {
    ["1"] = true, t = true, T = true, TRUE = true, ["true"] = true, True = true,
    ["0"] = false, f = false, F = false, FALSE = false, ["false"] = false, False = false,
    yes = false, TrUe = false, [""] = false, [" true"] = false, ["true "] = false, ["2"] = false,
  } do
    it(("with %q mean %s"):format(value, tostring(excluded)), function()
      assert.equal(excluded, filters[1]:decide({ annotations = of_pod { exclude = value }, name = "x" }).excluded)
    end)
  end

  it("beat an include", function()
    local built = filter.new { kind = "metrics", container_include = "name:.*" }
    assert.is_true(built:decide({ name = "x", annotations = of_pod { exclude = "1" } }).excluded)
  end)
end)
