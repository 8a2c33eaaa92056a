#include "inventory/record.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct mw_record {
  atomic_uint references;
  unsigned bytes; /* of the allocation; what facts may have is far below 4 GiB */
  alignas(union mw_facts) char facts[]; /* then arrays, then texts */
};

/* ---- Copying: once to count, with blocks that are NULL, and once to copy ---- */

struct packer {
  char *arrays, *texts;
  size_t arrays_bytes, texts_bytes; /* of what was packed so far */
};

/* Most texts of most containers are empty: these take no place. */
static const char *pack_text(struct packer *packer, const char *text)
{
  size_t bytes = strlen(text) + 1;

  if (bytes == 1)
    return "";
  if (packer->texts)
    text = memcpy(packer->texts + packer->texts_bytes, text, bytes);
  packer->texts_bytes += bytes;
  return text;
}

static void *pack_array(struct packer *packer, size_t bytes)
{
  char *array = packer->arrays ? packer->arrays + packer->arrays_bytes : NULL;

  packer->arrays_bytes += bytes;
  return array;
}

static void pack_map(struct packer *packer, struct mw_inventory_map *map)
{
  struct mw_inventory_pair *pairs = pack_array(packer, map->count * sizeof *pairs);

  for (size_t i = 0; i < map->count; i++) {
    struct mw_inventory_pair pair = {.key = pack_text(packer, map->pairs[i].key),
                                     .value = pack_text(packer, map->pairs[i].value)};
    if (pairs)
      pairs[i] = pair;
  }
  map->pairs = pairs;
}

static void pack_texts(struct packer *packer, struct mw_inventory_texts *list)
{
  const char **texts = pack_array(packer, list->count * sizeof *texts);

  for (size_t i = 0; i < list->count; i++) {
    const char *text = pack_text(packer, list->texts[i]);
    if (texts)
      texts[i] = text;
  }
  list->texts = texts;
}

static void pack_ports(struct packer *packer, struct mw_inventory_ports *list)
{
  struct mw_inventory_port *ports = pack_array(packer, list->count * sizeof *ports);

  for (size_t i = 0; i < list->count; i++) {
    struct mw_inventory_port port = list->ports[i];
    port.protocol = pack_text(packer, port.protocol);
    port.name = pack_text(packer, port.name);
    if (ports)
      ports[i] = port;
  }
  list->ports = ports;
}

/* Let @p facts, a copy of the canonical ones, point into the packer's blocks. */
static void pack(struct packer *packer, const struct mw_facts_schema *schema, void *facts)
{
  for (size_t i = 0; i < schema->count; i++) {
    void *value = mw_fact_of(&schema->facts[i], facts);
    switch (schema->facts[i].type) {
    case MW_FACT_TEXT:
    case MW_FACT_STATE:
      *(const char **)value = pack_text(packer, *(const char **)value);
      break;
    case MW_FACT_MAP:
    case MW_FACT_OWNERS:
      pack_map(packer, value);
      break;
    case MW_FACT_SET:
    case MW_FACT_LIST:
      pack_texts(packer, value);
      break;
    case MW_FACT_PORTS:
      pack_ports(packer, value);
      break;
    case MW_FACT_SECONDS:
    case MW_FACT_NUMBER:
    case MW_FACT_ANSWER:
      break;
    }
  }
}

struct mw_record *mw_record_new(const struct mw_facts_schema *schema, const void *facts)
{
  struct packer packer = {0};
  union mw_facts counted;

  memcpy(&counted, facts, schema->size_bytes);
  pack(&packer, schema, &counted);
  size_t bytes =
      sizeof(struct mw_record) + schema->size_bytes + packer.arrays_bytes + packer.texts_bytes;
  struct mw_record *record = malloc(bytes);
  if (!record)
    return NULL;
  atomic_init(&record->references, 1);
  record->bytes = (unsigned)bytes;
  char *arrays = record->facts + schema->size_bytes;
  packer = (struct packer){.arrays = arrays, .texts = arrays + packer.arrays_bytes};
  memcpy(record->facts, facts, schema->size_bytes);
  pack(&packer, schema, record->facts);
  return record;
}

_Static_assert(sizeof(struct mw_container) % alignof(struct mw_inventory_pair) == 0 &&
                   sizeof(struct mw_pod) % alignof(struct mw_inventory_pair) == 0 &&
                   sizeof(struct mw_inventory_pair) % sizeof(void *) == 0 &&
                   sizeof(struct mw_inventory_port) % sizeof(void *) == 0,
               "arrays one behind the other are aligned");

struct mw_record *mw_record_share(struct mw_record *record)
{
  atomic_fetch_add_explicit(&record->references, 1, memory_order_relaxed);
  return record;
}

void mw_record_release(struct mw_record *record)
{
  if (record && atomic_fetch_sub_explicit(&record->references, 1, memory_order_acq_rel) == 1)
    free(record);
}

const void *mw_record_facts(const struct mw_record *record)
{
  return record->facts;
}

size_t mw_record_bytes(const struct mw_record *record)
{
  return record->bytes;
}

/* ---- Lists ---- */

struct mw_record_list *mw_record_list_new(size_t capacity)
{
  struct mw_record_list *list = malloc(sizeof *list + capacity * sizeof(struct mw_record *));

  if (!list)
    return NULL;
  atomic_init(&list->references, 1);
  list->count = 0;
  return list;
}

struct mw_record_list *mw_record_list_share(struct mw_record_list *list)
{
  atomic_fetch_add_explicit(&list->references, 1, memory_order_relaxed);
  return list;
}

void mw_record_list_release(struct mw_record_list *list)
{
  if (!list || atomic_fetch_sub_explicit(&list->references, 1, memory_order_acq_rel) != 1)
    return;
  for (size_t i = 0; i < list->count; i++)
    mw_record_release(list->records[i]);
  free(list);
}

static int compare_with_id(const void *id, const void *element)
{
  return strcmp(id, mw_facts_id((*(struct mw_record *const *)element)->facts));
}

struct mw_record *mw_record_list_find(const struct mw_record_list *list, const char *id)
{
  struct mw_record *const *found =
      list ? bsearch(id, list->records, list->count, sizeof list->records[0], compare_with_id)
           : NULL;

  return found ? *found : NULL;
}
