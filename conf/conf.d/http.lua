-- Settings of the sink http, which posts messages to a URL. Every key is here with its default,
-- commented out; see moonwatch.lua beside conf.d for how to write it. It runs when "sinks" in
-- moonwatch.lua names it.

return {
  -- false keeps it from running, though moonwatch.lua names it.
  -- enabled = true,

  -- Seconds between two looks for messages, 0.01 to 86400. While some wait it delivers all of them.
  -- interval_s = 1,

  -- How many messages it is given at a time, 1 to 256, and their bytes together, 1 to 67108864; a
  -- message that is larger comes alone.
  -- batch_messages = 256,
  -- batch_bytes = 1048576,

  -- Messages that are older, in seconds, are passed over and counted, 1 to 31536000. Default: none
  -- is too old.
  -- max_age_s = 3600,

  -- How often the script itself may fail at a message, before that is set aside, 1 to 1000. A far
  -- end that is away does not count.
  -- tries_max = 10,

  -- Where it begins when it is new: "end", the messages from now on, or "beginning", all that the
  -- queue has.
  -- start_at = "end",

  -- What one run may use; defaults, units and bounds are those of budget in moonwatch.lua.
  budget = {
    -- cpu_ms = 1000,
    -- wall_ms = 10000,
    -- memory_bytes = 67108864,
    -- messages_count = 10000,
    -- messages_bytes = 67108864,
    -- http_requests_count = 100,
  },

  options = {
    -- Where to. There is no default: the sink needs one.
    -- url = "",

    -- Name of credentials of moonwatch.lua: a token, certificates. Default: none.
    -- credentials = "",

    -- "lines": one JSON object a line, as the sinks stdout and file write them. "list": a JSON list
    -- of these objects.
    -- format = "lines",

    -- More headers of each request, "Name:value" each, without blanks, at most 32.
    -- headers = {},

    -- Seconds for one answer, complete, 0.1 to 300; never more than nine tenths of what is left of
    -- the run's wall_ms.
    -- timeout_s = 5,
  },
}
