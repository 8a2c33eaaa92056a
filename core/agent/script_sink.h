/**
 * @file script_sink.h
 * A sink in Lua: a script whose function deliver(context, batch) is given what waits for it.
 *
 * It is the job of a worker, as checks are: with a state, a budget, and a thread of its own, loaded
 * anew when its files change, in status and in orders under its name. A run hands over one batch
 * after the other until nothing waits, one fails, or half of its budget is used. What becomes of a
 * batch is decided in agent/delivery.h. It has a gate of its own: it waits for no check, and no
 * check for it.
 *
 * Thread-safety: as agent/sink.h.
 */
#ifndef MW_SCRIPT_SINK_H
#define MW_SCRIPT_SINK_H

#include "agent/crew.h"
#include "agent/sink.h"

/** What @p order points to is held, what the scripts share is borrowed. The sink is never given up.
 *  @return NULL with @p err. */
struct mw_sink *mw_script_sink_start(const struct mw_script_order *order,
                                     const struct mw_crew_shared *shared, struct mw_error *err);

#endif
