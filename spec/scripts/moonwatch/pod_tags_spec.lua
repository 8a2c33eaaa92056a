local harness = require "spec.support.harness"

local script = harness.load("moonwatch/tags", {})
local tags = script.table

local function of(pod, cardinality)
  pod.uid = "u1"
  return table.concat((tags.new()):pod(pod, cardinality or "high"), " ")
end

local function owned_by(kind, name, cardinality)
  local list = of({ owners = { { kind = kind, name = name } } }, cardinality)
  return (list:gsub("kube_ownerref_%l+:%S+ ?", ""):gsub(" $", ""))
end

describe("the tags of a pod", function()
  it("are what its spec says", function()
    assert.equal("kube_namespace:ns1 kube_priority_class:critical kube_qos:Guaranteed pod_name:p1 pod_phase:running",
      of { name = "p1", namespace = "ns1", phase = "Running", qos_class = "Guaranteed", priority_class = "critical" })
  end)

  it("are none when nothing is known", function()
    assert.equal("", of {})
  end)

  describe("of its owner", function()
    it("have its kind and its name", function()
      local pod = { owners = { { kind = "Widget", name = "w1" } } }
      assert.equal("kube_ownerref_kind:widget kube_ownerref_name:w1", of(pod))
      assert.equal("kube_ownerref_kind:widget", of(pod, "low"))
    end)

    for _, case in ipairs {
      { "Deployment", "web", "kube_deployment:web" },
      { "DaemonSet", "d", "kube_daemon_set:d" },
      { "ReplicationController", "r", "kube_replication_controller:r" },
      { "StatefulSet", "s", "kube_stateful_set:s" },
      { "StatefulSet", "s-100", "kube_stateful_set:s-100" },
      { "ReplicaSet", "web-5d9c7b8f6d", "kube_deployment:web kube_replica_set:web-5d9c7b8f6d" },
      { "ReplicaSet", "web-aa1", "kube_replica_set:web-aa1" },
      { "ReplicaSet", "web-12", "kube_replica_set:web-12" },
      { "ReplicaSet", "web-100", "kube_deployment:web kube_replica_set:web-100" },
      { "ReplicaSet", "my-web-bcd", "kube_deployment:my-web kube_replica_set:my-web-bcd" },
      { "ReplicaSet", "web-bcd13", "kube_replica_set:web-bcd13" },
      { "ReplicaSet", "-bcd", "kube_replica_set:-bcd" },
      { "ReplicaSet", "web", "kube_replica_set:web" },
      { "Job", "backup-1550505780", "kube_cronjob:backup kube_job:backup-1550505780" },
      { "Job", "backup-x1", "kube_job:backup-x1" },
      { "Job", "backup-12", "kube_job:backup-12" },
      { "Job", "backup-bcd", "kube_job:backup-bcd" },
      { "Job", "backup", "kube_job:backup" },
    } do
      it(("have of the %s %s: %s"):format(case[1], case[2], case[3]), function()
        assert.equal(case[3], owned_by(case[1], case[2]))
      end)
    end

    it("have the job of a cron job for the orchestrator, any other for all", function()
      assert.equal("kube_cronjob:backup", owned_by("Job", "backup-1550505780", "low"))
      assert.equal("kube_job:backup-x1", owned_by("Job", "backup-x1", "low"))
    end)

    it("have each of several", function()
      local list = of { owners = { { kind = "DaemonSet", name = "a" }, { kind = "Node", name = "b" }, {} } }
      assert.equal("kube_daemon_set:a kube_ownerref_kind:daemonset kube_ownerref_kind:node kube_ownerref_name:a "
        .. "kube_ownerref_name:b", list)
    end)
  end)

  it("have the labels that Kubernetes recommends, and the standard tags", function()
    assert.equal("env:prod kube_app_component:c kube_app_instance:i kube_app_managed_by:m kube_app_name:n "
      .. "kube_app_part_of:p kube_app_version:v service:shop version:2", of({
        labels = {
          ["app.kubernetes.io/name"] = "n", ["app.kubernetes.io/instance"] = "i", ["app.kubernetes.io/version"] = "v",
          ["app.kubernetes.io/component"] = "c", ["app.kubernetes.io/part-of"] = "p",
          ["app.kubernetes.io/managed-by"] = "m", ["tags.datadoghq.com/env"] = "prod",
          ["tags.datadoghq.com/service"] = "shop", ["tags.datadoghq.com/version"] = "2", other = "x",
        },
      }, "low"))
  end)

  for _, where in ipairs { "annotations", "labels" } do
    it("have what controllers write into its " .. where, function()
      local pod = { [where] = {
        ["admission.datadoghq.com/rc.id"] = "1", ["admission.datadoghq.com/rc.rev"] = "2",
        ["openshift.io/deployment-config.name"] = "dc", ["openshift.io/deployment.name"] = "d",
      } }
      assert.equal("dd_remote_config_id:1 dd_remote_config_rev:2 oshift_deployment_config:dc", of(pod, "low"))
      assert.equal("oshift_deployment:d", of(pod, "orchestrator"):match "oshift_deployment:%S+")
    end)
  end

  describe("from its annotation of tags", function()
    for text, expected in pairs {
      ['{"team":"shop","+task":"t1"}'] = { "team:shop", "task:t1 team:shop" },
      ['{"team":["a","b",3],"n":7,"o":{"p":"q"},"z":null}'] = { "team:a team:b", "team:a team:b" },
      ['{"+":"x","":"y","team":""}'] = { "", "" },
      ['["a:1"]'] = { "", "" },
      ["{"] = { "", "" },
      ['"text"'] = { "", "" },
    } do
      it("are those of " .. text, function()
        local pod = { annotations = { ["ad.datadoghq.com/tags"] = text } }
        assert.same(expected, { of(pod, "low"), of(pod, "high") })
      end)
    end
  end)

  it("warn once of an annotation that is no JSON object", function()
    script.outcome.logs = {}
    for _ = 1, 2 do
      of { annotations = { ["ad.datadoghq.com/tags"] = "text" } }
    end
    assert.equal(1, #script.outcome.logs)
    assert.matches("^warn: pod u1: annotation ad%.datadoghq%.com/tags is no JSON object: not JSON: ",
      script.outcome.logs[1])
  end)
end)
