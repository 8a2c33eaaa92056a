/*
 * What reading a kubelet's answers costs: our structs beside bare yajl and lua-cjson, on the same
 * bytes in the same run. docs/benchmarks.md says what is measured, and how.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parsers.h"
#include "timing.h"

#define DOCUMENT_MAX_BYTES ((size_t)256 << 20)
#define ROUNDS_MIN 5
#define STATUS_BYTES 8192
#define MIB 1048576.0

enum { EXIT_FINE, EXIT_FAILED, EXIT_USAGE };

static const size_t sizes[] = {30, 110, 250, 1000};

static const char *const document_names[BENCH_DOCUMENT_COUNT] = {"/stats/summary", "/pods"};
static const char *const parser_names[BENCH_PARSER_COUNT] = {"bare yajl", "moonwatch", "lua-cjson"};

struct figures {
  double ns;           /* of CPU time for the document: the median */
  double yajl_ratio;   /* to bare yajl in the same round: the median */
  size_t peak_bytes;   /* of memory above what was there before */
  size_t result_bytes; /* of that, in the end */
};

static void say(const char *text)
{
  fprintf(stderr, "bench: %s\n", text);
}

/* ---- Memory ---- */

/* A line such as "VmHWM:	  3456 kB" of /proc/self/status. */
static int read_status(const char *name, size_t *bytes)
{
  char text[STATUS_BYTES];
  FILE *file = fopen("/proc/self/status", "re");

  if (!file)
    return -errno;
  size_t used = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[used] = '\0';
  const char *line = strstr(text, name);
  if (!line)
    return -ENODATA;
  *bytes = (size_t)strtoull(line + strlen(name), NULL, 10) << 10;
  return 0;
}

static int reset_peak(void)
{
  FILE *file = fopen("/proc/self/clear_refs", "we");

  if (!file)
    return -errno;
  int rc = fputs("5", file) < 0 ? -EIO : 0; /* proc_pid_clear_refs(5): the peak is what is now */
  if (fclose(file) != 0)
    rc = -EIO;
  return rc;
}

struct question {
  struct bench_parsers *parsers;
  enum bench_parser parser;
  enum bench_document document;
  size_t pods;
  struct mw_slice text;
};

static int ask(const struct question *question, size_t *result_bytes, struct mw_error *err)
{
  return bench_parse(question->parsers, question->parser, question->document, question->pods,
                     question->text, result_bytes, err);
}

/* In a process of its own, whose heap nobody has grown before. */
static void measure_in_child(const struct question *question, struct figures *out)
{
  size_t before_bytes = 0, peak_bytes = 0;
  struct mw_error err;

  malloc_trim(0);
  if (reset_peak() == 0 && read_status("VmRSS:", &before_bytes) == 0 &&
      ask(question, &out->result_bytes, &err) == 0 && read_status("VmHWM:", &peak_bytes) == 0)
    out->peak_bytes = peak_bytes > before_bytes ? peak_bytes - before_bytes : 0;
}

static int measure_memory(const struct question *question, struct figures *out,
                          struct mw_error *err)
{
  struct figures *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int status = 0;

  if (shared == MAP_FAILED)
    return mw_error_set(err, ENOMEM, "out of memory for the results");
  pid_t pid = fork();
  if (pid == 0) {
    measure_in_child(question, shared);
    _exit(0);
  }
  if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
    mw_error_set(err, ECHILD, "the process that measures memory failed");
  else
    err->code = 0;
  out->peak_bytes = shared->peak_bytes;
  out->result_bytes = shared->result_bytes;
  munmap(shared, sizeof *shared);
  return -err->code;
}

/* ---- Time ---- */

static int measure_times(struct question *question, double seconds,
                         struct figures out[BENCH_PARSER_COUNT], struct mw_error *err)
{
  static struct bench_samples samples[BENCH_PARSER_COUNT];
  int64_t end_ns = bench_cpu_ns() + (int64_t)(seconds * 1e9);
  int rc = 0;

  memset(samples, 0, sizeof samples);
  for (size_t round = 0; rc == 0 && (round < ROUNDS_MIN || bench_cpu_ns() < end_ns); round++) {
    int64_t yajl_ns = 1;
    for (int i = 0; rc == 0 && i < BENCH_PARSER_COUNT; i++) {
      question->parser = (enum bench_parser)i;
      int64_t start_ns = bench_cpu_ns();
      rc = ask(question, NULL, err);
      int64_t ns = bench_cpu_ns() - start_ns;
      yajl_ns = i == BENCH_YAJL ? ns : yajl_ns;
      bench_samples_add(&samples[i], ns, yajl_ns);
    }
  }
  for (int i = 0; i < BENCH_PARSER_COUNT; i++) {
    out[i].ns = bench_samples_median_ns(&samples[i]);
    out[i].yajl_ratio = bench_samples_median_ratio(&samples[i]);
  }
  return rc;
}

/* ---- Report ---- */

static void report(const struct question *question, const struct figures figures[])
{
  double cjson_ns = figures[BENCH_CJSON].ns;

  printf("%s of %zu pods, %.2f MB\n", document_names[question->document], question->pods,
         (double)question->text.len_bytes / 1e6);
  printf("  %-10s %8s %8s %8s %9s %10s %10s\n", "", "MB/s", "us/pod", "of yajl", "of cjson",
         "peak MiB", "result MiB");
  for (int i = 0; i < BENCH_PARSER_COUNT; i++)
    printf("  %-10s %8.0f %8.2f %8.2f %9.1f %10.2f %10.2f\n", parser_names[i],
           (double)question->text.len_bytes * 1e3 / figures[i].ns,
           figures[i].ns / 1e3 / (double)question->pods, 1 / figures[i].yajl_ratio,
           cjson_ns / figures[i].ns, (double)figures[i].peak_bytes / MIB,
           (double)figures[i].result_bytes / MIB);
}

static int measure(struct bench_parsers *parsers, enum bench_document document, size_t pods,
                   double seconds, struct mw_error *err)
{
  struct figures figures[BENCH_PARSER_COUNT] = {0};
  MW_AUTO_BUF text;

  mw_buf_init(&text, DOCUMENT_MAX_BYTES);
  int rc = bench_document_write(document, pods, &text, err);
  struct question question = {
      .parsers = parsers, .document = document, .pods = pods, .text = {text.data, text.len_bytes}};
  for (int i = 0; rc == 0 && i < BENCH_PARSER_COUNT; i++) {
    question.parser = (enum bench_parser)i;
    if (i != BENCH_CJSON)             /* whose heap would be large then */
      rc = ask(&question, NULL, err); /* so that libraries are not used for the first time */
    if (rc == 0)
      rc = measure_memory(&question, &figures[i], err);
  }
  if (rc == 0)
    rc = measure_times(&question, seconds, figures, err);
  if (rc == 0)
    report(&question, figures);
  return rc;
}

static int parse_seconds(int argc, char **argv, double *seconds)
{
  static const struct option options[] = {
      {"help", no_argument, NULL, 'h'}, {"seconds", required_argument, NULL, 's'}, {0}};
  int option;
  char *end = NULL;

  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (option == 'h') {
      puts("Usage: kubelet [--seconds S]\n\n"
           "Read made-up answers of kubelets of 30, 110, 250 and 1000 pods, each with moonwatch's\n"
           "reader, bare yajl and lua-cjson in turn, for about S seconds each (default: 2).\n"
           "Exit codes: 0 measured (whether or not the goals were met), 1 failed, 2 wrong usage.");
      return -1;
    }
    *seconds = option == 's' ? strtod(optarg, &end) : -1;
    if (option != 's' || end == optarg || *end != '\0' || !(*seconds >= 0) || *seconds > 3600)
      return EXIT_USAGE;
  }
  return optind < argc ? EXIT_USAGE : 0;
}

int main(int argc, char **argv)
{
  struct mw_error err;
  double seconds = 2;
  int rc = parse_seconds(argc, argv, &seconds);

  if (rc != 0)
    return rc < 0 ? EXIT_FINE : rc;
  struct bench_parsers *parsers = bench_parsers_new(&err);
  rc = parsers ? 0 : -err.code;
  for (int i = 0; rc == 0 && i < BENCH_DOCUMENT_COUNT; i++)
    for (size_t j = 0; rc == 0 && j < sizeof sizes / sizeof sizes[0]; j++)
      rc = measure(parsers, (enum bench_document)i, sizes[j], seconds, &err);
  bench_parsers_free(parsers);
  if (rc < 0)
    say(err.text);
  return rc < 0 ? EXIT_FAILED : EXIT_FINE;
}
