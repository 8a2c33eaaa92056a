/**
 * @file trial.h
 * What the configuration says of a check that is tried by hand: its options, budget and interval,
 * the sources, and whom scripts may ask. The command line comes on top of it.
 *
 * A check that is given as a path is the one of that name: an edited copy is tried with what is
 * configured for the one in place.
 */
#ifndef MW_TRIAL_H
#define MW_TRIAL_H

#include "agent/config.h"
#include "cli/session.h"

struct mw_trial {
  struct mw_config *config;
  const struct mw_settings *settings;
  struct mw_script_settings script; /**< of the check */
  struct mw_option *options;        /**< configured, and of the command line */
  size_t options_count;

  /* What the configuration borrows. */
  char *scripts_dir, *name, *enabled_key;
  struct mw_option flags[2];
};

/**
 * Read the configuration @p file (NULL: the one that is found) for the check @p check.
 * @return 0, or an exit code when it was said why.
 */
int mw_trial_open(struct mw_trial *trial, const char *file, const char *check);
void mw_trial_close(struct mw_trial *trial); /**< accepts a zeroed one */

/** Make the options: what is configured, unless the command line says something of it.
 *  @return 0, or an exit code. */
int mw_trial_take_options(struct mw_trial *trial, const struct mw_option *given, size_t count);

/** Fill what the command line has left open. @return 0, or an exit code. */
int mw_trial_fill_session(const struct mw_trial *trial, struct mw_session_config *session);

#endif
