--- Names of container images, as runtimes and registries write them.
local M = {}

---@class ImageName
---@field name string  all but tag and digest: "registry.local:5000/team/app"
---@field registry? string  "registry.local:5000"; only a name with two slashes or more has one
---@field short string  behind the last slash: "app"
---@field tag? string  "1.2"
---@field digest? string  "sha256:5bef..."

--- Where the last `wanted` begins, or nil.
local function find_last(text, wanted)
  local last
  local at = text:find(wanted, 1, true)
  while at do
    last, at = at, text:find(wanted, at + 1, true)
  end
  return last
end

--- Take the name of an image apart.
---@param raw string  "registry.local:5000/team/app:1.2@sha256:5bef..."
---@return ImageName? parts
---@return string? err  there is no name: it is empty, or the id of an image
function M.split(raw)
  if raw == "" then
    return nil, "empty image name"
  elseif raw:sub(1, 7) == "sha256:" then
    return nil, "invalid image name (is a sha256)"
  end

  local name, tag, digest = raw, nil, nil
  local at = find_last(name, "@sha")
  if at and at > 1 then
    name, digest = name:sub(1, at - 1), name:sub(at + 1)
  end
  local slash, colon = find_last(name, "/") or 0, find_last(name, ":") or 0
  if colon > slash then
    name, tag = name:sub(1, colon - 1), name:sub(colon + 1)
  end
  return {
    name = name,
    registry = name:match "^([^/]*)/.*/",
    short = name:sub(slash + 1),
    tag = tag ~= "" and tag or nil,
    digest = digest,
  }
end

--- The name that rules are about: the image without tag and digest, or as it stands where it has no
--- such parts.
---@param raw string
---@return string
function M.name_of(raw)
  local parts = M.split(raw)
  return parts and parts.name or raw
end

local BRIEF_DIGEST = "(sha%d+:" .. ("%x"):rep(12) .. ")%x+$"

--- The image for eyes: of a digest the beginning, which is unique enough.
---@param raw string
---@return string
function M.brief(raw)
  return (raw:gsub(BRIEF_DIGEST, "%1"))
end

return M
