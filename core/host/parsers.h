/**
 * @file parsers.h
 * What the kernel's files say about a host, apart from reading them: pure, for tests and fuzzers.
 * The parsers that count CPUs are in moonwatch/host.h.
 *
 * Source: proc_meminfo(5), proc_stat(5), proc_version(5), hostname(5), machine-id(5),
 * os-release(5).
 * Thread-safety: no state.
 */
#ifndef MW_HOST_PARSERS_H
#define MW_HOST_PARSERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/parse.h"
#include "moonwatch/error.h"
#include "moonwatch/host.h"

/** More CPUs than any Linux supports: a larger count is damage, not a host. */
#define MW_HOST_CPUS_MAX 65536

/** MemTotal of /proc/meminfo in bytes. @return 0, or -EBADMSG: missing, zero or over 64 bits. */
int mw_host_parse_memory_total(struct mw_slice meminfo, uint64_t *bytes, struct mw_error *err);

/** btime of /proc/stat, seconds since 1970. @return 0, or -EBADMSG: missing, or not a time. */
int mw_host_parse_boot_time(struct mw_slice stat, int64_t *seconds, struct mw_error *err);

/**
 * The first line that is neither empty nor a comment, without blanks around it.
 * @return 0, or -EBADMSG: none, unprintable bytes in it, or longer than @p name.
 */
int mw_host_parse_name(struct mw_slice text, char name[static MW_HOST_NAME_BYTES],
                       struct mw_error *err);

/** The third word of /proc/version: "Linux version 6.1.0-18-amd64 (...". Errors as above. */
int mw_host_parse_version(struct mw_slice text, char release[static MW_HOST_NAME_BYTES],
                          struct mw_error *err);

/**
 * A UUID of the firmware's, in whatever case. Errors as above; -EBADMSG also for one whose digits
 * are all 0 or all F: firmware that was never told its own.
 */
int mw_host_parse_product_uuid(struct mw_slice text, char uuid[static MW_HOST_NAME_BYTES],
                               struct mw_error *err);

/** The 32 digits of /etc/machine-id; -EBADMSG: anything else, such as "uninitialized". */
int mw_host_parse_machine_id(struct mw_slice text, char id[static MW_HOST_NAME_BYTES],
                             struct mw_error *err);

/* ---- os_release.c ---- */

/**
 * The value that os-release assigns to @p key: bare, in single or in double quotes, with
 * backslashes as in a shell. The last assignment counts; one that no shell would take, or whose
 * value is empty or not printable ASCII, is none.
 * @return false, and @p value untouched, when there is none.
 */
bool mw_host_parse_os_release(struct mw_slice text, const char *key,
                              char value[static MW_HOST_NAME_BYTES]);

/**
 * The family of a platform, "debian" of "ubuntu": that of @p id, else of the first word of
 * @p id_like ("" when there is none) that is known, else @p id. A constant, or @p id itself.
 */
const char *mw_host_platform_family(const char *id, const char *id_like);

#endif
