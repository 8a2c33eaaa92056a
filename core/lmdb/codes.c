#include "lmdb/codes.h"

#include <errno.h>
#include <lmdb.h>
#include <stdint.h>
#include <sys/statvfs.h>

#define DISK_FULL_BYTES (UINT64_C(1) << 20)

int mw_lmdb_errno(int code)
{
  switch (code) {
  case MDB_MAP_FULL:
    return EFBIG;
  case MDB_READERS_FULL:
  case MDB_TXN_FULL:
    return EAGAIN;
  case MDB_INVALID:
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_CURSOR_FULL:
  case MDB_PAGE_FULL:
  case MDB_INCOMPATIBLE:
  case MDB_BAD_TXN:
    return EBADMSG;
  case MDB_VERSION_MISMATCH:
    return EPROTO;
  default:
    return code > 0 ? code : EIO;
  }
}

bool mw_lmdb_is_disk_full(const char *dir)
{
  struct statvfs status;

  return statvfs(dir, &status) == 0 &&
         (uint64_t)status.f_bavail * status.f_frsize < DISK_FULL_BYTES;
}
