--- The tags that follow from a container itself: its name, image, labels and environment.
local images = require "moonwatch.images"
local json = require "moonwatch.json"
local log_once = require "moonwatch.log_once"
local tag_set = require "moonwatch.tag_set"

local LOW, ORCHESTRATOR, HIGH = tag_set.LOW, tag_set.ORCHESTRATOR, tag_set.HIGH

local M = {}

-- Labels: tag, cardinality.
local LABELS = {
  ["com.datadoghq.tags.env"] = { "env", LOW },
  ["com.datadoghq.tags.service"] = { "service", LOW },
  ["com.datadoghq.tags.version"] = { "version", LOW },
  ["com.docker.stack.namespace"] = { "swarm_namespace", LOW },
  ["com.docker.swarm.service.name"] = { "swarm_service", LOW },
  ["io.rancher.container.name"] = { "rancher_container", HIGH },
  ["io.rancher.stack.name"] = { "rancher_stack", LOW },
  ["io.rancher.stack_service.name"] = { "rancher_service", LOW },
  ["org.opencontainers.image.revision"] = { "git.commit.sha", LOW },
  ["org.opencontainers.image.source"] = { "git.repository_url", LOW },
}

local TAGS_LABEL = "com.datadoghq.ad.tags"

-- Environment variables whose value names the service itself.
local STANDARD_ENV = {
  DD_ENV = "env", DD_SERVICE = "service", DD_VERSION = "version", OTEL_SERVICE_NAME = "service",
}

-- Other variables: tag, cardinality.
local ENV = {
  CHRONOS_JOB_NAME = { "chronos_job", LOW },
  CHRONOS_JOB_OWNER = { "chronos_job_owner", LOW },
  DD_GIT_COMMIT_SHA = { "git.commit.sha", LOW },
  DD_GIT_REPOSITORY_URL = { "git.repository_url", LOW },
  MARATHON_APP_ID = { "marathon_app", LOW },
  MESOS_TASK_ID = { "mesos_task", ORCHESTRATOR },
  NOMAD_DC = { "nomad_dc", LOW },
  NOMAD_GROUP_NAME = { "nomad_group", LOW },
  NOMAD_JOB_NAME = { "nomad_job", LOW },
  NOMAD_NAMESPACE = { "nomad_namespace", LOW },
  NOMAD_TASK_NAME = { "nomad_task", LOW },
}

local OTEL_RESOURCE_ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
local OTEL_ATTRIBUTES = {
  ["deployment.environment"] = "env", ["service.name"] = "service", ["service.version"] = "version",
}

local function add_otel_attributes(set, text)
  for pair in text:gmatch "[^,]+" do
    local name, value = pair:match "^%s*([^=]-)%s*=%s*(.-)%s*$"
    set:add(LOW, OTEL_ATTRIBUTES[name], value)
  end
end

--- env, service and version, as the container's environment has them.
---@param set TagSet
---@param env? table<string, string>
function M.add_standard_env(set, env)
  for variable, value in pairs(env or {}) do
    variable = variable:upper()
    set:add(LOW, STANDARD_ENV[variable], value)
    if variable == OTEL_RESOURCE_ATTRIBUTES then
      add_otel_attributes(set, value)
    end
  end
end

--- The parts of the image's name; of a name without parts, all of it.
---@param set TagSet
---@param container Container
---@param default_tag? string  where the name has none
---@return string? name
---@return string? tag
function M.add_image(set, container, default_tag)
  local image = container.image and images.split(container.image)
  local name = image and image.name or container.image
  local tag = image and (image.tag or default_tag)
  set:add(LOW, "image_name", name)
  set:add(LOW, "short_image", image and image.short)
  set:add(LOW, "image_tag", tag)
  set:add(LOW, "image_id", container.image_id)
  return name, tag
end

-- Docker keeps an image without a tag as it is; for the others it is the latest.
local function add_own_image(set, container)
  if container.runtime ~= "docker" then
    M.add_image(set, container, "latest")
    return
  end
  local name, tag = M.add_image(set, container)
  set:add(LOW, "docker_image", name and tag and tag ~= "" and name .. ":" .. tag or name)
end

local function add_tags_label(set, container, text)
  local list, err = json.decode(text)
  if type(list) ~= "table" then
    log_once.warn(("%s: label %s is no JSON list: %s"):format(container.id, TAGS_LABEL, err or text:sub(1, 64)))
    return
  end
  for _, tag in ipairs(list) do
    if type(tag) == "string" then
      set:add(HIGH, tag:match "^([^:]*):([^:]*)$")
    end
  end
end

local function add_labels(set, container)
  for label, value in pairs(container.labels or {}) do
    local known = LABELS[label]
    if known then
      set:add(known[2], known[1], value)
    elseif label == TAGS_LABEL then
      add_tags_label(set, container, value)
    end
  end
end

local function add_env(set, container)
  M.add_standard_env(set, container.env)
  for variable, value in pairs(container.env or {}) do
    local known = ENV[variable:upper()]
    if known then
      set:add(known[2], known[1], value)
    end
  end
end

---@param set TagSet
---@param container Container
---@param mappings TagMappings
function M.add(set, container, mappings)
  set:add(HIGH, "container_name", container.name)
  set:add(HIGH, "container_id", container.id)
  add_own_image(set, container)
  add_labels(set, container)
  add_env(set, container)
  for _, mapping in ipairs(mappings.container_labels) do
    mapping:apply(set, container.labels)
  end
  for _, mapping in ipairs(mappings.container_env) do
    mapping:apply(set, container.env)
  end
end

return M
