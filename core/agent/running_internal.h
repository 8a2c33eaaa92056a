/**
 * @file running_internal.h
 * The file of core/agent/running.h, and what its parts share; nobody else includes it.
 */
#ifndef MW_RUNNING_INTERNAL_H
#define MW_RUNNING_INTERNAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "agent/running.h"
#include "agent/settings.h"

#define MW_RUNNING_MAGIC "MWRUN\0\0\1" /* the last byte is the version of the layout */
#define MW_RUNNING_SLOTS                                                                           \
  ((size_t)2 * MW_SETTINGS_SCRIPTS_MAX) /* those of scripts that went, too                         \
                                         */

enum mw_running_why {
  MW_RUNNING_INNOCENT,
  MW_RUNNING_CRASHED, /**< its thread got a signal that ends the process */
  MW_RUNNING_HUNG,    /**< it ran for much longer than it may, and nothing stopped it */
  MW_RUNNING_SUSPECT, /**< it was running at so many ends in a row that nobody explained */
};

/** In mark, beside the numbers of signals. */
#define MW_RUNNING_MARK_HUNG UINT32_MAX

struct mw_running_slot {
  char kind[16], name[112]; /**< "" : nobody's */

  /* Noted by the slot's thread. */
  _Atomic uint32_t state; /**< enum mw_running_state */
  _Atomic uint32_t mark;  /**< the signal of its fault, or MW_RUNNING_MARK_HUNG; 0: none */
  _Atomic int64_t since_ns, wall_ms, opening_wall_ms;
  _Atomic uint64_t text_hash, opening_hash;

  /* Judged by the next start. */
  struct {
    uint64_t text_hash;
    _Atomic uint32_t count;
    uint32_t unused;
  } strikes;
  struct {
    _Atomic uint32_t why; /**< enum mw_running_why */
    uint32_t signal;
    uint32_t was_opening, unused;
    uint64_t text_hash;
    int64_t wall_ns;
  } verdict;
  char unused[32];
};
_Static_assert(sizeof(struct mw_running_slot) == 256, "a slot lies in one page");

struct mw_running_file {
  char magic[8];
  char version[32]; /**< of the program: what another one did says nothing of this one */
  _Atomic uint32_t is_clean;
  uint32_t unused;
  _Atomic int64_t alive_ns;
  char more[200];
  struct mw_running_slot slots[MW_RUNNING_SLOTS];
};
_Static_assert(sizeof(struct mw_running_file) == 256 * (1 + MW_RUNNING_SLOTS), "no gaps");

extern const char mw_running_version[32];

/** Is it in the middle of something, and was at @p now_ns, for much longer than it may? */
bool mw_running_hangs(const struct mw_running_slot *slot, int64_t now_ns);

/** Take the end of the agent that left @p last into account: strikes and verdict of @p slot, which
 * is a copy of one of it. Pure but for the wall clock. */
void mw_running_judge(struct mw_running_slot *slot, const struct mw_running_file *last);

/** From now on faults are marked in @p file, until mw_running_leave_faults. */
void mw_running_catch_faults(struct mw_running_file *file);
void mw_running_leave_faults(void);

#endif
