/** @file since.h  Points of time as people write them on a command line. */
#ifndef MW_CLI_SINCE_H
#define MW_CLI_SINCE_H

#include <stdint.h>

#include "moonwatch/error.h"

/**
 * "90s", "10m", "2h", "3d": so long before @p now_ns; "2026-11-26", "2026-11-26T12:00",
 * "2026-11-26T12:00:00Z": that time, of UTC. All of the wall clock.
 * @return 0; -EINVAL with what is expected.
 */
int mw_cli_parse_since(const char *text, int64_t now_ns, int64_t *out_ns, struct mw_error *err);

#endif
