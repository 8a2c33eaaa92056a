#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "timing.h"

#define READ_BYTES 8192

struct bench_path {
  UT_hash_handle hh;
  uint32_t number;
  char text[];
};

/* ---- Recording ---- */

static struct bench_path *find_or_add(struct bench_reads *reads, const char *text)
{
  size_t text_bytes = strlen(text);
  struct bench_path *path;

  HASH_FIND(hh, reads->paths, text, text_bytes, path);
  if (path)
    return path;
  path = malloc(sizeof *path + text_bytes + 1);
  if (!path)
    return NULL;
  memcpy(path->text, text, text_bytes + 1);
  path->number = (uint32_t)reads->paths_count;
  HASH_ADD_KEYPTR(hh, reads->paths, path->text, text_bytes, path);
  if (!path->hh.tbl) {
    free(path);
    return NULL;
  }
  reads->paths_count++;
  return path;
}

static bool append(struct bench_list *list, uint32_t number)
{
  if (list->count == list->capacity) {
    size_t capacity = list->capacity ? 2 * list->capacity : 256;
    uint32_t *paths = reallocarray(list->paths, capacity, sizeof *paths);
    if (!paths)
      return false;
    list->paths = paths;
    list->capacity = capacity;
  }
  list->paths[list->count++] = number;
  return true;
}

void bench_reads_add(void *data, const char *path)
{
  struct bench_reads *reads = data;

  if (!reads->recording)
    return;
  const struct bench_path *known = find_or_add(reads, path);
  if (!known || !append(reads->recording, known->number))
    reads->failed = true;
}

void bench_reads_deinit(struct bench_reads *reads)
{
  struct bench_path *path, *next;

  HASH_ITER(hh, reads->paths, path, next)
  {
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): loses track of what is in the table */
    HASH_DEL(reads->paths, path);
    free(path);
  }
  for (size_t i = 0; i < 2 * reads->period; i++)
    free(reads->lists[i].paths);
  *reads = (struct bench_reads){0};
}

int bench_reads_check(const struct bench_reads *reads, struct mw_error *err)
{
  if (reads->failed)
    return mw_error_set(err, ENOMEM, "out of memory for the list of files");
  for (size_t i = 0; i < reads->period; i++) {
    const struct bench_list *first = &reads->lists[i], *second = &reads->lists[reads->period + i];
    if (first->count != second->count || first->count == 0 ||
        memcmp(first->paths, second->paths, first->count * sizeof *first->paths) != 0)
      return mw_error_set(err, EPROTO,
                          "run %zu as a whole reads %zu files, and gathering in C %zu, a period of "
                          "%zu runs later, or others: the floor of a run cannot be foretold",
                          i, first->count, second->count, reads->period);
  }
  return 0;
}

double bench_reads_per_run(const struct bench_reads *reads)
{
  size_t sum = 0;

  for (size_t i = 0; i < reads->period; i++)
    sum += reads->lists[i].count;
  return (double)sum / (double)reads->period;
}

/* ---- The process ---- */

struct kept_file {
  int fd; /* -1: it is opened for each reading */
  const char *path;
};

static ssize_t read_file(const struct kept_file *file)
{
  char text[READ_BYTES];

  if (file->fd >= 0)
    return pread(file->fd, text, sizeof text, 0);
  int fd = open(file->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t rc = read(fd, text, sizeof text);
  close(fd);
  return rc;
}

/* @return 0, or -errno with the name of the file in @p err. */
static int open_all(const struct bench_reads *reads, enum bench_floor_kind kind,
                    struct kept_file *files, struct mw_error *err)
{
  for (const struct bench_path *path = reads->paths; path; path = path->hh.next) {
    struct kept_file *file = &files[path->number];
    *file = (struct kept_file){.fd = -1, .path = path->text};
    bool is_open =
        kind == BENCH_FLOOR_OPENED || (file->fd = open(path->text, O_RDONLY | O_CLOEXEC)) >= 0;
    if (!is_open || read_file(file) < 0)
      return mw_error_set(err, errno, "the floor has %zu files and cannot read %s: %s",
                          reads->paths_count, path->text, strerror(errno));
  }
  return 0;
}

static int64_t read_list(const struct bench_list *list, const struct kept_file *files)
{
  ssize_t failed = 0;
  int64_t start_ns = bench_cpu_ns();

  for (size_t i = 0; i < list->count; i++)
    failed |= read_file(&files[list->paths[i]]);
  int64_t took_ns = bench_cpu_ns() - start_ns;
  return failed < 0 ? -1 : took_ns;
}

__attribute__((noreturn)) static void serve(int socket, const struct bench_reads *reads,
                                            enum bench_floor_kind kind)
{
  struct kept_file *files = calloc(reads->paths_count, sizeof *files);
  struct mw_error err = {.code = 0};
  uint32_t position;

  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!files)
    mw_error_set(&err, ENOMEM, "out of memory for the floor");
  else
    open_all(reads, kind, files, &err);
  if (send(socket, &err, sizeof err, 0) < 0 || err.code != 0)
    _exit(1);
  while (recv(socket, &position, sizeof position, 0) == (ssize_t)sizeof position) {
    int64_t took_ns = read_list(&reads->lists[position % reads->period], files);
    if (send(socket, &took_ns, sizeof took_ns, 0) < 0)
      break;
  }
  _exit(0);
}

int bench_floor_start(struct bench_floor *floor, const struct bench_reads *reads,
                      enum bench_floor_kind kind, struct mw_error *err)
{
  int ends[2];
  struct mw_error answer;

  *floor = (struct bench_floor){.pid = -1, .socket = -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return mw_error_set(err, errno, "cannot make a socket: %s", strerror(errno));
  floor->socket = ends[0];
  floor->pid = fork();
  if (floor->pid == 0) {
    close(ends[0]);
    serve(ends[1], reads, kind);
  }
  close(ends[1]);
  if (floor->pid < 0)
    return mw_error_set(err, errno, "cannot start the floor: %s", strerror(errno));
  if (recv(floor->socket, &answer, sizeof answer, 0) != (ssize_t)sizeof answer)
    return mw_error_set(err, EIO, "the floor ended");
  return answer.code != 0 ? mw_error_set(err, answer.code, "%s", answer.text) : 0;
}

void bench_floor_stop(struct bench_floor *floor)
{
  if (floor->socket >= 0)
    close(floor->socket);
  if (floor->pid > 0)
    waitpid(floor->pid, NULL, 0);
  *floor = (struct bench_floor){.pid = -1, .socket = -1};
}

int bench_floor_run(struct bench_floor *floor, size_t position, int64_t *cpu_ns,
                    struct mw_error *err)
{
  uint32_t number = (uint32_t)position;

  if (send(floor->socket, &number, sizeof number, MSG_NOSIGNAL) < 0 ||
      recv(floor->socket, cpu_ns, sizeof *cpu_ns, 0) != (ssize_t)sizeof *cpu_ns)
    return mw_error_set(err, EIO, "the floor ended");
  if (*cpu_ns < 0)
    return mw_error_set(err, ENODEV, "a container vanished while it was measured");
  return 0;
}
