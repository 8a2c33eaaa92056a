--- Every container with what it is: image digest, addresses and tags beside its numbers, in batches.
local addresses = require "moonwatch.addresses"
local batch = require "moonwatch.batch"
local containers = require "moonwatch.containers"
local facts = require "moonwatch.host_facts"
local host = require "moonwatch.host"
local json = require "moonwatch.json"
local log = require "moonwatch.log"
local tags = require "moonwatch.tags"

local function mapping(doc)
  return { type = "strings", default = {}, doc = doc }
end

local M = {
  api = 1,
  state_version = 1, -- of what containers keep
  interval_s = 10,
  options = containers.with_options {
    max_per_message = { type = "integer", default = 100, min = 1, max = 10000,
                        doc = "containers in one message" },
    max_age_ms = { type = "integer", default = 2000, min = 0, max = 60000,
                   doc = "numbers may be this old, and half the interval; 0 reads anew in every run" },
    cardinality = { type = "string", default = "high",
                    doc = "tags up to this cardinality: low, orchestrator or high" },
    network_id = { type = "string", default = "", doc = "name of the network that the host is in" },
    container_labels_as_tags = mapping "labels of containers that become tags: PATTERN=TAG[,TAG...]",
    container_env_as_tags = mapping "environment variables that become tags: PATTERN=TAG[,TAG...]",
    kubernetes_pod_labels_as_tags = mapping "labels of pods that become tags: PATTERN=TAG[,TAG...]",
    kubernetes_pod_annotations_as_tags = mapping "annotations of pods that become tags: PATTERN=TAG[,TAG...]",
    tag_value_split_separator = mapping "tags whose values are lists: TAG=SEPARATOR",
  },
}

-- Names of runtimes that the wire format has otherwise.
local TYPES = { ecsfargate = "ECS" }

local HOST_COUNT = "datadog.process.containers.host_count"
local HOST_COUNT_TAGS = { "agent:moonwatch" }

local list

function M.init(options)
  if not tags.is_cardinality(options.cardinality) then
    return nil, ('option cardinality is "%s": it is low, orchestrator or high'):format(options.cardinality)
  end
  local tagger, problems = tags.new(options)
  for _, problem in ipairs(problems) do
    log.warn("%s", problem)
  end
  list = containers.new {
    options = options,
    describe = function(stat, container)
      local its_tags = tagger:container(container, options.cardinality)
      stat.type = TYPES[container.runtime] or container.runtime
      stat.created = containers.unix_s(container.created_s)
      stat.repoDigest = container.repo_digest
      local its_addresses = addresses.wire(addresses.of(container))
      stat.addresses = its_addresses and json.constant(its_addresses)
      stat.tags = its_tags[1] and json.constant(its_tags) or nil
    end,
  }
end

-- The two messages name it differently.
local function rename_limit(items)
  for i = 1, #items do
    local item = items[i]
    item.memoryLimit, item.memLimit = item.memLimit, nil
  end
end

function M.save()
  return list:save()
end

function M.restore(kept, version)
  if version == M.state_version then
    list:restore(kept)
  end
  return true
end

---@param context CheckContext
function M.run(context)
  local options, now_s = context.options, context.now_s
  local items = list:collect(math.min(options.max_age_ms, context.interval_s * 1000 / 2), now_s)
  if #items == 0 then
    return true
  end

  rename_limit(items)
  batch.emit(context, "container", {
    hostName = host.hostname(),
    info = facts.system_info(now_s),
    networkId = options.network_id ~= "" and options.network_id or nil,
    containerHostType = host.container_host_type(),
  }, "containers", items)
  context:gauge(HOST_COUNT, #items, HOST_COUNT_TAGS)
  return true
end

return M
