---@meta moonwatch.inventory
-- What the C module offers to scripts: for people and for the language server, never run.
-- Which containers and pods exist, as all sources together say.
--
-- All tables are for reading only. The same table, elements included, is returned to this script for
-- as long as nothing in it changed: what is worked out about a container, or a pod, may be kept in a
-- table with weak keys, by the container itself. Texts are bytes, not necessarily UTF-8, without NUL.

---@class Port
---@field port integer  1 to 65535
---@field protocol? string  "tcp", in lower case
---@field name? string
---@field host_port? integer

---@class Container  What is not known is absent; so are maps and lists without elements.
---@field id string
---@field runtime? string  "docker", "containerd", ...
---@field runtime_flavor? string  "kata"
---@field namespace? string  of containerd
---@field name? string
---@field image? string  as the source names it: "registry/path/name:tag"
---@field image_id? string
---@field repo_digest? string
---@field state? "created"|"running"|"paused"|"restarting"|"stopped"|"dead"
---@field health? "starting"|"healthy"|"unhealthy"
---@field pod_uid? string
---@field hostname? string
---@field created_s? number  since 1970-01-01 UTC, whole
---@field started_s? number
---@field restarts_count? number
---@field cpu_request_percent? number  these four as the pod's spec says; 100 is one CPU
---@field memory_request_bytes? number
---@field cpu_limit_percent? number
---@field memory_limit_bytes? number
---@field labels? table<string, string>
---@field env? table<string, string>
---@field ips? table<string, string>  by the name of the network, which may be ""
---@field tags? string[]  "name:value", sorted
---@field ports? Port[]  by number and protocol
---@field pod? Pod  an element of pods(); absent when no source gives the pod
---@field sources? string[]  who names it, in the order of merging; always there in containers()
---@field stale? boolean  true: all of them fail or are silent; else absent

---@class Owner
---@field kind? string  "ReplicaSet"
---@field name? string

---@class Pod  What is not known is absent.
---@field uid string
---@field name? string
---@field namespace? string
---@field phase? string  "Running"
---@field qos_class? string
---@field priority_class? string
---@field node_name? string
---@field host_network? boolean
---@field created_s? number  since 1970-01-01 UTC, whole
---@field started_s? number
---@field labels? table<string, string>
---@field annotations? table<string, string>
---@field ips? string[]  the main address first
---@field owners? Owner[]

---@class InventorySource  How a source stands.
---@field name string
---@field priority integer  the lower counts more
---@field containers_count integer  of its list; 0 once it has left
---@field pods_count integer
---@field stale boolean  it fails, or is silent for too long
---@field age_s? number  since it gave its list, or said that it still holds; absent: never
---@field error? string  why it failed last; absent: it did not

local M = {}

--- Sorted by id.
---@return Container[] containers
---@return integer generation
function M.containers() end

--- By uid.
---@return table<string, Pod>
function M.pods() end

--- 0 before any source spoke; goes up with each change.
---@return integer
function M.generation() end

--- In the order in which they are merged.
---@return InventorySource[]
function M.sources() end

---@class ReplaceOptions
---@field pods? Pod[]
---@field priority? integer  0 to 1000; 50 when absent
---@field stale_max_s? number  how long it may be silent, and be stale before its list leaves; 300 when absent

--- In plain luajit alone, for tests: in the agent, what a source returns is its list, and other
--- scripts have no such function.
---
--- Replace everything that this source said before. The first of two elements with the same id
--- counts. Fields that are none of Container, and pod, sources and stale, are passed over. In a map or
--- a list, what is too long (keys and elements over 1 KiB, values over 4 KiB), has a NUL byte or is too
--- much (512 pairs or tags, 1,024 ports, 64 owners or addresses of a pod) is left out and logged.
--- Raises when an argument is of the wrong type. A list with an element that is not right is refused
--- as a whole (nil, message, errno), with index and field in the message, and the last list stays;
--- so is one of more than 100,000 containers or 10,000 pods, or that takes more than 128 MiB.
---@param source string
---@param containers Container[]
---@param options? ReplaceOptions
---@return integer? generation
---@return string? message
---@return integer? errno
function M.replace(source, containers, options) end

return M
