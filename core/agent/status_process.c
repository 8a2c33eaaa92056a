#include "agent/status_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/members.h"
#include "base/file.h"
#include "moonwatch/cgroup.h"

#define PROC_STATUS_MAX_BYTES 16384

/* "RssAnon:\t    1234 kB" @return false: not there. */
static bool number_of(const char *text, const char *name, uint64_t *out)
{
  const char *line = strstr(text, name);

  if (!line)
    return false;
  *out = strtoull(line + strlen(name), NULL, 10);
  return true;
}

static uint64_t count_descriptors(void)
{
  DIR *dir = opendir("/proc/self/fd");
  uint64_t count = 0;

  if (!dir)
    return 0;
  while (readdir(dir))
    count++;
  closedir(dir);
  return count > 3 ? count - 3 : 0; /* ".", "..", and that of the folder */
}

static void write_memory(struct mw_json_writer *w, const char *proc_status)
{
  uint64_t number;

  if (number_of(proc_status, "\nRssAnon:", &number))
    mw_member_count(w, "rss_anon_bytes", number * 1024);
  if (number_of(proc_status, "\nVmRSS:", &number))
    mw_member_count(w, "rss_bytes", number * 1024);
  if (number_of(proc_status, "\nThreads:", &number))
    mw_member_count(w, "threads", number);
}

void mw_status_write_process(struct mw_json_writer *w, const struct mw_context_usage *usage,
                             int64_t uptime_ns)
{
  struct timespec cpu;
  uint64_t bytes;
  MW_AUTO_BUF text;

  mw_buf_init(&text, PROC_STATUS_MAX_BYTES);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  mw_json_begin_object(w);
  if (mw_cgroup_own_memory_bytes(&bytes))
    mw_member_count(w, "cgroup_memory_bytes", bytes);
  mw_member_s(w, "cpu_s", cpu.tv_sec * MW_NS_PER_S + cpu.tv_nsec);
  mw_member_count(w, "descriptors", count_descriptors());
  mw_member_count(w, "kept_files", usage->kept_files);
  mw_member_count(w, "kept_files_bytes", usage->kept_files * MW_CGROUP_KEPT_FILE_BYTES);
  mw_member_count(w, "kept_files_max", usage->kept_files_max);
  mw_member_count(w, "pid", (uint64_t)getpid());
  if (mw_file_read(AT_FDCWD, "/proc/self/status", &text, NULL) == 0)
    write_memory(w, text.data);
  mw_member_s(w, "uptime_s", uptime_ns);
  mw_json_end_object(w);
}
