/**
 * @file status_problems.h
 * What is wrong with a running agent, and what is good to know, in sentences for people.
 *
 * A problem is there as long as it lasts: a script that does not run, or failed at its last run; a
 * source that is not heard of; a sink that does not deliver. What somebody wanted, or what is over,
 * is a note.
 * Thread-safety: that of the runner.
 */
#ifndef MW_STATUS_PROBLEMS_H
#define MW_STATUS_PROBLEMS_H

#include "agent/status.h"
#include "bindings/context.h"
#include "json/writer.h"

/** Write the members "healthy", "notes" and "problems", the last two lists of texts. */
void mw_status_write_problems(struct mw_json_writer *w, const struct mw_agent *agent,
                              const struct mw_context_usage *usage);

#endif
