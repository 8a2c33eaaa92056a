#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/gate.h"
#include "base/interrupt.h"
#include "http/curl_failure.h"
#include "http/curl_library.h"
#include "http/curl_setup.h"
#include "http/transport.h"
#include "moonwatch/clock.h"

/* Connections that are kept for the next request; a client talks to a kubelet, or to one backend.
 */
#define CONNECTIONS_MAX 8L

struct curl_transport {
  struct mw_http_transport transport; /* first, so that its functions find the rest */
  const struct mw_curl *curl;         /* NULL until the first request */
  CURLM *multi;
  CURL *easy;
  char text[CURL_ERROR_SIZE];
};

/* ---- What libcurl calls ---- */

static bool is_status_line(struct mw_slice line)
{
  return line.len_bytes > 5 && memcmp(line.data, "HTTP/", 5) == 0;
}

/* libcurl has read it: the digits are there, and 2 and 3 stand without a point. */
static bool receive_status_line(struct mw_receiver *receiver, struct mw_slice line)
{
  const char *end = line.data + line.len_bytes;
  const char *blank = memchr(line.data, ' ', line.len_bytes);
  int version = 10 * (line.data[5] - '0');
  int status = 0;

  if (line.len_bytes > 7 && line.data[6] == '.')
    version += line.data[7] - '0';
  for (const char *digit = blank ? blank + 1 : end; digit < end && digit - blank <= 3; digit++)
    status = 10 * status + (*digit - '0');
  if (status < 100 || status > 999)
    return mw_receiver_fail(receiver, EPROTO,
                            "what it answers is not HTTP: a status line without "
                            "a status");
  return mw_receive_status(receiver, status, version, line.len_bytes);
}

static size_t on_header(char *bytes, size_t one, size_t len_bytes, void *data)
{
  struct mw_receiver *receiver = data;
  struct mw_slice line = {bytes, len_bytes}, name, value;
  bool goes_on = true;
  (void)one;

  if (is_status_line(line))
    goes_on = receive_status_line(receiver, line);
  else if (len_bytes <= 2 && (bytes[0] == '\r' || bytes[0] == '\n'))
    mw_receive_header_end(receiver);
  else if (mw_http_split_field(line, &name, &value))
    goes_on = mw_receive_field(receiver, name, value, len_bytes);
  return goes_on ? len_bytes : 0;
}

static size_t on_body(char *bytes, size_t one, size_t len_bytes, void *data)
{
  (void)one;
  return mw_receive_body(data, (struct mw_slice){bytes, len_bytes}) ? len_bytes : 0;
}

/* ---- One transfer ---- */

static int explain_multi(const struct curl_transport *transport, CURLMcode code,
                         struct mw_error *err)
{
  if (code == CURLM_OUT_OF_MEMORY)
    return mw_error_set(err, ENOMEM, "out of memory for a request");
  return mw_error_set(err, EPROTO, "libcurl: %s", transport->curl->multi_strerror(code));
}

static int64_t left_ms(const struct mw_http_call *call)
{
  int64_t left_ns = call->deadline_ns - mw_clock_monotonic_ns(mw_clock_system());

  return left_ns > 0 ? left_ns / MW_NS_PER_MS + 1 : 0;
}

/* The end of a transfer that libcurl came to by itself. */
static int finish(struct curl_transport *transport, int os_errno, const struct mw_http_call *call,
                  struct mw_receiver *receiver, struct mw_error *err)
{
  int left;
  const CURLMsg *message = transport->curl->multi_info_read(transport->multi, &left);

  if (!message)
    return mw_error_set(err, EPROTO, "libcurl does not say how the request ended");
  CURLcode code = message->data.result;
  if (receiver->enough || receiver->rc < 0)
    return receiver->rc;
  if (code == CURLE_OK && receiver->answer.phase == MW_HTTP_PHASE_BODY)
    return 0;
  if (code == CURLE_OK) /* which libcurl takes for an answer without a body */
    return mw_error_set(err, ECONNRESET, "the connection ended within the header of the answer");
  struct mw_curl_failure failure = {
      .curl = transport->curl,
      .easy = transport->easy,
      .code = code,
      .os_errno = os_errno,
      .text = transport->text[0] ? transport->text : transport->curl->easy_strerror(code),
  };
  return mw_curl_explain(&failure, call, receiver, err);
}

static bool is_to_end(const struct mw_receiver *receiver)
{
  return mw_stop_is(receiver->stop) || mw_is_interrupted();
}

static int drive(struct curl_transport *transport, const struct mw_http_call *call,
                 struct mw_receiver *receiver, struct mw_error *err)
{
  const struct mw_curl *curl = transport->curl;
  struct curl_waitfd stop = {.fd = receiver->stop->fd, .events = CURL_WAIT_POLLIN};
  CURLMcode code = CURLM_OK;
  int running, ready;

  for (;;) {
    errno = 0;
    code = curl->multi_perform(transport->multi, &running);
    if (code == CURLM_OK && running == 0)
      return finish(transport, errno, call, receiver, err);
    int64_t wait_ms = left_ms(call);
    if (code == CURLM_OK && !is_to_end(receiver) && wait_ms > 0)
      code = curl->multi_poll(transport->multi, &stop, 1, (int)wait_ms, &ready);
    if (code != CURLM_OK)
      return explain_multi(transport, code, err);
    receiver->answer.phase = mw_curl_phase(curl, transport->easy, call, receiver);
    if (is_to_end(receiver))
      return mw_error_set(err, ECANCELED, "canceled");
    if (wait_ms == 0)
      return mw_curl_explain_timeout(call, receiver, err);
  }
}

static int transfer(struct curl_transport *transport, const struct mw_http_call *call,
                    struct mw_receiver *receiver, struct mw_error *err)
{
  const struct mw_curl *curl = transport->curl;
  CURL *easy = transport->easy;

  transport->text[0] = '\0';
  curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, transport->text);
  curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl->easy_setopt(easy, CURLOPT_HEADERDATA, receiver);
  curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl->easy_setopt(easy, CURLOPT_WRITEDATA, receiver);
  CURLMcode code = curl->multi_add_handle(transport->multi, easy);
  if (code != CURLM_OK)
    return explain_multi(transport, code, err);
  mw_gate_step_out(); /* somebody else may compute meanwhile; no sink runs a script */
  int rc = drive(transport, call, receiver, err);
  mw_gate_step_in();
  curl->multi_remove_handle(transport->multi, easy);
  return rc;
}

/* ---- Life cycle ---- */

static int get_ready(struct curl_transport *transport, struct mw_error *err)
{
  if (!transport->curl)
    transport->curl = mw_curl_load(err);
  if (!transport->curl)
    return -ENOTSUP;
  if (!transport->multi) {
    transport->multi = transport->curl->multi_init();
    if (transport->multi)
      transport->curl->multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
  }
  if (!transport->easy)
    transport->easy = transport->curl->easy_init();
  return transport->multi && transport->easy
             ? 0
             : mw_error_set(err, ENOMEM, "out of memory for an HTTP client");
}

static int ask(struct mw_http_transport *base, const struct mw_http_call *call,
               struct mw_receiver *receiver, struct mw_error *err)
{
  struct curl_transport *transport = (struct curl_transport *)base;
  struct curl_slist *headers;
  int rc = get_ready(transport, err);

  if (rc < 0)
    return rc;
  rc = mw_curl_setup(transport->curl, transport->easy, call, &headers, err);
  if (rc == 0)
    rc = transfer(transport, call, receiver, err);
  transport->curl->easy_reset(transport->easy); /* it holds no secret between requests */
  transport->curl->slist_free_all(headers);
  return rc;
}

static void free_transport(struct mw_http_transport *base)
{
  struct curl_transport *transport = (struct curl_transport *)base;

  if (transport->easy)
    transport->curl->easy_cleanup(transport->easy);
  if (transport->multi)
    transport->curl->multi_cleanup(transport->multi);
  free(transport);
}

struct mw_http_transport *mw_transport_curl_new(struct mw_error *err)
{
  struct curl_transport *transport = calloc(1, sizeof *transport);

  if (!transport) {
    mw_error_set(err, ENOMEM, "out of memory for an HTTP client");
    return NULL;
  }
  transport->transport = (struct mw_http_transport){.ask = ask, .free = free_transport};
  return &transport->transport;
}
