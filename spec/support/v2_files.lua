--- What the kernel's files of a container of version 2 say, read in a way of the specs' own, so that
--- two readers are compared.
local M = {}

local function one(file, pattern, scale)
  return function(look)
    local value = (look.files[file] or ""):match("\n" .. (pattern or "") .. "(%d+)")
    return value and tonumber(value) * (scale or 1)
  end
end

--- A limit of nothing is none.
local function not_zero(read)
  return function(look)
    local value = read(look)
    return value ~= 0 and value or nil
  end
end

--- The sum over all disks; absent where none is named.
local function of_disks(key)
  return function(look)
    local sum
    for value in (look.files["io.stat"] or ""):gmatch(" " .. key .. "=(%d+)") do
      sum = (sum or 0) + tonumber(value)
    end
    return sum
  end
end

local function pressure(file, kind)
  return one(file, kind .. " .-total=", 1000)
end

local function of_pod(key)
  return function(look)
    local value = look.pod and look.pod:match("\n" .. key .. " (%d+)")
    return value and tonumber(value)
  end
end

local function count_cpus(look)
  local text, count = look.files["cpuset.cpus.effective"], 0
  for first, last in (text or ""):gmatch "(%d+)%-?(%d*)" do
    count = count + (tonumber(last) or tonumber(first)) - tonumber(first) + 1
  end
  return text and count
end

local function stat_of_memory(key)
  return one("memory.stat", key .. " ")
end

local function sum_of(first, second)
  return function(look)
    return first(look) and second(look) and first(look) + second(look)
  end
end

local function working_set(look)
  local usage, inactive = one "memory.current"(look), stat_of_memory "inactive_file"(look)
  return usage and inactive and math.max(usage - inactive, 0)
end

local function of_processes(get)
  return function(look)
    local sum = 0
    for _, process in pairs(look.processes) do
      sum = sum + get(process)
    end
    return sum
  end
end

--- Received bytes are the first number of an interface, packets the second, sent ones the ninth and tenth.
local function of_interfaces(column)
  return function(look)
    local sum
    for name, numbers in look.network:gmatch "\n *([%w@]+): *([%d ]+)" do
      local index = 0
      for number in numbers:gmatch "%d+" do
        index = index + 1
        if index == column and name ~= "lo" then
          sum = (sum or 0) + tonumber(number)
        end
      end
    end
    return sum
  end
end

--- Name of a figure to a function of what parse() gives; nil where the kernel does not say.
---@type table<string, fun(look: table): number?>
M.READERS = {
  cpu_total_ns = one("cpu.stat", "usage_usec ", 1000),
  cpu_user_ns = one("cpu.stat", "user_usec ", 1000),
  cpu_system_ns = one("cpu.stat", "system_usec ", 1000),
  cpu_periods_total = one("cpu.stat", "nr_periods "),
  cpu_throttled_periods_total = one("cpu.stat", "nr_throttled "),
  cpu_throttled_ns = one("cpu.stat", "throttled_usec ", 1000),
  cpu_weight = one "cpu.weight",
  cpu_quota_ns = one("cpu.max", nil, 1000),
  cpu_period_ns = one("cpu.max", "%w+ ", 1000),
  cpu_set_cpus = count_cpus,
  cpu_pressure_some_ns = pressure("cpu.pressure", "some"),
  cpu_pressure_full_ns = pressure("cpu.pressure", "full"),
  memory_usage_bytes = one "memory.current",
  memory_working_set_bytes = working_set,
  memory_rss_bytes = stat_of_memory "anon",
  memory_rss_huge_bytes = stat_of_memory "anon_thp",
  memory_cache_bytes = stat_of_memory "file",
  memory_mapped_file_bytes = stat_of_memory "file_mapped",
  memory_inactive_anon_bytes = stat_of_memory "inactive_anon",
  memory_active_anon_bytes = stat_of_memory "active_anon",
  memory_inactive_file_bytes = stat_of_memory "inactive_file",
  memory_active_file_bytes = stat_of_memory "active_file",
  memory_unevictable_bytes = stat_of_memory "unevictable",
  memory_page_faults_total = stat_of_memory "pgfault",
  memory_major_page_faults_total = stat_of_memory "pgmajfault",
  memory_limit_bytes = not_zero(one "memory.max"),
  memory_low_bytes = not_zero(one "memory.low"),
  memory_min_bytes = not_zero(one "memory.min"),
  memory_high_bytes = not_zero(one "memory.high"),
  memory_peak_bytes = one "memory.peak",
  memory_swap_bytes = one "memory.swap.current",
  memory_kernel_bytes = sum_of(stat_of_memory "kernel_stack", stat_of_memory "slab"),
  memory_kernel_stack_bytes = stat_of_memory "kernel_stack",
  memory_slab_bytes = stat_of_memory "slab",
  memory_swap_limit_bytes = not_zero(one "memory.swap.max"),
  memory_swap_high_bytes = not_zero(one "memory.swap.high"),
  memory_limit_hits_total = one("memory.events", "max "),
  memory_oom_events_total = one("memory.events", "oom "),
  memory_oom_kills_total = one("memory.events", "oom_kill "),
  pod_oom_events_total = of_pod "oom",
  pod_oom_kills_total = of_pod "oom_kill",
  memory_pressure_some_ns = pressure("memory.pressure", "some"),
  memory_pressure_full_ns = pressure("memory.pressure", "full"),
  hugetlb_2mb_usage_bytes = one "hugetlb.2MB.current",
  hugetlb_2mb_limit_bytes = one "hugetlb.2MB.max",
  hugetlb_1gb_usage_bytes = one "hugetlb.1GB.current",
  hugetlb_1gb_limit_bytes = one "hugetlb.1GB.max",
  io_read_bytes = of_disks "rbytes",
  io_write_bytes = of_disks "wbytes",
  io_read_operations_total = of_disks "rios",
  io_write_operations_total = of_disks "wios",
  io_pressure_some_ns = pressure("io.pressure", "some"),
  io_pressure_full_ns = pressure("io.pressure", "full"),
  pids_current = one "pids.current",
  pids_limit = one "pids.max",
  processes_count = of_processes(function() return 1 end),
  threads_count = of_processes(function(process) return process.threads or 0 end),
  zombies_count = of_processes(function(process) return process.state == "Z" and 1 or 0 end),
  open_files_count = of_processes(function(process) return process.files or 0 end),
  network_rcvd_bytes = of_interfaces(1),
  network_rcvd_packets_total = of_interfaces(2),
  network_sent_bytes = of_interfaces(9),
  network_sent_packets_total = of_interfaces(10),
}

local function count_words(text)
  return select(2, text:gsub("%S+", ""))
end

local function add_of_process(look, pid, file, line)
  local process = look.processes[pid] or {}
  look.processes[pid] = process
  if file == "stat" then
    local state, rest = line:match "^.*%) (%u)(.*)$"
    local column = 3
    process.state = state
    for number in rest:gmatch "%S+" do
      column = column + 1
      process.threads = column == 20 and tonumber(number) or process.threads
    end
  elseif file == "fd" then
    process.files = line:find "%*" and 0 or count_words(line)
  elseif file == "net/dev" then
    look.witness = look.witness or pid -- of a namespace one process tells as much as another
    look.network = look.network .. (look.witness == pid and "\n" .. line or "")
  end
end

--- Take what the machine wrote down apart: lines "path:line", for the container with the cgroup at
--- @p folder, and for its processes.
---@param text string
---@param folder string
---@return { files: table<string, string>, pod: string?, processes: table, network: string, namespace: string? } look
function M.parse(text, folder)
  local look = { files = {}, processes = {}, network = "" }
  local parent = folder:match "^(.*)/[^/]*$"
  local pod = parent:find "[/-]pod%x[%x_-]+[^/]*$" and parent .. "/memory.events:"
  for line in text:gmatch "[^\n]+" do
    local pid, file, rest = line:match "^/proc/(%d+)/([%l/]+):(.*)$"
    if pid then
      add_of_process(look, pid, file, rest)
    elseif line:sub(1, #folder + 1) == folder .. "/" then
      file, rest = line:sub(#folder + 2):match "^([%w._]+):(.*)$"
      look.files[file] = (look.files[file] or "") .. "\n" .. rest
    elseif pod and line:sub(1, #pod) == pod then
      look.pod = (look.pod or "") .. "\n" .. line:sub(#pod + 1)
    else
      look.namespace = look.namespace or line:match "net:%[(%d+)%]"
    end
  end
  return look
end

return M
