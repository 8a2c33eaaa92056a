-- Settings of the source cgroup. Every key is here with its default, commented out; see
-- moonwatch.lua beside conf.d for how to write it.

return {
  -- false keeps it from running, though moonwatch.lua names it.
  -- enabled = true,

  -- Seconds between the beginnings of two runs, 0.01 to 86400.
  -- interval_s = 2,

  -- What the source with the lowest says of a container wins, 0 to 1000.
  -- priority = 100,

  -- Seconds for which its last list counts when it fails, 1 to 86400.
  -- Default: 300, and three intervals at least.
  -- stale_s = 300,

  -- What one run may use; defaults, units and bounds are those of budget in moonwatch.lua.
  budget = {
    -- cpu_ms = 1000,
    -- wall_ms = 10000,
    -- memory_bytes = 67108864,
    -- messages_count = 10000,
    -- messages_bytes = 67108864,
    -- http_requests_count = 100,
  },

  -- It has no options.
  options = {},
}
