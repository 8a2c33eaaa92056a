#include "http/curl_setup.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/buf.h"

/* A token, and "Authorization: Bearer ". */
#define HEADER_MAX_BYTES (MW_TOKEN_MAX_BYTES + 64)

/* The first option that fails is the one that is told. */
struct setup {
  const struct mw_curl *curl;
  CURL *easy;
  CURLcode code;
  CURLoption option;
};

#define SET(setup, option_, value)                                                                 \
  do {                                                                                             \
    if ((setup)->code == CURLE_OK) {                                                               \
      (setup)->option = (option_);                                                                 \
      (setup)->code = (setup)->curl->easy_setopt((setup)->easy, (option_), (value));               \
    }                                                                                              \
  } while (0)

/* libcurl's own would be inherited by programs that the agent starts. */
static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
  (void)data;
  (void)purpose;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_connection(struct setup *setup, const struct mw_http_call *call)
{
  const struct mw_http_request *request = call->request;

  SET(setup, CURLOPT_NOSIGNAL, 1L);
  SET(setup, CURLOPT_QUICK_EXIT, 1L); /* a name that does not resolve is not waited for */
  SET(setup, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(setup, CURLOPT_PROTOCOLS_STR, call->url.https ? "https" : "http");
  SET(setup, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  SET(setup, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
  if (!request->environment_proxy || request->unix_socket)
    SET(setup, CURLOPT_PROXY, "");
  SET(setup, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (request->unix_socket)
    SET(setup, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
}

static void set_blob(struct setup *setup, CURLoption option, struct mw_slice pem)
{
  struct curl_blob blob = {
      .data = (void *)(uintptr_t)pem.data, .len = pem.len_bytes, .flags = CURL_BLOB_NOCOPY};

  if (pem.data)
    SET(setup, option, &blob);
}

/* By content and not by path: libcurl uses a connection again only where these are the same, so
 * what rotates gets a new one. */
static void set_tls(struct setup *setup, const struct mw_http_call *call)
{
  const struct mw_http_credentials *credentials = call->request->credentials;
  bool verify = !credentials || !credentials->insecure_skip_verify;

  SET(setup, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  SET(setup, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  SET(setup, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  SET(setup, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* else the system's authorities stay for a day */
  set_blob(setup, CURLOPT_CAINFO_BLOB, call->secrets->ca);
  set_blob(setup, CURLOPT_SSLCERT_BLOB, call->secrets->cert);
  set_blob(setup, CURLOPT_SSLKEY_BLOB, call->secrets->key);
  if (call->secrets->key.data)
    SET(setup, CURLOPT_KEYPASSWD, ""); /* else OpenSSL would ask the terminal */
}

static void set_method(struct setup *setup, const struct mw_http_request *request)
{
  bool is_get = strcmp(request->method, "GET") == 0;
  bool is_post = strcmp(request->method, "POST") == 0;

  if (strcmp(request->method, "HEAD") == 0)
    SET(setup, CURLOPT_NOBODY, 1L);
  else if (request->body || is_post) {
    SET(setup, CURLOPT_POST, 1L);
    SET(setup, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(request->body ? request->body_bytes : 0));
    SET(setup, CURLOPT_POSTFIELDS, request->body ? request->body : "");
    if (!is_post)
      SET(setup, CURLOPT_CUSTOMREQUEST, request->method);
  } else if (!is_get)
    SET(setup, CURLOPT_CUSTOMREQUEST, request->method);
}

/* ---- Header ---- */

static int append_header(const struct mw_curl *curl, struct curl_slist **list, const char *line,
                         struct mw_error *err)
{
  struct curl_slist *longer = curl->slist_append(*list, line);

  if (!longer)
    return mw_error_set(err, ENOMEM, "out of memory for a request");
  *list = longer;
  return 0;
}

static bool is_named(const char *line, const char *name)
{
  size_t len_bytes = strlen(name);

  return strncasecmp(line, name, len_bytes) == 0 && line[len_bytes] == ':';
}

/* To libcurl "Name:" means: leave it out, and "Name;" that it is empty. */
static int append_given(const struct mw_curl *curl, struct curl_slist **list, const char *line,
                        struct mw_error *err)
{
  const char *colon = strchr(line, ':');
  MW_AUTO_BUF copy;

  mw_buf_init(&copy, strlen(line) + 1);
  if (colon[1 + strspn(colon + 1, " \t")] != '\0')
    return append_header(curl, list, line, err);
  int rc = mw_buf_printf(&copy, err, "%.*s;", (int)(colon - line), line);
  return rc < 0 ? rc : append_header(curl, list, copy.data, err);
}

static int append_token(const struct mw_curl *curl, struct curl_slist **list, const char *token,
                        struct mw_error *err)
{
  char line[HEADER_MAX_BYTES];

  if (!token)
    return 0;
  strcpy(stpcpy(line, "Authorization: Bearer "), token); /* at most MW_TOKEN_MAX_BYTES */
  int rc = append_header(curl, list, line, err);
  explicit_bzero(line, sizeof line);
  return rc;
}

static int make_headers(const struct mw_curl *curl, const struct mw_http_call *call,
                        struct curl_slist **list, struct mw_error *err)
{
  bool has_type = false, has_authorization = false;
  int rc = append_header(curl, list, "Expect:", err);

  for (const char *const *line = call->request->headers; rc == 0 && line && *line; line++) {
    has_type = has_type || is_named(*line, "Content-Type");
    has_authorization = has_authorization || is_named(*line, "Authorization");
    rc = append_given(curl, list, *line, err);
  }
  if (rc == 0 && !has_type)
    rc = append_header(curl, list, "Content-Type:", err); /* else it would say: a form */
  return rc == 0 && !has_authorization ? append_token(curl, list, call->secrets->token, err) : rc;
}

int mw_curl_setup(const struct mw_curl *curl, CURL *easy, const struct mw_http_call *call,
                  struct curl_slist **out_headers, struct mw_error *err)
{
  struct setup setup = {.curl = curl, .easy = easy, .code = CURLE_OK};

  *out_headers = NULL;
  int rc = make_headers(curl, call, out_headers, err);
  if (rc < 0)
    return rc;
  set_connection(&setup, call);
  set_tls(&setup, call);
  set_method(&setup, call->request);
  SET(&setup, CURLOPT_URL, call->url_text);
  SET(&setup, CURLOPT_USERAGENT, call->user_agent);
  SET(&setup, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
  SET(&setup, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  SET(&setup, CURLOPT_HTTPHEADER, *out_headers);
  if (setup.code == CURLE_OUT_OF_MEMORY)
    return mw_error_set(err, ENOMEM, "out of memory for a request");
  if (setup.code != CURLE_OK)
    return mw_error_set(err, ENOTSUP, "libcurl does not take its option %d: %s", (int)setup.option,
                        curl->easy_strerror(setup.code));
  return 0;
}
