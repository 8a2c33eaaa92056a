#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "allocations.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"

#define SCRIPT_DIRS_MAX 8
#define ARGUMENTS_MAX (SCRIPT_DIRS_MAX + 16)
#define WHOLE_FUNCTION "bench_worker_whole_runs"
#define GATHER_FUNCTION "bench_worker_gather_runs"

/* ---- Inside the worker ---- */

int bench_worker_whole_runs(struct bench_agent *agent, struct mw_error *err);
int bench_worker_gather_runs(struct bench_agent *agent, struct mw_error *err);

/* By these two names valgrind knows when to count. */
__attribute__((noinline)) int bench_worker_whole_runs(struct bench_agent *agent,
                                                      struct mw_error *err)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < agent->pace->period; i++)
    rc = bench_agent_run(agent, BENCH_WHOLE, err);
  return rc;
}

__attribute__((noinline)) int bench_worker_gather_runs(struct bench_agent *agent,
                                                       struct mw_error *err)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < agent->pace->period; i++)
    rc = bench_agent_run(agent, BENCH_GATHER, err);
  return rc;
}

/* "RssAnon:      1234 kB" of /proc/self/status, in bytes; 0 when it is not there. */
static uint64_t status_bytes(struct mw_slice text, const char *key)
{
  struct mw_slice line, word;
  uint64_t kb;

  while (mw_slice_next_line(&text, &line))
    if (mw_slice_next_word(&line, &word) && mw_slice_equal(word, key) &&
        mw_slice_next_word(&line, &word) && mw_parse_u64(word, &kb))
      return kb * 1024;
  return 0;
}

static void note_memory(struct bench_worker_report *report)
{
  MW_AUTO_BUF text;

  mw_buf_init(&text, 65536);
  if (mw_file_read(AT_FDCWD, "/proc/self/status", &text, NULL) < 0)
    return;
  struct mw_slice status = {text.data, text.len_bytes};
  report->anon_bytes = status_bytes(status, "RssAnon:");
  report->resident_bytes = status_bytes(status, "VmRSS:");
}

static void stop_for_tracer(bool stops)
{
  if (stops)
    raise(SIGSTOP);
}

/* Memory is looked at by the one who asked, too, before the report is complete: the cgroup's. */
static int work(struct bench_agent *agent, bool stops, struct bench_worker_report *report,
                struct mw_error *err)
{
  int rc = bench_agent_warm_up(agent, err);

  if (rc == 0)
    rc = bench_agent_warm_up(agent, err);
  struct bench_allocations before = bench_allocations_now();
  stop_for_tracer(stops);
  if (rc == 0)
    rc = bench_worker_whole_runs(agent, err);
  stop_for_tracer(stops);
  struct bench_allocations between = bench_allocations_now();
  note_memory(report);
  report->kept_files = bench_agent_kept_files(agent);
  report->whole_c_allocations = between.c_total - before.c_total;
  report->whole_lua_allocations = between.lua_total - before.lua_total;

  between = bench_allocations_now();
  stop_for_tracer(stops);
  if (rc == 0)
    rc = bench_worker_gather_runs(agent, err);
  stop_for_tracer(stops);
  report->gather_c_allocations = bench_allocations_now().c_total - between.c_total;
  return rc;
}

int bench_worker_main(int argc, char **argv)
{
  const char *script_dirs[SCRIPT_DIRS_MAX + 1] = {NULL};
  struct bench_worker_report report = {0};
  struct bench_agent agent;
  struct mw_error err;

  if (argc < 4 || argc - 3 > SCRIPT_DIRS_MAX)
    return 2;
  for (int i = 3; i < argc; i++)
    script_dirs[i - 3] = argv[i];
  struct bench_agent_config config = {.pace = &bench_paces[BENCH_CONTAINER_RT],
                                      .script_dirs = script_dirs,
                                      .kept_files_max = (uint32_t)strtoul(argv[2], NULL, 10)};
  int rc = bench_agent_open(&agent, &config, &err);
  if (rc == 0)
    rc = work(&agent, strcmp(argv[1], "stops") == 0, &report, &err);
  if (rc < 0)
    fprintf(stderr, "worker: %s\n", err.text);
  else if (write(STDOUT_FILENO, &report, sizeof report) != (ssize_t)sizeof report)
    rc = -EIO;
  /* Its cgroup's memory is looked at while it still has it: until its input ends. */
  char byte;
  if (rc == 0 && read(STDIN_FILENO, &byte, 1) < 0)
    rc = -EIO;
  bench_agent_close(&agent);
  return rc < 0 ? 1 : 0;
}

/* ---- Starting one ---- */

struct arguments {
  char kept_files_max[16];
  const char *words[ARGUMENTS_MAX];
};

static void list_arguments(const struct bench_worker_config *config, const char *mode,
                           const char *const *prefix, struct arguments *out)
{
  size_t count = 0;

  snprintf(out->kept_files_max, sizeof out->kept_files_max, "%u", config->kept_files_max);
  for (; prefix && *prefix; prefix++)
    out->words[count++] = *prefix;
  out->words[count++] = config->program;
  out->words[count++] = "worker";
  out->words[count++] = mode;
  out->words[count++] = out->kept_files_max;
  for (const char *const *dir = config->script_dirs; *dir && count < ARGUMENTS_MAX - 1; dir++)
    out->words[count++] = *dir;
  out->words[count] = NULL;
}

__attribute__((noreturn)) static void become(const struct arguments *arguments)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execvp(arguments->words[0], (char *const *)(uintptr_t)arguments->words);
  fprintf(stderr, "cannot run %s: %s\n", arguments->words[0], strerror(errno));
  _exit(127);
}

/* A pipe whose end @p theirs becomes @p fd of the child. */
static bool make_pipe(int ends[2])
{
  ends[0] = ends[1] = -1;
  return pipe2(ends, O_CLOEXEC) == 0;
}

static int end_code(pid_t pid)
{
  int status;

  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- Memory and allocations ---- */

int bench_worker_measure(const struct bench_worker_config *config, struct bench_worker_report *out,
                         struct mw_error *err)
{
  struct bench_worker_report report;
  struct arguments arguments;
  int from[2], to[2];

  list_arguments(config, "plain", NULL, &arguments);
  if (!make_pipe(from) || !make_pipe(to))
    return mw_error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) {
    struct mw_error problem;
    if (bench_containers_enter_agent(config->containers, &problem) < 0)
      fprintf(stderr, "worker: %s\n", problem.text);
    dup2(to[0], STDIN_FILENO);
    dup2(from[1], STDOUT_FILENO);
    become(&arguments);
  }
  close(from[1]);
  close(to[0]);
  bool told = pid > 0 && read(from[0], &report, sizeof report) == (ssize_t)sizeof report;
  int rc = told ? bench_containers_agent_memory(config->containers, &report.cgroup_bytes, err) : 0;
  close(from[0]);
  close(to[1]);
  if (pid > 0 && end_code(pid) != 0)
    told = false;
  if (!told)
    return mw_error_set(err, ECHILD, "the process whose memory is measured failed");
  if (rc == 0)
    *out = report;
  return rc;
}

/* ---- System calls ---- */

/* Let the child go on until it stops itself. @return how often a system call began or ended. */
static int64_t trace_until_stop(pid_t pid, bool count)
{
  int64_t events = 0;
  int status, signal = 0;

  for (;;) {
    if (ptrace(count ? PTRACE_SYSCALL : PTRACE_CONT, pid, NULL, signal) < 0 ||
        waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
      return -1;
    signal = WSTOPSIG(status);
    if (signal == SIGSTOP)
      return events;
    if (signal == (SIGTRAP | 0x80)) {
      events++;
      signal = 0;
    }
  }
}

/* The child has stopped itself at its exec. */
static int trace(pid_t pid, uint64_t *whole, uint64_t *gather)
{
  int64_t events[4];

  if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) < 0)
    return -errno;
  for (int i = 0; i < 4; i++)
    if ((events[i] = trace_until_stop(pid, i % 2 == 1)) < 0)
      return -ECHILD;
  *whole = (uint64_t)events[1] / 2;
  *gather = (uint64_t)events[3] / 2;
  return 0;
}

int bench_worker_count_calls(const struct bench_worker_config *config, uint64_t *whole,
                             uint64_t *gather, struct mw_error *err)
{
  struct arguments arguments;
  int status;

  list_arguments(config, "stops", NULL, &arguments);
  pid_t pid = fork();
  if (pid == 0) {
    MW_AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
      _exit(126);
    become(&arguments);
  }
  if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
    return mw_error_set(err, EPERM, "this process may not trace another");
  int rc = trace(pid, whole, gather);
  kill(pid, SIGKILL);
  end_code(pid);
  return rc < 0 ? mw_error_set(err, -rc, "the process that was traced ended") : 0;
}

/* ---- Instructions ---- */

/* "==123== Collected : 4567": the number. */
static bool find_collected(struct mw_slice text, uint64_t *out)
{
  struct mw_slice line, word;

  while (mw_slice_next_line(&text, &line))
    while (mw_slice_next_word(&line, &word))
      if (mw_slice_equal(word, "Collected"))
        /* NOLINTNEXTLINE(misc-redundant-expression): the second call gives the next word */
        return mw_slice_next_word(&line, &word) && mw_slice_next_word(&line, &word) &&
               mw_parse_u64(word, out);
  return false;
}

static int count_in(const struct bench_worker_config *config, const char *function, uint64_t *out,
                    struct mw_error *err)
{
  const char *const prefix[] = {"valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                                function, NULL};
  struct arguments arguments;
  char text[16384];
  size_t text_bytes = 0;
  ssize_t got;
  int from[2];

  list_arguments(config, "plain", prefix, &arguments);
  if (!make_pipe(from))
    return mw_error_set(err, errno, "cannot make a pipe: %s", strerror(errno));
  pid_t pid = fork();
  if (pid == 0) {
    MW_AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(from[1], STDERR_FILENO);
    become(&arguments);
  }
  close(from[1]);
  while ((got = read(from[0], text + text_bytes, sizeof text - text_bytes)) > 0)
    text_bytes += (size_t)got;
  close(from[0]);
  int code = pid > 0 ? end_code(pid) : -1;
  if (code == 127)
    return mw_error_set(err, ENOENT, "valgrind is not installed");
  if (code != 0 || !find_collected((struct mw_slice){text, text_bytes}, out))
    return mw_error_set(err, ECHILD, "valgrind failed: %.*s",
                        (int)(text_bytes > 200 ? 200 : text_bytes), text);
  return 0;
}

int bench_worker_count_instructions(const struct bench_worker_config *config, uint64_t *whole,
                                    uint64_t *gather, struct mw_error *err)
{
  int rc = count_in(config, "--toggle-collect=" WHOLE_FUNCTION, whole, err);

  return rc == 0 ? count_in(config, "--toggle-collect=" GATHER_FUNCTION, gather, err) : rc;
}
