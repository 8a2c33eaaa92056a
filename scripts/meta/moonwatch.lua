---@meta moonwatch
-- What the C module offers to plain luajit: for people and for the language server, never run.
-- Scripts inside the agent cannot require it; they see the agent's host.

---@class MoonwatchRoots
---@field host_root? string  "/" by default; "/host" in a container, a folder with a recorded host
---@field proc_root? string  "proc" below host_root by default
---@field state_dir? string  where the store is; made when something is stored; without it, none is
---@field credentials? table<string, HttpCredentials>  what http.get{credentials = NAME} may name
---@field unix_sockets? table<string, string>  what http.get{unix_socket = NAME} may name: paths
---@field http_answers? string  a folder with recorded answers (answers.json), instead of the network

---@class HttpCredentials  Paths of files, read again when they have changed.
---@field ca_file? string  PEM; believed instead of the system's authorities
---@field cert_file? string  PEM, with key_file
---@field key_file? string  PEM
---@field token_file? string  a bearer token, sent by https and unix sockets only
---@field insecure_skip_verify? boolean  believe any certificate

---@class Moonwatch  The modules of one host; they share its cache and its inventory.
---@field cgroup table  as require "moonwatch.cgroup"
---@field host table  as require "moonwatch.host"
---@field http table  as require "moonwatch.http"
---@field inventory table  as require "moonwatch.inventory"
---@field stats table  as require "moonwatch.stats"
---@field store table  as require "moonwatch.store"

---@class SourceContext  What the agent gives to list(context) of a source.
---@field name string  of the script
---@field options table<string, any>  a value for each option that the script declares
---@field interval_s number  how often it is run
---@field now_s number  wall clock at the start of this run, seconds since 1970

---@class CheckContext: SourceContext  What the agent gives to run(context) of a check.
---@field emit fun(self: CheckContext, kind: string, message: table)  send a whole message
---@field gauge fun(self: CheckContext, metric: string, value: number, tags?: string[])  a level
---@field count fun(self: CheckContext, metric: string, value: number, tags?: string[])  events since the last run
---@field rate fun(self: CheckContext, metric: string, value: number, tags?: string[])  events in a second
---@field monotonic_count fun(self: CheckContext, metric: string, value: number, tags?: string[])  a counter that grows
---@field event fun(self: CheckContext, event: table)  { title = ..., text = ..., severity = ..., tags = ... }
---@field next_group_id fun(self: CheckContext): integer  ties the messages of one run together

---@alias SinkContext SourceContext  What the agent gives to deliver(context, batch) of a sink.

---@class Message  One of a batch.
---@field number integer  its place in the queue: grows, and is the same when it comes again
---@field script string  that emitted it: letters, digits, _, - and .
---@field kind string  "container_rt", "metric", "event": letters, digits, _, - and .
---@field schema integer  version of the body's fields
---@field emitted_at_s number  wall clock, seconds since 1970
---@field body string  JSON: an object or a list

---@class DeliveryFailure  The third that deliver returns, behind nil and why.
---@field permanent? boolean  the same batch would be refused again: a message is looked for, and set aside
---@field retry_after_s? number  the far end asks to be left alone for so long, at most an hour
---@field delivered? integer  so many of the first messages have arrived

---@class ScriptTable  What the file of a source, a check or a sink returns; docs/scripting.md tells more.
---@field api 1
---@field interval_s? number  how often it wants to run
---@field options? table<string, table>
---@field init? fun(options: table<string, any>): any, string?  nil and why: it does not start
---@field list? fun(context: SourceContext): any, string?  required in a source
---@field run? fun(context: CheckContext): any, string?  required in a check
---@field deliver? fun(context: SinkContext, batch: Message[]): true?, string?, DeliveryFailure?  required in a sink
---@field batch_messages? integer  of a sink: how many it is given at a time; at most 256
---@field batch_bytes? integer  of a sink: bytes of their bodies together
---@field max_age_s? number  of a sink: older messages are passed over
---@field state_version? integer  of what save returns; 1 by default
---@field save? fun(): any, string?  plain data for the script that is loaded in its place, at most 1 MiB; nil
---keeps nothing, nil and why fails
---@field restore? fun(kept: any, version: integer): any, string?  after init: what was saved, and the state_version
---of the script that saved it; when it fails the script is loaded once more, and begins with nothing

local M = {}

--- Nothing is read yet: what is missing shows when it is asked for.
---@param roots MoonwatchRoots
---@return Moonwatch?, string?, integer?
function M.open(roots) end

return M
