--- The environment of a container as its pod's spec has it: the variables that mean something to
--- tags, and no others, since a spec may hold secrets.
local M = {}

local KEPT = {}
for _, name in ipairs {
  "CHRONOS_JOB_NAME", "CHRONOS_JOB_OWNER", "DD_ENV", "DD_GIT_COMMIT_SHA", "DD_GIT_REPOSITORY_URL", "DD_SERVICE",
  "DD_VERSION", "DOCKER_DD_AGENT", "ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4", "MESOS_TASK_ID",
  "NOMAD_DC", "NOMAD_GROUP_NAME", "NOMAD_JOB_NAME", "NOMAD_NAMESPACE", "NOMAD_TASK_NAME", "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_SERVICE_NAME",
} do
  KEPT[name] = true
end

--- $(NAME) is replaced where the name is known; "$$" stands for one "$", so $$(NAME) is no reference.
local function expand(text, env)
  local result = text:gsub("%$([$(]?)([%w_.%-]*)(%)?)", function(kind, name, close)
    if kind == "$" then
      return "$" .. name .. close
    elseif kind == "(" and close == ")" and env[name] then
      return env[name]
    end
  end)
  return result
end

---@param variables? KubeletVariable[]
---@return table<string, string>? env  nil: none is kept
function M.of(variables)
  local env = {}
  for _, variable in ipairs(variables or {}) do
    if variable.value and KEPT[variable.name:upper()] then
      env[variable.name] = expand(variable.value, env)
    end
  end
  return next(env) and env or nil
end

return M
