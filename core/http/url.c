#include "http/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX_BYTES 253 /* of a name in the DNS */

static struct mw_slice slice(const char *from, const char *to)
{
  return (struct mw_slice){from, (size_t)(to - from)};
}

static int refuse(struct mw_error *err, const char *why)
{
  return mw_error_set(err, EINVAL, "not a URL that can be asked: %s", why);
}

static const char *after_scheme(const char *text, bool *https)
{
  *https = strncasecmp(text, "https://", 8) == 0;
  if (*https)
    return text + 8;
  return strncasecmp(text, "http://", 7) == 0 ? text + 7 : NULL;
}

static bool is_address_of_version_6(struct mw_slice host)
{
  char text[INET6_ADDRSTRLEN];
  struct in6_addr address;

  if (host.len_bytes >= sizeof text)
    return false;
  memcpy(text, host.data, host.len_bytes);
  text[host.len_bytes] = '\0';
  return inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_name(struct mw_slice host)
{
  static const char alphabet[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

  if (host.len_bytes == 0 || host.len_bytes > HOST_MAX_BYTES)
    return false;
  for (size_t i = 0; i < host.len_bytes; i++)
    if (!strchr(alphabet, host.data[i]))
      return false;
  return true;
}

static int parse_port(struct mw_slice text, struct mw_url *url, struct mw_error *err)
{
  uint64_t port;

  if (!mw_parse_u64(text, &port) || port < 1 || port > UINT16_MAX)
    return refuse(err, "its port is no number from 1 to 65535");
  url->port = (uint16_t)port;
  return 0;
}

static int parse_authority(struct mw_url *url, struct mw_error *err)
{
  const char *start = url->authority.data, *end = start + url->authority.len_bytes;
  const char *host_end;

  if (memchr(start, '@', url->authority.len_bytes))
    return refuse(err, "it has a user or a password in it; name a file of credentials instead");
  if (start < end && *start == '[') {
    const char *bracket = memchr(start, ']', (size_t)(end - start));
    url->host = slice(start + 1, bracket ? bracket : start + 1);
    if (!bracket || !is_address_of_version_6(url->host))
      return refuse(err, "no IPv6 address is between its brackets");
    host_end = bracket + 1;
  } else {
    const char *colon = memchr(start, ':', (size_t)(end - start));
    host_end = colon ? colon : end;
    url->host = slice(start, host_end);
    if (!is_name(url->host))
      return refuse(err, "its host is no name and no address");
  }
  url->port = url->https ? 443 : 80;
  if (host_end == end)
    return 0;
  return *host_end == ':' ? parse_port(slice(host_end + 1, end), url, err)
                          : refuse(err, "there is something behind its address");
}

static int check_bytes(const char *text, struct mw_error *err)
{
  for (const char *byte = text; *byte; byte++)
    if (*byte <= ' ' || *byte > '~')
      return refuse(err, "a blank, or a byte that is not printable ASCII, is in it");
  if (strchr(text, '#'))
    return refuse(err, "a fragment (#) is never sent");
  return strlen(text) > MW_URL_MAX_BYTES ? refuse(err, "it is longer than 8192 bytes") : 0;
}

int mw_url_parse(const char *text, struct mw_url *out, struct mw_error *err)
{
  struct mw_url url = {0};
  int rc = check_bytes(text, err);
  if (rc < 0)
    return rc;

  const char *authority = after_scheme(text, &url.https);
  if (!authority)
    return refuse(err, "it does not begin with http:// or https://");
  const char *path = authority + strcspn(authority, "/?\\");
  const char *query = path + strcspn(path, "?");
  const char *end = query + strlen(query);
  if (*path == '\\')
    return refuse(err, "a backslash is in it");
  url.authority = slice(authority, path);
  url.path = slice(path, query);
  url.query = slice(query, end);
  rc = parse_authority(&url, err);
  if (rc == 0)
    *out = url;
  return rc;
}

bool mw_url_same_origin(const struct mw_url *a, const struct mw_url *b)
{
  return a->https == b->https && a->port == b->port && a->host.len_bytes == b->host.len_bytes &&
         strncasecmp(a->host.data, b->host.data, a->host.len_bytes) == 0;
}

/* ---- Location ---- */

static bool begins(struct mw_slice text, const char *with)
{
  size_t len_bytes = strlen(with);

  return text.len_bytes >= len_bytes && memcmp(text.data, with, len_bytes) == 0;
}

/* A scheme is letters, and then a colon in front of any slash. */
static bool is_absolute(struct mw_slice reference)
{
  for (size_t i = 0; i < reference.len_bytes; i++) {
    if (reference.data[i] == ':')
      return i > 0;
    if (strchr("/?", reference.data[i]))
      return false;
  }
  return false;
}

/* The path up to its last slash. */
static struct mw_slice folder_of(const struct mw_url *base)
{
  size_t len_bytes = base->path.len_bytes;

  while (len_bytes > 0 && base->path.data[len_bytes - 1] != '/')
    len_bytes--;
  return len_bytes > 0 ? (struct mw_slice){base->path.data, len_bytes} : (struct mw_slice){"/", 1};
}

static int append(struct mw_buf *out, struct mw_slice text, struct mw_error *err)
{
  return mw_buf_append(out, text.data, text.len_bytes, err);
}

int mw_url_resolve(const struct mw_url *base, struct mw_slice reference, struct mw_buf *out,
                   struct mw_error *err)
{
  const char *fragment =
      reference.len_bytes > 0 ? memchr(reference.data, '#', reference.len_bytes) : NULL;
  int rc = 0;

  if (fragment)
    reference.len_bytes = (size_t)(fragment - reference.data);
  if (is_absolute(reference))
    return append(out, reference, err);
  rc = mw_buf_append_text(out, base->https ? "https:" : "http:", err);
  if (rc == 0 && !begins(reference, "//")) {
    rc = mw_buf_append_text(out, "//", err);
    if (rc == 0)
      rc = append(out, base->authority, err);
    if (rc == 0 && !begins(reference, "/"))
      rc = append(out,
                  begins(reference, "?") || reference.len_bytes == 0 ? base->path : folder_of(base),
                  err);
    if (rc == 0 && reference.len_bytes == 0)
      rc = append(out, base->query, err);
  }
  return rc == 0 ? append(out, reference, err) : rc;
}

const char *mw_url_print(const struct mw_url *url, char out[static MW_URL_PRINT_BYTES])
{
  struct mw_slice path = url->path.len_bytes > 0 ? url->path : (struct mw_slice){"/", 1};
  int len_bytes = snprintf(out, MW_URL_PRINT_BYTES, "http%s://%.*s%.*s%s", url->https ? "s" : "",
                           (int)url->authority.len_bytes, url->authority.data, (int)path.len_bytes,
                           path.data, url->query.len_bytes > 0 ? "?..." : "");

  if (len_bytes >= MW_URL_PRINT_BYTES)
    strcpy(out + MW_URL_PRINT_BYTES - 4, "...");
  return out;
}
