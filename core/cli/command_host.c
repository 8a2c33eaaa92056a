/* moonwatch host: what is known about this host. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/cli.h"
#include "moonwatch/cgroup.h"
#include "moonwatch/host.h"
#include "json/writer.h"

static const char help[] =
    "Usage: moonwatch host [OPTION...]\n"
    "\n"
    "Show what is known about this host: name, kernel, CPUs, memory, start, and\n"
    "which version of cgroups each controller has.\n"
    "\n"
    "Options:\n"
    "  --format table|json  how to print (default: table)\n"
    "  --host-root DIR      look at the host below DIR (default: /)\n"
    "  --help               show this\n"
    "\n"
    "Exit codes: 0 fine, 1 something could not be read, 2 wrong usage.";

struct facts {
  struct mw_host *host;
  struct mw_cgroups *cgroups;
  bool failed;
};

static void note(struct facts *facts, const struct mw_error *err)
{
  mw_cli_say("%s", err->text);
  facts->failed = true;
}

static void write_text(struct mw_json_writer *w, const char *key, const char *text)
{
  mw_json_write_key(w, key);
  mw_json_write_text(w, text);
}

static void print_boot_time(int64_t boot_time_s)
{
  time_t seconds = (time_t)boot_time_s;
  struct tm utc;
  char text[64];

  gmtime_r(&seconds, &utc);
  strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &utc);
  printf("started    %s\n", text);
}

static void print_table(struct facts *facts)
{
  char text[MW_HOST_NAME_BYTES], unit[MW_CLI_UNIT_BYTES];
  struct mw_error err;
  uint64_t bytes;
  int64_t seconds;

  if (mw_host_name(facts->host, text, &err) == 0)
    printf("host       %s\n", text);
  else
    note(facts, &err);
  if (mw_host_kernel_release(facts->host, text, &err) == 0)
    printf("kernel     %s\n", text);
  else
    note(facts, &err);
  printf("CPUs       %" PRIu32 "\n", mw_host_cpu_count(facts->host));
  if (mw_host_memory_total_bytes(facts->host, &bytes, &err) == 0)
    printf("memory     %s\n", mw_cli_bytes((double)bytes, unit));
  else
    note(facts, &err);
  if (mw_host_boot_time_s(facts->host, &seconds, &err) == 0)
    print_boot_time(seconds);
  else
    note(facts, &err);
  printf("host type  %s\n", mw_container_host_type_name(mw_host_container_host_type(facts->host)));
  for (int i = 0; facts->cgroups && i < MW_CONTROLLER_COUNT; i++) {
    struct mw_controller_info info;
    mw_cgroups_controller(facts->cgroups, (enum mw_controller)i, &info);
    const char *name = mw_controller_name((enum mw_controller)i, info.version);
    if (info.version > 0)
      printf("cgroup %-8s  version %d at %s\n", name, info.version, info.mount_path);
    else
      printf("cgroup %-8s  -\n", name);
  }
}

/* Keys are sorted in all that is written. */
static const enum mw_controller sorted_controllers[MW_CONTROLLER_COUNT] = {
    MW_CONTROLLER_CPU, MW_CONTROLLER_CPUACCT, MW_CONTROLLER_CPUSET, MW_CONTROLLER_HUGETLB,
    MW_CONTROLLER_IO,  MW_CONTROLLER_MEMORY,  MW_CONTROLLER_PIDS,   MW_CONTROLLER_PRESSURE,
};

static void write_controllers(struct mw_json_writer *w, struct mw_cgroups *cgroups)
{
  mw_json_write_key(w, "cgroupControllers");
  mw_json_begin_object(w);
  for (int i = 0; i < MW_CONTROLLER_COUNT; i++) {
    struct mw_controller_info info;
    mw_cgroups_controller(cgroups, sorted_controllers[i], &info);
    if (info.version == 0)
      continue;
    mw_json_write_key(w, mw_controller_name(sorted_controllers[i], 2));
    mw_json_begin_object(w);
    write_text(w, "mountPath", info.mount_path);
    mw_json_write_key(w, "version");
    mw_json_write_i64(w, info.version);
    mw_json_end_object(w);
  }
  mw_json_end_object(w);
}

static void write_facts(struct mw_json_writer *w, struct facts *facts)
{
  char text[MW_HOST_NAME_BYTES];
  struct mw_error err;
  uint64_t bytes;
  int64_t seconds;

  mw_json_begin_object(w);
  if (mw_host_boot_time_s(facts->host, &seconds, &err) == 0) {
    mw_json_write_key(w, "bootTime");
    mw_json_write_i64(w, seconds);
  } else {
    note(facts, &err);
  }
  if (facts->cgroups)
    write_controllers(w, facts->cgroups);
  mw_json_write_key(w, "containerHostType");
  mw_json_write_i64(w, mw_host_container_host_type(facts->host));
  if (mw_host_name(facts->host, text, &err) == 0)
    write_text(w, "hostName", text);
  else
    note(facts, &err);
  if (mw_host_kernel_release(facts->host, text, &err) == 0)
    write_text(w, "kernelRelease", text);
  else
    note(facts, &err);
  mw_json_write_key(w, "numCpus");
  mw_json_write_u64(w, mw_host_cpu_count(facts->host));
  if (mw_host_memory_total_bytes(facts->host, &bytes, &err) == 0) {
    mw_json_write_key(w, "totalMemory");
    mw_json_write_u64(w, bytes);
  } else {
    note(facts, &err);
  }
  mw_json_end_object(w);
}

static void print_json(struct facts *facts)
{
  struct mw_json_writer w;
  struct mw_error err;
  MW_AUTO_BUF out;

  mw_buf_init(&out, (size_t)1 << 20);
  mw_json_writer_init(&w, &out, &err);
  write_facts(&w, facts);
  if (mw_json_writer_finish(&w) < 0)
    note(facts, &err);
  else
    puts(out.data);
}

static int show(const struct mw_cli_host_view *view)
{
  struct mw_host_config host_config = {.host_root = view->host_root};
  struct mw_cgroups_config cgroups_config = {.host_root = view->host_root};
  struct facts facts = {0};
  struct mw_error err;

  facts.host = mw_host_new(&host_config, &err);
  if (!facts.host) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_FAILED;
  }
  facts.cgroups = mw_cgroups_open(&cgroups_config, &err);
  if (!facts.cgroups)
    note(&facts, &err);
  if (view->format == MW_CLI_JSON)
    print_json(&facts);
  else
    print_table(&facts);
  mw_cgroups_close(facts.cgroups);
  mw_host_free(facts.host);
  return facts.failed ? MW_EXIT_FAILED : MW_EXIT_FINE;
}

int mw_command_host(int argc, char **argv)
{
  const struct mw_cli_host_command command = {.name = "host", .help = help, .show = show};

  return mw_cli_host_command(&command, argc, argv);
}
