#include "queue/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lmdb/codes.h"
#include "lmdb/files.h"
#include "lmdb/pages.h"
#include "moonwatch/clock.h"
#include "queue/disk.h"

/* A slow card reads 8 MB a second. */
#define DEADLINE_NS (INT64_C(20) * MW_NS_PER_S)
#define BYTES_PER_S (INT64_C(8) << 20)
#define REAP_TRIES 100
#define REAP_PAUSE_NS (10 * MW_NS_PER_MS)

/* ---- The pages ---- */

static int open_data(const char *path, struct mw_error *err)
{
  int rc = mw_lmdb_check_file(path, err);

  if (rc < 0)
    return rc;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  return fd >= 0 ? fd
                 : mw_error_set(err, errno, "cannot open %s: %s%s", path, strerror(errno),
                                mw_lmdb_advice(errno));
}

int mw_queue_verify_pages(const char *path, struct mw_error *err)
{
  struct mw_lmdb_head head;
  MW_AUTO_CLOSE int fd = open_data(path, err);

  if (fd < 0)
    return fd;
  int rc = mw_lmdb_read_head(fd, path, &mw_queue_kind, &head, err);
  if (rc == -ENODATA)
    return -ENOENT;
  return rc < 0 ? rc : mw_lmdb_check_pages(fd, path, &mw_queue_kind, head.transaction, err);
}

/* ---- The walk, in the child ---- */

static int walk_messages(MDB_txn *txn, MDB_dbi messages)
{
  MDB_cursor *cursor;
  MDB_val key, value;
  struct mw_record record;
  int code = mdb_cursor_open(txn, messages, &cursor);

  if (code)
    return code;
  while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
    mw_record_parse(mw_record_number(key.mv_data, key.mv_size), value.mv_data, value.mv_size,
                    &record); /* what changed is passed over later: here all bytes are touched */
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

static bool was_closed_in_order(MDB_txn *txn)
{
  struct mw_queue_state state;
  MDB_dbi database;
  MDB_val key = mw_disk_key_of(MW_DISK_STATE_KEY), value;

  return mdb_dbi_open(txn, mw_queue_kind.databases[MW_DISK_STATE], 0, &database) == 0 &&
         mdb_get(txn, database, &key, &value) == 0 &&
         mw_state_decode(value.mv_data, value.mv_size, &state) == 0 && state.is_clean;
}

static int walk(const char *dir)
{
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi messages;
  int code = mdb_env_create(&env);

  /* The parent has the lock of who writes. */
  if (code || (code = mdb_env_set_maxdbs(env, MW_DISK_DATABASES)) ||
      (code = mdb_env_open(env, dir, MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0600)) ||
      (code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)))
    return code;
  if (was_closed_in_order(txn))
    return 0;
  code = mdb_dbi_open(txn, mw_queue_kind.databases[MW_DISK_MESSAGES], 0, &messages);
  return code == MDB_NOTFOUND ? 0 : code ? code : walk_messages(txn, messages);
}

struct verdict {
  int rc;
  char text[512];
};

/* LMDB says on the error channel what it finds impossible, and aborts. */
static void prepare_child(void)
{
  const struct rlimit no_core = {0};
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);

  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (null >= 0)
    dup2(null, STDERR_FILENO);
  for (int number = 1; number < NSIG; number++)
    signal(number, SIG_DFL);
}

static void be_child(const char *dir, const char *path, int answer_fd)
{
  struct mw_error err = {.text = ""};
  struct verdict verdict = {.rc = 0};

  prepare_child();
  verdict.rc = mw_queue_verify_pages(path, &err);
  if (verdict.rc == 0) {
    int code = walk(dir);
    if (code)
      verdict.rc =
          mw_error_set(&err, mw_lmdb_errno(code), "cannot read %s: %s", path, mdb_strerror(code));
  }
  snprintf(verdict.text, sizeof verdict.text, "%.*s", (int)sizeof verdict.text - 1, err.text);
  _exit(write(answer_fd, &verdict, sizeof verdict) == sizeof verdict ? 0 : 1);
}

/* ---- The parent ---- */

static int64_t deadline_of(const char *path)
{
  struct stat status;
  int64_t now_ns = mw_clock_monotonic_ns(mw_clock_system());

  return now_ns + DEADLINE_NS +
         (stat(path, &status) == 0 ? status.st_size / BYTES_PER_S * MW_NS_PER_S : 0);
}

static bool read_verdict(int fd, int64_t deadline_ns, struct verdict *out)
{
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  int64_t left_ns;

  while ((left_ns = deadline_ns - mw_clock_monotonic_ns(mw_clock_system())) > 0) {
    int ready = poll(&poll_fd, 1, (int)(left_ns / MW_NS_PER_MS + 1));
    if (ready > 0)
      return read(fd, out, sizeof *out) == sizeof *out;
  }
  errno = ETIMEDOUT;
  return false;
}

/* One that hangs in a read of the disk does not even end by SIGKILL: it is left alone then. */
static void reap(pid_t child, int *status)
{
  const struct timespec pause = {.tv_nsec = REAP_PAUSE_NS};

  for (int i = 0; i < REAP_TRIES; i++) {
    pid_t got = waitpid(child, status, WNOHANG);
    if (got == child || (got < 0 && errno != EINTR))
      return;
    nanosleep(&pause, NULL);
  }
}

static int judge(pid_t child, int fd, const char *path, struct mw_error *err)
{
  struct verdict verdict = {.rc = 0};
  int status = 0;

  errno = 0;
  bool has_answered = read_verdict(fd, deadline_of(path), &verdict);
  bool is_late = !has_answered && errno == ETIMEDOUT;
  if (is_late)
    kill(child, SIGKILL);
  reap(child, &status);
  verdict.text[sizeof verdict.text - 1] = '\0';
  if (has_answered)
    return verdict.rc == 0 || verdict.rc == -ENOENT
               ? verdict.rc
               : mw_error_set(err, -verdict.rc, "%s", verdict.text);
  if (is_late)
    return mw_error_set(err, EBADMSG, "%s could not be read to its end in time", path);
  return mw_error_set(err, EBADMSG, "%s cannot be read: who tried was ended by signal %d", path,
                      WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

int mw_queue_verify(const char *dir, const char *path, int lock_fd, struct mw_error *err)
{
  int ends[2];

  if (pipe2(ends, O_CLOEXEC) < 0)
    return mw_error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
  pid_t child = fork();
  if (child == 0) {
    close(lock_fd);
    be_child(dir, path, ends[1]);
  }
  close(ends[1]);
  int rc = child < 0 ? mw_error_set(err, errno, "cannot start a process: %s", strerror(errno))
                     : judge(child, ends[0], path, err);
  close(ends[0]);
  return rc;
}
