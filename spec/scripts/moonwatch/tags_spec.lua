local harness = require "spec.support.harness"

local script = harness.load("moonwatch/tags", {})
local tags = script.table

local function tagger_with(config)
  local tagger, problems = tags.new(config)
  return tagger, problems
end

local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do
    list[#list + 1] = word
  end
  table.sort(list)
  return list
end

local function high(container, config)
  return tagger_with(config):container(container, "high")
end

local DOCKER = { id = "c1", name = "n1", runtime = "docker", image = "redis:6", image_id = "sha256:aa" }

local POD = {
  uid = "u1", name = "p1", namespace = "ns1", phase = "Running", qos_class = "Burstable", priority_class = "critical",
}
local IN_POD = { id = "c2", name = "web", runtime = "containerd", image = "reg/x/app:1", pod = POD }

-- IN_POD with other fields; of its pod too.
local function in_pod(changes, pod_changes)
  local pod, container = {}, {}
  for _, pair in ipairs { { pod, POD, pod_changes }, { container, IN_POD, changes } } do
    for _, values in ipairs { pair[2], pair[3] or {} } do
      for key, value in pairs(values) do
        pair[1][key] = value
      end
    end
  end
  container.pod = pod
  return container
end

-- Those of the tags that have one of the names.
local function named(list, ...)
  local wanted, found = {}, {}
  for _, name in ipairs { ... } do
    wanted[name] = true
  end
  for _, tag in ipairs(list) do
    if wanted[tag:match "^[^:]*"] then
      found[#found + 1] = tag
    end
  end
  return table.concat(found, " ")
end

describe("moonwatch.tags", function()
  describe("of a container without a pod", function()
    it("have its name, its id and its image", function()
      assert.same(words [[container_name:n1 container_id:c1 image_name:redis short_image:redis image_tag:6
        docker_image:redis:6 image_id:sha256:aa]], high(DOCKER))
    end)

    it("are only its id when nothing else is known", function()
      assert.same({ "container_id:c9" }, high { id = "c9" })
    end)

    for _, case in ipairs {
      { "docker", "redis", "docker_image:redis image_name:redis short_image:redis" },
      { "docker", "reg:5000/x/redis:6", "docker_image:reg:5000/x/redis:6 image_name:reg:5000/x/redis image_tag:6 "
        .. "short_image:redis" },
      { "podman", "redis", "image_name:redis image_tag:latest short_image:redis" },
      { "containerd", "org/redis:7@sha256:5bef", "image_name:org/redis image_tag:7 short_image:redis" },
      { "containerd", "sha256:5bef", "image_name:sha256:5bef" },
      { "docker", "sha256:5bef", "docker_image:sha256:5bef image_name:sha256:5bef" },
    } do
      it(("name the image %s of %s"):format(case[2], case[1]), function()
        assert.equal(case[3], named(high { id = "c", runtime = case[1], image = case[2] },
          "docker_image", "image_name", "image_tag", "short_image"))
      end)
    end
  end)

  describe("of cardinality", function()
    local container = in_pod { env = { MESOS_TASK_ID = "t1" } }

    for cardinality, expected in pairs {
      low = "",
      orchestrator = "mesos_task:t1 pod_name:p1",
      high = "container_id:c2 container_name:web display_container_name:web_p1 mesos_task:t1 pod_name:p1",
    } do
      it(cardinality .. " have those below it too", function()
        local list = tagger_with():container(container, cardinality)
        assert.equal(expected, named(list, "container_id", "container_name", "display_container_name", "mesos_task",
          "pod_name"))
        assert.equal("kube_namespace:ns1", named(list, "kube_namespace"))
      end)
    end

    it("that there is not raise", function()
      assert.error_matches(function() tagger_with():container(DOCKER, "medium") end, '"medium" is no cardinality')
      assert.error_matches(function() tagger_with():container(DOCKER) end, '"nil" is no cardinality')
    end)
  end)

  it("are worked out once for each table", function()
    local tagger = tagger_with()
    assert.equal(tagger:container(DOCKER, "high"), tagger:container(DOCKER, "high"))
    assert.not_equal(tagger:container(DOCKER, "high"), tagger:container(DOCKER, "low"))
    assert.equal(tagger:pod(POD, "low"), tagger:pod(POD, "low"))
  end)

  it("hold no table that the inventory gave up", function()
    local tagger, kept = tagger_with(), setmetatable({}, { __mode = "k" })
    do
      local container = { id = "c1" }
      kept[container] = true
      tagger:container(container, "high")
    end
    collectgarbage()
    collectgarbage()
    assert.is_nil(next(kept))
  end)

  describe("from labels of a container", function()
    it("are those that Docker, Rancher, the image and the operator gave", function()
      local list = high {
        id = "c", labels = {
          ["com.datadoghq.tags.env"] = "prod", ["com.datadoghq.tags.version"] = "1.2",
          ["com.datadoghq.tags.service"] = "shop", ["com.docker.swarm.service.name"] = "s1",
          ["com.docker.stack.namespace"] = "s2", ["io.rancher.stack.name"] = "r1",
          ["io.rancher.stack_service.name"] = "r2", ["io.rancher.container.name"] = "r3",
          ["org.opencontainers.image.revision"] = "abc", ["org.opencontainers.image.source"] = "https://x/y",
          unrelated = '["a:1"]',
        },
      }
      assert.same(words [[container_id:c env:prod version:1.2 service:shop swarm_service:s1 swarm_namespace:s2
        rancher_stack:r1 rancher_service:r2 rancher_container:r3 git.commit.sha:abc git.repository_url:https://x/y]],
        list)
    end)

    it("warn once of a label of tags that is no JSON list, and show how it begins", function()
      script.outcome.logs = {}
      for _ = 1, 2 do
        high { id = "c", labels = { ["com.datadoghq.ad.tags"] = '"' .. ("x"):rep(100) .. '"' } }
        high { id = "d", labels = { ["com.datadoghq.ad.tags"] = "text" } }
      end
      assert.equal(2, #script.outcome.logs)
      assert.equal('warn: c: label com.datadoghq.ad.tags is no JSON list: "' .. ("x"):rep(63), script.outcome.logs[1])
      assert.matches("^warn: d: label com%.datadoghq%.ad%.tags is no JSON list: not JSON: ", script.outcome.logs[2])
    end)

    for text, expected in pairs {
      ['["a:1","b:2"]'] = "a:1 b:2",
      ['["a:1:2","b",":c","d:","e:5"]'] = "e:5",
      ['["a:1",7,null,["b:2"]]'] = "a:1",
      ["[]"] = "",
      ["{}"] = "",
      ["not JSON"] = "",
      ["null"] = "",
    } do
      it("are those of the list " .. text, function()
        local container = { id = "c", labels = { ["com.datadoghq.ad.tags"] = text } }
        assert.equal(expected, named(high(container), "a", "b", "d", "e"))
        assert.same({}, tagger_with():container(container, "orchestrator"))
      end)
    end
  end)

  describe("from the environment of a container", function()
    it("are those of schedulers and of the build, whatever the case of the names", function()
      local list = tagger_with():container({
        id = "c", env = {
          DD_ENV = "prod", dd_version = "1", DD_SERVICE = "shop", DD_GIT_COMMIT_SHA = "abc",
          DD_GIT_REPOSITORY_URL = "git@x:y", MARATHON_APP_ID = "/m", CHRONOS_JOB_NAME = "cj", CHRONOS_JOB_OWNER = "co",
          NOMAD_TASK_NAME = "nt", NOMAD_JOB_NAME = "nj", NOMAD_GROUP_NAME = "ng", NOMAD_NAMESPACE = "nn",
          NOMAD_DC = "dc", PATH = "/bin", DD_TAGS = "service.name=x",
        },
      }, "low")
      assert.same(words [[env:prod version:1 service:shop git.commit.sha:abc git.repository_url:git@x:y marathon_app:/m
        chronos_job:cj chronos_job_owner:co nomad_task:nt nomad_job:nj nomad_group:ng nomad_namespace:nn nomad_dc:dc]],
        list)
    end)

    it("are those of OpenTelemetry", function()
      local list = tagger_with():container({
        id = "c", env = {
          OTEL_SERVICE_NAME = "s1",
          OTEL_RESOURCE_ATTRIBUTES = "service.name=s2, service.version = 2,deployment.environment=e=f,other=x,odd,=y",
        },
      }, "low")
      assert.same({ "env:e=f", "service:s1", "service:s2", "version:2" }, list)
    end)
  end)

  it("of a Garden container are those of its source alone, each once", function()
    local container = {
      id = "g", runtime = "garden", name = "g", labels = { ["com.datadoghq.tags.env"] = "x" },
      tags = { "from:pcf", "id:container5", "from:pcf", "plain", "" },
    }
    assert.same({ "from:pcf", "id:container5", "plain" }, high(container))
    assert.same({}, tagger_with():container(container, "orchestrator"))
  end)

  it("of a source join what is known otherwise, and are never left out", function()
    local list = high(in_pod { tags = { "kube_namespace:other", "pod_name:p1" } })
    assert.equal("kube_namespace:ns1 kube_namespace:other pod_name:p1", named(list, "kube_namespace", "pod_name"))
  end)

  describe("of a container in a pod", function()
    it("are its own and the pod's", function()
      assert.same(words [[container_id:c2 container_name:web kube_container_name:web pod_name:p1 kube_namespace:ns1
        display_container_name:web_p1 image_name:reg/x/app short_image:app image_tag:1 pod_phase:running
        kube_qos:Burstable kube_priority_class:critical]], high(IN_POD))
    end)

    it("have the name that the kubelet gave it", function()
      local container = in_pod { name = "k8s_web_p1", labels = { ["io.kubernetes.container.name"] = "web" } }
      assert.equal("display_container_name:web_p1 kube_container_name:web",
        named(high(container), "kube_container_name", "display_container_name"))
    end)

    it("leave out its own tags of a name that the pod has", function()
      local container = in_pod({ labels = { ["com.datadoghq.tags.env"] = "staging" } },
        { labels = { ["tags.datadoghq.com/env"] = "prod" } })
      assert.equal("env:prod", named(high(container), "env"))
    end)

    it("leave them out even where the pod's is of a higher cardinality than asked for", function()
      local container = in_pod({ labels = { ["com.datadoghq.tags.env"] = "staging" } },
        { annotations = { ["ad.datadoghq.com/tags"] = '{"+env":"prod"}' } })
      assert.equal("", named(tagger_with():container(container, "low"), "env"))
      assert.equal("env:prod", named(high(container), "env"))
    end)

    it("have both where the pod itself says two things", function()
      local container = in_pod({ env = { DD_ENV = "staging" } }, { labels = { ["tags.datadoghq.com/env"] = "prod" } })
      assert.equal("env:prod env:staging", named(high(container), "env"))
    end)

    it("have what the pod's labels and annotations say of this container", function()
      local container = in_pod({}, {
        labels = {
          ["tags.datadoghq.com/web.env"] = "e", ["tags.datadoghq.com/web.version"] = "v",
          ["tags.datadoghq.com/web.service"] = "s", ["tags.datadoghq.com/other.service"] = "not mine",
        },
        annotations = {
          ["ad.datadoghq.com/web.tags"] = '{"team":"shop"}', ["ad.datadoghq.com/other.tags"] = '{"team":"not mine"}',
        },
      })
      assert.equal("env:e service:s team:shop version:v", named(high(container), "env", "service", "team", "version"))
    end)

    it("have no names made of nothing", function()
      for _, name in ipairs { false, "" } do
        assert.same({ "container_id:c" }, high { id = "c", name = name or nil, pod = { uid = "u" } })
        assert.same({ "container_id:c", "pod_name:p" },
          high { id = "c", name = name or nil, pod = { uid = "u", name = "p" } })
      end
    end)

    it("have the tag that its spec means where the image has none, even of Docker", function()
      assert.equal("docker_image:redis image_name:redis image_tag:latest short_image:redis",
        named(high(in_pod { runtime = "docker", image = "redis" }), "docker_image", "image_name", "image_tag",
          "short_image"))
    end)

    it("have its id and no other", function()
      local list = high(in_pod { labels = { x = "y" } }, { container_labels_as_tags = { x = "container_id" } })
      assert.equal("container_id:c2", named(list, "container_id"))
    end)
  end)

  describe("with a mapping", function()
    local container = in_pod(
      { labels = { Team = "shop", ["app.tier"] = "front" }, env = { STAGE = "blue" } },
      { labels = { zone = "a" }, annotations = { ["x.y/owner"] = "me" } })

    for what, case in pairs {
      ["labels of the container"] = { { container_labels_as_tags = { team = "squad" } }, "squad:shop" },
      ["labels under the older name"] = { { docker_labels_as_tags = { team = "squad" } }, "squad:shop" },
      ["environment variables"] = { { container_env_as_tags = { "stage=colour" } }, "colour:blue" },
      ["variables under the older name"] = { { docker_env_as_tags = { "stage=colour" } }, "colour:blue" },
      ["labels of the pod"] = { { kubernetes_pod_labels_as_tags = { zone = "zone" } }, "zone:a" },
      ["annotations of the pod"] = { { kubernetes_pod_annotations_as_tags = { ["x.y/*"] = "owner" } }, "owner:me" },
    } do
      it("have " .. what, function()
        local list = tagger_with(case[1]):container(container, "low")
        assert.equal(case[2], named(list, "squad", "colour", "zone", "owner"))
      end)
    end

    it("say which entries are not understood, and use the others", function()
      local tagger, problems = tagger_with {
        container_labels_as_tags = { "team=squad", "oops" }, tag_value_split_separator = { "colour" },
      }
      assert.same({
        'container_labels_as_tags: "oops" is not understood: it is PATTERN=TAG[,TAG...]',
        'tag_value_split_separator: "colour" is not understood: it is TAG=SEPARATOR',
      }, problems)
      assert.equal("squad:shop", named(tagger:container(container, "low"), "squad"))
    end)

    it("say so in the same order whatever that of the table", function()
      local config = { container_labels_as_tags = {}, tag_value_split_separator = {} }
      local expected = {}
      for _, letter in ipairs { "d", "b", "e", "a", "c" } do
        for setting, entries in pairs(config) do
          entries[letter] = ""
          table.insert(expected, ('%s: "%s=" is not understood'):format(setting, letter))
        end
      end
      table.sort(expected)
      local _, problems = tagger_with(config)
      for i, problem in ipairs(problems) do
        assert.equal(expected[i], problem:sub(1, #expected[i]))
      end
      assert.equal(10, #problems)
    end)
  end)

  it("split the values of names that hold lists", function()
    local list = high({ id = "c", name = "n", env = { DD_ENV = "a;b;;c;a" } },
      { tag_value_split_separator = { env = ";", container_name = "%" } })
    assert.same({ "container_id:c", "container_name:n", "env:a", "env:b", "env:c" }, list)
  end)
end)
