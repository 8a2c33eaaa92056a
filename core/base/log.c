#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/outlet.h"
#include "base/rfc3339.h"
#include "base/text.h"

static const char *const level_names[] = {"debug", "info", "warn", "error"};

/* The one sink of the process; the mutex guards it and keeps entries whole. */
static pthread_mutex_t sink_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mw_log_config sink = {.level = MW_LOG_WARN, .format = MW_LOG_TEXT, .fd = 2};

/* A reader that stopped must not stop the agent: who logs waits so long, once, until it reads on.
 */
#define PATIENCE_NS (100 * MW_NS_PER_MS)

/* Of the sink, and guarded like it. */
static int outlet = -1;         /* its descriptor that does not block; -1: none but its own */
static struct mw_buf unwritten; /* of an entry that was not written to its end */
static size_t written_bytes;    /* of it */
static uint64_t dropped_total;  /* entries since; not told yet */

static const struct mw_clock *clock_of(const struct mw_log_config *config)
{
  return config->clock ? config->clock : mw_clock_system();
}

void mw_log_configure(const struct mw_log_config *config)
{
  pthread_mutex_lock(&sink_mutex);
  sink = *config;
  if (outlet >= 0)
    close(outlet);
  outlet = mw_outlet_open(sink.fd);
  mw_buf_deinit(&unwritten);
  dropped_total = 0;
  pthread_mutex_unlock(&sink_mutex);
}

void mw_log_set_level(enum mw_log_level level)
{
  pthread_mutex_lock(&sink_mutex);
  sink.level = level;
  pthread_mutex_unlock(&sink_mutex);
}

void mw_log_set_format(enum mw_log_format format)
{
  pthread_mutex_lock(&sink_mutex);
  sink.format = format;
  pthread_mutex_unlock(&sink_mutex);
}

bool mw_log_enabled(enum mw_log_level level)
{
  pthread_mutex_lock(&sink_mutex);
  bool enabled = level >= sink.level;
  pthread_mutex_unlock(&sink_mutex);
  return enabled;
}

static int append_json_pair(struct mw_buf *entry, const char *key, const char *text)
{
  mw_buf_printf(entry, NULL, "\"%s\":", key);
  return mw_text_append_json(entry, (struct mw_slice){text, strlen(text)}, NULL);
}

static void build_entry(struct mw_buf *entry, enum mw_log_level level, const char *component,
                        const char *message)
{
  char time_text[MW_RFC3339_BYTES];

  mw_rfc3339(mw_clock_wall_ns(clock_of(&sink)), time_text);
  if (sink.format == MW_LOG_TEXT) {
    mw_buf_printf(entry, NULL, "%s %-5s %s: %s\n", time_text, level_names[level], component,
                  message);
    return;
  }
  mw_buf_append_text(entry, "{", NULL);
  append_json_pair(entry, "component", component);
  mw_buf_append_text(entry, ",", NULL);
  append_json_pair(entry, "level", level_names[level]);
  mw_buf_append_text(entry, ",", NULL);
  append_json_pair(entry, "message", message);
  mw_buf_append_text(entry, ",", NULL);
  append_json_pair(entry, "time", time_text);
  mw_buf_append_text(entry, "}\n", NULL);
}

/* The four below are called with the mutex held. */

/* @return false: nobody takes it now; the rest is kept, so that the next entry begins a line. */
static bool write_rest(int64_t patience_ns)
{
  int64_t deadline_ns = mw_clock_monotonic_ns(mw_clock_system()) + patience_ns;
  int fd = outlet >= 0 ? outlet : sink.fd;

  while (written_bytes < unwritten.len_bytes) {
    ssize_t used = mw_outlet_write(fd, unwritten.data + written_bytes,
                                   unwritten.len_bytes - written_bytes, deadline_ns, NULL);
    if (used < 0)
      return false;
    written_bytes += (size_t)used;
  }
  mw_buf_deinit(&unwritten);
  return true;
}

static bool begin_entry(enum mw_log_level level, const char *component, const char *message)
{
  mw_buf_init(&unwritten, MW_LOG_ENTRY_MAX_BYTES * 8UL);
  written_bytes = 0;
  build_entry(&unwritten, level, component, message);
  return write_rest(PATIENCE_NS);
}

static bool tell_dropped(void)
{
  char message[96];

  if (dropped_total == 0)
    return true;
  snprintf(message, sizeof message, "%llu entries were dropped here: nobody read them",
           (unsigned long long)dropped_total);
  dropped_total = 0;
  return begin_entry(MW_LOG_WARN, "log", message);
}

static void write_entry(enum mw_log_level level, const char *component, const char *message)
{
  if (!write_rest(0) || !tell_dropped())
    dropped_total++;
  else
    begin_entry(level, component, message);
}

/* One entry is one line: what a script or a file put in must neither fake another nor steer the
 * terminal that shows it, with U+0080 to U+009F (two bytes) included. */
static void flatten(char *message)
{
  for (unsigned char *c = (unsigned char *)message; *c; c++) {
    bool two_bytes = c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0;
    if (two_bytes)
      *c++ = ' ';
    if (two_bytes || (*c < 0x20 && *c != '\t') || *c == 0x7F)
      *c = ' ';
  }
}

void mw_log(enum mw_log_level level, const char *component, const char *fmt, ...)
{
  char message[MW_LOG_ENTRY_MAX_BYTES];
  va_list args;

  if (!mw_log_enabled(level))
    return;
  va_start(args, fmt);
  vsnprintf(message, sizeof message, fmt, args);
  va_end(args);
  flatten(message);
  pthread_mutex_lock(&sink_mutex);
  write_entry(level, component, message);
  pthread_mutex_unlock(&sink_mutex);
}

void mw_log_limited(struct mw_log_limit *limit, enum mw_log_level level, const char *component,
                    const char *fmt, ...)
{
  char message[MW_LOG_ENTRY_MAX_BYTES];
  va_list args;

  pthread_mutex_lock(&sink_mutex);
  if (level >= sink.level) {
    int64_t now_ns = mw_clock_monotonic_ns(clock_of(&sink));
    if (limit->silent_until_ns != 0 && now_ns < limit->silent_until_ns) {
      limit->suppressed_total++;
    } else {
      va_start(args, fmt);
      int used = vsnprintf(message, sizeof message, fmt, args);
      va_end(args);
      if (limit->suppressed_total > 0 && used >= 0 && (size_t)used < sizeof message - 64)
        snprintf(message + used, 64, " (and %llu more like this since)",
                 (unsigned long long)limit->suppressed_total);
      flatten(message);
      write_entry(level, component, message);
      *limit = (struct mw_log_limit){.silent_until_ns = now_ns + MW_LOG_LIMIT_INTERVAL_NS};
    }
  }
  pthread_mutex_unlock(&sink_mutex);
}

int mw_log_level_parse(const char *text, enum mw_log_level *out, struct mw_error *err)
{
  for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
    if (strcmp(text, level_names[i]) == 0) {
      *out = (enum mw_log_level)i;
      return 0;
    }
  }
  return mw_error_set(err, EINVAL, "unknown log level \"%s\": use debug, info, warn or error",
                      text);
}
