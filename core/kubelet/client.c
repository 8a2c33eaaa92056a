#include "kubelet/client.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kubelet/endpoint.h"
#include "kubelet/refusal.h"
#include "kubelet/retry.h"

struct mw_kubelet {
  struct mw_http *http;
  const struct mw_clock *clock;
  char *ca_file, *cert_file, *key_file, *token_file;
  struct mw_http_credentials credentials; /* of these files */
  int64_t timeout_ms;
  struct mw_endpoints endpoints;
  size_t current; /* of the endpoints */
  bool settled;   /* it has answered there */
  struct mw_retry summary_retry, pods_retry;
  uint64_t random; /* never 0 */
};

/* ---- Life cycle ---- */

static bool is_given(const char *text)
{
  return text && *text;
}

/* @p given, else the file @p name of the service account, where it is there. */
static int choose_file(const char *given, const char *account_dir, const char *name, char **out,
                       struct mw_error *err)
{
  char path[PATH_MAX];

  if (!is_given(given)) {
    if (!is_given(account_dir) ||
        (size_t)snprintf(path, sizeof path, "%s/%s", account_dir, name) >= sizeof path ||
        access(path, F_OK) != 0)
      return 0;
    given = path;
  }
  *out = strdup(given);
  return *out ? 0 : mw_error_set(err, ENOMEM, "out of memory for a kubelet's client");
}

static int choose_credentials(struct mw_kubelet *kubelet, const struct mw_kubelet_config *config,
                              struct mw_error *err)
{
  const char *dir = config->service_account_dir;

  if (is_given(config->cert_file) != is_given(config->key_file))
    return mw_error_set(err, EINVAL, "%s is given without %s: a certificate needs its key",
                        is_given(config->cert_file) ? "kubelet.cert_file" : "kubelet.key_file",
                        is_given(config->cert_file) ? "kubelet.key_file" : "kubelet.cert_file");
  int rc = choose_file(config->ca_file, dir, "ca.crt", &kubelet->ca_file, err);
  if (rc == 0)
    rc = choose_file(config->token_file, dir, "token", &kubelet->token_file, err);
  if (rc == 0)
    rc = choose_file(config->cert_file, NULL, NULL, &kubelet->cert_file, err);
  if (rc == 0)
    rc = choose_file(config->key_file, NULL, NULL, &kubelet->key_file, err);
  kubelet->credentials =
      (struct mw_http_credentials){.ca_file = kubelet->ca_file,
                                   .cert_file = kubelet->cert_file,
                                   .key_file = kubelet->key_file,
                                   .token_file = kubelet->token_file,
                                   .insecure_skip_verify = config->insecure_skip_verify};
  return rc;
}

struct mw_kubelet *mw_kubelet_new(const struct mw_kubelet_config *config, struct mw_error *err)
{
  struct mw_kubelet *kubelet = calloc(1, sizeof *kubelet);

  if (!kubelet) {
    mw_error_set(err, ENOMEM, "out of memory for a kubelet's client");
    return NULL;
  }
  kubelet->clock = config->clock ? config->clock : mw_clock_system();
  kubelet->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : MW_KUBELET_TIMEOUT_DEFAULT_MS;
  kubelet->random =
      ((uint64_t)mw_clock_wall_ns(mw_clock_system()) ^ (uint64_t)(uintptr_t)kubelet) | 1;
  if (mw_endpoints_find(config, &kubelet->endpoints, err) < 0 ||
      choose_credentials(kubelet, config, err) < 0)
    goto fail;
  kubelet->http = mw_http_new(&(struct mw_http_config){.recorded_dir = config->recorded_dir}, err);
  if (kubelet->http)
    return kubelet;

fail:
  mw_kubelet_free(kubelet);
  return NULL;
}

void mw_kubelet_free(struct mw_kubelet *kubelet)
{
  if (!kubelet)
    return;
  mw_http_free(kubelet->http);
  free(kubelet->ca_file);
  free(kubelet->cert_file);
  free(kubelet->key_file);
  free(kubelet->token_file);
  free(kubelet);
}

void mw_kubelet_cancel(struct mw_kubelet *kubelet)
{
  mw_http_cancel(kubelet->http);
}

const char *mw_kubelet_url(const struct mw_kubelet *kubelet)
{
  return kubelet->endpoints.list[kubelet->current].url;
}

const struct mw_http_credentials *mw_kubelet_credentials(const struct mw_kubelet *kubelet)
{
  return &kubelet->credentials;
}

/* ---- One request ---- */

struct exchange {
  struct mw_kubelet *kubelet;
  const char *path;
  const struct mw_endpoint *endpoint;
  int64_t timeout_ms, connect_timeout_ms;
  struct mw_http_answer *answer;
};

/* Ask, and fill @p out with what the answer gives. */
typedef int ask_fn(const struct exchange *exchange, void *out, struct mw_error *err);

static int run_exchange(const struct exchange *exchange, const struct mw_http_sink *sink,
                        struct mw_error *err)
{
  const struct mw_http_credentials *credentials = &exchange->kubelet->credentials;
  char url[MW_ENDPOINT_URL_BYTES + 64];
  struct mw_http_request request = {.url = url,
                                    .credentials = credentials,
                                    .timeout_ms = exchange->timeout_ms,
                                    .connect_timeout_ms = exchange->connect_timeout_ms};
  struct mw_http_answer *answer = exchange->answer;

  snprintf(url, sizeof url, "%s%s", exchange->endpoint->url, exchange->path);
  int rc = mw_http_ask(exchange->kubelet->http, &request, sink, answer, err);
  if (rc < 0 && answer->phase == MW_HTTP_PHASE_STATUS && answer->status != 0)
    return mw_kubelet_refused(rc, exchange->endpoint->url, exchange->path, credentials, answer,
                              err);
  if (rc == -EACCES && answer->phase == MW_HTTP_PHASE_TLS && !credentials->insecure_skip_verify)
    mw_kubelet_not_believed(credentials, err);
  return rc;
}

static int feed_summary(void *reader, const char *piece, size_t len_bytes, struct mw_error *err)
{
  return mw_kubelet_summary_reader_feed(reader, piece, len_bytes, err);
}

static int feed_pods(void *reader, const char *piece, size_t len_bytes, struct mw_error *err)
{
  return mw_kubelet_pods_reader_feed(reader, piece, len_bytes, err);
}

/* What the reader says at the end does not tell whose answer it was. */
static int blame(const struct exchange *exchange, struct mw_error *err)
{
  mw_error_prefix(err, "GET %s%s", exchange->endpoint->url, exchange->path);
  return -err->code;
}

static int ask_summary(const struct exchange *exchange, void *out, struct mw_error *err)
{
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(NULL, err);

  if (!reader)
    return -ENOMEM;
  int rc =
      run_exchange(exchange, &(struct mw_http_sink){.data = reader, .body = feed_summary}, err);
  if (rc == 0) {
    struct mw_kubelet_summary *summary = mw_kubelet_summary_reader_take(reader, err);
    if (summary)
      *(struct mw_kubelet_summary **)out = summary;
    else
      rc = blame(exchange, err);
  }
  mw_kubelet_summary_reader_free(reader);
  return rc;
}

static int ask_pods(const struct exchange *exchange, void *out, struct mw_error *err)
{
  struct mw_kubelet_pods_config config = {.now_ns = mw_clock_wall_ns(exchange->kubelet->clock),
                                          .pod_expiry_ns = MW_KUBELET_POD_EXPIRY_DEFAULT_NS};
  struct mw_kubelet_pods_reader *reader = mw_kubelet_pods_reader_new(&config, err);

  if (!reader)
    return -ENOMEM;
  int rc = run_exchange(exchange, &(struct mw_http_sink){.data = reader, .body = feed_pods}, err);
  if (rc == 0) {
    struct mw_kubelet_pods *pods = mw_kubelet_pods_reader_take(reader, err);
    if (pods)
      *(struct mw_kubelet_pods **)out = pods;
    else
      rc = blame(exchange, err);
  }
  mw_kubelet_pods_reader_free(reader);
  return rc;
}

static int ask_nothing(const struct exchange *exchange, void *out, struct mw_error *err)
{
  (void)out;
  return run_exchange(exchange, NULL, err);
}

/* ---- Finding out where it is ---- */

/* How long is left, at most @p most_ms. @return 0 or less: nothing. */
static int64_t left_ms(int64_t deadline_ns, int64_t most_ms)
{
  if (deadline_ns == INT64_MAX)
    return most_ms;
  int64_t left = (deadline_ns - mw_clock_monotonic_ns(mw_clock_system())) / MW_NS_PER_MS;
  return left < most_ms ? left : most_ms;
}

static int ask_at(struct exchange *exchange, size_t index, int64_t deadline_ns, int64_t most_ms,
                  ask_fn *ask, void *out, struct mw_error *err)
{
  exchange->endpoint = &exchange->kubelet->endpoints.list[index];
  exchange->kubelet->current = index;
  exchange->timeout_ms = left_ms(deadline_ns, most_ms);
  *exchange->answer = (struct mw_http_answer){.retry_after_ms = -1}; /* also where none is asked */
  if (exchange->timeout_ms > 0)
    return ask(exchange, out, err);
  return mw_error_set(err, ETIMEDOUT, "no time is left to ask %s%s", exchange->endpoint->url,
                      exchange->path);
}

/* Who speaks TLS there and is slow, or refuses, is the kubelet all the same. */
static bool is_the_kubelet(const struct exchange *exchange)
{
  const struct mw_http_answer *answer = exchange->answer;
  int status = answer->status;

  if (status == 0)
    return exchange->endpoint->is_tls && answer->phase >= MW_HTTP_PHASE_SEND;
  return (status >= 200 && status < 300) || status == 401 || status == 403 || status == 429;
}

/* Gathers why nobody is the kubelet; the code is that of who came farthest. */
static void note_miss(const struct exchange *exchange, const struct mw_error *miss,
                      enum mw_http_phase *farthest, struct mw_error *err)
{
  size_t used = strlen(err->text);

  if (used == 0 || exchange->answer->phase > *farthest) {
    err->code = miss->code;
    *farthest = exchange->answer->phase;
  }
  snprintf(err->text + used, sizeof err->text - used, "%s%.1000s",
           used == 0 ? "no kubelet is found: " : "; ", miss->text);
}

/* What would be the same with everybody. */
static bool is_own_fault(int rc, const struct mw_http_answer *answer)
{
  return rc == -ENOMEM || rc == -ECANCELED ||
         (rc != -ETIMEDOUT && answer->phase == MW_HTTP_PHASE_REQUEST);
}

static int find_and_ask(struct exchange *exchange, int64_t deadline_ns, ask_fn *ask, void *out,
                        struct mw_error *err)
{
  struct mw_kubelet *kubelet = exchange->kubelet;
  enum mw_http_phase farthest = MW_HTTP_PHASE_REQUEST;
  struct mw_error all = {0}, miss;

  for (size_t i = 0; i < kubelet->endpoints.count; i++) {
    exchange->connect_timeout_ms = MW_KUBELET_PROBE_TIMEOUT_MS;
    int rc = ask_at(exchange, i, deadline_ns, MW_KUBELET_PROBE_TIMEOUT_MS, ask, out, &miss);
    if (rc == 0 || is_the_kubelet(exchange)) {
      kubelet->settled = true;
      exchange->connect_timeout_ms = 0;
      if (rc == -ETIMEDOUT) /* that is slow, and not nobody: it gets all the time there is */
        return ask_at(exchange, i, deadline_ns, kubelet->timeout_ms, ask, out, err);
      if (rc < 0 && err)
        *err = miss;
      return rc;
    }
    if (is_own_fault(rc, exchange->answer)) {
      *err = miss;
      return rc;
    }
    note_miss(exchange, &miss, &farthest, &all);
  }
  *err = all;
  return -all.code;
}

static int ask_anywhere(struct exchange *exchange, int64_t deadline_ns, ask_fn *ask, void *out,
                        struct mw_error *err)
{
  struct mw_kubelet *kubelet = exchange->kubelet;

  if (!kubelet->settled && kubelet->endpoints.count > 1)
    return find_and_ask(exchange, deadline_ns, ask, out, err);
  int rc = ask_at(exchange, kubelet->current, deadline_ns, kubelet->timeout_ms, ask, out, err);
  if (rc < 0 && exchange->answer->status == 0 && exchange->answer->phase <= MW_HTTP_PHASE_TLS)
    kubelet->settled = false; /* it may have moved */
  return rc;
}

/* ---- Questions ---- */

static uint64_t next_random(struct mw_kubelet *kubelet)
{
  uint64_t x = kubelet->random; /* xorshift64, by Marsaglia */

  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return kubelet->random = x;
}

static int ask_again_later(struct mw_kubelet *kubelet, struct mw_retry *retry,
                           const struct mw_http_answer *answer, int rc, const struct mw_error *why)
{
  int64_t now_ns = mw_clock_monotonic_ns(kubelet->clock);
  int64_t wanted_ns = answer->retry_after_ms > MW_KUBELET_RETRY_MAX_NS / MW_NS_PER_MS
                          ? MW_KUBELET_RETRY_MAX_NS
                          : answer->retry_after_ms * MW_NS_PER_MS;

  if (rc != -ECANCELED && rc != -ENOMEM) /* which are no fault of the kubelet */
    mw_retry_note_failure(retry, now_ns, wanted_ns, next_random(kubelet), why);
  return rc;
}

static int ask_in_time(struct mw_kubelet *kubelet, const char *path, struct mw_retry *retry,
                       int64_t deadline_ns, ask_fn *ask, void *out, struct mw_error *err)
{
  struct mw_http_answer answer;
  struct exchange exchange = {.kubelet = kubelet, .path = path, .answer = &answer};
  struct mw_error own, *why = err ? err : &own;

  if (!mw_retry_is_due(retry, mw_clock_monotonic_ns(kubelet->clock))) {
    *why = retry->last;
    return -why->code;
  }
  if (left_ms(deadline_ns, kubelet->timeout_ms) <= 0) /* no fault of the kubelet */
    return mw_error_set(why, ETIMEDOUT, "no time is left to ask %s%s", mw_kubelet_url(kubelet),
                        path);
  int rc = ask_anywhere(&exchange, deadline_ns, ask, out, why);
  if (rc < 0)
    return ask_again_later(kubelet, retry, &answer, rc, why);
  mw_retry_note_success(retry);
  return 0;
}

int mw_kubelet_summary(struct mw_kubelet *kubelet, int64_t deadline_ns,
                       struct mw_kubelet_summary **out, struct mw_error *err)
{
  return ask_in_time(kubelet, "/stats/summary", &kubelet->summary_retry, deadline_ns, ask_summary,
                     out, err);
}

int mw_kubelet_pods(struct mw_kubelet *kubelet, int64_t deadline_ns, struct mw_kubelet_pods **out,
                    struct mw_error *err)
{
  return ask_in_time(kubelet, "/pods", &kubelet->pods_retry, deadline_ns, ask_pods, out, err);
}

int mw_kubelet_try(struct mw_kubelet *kubelet, const char *path, int64_t deadline_ns,
                   struct mw_http_answer *answer, struct mw_error *err)
{
  struct exchange exchange = {.kubelet = kubelet, .path = path, .answer = answer};
  struct mw_error own;

  return ask_anywhere(&exchange, deadline_ns, ask_nothing, NULL, err ? err : &own);
}
