/**
 * @file orders.h
 * What the control socket understands; docs/operating.md lists it for people.
 *
 *   status              the body is the object of agent/status.h
 *   scripts             the body is the object of agent/scripts.h
 *   reload              read the configuration, load scripts and open files anew, as SIGHUP does;
 *                       with mistakes in the configuration the body has them, one a line
 *   run-now NAME        run a script at once, also one that is paused
 *   pause NAME          do not run it until it is resumed
 *   resume NAME         go on, also with a script that is held for its budget
 *   log-level LEVEL     debug, info, warn or error
 *
 * The body of the other orders is one line for people, which says what happens.
 */
#ifndef MW_ORDERS_H
#define MW_ORDERS_H

#include "agent/status.h"
#include "base/buf.h"
#include "moonwatch/error.h"

/** An mw_control_answer without its data. @return -EINVAL: not understood; -ENOENT: no such script;
 *  MW_CONTROL_LATER: it is answered when the configuration has been read. */
int mw_orders_take(struct mw_agent *agent, char *line, struct mw_buf *body, struct mw_error *err);

#endif
