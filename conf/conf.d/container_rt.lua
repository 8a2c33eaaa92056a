-- Settings of the check container_rt. Every key is here with its default, commented out; see
-- moonwatch.lua beside conf.d for how to write it.

return {
  -- false keeps it from running, though moonwatch.lua names it.
  -- enabled = true,

  -- Seconds between the beginnings of two runs, 0.01 to 86400.
  -- interval_s = 2,

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
    -- Rules of containers that are left out, such as "name:^test-".
    -- container_exclude = {},

    -- As container_exclude, for numbers alone.
    -- container_exclude_metrics = {},

    -- Rules of containers that are kept, whatever leaves them out: image:, name: or
    -- kube_namespace: and a regular expression, such as "image:/app".
    -- container_include = {},

    -- As container_include, for numbers alone.
    -- container_include_metrics = {},

    -- Leave out the containers that only hold a pod's namespaces.
    -- exclude_pause_container = true,

    -- How long a garden container without tags is held back. Seconds, 0 to 86400.
    -- garden_hold_s = 60,

    -- Numbers may be this old, and half the interval; 0 reads anew in every run.
    -- Milliseconds, 0 to 60000.
    -- max_age_ms = 500,

    -- Containers in one message, 1 to 10000.
    -- max_per_message = 100,
  },
}
