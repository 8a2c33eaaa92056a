#include "agent/running.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/running_internal.h"
#include "base/cleanup.h"
#include "base/rfc3339.h"
#include "moonwatch/clock.h"

struct mw_running {
  struct mw_running_file *file; /* mapped */
  char *path;
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* ---- Reading what the last agent left ---- */

/* The text of a slot comes from a file: it may be anything. */
static bool is_text(const char *text, size_t size_bytes)
{
  return text[0] != '\0' && memchr(text, '\0', size_bytes);
}

static bool is_usable(const struct mw_running_file *file, size_t len_bytes)
{
  return len_bytes == sizeof *file &&
         memcmp(file->magic, MW_RUNNING_MAGIC, sizeof file->magic) == 0 &&
         memcmp(file->version, mw_running_version, sizeof file->version) == 0;
}

/* Nobody else may have a word in who is left alone. */
static bool is_own(const struct stat *info)
{
  return S_ISREG(info->st_mode) && info->st_uid == geteuid() && (info->st_mode & 022) == 0;
}

/* @return false: there is none, or none of this version. */
static bool read_last(const char *path, struct mw_running_file *out)
{
  MW_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat info;

  if (fd < 0 || fstat(fd, &info) < 0 || !is_own(&info) || info.st_size != (off_t)sizeof *out)
    return false;
  ssize_t got_bytes = pread(fd, out, sizeof *out, 0);
  return got_bytes >= 0 && is_usable(out, (size_t)got_bytes);
}

/* What it was doing is over. */
static void carry_slot(struct mw_running_slot *to, const struct mw_running_slot *from)
{
  memcpy(to->kind, from->kind, sizeof to->kind);
  memcpy(to->name, from->name, sizeof to->name);
  memcpy(&to->verdict, &from->verdict, sizeof to->verdict);
  memcpy(&to->strikes, &from->strikes, sizeof to->strikes);
}

static void carry_all(struct mw_running_file *to, const struct mw_running_file *last)
{
  size_t count = 0;

  for (size_t i = 0; i < MW_RUNNING_SLOTS; i++) {
    struct mw_running_slot slot;
    memcpy(&slot, &last->slots[i], sizeof slot);
    if (!is_text(slot.kind, sizeof slot.kind) || !is_text(slot.name, sizeof slot.name))
      continue;
    mw_running_judge(&slot, last);
    if (slot.verdict.why != MW_RUNNING_INNOCENT || slot.strikes.count > 0)
      carry_slot(&to->slots[count++], &slot);
  }
}

/* ---- Making the file ---- */

/* Its room is there before it is mapped: a store for which the disk has none ends the process. */
static struct mw_running_file *map_file(int fd, const char *path, struct mw_error *err)
{
  struct mw_running_file *file = MAP_FAILED;
  int rc = ftruncate(fd, sizeof *file) < 0 ? errno : posix_fallocate(fd, 0, sizeof *file);

  if (rc == 0)
    file = mmap(NULL, sizeof *file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (file != MAP_FAILED)
    return file;
  rc = rc ? rc : errno;
  mw_error_set(err, rc, "cannot make room in %s: %s", path, strerror(rc));
  return NULL;
}

static struct mw_running_file *make_file(const char *path, struct mw_error *err)
{
  unlink(path); /* of an agent that did not come further */
  MW_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd < 0) {
    mw_error_set(err, errno, "cannot make %s: %s", path, strerror(errno));
    return NULL;
  }
  struct mw_running_file *file = map_file(fd, path, err);
  if (!file)
    unlink(path);
  return file;
}

static void fill(struct mw_running_file *file, const char *last_path)
{
  struct mw_running_file *last = malloc(sizeof *last);

  memcpy(file->magic, MW_RUNNING_MAGIC, sizeof file->magic);
  memcpy(file->version, mw_running_version, sizeof file->version);
  if (last && read_last(last_path, last))
    carry_all(file, last);
  free(last);
  atomic_store(&file->alive_ns, now_ns());
}

static int open_file(struct mw_running *running, const char *state_dir, struct mw_error *err)
{
  MW_AUTO_FREE char *fresh_path = NULL;

  if (asprintf(&running->path, "%s/running", state_dir) < 0 ||
      asprintf(&fresh_path, "%s/running.new", state_dir) < 0)
    return mw_error_set(err, ENOMEM, "out of memory");
  mkdir(state_dir, 0700); /* when it fails, open(2) does, and says why */
  running->file = make_file(fresh_path, err);
  if (!running->file)
    return -1;
  fill(running->file, running->path);
  if (rename(fresh_path, running->path) == 0)
    return 0;
  int code = errno;
  unlink(fresh_path);
  return mw_error_set(err, code, "cannot rename %s to %s: %s", fresh_path, running->path,
                      strerror(code));
}

struct mw_running *mw_running_open(const char *state_dir, struct mw_error *err)
{
  struct mw_running *running = calloc(1, sizeof *running);

  if (!running) {
    mw_error_set(err, ENOMEM, "out of memory");
    return NULL;
  }
  if (open_file(running, state_dir, err) < 0) {
    mw_running_close(running, false);
    return NULL;
  }
  mw_running_catch_faults(running->file);
  return running;
}

void mw_running_close(struct mw_running *running, bool is_clean)
{
  if (!running)
    return;
  mw_running_leave_faults();
  if (running->file) {
    atomic_store(&running->file->is_clean, is_clean);
    munmap(running->file, sizeof *running->file);
  }
  free(running->path);
  free(running);
}

void mw_running_beat(struct mw_running *running)
{
  if (running)
    atomic_store(&running->file->alive_ns, now_ns());
}

/* ---- Slots ---- */

static bool is_of(const struct mw_running_slot *slot, const char *kind, const char *name)
{
  return strcmp(slot->kind, kind) == 0 && strcmp(slot->name, name) == 0;
}

struct mw_running_slot *mw_running_slot(struct mw_running *running, const char *kind,
                                        const char *name)
{
  struct mw_running_slot *slot = running ? running->file->slots : NULL;

  if (!slot || strlen(kind) >= sizeof slot->kind || strlen(name) >= sizeof slot->name)
    return NULL;
  const struct mw_running_slot *end = slot + MW_RUNNING_SLOTS;
  while (slot < end && slot->name[0] && !is_of(slot, kind, name))
    slot++;
  if (slot == end)
    return NULL;
  strcpy(slot->kind, kind);
  strcpy(slot->name, name);
  return slot;
}

void mw_running_note(struct mw_running_slot *slot, enum mw_running_state state)
{
  if (!slot)
    return;
  if (state != MW_RUNNING_IDLE)
    atomic_store(&slot->since_ns, now_ns());
  atomic_store(&slot->state, (uint32_t)state);
}

void mw_running_note_text(struct mw_running_slot *slot, uint64_t text_hash, int64_t wall_ms)
{
  if (!slot)
    return;
  atomic_store(&slot->opening_hash, text_hash);
  atomic_store(&slot->opening_wall_ms, wall_ms);
}

void mw_running_note_opened(struct mw_running_slot *slot)
{
  if (!slot)
    return;
  atomic_store(&slot->text_hash, atomic_load(&slot->opening_hash));
  atomic_store(&slot->wall_ms, atomic_load(&slot->opening_wall_ms));
}

/* ---- Quarantine ---- */

static void describe(const struct mw_running_slot *slot, char out[static 128])
{
  const char *doing = slot->verdict.was_opening ? "it was being loaded" : "it ran";

  if (slot->verdict.why == MW_RUNNING_CRASHED)
    snprintf(out, 128, "%s when the agent crashed in its thread (%s)", doing,
             strsignal((int)slot->verdict.signal));
  else if (slot->verdict.why == MW_RUNNING_HUNG)
    snprintf(out, 128, "%s for much longer than it may, until the agent was ended", doing);
  else
    snprintf(out, 128, "%s each of the last %d times when the agent was ended without warning",
             doing, MW_RUNNING_STRIKES_MAX);
}

static int refuse(const struct mw_running_slot *slot, struct mw_error *err)
{
  char what[128], when[MW_RFC3339_BYTES];

  describe(slot, what);
  mw_rfc3339(slot->verdict.wall_ns, when);
  return mw_error_set(err, EPERM,
                      "%s %s is in quarantine since %s: %s; it is loaded again when its file "
                      "changes, or after \"moonwatch resume %s\"",
                      slot->kind, slot->name, when, what, slot->name);
}

int mw_running_admit(struct mw_running_slot *slot, uint64_t text_hash, struct mw_error *err)
{
  if (!slot)
    return 0;
  if (slot->strikes.text_hash != text_hash)
    slot->strikes.count = 0;
  if (!mw_running_is_quarantined(slot))
    return 0;
  if (slot->verdict.text_hash == text_hash)
    return refuse(slot, err);
  mw_running_forgive(slot);
  return 0;
}

bool mw_running_is_quarantined(const struct mw_running_slot *slot)
{
  return slot && atomic_load(&slot->verdict.why) != MW_RUNNING_INNOCENT;
}

void mw_running_forgive(struct mw_running_slot *slot)
{
  if (!slot)
    return;
  atomic_store(&slot->verdict.why, MW_RUNNING_INNOCENT);
  slot->strikes.count = 0;
}
