/**
 * @file parsers.h
 * What the texts of /proc/PID mean, apart from reading them.
 * Source: see moonwatch/proc.h.
 * Thread-safety: no state.
 */
#ifndef MW_PROC_PARSERS_H
#define MW_PROC_PARSERS_H

#include "base/parse.h"
#include "moonwatch/proc.h"

/**
 * /proc/PID/stat, or its beginning: what is behind the start time may be missing.
 * @return 0, or -EBADMSG with @p out untouched.
 */
int mw_proc_parse_stat(struct mw_slice text, struct mw_process *out, struct mw_error *err);

/**
 * /proc/PID/net/dev: fills interfaces, present and values of @p out, and nothing else of it.
 * Lines that have not all fields, or a name that no interface can have, are left out.
 * @return 0; -EBADMSG: the two lines of the heading are missing; -E2BIG; -ENOMEM. @p out then has
 * no interfaces and no figures.
 */
int mw_proc_parse_net_dev(struct mw_slice text, struct mw_network_sample *out,
                          struct mw_error *err);

/** The target of /proc/PID/ns/net, "net:[4026531840]". @return its number; 0: it is none. */
uint64_t mw_proc_parse_namespace(struct mw_slice target);

/**
 * The line NSpid of /proc/PID/status: the process's ids from the pid namespace of this /proc down
 * to its own. @return its id when there is just one; 0 otherwise.
 */
int32_t mw_proc_parse_only_pid(struct mw_slice status);

#endif
