local filter = require "moonwatch.filter"
local pause_images = require "moonwatch.pause_images"

local UNKNOWN = "Container filter %q is unknown, ignoring it. "
  .. "The supported filters are 'image', 'name' and 'kube_namespace'"
local LOOK_AHEAD = "invalid regex 'a(?=b)': error parsing regexp: invalid or unsupported Perl syntax: `(?=`"
local BARE_OPERATOR = "invalid regex '?': error parsing regexp: missing argument to repetition operator: `?`"

local function new(config)
  config.kind = config.kind or "metrics"
  if config.exclude_pause_container == nil then
    config.exclude_pause_container = false
  end
  return filter.new(config)
end

local function problems_of(config)
  local _, problems = new(config)
  return problems
end

local function is_excluded(built, name, image, namespace, annotations)
  return built:decide({ name = name, image = image, namespace = namespace, annotations = annotations }).excluded
end

describe("building a filter", function()
  it("says nothing when all is well", function()
    assert.same({}, problems_of { container_include = {
      "image:nginx.*", "name:xyz-.*", "kube_namespace:sandbox.*", "name:abc",
    } })
  end)

  it("refuses a bad rule by name, and the others hold", function()
    local built, problems = new { container_exclude = {
      "image:apache.*", "name:a(?=b)", "kube_namespace:sandbox.*", "name:abc",
    } }
    assert.same({ LOOK_AHEAD }, problems)
    assert.is_true(is_excluded(built, "x", "apache"))
    assert.is_true(is_excluded(built, "x", "x", "sandbox-1"))
    assert.is_true(is_excluded(built, "abc", "x"))
    assert.is_false(is_excluded(built, "ab", "x"))
  end)

  it("names unknown entries in order", function()
    local built, problems = new { container_include = {
      "image:redis.*", "invalid", "name:dd-.*", "kube_namespace:dev-.*", "name:abc", "also invalid",
    }, container_exclude = { "name:.*" } }
    assert.same({ UNKNOWN:format "invalid", UNKNOWN:format "also invalid" }, problems)
    assert.is_false(is_excluded(built, "abc"))
    assert.is_true(is_excluded(built, "x"))
  end)

  it("names bad rules first, then unknown entries", function()
    assert.same({ LOOK_AHEAD, BARE_OPERATOR, UNKNOWN:format "invalid", UNKNOWN:format "also invalid" },
      problems_of { container_include = {
        "invalid", "name:a(?=b)", "image:apache.*", "kube_namespace:?", "also invalid", "name:abc",
      } })
  end)

  it("says the same thing once", function()
    assert.same({ UNKNOWN:format "invalid" },
      problems_of { container_include = { "image:a.*", "invalid" }, container_exclude = { "name:b.*", "invalid" } })
    assert.same({ BARE_OPERATOR, UNKNOWN:format "invalid" },
      problems_of { container_include = { "kube_namespace:?" }, container_exclude = { "name:dd-.*", "invalid" } })
  end)

  for entry, shown in pairs {
    ["Image:x"] = '"Image:x"',
    [" image:x"] = '" image:x"',
    ["image"] = '"image"',
    ['a"b\\c\nd\0'] = [["a\"b\\c\nd\x00"]],
    [""] = '""',
  } do
    it("does not know " .. shown, function()
      assert.matches("Container filter " .. shown .. " is unknown", problems_of({ ac_exclude = { entry } })[1], 1, true)
    end)
  end

  it("takes an empty expression, which matches everything", function()
    assert.is_true(is_excluded(new { container_exclude = { "image:" } }, "", "x"))
  end)

  it("takes the words of a string", function()
    local built, problems = new { container_exclude = " name:^a\tname:^b\n name:c d " }
    assert.same({ UNKNOWN:format "d" }, problems)
    assert.is_true(is_excluded(built, "b"))
    assert.is_true(is_excluded(built, "xc"))
  end)

  it("keeps blanks of an entry in a list", function()
    local built = new { container_exclude = { "name:a b " } }
    assert.is_true(is_excluded(built, "a b c"))
    assert.is_false(is_excluded(built, "a b"))
  end)

  for what, case in pairs {
    ["no kind"] = { {}, "there is no kind of filter called nil" },
    ["an unknown kind"] = { { kind = "logs" }, "there is no kind of filter called logs" },
    ["an unknown setting"] = {
      { kind = "metrics", container_excludes = {} }, "a filter has no setting called container_excludes",
    },
    ["a number for a list"] = {
      { kind = "metrics", ac_include = 5 }, "ac_include is a number, not a list of strings",
    },
    ["a list of what are no strings"] = {
      { kind = "metrics", ac_include = { "name:a", {} } }, "ac_include: entry 2 is a table, not a string",
    },
  } do
    it("blames the caller for " .. what, function()
      local _, message = pcall(function() local built = filter.new(case[1]) return built end)
      assert.matches("filter_spec.lua:%d+: " .. case[2] .. "$", message)
    end)
  end
end)

-- { name, image, namespace }
local CONTAINERS = {
  { "secret-container-dd", "docker-dd-agent" },
  { "webapp1-dd", "apache:2.2" },
  { "mysql-dd", "mysql:5.3" },
  { "linux-dd", "alpine:latest" },
  { "k8s_superpause_kubernetes-minion-mietjsbi", "gcr.io/random-project/superpause:1.0" },
  { "k8s_superpause_kubernetes-minion-mietjsbi", "gcr.io/random-project/pause:1.0" },
  { "k8s_POD.f8120f_kubernetes-minion", "gcr.io/google_containers/pause-amd64:3.0" },
  { "k8s_POD_kubernetes-minion", "k8s.gcr.io/pause-amd64:3.1" },
  { "k8s_POD_kubernetes-minion", "kubernetes/pause:latest" },
  { "k8s_POD_kubernetes-minion", "asia.gcr.io/google_containers/pause-amd64:3.0" },
  { "k8s_POD_AZURE_pause", "k8s-gcrio.azureedge.net/pause-amd64:3.0" },
  { "k8s_POD_AZURE_pause", "gcrio.azureedge.net/google_containers/pause-amd64" },
  { "k8s_POD_rancher_pause", "rancher/pause-amd64:3.0" },
  { "foo-dd", "foo:1.0", "foo" },
  { "bar-dd", "bar:1.0", "bar" },
  { "foo", "gcr.io/gke-release/pause-win:1.1.0", "bar" },
  { "foo", "mcr.microsoft.com/k8s/core/pause:1.2.0", "bar" },
  { "foo", "ecr.us-east-1.amazonaws.com/pause", "bar" },
  { "k8s_POD_AKS_pause", "aksrepos.azurecr.io/mirror/pause-amd64:3.1" },
  { "k8s_POD_OSE3", "registry.access.redhat.com/rhel7/pod-infrastructure:latest" },
  [23] = { "k8s_POD_EKS_Win", "amazonaws.com/eks/pause-windows:latest" },
  [24] = { "k8s_POD_AKS_Win", "kubeletwin/pause:latest" },
  [25] = { "eu_gcr", "eu.gcr.io/k8s-artifacts-prod/pause:3.3" },
  [26] = { "private_jfrog", "foo.jfrog.io/google_containers/pause" },
  [27] = { "private_ecr_upstream", "2342834325.ecr.us-east-1.amazonaws.com/upstream/pause" },
  [28] = { "cdk", "cdk/pause-amd64:3.1" },
  [29] = { "", "redis" },
  [30] = { "empty_image", "" },
  [31] = { "empty_namespace", "redis", "" },
}
local LAST_ID = 31

local function kept_ids(built)
  local ids = {}
  for id = 1, LAST_ID do
    local container = CONTAINERS[id]
    if container and not is_excluded(built, container[1], container[2], container[3] or "default") then
      table.insert(ids, id)
    end
  end
  return table.concat(ids, " ")
end

local ALL = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 23 24 25 26 27 28 29 30 31"

local function all_but(...)
  local ids = " " .. ALL .. " "
  for _, id in ipairs { ... } do
    ids = ids:gsub(" " .. id .. " ", " ")
  end
  return ids:match "^ (.*) $"
end

describe("a filter", function()
  for _, case in ipairs {
    { {}, {}, ALL },
    { {}, { "name:secret" }, all_but(1) },
    { {}, { "image:secret" }, ALL },
    { {}, { "image:apache", "image:alpine" }, all_but(2, 4) },
    { { "name:mysql" }, { "name:dd" }, all_but(1, 2, 4, 14, 15) },
    { { "kube_namespace:foo" }, { "kube_namespace:.*" }, "14 31" },
    { {}, { "kube_namespace:bar" }, all_but(15, 16, 17, 18) },
    { { "name:mysql-dd" }, { "name:.*" }, "3 29" },
    { { "image:docker-dd-agent" }, { "image:.*" }, "1 30" },
    { {}, pause_images.rules, "1 2 3 4 5 14 15 29 30 31" },
  } do
    local include, exclude, kept = case[1], case[2], case[3]
    local what = ("with %d includes and %d excludes, the first %s"):format(#include, #exclude, tostring(exclude[1]))
    it("keeps " .. kept .. " " .. what, function()
      assert.equal(kept, kept_ids(new { container_include = include, container_exclude = exclude }))
    end)
  end

  it("excludes pause images by default", function()
    assert.equal("1 2 3 4 5 14 15 29 30 31", kept_ids((filter.new { kind = "metrics" })))
    assert.equal("1 2 3 4 5 14 15 29 30 31", kept_ids((filter.new { kind = "pause" })))
    assert.equal(ALL, kept_ids((filter.new { kind = "pause", exclude_pause_container = false })))
    for _, kind in ipairs { "global", "autodiscovery_metrics", "autodiscovery_logs" } do
      assert.equal(ALL, kept_ids((filter.new { kind = kind })))
    end
  end)

  it("excludes every pause image there is", function()
    assert.equal(18, #pause_images.rules)
    local built = filter.new { kind = "metrics" }
    for _, image in ipairs {
      "openshift/origin-pod", "google-containers/pause", "amazon/amazon-ecs-pause", "myco/eks/pause-thing",
      "docker.io/rancher/mirrored-pause", "ghcr.io/giantswarm/pause", "registry.k8s.io/pause",
    } do
      assert.is_true(is_excluded(built, "x", image), image)
    end
    assert.is_false(is_excluded(built, "x", "registry.k8s.io/superpause"))
  end)

  it("keeps a container whose missing field an include matches", function()
    local built = new { container_include = { "kube_namespace:^$" }, container_exclude = { "name:.*" } }
    assert.is_false(is_excluded(built, "a", "b", nil))
    assert.is_true(is_excluded(built, "a", "b", "c"))
  end)

  it("says which rule decided, and by what", function()
    local built = filter.new {
      kind = "metrics", container_include = "image:^keep", container_exclude = "name:x name:^foo",
      container_exclude_metrics = "kube_namespace:^bar",
    }
    assert.same({ excluded = true, rule = "name:^foo", list = "container_exclude", field = "name", text = "foo-1" },
      built:decide { name = "foo-1", image = "nginx" })
    assert.same({ excluded = true, rule = "kube_namespace:^bar", list = "container_exclude_metrics",
      field = "kube_namespace", text = "bar" }, built:decide { namespace = "bar" })
    assert.same({ excluded = false, rule = "image:^keep", list = "container_include", field = "image",
      text = "keeper" }, built:decide { name = "foo", image = "keeper" })
    assert.same({ excluded = true, rule = "image:rancher/pause.*", list = "pause images", field = "image",
      text = "rancher/pause" }, built:decide { image = "rancher/pause" })
    assert.same({ excluded = true, rule = "ad.datadoghq.com/foo.exclude=T", list = "annotation",
      field = "annotation", text = "T" },
      built:decide { name = "foo", image = "keep", annotations = { ["ad.datadoghq.com/foo.exclude"] = "T" } })
    assert.same({ excluded = false }, built:decide { name = "y" })
  end)
end)

describe("the settings of", function()
  local function outcome(config, name, image)
    return is_excluded(filter.new(config), name, image) and "excluded" or "kept"
  end

  for what, case in pairs {
    ["metrics, with the old ones"] = {
      { kind = "metrics", ac_include = "image:apache.*", ac_exclude = "name:dd-.*" },
      { "dd-152462", "dummy:latest", "excluded" }, { "dd-152462", "apache:latest", "kept" },
      { "dummy", "dummy", "kept" }, { "dummy", "k8s.gcr.io/pause-amd64:3.1", "excluded" },
      { "dummy", "rancher/pause-amd64:3.1", "excluded" },
    },
    ["metrics, without pause images"] = {
      { kind = "metrics", exclude_pause_container = false }, { "dummy", "k8s.gcr.io/pause-amd64:3.1", "kept" },
    },
    ["metrics, general and special"] = {
      { kind = "metrics", exclude_pause_container = false, container_include = "image:apache.*",
        container_exclude = "name:dd-.*", container_include_metrics = "image:nginx.*",
        container_exclude_metrics = "name:ddmetric-.*", container_exclude_logs = "name:.*" },
      { "dd-1", "dummy", "excluded" }, { "dd-1", "apache", "kept" }, { "ddmetric-1", "dummy", "excluded" },
      { "ddmetric-1", "nginx", "kept" }, { "dummy", "dummy", "kept" },
    },
    ["metrics, with an old include and a new exclude"] = {
      { kind = "metrics", ac_include = "image:apache", ac_exclude = "name:.*", container_exclude_metrics = "name:dd" },
      { "dd", "apache", "kept" }, { "dd", "x", "excluded" }, { "x", "x", "kept" },
    },
    ["global, where the old ones count for nothing beside new ones"] = {
      { kind = "global", container_include = "image:apache.*", container_exclude = "name:dd-.*",
        ac_include = "image:apache/legacy.*", ac_exclude = "name:dd/legacy-.*" },
      { "dd/legacy-1", "dummy", "kept" }, { "dd-1", "dummy", "excluded" },
    },
    ["global, with the old ones"] = {
      { kind = "global", ac_exclude = "name:a", container_exclude_metrics = "name:b" },
      { "a", "x", "excluded" }, { "b", "x", "kept" },
    },
    ["autodiscovery_metrics"] = {
      { kind = "autodiscovery_metrics", container_exclude = "name:a", container_exclude_metrics = "name:b",
        ac_exclude = "name:c", container_include_metrics = "image:keep" },
      { "a", "x", "kept" }, { "b", "x", "excluded" }, { "b", "keep", "kept" }, { "c", "x", "kept" },
    },
    ["autodiscovery_logs"] = {
      { kind = "autodiscovery_logs", container_exclude = "name:a", container_exclude_logs = "name:b",
        ac_exclude = "name:c", container_include_logs = "image:keep" },
      { "a", "x", "kept" }, { "b", "x", "excluded" }, { "b", "keep", "kept" }, { "c", "x", "kept" },
    },
    ["pause"] = {
      { kind = "pause", container_exclude = "name:a", ac_exclude = "name:c" },
      { "a", "x", "kept" }, { "c", "x", "kept" }, { "a", "rancher/pause", "excluded" },
    },
  } do
    it(what, function()
      for i = 2, #case do
        local name, image, wanted = unpack(case[i])
        assert.equal(wanted, outcome(case[1], name, image), name .. " of " .. image)
      end
    end)
  end
end)
