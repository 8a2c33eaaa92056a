--- The containers that hold a pod's namespaces open and do nothing else.
local M = {}

--- Rules for images of all places that publish one. Not anchored: "/pause" must be there, so
--- "superpause" is no pause image.
M.rules = {
  [[image:.*gcr\.io(.*)/pause.*]],
  [[image:openshift/origin-pod]],
  [[image:.*rhel7/pod-infrastructure]],
  [[image:kubernetes/pause]],
  [[image:google(_|-)containers/pause.*]],
  [[image:.*azureedge\.net(.*)/pause.*]],
  [[image:amazon/amazon-ecs-pause]],
  [[image:(amazonaws\.com/)?eks/pause.*]],
  [[image:rancher/pause.*]],
  [[image:rancher/mirrored-pause.*]],
  [[image:mcr\.microsoft\.com(.*)/pause.*]],
  [[image:kubeletwin/pause.*]],
  [[image:aksrepos\.azurecr\.io(.*)/pause.*]],
  [[image:ecr(.*)amazonaws\.com/pause.*]],
  [[image:upstream/pause.*]],
  [[image:cdk/pause.*]],
  [[image:giantswarm/pause.*]],
  [[image:registry\.k8s\.io/pause.*]],
}

--- Whether labels of a container say that it is a pod's sandbox: by its name, or, as containerd has
--- it, by the name of a pod without one of a container.
---@param labels? table<string, string>
---@return boolean
function M.is_sandbox(labels)
  if not labels then
    return false
  end
  local name = labels["io.kubernetes.container.name"]
  return name == "POD" or (name == nil and labels["io.kubernetes.pod.name"] ~= nil)
end

return M
