local images = require "moonwatch.images"

local SHA = "sha256:5bef08742407efd622d243692b79ba0055383bbce12900324f75e56f589aedb0"

describe("moonwatch.images", function()
  for raw, parts in pairs {
    ["alpine"] = { name = "alpine", short = "alpine" },
    ["nginx:latest"] = { name = "nginx", short = "nginx", tag = "latest" },
    ["datadog/docker-dd-agent:latest-jmx"] = {
      name = "datadog/docker-dd-agent", short = "docker-dd-agent", tag = "latest-jmx",
    },
    ["redis@" .. SHA] = { name = "redis", short = "redis", digest = SHA },
    ["org/redis:latest@" .. SHA] = { name = "org/redis", short = "redis", tag = "latest", digest = SHA },
    ["myregistry.local:5000/testing/test-image:version"] = {
      name = "myregistry.local:5000/testing/test-image", registry = "myregistry.local:5000",
      short = "test-image", tag = "version",
    },
    ["myregistry.local:5000/testing/test-image:version@" .. SHA] = {
      name = "myregistry.local:5000/testing/test-image", registry = "myregistry.local:5000",
      short = "test-image", tag = "version", digest = SHA,
    },
    ["myregistry.local:5000/testing/test-image"] = {
      name = "myregistry.local:5000/testing/test-image", registry = "myregistry.local:5000", short = "test-image",
    },
    ["a/b/c/d"] = { name = "a/b/c/d", registry = "a", short = "d" },
    ["a@sha256:5bef"] = { name = "a", short = "a", digest = "sha256:5bef" },
    ["nginx:"] = { name = "nginx", short = "nginx" },
    ["@sha256:5bef"] = { name = "@sha256", short = "@sha256", tag = "5bef" },
    ["a@sha1:b@sha256:c"] = { name = "a@sha1", short = "a@sha1", tag = "b", digest = "sha256:c" },
  } do
    it("takes " .. raw:sub(1, 60) .. " apart", function()
      assert.same(parts, images.split(raw))
    end)
  end

  it("gives the name that rules are about", function()
    assert.equal("reg:5000/web", images.name_of("reg:5000/web:1@" .. SHA))
    assert.equal(SHA, images.name_of(SHA))
    assert.equal("", images.name_of "")
  end)

  it("cuts digests for eyes", function()
    assert.equal("reg/web:1@" .. SHA:sub(1, 19), images.brief("reg/web:1@" .. SHA))
    assert.equal(SHA:sub(1, 19), images.brief(SHA))
    assert.equal("reg/web:0123456789abcdef", images.brief "reg/web:0123456789abcdef")
  end)

  it("refuses what is no name", function()
    local parts, err = images.split ""
    assert.is_nil(parts)
    assert.equal("empty image name", err)
    parts, err = images.split(SHA)
    assert.is_nil(parts)
    assert.equal("invalid image name (is a sha256)", err)
  end)
end)
