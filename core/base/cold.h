/** @file cold.h  What hardly ever happens stays out of the way of what always does. */
#ifndef MW_COLD_H
#define MW_COLD_H

/** In front of a function that is called when something is wrong: it is never inlined, so its
 *  buffers do not weigh on the callers. */
#define MW_COLD __attribute__((cold, noinline))

#endif
