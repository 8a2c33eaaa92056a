/* Facts in one form, whoever gave them: sorted, nothing twice, within their bounds. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "inventory/facts.h"

struct work {
  const struct mw_facts_schema *schema;
  const struct mw_fact *fact;
  const char *id;
  struct mw_scratch *scratch;
  struct mw_facts_left_out *left_out;
};

/* ---- What is left out ---- */

static void leave_out(const struct work *work, const char *what)
{
  char key[MW_TEXT_QUOTED_BYTES], id[MW_TEXT_QUOTED_BYTES];
  struct mw_facts_left_out *left_out = work->left_out;

  if (!left_out || left_out->count++ > 0)
    return;
  mw_text_quote((struct mw_slice){what, strlen(what)}, key);
  mw_text_quote((struct mw_slice){work->id, strlen(work->id)}, id);
  snprintf(left_out->first, sizeof left_out->first, "%s %s of %s %s", work->fact->name, key,
           work->schema->noun, id);
}

static bool fits(const char *text, size_t max_bytes)
{
  return text && strnlen(text, max_bytes + 1) <= max_bytes;
}

static bool text_fits(const struct work *work, const char *text)
{
  bool fine = fits(text, MW_INVENTORY_TEXT_MAX_BYTES);

  if (!fine)
    leave_out(work, text ? text : "");
  return fine;
}

static bool pair_fits(const struct work *work, const struct mw_inventory_pair *pair)
{
  bool fine = fits(pair->key, MW_INVENTORY_TEXT_MAX_BYTES) &&
              fits(pair->value, MW_INVENTORY_VALUE_MAX_BYTES);

  if (!fine)
    leave_out(work, pair->key ? pair->key : "");
  return fine;
}

/* ---- Maps ---- */

/* Those with the same key stay in the order in which they were given: their addresses'. */
static int by_key(const void *a, const void *b)
{
  const struct mw_inventory_pair *left = *(const struct mw_inventory_pair *const *)a;
  const struct mw_inventory_pair *right = *(const struct mw_inventory_pair *const *)b;
  int order = strcmp(left->key, right->key);

  return order != 0 ? order : (left > right) - (left < right);
}

static bool has_owner(const struct mw_inventory_pair *owners, size_t count,
                      const struct mw_inventory_pair *owner)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(owners[i].key, owner->key) == 0 && strcmp(owners[i].value, owner->value) == 0)
      return true;
  return false;
}

static bool has_pair(const struct work *work, const struct mw_inventory_pair *kept, size_t count,
                     const struct mw_inventory_pair *pair)
{
  return work->fact->type == MW_FACT_MAP ? count > 0 && strcmp(kept[count - 1].key, pair->key) == 0
                                         : has_owner(kept, count, pair);
}

static int tidy_map(const struct work *work, struct mw_inventory_map *map)
{
  bool is_map = work->fact->type == MW_FACT_MAP;
  size_t fitting = 0, kept = 0, max = is_map ? MW_INVENTORY_PAIRS_MAX : MW_INVENTORY_LIST_MAX;
  const struct mw_inventory_pair **order =
      mw_scratch_array(work->scratch, map->count, sizeof *order);
  struct mw_inventory_pair *pairs = mw_scratch_array(work->scratch, map->count, sizeof *pairs);

  if (!order || !pairs)
    return -ENOMEM;
  for (size_t i = 0; i < map->count; i++)
    if (pair_fits(work, &map->pairs[i]))
      order[fitting++] = &map->pairs[i];
  if (is_map)
    qsort(order, fitting, sizeof *order, by_key);
  for (size_t i = 0; i < fitting; i++) {
    if (has_pair(work, pairs, kept, order[i]))
      continue;
    if (kept < max)
      pairs[kept++] = *order[i];
    else
      leave_out(work, order[i]->key);
  }
  *map = (struct mw_inventory_map){pairs, kept};
  return 0;
}

/* ---- Lists of texts ---- */

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_text(const struct work *work, const char *const *kept, size_t count,
                     const char *text)
{
  size_t i = work->fact->type == MW_FACT_SET && count > 0 ? count - 1 : 0;

  for (; i < count; i++)
    if (strcmp(kept[i], text) == 0)
      return true;
  return false;
}

static int tidy_texts(const struct work *work, struct mw_inventory_texts *list)
{
  bool is_set = work->fact->type == MW_FACT_SET;
  size_t fitting = 0, kept = 0, max = is_set ? MW_INVENTORY_PAIRS_MAX : MW_INVENTORY_LIST_MAX;
  const char **texts = mw_scratch_array(work->scratch, list->count, sizeof *texts);

  if (!texts)
    return -ENOMEM;
  for (size_t i = 0; i < list->count; i++)
    if (text_fits(work, list->texts[i]))
      texts[fitting++] = list->texts[i];
  if (is_set)
    qsort(texts, fitting, sizeof *texts, by_bytes);
  for (size_t i = 0; i < fitting; i++) {
    if (has_text(work, texts, kept, texts[i]))
      continue;
    if (kept < max)
      texts[kept++] = texts[i];
    else
      leave_out(work, texts[i]);
  }
  *list = (struct mw_inventory_texts){texts, kept};
  return 0;
}

/* ---- Ports ---- */

static const char *lower(struct mw_scratch *scratch, const char *text)
{
  size_t bytes = strlen(text) + 1;
  char *lowered = mw_scratch_array(scratch, bytes, 1);

  for (size_t i = 0; lowered && i < bytes; i++)
    lowered[i] = (char)tolower((unsigned char)text[i]);
  return lowered;
}

static int by_number_and_protocol(const void *a, const void *b)
{
  const struct mw_inventory_port *left = *(const struct mw_inventory_port *const *)a;
  const struct mw_inventory_port *right = *(const struct mw_inventory_port *const *)b;
  int order = (left->number > right->number) - (left->number < right->number);

  order = order != 0 ? order : strcmp(left->protocol, right->protocol);
  return order != 0 ? order : (left > right) - (left < right);
}

/* The texts of the ports that fit, with protocols in lower case. @return how many, or -ENOMEM */
static ptrdiff_t take_ports(const struct work *work, const struct mw_inventory_ports *given,
                            struct mw_inventory_port *taken)
{
  ptrdiff_t count = 0;

  for (size_t i = 0; i < given->count; i++) {
    struct mw_inventory_port port = given->ports[i];
    port.name = port.name ? port.name : "";
    port.protocol = port.protocol ? port.protocol : "";
    if (!text_fits(work, port.name) || !text_fits(work, port.protocol))
      continue;
    port.protocol = lower(work->scratch, port.protocol);
    if (!port.protocol)
      return -ENOMEM;
    taken[count++] = port;
  }
  return count;
}

/* Complete @p port by another one with the same number and protocol. */
static void complete_port(struct mw_inventory_port *port, const struct mw_inventory_port *other)
{
  if (!*port->name)
    port->name = other->name;
  if (port->host_number == 0)
    port->host_number = other->host_number;
}

static bool same_port(const struct mw_inventory_port *a, const struct mw_inventory_port *b)
{
  return a->number == b->number && strcmp(a->protocol, b->protocol) == 0;
}

static int tidy_ports(const struct work *work, struct mw_inventory_ports *list)
{
  size_t kept = 0;
  struct mw_inventory_port *taken = mw_scratch_array(work->scratch, list->count, sizeof *taken);
  struct mw_inventory_port *ports = mw_scratch_array(work->scratch, list->count, sizeof *ports);
  const struct mw_inventory_port **order =
      mw_scratch_array(work->scratch, list->count, sizeof *order);
  ptrdiff_t count = taken && ports && order ? take_ports(work, list, taken) : -ENOMEM;

  if (count < 0)
    return -ENOMEM;
  for (ptrdiff_t i = 0; i < count; i++)
    order[i] = &taken[i];
  qsort(order, (size_t)count, sizeof *order, by_number_and_protocol);
  for (ptrdiff_t i = 0; i < count; i++) {
    if (kept > 0 && same_port(&ports[kept - 1], order[i]))
      complete_port(&ports[kept - 1], order[i]);
    else if (kept < MW_INVENTORY_PORTS_MAX)
      ports[kept++] = *order[i];
    else
      leave_out(work, order[i]->name);
  }
  *list = (struct mw_inventory_ports){ports, kept};
  return 0;
}

/* ---- All ---- */

static int tidy(const struct work *work, void *value)
{
  const char **text = value;

  switch (work->fact->type) {
  case MW_FACT_TEXT:
  case MW_FACT_STATE:
    if (!*text || (work->fact->type == MW_FACT_STATE && strcmp(*text, "unknown") == 0))
      *text = "";
    return 0;
  case MW_FACT_MAP:
  case MW_FACT_OWNERS:
    return tidy_map(work, value);
  case MW_FACT_SET:
  case MW_FACT_LIST:
    return tidy_texts(work, value);
  case MW_FACT_PORTS:
    return tidy_ports(work, value);
  case MW_FACT_SECONDS:
  case MW_FACT_NUMBER:
  case MW_FACT_ANSWER:
    return 0;
  }
  return 0;
}

int mw_facts_canonicalize(const struct mw_facts_schema *schema, void *facts,
                          struct mw_scratch *scratch, struct mw_facts_left_out *left_out)
{
  struct work work = {
      .schema = schema, .id = mw_facts_id(facts), .scratch = scratch, .left_out = left_out};
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < schema->count; i++) {
    work.fact = &schema->facts[i];
    rc = tidy(&work, mw_fact_of(work.fact, facts));
  }
  return rc;
}
