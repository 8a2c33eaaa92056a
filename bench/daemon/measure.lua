-- Figures of the agent as a whole: tools/bench --daemon runs this; docs/benchmarks.md explains.
package.path = "./?.lua;" .. package.path

local clock = require "spec.support.clock"
local cjson = require "cjson"
local daemon = require "spec.support.daemon"
local files = require "spec.support.files"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local SECONDS = tonumber(arg[1]) or 60
local MIB = 2 ^ 20
local BENCH = "build/release/bench/"
local CHECKS = {
  "container_rt", "container", "soak_store", "soak_json", "soak_http", "soak_garbage", "soak_events", "soak_fails",
}
local INTERVALS_S = {
  container_rt = 2, container = 10, soak_store = 10, soak_json = 5, soak_http = 10, soak_garbage = 2, soak_events = 2,
  soak_fails = 2, soak_nothing = 2,
}

local function say(...)
  print(string.format(...))
  io.stdout:flush()
end

local function load_average()
  return files.read("/proc/loadavg"):match "^[%d.]+"
end

local function run(command)
  local outcome = program.shell(command)
  if outcome.code ~= 0 then
    error(command .. ": " .. outcome.err)
  end
  return outcome.out
end

-- ---- Ten scripts at 100 containers ----

local function read_samples(path)
  local samples, names = {}, nil
  for line in io.lines(path) do
    local row, i = {}, 0
    for word in line:gmatch "[^,]+" do
      i = i + 1
      row[names and names[i] or i] = names and tonumber(word) or word
    end
    if names then
      table.insert(samples, row)
    else
      names = row
    end
  end
  return samples
end

--- The agent, in its folder, as words for the shell.
local function agent_words(dir)
  local words = {
    program.PATH, "run --set script_dirs=bench/daemon --set socket=DIR/control.sock --set state_dir=DIR",
    "--source cgroup --source soak_names --sink file:DIR/messages.jsonl --set scripts.file.options.max_bytes=1000000",
    "--set scripts.file.options.keep=1",
  }
  for _, check in ipairs(CHECKS) do
    table.insert(words, "--check " .. check)
  end
  return (table.concat(words, " "):gsub("DIR", dir.path))
end

local function runs_of(check)
  return math.floor(SECONDS / INTERVALS_S[check])
end

--- Each check by "moonwatch check", as often and at the same times: the CPU time of all goes to a file.
--- Each runs the sources, too; one that does nothing tells what these take.
local function one_shot_words(dir)
  local lines = { "TIMEFORMAT='%U %S'" }
  for check in pairs(INTERVALS_S) do
    for part, runs in pairs { start = 1, all = runs_of(check) } do
      table.insert(lines, ("{ time %s check bench/daemon/checks/%s.lua --count %d --interval %g --format json " ..
        "--source cgroup --source bench/daemon/sources/soak_names.lua --state-dir %s/%s > /dev/null 2> /dev/null; } " ..
        "2> %s/%s.%s.cpu &"):format(program.PATH, check, runs, INTERVALS_S[check], dir.path, check, dir.path, check,
        part))
    end
  end
  table.insert(lines, "wait")
  return (table.concat(lines, "\n"):gsub("bench/daemon/checks/(container[%w_]*)%.lua", "%1"))
end

local function used_s(dir, check)
  local used = {}
  for _, part in ipairs { "start", "all" } do
    local user, system = files.read(("%s/%s.%s.cpu"):format(dir.path, check, part)):match "([%d.]+) ([%d.]+)"
    used[part] = tonumber(user) + tonumber(system)
  end
  return used.all - used.start
end

--- The sources once, and each check without them.
local function one_shot_cpu_s(dir)
  local sources_s = used_s(dir, "soak_nothing")
  local total_s, once_s = sources_s, sources_s / (runs_of "soak_nothing" - 1)
  for _, check in ipairs(CHECKS) do
    total_s = total_s + used_s(dir, check) - (runs_of(check) - 1) * once_s
  end
  return total_s
end

local function measure_at_containers()
  local dir = tmpdir.new()
  dir:write { run = one_shot_words(dir) .. "\n" }
  dir:write { both = ("bash %s/run & exec %s 2> %s/log\n"):format(dir.path, agent_words(dir), dir.path) }
  local ask = ("sleep %d; %s status --socket %s/control.sock --format json > %s/status"):format(SECONDS + 2,
    program.PATH, dir.path, dir.path)
  local asking = io.popen("{ " .. ask .. "; }")
  run(("%ssurround --containers 100 --replace-every 0 --sample-every 2 --seconds %d --samples %s/samples.csv " ..
    "bash %s/both"):format(BENCH, SECONDS + 8, dir.path, dir.path))
  asking:close()
  local samples = read_samples(dir.path .. "/samples.csv")
  local anon, first, last = 0, samples[2], samples[math.floor(SECONDS / 2)]
  for _, sample in ipairs(samples) do
    anon = math.max(anon, sample.rss_anon_bytes)
  end
  say("ten scripts at 100 containers, load %s: RssAnon at most %.2f MiB, CPU %.3f %% of one, %.1f wake-ups a second",
    load_average(), anon / MIB, 100 * (last.cpu_s - first.cpu_s) / (last.seconds - first.seconds),
    (last.voluntary_switches - first.voluntary_switches) / (last.seconds - first.seconds))
  local agent_s, shot_s = last.cpu_s - first.cpu_s, one_shot_cpu_s(dir)
  say("the agent used %.3f s of CPU, the same runs one by one %.3f s: ratio %.2f", agent_s, shot_s, agent_s / shot_s)
  for _, script in ipairs(cjson.decode(files.read(dir.path .. "/status")).scripts) do
    say("  %-13s %3d runs, late by %.2f ms (p50), %.2f ms (p99), %.2f ms (max)", script.name, script.runs_total,
      script.late_p50_ms, script.late_p99_ms, script.late_max_ms)
  end
  dir:remove()
end

--- Without the others beside it: its own cgroup holds the agent alone.
local function measure_memory()
  local dir = tmpdir.new()
  run(("%ssurround --containers 100 --replace-every 0 --sample-every 2 --seconds 40 --samples %s/samples.csv " ..
    "%s 2> %s/log"):format(BENCH, dir.path, agent_words(dir), dir.path))
  local samples = read_samples(dir.path .. "/samples.csv")
  local last = samples[#samples]
  say("memory of its cgroup %.2f MiB, of that files %.2f MiB; RssAnon %.2f MiB; %d descriptors, %d threads",
    last.cgroup_bytes / MIB, last.cgroup_file_bytes / MIB, last.rss_anon_bytes / MIB, last.descriptors, last.threads)
  dir:remove()
end

-- ---- An agent that has nothing to do ----

local function count_switches(pid)
  local count = 0
  for text in run(("cat /proc/%s/task/*/status"):format(pid)):gmatch "\nvoluntary_ctxt_switches:%s*(%d+)" do
    count = count + tonumber(text)
  end
  return count
end

local function measure_idle()
  local agent = daemon.start {
    scripts = { ["checks/n.lua"] = daemon.check("context:gauge('n', 1)", 3600) },
    arguments = { "--check", "n", "--set", "scripts.cgroup.interval_s=3600" },
  }
  clock.sleep(15)
  local before = count_switches(agent.running.pid)
  clock.sleep(30)
  say("idle: %.2f wake-ups a second", (count_switches(agent.running.pid) - before) / 30)
  agent:remove()
end

-- ---- From an edit to what it does ----

local function measure_edits()
  local agent = daemon.start {
    scripts = { ["checks/n.lua"] = daemon.check("context:gauge('n', 0)", 0.02) }, arguments = { "--check", "n" },
  }
  local took_s = {}
  for version = 1, 20 do
    clock.sleep(0.37 + version % 7 / 10)
    local began_s = clock.now_s()
    agent:write("checks/n.lua", daemon.check(("context:gauge('n', %d)"):format(version), 0.02))
    agent:wait_for_gauge("n", version)
    table.insert(took_s, clock.now_s() - began_s)
  end
  table.sort(took_s)
  say("from an edit to its effect: %.2f s (median), %.2f s (max of %d)", took_s[#took_s / 2], took_s[#took_s], #took_s)
  agent:remove()
end

-- ---- Lateness ----

local function measure_lateness()
  local load = load_average()
  local agent = daemon.start {
    scripts = {
      ["checks/a.lua"] = daemon.check("context:gauge('a', 1)", 0.2),
      ["checks/b.lua"] = daemon.check("context:gauge('b', 1)", 0.2),
    },
    arguments = {
      "--check", "a", "--check", "b", "--check", "container_rt", "--set", "scripts.container_rt.interval_s=0.2",
    },
  }
  clock.sleep(30)
  for _, script in ipairs(agent:status().scripts) do
    say("  %-13s late by %.2f ms (p50), %.2f ms (p99), %.2f ms (max) at a load of %s", script.name, script.late_p50_ms,
      script.late_p99_ms, script.late_max_ms, load)
  end
  agent:remove()
end

say("load %s", load_average())
io.write(run(BENCH .. "budget 100"))
measure_memory()
measure_at_containers()
measure_idle()
measure_edits()
measure_lateness()
