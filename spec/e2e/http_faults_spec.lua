--- Servers that do one thing wrong: each has its own error, and none makes a request last.
local moonwatch = require "moonwatch"

local faulty_server = require "spec.support.faulty_server"

-- errno of Linux
local EPROTO, EMSGSIZE, ECONNRESET, ETIMEDOUT = 71, 90, 104, 110

describe("a server that is faulty", function()
  local http = assert(moonwatch.open {}).http

  --- What comes of a request that it answers, with 0.3 s of time.
  local function get(kind, options)
    local url, stop = faulty_server.start(kind)
    finally(stop)
    return http.get(url, options or { timeout_s = 0.3 })
  end

  for _, case in ipairs {
    { "silent", "connected, but no answer after 300 ms", ETIMEDOUT, "send" },
    { "drip", "the answer is not complete after 300 ms: %d+ bytes of its body came", ETIMEDOUT, "body" },
    { "drip_header", "connected, but no answer after 300 ms", ETIMEDOUT, "send" },
    { "closes_at_once", "the connection ended before the answer", ECONNRESET, "send" },
    { "closes_in_header", "the connection ended within the header of the answer", ECONNRESET, "send" },
    { "closes_in_body", "the connection ended early, after 10 bytes of the body", ECONNRESET, "body" },
    { "closes_in_chunk", "the connection ended early, after 10 bytes of the body", ECONNRESET, "body" },
    { "bad_chunk", "the answer is no HTTP: .*chunked%-encoding", EPROTO, "body" },
    { "garbage", "what it answers is not HTTP", EPROTO, "send" },
    { "bad_status", "what it answers is not HTTP", EPROTO, "send" },
    { "endless_headers", "the header of the answer is larger than the limit of 64 KiB", EMSGSIZE, "send" },
    { "endless_line", "a line of the answer's header is longer than libcurl takes", EMSGSIZE, "send" },
    { "endless_interim", "the header of the answer is larger than the limit of 64 KiB", EMSGSIZE, "send" },
    { "not_packed", "the answer cannot be unpacked", EPROTO, "body" },
  } do
    local kind, reason, errno, phase = unpack(case)
    it("is understood: " .. kind, function()
      local timeout_s = reason:find "300 ms" and 0.3 or 30
      local answer, message, failure = get(kind, { timeout_s = timeout_s })
      assert.is_nil(answer)
      assert.matches(reason, message)
      assert.equal(errno, failure.errno)
      assert.equal(phase, failure.phase)
    end)
  end

  it("may close while it is sent to, which costs a request and not the process", function()
    local url, stop = faulty_server.start "closes_at_once"
    finally(stop)
    local answer, message, failure = http.post(url, ("x"):rep(2 ^ 24), { timeout_s = 30 })
    assert.is_nil(answer)
    assert.matches("the connection ended before the answer", message)
    assert.same({ errno = ECONNRESET, phase = "send" }, failure)
  end)

  it("gets no more than it has promised", function()
    assert.equal("half", assert(get("too_short", { timeout_s = 30 })).body)
  end)

  it("stops at the limit of a body that has no end", function()
    local answer, message, failure = get("no_status", { timeout_s = 30, body_max_bytes = 1000 })
    assert.is_nil(answer)
    assert.matches("the answer is larger than the limit of 1000 bytes", message)
    assert.equal(EMSGSIZE, failure.errno)
  end)

  it("cannot say two lengths", function()
    local answer, message = get("two_lengths", { timeout_s = 30 })
    assert(not answer or #answer.body == 5, message)
  end)

  it("is waited for no longer than its script may run", function()
    local url, stop = faulty_server.start "silent"
    local script = assert(require("moonwatch.script").new { timeout_ms = 1000 })
    finally(function()
      script:close()
      stop()
    end)

    local failure, deadline = script:eval(([[
      local answer, message, failure = require("moonwatch.http").get(%q, { timeout_s = 60 })
      return { message = message, phase = failure.phase }]]):format(url))
    if not failure then -- a host that is so busy that the last tenth of the time is over as well
      assert.matches("deadline of 1000 ms reached", deadline)
      return
    end
    local waited_ms = tonumber(failure.message:match "no answer after (%d+) ms")
    assert.is_true(waited_ms > 0 and waited_ms <= 900, failure.message)
    assert.equal("send", failure.phase)
  end)
end)
