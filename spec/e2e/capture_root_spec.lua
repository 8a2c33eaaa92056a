local cjson = require "cjson"
local lfs = require "lfs"

local files = require "spec.support.files"
local podman = require "spec.support.podman"
local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local ROOT, ANSWERS = "spec/fixtures/kubelet-1.20-cluster", "spec/fixtures/kubelet-1.20-answers"
local URL = "https://127.0.0.1:10250"

-- name, time, exit code, command, status, version, type
local function line(name, command, status, version)
  return table.concat({ name, "1.5", "0", command, status, version, "application/json", "1" }, "\t") .. "\n"
end

describe("tools/capture-root", function()
  local dir

  before_each(function()
    dir = tmpdir.new {
      ["capture/http/INDEX.tsv"] = "# name\tunix_time\n"
        .. line("pods", "curl --cacert /ca.crt " .. URL .. "/pods", "200", "2")
        .. line("stats_summary", "curl '" .. URL .. "/stats/summary'", "200", "2")
        .. line("stats_summary_after", "curl " .. URL .. "/stats/summary", "503", "1.1")
        .. line("token/pods", "curl " .. URL .. "/pods", "403", "2"),
      ["capture/http/pods.body"] = files.read(ANSWERS .. "/pods.json"),
      ["capture/http/stats_summary.body"] = files.read(ANSWERS .. "/stats_summary.json"),
      ["capture/http/stats_summary_after.body"] = "not now",
      ["capture/http/token/pods.body"] = "Forbidden",
    }
  end)

  after_each(function()
    dir:remove()
  end)

  local function capture(options)
    return podman.shell(("tools/capture-root %s %s/capture %s/root %s/answers"):format(options, dir.path, dir.path,
      dir.path))
  end

  local function link_host()
    local root = lfs.currentdir() .. "/" .. ROOT
    assert(lfs.link(root .. "/proc", dir.path .. "/capture/proc", true))
    assert(lfs.link(root .. "/sys/fs/cgroup", dir.path .. "/capture/cgroup", true))
  end

  -- Copying a whole host takes a while.
  local function write_small_host()
    dir:write {
      ["capture/proc/mounts"] = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
      ["capture/proc/version"] = "Linux version 6.1.0\n",
      ["capture/cgroup/cgroup.controllers"] = "memory\n",
    }
  end

  local function answers()
    return cjson.decode(files.read(dir.path .. "/answers/answers.json")).answers
  end

  it("makes a host and its answers", function()
    link_host()
    local output, status = capture ""
    assert.equal(0, status, output)
    assert.equal("", (podman.shell(("diff -r -x ORIGIN.md %s %s/root"):format(ROOT, dir.path))))
    local outcome = program.run {
      "inventory", "--host-root", dir.path .. "/root", "--http-answers", dir.path .. "/answers", "--source", "kubelet",
      "--set", "kubelet.url=" .. URL,
    }
    assert.equal(0, outcome.code, outcome.err)
    assert.matches("10 containers, 7 pods", outcome.out, 1, true)
  end)

  it("keeps status, version, type and order", function()
    write_small_host()
    capture ""
    local made = answers()
    assert.equal(3, #made)
    assert.same({
      url = URL .. "/stats/summary", status = 200, version = 20, body_file = "stats_summary.json",
      headers = { ["Content-Type"] = "application/json" },
    }, made[2])
    assert.same({ 503, 11, "stats_summary_after.txt" }, { made[3].status, made[3].version, made[3].body_file })
    assert.equal("not now", files.read(dir.path .. "/answers/stats_summary_after.txt"))
  end)

  it("takes the answers that are named", function()
    write_small_host()
    capture '--answers "token/pods"'
    assert.same({ 1, 403, "token_pods.txt" }, { #answers(), answers()[1].status, answers()[1].body_file })
  end)

  it("refuses an answer that was not recorded, and a folder that is not empty", function()
    write_small_host()
    local output, status = capture '--answers "nothing"'
    assert.not_equal(0, status)
    assert.matches("nothing.body is not there", output, 1, true)
    dir:write { ["answers/x"] = "" }
    output, status = capture ""
    assert.not_equal(0, status)
    assert.matches("is not empty", output, 1, true)
  end)
end)
