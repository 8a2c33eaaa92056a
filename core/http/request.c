#include "http/request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#include "base/text.h"

/* What the client says itself, and what would change where a request ends. */
static const char *const own_fields[] = {"Connection", "Content-Length",    "Expect", "Host",
                                         "TE",         "Transfer-Encoding", "Upgrade"};

/* A word of RFC 9110: names of methods and fields. */
static bool is_token(const char *text, size_t len_bytes)
{
  static const char others[] = "!#$%&'*+-.^_`|~";

  for (size_t i = 0; i < len_bytes; i++) {
    char byte = text[i];
    bool alphanumeric = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z');
    if (!alphanumeric && (byte == '\0' || !strchr(others, byte)))
      return false;
  }
  return len_bytes > 0;
}

static bool is_own_field(const char *name, size_t len_bytes)
{
  for (size_t i = 0; i < sizeof own_fields / sizeof own_fields[0]; i++)
    if (strlen(own_fields[i]) == len_bytes && strncasecmp(own_fields[i], name, len_bytes) == 0)
      return true;
  return false;
}

static bool is_value(const char *text)
{
  for (; *text; text++)
    if ((unsigned char)*text < ' ' ? *text != '\t' : *text == 0x7F)
      return false;
  return true;
}

static int check_header(const char *line, struct mw_error *err)
{
  char quoted[MW_TEXT_QUOTED_BYTES];
  const char *colon = strchr(line, ':');
  size_t name_bytes = colon ? (size_t)(colon - line) : strlen(line);
  const struct mw_slice name = {line, name_bytes};

  if (!colon || !is_token(line, name_bytes))
    return mw_error_set(err, EINVAL, "not a header: %s: it has to be \"Name: value\"",
                        mw_text_quote(name, quoted));
  if (is_own_field(line, name_bytes))
    return mw_error_set(err, EINVAL, "the header %s is the client's own",
                        mw_text_quote(name, quoted));
  if (!is_value(colon + 1)) /* which may be a secret: its name will do */
    return mw_error_set(err, EINVAL, "the header %s has a byte that cannot be sent",
                        mw_text_quote(name, quoted));
  return 0;
}

static int check_headers(const char *const *headers, struct mw_error *err)
{
  int rc = 0;

  for (; rc == 0 && headers && *headers; headers++)
    rc = check_header(*headers, err);
  return rc;
}

static int check_method(const char *method, struct mw_error *err)
{
  char quoted[MW_TEXT_QUOTED_BYTES];
  size_t len_bytes = strlen(method);

  if (is_token(method, len_bytes) && len_bytes <= 32 && strcmp(method, "CONNECT") != 0)
    return 0;
  return mw_error_set(err, EINVAL, "not a method that can be asked: %s",
                      mw_text_quote((struct mw_slice){method, len_bytes}, quoted));
}

static int check_socket(const char *path, struct mw_error *err)
{
  static const struct sockaddr_un address;

  if (path && (*path == '\0' || strlen(path) >= sizeof address.sun_path))
    return mw_error_set(err, EINVAL, "not the path of a unix socket (1 to %zu bytes): %s",
                        sizeof address.sun_path - 1, path);
  return 0;
}

static int check_credentials(const struct mw_http_credentials *credentials, struct mw_error *err)
{
  if (!credentials || !credentials->cert_file == !credentials->key_file)
    return 0;
  return mw_error_set(err, EINVAL, "cert_file and key_file go together: %s is missing",
                      credentials->cert_file ? "key_file" : "cert_file");
}

static int check(const struct mw_http_request *request, struct mw_error *err)
{
  int rc = check_method(request->method, err);

  if (rc == 0)
    rc = check_headers(request->headers, err);
  if (rc == 0)
    rc = check_socket(request->unix_socket, err);
  if (rc == 0)
    rc = check_credentials(request->credentials, err);
  if (rc == 0 && request->body && strcmp(request->method, "HEAD") == 0)
    rc = mw_error_set(err, EINVAL, "HEAD has no body");
  return rc;
}

static int64_t at_most(int64_t value, int64_t most)
{
  return value < most ? value : most;
}

int mw_request_complete(const struct mw_http_request *request, struct mw_http_request *out,
                        struct mw_error *err)
{
  struct mw_http_request complete = *request;

  if (!complete.url)
    return mw_error_set(err, EINVAL, "it has no URL");
  if (!complete.method)
    complete.method = "GET";
  if (complete.timeout_ms <= 0)
    complete.timeout_ms = MW_REQUEST_TIMEOUT_DEFAULT_MS;
  if (complete.connect_timeout_ms <= 0)
    complete.connect_timeout_ms = MW_REQUEST_CONNECT_DEFAULT_MS;
  if (complete.headers_max_bytes == 0)
    complete.headers_max_bytes = MW_REQUEST_HEADERS_DEFAULT_BYTES;
  if (complete.headers_max_bytes > MW_REQUEST_HEADERS_MAX_BYTES)
    complete.headers_max_bytes = MW_REQUEST_HEADERS_MAX_BYTES;
  if (complete.body_max_bytes == 0)
    complete.body_max_bytes = MW_REQUEST_BODY_DEFAULT_BYTES;
  complete.timeout_ms = at_most(complete.timeout_ms, MW_REQUEST_TIMEOUT_MAX_MS);
  complete.connect_timeout_ms = at_most(complete.connect_timeout_ms, complete.timeout_ms);
  int rc = check(&complete, err);
  if (rc == 0)
    *out = complete;
  return rc;
}
