-- Settings of the sink file, which writes messages to a file, one a line. Every key is here with its
-- default, commented out; see moonwatch.lua beside conf.d for how to write it.

return {
  -- false keeps it from running, though moonwatch.lua names it.
  -- enabled = true,

  -- How many messages it is given at a time, 1 to 256, and their bytes together, 1 to 67108864; a
  -- message that is larger comes alone.
  -- batch_messages = 256,
  -- batch_bytes = 1048576,

  -- Messages that are older, in seconds, are passed over and counted, 1 to 31536000. Default: none
  -- is too old.
  -- max_age_s = 3600,

  -- Where it begins when it is new: "end", the messages from now on, or "beginning", all that the
  -- queue has.
  -- start_at = "end",

  options = {
    -- Path of the file. There is no default: the sink needs one.
    -- path = "",

    -- Before a line that would make it longer, the file becomes PATH.1, and another one begins. Bytes,
    -- 1 at least.
    -- max_bytes = 104857600,

    -- The same happens when it is older. Seconds, 1 to 315360000.
    -- max_age_s = 86400,

    -- How many old ones are kept, PATH.1 the youngest, 0 to 1000.
    -- keep = 5,
  },
}
