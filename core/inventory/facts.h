/**
 * @file facts.h
 * What a struct mw_container and a struct mw_pod consist of, as tables, so that comparing, merging
 * and copying them, and giving them to Lua, is written once.
 *
 * Facts are canonical when nothing is NULL, maps, sets and ports are sorted, nothing is there
 * twice, and all is within its bounds: then the same facts are the same bytes, whoever said them in
 * whatever order.
 * Thread-safety: no state.
 */
#ifndef MW_FACTS_H
#define MW_FACTS_H

#include "inventory/inventory.h"
#include "inventory/scratch.h"

enum mw_fact_type {
  MW_FACT_TEXT,    /**< const char * */
  MW_FACT_STATE,   /**< const char *; "unknown" is ""; "running" wins in a merge */
  MW_FACT_SECONDS, /**< int64_t, since 1970; 0 is unknown */
  MW_FACT_NUMBER,  /**< struct mw_inventory_number */
  MW_FACT_ANSWER,  /**< enum mw_inventory_answer */
  MW_FACT_MAP,     /**< struct mw_inventory_map, sorted by key */
  MW_FACT_OWNERS,  /**< struct mw_inventory_map, in the order given */
  MW_FACT_SET,     /**< struct mw_inventory_texts, sorted */
  MW_FACT_LIST,    /**< struct mw_inventory_texts, in the order given */
  MW_FACT_PORTS,   /**< struct mw_inventory_ports */
};

struct mw_fact {
  const char *name; /**< in Lua, and in messages */
  enum mw_fact_type type;
  size_t offset;
};

struct mw_facts_schema {
  const char *noun; /**< "container" */
  size_t size_bytes;
  const struct mw_fact *facts; /**< the first one is the text that identifies it */
  size_t count;
};

extern const struct mw_facts_schema mw_container_schema, mw_pod_schema;

#define MW_FACTS_MAX 32 /**< no schema has more */

/** Room for the facts of any schema. */
union mw_facts {
  struct mw_container container;
  struct mw_pod pod;
};

static inline void *mw_fact_of(const struct mw_fact *fact, void *facts)
{
  return (char *)facts + fact->offset;
}

static inline const void *mw_const_fact_of(const struct mw_fact *fact, const void *facts)
{
  return (const char *)facts + fact->offset;
}

/** The text that identifies facts of any schema: their first member. */
static inline const char *mw_facts_id(const void *facts)
{
  return *(const char *const *)facts;
}

/** What did not fit into a map or a list. */
struct mw_facts_left_out {
  size_t count;
  char first[512]; /**< 'labels "key" of container "id"' */
};

/**
 * What a source gave, as it is: is every single text and number within its bounds?
 * @return 0 or -EINVAL: "container 3: state is over 1024 bytes long"
 */
int mw_facts_check(const struct mw_facts_schema *schema, const void *facts, size_t number,
                   struct mw_error *err);

/**
 * Make @p facts, which passed the check, canonical. New arrays are in @p scratch, texts stay where
 * they are. @p left_out may be NULL. @return 0 or -ENOMEM.
 */
int mw_facts_canonicalize(const struct mw_facts_schema *schema, void *facts,
                          struct mw_scratch *scratch, struct mw_facts_left_out *left_out);

/** Both canonical. */
bool mw_facts_equal(const struct mw_facts_schema *schema, const void *a, const void *b);

/**
 * Merge @p count (1 or more) canonical facts of the same id, as inventory.h says, into @p out,
 * which is canonical; arrays and texts are in @p scratch or those of @p parts. @return 0 or
 * -ENOMEM.
 */
int mw_facts_merge(const struct mw_facts_schema *schema, const void *const *parts, size_t count,
                   void *out, struct mw_scratch *scratch);

#endif
