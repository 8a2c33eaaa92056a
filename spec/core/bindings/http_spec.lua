local moonwatch = require "moonwatch"

local tmpdir = require "spec.support.tmpdir"

local ANSWERS = "spec/fixtures/http-answers"
local URL = "https://api.example/"

describe("moonwatch.http", function()
  local http

  before_each(function()
    http = assert(moonwatch.open {
      http_answers = ANSWERS,
      credentials = { kubelet = { token_file = "/nonexistent/token" }, api = {} },
      unix_sockets = { docker = "/run/docker.sock" },
    }).http
  end)

  describe("get", function()
    it("returns what the answer has", function()
      local answer = assert(http.get(URL .. "things"))

      assert.same({
        status = 200, version = 2, retry_after_s = 90,
        headers = { ["content-type"] = "application/json", via = "one, two", ["retry-after"] = "90" },
        body = '{"things":["one","two"]}\n',
      }, answer)
    end)

    it("returns nil, a sentence and details when the status is not 2xx", function()
      local answer, message, failure = http.get(URL .. "missing")

      assert.is_nil(answer)
      assert.equal("GET " .. URL .. "missing: 404: there is no such thing; it says: no such thing", message)
      assert.same({ errno = 2, phase = "status", status = 404, said = "no such thing" }, failure)
    end)

    it("tells how long to wait", function()
      local _, _, failure = http.get(URL .. "busy")
      assert.same({ errno = 11, phase = "status", status = 429, retry_after_s = 7 }, failure)
    end)

    it("has no status where no answer came", function()
      local _, message, failure = http.get(URL .. "slow")
      assert.matches("no answer in time", message)
      assert.same({ errno = 110, phase = "send" }, failure)
    end)

    it("follows redirects when asked to", function()
      local _, message = http.get(URL .. "moved")
      assert.matches("307: it redirects to https://api.example/things, which is not followed", message, 1, true)
      assert.equal(200, assert(http.get(URL .. "moved", { redirects_max = 1 })).status)
    end)

    it("stops at a body that is larger than it may be", function()
      local _, message, failure = http.get(URL .. "things", { body_max_bytes = 10 })
      assert.matches("the answer is larger than the limit of 10 bytes", message)
      assert.equal(90, failure.errno)
      assert.equal("body", failure.phase)
    end)

    it("reads credentials by their name", function()
      local _, message, failure = http.get(URL .. "things", { credentials = "kubelet" })
      assert.matches("token_file: cannot open /nonexistent/token", message)
      assert.same({ errno = 2, phase = "request" }, failure)
      assert.equal(200, assert(http.get(URL .. "things", { credentials = "api" })).status)
    end)

    it("refuses a URL with a password, and does not repeat it", function()
      local _, message = http.get "https://me:hush@api.example/"
      assert.matches("a user or a password in it", message)
      assert.not_matches("hush", message)
    end)

    it("refuses headers that would be more than one", function()
      local _, message, failure = http.get(URL .. "things", { headers = { A = "b\r\nC: d" } })
      assert.matches('the header "A" has a byte that cannot be sent', message)
      assert.equal("request", failure.phase)
    end)
  end)

  it("posts a body", function()
    local headers = { ["Content-Type"] = "application/json" }
    assert.equal(202, assert(http.post(URL .. "things", "{}", { headers = headers })).status)
  end)

  it("asks with any method", function()
    assert.equal(204, assert(http.request("PUT", URL .. "things", { body = "x" })).status)
    assert.equal("", assert(http.request("PUT", URL .. "things")).body)
  end)

  describe("raises when it is used wrongly:", function()
    for what, case in pairs {
      ["no URL"] = { "get", {}, "string expected" },
      ["a URL with a NUL byte"] = { "get", { "http://a\0b" }, "NUL byte" },
      ["options that are none"] = { "get", { URL, 5 }, "table expected" },
      ["an option that is misspelt"] = { "get", { URL, { timeout = 5 } },
        "there is no option timeout; did you mean timeout_s" },
      ["an option that nobody knows"] = { "get", { URL, { proxy = "x" } }, "there is no option proxy" },
      ["a list of options"] = { "get", { URL, { 5 } }, "there is no option a list" },
      ["a time that is a text"] = { "get", { URL, { timeout_s = "5" } }, "timeout_s is not a number from" },
      ["a time that is not a number"] = { "get", { URL, { timeout_s = 0 / 0 } }, "timeout_s is not a number from" },
      ["no time at all"] = { "get", { URL, { timeout_s = 0 } }, "timeout_s is not a number from" },
      ["a ceiling over the ceiling"] = { "get", { URL, { body_max_bytes = 1e9 } }, "body_max_bytes is not a number" },
      ["unknown credentials"] = { "get", { URL, { credentials = "kublet" } },
        'no credentials are named "kublet"; there are: ' },
      ["a path for credentials"] = { "get", { URL, { credentials = { token_file = "/x" } } },
        "credentials is a table" },
      ["an unknown socket"] = { "get", { URL, { unix_socket = "/run/x" } },
        'no unix socket is named "/run/x"; there are: docker' },
      ["headers that are a text"] = { "get", { URL, { headers = "A: b" } }, "headers is a string, not a table" },
      ["a list of headers"] = { "get", { URL, { headers = { "A: b" } } }, "headers are names with a text each" },
      ["a body for GET"] = { "get", { URL, { body = "x" } }, "a GET has no body" },
      ["two bodies"] = { "post", { URL, "x", { body = "x" } }, "the body is the second argument" },
      ["no body to post"] = { "post", { URL }, "string expected" },
      ["a body that is a table"] = { "request", { "PUT", URL, { body = {} } }, "the body is not a string" },
    } do
      it(what, function()
        local ok, message = pcall(http[case[1]], unpack(case[2], 1, 3))
        assert.is_false(ok)
        assert.matches(case[3], message, 1, true)
      end)
    end

    it("more headers than there may be", function()
      local headers = {}
      for i = 1, 65 do
        headers["X-" .. i] = "y"
      end
      assert.error_matches(function() http.get(URL, { headers = headers }) end, "more than 64 headers")
    end)
  end)

  it("needs no names to be open", function()
    local plain = assert(moonwatch.open {}).http
    assert.error_matches(function() plain.get(URL, { credentials = "x" }) end,
      'no credentials are named "x"; none have a name here', 1, true)
    assert.error_matches(function() plain.get(URL, { unix_socket = "x" }) end,
      'no unix socket is named "x"; none has a name here', 1, true)
  end)

  it("says what is wrong with recorded answers when the first is wanted", function()
    local dir = tmpdir.new { ["answers.json"] = '{"answers": [{"url": 5}]}' }
    finally(function() dir:remove() end)

    local _, message, failure = assert(moonwatch.open { http_answers = dir.path }).http.get(URL)
    assert.matches("answer 1: url: not such a number", message)
    assert.equal("request", failure.phase)
  end)

  describe("open", function()
    for what, case in pairs {
      ["a key that credentials have not"] = { { credentials = { a = { token = "x" } } }, "credentials have ca_file" },
      ["a name with a dot"] = { { credentials = { ["a.b"] = { token_file = "x" } } }, "a name has 1 to 64 letters" },
      ["a path that is a number"] = { { credentials = { a = { token_file = 5 } } }, "token_file is a number" },
      ["an empty path"] = { { credentials = { a = { token_file = "" } } }, "token_file is empty" },
      ["credentials that are a text"] = { { credentials = { a = "x" } }, "credentials a is a string, not a table" },
      ["a socket that is not absolute"] = { { unix_sockets = { a = "x.sock" } }, "begins with /" },
      ["sockets that are a text"] = { { unix_sockets = "/x" }, "unix_sockets is a string, not a table" },
      ["a folder that is a number"] = { { http_answers = 5 }, "http_answers is a number, not a string" },
      ["verification that is neither"] = { { credentials = { a = { insecure_skip_verify = "maybe" } } },
        "insecure_skip_verify is true or false" },
    } do
      it("refuses " .. what, function()
        local ok, message = pcall(moonwatch.open, case[1])
        assert.is_false(ok)
        assert.matches(case[2], message, 1, true)
      end)
    end
  end)
end)
