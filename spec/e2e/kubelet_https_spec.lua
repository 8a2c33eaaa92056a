--- A kubelet's recorded answers from a real web server: HTTP/2, and HTTP/1.1 in chunks, packed, as
--- kubelets send them; with a token, and with the certificate of a client.
local cjson = require "cjson"

local files = require "spec.support.files"
local nginx = require "spec.support.nginx"
local program = require "spec.support.program"

local ROOT, ANSWERS = "spec/fixtures/kubelet-1.20-cluster", "spec/fixtures/kubelet-1.20-answers"
local RUNNING = 9 -- containers of that node

describe("moonwatch and a kubelet over HTTPS", function()
  local server

  local lacks = nginx.lacks()
  if lacks then
    pending(lacks)
    return
  end

  setup(function()
    server = nginx.start {
      ["pods.json"] = files.read(ANSWERS .. "/pods.json"),
      ["stats_summary.json"] = files.read(ANSWERS .. "/stats_summary.json"),
    }
    server.dir:write { token = "right-token\n", ["wrong-token"] = "wrong-token\n" }
  end)

  teardown(function()
    server:stop()
  end)

  --- The arguments of a command, with the settings of a kubelet.
  local function call(command, name, settings)
    local arguments = {}
    for word in command:gmatch "%S+" do
      table.insert(arguments, word)
    end
    local given = { url = server:url(name, ""), ca_file = server:file "ca.crt", token_file = server:file "token" }
    for key, value in pairs(settings or {}) do
      given[key] = value or nil
    end
    for key, value in pairs(given) do
      table.insert(arguments, "--set")
      table.insert(arguments, ("kubelet.%s=%s"):format(key, value))
    end
    return arguments
  end

  local function inventory(name, settings)
    return program.run(call("inventory --source kubelet --format json --host-root " .. ROOT, name, settings))
  end

  local function names_of(outcome)
    local count = 0
    for _, container in ipairs(cjson.decode(outcome.out).containers) do
      count = count + (container.name and container.state == "running" and 1 or 0)
    end
    return count
  end

  for name, protocol in pairs { https = "HTTP/2.0", http11 = "HTTP/1.1" } do
    it("gives the pods over " .. protocol, function()
      local before = server:count "/pods"
      local outcome = inventory(name)
      assert.equal(0, outcome.code, outcome.err)
      assert.equal(RUNNING, names_of(outcome))
      local served = server:served_once("/pods", function(requests) return #requests > before end)
      assert.equal(protocol, served[#served].protocol)
    end)
  end

  it("knows who asks by the certificate of a client", function()
    local client = { cert_file = server:file "client.crt", key_file = server:file "client.key" }
    local outcome = inventory("client_cert", client)
    assert.equal(0, outcome.code, outcome.err)
    assert.equal(RUNNING, names_of(outcome))
    assert.not_equal(0, inventory("client_cert").code)
  end)

  it("shows every container in a check, with its pod and its numbers", function()
    local outcome = program.run(call(
      "check container --source cgroup --source kubelet --interval 0.01 --format json --host-root " .. ROOT, "https"))
    assert.equal(0, outcome.code, outcome.err)
    local seen = 0
    for line in outcome.out:gmatch "[^\n]+" do
      for _, item in ipairs(cjson.decode(line).containers or {}) do
        local tags = "\n" .. table.concat(item.tags, "\n") .. "\n"
        for _, tag in ipairs { "kube_namespace:", "pod_name:", "kube_container_name:", "image_name:" } do
          assert.matches("\n" .. tag .. "%S", tags)
        end
        assert.is_true(item.memUsage > 0 and item.threadCount > 0)
        seen = seen + 1
      end
    end
    assert.equal(RUNNING, seen)
  end)

  it("asks for the pod list once in a run, and for no numbers where cgroups have them", function()
    local pods, summaries = server:count "/pods", server:count "/stats/summary"
    program.run(call(
      "check container_rt --source cgroup --source kubelet --interval 0.01 --count 3 --host-root " .. ROOT, "https"))
    server:served_once("/pods", function(requests) return #requests == pods + 4 end) -- a silent run comes first
    assert.equal(summaries, server:count "/stats/summary")
  end)

  it("says what is the matter with token and certificate, and goes on without names", function()
    for reason, settings in pairs {
      ["401: the kubelet refuses the token in .*wrong%-token"] = { token_file = server:file "wrong-token" },
      ["token_file: cannot open .*missing: No such file"] = { token_file = server:file "missing" },
      ["is not signed by .*other_ca%.crt"] = { ca_file = server:file "other_ca.crt" },
    } do
      local outcome = inventory("https", settings)
      assert.not_equal(0, outcome.code)
      assert.matches(reason, outcome.err)
    end
    local outcome = program.run(call(
      "check container_rt --source cgroup --source kubelet --interval 0.01 --format json --host-root " .. ROOT, "https",
      { token_file = server:file "wrong-token" }))
    assert.matches("401: the kubelet refuses the token in .*wrong%-token", outcome.err)
    assert.is_true(#cjson.decode(outcome.out).stats >= RUNNING)
  end)

  it("is explained by doctor, step by step", function()
    local found = {}
    local outcome = program.run(call("doctor --format json --host-root " .. ROOT, "https"))
    for _, finding in ipairs(cjson.decode(outcome.out)) do
      found[finding.check] = finding
    end
    assert.equal("ok", found["kubelet"].status)
    assert.equal("ok", found["kubelet TLS"].status)
    assert.equal("ok", found["kubelet pods"].status)
    assert.equal("ok", found["kubelet stats"].status)
    assert.matches("nodes/metrics", found["kubelet metrics"].cure, 1, true)
  end)
end)
