--- The containers of this host as bare cgroups show them: id, runtime where the cgroup tells, state.
local cgroup = require "moonwatch.cgroup"

local M = {
  api = 1,
  interval_s = 2,
  priority = 100, -- whatever another source says of a container, it knows better
}

local last_generation

--- The complete list, or "unchanged" when it is the one that was given last.
---@return CgroupContainer[]|"unchanged"|nil containers
---@return string? err
function M.list()
  local generation, err = cgroup.refresh()
  if not generation then
    return nil, err
  end
  if generation == last_generation then
    return "unchanged"
  end
  local containers
  containers, err = cgroup.containers()
  if not containers then
    return nil, err
  end
  last_generation = generation
  return containers
end

return M
