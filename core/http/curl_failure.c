#include "http/curl_failure.h"

#include <errno.h>
#include <string.h>

#include "http/request.h"

/* Results of OpenSSL's verification, from <openssl/x509_vfy.h>; libcurl hands them on. */
enum {
  UNSPECIFIED = 1, /* libcurl compares names before it asks for the result */
  NOT_YET_VALID = 9,
  EXPIRED = 10,
  SELF_SIGNED = 18,
  SELF_SIGNED_IN_CHAIN = 19,
  NO_LOCAL_ISSUER = 20,
  UNVERIFIED_LEAF = 21,
  HOSTNAME_MISMATCH = 62,
  IP_ADDRESS_MISMATCH = 64,
};

/* ---- How far it came ---- */

static bool has_passed(const struct mw_curl *curl, CURL *easy, CURLINFO time)
{
  curl_off_t us = 0;

  return curl->easy_getinfo(easy, time, &us) == CURLE_OK && us > 0;
}

enum mw_http_phase mw_curl_phase(const struct mw_curl *curl, CURL *easy,
                                 const struct mw_http_call *call,
                                 const struct mw_receiver *receiver)
{
  if (receiver->answer.phase >= MW_HTTP_PHASE_SEND)
    return receiver->answer.phase;
  if (has_passed(curl, easy, CURLINFO_PRETRANSFER_TIME_T))
    return MW_HTTP_PHASE_SEND;
  if (has_passed(curl, easy, CURLINFO_CONNECT_TIME_T))
    return call->url.https ? MW_HTTP_PHASE_TLS : MW_HTTP_PHASE_SEND;
  if (call->request->unix_socket || has_passed(curl, easy, CURLINFO_NAMELOOKUP_TIME_T))
    return MW_HTTP_PHASE_CONNECT;
  return MW_HTTP_PHASE_RESOLVE;
}

/* ---- Deadlines ---- */

int mw_curl_explain_timeout(const struct mw_http_call *call, const struct mw_receiver *receiver,
                            struct mw_error *err)
{
  static const char *const lacks[MW_HTTP_PHASE_COUNT] = {
      [MW_HTTP_PHASE_REQUEST] = "it was not sent",
      [MW_HTTP_PHASE_RESOLVE] = "its name is not resolved",
      [MW_HTTP_PHASE_CONNECT] = "no connection",
      [MW_HTTP_PHASE_TLS] = "connected, but the TLS handshake is not finished",
      [MW_HTTP_PHASE_SEND] = "connected, but no answer",
      [MW_HTTP_PHASE_STATUS] = "the answer is not complete",
      [MW_HTTP_PHASE_BODY] = "the answer is not complete",
  };
  enum mw_http_phase phase = receiver->answer.phase;
  const struct mw_http_request *request = call->request;
  int64_t limit_ms = phase < MW_HTTP_PHASE_SEND ? request->connect_timeout_ms : request->timeout_ms;

  if (phase == MW_HTTP_PHASE_BODY)
    return mw_error_set(err, ETIMEDOUT, "%s after %lld ms: %llu bytes of its body came",
                        lacks[phase], (long long)limit_ms,
                        (unsigned long long)receiver->answer.body_bytes);
  return mw_error_set(err, ETIMEDOUT, "%s after %lld ms", lacks[phase], (long long)limit_ms);
}

/* ---- TLS ---- */

static const char *believed(const struct mw_http_call *call)
{
  const struct mw_http_credentials *credentials = call->request->credentials;

  return credentials ? credentials->ca_file : NULL;
}

static int explain_untrusted(const struct mw_http_call *call, const char *what,
                             struct mw_error *err)
{
  if (believed(call))
    return mw_error_set(err, EACCES, "%s is not signed by %s", what, believed(call));
  return mw_error_set(err, EACCES,
                      "%s is not signed by an authority that this system believes: give the "
                      "right one as ca_file",
                      what);
}

static int explain_certificate(const struct mw_curl_failure *failure,
                               const struct mw_http_call *call, struct mw_error *err)
{
  long result = 0;

  failure->curl->easy_getinfo(failure->easy, CURLINFO_SSL_VERIFYRESULT, &result);
  switch (result) {
  case EXPIRED:
    return mw_error_set(err, EACCES, "the certificate of the server has expired");
  case NOT_YET_VALID:
    return mw_error_set(err, EACCES,
                        "the certificate of the server is not valid yet: are both "
                        "clocks right?");
  case SELF_SIGNED:
    return explain_untrusted(call, "the certificate of the server is its own, and", err);
  case SELF_SIGNED_IN_CHAIN:
  case NO_LOCAL_ISSUER:
  case UNVERIFIED_LEAF:
    return explain_untrusted(call, "the certificate of the server", err);
  case 0:
  case UNSPECIFIED:
  case HOSTNAME_MISMATCH:
  case IP_ADDRESS_MISMATCH:
    return mw_error_set(err, EACCES, "the certificate of the server is not for %.*s (%s)",
                        (int)call->url.host.len_bytes, call->url.host.data, failure->text);
  default:
    return mw_error_set(err, EACCES, "the certificate of the server is not believed: %s",
                        failure->text);
  }
}

/* The server ends the handshake, or the first reading after it, with an alert. */
static bool is_alert(const struct mw_curl_failure *failure)
{
  return strstr(failure->text, " alert ");
}

static int explain_alert(const struct mw_curl_failure *failure, const struct mw_http_call *call,
                         struct mw_error *err)
{
  if (call->secrets->cert.data)
    return mw_error_set(err, EACCES, "it refuses the certificate in %s: %s",
                        call->request->credentials->cert_file, failure->text);
  return mw_error_set(err, EACCES,
                      "it ends the TLS handshake; perhaps it wants a certificate (cert_file and "
                      "key_file): %s",
                      failure->text);
}

static int explain_pem(const struct mw_curl_failure *failure, const struct mw_http_call *call,
                       struct mw_error *err)
{
  const struct mw_http_credentials *credentials = call->request->credentials;

  if (failure->code == CURLE_SSL_CERTPROBLEM && call->secrets->cert.data)
    return mw_error_set(err, EBADMSG, "cannot use the certificate in %s with the key in %s: %s",
                        credentials->cert_file, credentials->key_file, failure->text);
  if (call->secrets->ca.data)
    return mw_error_set(err, EBADMSG, "cannot use the authorities in %s: %s", credentials->ca_file,
                        failure->text);
  return mw_error_set(err, EACCES,
                      "cannot use the authorities of this system (package "
                      "ca-certificates): %s",
                      failure->text);
}

/* ---- Connecting ---- */

static int explain_connect(const struct mw_curl_failure *failure, const struct mw_http_call *call,
                           struct mw_error *err)
{
  const char *socket = call->request->unix_socket;
  long os_errno = 0;

  failure->curl->easy_getinfo(failure->easy, CURLINFO_OS_ERRNO, &os_errno);
  if (os_errno == 0)
    return mw_error_set(err, ECONNREFUSED, "cannot connect: %s", failure->text);
  if (socket)
    return mw_error_set(err, (int)os_errno, "cannot connect to %s: %s", socket,
                        strerror((int)os_errno));
  return mw_error_set(err, (int)os_errno, "cannot connect to %.*s, port %u: %s",
                      (int)call->url.host.len_bytes, call->url.host.data, call->url.port,
                      strerror((int)os_errno));
}

static int explain_resolve(const struct mw_curl_failure *failure, const struct mw_http_call *call,
                           struct mw_error *err)
{
  return mw_error_set(err, EHOSTUNREACH, "cannot resolve the name %.*s: %s",
                      (int)call->url.host.len_bytes, call->url.host.data, failure->text);
}

/* ---- Talking ---- */

static int explain_early_end(const struct mw_curl_failure *failure,
                             const struct mw_receiver *receiver, struct mw_error *err)
{
  if (receiver->answer.phase == MW_HTTP_PHASE_BODY)
    return mw_error_set(err, ECONNRESET,
                        "the connection ended early, after %llu bytes of the body: %s",
                        (unsigned long long)receiver->answer.body_bytes, failure->text);
  return mw_error_set(err, ECONNRESET, "the connection ended before the answer: %s", failure->text);
}

/* One code of libcurl for many things: its text tells them apart. */
static int explain_broken(const struct mw_curl_failure *failure, const struct mw_http_call *call,
                          struct mw_receiver *receiver, struct mw_error *err)
{
  if (strstr(failure->text, "chunked-encoding"))
    return mw_error_set(err, EPROTO, "the answer is no HTTP: %s", failure->text);
  if (strstr(failure->text, "Too large response headers"))
    return mw_error_set(err, EMSGSIZE, "the header of the answer is larger than libcurl takes: %s",
                        failure->text);
  if (!is_alert(failure))
    return explain_early_end(failure, receiver, err);
  receiver->answer.phase = MW_HTTP_PHASE_TLS;
  return explain_alert(failure, call, err);
}

/* In libcurl a line of a header that is too long looks like memory that has run out; only memory
 * that has run out says so in errno. */
static int explain_memory(const struct mw_curl_failure *failure, const struct mw_receiver *receiver,
                          struct mw_error *err)
{
  if (failure->os_errno == ENOMEM || receiver->answer.phase == MW_HTTP_PHASE_BODY)
    return mw_error_set(err, ENOMEM, "out of memory for a request");
  return mw_error_set(err, EMSGSIZE,
                      "a line of the answer's header is longer than libcurl takes "
                      "(100 KiB)");
}

int mw_curl_explain(const struct mw_curl_failure *failure, const struct mw_http_call *call,
                    struct mw_receiver *receiver, struct mw_error *err)
{
  enum mw_http_phase *phase = &receiver->answer.phase;

  *phase = mw_curl_phase(failure->curl, failure->easy, call, receiver);
  switch (failure->code) {
  case CURLE_OPERATION_TIMEDOUT:
    return mw_curl_explain_timeout(call, receiver, err);
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
    *phase = MW_HTTP_PHASE_RESOLVE;
    return explain_resolve(failure, call, err);
  case CURLE_COULDNT_CONNECT:
    *phase = MW_HTTP_PHASE_CONNECT;
    return explain_connect(failure, call, err);
  case CURLE_PEER_FAILED_VERIFICATION:
    *phase = MW_HTTP_PHASE_TLS;
    return explain_certificate(failure, call, err);
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CACERT_BADFILE:
    *phase = MW_HTTP_PHASE_REQUEST;
    return explain_pem(failure, call, err);
  case CURLE_SSL_CONNECT_ERROR:
    *phase = MW_HTTP_PHASE_TLS;
    return is_alert(failure) ? explain_alert(failure, call, err)
                             : mw_error_set(err, EPROTO,
                                            "the TLS handshake fails; is it https that "
                                            "it speaks? %s",
                                            failure->text);
  case CURLE_SEND_ERROR:
  case CURLE_RECV_ERROR:
    return explain_broken(failure, call, receiver, err);
  case CURLE_GOT_NOTHING:
  case CURLE_PARTIAL_FILE:
    return explain_early_end(failure, receiver, err);
  case CURLE_OUT_OF_MEMORY:
    return explain_memory(failure, receiver, err);
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_WEIRD_SERVER_REPLY:
    return mw_error_set(err, EPROTO, "what it answers is not HTTP: %s", failure->text);
  case CURLE_BAD_CONTENT_ENCODING:
    return mw_error_set(err, EPROTO, "the answer cannot be unpacked: %s", failure->text);
  default:
    return mw_error_set(err, EPROTO, "%s (libcurl %d)", failure->text, (int)failure->code);
  }
}
