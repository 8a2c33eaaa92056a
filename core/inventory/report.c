#include "inventory/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void mw_report_part_init(struct mw_report_part *part, const struct mw_facts_schema *schema,
                         size_t max, struct mw_record_list *last)
{
  *part = (struct mw_report_part){
      .schema = schema, .max = max, .last = last ? mw_record_list_share(last) : NULL};
}

void mw_report_part_deinit(struct mw_report_part *part)
{
  for (size_t i = 0; i < part->count; i++)
    mw_record_release(part->added[i].record);
  free(part->added);
  mw_record_list_release(part->last);
}

/* ---- Adding ---- */

static bool grow(struct mw_report_part *part)
{
  size_t capacity = part->capacity > 0 ? part->capacity * 2 : 64;
  struct mw_report_record *added = reallocarray(part->added, capacity, sizeof *added);

  if (!added)
    return false;
  part->added = added;
  part->capacity = capacity;
  return true;
}

/* The record of canonical facts: that of the last list when it says the same. */
static struct mw_record *record_of(const struct mw_report_part *part, const void *facts,
                                   bool *is_last)
{
  struct mw_record *last = mw_record_list_find(part->last, mw_facts_id(facts));

  *is_last = last && mw_facts_equal(part->schema, mw_record_facts(last), facts);
  return *is_last ? mw_record_share(last) : mw_record_new(part->schema, facts);
}

/* What was left out is news only when the rest is. */
static void note_left_out(struct mw_facts_left_out *all, const struct mw_facts_left_out *here)
{
  if (all->count == 0)
    *all = *here;
  else
    all->count += here->count;
}

static int add(struct mw_inventory_report *report, struct mw_report_part *part, void *facts,
               struct mw_error *err)
{
  struct mw_facts_left_out left_out = {0};
  struct mw_record *record = NULL;
  bool is_last = false;

  if (part->count == part->max)
    return mw_error_set(err, E2BIG, "more than %zu %ss at once", part->max, part->schema->noun);
  int rc = mw_facts_check(part->schema, facts, part->count + 1, err);
  if (rc < 0)
    return rc;
  if (mw_facts_canonicalize(part->schema, facts, &report->scratch, &left_out) == 0 &&
      (part->count < part->capacity || grow(part)))
    record = record_of(part, facts, &is_last);
  mw_scratch_reset(&report->scratch);
  if (!record)
    return mw_error_set(err, ENOMEM, "out of memory for a %s", part->schema->noun);
  /* a script's own ceiling does not hold it: many containers may have the same tables there */
  if (report->bytes + mw_record_bytes(record) > MW_INVENTORY_REPORT_MAX_BYTES) {
    mw_record_release(record);
    return mw_error_set(err, E2BIG, "%s %zu: the list takes more than %zu MiB with it",
                        part->schema->noun, part->count + 1, MW_INVENTORY_REPORT_MAX_BYTES >> 20);
  }
  report->bytes += mw_record_bytes(record);
  if (!is_last)
    note_left_out(&report->left_out, &left_out);
  part->added[part->count] = (struct mw_report_record){record, part->count};
  part->count++;
  return 0;
}

struct mw_scratch *mw_inventory_report_scratch(struct mw_inventory_report *report)
{
  return &report->scratch;
}

int mw_inventory_report_container(struct mw_inventory_report *report,
                                  const struct mw_container *container, struct mw_error *err)
{
  struct mw_container facts = *container;

  return add(report, &report->containers, &facts, err);
}

int mw_inventory_report_pod(struct mw_inventory_report *report, const struct mw_pod *pod,
                            struct mw_error *err)
{
  struct mw_pod facts = *pod;

  return add(report, &report->pods, &facts, err);
}

/* ---- Taking ---- */

static const char *id_of(const struct mw_report_record *added)
{
  return mw_facts_id(mw_record_facts(added->record));
}

/* By id; of two with the same id the one that was added first. */
static int by_id(const void *a, const void *b)
{
  const struct mw_report_record *left = a, *right = b;
  int order = strcmp(id_of(left), id_of(right));

  return order != 0 ? order : (left->number > right->number) - (left->number < right->number);
}

static void note_twice(const struct mw_report_part *part, const char *id,
                       struct mw_facts_left_out *twice)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  if (twice->count++ == 0)
    snprintf(twice->first, sizeof twice->first, "%s %s", part->schema->noun,
             mw_text_quote((struct mw_slice){id, strlen(id)}, quoted));
}

static bool says_the_same(const struct mw_record_list *list, const struct mw_record_list *last)
{
  return last && list->count == last->count &&
         memcmp(list->records, last->records, list->count * sizeof list->records[0]) == 0;
}

struct mw_record_list *mw_report_part_take(struct mw_report_part *part,
                                           struct mw_facts_left_out *twice)
{
  struct mw_record_list *list = mw_record_list_new(part->count);

  if (!list)
    return NULL;
  if (part->count > 0)
    qsort(part->added, part->count, sizeof *part->added, by_id);
  for (size_t i = 0; i < part->count; i++) {
    struct mw_record *record = part->added[i].record;
    const char *id = id_of(&part->added[i]);
    if (list->count > 0 &&
        strcmp(mw_facts_id(mw_record_facts(list->records[list->count - 1])), id) == 0) {
      note_twice(part, id, twice);
      mw_record_release(record);
      continue;
    }
    list->records[list->count++] = record;
  }
  part->count = 0;
  if (!says_the_same(list, part->last))
    return list;
  mw_record_list_release(list);
  return mw_record_list_share(part->last);
}
