local pod_env = require "moonwatch.pod_env"

local function of(...)
  return pod_env.of { ... }
end

describe("moonwatch.pod_env", function()
  it("keeps what tags are made of, and no secrets", function()
    assert.same({ DD_ENV = "prod", nomad_dc = "dc1" }, of(
      { name = "DD_ENV", value = "prod" },
      { name = "PASSWORD", value = "secret" },
      { name = "nomad_dc", value = "dc1" } -- whatever its case
    ))
  end)

  it("leaves out what comes from a secret or a config map", function()
    assert.is_nil(of { name = "DD_ENV" })
  end)

  it("is nothing where nothing is kept", function()
    assert.is_nil(pod_env.of(nil))
    assert.is_nil(of { name = "PATH", value = "/bin" })
  end)

  for text, expected in pairs {
    ["$(DD_ENV)-x"] = "prod-x",
    ["$(DD_ENV)$(DD_ENV)"] = "prodprod",
    ["$$(DD_ENV)"] = "$(DD_ENV)",
    ["$$$(DD_ENV)"] = "$prod",
    ["$(PASSWORD)"] = "$(PASSWORD)", -- not kept, so not known
    ["$(LATER)"] = "$(LATER)",
    ["$(DD_ENV"] = "$(DD_ENV",
    ["$DD_ENV $ 5%"] = "$DD_ENV $ 5%",
  } do
    it(("makes %q of %q"):format(expected, text), function()
      assert.equal(expected, of(
        { name = "PASSWORD", value = "secret" },
        { name = "DD_ENV", value = "prod" },
        { name = "DD_SERVICE", value = text },
        { name = "DD_VERSION", value = "later" }
      ).DD_SERVICE)
    end)
  end
end)
