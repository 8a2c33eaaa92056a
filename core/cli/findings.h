/**
 * @file findings.h
 * What a diagnosis found: one finding a check, in the order in which they were made, as a table for
 * eyes or as JSON.
 */
#ifndef MW_FINDINGS_H
#define MW_FINDINGS_H

#include <stdint.h>

#include "moonwatch/cgroup.h"
#include "moonwatch/error.h"

enum mw_finding_status {
  MW_FINDING_OK,
  MW_FINDING_INFO, /**< good to know; costs no figure, or nobody can help it */
  MW_FINDING_WARN, /**< some figures are lost, and the cure says how to get them */
  MW_FINDING_FAIL, /**< the containers cannot be seen at all */
};

struct mw_finding {
  enum mw_finding_status status;
  char check[64];          /**< what was looked at: "controller memory" */
  char found[2048];        /**< a sentence without its dot */
  uint64_t lost_figures;   /**< bit 1 << enum mw_figure */
  const char *lost_others; /**< names outside of the table, blanks between them; NULL: none */
  char cure[1024];         /**< the line that cures it; "": there is nothing to cure */
};

struct mw_findings;

struct mw_findings *mw_findings_new(struct mw_error *err);
void mw_findings_free(struct mw_findings *findings); /**< accepts NULL */

/**
 * A new finding, to be filled; valid as long as the list. Behind a bound of 256 they are written
 * over each other and not shown: a host has no more.
 */
struct mw_finding *mw_findings_add(struct mw_findings *findings, enum mw_finding_status status,
                                   const char *check_fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Fill what was found, and the cure. */
void mw_finding_found(struct mw_finding *finding, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void mw_finding_cure(struct mw_finding *finding, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** Is there one with a cure for what it costs, or worse? */
bool mw_findings_need_cure(const struct mw_findings *findings);

/** To standard output, wrapped to @p columns (0: not wrapped), with a count of each status. */
void mw_findings_print(const struct mw_findings *findings, unsigned columns);

/** To standard output, as one list. @return 0, or -errno. */
int mw_findings_print_json(const struct mw_findings *findings, struct mw_error *err);

#endif
