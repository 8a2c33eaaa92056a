#include "inventory/facts.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- Tables ---- */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define FACT(type, member)                                                                         \
  {                                                                                                \
#member, MW_FACT_##type, offsetof(struct mw_container, member)                                 \
  }
static const struct mw_fact container_facts[] = {
    FACT(TEXT, id),
    FACT(TEXT, runtime),
    FACT(TEXT, runtime_flavor),
    {"namespace", MW_FACT_TEXT, offsetof(struct mw_container, namespace_)},
    FACT(TEXT, name),
    FACT(TEXT, image),
    FACT(TEXT, image_id),
    FACT(TEXT, repo_digest),
    FACT(STATE, state),
    FACT(STATE, health),
    FACT(TEXT, pod_uid),
    FACT(TEXT, hostname),
    FACT(SECONDS, created_s),
    FACT(SECONDS, started_s),
    FACT(NUMBER, restarts_count),
    FACT(NUMBER, cpu_request_percent),
    FACT(NUMBER, memory_request_bytes),
    FACT(NUMBER, cpu_limit_percent),
    FACT(NUMBER, memory_limit_bytes),
    FACT(MAP, labels),
    FACT(MAP, env),
    FACT(MAP, ips),
    FACT(SET, tags),
    FACT(PORTS, ports),
};
#undef FACT

#define FACT(type, member)                                                                         \
  {                                                                                                \
#member, MW_FACT_##type, offsetof(struct mw_pod, member)                                       \
  }
static const struct mw_fact pod_facts[] = {
    FACT(TEXT, uid),
    FACT(TEXT, name),
    {"namespace", MW_FACT_TEXT, offsetof(struct mw_pod, namespace_)},
    FACT(TEXT, phase),
    FACT(TEXT, qos_class),
    FACT(TEXT, priority_class),
    FACT(TEXT, node_name),
    FACT(ANSWER, host_network),
    FACT(SECONDS, created_s),
    FACT(SECONDS, started_s),
    FACT(MAP, labels),
    FACT(MAP, annotations),
    FACT(LIST, ips),
    FACT(OWNERS, owners),
};
#undef FACT

_Static_assert(COUNT_OF(container_facts) <= MW_FACTS_MAX && COUNT_OF(pod_facts) <= MW_FACTS_MAX,
               "MW_FACTS_MAX");
_Static_assert(offsetof(struct mw_container, id) == 0 && offsetof(struct mw_pod, uid) == 0,
               "what identifies facts is their first member");

const struct mw_facts_schema mw_container_schema = {"container", sizeof(struct mw_container),
                                                    container_facts, COUNT_OF(container_facts)};
const struct mw_facts_schema mw_pod_schema = {"pod", sizeof(struct mw_pod), pod_facts,
                                              COUNT_OF(pod_facts)};

/* ---- Checking ---- */

/* @return NULL, or what is wrong with it */
static const char *fault_of(const struct mw_fact *fact, const void *facts)
{
  static const char too_long[] = "is over 1024 bytes long";
  const void *value = mw_const_fact_of(fact, facts);

  _Static_assert(MW_INVENTORY_TEXT_MAX_BYTES == 1024, "the message names it");
  if (fact->type == MW_FACT_TEXT || fact->type == MW_FACT_STATE) {
    const char *text = *(const char *const *)value;
    bool fits =
        !text || strnlen(text, MW_INVENTORY_TEXT_MAX_BYTES + 1) <= MW_INVENTORY_TEXT_MAX_BYTES;
    return fits ? NULL : too_long;
  }
  if (fact->type == MW_FACT_NUMBER) {
    const struct mw_inventory_number *number = value;
    return !number->known || (isfinite(number->value) && number->value >= 0)
               ? NULL
               : "is negative or not finite";
  }
  return NULL;
}

int mw_facts_check(const struct mw_facts_schema *schema, const void *facts, size_t number,
                   struct mw_error *err)
{
  const char *id = mw_facts_id(facts);

  if (!id || !*id)
    return mw_error_set(err, EINVAL, "%s %zu: %s is empty", schema->noun, number,
                        schema->facts[0].name);
  for (size_t i = 0; i < schema->count; i++) {
    const char *fault = fault_of(&schema->facts[i], facts);
    if (fault)
      return mw_error_set(err, EINVAL, "%s %zu: %s %s", schema->noun, number, schema->facts[i].name,
                          fault);
  }
  return 0;
}

/* ---- Comparing ---- */

static bool same_maps(const struct mw_inventory_map *a, const struct mw_inventory_map *b)
{
  if (a->count != b->count)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (strcmp(a->pairs[i].key, b->pairs[i].key) != 0 ||
        strcmp(a->pairs[i].value, b->pairs[i].value) != 0)
      return false;
  return true;
}

static bool same_texts(const struct mw_inventory_texts *a, const struct mw_inventory_texts *b)
{
  if (a->count != b->count)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (strcmp(a->texts[i], b->texts[i]) != 0)
      return false;
  return true;
}

static bool same_ports(const struct mw_inventory_ports *a, const struct mw_inventory_ports *b)
{
  if (a->count != b->count)
    return false;
  for (size_t i = 0; i < a->count; i++) {
    const struct mw_inventory_port *left = &a->ports[i], *right = &b->ports[i];
    if (left->number != right->number || left->host_number != right->host_number ||
        strcmp(left->protocol, right->protocol) != 0 || strcmp(left->name, right->name) != 0)
      return false;
  }
  return true;
}

static bool same_numbers(const struct mw_inventory_number *a, const struct mw_inventory_number *b)
{
  return a->known == b->known && (!a->known || a->value == b->value);
}

static bool same_values(enum mw_fact_type type, const void *a, const void *b)
{
  switch (type) {
  case MW_FACT_TEXT:
  case MW_FACT_STATE:
    return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
  case MW_FACT_SECONDS:
    return *(const int64_t *)a == *(const int64_t *)b;
  case MW_FACT_NUMBER:
    return same_numbers(a, b);
  case MW_FACT_ANSWER:
    return *(const enum mw_inventory_answer *)a == *(const enum mw_inventory_answer *)b;
  case MW_FACT_MAP:
  case MW_FACT_OWNERS:
    return same_maps(a, b);
  case MW_FACT_SET:
  case MW_FACT_LIST:
    return same_texts(a, b);
  case MW_FACT_PORTS:
    return same_ports(a, b);
  }
  return false;
}

bool mw_facts_equal(const struct mw_facts_schema *schema, const void *a, const void *b)
{
  for (size_t i = 0; i < schema->count; i++) {
    const struct mw_fact *fact = &schema->facts[i];
    if (!same_values(fact->type, mw_const_fact_of(fact, a), mw_const_fact_of(fact, b)))
      return false;
  }
  return true;
}
