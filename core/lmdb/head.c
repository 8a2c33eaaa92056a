#include "lmdb/head.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* Pages at the end may be handed out and given back without ever being written; far fewer than
 * this, but a number from a damaged page is likely to be far larger. */
#define UNWRITTEN_PAGES_MAX 16384u

int mw_lmdb_pread(int fd, const char *name, void *out, size_t len_bytes, uint64_t offset,
                  struct mw_error *err)
{
  size_t done_bytes = 0;

  while (done_bytes < len_bytes) {
    ssize_t got =
        pread(fd, (char *)out + done_bytes, len_bytes - done_bytes, (off_t)(offset + done_bytes));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return mw_error_set(err, errno, "cannot read %s: %s", name, strerror(errno));
    if (got == 0)
      return mw_error_set(err, EBADMSG, "%s is cut off: %llu bytes are missing at least", name,
                          (unsigned long long)(len_bytes - done_bytes));
    done_bytes += (size_t)got;
  }
  return 0;
}

static bool is_page_size(uint32_t bytes)
{
  return bytes >= MW_MDB_PAGE_MIN_BYTES && bytes <= MW_MDB_PAGE_MAX_BYTES &&
         (bytes & (bytes - 1)) == 0;
}

static int read_meta(int fd, const char *name, const struct mw_lmdb_kind *kind, uint64_t offset,
                     struct mw_mdb_meta *out, struct mw_error *err)
{
  char head[MW_MDB_PAGE_HEAD_BYTES + sizeof *out];
  struct mw_mdb_page page;
  int rc = mw_lmdb_pread(fd, name, head, sizeof head, offset, err);

  if (rc < 0)
    return rc;
  memcpy(&page, head, sizeof page);
  memcpy(out, head + MW_MDB_PAGE_HEAD_BYTES, sizeof *out);
  if (out->magic != MW_MDB_MAGIC || page.flags != MW_MDB_META)
    return mw_error_set(err, EBADMSG, "%s is not a %s", name, kind->what);
  if (out->version != MW_MDB_DATA_VERSION)
    return mw_error_set(err, EPROTO, "%s is of another version of LMDB (%u, not %u)", name,
                        out->version, MW_MDB_DATA_VERSION);
  if (!is_page_size(out->databases[MW_MDB_FREE].page_bytes))
    return mw_error_set(err, EBADMSG, "%s is damaged: its pages have no size", name);
  return 0;
}

int mw_lmdb_read_metas(int fd, const char *name, const struct mw_lmdb_kind *kind,
                       struct mw_mdb_meta metas[static 2], struct mw_error *err)
{
  off_t size_bytes = lseek(fd, 0, SEEK_END);
  if (size_bytes < 0)
    return mw_error_set(err, errno, "cannot read %s: %s", name, strerror(errno));
  if (size_bytes == 0)
    return mw_error_set(err, ENODATA, "%s is empty", name);

  int rc = read_meta(fd, name, kind, 0, &metas[0], err);
  if (rc < 0)
    return rc;
  uint32_t page_bytes = metas[0].databases[MW_MDB_FREE].page_bytes;
  rc = read_meta(fd, name, kind, page_bytes, &metas[1], err);
  if (rc < 0)
    return rc;
  if (metas[1].databases[MW_MDB_FREE].page_bytes != page_bytes)
    return mw_error_set(err, EBADMSG, "%s is damaged: its pages have two sizes", name);
  uint64_t pages_max = (uint64_t)size_bytes / page_bytes + UNWRITTEN_PAGES_MAX;
  for (int i = 0; i < 2; i++)
    if (metas[i].last_page < 1 || metas[i].last_page > pages_max)
      return mw_error_set(err, EBADMSG, "%s is damaged or cut off: it has %lld bytes for %zu pages",
                          name, (long long)size_bytes, metas[i].last_page + 1);
  return 0;
}

int mw_lmdb_read_head(int fd, const char *name, const struct mw_lmdb_kind *kind,
                      struct mw_lmdb_head *out, struct mw_error *err)
{
  struct mw_mdb_meta metas[2] = {0};
  int rc = mw_lmdb_read_metas(fd, name, kind, metas, err);

  if (rc < 0)
    return rc;
  const struct mw_mdb_meta *newest = &metas[metas[0].transaction < metas[1].transaction];
  *out = (struct mw_lmdb_head){.page_bytes = newest->databases[MW_MDB_FREE].page_bytes,
                               .last_page = newest->last_page,
                               .transaction = newest->transaction};
  return 0;
}
