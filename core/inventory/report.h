/**
 * @file report.h
 * A source's list while it is made.
 * Thread-safety: none; a report belongs to one thread.
 */
#ifndef MW_REPORT_H
#define MW_REPORT_H

#include "inventory/record.h"

struct mw_source;

/* The containers, or the pods, of a report. */
struct mw_report_part {
  const struct mw_facts_schema *schema;
  size_t max;
  struct mw_record_list *last; /* what the source said last, or NULL */
  struct mw_report_record {
    struct mw_record *record;
    size_t number; /* in the order of adding */
  } * added;
  size_t count, capacity;
};

struct mw_inventory_report {
  struct mw_source *source;
  struct mw_scratch scratch;
  struct mw_facts_left_out left_out; /* of what changed since the last list */
  struct mw_facts_left_out twice;
  struct mw_report_part containers, pods;
  size_t bytes; /* of the records of both; they share none */
};

/** A part that shares with @p last (may be NULL), of which it takes a reference. */
void mw_report_part_init(struct mw_report_part *part, const struct mw_facts_schema *schema,
                         size_t max, struct mw_record_list *last);
void mw_report_part_deinit(struct mw_report_part *part);

/**
 * The list of what was added, which moves out of the part; what is there twice is counted in
 * @p twice. @return @p part's last list when it says the same, a new list, or NULL when out of
 * memory; in any case a reference.
 */
struct mw_record_list *mw_report_part_take(struct mw_report_part *part,
                                           struct mw_facts_left_out *twice);

#endif
