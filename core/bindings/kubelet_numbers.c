#include "bindings/kubelet_numbers.h"

#include <errno.h>
#include <stdlib.h>

#include "bindings/kubelet_names.h"
#include "stats/deadline.h"

struct mw_kubelet_numbers {
  struct mw_inventory *inventory;
  struct mw_kubelet *client;      /* NULL: the failure says why */
  struct mw_error client_failure; /* -ENOMEM aside: what is configured is wrong */
  struct mw_stats_kubelet_source *source;
};

static struct mw_kubelet_summary *fetch(void *data, int64_t timeout_ms, struct mw_error *err)
{
  struct mw_kubelet_numbers *numbers = data;
  struct mw_kubelet_summary *summary = NULL;

  if (!numbers->client) {
    mw_error_set(err, numbers->client_failure.code, "%s", numbers->client_failure.text);
    return NULL;
  }
  return mw_kubelet_summary(numbers->client, mw_deadline_after(timeout_ms * MW_NS_PER_MS), &summary,
                            err) == 0
             ? summary
             : NULL;
}

static void cancel(void *data)
{
  struct mw_kubelet_numbers *numbers = data;

  if (numbers->client)
    mw_kubelet_cancel(numbers->client);
}

static int look(void *data, struct mw_kubelet_lookup *out, struct mw_error *err)
{
  return mw_kubelet_names_look(((struct mw_kubelet_numbers *)data)->inventory, out, err);
}

static void look_end(void *data, struct mw_kubelet_lookup *lookup)
{
  mw_kubelet_names_end(((struct mw_kubelet_numbers *)data)->inventory, lookup);
}

struct mw_kubelet_numbers *mw_kubelet_numbers_new(const struct mw_kubelet_numbers_config *config,
                                                  struct mw_error *err)
{
  struct mw_kubelet_numbers *numbers = calloc(1, sizeof *numbers);

  if (!numbers) {
    mw_error_set(err, ENOMEM, "out of memory for a kubelet's numbers");
    return NULL;
  }
  const struct mw_stats_kubelet_config source = {.data = numbers,
                                                 .fetch = fetch,
                                                 .cancel = cancel,
                                                 .look = look,
                                                 .look_end = look_end,
                                                 .clock = config->clock,
                                                 .without_thread = config->without_thread};
  numbers->inventory = config->inventory;
  numbers->client = mw_kubelet_access_new_client(config->access, &numbers->client_failure);
  numbers->source = mw_stats_kubelet_source_new(&source, err);
  if (numbers->source)
    return numbers;
  mw_kubelet_numbers_free(numbers);
  return NULL;
}

void mw_kubelet_numbers_free(struct mw_kubelet_numbers *numbers)
{
  if (!numbers)
    return;
  mw_stats_kubelet_source_free(numbers->source);
  mw_kubelet_free(numbers->client);
  free(numbers);
}

struct mw_stats_collector mw_kubelet_numbers_collector(struct mw_kubelet_numbers *numbers)
{
  return mw_stats_kubelet_collector(numbers->source);
}
