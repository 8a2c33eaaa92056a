--- What a container does: takes what it is told to take, says that it has it, and keeps it.
---
---   luajit load.lua READY WHAT=COUNT...
---
---   READY     file that is made when all is taken
---   anon      MiB of memory, in small pages
---   huge      MiB of memory, in transparent huge pages where there are some
---   hugetlb   MiB of huge pages from the kernel's pool
---   locked    MiB that cannot be reclaimed
---   mapped    MiB of a file in memory, mapped
---   threads   more threads
---   files     more open files
---   forks     children, as many as there may be
---   zombies   children that ended and that nobody waits for
---   touch     1: go over "anon" again and again
---   spin      1: never rest
local ffi = require "ffi"

ffi.cdef [[
  void *mmap(void *, size_t, int, int, int, long);
  int madvise(void *, size_t, int);
  int mlock(const void *, size_t);
  int open(const char *, int, ...);
  int ftruncate(int, long);
  int fork(void);
  void _exit(int);
  int pause(void);
  int usleep(unsigned);
  typedef unsigned long thread;
  int pthread_create(thread *, const void *, int (*)(void), void *);
]]
local C = ffi.C

local MIB, PAGE_BYTES = 1048576, 4096
local READ_WRITE = 3
local SHARED, PRIVATE, ANONYMOUS, HUGETLB = 0x01, 0x02, 0x20, 0x40000
local IN_HUGE_PAGES, NOT_IN_HUGE_PAGES = 14, 15 -- advice
local CREATE = 0x42 -- for reading and writing

local function map(mib, flags, advice, fd)
  local memory = C.mmap(nil, mib * MIB, READ_WRITE, flags, fd or -1, 0)
  assert(ffi.cast("intptr_t", memory) ~= -1, "cannot map")
  if advice then
    C.madvise(memory, mib * MIB, advice)
  end
  return ffi.cast("char *", memory)
end

local function touch(memory, mib)
  for at = 0, mib * MIB - 1, PAGE_BYTES do
    memory[at] = memory[at] + 1
  end
  return memory
end

local take = {}

function take.anon(mib)
  return touch(map(mib, PRIVATE + ANONYMOUS, NOT_IN_HUGE_PAGES), mib)
end

function take.huge(mib)
  return touch(map(mib, PRIVATE + ANONYMOUS, IN_HUGE_PAGES), mib)
end

function take.hugetlb(mib)
  return touch(map(mib, PRIVATE + ANONYMOUS + HUGETLB), mib)
end

function take.locked(mib)
  assert(C.mlock(take.anon(mib), mib * MIB) == 0, "cannot lock")
end

function take.mapped(mib, ready)
  local fd = C.open(ready .. ".mapped", CREATE, ffi.cast("int", 384))
  assert(fd >= 0 and C.ftruncate(fd, mib * MIB) == 0, "cannot make a file")
  touch(map(mib, SHARED, nil, fd), mib)
end

function take.threads(count)
  for _ = 1, count do
    assert(C.pthread_create(ffi.new "thread[1]", nil, C.pause, nil) == 0, "no thread")
  end
end

function take.files(count)
  for _ = 1, count do
    assert(C.open("/dev/null", 0) >= 0, "cannot open")
  end
end

function take.forks(count)
  for _ = 1, count do
    if C.fork() == 0 then
      C.pause()
    end
  end
end

function take.zombies(count)
  for _ = 1, count do
    if C.fork() == 0 then
      C._exit(0)
    end
  end
end

local ready, wanted, taken = arg[1], {}, {}
for i = 2, #arg do
  local what, count = arg[i]:match "^(%l+)=(%d+)$"
  wanted[what] = tonumber(count)
  taken[what] = take[what] and take[what](wanted[what], ready)
end
assert(io.open(ready, "w")):close()
while wanted.spin do end -- luacheck: ignore 542
while wanted.touch do
  touch(taken.anon, wanted.anon)
  C.usleep(100000)
end
while true do
  C.pause()
end
