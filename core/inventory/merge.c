/* What several sources say of the same container or pod, as one. */
#include <errno.h>
#include <string.h>

#include "inventory/facts.h"

/* ---- Single values ---- */

static void merge_text(const char **to, const char *from)
{
  if (!**to)
    *to = from;
}

/* Who sees it run knows better than who has not heard of its start or thinks it is gone; that it is
 * paused, or restarts, is to know more. */
static void merge_state(const char **to, const char *from)
{
  if (!**to || (strcmp(from, "running") == 0 && strcmp(*to, "paused") != 0 &&
                strcmp(*to, "restarting") != 0))
    *to = from;
}

static void merge_number(struct mw_inventory_number *to, const struct mw_inventory_number *from)
{
  if (from->known && (!to->known || to->value == 0))
    *to = *from;
}

static void merge_answer(enum mw_inventory_answer *to, enum mw_inventory_answer from)
{
  if (from > *to)
    *to = from;
}

_Static_assert(MW_ANSWER_YES > MW_ANSWER_NO && MW_ANSWER_NO > MW_ANSWER_UNKNOWN,
               "the greater answer wins");

static void merge_value(enum mw_fact_type type, void *to, const void *from)
{
  switch (type) {
  case MW_FACT_TEXT:
    merge_text(to, *(const char *const *)from);
    break;
  case MW_FACT_STATE:
    merge_state(to, *(const char *const *)from);
    break;
  case MW_FACT_SECONDS:
    if (*(const int64_t *)from != 0)
      *(int64_t *)to = *(const int64_t *)from;
    break;
  case MW_FACT_NUMBER:
    merge_number(to, from);
    break;
  case MW_FACT_ANSWER:
    merge_answer(to, *(const enum mw_inventory_answer *)from);
    break;
  case MW_FACT_MAP:
  case MW_FACT_OWNERS:
  case MW_FACT_SET:
  case MW_FACT_LIST:
  case MW_FACT_PORTS:
    break; /* joined, see below */
  }
}

/* ---- Maps and lists: one after the other; canonicalizing leaves out what is there twice ---- */

/* All collections are a pointer to elements and their count. */
struct collection {
  const void *elements;
  size_t count;
};

#define IS_COLLECTION(type, member)                                                                \
  _Static_assert(sizeof(type) == sizeof(struct collection) &&                                      \
                     offsetof(type, member) == offsetof(struct collection, elements) &&            \
                     offsetof(type, count) == offsetof(struct collection, count),                  \
                 #type)
IS_COLLECTION(struct mw_inventory_map, pairs);
IS_COLLECTION(struct mw_inventory_texts, texts);
IS_COLLECTION(struct mw_inventory_ports, ports);

/* @return 0: the type is that of a single value */
static size_t element_bytes(enum mw_fact_type type)
{
  switch (type) {
  case MW_FACT_MAP:
  case MW_FACT_OWNERS:
    return sizeof(struct mw_inventory_pair);
  case MW_FACT_SET:
  case MW_FACT_LIST:
    return sizeof(const char *);
  case MW_FACT_PORTS:
    return sizeof(struct mw_inventory_port);
  case MW_FACT_TEXT:
  case MW_FACT_STATE:
  case MW_FACT_SECONDS:
  case MW_FACT_NUMBER:
  case MW_FACT_ANSWER:
    break;
  }
  return 0;
}

static int join(const struct mw_fact *fact, size_t size_bytes, const void *const *parts,
                size_t parts_count, void *out, struct mw_scratch *scratch)
{
  struct collection joined = {0}, part;
  size_t count = 0;

  for (size_t i = 0; i < parts_count; i++) {
    memcpy(&part, mw_const_fact_of(fact, parts[i]), sizeof part);
    count += part.count;
  }
  char *elements = mw_scratch_array(scratch, count, size_bytes);
  if (!elements)
    return -ENOMEM;
  joined.elements = elements;
  for (size_t i = 0; i < parts_count; i++) {
    memcpy(&part, mw_const_fact_of(fact, parts[i]), sizeof part);
    if (part.count > 0)
      memcpy(elements + joined.count * size_bytes, part.elements, part.count * size_bytes);
    joined.count += part.count;
  }
  memcpy(mw_fact_of(fact, out), &joined, sizeof joined);
  return 0;
}

int mw_facts_merge(const struct mw_facts_schema *schema, const void *const *parts, size_t count,
                   void *out, struct mw_scratch *scratch)
{
  memcpy(out, parts[0], schema->size_bytes);
  for (size_t i = 0; i < schema->count; i++) {
    const struct mw_fact *fact = &schema->facts[i];
    size_t size_bytes = element_bytes(fact->type);
    if (size_bytes > 0 && join(fact, size_bytes, parts, count, out, scratch) < 0)
      return -ENOMEM;
    for (size_t j = 1; j < count; j++)
      merge_value(fact->type, mw_fact_of(fact, out), mw_const_fact_of(fact, parts[j]));
  }
  return mw_facts_canonicalize(schema, out, scratch, NULL);
}
