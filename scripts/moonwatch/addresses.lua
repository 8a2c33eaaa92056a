--- Where a container can be reached: each of its IP addresses with each of its ports.
local M = {}

---@class Address
---@field ip string
---@field port integer
---@field protocol string  lower case: "tcp", "udp", "sctp", ...

-- Numbers of the wire format, which has no others: what is neither goes out as TCP.
local PROTOCOLS = { tcp = 0, udp = 1 }
local TCP = PROTOCOLS.tcp

-- By the names of the networks. An address that is in two of them counts once.
local function ips_of(container)
  local networks, ips, seen = {}, {}, {}
  for network in pairs(container.ips or {}) do
    networks[#networks + 1] = network
  end
  table.sort(networks)
  for _, network in ipairs(networks) do
    local ip = container.ips[network]
    if ip ~= "" and not seen[ip] then
      seen[ip] = true
      ips[#ips + 1] = ip
    end
  end
  return ips
end

-- By number and protocol. Runtimes write "tcp", the kubelet "TCP", of the same port.
local function ports_of(container)
  local ports, seen = {}, {}
  for _, port in ipairs(container.ports or {}) do
    local protocol = (port.protocol or "tcp"):lower()
    local key = port.port and port.port .. "/" .. protocol
    if key and not seen[key] then
      seen[key] = true
      ports[#ports + 1] = { port = port.port, protocol = protocol }
    end
  end
  table.sort(ports, function(a, b)
    if a.port ~= b.port then
      return a.port < b.port
    end
    return a.protocol < b.protocol
  end)
  return ports
end

---@param container Container
---@return Address[]  none twice; in the order of network names, then of ports
function M.of(container)
  local addresses, ports = {}, ports_of(container)
  for _, ip in ipairs(ips_of(container)) do
    for _, port in ipairs(ports) do
      addresses[#addresses + 1] = { ip = ip, port = port.port, protocol = port.protocol }
    end
  end
  return addresses
end

--- As the wire format has them; what is the same there appears once.
---@param addresses Address[]
---@return table[]? list  of { ip, port, protocol }; nil when there is none
function M.wire(addresses)
  local list, seen = {}, {}
  for _, address in ipairs(addresses) do
    local number = PROTOCOLS[address.protocol] or TCP
    local key = address.ip .. " " .. address.port .. " " .. number
    if not seen[key] then
      seen[key] = true
      list[#list + 1] = { ip = address.ip, port = address.port, protocol = number }
    end
  end
  return list[1] and list or nil
end

return M
