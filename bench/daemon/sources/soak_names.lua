--- What a runtime would say of the containers that come and go: names, images, labels.
local cgroup = require "moonwatch.cgroup"

local M = { api = 1, interval_s = 2, priority = 20 }

function M.list()
  local list = {}
  for i, known in ipairs(assert(cgroup.containers())) do
    list[i] = {
      id = known.id,
      runtime = "containerd",
      name = "app-" .. known.id:sub(1, 8),
      image = ("registry.example/team-%s/app:%s"):format(known.id:sub(1, 1), known.id:sub(2, 4)),
      state = "running",
      pod_uid = known.pod_uid,
      labels = { ["app.kubernetes.io/name"] = known.id:sub(1, 8) },
    }
  end
  return list
end

return M
