#include "bindings/kubelet_access.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/gate.h"
#include "kubelet/settings.h"

struct mw_kubelet_access {
  struct mw_kubelet_config config; /* whose texts are this one's own */
  pthread_mutex_t mutex;
  struct mw_kubelet *client; /* NULL: not made yet */
};

/* ---- Life cycle ---- */

static int copy_texts(struct mw_kubelet_config *config)
{
  const char **text;
  int rc = 0;

  for (size_t i = 0; (text = mw_kubelet_config_text(config, i)); i++) {
    if (!*text)
      continue;
    *text = strdup(*text); /* NULL where memory ends: nothing borrowed is left in any case */
    if (!*text)
      rc = -ENOMEM;
  }
  return rc;
}

struct mw_kubelet_access *mw_kubelet_access_new(const struct mw_kubelet_config *config,
                                                const char *host_root, struct mw_error *err)
{
  struct mw_kubelet_access *kubelet = calloc(1, sizeof *kubelet);
  char account_dir[PATH_MAX];

  if (!kubelet) {
    mw_error_set(err, ENOMEM, "out of memory for a kubelet's client");
    return NULL;
  }
  pthread_mutex_init(&kubelet->mutex, NULL);
  if (config)
    kubelet->config = *config;
  if (!kubelet->config.service_account_dir && mw_kubelet_service_account(host_root, account_dir))
    kubelet->config.service_account_dir = account_dir;
  if (copy_texts(&kubelet->config) == 0)
    return kubelet;
  mw_error_set(err, ENOMEM, "out of memory for a kubelet's client");
  mw_kubelet_access_free(kubelet);
  return NULL;
}

void mw_kubelet_access_free(struct mw_kubelet_access *kubelet)
{
  const char **text;

  if (!kubelet)
    return;
  mw_kubelet_free(kubelet->client);
  for (size_t i = 0; (text = mw_kubelet_config_text(&kubelet->config, i)); i++)
    free((void *)(uintptr_t)*text);
  pthread_mutex_destroy(&kubelet->mutex);
  free(kubelet);
}

/* ---- What is configured ---- */

static bool is_set(const char *text)
{
  return text && *text;
}

bool mw_kubelet_access_is_configured(const struct mw_kubelet_access *kubelet)
{
  const struct mw_kubelet_config *config = &kubelet->config;

  return is_set(config->url) || is_set(config->node_ip) || is_set(config->node_name);
}

bool mw_kubelet_access_is_recorded(const struct mw_kubelet_access *kubelet)
{
  return is_set(kubelet->config.recorded_dir);
}

struct mw_kubelet *mw_kubelet_access_new_client(const struct mw_kubelet_access *kubelet,
                                                struct mw_error *err)
{
  return mw_kubelet_new(&kubelet->config, err);
}

/* ---- Asking ---- */

/* @return 0 with the mutex held, or -ETIMEDOUT. */
static int lock_until(struct mw_kubelet_access *kubelet, int64_t deadline_ns, struct mw_error *err)
{
  struct timespec until = {.tv_sec = deadline_ns / MW_NS_PER_S,
                           .tv_nsec = deadline_ns % MW_NS_PER_S};

  if (pthread_mutex_clocklock(&kubelet->mutex, CLOCK_MONOTONIC, &until) == 0)
    return 0;
  return mw_error_set(err, ETIMEDOUT, "another script still waits for the kubelet");
}

/* With the mutex held. */
static int open_client(struct mw_kubelet_access *kubelet, struct mw_error *err)
{
  struct mw_error own, *why = err ? err : &own;

  if (!kubelet->client)
    kubelet->client = mw_kubelet_access_new_client(kubelet, why);
  return kubelet->client ? 0 : -why->code;
}

static int ask_alone(struct mw_kubelet_access *kubelet, int64_t deadline_ns,
                     struct mw_kubelet_pods **out, struct mw_error *err)
{
  int rc = lock_until(kubelet, deadline_ns, err);

  if (rc < 0)
    return rc;
  rc = open_client(kubelet, err);
  if (rc == 0)
    rc = mw_kubelet_pods(kubelet->client, deadline_ns, out, err);
  pthread_mutex_unlock(&kubelet->mutex);
  return rc;
}

/* Outside of the gate as a whole: who came back into it with the mutex held would wait for those
 * who wait for the mutex. */
int mw_kubelet_access_pods(struct mw_kubelet_access *kubelet, int64_t deadline_ns,
                           struct mw_kubelet_pods **out, struct mw_error *err)
{
  mw_gate_step_out();
  int rc = ask_alone(kubelet, deadline_ns, out, err);
  mw_gate_step_in();
  return rc;
}
