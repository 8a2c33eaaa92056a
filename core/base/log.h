/**
 * @file log.h
 * What the agent says about itself: one line an entry, as text or as JSON, to one descriptor.
 *
 * The sink belongs to the process and is set once, by the program. Only the outermost layer that
 * knows what to do about a failure logs it; lower layers return it.
 * Thread-safety: every function may be called from any thread; entries stay whole. Where nobody
 * reads the descriptor entries are dropped, and the next one that is read is preceded by their
 * count.
 */
#ifndef MW_LOG_H
#define MW_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "moonwatch/clock.h"
#include "moonwatch/error.h"

enum mw_log_level { MW_LOG_DEBUG, MW_LOG_INFO, MW_LOG_WARN, MW_LOG_ERROR };
enum mw_log_format { MW_LOG_TEXT, MW_LOG_JSON };

struct mw_log_config {
  enum mw_log_level level; /**< entries below it are dropped */
  enum mw_log_format format;
  int fd;                       /**< not closed by the log */
  const struct mw_clock *clock; /**< NULL: the system's */
};

/** Until this is called: text, warnings and errors, standard error. */
void mw_log_configure(const struct mw_log_config *config);

/** Of what mw_log_configure was told, change the level alone, or the format. */
void mw_log_set_level(enum mw_log_level level);
void mw_log_set_format(enum mw_log_format format);

bool mw_log_enabled(enum mw_log_level level);

/** @p component is the part that speaks: "cgroup", or the name of a script. */
void mw_log(enum mw_log_level level, const char *component, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Longer texts are cut. */
#define MW_LOG_ENTRY_MAX_BYTES 16384

/** Keeps one kind of entry from flooding: zero it, keep it beside what it is about. */
struct mw_log_limit {
  int64_t silent_until_ns; /**< monotonic */
  uint64_t suppressed_total;
};

/** How long a kind of entry stays silent after it was written. */
#define MW_LOG_LIMIT_INTERVAL_NS (60 * MW_NS_PER_S)

/**
 * As mw_log, but at most once in MW_LOG_LIMIT_INTERVAL_NS for each @p limit; the next entry says
 * how many were left out. @p limit needs the same protection as the object that it lies in.
 */
void mw_log_limited(struct mw_log_limit *limit, enum mw_log_level level, const char *component,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** "debug", "info", "warn", "error". @return 0, or -EINVAL with @p err filled. */
int mw_log_level_parse(const char *text, enum mw_log_level *out, struct mw_error *err);

#endif
