--- The pods of this node and their containers, as its kubelet knows them: names, images, labels, limits.
local kubelet = require "moonwatch.kubelet"
local pod_env = require "moonwatch.pod_env"

local M = {
  api = 1,
  interval_s = 5,
  priority = 20, -- of a container's pod nobody knows more
}

-- Long, and said by the other fields.
local LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

--- A container for the inventory. The times of a container that waits are not known, and a kubelet does
--- not tell when it was created.
local function container_of(container, pod)
  container.pod_uid = pod.uid
  container.created_s = container.started_s
  container.env = pod_env.of(container.variables)
  container.labels = pod.namespace and { ["io.kubernetes.pod.namespace"] = pod.namespace }
  return container
end

--- The complete list; nil and why when the kubelet does not give it.
---@return { containers: Container[], pods: Pod[] }?
---@return string? err
function M.list()
  local listed, err = kubelet.pods()
  if not listed then
    return nil, err
  end
  local containers, pods = {}, {}
  for _, pod in ipairs(listed) do
    if pod.uid then
      if pod.annotations then
        pod.annotations[LAST_APPLIED] = nil
      end
      pods[#pods + 1] = pod
      for _, container in ipairs(pod.containers) do
        if container.id then -- without one it has not started
          containers[#containers + 1] = container_of(container, pod)
        end
      end
    end
  end
  return { containers = containers, pods = pods }
end

return M
