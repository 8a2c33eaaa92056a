--- The tags that follow from a pod: for itself, and for its containers.
local container_tags = require "moonwatch.container_tags"
local json = require "moonwatch.json"
local log_once = require "moonwatch.log_once"
local tag_set = require "moonwatch.tag_set"

local LOW, ORCHESTRATOR, HIGH = tag_set.LOW, tag_set.ORCHESTRATOR, tag_set.HIGH

local M = {}

local NO_VALUES = {}

-- Labels of a pod that are tags of low cardinality.
local LABELS = {
  ["app.kubernetes.io/component"] = "kube_app_component",
  ["app.kubernetes.io/instance"] = "kube_app_instance",
  ["app.kubernetes.io/managed-by"] = "kube_app_managed_by",
  ["app.kubernetes.io/name"] = "kube_app_name",
  ["app.kubernetes.io/part-of"] = "kube_app_part_of",
  ["app.kubernetes.io/version"] = "kube_app_version",
  ["tags.datadoghq.com/env"] = "env",
  ["tags.datadoghq.com/service"] = "service",
  ["tags.datadoghq.com/version"] = "version",
}

-- What controllers write, as annotation or as label: tag, cardinality.
local MARKS = {
  ["admission.datadoghq.com/rc.id"] = { "dd_remote_config_id", LOW },
  ["admission.datadoghq.com/rc.rev"] = { "dd_remote_config_rev", LOW },
  ["openshift.io/deployment-config.name"] = { "oshift_deployment_config", LOW },
  ["openshift.io/deployment.name"] = { "oshift_deployment", ORCHESTRATOR },
}

local OWNER_TAGS = {
  DaemonSet = "kube_daemon_set",
  Deployment = "kube_deployment",
  ReplicaSet = "kube_replica_set",
  ReplicationController = "kube_replication_controller",
  StatefulSet = "kube_stateful_set",
}

local STANDARD_TAGS = { "env", "service", "version" }

-- The letters of Kubernetes' random names: without vowels, and without what looks like another one.
local RANDOM_NAME = "^[bcdfghjklmnpqrstvwxz2456789]+$"

--- The name of a thing, and the suffix that its owner was given when it made it.
local function split_name(name)
  local stem, suffix = name:match "^(.*)%-([^-]*)$"
  if stem and #suffix >= 3 then
    return stem, suffix
  end
end

local function add_job(set, name)
  local stem, suffix = split_name(name)
  if stem and suffix:find "^%d+$" then
    set:add(LOW, "kube_cronjob", stem)
    set:add(ORCHESTRATOR, "kube_job", name) -- another one for each time it runs
  else
    set:add(LOW, "kube_job", name)
  end
end

local function add_owner(set, owner)
  local kind, name = owner.kind or "", owner.name or ""
  set:add(LOW, "kube_ownerref_kind", kind:lower())
  set:add(ORCHESTRATOR, "kube_ownerref_name", name)
  set:add(LOW, OWNER_TAGS[kind], name)
  if kind == "Job" then
    add_job(set, name)
  elseif kind == "ReplicaSet" then
    local stem, suffix = split_name(name)
    if stem and (suffix:find "^%d+$" or suffix:find(RANDOM_NAME)) then
      set:add(LOW, "kube_deployment", stem)
    end
  end
end

--- Tags that an annotation lists: a JSON object of names with a value or a list of values.
local function add_annotated(set, pod, annotation)
  local text = (pod.annotations or NO_VALUES)[annotation]
  if not text then
    return
  end
  local object, err = json.decode(text)
  if type(object) ~= "table" then
    log_once.warn(("pod %s: annotation %s is no JSON object: %s"):format(pod.uid, annotation, err or text:sub(1, 64)))
    return
  end
  for name, values in pairs(object) do
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      if type(name) == "string" and type(value) == "string" then
        set:add_chosen(name, value)
      end
    end
  end
end

local function add_labels(set, labels, annotations)
  for label, tag in pairs(LABELS) do
    set:add(LOW, tag, labels[label])
  end
  for mark, tag in pairs(MARKS) do
    set:add(tag[2], tag[1], annotations[mark] or labels[mark])
  end
end

---@param set TagSet
---@param pod Pod
---@param mappings TagMappings
function M.add(set, pod, mappings)
  set:add(ORCHESTRATOR, "pod_name", pod.name)
  set:add(LOW, "kube_namespace", pod.namespace)
  set:add(LOW, "pod_phase", pod.phase and pod.phase:lower())
  set:add(LOW, "kube_priority_class", pod.priority_class)
  set:add(LOW, "kube_qos", pod.qos_class)
  add_labels(set, pod.labels or NO_VALUES, pod.annotations or NO_VALUES)
  add_annotated(set, pod, "ad.datadoghq.com/tags")
  for _, owner in ipairs(pod.owners or NO_VALUES) do
    add_owner(set, owner)
  end
  mappings.pod_labels:apply(set, pod.labels)
  mappings.pod_annotations:apply(set, pod.annotations)
end

--- What the pod knows of one of its containers, besides its own tags.
---@param set TagSet
---@param pod Pod
---@param container Container
function M.add_container(set, pod, container)
  local labels = pod.labels or NO_VALUES
  local name = (container.labels or NO_VALUES)["io.kubernetes.container.name"] or container.name
  set:add(HIGH, "container_id", container.id)
  container_tags.add_image(set, container, "latest")
  container_tags.add_standard_env(set, container.env)
  if not name or name == "" then
    return
  end
  set:add(LOW, "kube_container_name", name)
  set:add(HIGH, "display_container_name", pod.name and name .. "_" .. pod.name)
  for _, tag in ipairs(STANDARD_TAGS) do
    set:add(LOW, tag, labels[("tags.datadoghq.com/%s.%s"):format(name, tag)])
  end
  add_annotated(set, pod, ("ad.datadoghq.com/%s.tags"):format(name))
end

return M
