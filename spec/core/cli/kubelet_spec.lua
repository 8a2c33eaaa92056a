--- The kubelet in the commands that look at containers: settings, environment, warnings, stale lists.
local cjson = require "cjson"

local program = require "spec.support.program"
local tmpdir = require "spec.support.tmpdir"

local URL = "https://127.0.0.1:10250"
local ANSWERS = "spec/fixtures/kubelet-1.20-answers"
local ROOT = "spec/fixtures/kubelet-1.20-cluster"
local SERVER = "c8ce59ba2afb0467e6e9c252d5ec9fe9a2a94d640977965bf9012732d0f357cc"
local PAUSE = "3b6c1c3669d15c3903dbbf71456d9d3fa72cc0b48998b450a43660059eadb890"

-- A check that emits which containers there are, and which are stale.
local STATES = [[
local inventory = require "moonwatch.inventory"
local M = { api = 1 }
function M.run(context)
  local states = {}
  for _, container in ipairs(inventory.containers()) do
    states[container.id] = container.stale and "stale" or "fresh"
  end
  context:emit("states", { states = states })
end
return M]]

local POD = [[{ "metadata": { "uid": "%s", "name": "%s" }, "status": { "phase": "Running", "containerStatuses": [
  { "name": "c", "containerID": "containerd://%s", "state": { "running": {} } } ] } }]]

local function pod(id)
  return POD:format("uid-" .. id, "pod-" .. id, id)
end

local function answer(text, url)
  return ([[{ "url": "%s/pods", %s }]]):format(url or URL, text)
end

local function list_of(...)
  local pods = {}
  for i, id in ipairs { ... } do
    pods[i] = pod(id)
  end
  local body = cjson.encode('{ "items": [' .. table.concat(pods, ",") .. "] }")
  return answer('"status": 200, "body": ' .. body)
end

describe("with a kubelet,", function()
  local dir

  before_each(function()
    dir = tmpdir.new { ["states.lua"] = STATES }
  end)

  after_each(function()
    dir:remove()
  end)

  local function record(...)
    dir:write { ["answers.json"] = '{"answers": [' .. table.concat({ ... }, ",") .. "]}" }
    return dir.path
  end

  local function run(call)
    for _, word in ipairs { "--host-root", ROOT } do
      table.insert(call, word)
    end
    call.env = call.env or {}
    call.env.NODE_IP, call.env.NODE_NAME = call.env.NODE_IP or "", call.env.NODE_NAME or ""
    return program.run(call)
  end

  local function inventory(...)
    return run { "inventory", "--source", "kubelet", ... }
  end

  describe("moonwatch inventory", function()
    it("lists the pods and containers of the recorded node", function()
      local outcome = inventory("--set", "kubelet.url=" .. URL, "--http-answers", ANSWERS)
      assert.same({ 0, "" }, { outcome.code, outcome.err })
      assert.matches("c8ce59ba2afb  containerd  running  server   docker.io/library/busybox:1.35  shop/web",
        outcome.out)
      assert.matches("822826901985  containerd  stopped  prepare", outcome.out, 1, true)
      assert.matches("10 containers, 7 pods\n", outcome.out, 1, true)
    end)

    it("merges what cgroups and kubelet say, by the container's id", function()
      local outcome = run {
        "inventory", "--source", "cgroup", "--source", "kubelet", "--set", "kubelet.url=" .. URL, "--http-answers",
        ANSWERS, "--format", "json",
      }
      local by_id = {}
      for _, container in ipairs(cjson.decode(outcome.out).containers) do
        by_id[container.id] = container
      end
      assert.same({ "kubelet", "cgroup" }, by_id[SERVER].sources)
      assert.equal("server", by_id[SERVER].name)
      assert.same({ "cgroup" }, by_id[PAUSE].sources)
      assert.equal("62196a9d-ecf1-4192-957c-657ea737e6b1", by_id[PAUSE].pod_uid)
    end)

    it("takes the node's address of the environment", function()
      record(answer('"status": 200, "body": "{\\"items\\": []}"', "https://[fd00::7]:10250"))
      local outcome = run {
        "inventory", "--source", "kubelet", "--http-answers", dir.path, env = { NODE_IP = "fd00::7" },
      }
      assert.same({ 3, "moonwatch: no container is known\n" }, { outcome.code, outcome.err })
    end)

    it("takes the node's name of the environment, unless a setting says otherwise", function()
      record(answer('"status": 200, "body": "{\\"items\\": []}"', "https://other:10250"))
      local outcome = run {
        "inventory", "--source", "kubelet", "--http-answers", dir.path, "--set", "kubelet.node_name=other",
        env = { NODE_NAME = "node-1" },
      }
      assert.equal(3, outcome.code)
    end)

    it("says what to set when nothing tells where the kubelet is", function()
      local outcome = inventory()
      assert.equal(1, outcome.code)
      assert.matches("set kubelet.url, or NODE_IP or NODE_NAME in the environment", outcome.err, 1, true)
    end)

    it("says which right is missing", function()
      record(answer [["status": 403, "body": "Forbidden (user=jane, verb=get, resource=nodes, subresource=proxy)"]])
      local outcome = inventory("--set", "kubelet.url=" .. URL, "--http-answers", dir.path)
      assert.equal(1, outcome.code)
      assert.matches('{apiGroups: [""], resources: [nodes/proxy], verbs: [get]}', outcome.err, 1, true)
      assert.matches("also allows running commands in containers", outcome.err, 1, true)
    end)
  end)

  describe("settings", function()
    for text, says in pairs {
      ["kubelet.ulr=x"] = "there is no setting kubelet.ulr; did you mean kubelet.url?",
      ["kubelet.tokenfile=x"] = "did you mean kubelet.token_file?",
      ["kubelet.nonsense=x"] = "there are: url, node_ip",
      ["kublet.url=x"] = "there is no setting kublet.url; did you mean kubelet.url?",
      ["docker.url=x"] = "those with a dot begin with kubelet.",
      ["kubelet.url"] = "is not of the form KEY=VALUE",
      ["kubelet.allow_http=yes"] = "kubelet.allow_http=yes is neither true nor false",
      ["kubelet.timeout_s=soon"] = "is not a number of seconds",
    } do
      it(("refuse %s in every command"):format(text), function()
        for _, command in ipairs {
          { "inventory" }, { "stats", "x" }, { "filter", "explain" }, { "check", "container" }, { "doctor" },
        } do
          table.insert(command, "--set")
          table.insert(command, text)
          local outcome = program.run(command)
          assert.equal(2, outcome.code)
          assert.matches(says, outcome.err, 1, true)
        end
      end)
    end

    it("of the check stay the check's", function()
      local outcome = program.run { "check", "container", "--set", "kubelet=x", "--host-root", ROOT }
      assert.equal(2, outcome.code)
      assert.matches("kubelet", outcome.err, 1, true)
    end)

    it("are all that an inventory has", function()
      local outcome = program.run { "inventory", "--set", "format=json" }
      assert.equal(2, outcome.code)
      assert.matches("inventory has no options", outcome.err, 1, true)
    end)

    it("that are wrong are said by the source", function()
      assert.matches('the node\'s address "10.0.0" is no IP address',
        inventory("--set", "kubelet.node_ip=10.0.0").err, 1, true)
      assert.matches("is plain http", inventory("--set", "kubelet.url=http://127.0.0.1:10255").err, 1, true)
    end)
  end)

  describe("a warning comes with each start", function()
    local function warnings_of(...)
      return inventory("--set", "kubelet.url=" .. URL, "--http-answers", ANSWERS, ...).err
    end

    it("for insecure_skip_verify", function()
      assert.matches("warning: kubelet.insecure_skip_verify=true", warnings_of("--set",
        "kubelet.insecure_skip_verify=true"), 1, true)
      assert.equal("", warnings_of("--set", "kubelet.insecure_skip_verify=false"))
    end)

    it("for allow_http where there is a token", function()
      dir:write { token = "secret" }
      local token = "kubelet.token_file=" .. dir.path .. "/token"
      local said = warnings_of("--set", "kubelet.allow_http=true", "--set", token)
      assert.matches("warning: kubelet.allow_http=true", said, 1, true)
      assert.not_matches("secret", said, 1, true)
    end)
  end)

  describe("a check", function()
    local function states(count, ...)
      record(...)
      local outcome = run {
        "check", dir.path .. "/states.lua", "--source", "kubelet", "--set", "kubelet.url=" .. URL, "--http-answers",
        dir.path, "--interval", "0.01", "--count", tostring(count), "--format", "json",
      }
      local emitted = {}
      for line in outcome.out:gmatch "[^\n]+" do
        table.insert(emitted, cjson.decode(line).states)
      end
      return emitted, outcome
    end

    it("keeps the last list, as stale, while the kubelet does not answer", function()
      local emitted, outcome = states(2, list_of("aa", "bb"), answer '"fails": "refused"')
      assert.same({ { aa = "stale", bb = "stale" }, { aa = "stale", bb = "stale" } }, emitted)
      assert.equal(1, outcome.code)
      assert.matches("GET https://127.0.0.1:10250/pods", outcome.err, 1, true)
    end)

    it("keeps the last list while a kubelet that just started knows no pods", function()
      local emitted = states(1, list_of "aa", answer [["status": 200, "body": "{\"items\": null}"]])
      assert.same({ { aa = "stale" } }, emitted)
    end)

    it("forgets a pod that is gone", function()
      local emitted, outcome = states(2, list_of("aa", "bb"), list_of "bb", list_of("bb", "cc"))
      assert.same({ { bb = "fresh" }, { bb = "fresh", cc = "fresh" } }, emitted)
      assert.equal(0, outcome.code)
    end)
  end)
end)

describe("moonwatch doctor, of a kubelet,", function()
  local dir

  before_each(function()
    dir = tmpdir.new()
  end)

  after_each(function()
    dir:remove()
  end)

  local function doctor(answers, ...)
    dir:write { ["answers.json"] = '{"answers": [' .. answers .. "]}" }
    local outcome = program.run {
      "doctor", "--format", "json", "--host-root", ROOT, "--http-answers", dir.path, "--set", "kubelet.url=" .. URL,
      env = { NODE_IP = "", NODE_NAME = "" }, ...,
    }
    local by_check = {}
    for _, finding in ipairs(cjson.decode(outcome.out)) do
      by_check[finding.check] = finding
    end
    return by_check, outcome.code
  end

  local function reply(path, rest)
    return ([[{ "url": "%s%s", %s }]]):format(URL, path, rest)
  end

  local function forbidden(path, wanted)
    local body = ("Forbidden (user=jane, verb=get, resource=nodes, %s)"):format(wanted)
    return reply(path, ('"status": 403, "body": "%s"'):format(body))
  end

  local OK_PODS, OK_STATS = reply("/pods", '"status": 200, "body": ""'), reply("/stats/summary", '"status": 200')
  local OK_METRICS = reply("/metrics/cadvisor", '"status": 200')

  it("finds nothing wrong where all rights are there", function()
    local found = doctor(table.concat({ OK_PODS, OK_STATS, OK_METRICS }, ","))
    for _, check in ipairs { "kubelet", "kubelet identity", "kubelet pods", "kubelet stats", "kubelet metrics" } do
      assert.equal("ok", found[check].status, check)
    end
    assert.matches("answers at https://127.0.0.1:10250", found.kubelet.found, 1, true)
    assert.matches("neither token nor certificate", found["kubelet identity"].found, 1, true)
  end)

  it("names the token", function()
    dir:write { token = "secret" }
    local found = doctor(OK_PODS, "--set", "kubelet.token_file=" .. dir.path .. "/token")
    assert.matches("the token in " .. dir.path, found["kubelet identity"].found, 1, true)
  end)

  it("tells which right opens the pods of an old kubelet, and what else it allows", function()
    local found, code = doctor(table.concat({ forbidden("/pods", "subresource=proxy"), OK_STATS, OK_METRICS }, ","))
    local finding = found["kubelet pods"]
    assert.equal("warn", finding.status)
    assert.matches('- {apiGroups: [""], resources: [nodes/proxy], verbs: [get]}', finding.cure, 1, true)
    assert.matches("also allows running commands in containers", finding.cure, 1, true)
    assert.matches("user=jane", finding.found, 1, true)
    assert.equal("kube_namespace", finding.costs[1])
    assert.equal(1, code)
  end)

  it("tells which right opens the pods of a new one", function()
    local found = doctor(forbidden("/pods", "subresource(s)=[pods proxy]"))
    assert.matches('- {apiGroups: [""], resources: [nodes/pods], verbs: [get]}', found["kubelet pods"].cure, 1, true)
  end)

  it("tells what the summary and metrics want, and that cgroups give the numbers", function()
    local found = doctor(table.concat({
      OK_PODS, forbidden("/stats/summary", "subresource=stats"), forbidden("/metrics/cadvisor", "subresource=metrics"),
    }, ","))
    assert.equal("info", found["kubelet stats"].status)
    assert.matches("resources: [nodes/stats]", found["kubelet stats"].cure, 1, true)
    assert.matches("cgroups give the same here", found["kubelet stats"].found, 1, true)
    assert.equal("info", found["kubelet metrics"].status)
    assert.matches("resources: [nodes/metrics]", found["kubelet metrics"].cure, 1, true)
  end)

  it("stops at an identity that is refused", function()
    local found = doctor(reply("/pods", '"status": 401, "body": "Unauthorized"'))
    assert.equal("warn", found["kubelet identity"].status)
    assert.matches("kubelet.token_file", found["kubelet identity"].cure, 1, true)
    assert.is_nil(found["kubelet pods"])
  end)

  it("stops where nobody answers", function()
    local found = doctor(reply("/pods", '"fails": "refused"'))
    assert.equal("warn", found.kubelet.status)
    assert.matches("kubelet.url=https://ADDRESS:10250", found.kubelet.cure, 1, true)
    assert.is_nil(found["kubelet identity"])
  end)

  it("tells of a certificate that is not believed", function()
    local found = doctor(reply("/pods", '"fails": "untrusted"'))
    assert.equal("warn", found.kubelet.status)
    assert.matches("kubelet.ca_file", found.kubelet.cure, 1, true)
  end)

  it("says nothing where nothing tells of one", function()
    local outcome = program.run {
      "doctor", "--format", "json", "--host-root", ROOT, env = { NODE_IP = "", NODE_NAME = "" },
    }
    assert.not_matches('"kubelet', outcome.out, 1, true)
  end)

  it("finds one by the environment", function()
    local outcome = program.run {
      "doctor", "--format", "json", "--host-root", ROOT, env = { NODE_IP = "bad", NODE_NAME = "" },
    }
    assert.matches("is no IP address", outcome.out, 1, true)
  end)
end)
