/*
 * What a container costs: the agent's work beside its floor, on cgroups of this machine that are
 * made for it. docs/benchmarks.md says what is measured, and how.
 *
 * This process makes the cgroups and removes them again, whatever becomes of the one that measures.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "containers.h"
#include "measure.h"
#include "moonwatch/clock.h"
#include "report.h"

#define SIZES_MAX 16
#define CONTAINERS_MAX 20000
#define SECONDS_MAX 3600.0

/* Paths of the tree that this was built from: a benchmark is not installed. */
#ifndef BENCH_SCRIPT_DIRS
#error "the build says where the scripts are"
#endif

enum { EXIT_FINE, EXIT_FAILED, EXIT_USAGE, EXIT_NOT_PERMITTED };

struct arguments {
  size_t sizes[SIZES_MAX];
  size_t sizes_count;
  double seconds;
  bool cold, instructions, json;
};

static volatile sig_atomic_t stop; /* the signal that came; 0: none */

static void on_signal(int number)
{
  stop = number;
}

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  fputs("bench: ", stderr);
  vfprintf(stderr, fmt, args);
  fputc('\n', stderr);
  va_end(args);
}

static void print_help(void)
{
  puts("Usage: gather [OPTION...]\n"
       "\n"
       "Make container cgroups on this machine, measure what a container costs the agent beside\n"
       "what it costs the kernel alone, and remove them. Needs root: to make cgroups, and a mount\n"
       "namespace in which other containers are out of sight.\n"
       "\n"
       "Options:\n"
       "  --containers N,N,...  how many, one size after the other (default: 10,100,1000)\n"
       "  --seconds S           for the rounds of each size; one period at least (default: 10)\n"
       "  --cold                write over 96 MiB before each run, as if others had worked\n"
       "  --instructions        count instructions in user space too (needs valgrind)\n"
       "  --format text|json    (default: text)\n"
       "  --help                show this\n"
       "\n"
       "Exit codes: 0 measured (whether or not the goals were met), 1 failed, 2 wrong usage,\n"
       "3 this process may not make cgroups or mount namespaces. Progress goes to standard error.");
}

/* ---- Arguments ---- */

static int usage(const char *what, const char *text)
{
  say("%s %s (see --help)", what, text);
  return EXIT_USAGE;
}

static int parse_sizes(const char *text, struct arguments *out)
{
  out->sizes_count = 0;
  for (;;) {
    char *end;
    errno = 0;
    unsigned long size = strtoul(text, &end, 10);
    if (errno != 0 || end == text || text[0] == '-' || size == 0 || size > CONTAINERS_MAX ||
        (*end != ',' && *end != '\0') || out->sizes_count == SIZES_MAX)
      return usage("--containers is not a list of numbers, such as 10,100:", text);
    out->sizes[out->sizes_count++] = size;
    if (*end == '\0')
      return 0;
    text = end + 1;
  }
}

static int parse_seconds(const char *text, struct arguments *out)
{
  char *end;

  out->seconds = strtod(text, &end);
  if (end == text || *end != '\0' || !(out->seconds >= 0) || out->seconds > SECONDS_MAX)
    return usage("--seconds is not a number of seconds:", text);
  return 0;
}

static int parse_option(int option, char **argv, struct arguments *out)
{
  switch (option) {
  case 'c':
    return parse_sizes(optarg, out);
  case 's':
    return parse_seconds(optarg, out);
  case 'C':
    out->cold = true;
    return 0;
  case 'i':
    out->instructions = true;
    return 0;
  case 'f':
    out->json = strcmp(optarg, "json") == 0;
    return out->json || strcmp(optarg, "text") == 0 ? 0 : usage("no such format:", optarg);
  default:
    return usage("no such option, or a value is missing:", argv[optind - 1]);
  }
}

/* @return 0 to go on, EXIT_USAGE, or -1 when --help was shown. */
static int parse_arguments(int argc, char **argv, struct arguments *out)
{
  static const struct option options[] = {
      {"cold", no_argument, NULL, 'C'},
      {"containers", required_argument, NULL, 'c'},
      {"format", required_argument, NULL, 'f'},
      {"help", no_argument, NULL, 'h'},
      {"instructions", no_argument, NULL, 'i'},
      {"seconds", required_argument, NULL, 's'},
      {0},
  };
  int option, rc = 0;

  *out = (struct arguments){.sizes = {10, 100, 1000}, .sizes_count = 3, .seconds = 10};
  opterr = 0;
  while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (option == 'h') {
      print_help();
      return -1;
    }
    rc = parse_option(option, argv, out);
  }
  if (rc == 0 && optind < argc)
    rc = usage("what is this for:", argv[optind]);
  return rc;
}

/* ---- Supervising ---- */

/* Wait for the process that measures; what ends this one ends it too. */
static int supervise(pid_t pid, struct bench_result *result)
{
  int status;

  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR)
      return mw_error_set(&result->failure, errno, "lost the process that measures");
    if (stop)
      kill(pid, SIGKILL);
  }
  if (stop)
    return mw_error_set(&result->failure, EINTR, "interrupted");
  if (WIFSIGNALED(status))
    return mw_error_set(&result->failure, ECHILD, "the process that measures died of signal %d",
                        WTERMSIG(status));
  return -result->failure.code;
}

static int measure_in_child(const struct bench_measure_config *config, struct bench_result *result)
{
  sigset_t signals, before;

  /* Blocked until the child has none of our handlers left. */
  sigfillset(&signals);
  sigprocmask(SIG_BLOCK, &signals, &before);
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    bench_measure(config, result);
    _exit(0);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (pid < 0)
    return mw_error_set(&result->failure, errno, "cannot start a process: %s", strerror(errno));
  return supervise(pid, result);
}

static double now_s(void)
{
  return (double)mw_clock_monotonic_ns(mw_clock_system()) / (double)MW_NS_PER_S;
}

static int make(struct bench_containers *containers, size_t size, struct mw_error *err)
{
  double start_s = now_s();

  say("%zu containers: making them", size);
  int rc = bench_containers_make(containers, size, &stop, err);
  if (containers->networks_error.code != 0)
    say("%zu containers: without networks of their own: %s", size, containers->networks_error.text);
  if (rc == 0)
    say("%zu containers: made in %.1f s, with %zu network namespaces", size, now_s() - start_s,
        containers->networks.count);
  return rc;
}

static void remove_all(struct bench_containers *containers, size_t size)
{
  struct mw_error err;
  double start_s = now_s();

  if (bench_containers_remove(containers, &err) < 0)
    say("%s", err.text);
  else
    say("%zu containers: removed in %.1f s", size, now_s() - start_s);
}

/* @return 0, or -errno, with the reason in the result. */
static int measure_size(struct bench_measure_config *config, size_t size,
                        struct bench_result *result)
{
  int rc = make(config->containers, size, &result->failure);

  if (rc == 0) {
    say("%zu containers: measuring for about %.0f s and a few more", size, config->seconds);
    rc = measure_in_child(config, result);
  }
  result->containers = size;
  remove_all(config->containers, size);
  if (rc < 0)
    say("%zu containers: %s", size, result->failure.text);
  return rc;
}

static bool not_permitted(int rc)
{
  return rc == -EPERM || rc == -EACCES || rc == -EROFS;
}

static int report(const struct arguments *arguments, const struct bench_result *results,
                  size_t count)
{
  struct mw_error err;

  if (!arguments->json) {
    bench_report_text(stdout, results, count);
  } else if (bench_report_json(stdout, results, count, &err) < 0) {
    say("%s", err.text);
    return EXIT_FAILED;
  }
  return fflush(stdout) == 0 ? EXIT_FINE : EXIT_FAILED;
}

static int measure_sizes(const struct arguments *arguments, struct bench_measure_config *config)
{
  struct bench_result *results = mmap(NULL, SIZES_MAX * sizeof *results, PROT_READ | PROT_WRITE,
                                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  size_t measured = 0;
  int rc = 0;

  if (results == MAP_FAILED) {
    say("out of memory for the results");
    return EXIT_FAILED;
  }
  for (size_t i = 0; !stop && !not_permitted(rc) && i < arguments->sizes_count; i++) {
    int one = measure_size(config, arguments->sizes[i], &results[i]);
    rc = one < 0 ? one : rc;
    measured = i + 1;
  }
  if (stop)
    return 128 + stop;
  if (not_permitted(rc)) {
    say("run it as root, where the cgroups of the host are mounted writable");
    return EXIT_NOT_PERMITTED;
  }
  int reported = report(arguments, results, measured);
  return rc < 0 ? EXIT_FAILED : reported;
}

static void raise_descriptor_limit(void)
{
  struct rlimit files;

  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

int main(int argc, char **argv)
{
  static const char *const script_dirs[] = {BENCH_SCRIPT_DIRS, NULL};
  struct sigaction action = {.sa_handler = on_signal};
  struct bench_containers containers;
  struct arguments arguments;
  char program[PATH_MAX] = "";
  struct mw_error err;

  if (argc > 1 && strcmp(argv[1], "worker") == 0)
    return bench_worker_main(argc - 1, argv + 1);
  int rc = parse_arguments(argc, argv, &arguments);
  if (rc != 0)
    return rc < 0 ? EXIT_FINE : rc;
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGHUP, &action, NULL);
  raise_descriptor_limit();
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0 ||
      bench_containers_init(&containers, &err) < 0) {
    say("%s", program[0] ? err.text : "/proc is not mounted");
    return EXIT_FAILED;
  }
  struct bench_measure_config config = {.containers = &containers,
                                        .script_dirs = script_dirs,
                                        .program = program,
                                        .seconds = arguments.seconds,
                                        .cold = arguments.cold,
                                        .instructions = arguments.instructions};
  rc = measure_sizes(&arguments, &config);
  bench_containers_deinit(&containers);
  return rc;
}
