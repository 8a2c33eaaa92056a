/** @file cold.h  What is rare stays out of the way of what is done a million times. */
#ifndef MW_COLD_H
#define MW_COLD_H

/** In front of a function that is never inlined: its buffers and registers do not weigh on the few
 *  instructions around the call. */
#define MW_APART __attribute__((noinline))

/** The same for what is called only when something is wrong. */
#define MW_COLD __attribute__((cold, noinline))

#endif
