---@meta moonwatch.kubelet
-- What the C module offers to scripts: for people and for the language server, never run.
-- The kubelet of this node: which pods there are. Where it is, and with which credentials it is
-- asked, is configured (docs/operating.md); scripts of a host share one client.
--
-- What the kubelet does not say is absent; so are maps and lists without elements.

---@class KubeletPort
---@field port integer
---@field host_port? integer
---@field protocol? string  "TCP"
---@field name? string

---@class KubeletVariable
---@field name string
---@field value? string  as written, $(OTHER) not expanded; absent: of a secret, a config map, the pod

---@class KubeletContainer  As moonwatch.inventory has it, and more.
---@field id? string  absent: it never started
---@field kind "init"|"regular"|"ephemeral"
---@field runtime? string  "containerd", "docker", "cri-o"
---@field name string
---@field image? string
---@field image_id? string
---@field repo_digest? string
---@field state? "running"|"stopped"  absent: it waits
---@field reason? string  why it waits or stopped: "CrashLoopBackOff", "OOMKilled"
---@field started_s? number  since 1970-01-01 UTC, whole
---@field finished_s? number
---@field exit_code? integer
---@field restarts_count? integer
---@field ready? boolean
---@field cpu_request_percent? number  100 is one CPU
---@field memory_request_bytes? number
---@field cpu_limit_percent? number
---@field memory_limit_bytes? number
---@field ports? KubeletPort[]
---@field variables? KubeletVariable[]  in the order of the spec

---@class KubeletOwner
---@field kind? string
---@field name? string
---@field uid? string
---@field controller? boolean

---@class KubeletPod
---@field uid? string  under which cgroups and the stats summary know it
---@field mirror_uid? string  under which the API server knows a static pod
---@field name? string
---@field namespace? string
---@field created_s? number  absent for static pods
---@field started_s? number
---@field deleted_s? number  when it is to be gone
---@field labels? table<string, string>
---@field annotations? table<string, string>
---@field owners? KubeletOwner[]
---@field phase? "Pending"|"Running"|"Succeeded"|"Failed"|"Unknown"
---@field reason? string
---@field ready boolean
---@field static boolean  its spec comes from a file or URL of the node
---@field host_network boolean
---@field host_ip? string
---@field ips? string[]  the main address first
---@field qos_class? "Guaranteed"|"Burstable"|"BestEffort"
---@field priority_class? string
---@field runtime_class? string
---@field service_account? string
---@field node_name? string
---@field containers KubeletContainer[]  init, then regular, then ephemeral; may be empty

local M = {}

---@class KubeletOptions
---@field timeout_s? number  wait no longer; as configured (10) when absent

--- Ask for the pods of this node. Waits, but no longer than the script may still run. Pods all of whose
--- containers ended 15 minutes ago are left out. After a failure the kubelet is left alone for a
--- second, then two, up to five minutes: until then the last failure is told again.
--- Raises when an option is wrong.
---@param options? KubeletOptions
---@return KubeletPod[]? pods  in the order of the kubelet
---@return string? message  what failed and what cures it
---@return integer? errno
function M.pods(options) end

return M
