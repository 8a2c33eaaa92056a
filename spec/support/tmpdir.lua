--- Folders for one test: made from a table of files, removed with all that is in them.
local lfs = require "lfs"

local M = {}

---@class TmpDir
---@field path string  absolute
local TmpDir = {}
TmpDir.__index = TmpDir

local function make_parents(root, name)
  local path = root
  for folder in name:gmatch "([^/]+)/" do
    path = path .. "/" .. folder
    if not lfs.attributes(path, "mode") then
      assert(lfs.mkdir(path))
    end
  end
end

--- Write files, in folders that are made as needed.
---@param files table<string, string>  relative path to content
function TmpDir:write(files)
  for name, content in pairs(files) do
    make_parents(self.path, name)
    local file = assert(io.open(self.path .. "/" .. name, "wb"))
    assert(file:write(content))
    assert(file:close())
  end
end

function TmpDir:remove_file(name)
  assert(os.remove(self.path .. "/" .. name))
end

local function remove_tree(path)
  for entry in lfs.dir(path) do
    if entry ~= "." and entry ~= ".." then
      local child = path .. "/" .. entry
      -- Not through links: what they lead to belongs to somebody else.
      if lfs.symlinkattributes(child, "mode") == "directory" then
        remove_tree(child)
      else
        os.remove(child)
      end
    end
  end
  lfs.rmdir(path)
end

function TmpDir:remove()
  remove_tree(self.path)
end

---@param files? table<string, string>  as in TmpDir:write
---@param parent? string  a folder to make it in, where that can be done
---@return TmpDir
function M.new(files, parent)
  local name = os.tmpname() -- has made the file of that name: ours alone
  local path = parent and parent .. "/" .. name:match "[^/]+$" .. ".d"
  if not path or not lfs.mkdir(path) then
    path = name .. ".d"
    assert(lfs.mkdir(path))
  end
  os.remove(name)
  local dir = setmetatable({ path = path }, TmpDir)
  dir:write(files or {})
  return dir
end

return M
