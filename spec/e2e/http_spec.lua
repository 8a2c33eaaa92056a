--- Requests to a real web server: nginx with certificates made here, TLS, HTTP/2, unix sockets.
local moonwatch = require "moonwatch"

local nginx = require "spec.support.nginx"

local PACKED = ("so much of the same\n"):rep(5000)
local LARGE = ("0123456789abcdef"):rep(2 ^ 16) -- 1 MiB

-- errno of Linux
local EAGAIN, ENOENT, EACCES, EPROTO, EBADMSG, EMSGSIZE = 11, 2, 13, 71, 74, 90
local ECONNREFUSED = 111

describe("requests to a web server", function()
  local server, http

  local lacks = nginx.lacks()
  if lacks then
    pending(lacks)
    return
  end

  setup(function()
    server = nginx.start { ["packed.txt"] = PACKED, ["large.txt"] = LARGE }
  end)

  teardown(function()
    server:stop()
  end)

  before_each(function()
    local ca_file = server:file "ca.crt"
    server.dir:write { token = "right-token\n" }
    http = assert(moonwatch.open {
      credentials = {
        ca = { ca_file = ca_file },
        token = { ca_file = ca_file, token_file = server:file "token" },
        client = { ca_file = ca_file, cert_file = server:file "client.crt", key_file = server:file "client.key" },
        stranger = { ca_file = ca_file, cert_file = server:file "other_client.crt",
          key_file = server:file "other_client.key" },
        mixed = { ca_file = ca_file, cert_file = server:file "client.crt", key_file = server:file "https.key" },
        anybody = { insecure_skip_verify = true },
        system = {},
      },
      unix_sockets = { nginx = server.socket, none = server:file "none.sock", file = server:file "ca.crt" },
    }).http
  end)

  local function get(name, path, options)
    options = options or {}
    options.credentials = options.credentials or "ca"
    return http.get(server:url(name, path), options)
  end

  --- A request that fails: its text without the URL, and its details.
  local function failure_of(name, path, options)
    local answer, message, failure = get(name, path, options)
    assert.is_nil(answer)
    local start = "GET " .. server:url(name, path) .. ": "
    assert.equal(start, message:sub(1, #start))
    return message:sub(#start + 1), failure
  end

  describe("over TLS", function()
    it("speak HTTP/2 to a server that is verified", function()
      local answer = assert(get "https")
      assert.equal("hello over HTTP/2.0", answer.body)
      assert.equal(2, answer.version)
      assert.equal("text/plain", answer.headers["content-type"])
    end)

    it("believe names as well as addresses", function()
      assert(http.get(("https://localhost:%d/"):format(server.ports.https), { credentials = "ca" }))
    end)

    for name, reason in pairs {
      expired = "the certificate of the server has expired",
      self_signed = "the certificate of the server is its own, and is not signed by .*/ca.crt",
      wrong_host = "the certificate of the server is not for 127.0.0.1 (SSL: no alternative",
      unknown_ca = "the certificate of the server is not signed by .*/ca.crt",
    } do
      it("refuse a server whose certificate is " .. name, function()
        local message, failure = failure_of(name)
        assert.matches(reason:gsub("%(", "%%("), message)
        assert.same({ errno = EACCES, phase = "tls" }, failure)
      end)

      it("believe it when told to believe anybody: " .. name, function()
        assert.equal("hello over HTTP/2.0", assert(get(name, "/", { credentials = "anybody" })).body)
      end)
    end

    it("believe the system's authorities where no others are given", function()
      local message, failure = failure_of("https", "/", { credentials = "system" })
      assert.equal("the certificate of the server is not signed by an authority that this system believes: "
        .. "give the right one as ca_file", message)
      assert.equal("tls", failure.phase)
    end)

    it("do not take a connection of somebody who believes anybody", function()
      assert(get("unknown_ca", "/", { credentials = "anybody" }))
      local _, failure = failure_of("unknown_ca", "/", { credentials = "ca" })
      assert.equal("tls", failure.phase)
    end)

    it("say so when the other side does not speak it", function()
      local url = ("https://127.0.0.1:%d/"):format(server.ports.http)
      local answer, message, failure = http.get(url, { credentials = "ca" })
      assert.is_nil(answer)
      assert.matches("the TLS handshake fails; is it https that it speaks%?", message)
      assert.same({ errno = EPROTO, phase = "tls" }, failure)
    end)

    it("read an authority anew when its file was replaced", function()
      local ca_file = server:file "rotated.crt"
      os.execute(("cp %s %s"):format(server:file "other_ca.crt", ca_file))
      local client = assert(moonwatch.open { credentials = { rotated = { ca_file = ca_file } } }).http
      assert.is_nil(client.get(server:url "https", { credentials = "rotated" }))
      os.execute(("cp %s %s.new && mv %s.new %s"):format(server:file "ca.crt", ca_file, ca_file, ca_file))
      assert(client.get(server:url "https", { credentials = "rotated" }))
      -- the connection that the old one has opened is not used for the new one, nor the other way round
      os.execute(("cp %s %s.new && mv %s.new %s"):format(server:file "other_ca.crt", ca_file, ca_file, ca_file))
      assert.is_nil(client.get(server:url "https", { credentials = "rotated" }))
    end)

    it("say so when a file holds no certificate that can be used", function()
      server.dir:write { ["bad.crt"] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" }
      local client = assert(moonwatch.open { credentials = { bad = { ca_file = server:file "bad.crt" } } }).http
      local _, message, failure = client.get(server:url "https", { credentials = "bad" })
      assert.matches("cannot use the authorities in .*/bad.crt", message)
      assert.same({ errno = EBADMSG, phase = "request" }, failure)
    end)
  end)

  describe("with a client's certificate", function()
    it("are let in", function()
      assert.equal("hello over HTTP/2.0", assert(get("client_cert", "/", { credentials = "client" })).body)
    end)

    it("are let in by a server that ends the handshake with anybody else", function()
      assert(get("alert", "/", { credentials = "client" }))
      local message, failure = failure_of("alert", "/")
      assert.matches("perhaps it wants a certificate %(cert_file and key_file%)", message)
      assert.same({ errno = EACCES, phase = "tls" }, failure)
      message, failure = failure_of("alert", "/", { credentials = "stranger" })
      assert.matches("it refuses the certificate in .*/other_client.crt", message)
      assert.same({ errno = EACCES, phase = "tls" }, failure)
    end)

    it("hear what the server says of one that is missing or of somebody else", function()
      local message, failure = failure_of("client_cert", "/")
      assert.matches("400; it says: .*No required SSL certificate was sent", message)
      assert.equal(400, failure.status)
      assert.matches("The SSL certificate error", (failure_of("client_cert", "/", { credentials = "stranger" })))
    end)

    it("say so when the key is not that of the certificate", function()
      local message, failure = failure_of("client_cert", "/", { credentials = "mixed" })
      assert.matches("cannot use the certificate in .*/client.crt with the key in .*/https.key", message)
      assert.same({ errno = EBADMSG, phase = "request" }, failure)
    end)
  end)

  describe("with a token", function()
    it("are let in", function()
      assert.equal("welcome", assert(get("https", "/token", { credentials = "token" })).body)
    end)

    it("say which file's token is refused, and take the next one without a restart", function()
      server.dir:write { token = "wrong-token" }
      local message, failure = failure_of("https", "/token", { credentials = "token" })
      assert.matches("401: the token in .*/token is refused: is it of this server, and still valid%?", message)
      assert.not_matches("wrong%-token", message)
      assert.same({ errno = EACCES, phase = "status", status = 401, said = "who are you?" }, failure)

      server.dir:write { token = "right-token" }
      assert.equal("welcome", assert(get("https", "/token", { credentials = "token" })).body)
    end)

    it("say what is missing where there is none", function()
      assert.matches("401: it wants to know who asks: give a token_file", (failure_of("https", "/token")))
    end)

    it("do not show it to a server that is not verified, nor send it in the clear", function()
      local _, failure = failure_of("unknown_ca", "/authorization", { credentials = "token" })
      assert.equal("tls", failure.phase)
      assert.equal("<>", assert(get("http", "/authorization", { credentials = "token" })).body)
      assert.equal("<Bearer right-token>", assert(get("https", "/authorization", { credentials = "token" })).body)
    end)

    it("give way to what a script says itself", function()
      local options = { credentials = "token", headers = { Authorization = "Basic eDp5" } }
      assert.equal("<Basic eDp5>", assert(get("https", "/authorization", options)).body)
    end)
  end)

  describe("over a unix socket", function()
    it("go where the socket leads, whatever the host is called", function()
      assert.equal("hello over HTTP/1.1", assert(http.get("http://docker/", { unix_socket = "nginx" })).body)
      local options = { unix_socket = "nginx", credentials = "token" }
      assert.equal("welcome", assert(http.get("http://docker/token", options)).body)
    end)

    it("name the socket that is not there", function()
      local _, message, failure = http.get("http://docker/", { unix_socket = "none" })
      assert.equal(("GET http://docker/ on %s: cannot connect to %s: No such file or directory")
        :format(server:file "none.sock", server:file "none.sock"), message)
      assert.same({ errno = ENOENT, phase = "connect" }, failure)
    end)

    it("name the file that is none", function()
      local _, message, failure = http.get("http://docker/", { unix_socket = "file" })
      assert.matches("cannot connect to .*/ca.crt: Connection refused", message)
      assert.same({ errno = ECONNREFUSED, phase = "connect" }, failure)
    end)
  end)

  it("unpack what comes packed, in HTTP/1.1 and HTTP/2", function()
    for _, name in ipairs { "http", "https" } do
      local answer = assert(get(name, "/packed.txt"))
      assert.equal(PACKED, answer.body)
      assert.equal("gzip", answer.headers["content-encoding"])
      assert.equal(name == "http" and "chunked" or nil, answer.headers["transfer-encoding"])
    end
  end)

  it("count what was unpacked, not what came", function()
    local message, failure = failure_of("https", "/packed.txt", { body_max_bytes = 50000 })
    assert.equal("the answer is larger than the limit of 50000 bytes", message)
    assert.equal(EMSGSIZE, failure.errno)
    assert.equal(PACKED, assert(get("https", "/packed.txt", { body_max_bytes = #PACKED })).body)
  end)

  it("take large bodies, up to their limit", function()
    assert.equal(LARGE, assert(get("https", "/large.txt")).body)
    assert.equal("the answer is larger than the limit of 512 KiB",
      (failure_of("http", "/large.txt", { body_max_bytes = 2 ^ 19 })))
  end)

  it("stop at headers that are too large", function()
    local message, failure = failure_of("http", "/headers")
    assert.equal("the header of the answer is larger than the limit of 64 KiB", message)
    assert.equal(EMSGSIZE, failure.errno)
  end)

  for status, expected in pairs {
    [404] = { ENOENT, "404: there is no such thing; it says: gone fishing", said = "gone fishing" },
    [429] = { EAGAIN, "429: too many requests; it asks to wait 17 s; it says: slow down", said = "slow down",
      retry_after_s = 17 },
    [500] = { EPROTO, "500: it failed; it says: oops", said = "oops" },
  } do
    it("explain status " .. status, function()
      local message, failure = failure_of("https", "/" .. status)
      assert.equal(expected[2], message)
      assert.same({ errno = expected[1], phase = "status", status = status, said = expected.said,
        retry_after_s = expected.retry_after_s }, failure)
    end)
  end

  it("explain status 503, whatever its page looks like", function()
    local message, failure = failure_of("https", "/503")
    assert.matches("^503: it cannot answer now; it says: <html>", message)
    assert.equal(EAGAIN, failure.errno)
  end)

  describe("that are redirected", function()
    it("stay where they are unless told otherwise", function()
      local message, failure = failure_of("https", "/same")
      assert.matches("^302: it redirects to https://127.0.0.1:%d+/, which is not followed", message)
      assert.equal(302, failure.status)
      assert.equal("hello over HTTP/2.0", assert(get("https", "/same", { redirects_max = 1 })).body)
    end)

    it("never go to another server", function()
      assert.matches("^302: it redirects to https://127.0.0.1:1/elsewhere, which is another server: not followed",
        (failure_of("https", "/other", { redirects_max = 5 })))
    end)
  end)

  describe("of other kinds", function()
    it("post what they are given", function()
      local options = { credentials = "ca", headers = { ["Content-Type"] = "application/json" } }
      local answer = assert(http.post(server:url("https", "/method"), "{}", options))
      assert.equal("POST <application/json> <2> <>", answer.body)
      assert.equal("POST <> <0> <>", assert(http.post(server:url("http", "/method"), "")).body)
    end)

    it("post much without waiting to be asked for it", function()
      local answer, message = http.post(server:url("http", "/method"), ("x"):rep(900000))
      assert.equal("POST <> <900000> <>", assert(answer, message).body)
    end)

    it("use any method", function()
      assert.equal("PUT <> <1> <>", assert(http.request("PUT", server:url("http", "/method"), { body = "x" })).body)
      assert.equal("DELETE <> <> <>", assert(http.request("DELETE", server:url("http", "/method"))).body)
      local answer = assert(http.request("HEAD", server:url("http", "/large.txt")))
      assert.equal("", answer.body)
      assert.equal(tostring(#LARGE), answer.headers["content-length"])
    end)

    it("send headers as they are, also empty ones", function()
      local options = { headers = { ["X-Test"] = "a:b;c", ["X-Empty"] = "" } }
      assert(http.get(server:url("http", "/404?x"), options) == nil)
      assert(server:served("/404", "a:b;c"))
    end)
  end)

  it("use connections again", function()
    for _, name in ipairs { "http", "https" } do
      for i = 1, 5 do
        assert(get(name, "/method", { headers = { ["X-Test"] = name .. i } }))
      end
    end
    local connections, requests = {}, 0
    for _, request in ipairs(server:served("/method", "https5")) do
      if request.method == "GET" then
        connections[request.connection .. request.protocol] = true
        requests = requests + 1
      end
    end
    local count = 0
    for _ in pairs(connections) do
      count = count + 1
    end
    assert.equal(10, requests)
    assert.equal(2, count)
  end)

  it("use a connection again after an answer that says no", function()
    for i = 1, 3 do
      failure_of("http", "/500", { headers = { ["X-Test"] = "refused" .. i } })
    end
    local served = server:served("/500", "refused3")
    assert.equal(served[#served].connection, served[#served - 2].connection)
  end)

  it("do not go through a proxy of the environment", function()
    local ffi = require "ffi"
    ffi.cdef "int setenv(const char *, const char *, int); int unsetenv(const char *);"
    for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY" } do
      ffi.C.setenv(name, "http://127.0.0.1:1/", 1)
    end
    finally(function()
      for _, name in ipairs { "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY", "HTTPS_PROXY" } do
        ffi.C.unsetenv(name)
      end
    end)

    assert(get "http")
    assert(get "https")
  end)

  it("say who refuses a connection", function()
    local _, message, failure = http.get "http://127.0.0.1:1/"
    assert.equal("GET http://127.0.0.1:1/: cannot connect to 127.0.0.1, port 1: Connection refused", message)
    assert.same({ errno = ECONNREFUSED, phase = "connect" }, failure)
  end)

  it("say which name does not resolve", function()
    local _, message, failure = http.get "http://does-not-exist.invalid/"
    assert.matches("cannot resolve the name does%-not%-exist.invalid", message)
    assert.equal("resolve", failure.phase)
  end)
end)
