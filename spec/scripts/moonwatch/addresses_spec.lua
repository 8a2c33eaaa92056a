local addresses = require "moonwatch.addresses"

local function port(number, protocol)
  return { port = number, protocol = protocol }
end

-- "10.0.0.1:80/tcp", in order.
local function listed(container)
  local texts = {}
  for i, address in ipairs(addresses.of(container)) do
    texts[i] = ("%s:%d/%s"):format(address.ip, address.port, address.protocol)
  end
  return table.concat(texts, " ")
end

describe("moonwatch.addresses", function()
  for _, case in ipairs {
    { "each address with each port", { net1 = "10.0.0.1", net2 = "192.168.0.1" }, { port(420, "tcp") },
      "10.0.0.1:420/tcp 192.168.0.1:420/tcp" },
    { "one address with two ports, by number", { [""] = "10.0.0.5" }, { port(425, "tcp"), port(53, "udp") },
      "10.0.0.5:53/udp 10.0.0.5:425/tcp" },
    { "nothing without an address", {}, { port(80, "tcp") }, "" },
    { "nothing without a port", { a = "1.1.1.1" }, {}, "" },
    { "nothing where nothing is known", nil, nil, "" },
    { "protocols in whatever case", { a = "1.1.1.1" }, { port(53, "UDP") }, "1.1.1.1:53/udp" },
    { "a port that two sources name once", { a = "1.1.1.1" }, { port(80, "tcp"), port(80, "TCP") }, "1.1.1.1:80/tcp" },
    { "a port of two protocols twice", { a = "1.1.1.1" }, { port(53, "udp"), port(53, "tcp") },
      "1.1.1.1:53/tcp 1.1.1.1:53/udp" },
    { "other protocols under their own name", { a = "1.1.1.1" }, { port(99, "SCTP") }, "1.1.1.1:99/sctp" },
    { "tcp where no protocol is said", { a = "1.1.1.1" }, { port(80), port(80, "tcp") }, "1.1.1.1:80/tcp" },
    { "an address of two networks once", { a = "1.1.1.1", b = "1.1.1.1" }, { port(80) }, "1.1.1.1:80/tcp" },
    { "networks by their names", { z = "1.1.1.1", a = "2.2.2.2", m = "" }, { port(80) },
      "2.2.2.2:80/tcp 1.1.1.1:80/tcp" },
    { "nothing of a port without a number", { a = "1.1.1.1" }, { { name = "http" } }, "" },
  } do
    it("has " .. case[1], function()
      assert.equal(case[4], listed { ips = case[2], ports = case[3] })
    end)
  end

  describe("wire", function()
    local function wire(ports)
      return addresses.wire(addresses.of { ips = { a = "1.1.1.1" }, ports = ports })
    end

    it("has numbers for protocols", function()
      assert.same({
        { ip = "1.1.1.1", port = 53, protocol = 1 }, { ip = "1.1.1.1", port = 80, protocol = 0 },
      }, wire { port(80, "TCP"), port(53, "UDP") })
    end)

    it("has 0 for what is neither TCP nor UDP, and what is the same then once", function()
      assert.same({ { ip = "1.1.1.1", port = 99, protocol = 0 } }, wire { port(99, "sctp"), port(99, "tcp") })
    end)

    it("has no empty list", function()
      assert.is_nil(wire {})
    end)
  end)
end)
