-- The configuration of moonwatch. Every key is here, with its unit and its default, commented out:
-- take away the dashes in front of what you change.
--
-- This is Lua that returns a table. env "NAME" gives a variable of the environment, or nil:
--   host_root = env "HOST_ROOT" or "/"
-- `moonwatch config check` tells every mistake, `moonwatch config show` what is in effect and where
-- it is from. A later one wins: default, this file, conf.d/SCRIPT.lua, the variable MOONWATCH_KEY
-- (MOONWATCH_LOG_LEVEL for log.level), --set KEY=VALUE.
--
-- Only root and the user that the agent runs as may be able to write this file and the folders
-- above it: a file that others can write is refused.

return {
  -- Folder with the /proc and /sys of the host: "/host" in a container.
  -- host_root = "/",

  -- Folder of what outlives a restart.
  -- state_dir = "/var/lib/moonwatch",

  -- Control socket, through which the other commands reach the agent. At most 107 bytes.
  -- socket = "/run/moonwatch/control.sock",

  -- Who may use it, as chmod has it, in octal digits: who may write to it may give orders. "0660" is
  -- for a group, too.
  -- socket_mode = "0600",

  -- Group of its file, of which the agent's user has to be a member. Default: none, which is the
  -- agent's own.
  -- socket_group = "",

  -- Your folders with sources/, checks/, sinks/ and moonwatch/. The first that has a script wins;
  -- the folder that ships with moonwatch is always the last. Default: scripts/ beside this file.
  -- script_dirs = { "/etc/moonwatch/scripts" },

  log = {
    -- Entries below it are dropped: "debug", "info", "warn", "error".
    -- level = "info",

    -- How an entry is written to standard error: "text", "json".
    -- format = "text",
  },

  -- How many scripts compute at once; one that waits does not count. 1 to 64.
  -- Default: as many as there are CPUs, at most 4.
  -- parallel_runs = 4,

  -- Seconds between looks at the files of scripts and of the configuration where the kernel does not
  -- tell of changes; where it does, the agent looks at once. 0.05 to 60.
  -- poll_interval_s = 0.4,

  -- Messages on their way from checks to sinks: a buffer in memory, and a file in state_dir/queue.
  queue = {
    -- false: what sinks have not had is in memory alone, and ends with the agent.
    -- on_disk = true,

    -- Bytes of messages in memory; where the disk does not take them, the oldest are dropped and
    -- counted. 1048576 (1 MiB) to 4294967296.
    -- buffer_bytes = 67108864,

    -- Bytes of the file, its pages in use; beyond it the oldest messages are dropped and counted.
    -- 1048576 to 1099511627776.
    -- file_bytes = 268435456,

    -- Older messages that a sink has not had are dropped and counted. Seconds, up to 315360000; 0:
    -- any age.
    -- max_age_s = 0,

    -- So long messages stay that every sink has had, for `moonwatch tail`. Seconds, up to 31536000; 0:
    -- they go at once, and those that are delivered soon are never written.
    -- keep_s = 300,

    -- Seconds between two commits, which is what a crash or a power cut may cost; 0.05 to 3600.
    -- flush_interval_s = 2,

    -- So many bytes that wait for a commit make one at once; 4096 to 1073741824.
    -- flush_bytes = 4194304,

    -- "sync": each commit reaches the disk. "lazy": half as many syncs, and a power cut may cost the
    -- commit before, too. "none": no syncs, and a power cut may cost the whole file.
    -- durability = "sync",
  },

  -- Scripts that tell which containers there are, and that make messages of them: names of files
  -- without ".lua". What delivers the messages: "stdout", "file", which needs a path in
  -- conf.d/file.lua, or a script, such as "http", which needs a url in conf.d/http.lua. At most 64
  -- each.
  -- sources = { "cgroup" },
  -- checks = { "container", "container_rt" },
  -- sinks = { "stdout" },

  -- What one run of a script may use. One that uses more is stopped, and the others go on.
  -- conf.d/SCRIPT.lua can give a script more or less.
  budget = {
    -- Milliseconds of CPU time, 1 to 3600000.
    -- cpu_ms = 1000,

    -- Milliseconds from beginning to end, waiting included, 1 to 3600000.
    -- wall_ms = 10000,

    -- Bytes of the script's state, between runs, too, 1048576 to 2147483648.
    -- memory_bytes = 67108864,

    -- Messages that it emits, 0 to 1000000, and their bytes together, 0 to 1073741824.
    -- messages_count = 10000,
    -- messages_bytes = 67108864,

    -- HTTP requests that it makes, 0 to 100000.
    -- http_requests_count = 100,
  },

  kubelet = {
    -- Where it answers, such as "https://127.0.0.1:10250"; a path behind it is kept.
    -- url = "",

    -- Where there is no url: port 10250 of the address, then of the name.
    -- Default: NODE_IP and NODE_NAME of the environment.
    -- node_ip = "",
    -- node_name = "",

    -- Files in PEM: who may have signed its certificate, and our certificate with its key. They are
    -- read again when they change. Default of ca_file: ca.crt of the service account, else the
    -- system's authorities.
    -- ca_file = "",
    -- cert_file = "",
    -- key_file = "",

    -- File with a bearer token, sent by https alone. Default: token of the service account.
    -- token_file = "",

    -- Seconds for one answer, complete, 0.1 to 300.
    -- timeout_s = 10,

    -- Allow a url of http, unencrypted; without a url, port 10255 when https is not there.
    -- allow_http = false,

    -- Believe any certificate: whoever answers is sent the token.
    -- insecure_skip_verify = false,
  },

  -- What proves who we are to far ends, by the name that scripts use. Default: none.
  credentials = {
    -- intake = {
    --   ca_file = "",
    --   cert_file = "",
    --   key_file = "",
    --   token_file = "",
    --   insecure_skip_verify = false,
    -- },
  },

  -- Sockets that scripts may talk to, by the name that they use; a path of at most 107 bytes.
  -- Default: none.
  unix_sockets = {
    -- docker = "/run/docker.sock",
  },
}
