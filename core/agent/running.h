/**
 * @file running.h
 * Who runs what at this moment, in a file that outlives the process: after a crash the next agent
 * reads which scripts were in the middle of something, and leaves those alone that brought the last
 * one down. docs/decisions/0020-quarantine.md tells which those are, and why.
 *
 * The file, STATE_DIR/running, is mapped: to note a run takes some stores to memory and no system
 * call. Every start makes it anew beside the old one, takes over what is still of worth, and
 * renames it; so whatever is there, garbage, another version or a folder, prevents no start.
 *
 * Signals that end a process (SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT) get a handler that notes
 * which script the thread was running, and then lets the signal do what it did before.
 *
 * Thread-safety: open, slot, beat and close belong to one thread. A slot is noted in by its own
 * thread, and may be asked and forgiven by any. There is at most one in a process.
 */
#ifndef MW_RUNNING_H
#define MW_RUNNING_H

#include <stdbool.h>
#include <stdint.h>

#include "moonwatch/error.h"

struct mw_running;
struct mw_running_slot; /**< of one script; NULL is one in which nothing is noted */

enum mw_running_state { MW_RUNNING_IDLE, MW_RUNNING_OPENING, MW_RUNNING_RUNNING };

/** So many ends in a row that no signal handler saw (kill -9, a power cut) in one script. */
#define MW_RUNNING_STRIKES_MAX 3

/** A script that runs for twice its time and this hangs: nothing of ours could stop it. */
#define MW_RUNNING_HANG_NS (10 * MW_NS_PER_S)

/**
 * Read what the last agent left in @p state_dir, judge it, and begin anew.
 * @return NULL with @p err: no such file can be made, or there is no room for it.
 */
struct mw_running *mw_running_open(const char *state_dir, struct mw_error *err);

/**
 * The file says from now on that the end was an orderly one (@p is_clean), or that it was not.
 * Accepts NULL. No slot may be used afterwards.
 */
void mw_running_close(struct mw_running *running, bool is_clean);

/** The agent lives: what runs for long after this may have been stopped with the agent. */
void mw_running_beat(struct mw_running *running); /**< accepts NULL */

/**
 * The slot of a script; valid until close.
 * @return NULL: @p running is NULL, there is no room, or the name is too long for it.
 */
struct mw_running_slot *mw_running_slot(struct mw_running *running, const char *kind,
                                        const char *name);

/* ---- For the thread that runs the script; each accepts NULL ---- */

/** The calling thread is the slot's from now on, and faults of it are the slot's. */
void mw_running_enter_thread(struct mw_running_slot *slot);
void mw_running_leave_thread(void);

void mw_running_note(struct mw_running_slot *slot, enum mw_running_state state);

/** What is being opened has the text with this hash, and may take @p wall_ms for each run; it is
 * what runs once it was opened. */
void mw_running_note_text(struct mw_running_slot *slot, uint64_t text_hash, int64_t wall_ms);
void mw_running_note_opened(struct mw_running_slot *slot);

/* ---- Quarantine; each accepts NULL ---- */

/**
 * May the script with this text be loaded? When it is in quarantine with another text, that is
 * over.
 * @return 0, or -EPERM with @p err: what it did, and when.
 */
int mw_running_admit(struct mw_running_slot *slot, uint64_t text_hash, struct mw_error *err);
bool mw_running_is_quarantined(const struct mw_running_slot *slot);
void mw_running_forgive(struct mw_running_slot *slot);

#endif
