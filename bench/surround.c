/*
 * A program among containers that come and go: makes cgroups of this machine, runs the program so
 * that it sees them alone, in a memory cgroup of its own, and writes down what it takes. For
 * tools/soak and tools/bench; docs/benchmarks.md says what comes of it.
 *
 * Three processes: this one makes and replaces the containers; a child of it sees them alone and
 * takes the samples; its child is the program.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "containers.h"
#include "moonwatch/clock.h"

#define STATUS_MAX_BYTES ((size_t)64 << 10)

enum { EXIT_FINE, EXIT_FAILED, EXIT_USAGE, EXIT_NOT_PERMITTED };

struct arguments {
  size_t containers;
  unsigned replace_every_s, sample_every_s, seconds;
  const char *samples_path;
  char **command;
};

static volatile sig_atomic_t stop; /* the signal that came; 0: none */

static void on_signal(int number)
{
  stop = number;
}

static void catch_signals(void)
{
  struct sigaction action = {.sa_handler = on_signal};

  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

static int say_error(const struct mw_error *err)
{
  fprintf(stderr, "surround: %s\n", err->text);
  return err->code == EACCES || err->code == EPERM || err->code == EROFS ? EXIT_NOT_PERMITTED
                                                                         : EXIT_FAILED;
}

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* Until @p until_ns, a signal, or the end of a child. */
static void sleep_until(int64_t until_ns)
{
  const struct timespec until = {.tv_sec = until_ns / MW_NS_PER_S,
                                 .tv_nsec = until_ns % MW_NS_PER_S};

  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* ---- Samples ---- */

/* "RssAnon:      1234 kB", "Threads:  9"; 0 when it is not there. */
static uint64_t number_of(struct mw_slice text, const char *key)
{
  struct mw_slice line, word;
  uint64_t number;

  while (mw_slice_next_line(&text, &line))
    if (mw_slice_next_word(&line, &word) && mw_slice_equal(word, key) &&
        mw_slice_next_word(&line, &word) && mw_parse_u64(word, &number))
      return number;
  return 0;
}

static uint64_t count_entries(const char *path)
{
  DIR *dir = opendir(path);
  const struct dirent *entry;
  uint64_t count = 0;

  while (dir && (entry = readdir(dir)))
    count += entry->d_name[0] != '.';
  if (dir)
    closedir(dir);
  return count;
}

/* Of all threads together. */
static uint64_t count_switches(pid_t pid)
{
  char path[512];
  uint64_t count = 0;

  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *dir = opendir(path);
  const struct dirent *entry;
  while (dir && (entry = readdir(dir))) {
    MW_AUTO_BUF text;
    mw_buf_init(&text, STATUS_MAX_BYTES);
    snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, entry->d_name);
    if (entry->d_name[0] != '.' && mw_file_read(AT_FDCWD, path, &text, NULL) == 0)
      count += number_of((struct mw_slice){text.data, text.len_bytes}, "voluntary_ctxt_switches:");
  }
  if (dir)
    closedir(dir);
  return count;
}

/* Of its threads that live, and of those that have ended. */
static double cpu_s(pid_t pid)
{
  clockid_t clock;
  struct timespec used;

  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
    return 0;
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void write_head(FILE *out)
{
  fputs("seconds,rss_anon_bytes,rss_bytes,cgroup_bytes,cgroup_file_bytes,descriptors,threads,cpu_s,"
        "voluntary_switches\n",
        out);
}

static int write_sample(FILE *out, const struct bench_containers *containers, pid_t pid,
                        int64_t since_ns, struct mw_error *err)
{
  uint64_t cgroup_bytes = 0, file_bytes = 0;
  char path[64];
  MW_AUTO_BUF text;

  mw_buf_init(&text, STATUS_MAX_BYTES);
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  int rc = mw_file_read(AT_FDCWD, path, &text, err);
  if (rc == 0)
    rc = bench_containers_agent_memory(containers, &cgroup_bytes, err);
  if (rc == 0)
    rc = bench_containers_agent_file_memory(containers, &file_bytes, err);
  if (rc < 0)
    return rc;
  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  struct mw_slice status = {text.data, text.len_bytes};
  fprintf(out, "%.1f,%llu,%llu,%llu,%llu,%llu,%llu,%.6f,%llu\n",
          (double)(now_ns() - since_ns) / 1e9,
          (unsigned long long)number_of(status, "RssAnon:") * 1024,
          (unsigned long long)number_of(status, "VmRSS:") * 1024, (unsigned long long)cgroup_bytes,
          (unsigned long long)file_bytes, (unsigned long long)count_entries(path),
          (unsigned long long)number_of(status, "Threads:"), cpu_s(pid),
          (unsigned long long)count_switches(pid));
  return fflush(out) == 0 ? 0 : mw_error_set(err, errno, "cannot write: %s", strerror(errno));
}

/* ---- The program ---- */

__attribute__((noreturn)) static void become(const struct bench_containers *containers,
                                             char **command)
{
  struct mw_error err;

  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (bench_containers_enter_agent(containers, &err) < 0)
    exit(say_error(&err));
  execvp(command[0], command);
  fprintf(stderr, "surround: cannot run %s: %s\n", command[0], strerror(errno));
  _exit(127);
}

static int code_of(int status)
{
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int end_program(pid_t pid)
{
  int status;

  kill(pid, SIGTERM);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return code_of(status);
}

static int sample_until_end(const struct arguments *arguments, FILE *out,
                            const struct bench_containers *containers, pid_t pid)
{
  int64_t since_ns = now_ns();
  struct mw_error err;
  int status;

  write_head(out);
  for (unsigned at_s = arguments->sample_every_s; !stop && at_s <= arguments->seconds;
       at_s += arguments->sample_every_s) {
    sleep_until(since_ns + at_s * MW_NS_PER_S);
    if (waitpid(pid, &status, WNOHANG) == pid) {
      fprintf(stderr, "surround: %s has ended by itself, with code %d\n", arguments->command[0],
              code_of(status));
      return EXIT_FAILED;
    }
    if (!stop && write_sample(out, containers, pid, since_ns, &err) < 0) {
      end_program(pid);
      return say_error(&err);
    }
  }
  return end_program(pid);
}

/* The child that sees the containers alone. */
static int watch(const struct arguments *arguments, const struct bench_containers *containers)
{
  FILE *out = arguments->samples_path ? fopen(arguments->samples_path, "we") : stdout;
  struct mw_error err;

  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (!out) {
    fprintf(stderr, "surround: cannot open %s: %s\n", arguments->samples_path, strerror(errno));
    return EXIT_FAILED;
  }
  if (bench_containers_isolate(containers, &err) < 0)
    return say_error(&err);
  pid_t pid = fork();
  if (pid == 0)
    become(containers, arguments->command);
  return pid < 0 ? EXIT_FAILED : sample_until_end(arguments, out, containers, pid);
}

/* ---- The containers ---- */

static int replace_until_end(const struct arguments *arguments, struct bench_containers *containers,
                             pid_t watcher)
{
  size_t pods = (arguments->containers + 1) / 2;
  int64_t next_ns = now_ns(), every_ns = (int64_t)arguments->replace_every_s * MW_NS_PER_S;
  struct mw_error err;
  int status, code = EXIT_FINE;

  for (size_t pod = 0; waitpid(watcher, &status, WNOHANG) == 0; pod = (pod + 1) % pods) {
    next_ns += every_ns > 0 ? every_ns : MW_NS_PER_S;
    sleep_until(next_ns);
    if (!stop && every_ns > 0 && bench_containers_replace_pod(containers, pod, &err) < 0) {
      code = say_error(&err);
      stop = SIGTERM;
    }
    if (stop)
      kill(watcher, SIGTERM);
  }
  return code == EXIT_FINE ? code_of(status) : code;
}

static int run_among(const struct arguments *arguments, struct bench_containers *containers)
{
  pid_t watcher = fork();

  if (watcher == 0)
    exit(watch(arguments, containers));
  if (watcher < 0) {
    fprintf(stderr, "surround: cannot start a process: %s\n", strerror(errno));
    return EXIT_FAILED;
  }
  return replace_until_end(arguments, containers, watcher);
}

static int surround(const struct arguments *arguments)
{
  struct bench_containers containers;
  struct mw_error err;
  int code = EXIT_FINE;

  if (bench_containers_init(&containers, &err) < 0)
    return say_error(&err);
  if (bench_containers_make(&containers, arguments->containers, &stop, &err) < 0)
    code = say_error(&err);
  else
    code = run_among(arguments, &containers);
  if (containers.networks_error.code != 0)
    fprintf(stderr, "surround: without network namespaces: %s\n", containers.networks_error.text);
  if (bench_containers_remove(&containers, &err) < 0)
    code = say_error(&err);
  bench_containers_deinit(&containers);
  return code;
}

/* ---- Arguments ---- */

static void print_help(void)
{
  puts("Usage: surround [OPTION...] COMMAND [ARGUMENT...]\n"
       "\n"
       "Make container cgroups on this machine, run COMMAND so that it sees them alone, end it "
       "with\n"
       "SIGTERM, and remove them. Needs root. Samples of what it takes come as lines of CSV.\n"
       "\n"
       "Options:\n"
       "  --containers N     two to a pod (default: 100)\n"
       "  --replace-every S  replace a pod by another one every S seconds; 0: never (default: 1)\n"
       "  --sample-every S   (default: 5)\n"
       "  --samples FILE     where samples go (default: standard output)\n"
       "  --seconds S        how long (default: 60)\n"
       "  --help             show this\n"
       "\n"
       "Exit codes: that of COMMAND; 1 something failed, 2 wrong usage, 3 this process may not "
       "make\n"
       "cgroups or namespaces.");
}

static bool parse_count(const char *text, unsigned min, unsigned *out)
{
  char *end;
  unsigned long number = strtoul(text, &end, 10);

  *out = (unsigned)number;
  return end != text && *end == '\0' && text[0] != '-' && number >= min && number <= 1000000;
}

static bool parse_option(int option, struct arguments *out)
{
  unsigned number;

  switch (option) {
  case 'c':
    if (!parse_count(optarg, 1, &number))
      return false;
    out->containers = number;
    return true;
  case 'r':
    return parse_count(optarg, 0, &out->replace_every_s);
  case 'e':
    return parse_count(optarg, 1, &out->sample_every_s);
  case 's':
    return parse_count(optarg, 1, &out->seconds);
  case 'o':
    out->samples_path = optarg;
    return true;
  default:
    return false;
  }
}

int main(int argc, char **argv)
{
  static const struct option options[] = {{"containers", required_argument, NULL, 'c'},
                                          {"replace-every", required_argument, NULL, 'r'},
                                          {"sample-every", required_argument, NULL, 'e'},
                                          {"seconds", required_argument, NULL, 's'},
                                          {"samples", required_argument, NULL, 'o'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  struct arguments arguments = {
      .containers = 100, .replace_every_s = 1, .sample_every_s = 5, .seconds = 60};
  int option;

  while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
    if (option == 'h') {
      print_help();
      return EXIT_FINE;
    }
    if (!parse_option(option, &arguments)) {
      fprintf(stderr, "surround: wrong usage (see --help)\n");
      return EXIT_USAGE;
    }
  }
  arguments.command = argv + optind;
  if (!arguments.command[0]) {
    fprintf(stderr, "surround: which COMMAND? (see --help)\n");
    return EXIT_USAGE;
  }
  catch_signals();
  return surround(&arguments);
}
