/**
 * @file status_process.h
 * What the agent itself costs: CPU time, memory, descriptors.
 * Source: proc(5), clock_gettime(2), cgroups(7). Thread-safety: that of the writer.
 */
#ifndef MW_STATUS_PROCESS_H
#define MW_STATUS_PROCESS_H

#include "bindings/context.h"
#include "json/writer.h"

/** Write the object; what cannot be read is absent. */
void mw_status_write_process(struct mw_json_writer *w, const struct mw_context_usage *usage,
                             int64_t uptime_ns);

#endif
