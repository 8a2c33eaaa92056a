/**
 * @file http_access.h
 * What scripts may name when they ask over HTTP: credentials and unix sockets. Which files these
 * are, the operator says; a script never sees a path.
 *
 * Thread-safety: an access is filled by one thread, and only read afterwards.
 */
#ifndef MW_HTTP_ACCESS_H
#define MW_HTTP_ACCESS_H

#include <lua.h>
#include <stddef.h>

#include "moonwatch/error.h"
#include "moonwatch/http.h"

#define MW_HTTP_ACCESS_MAX 16 /**< credentials, and unix sockets */

struct mw_http_socket {
  const char *name, *path;
};

struct mw_http_identity {
  const char *name;
  struct mw_http_credentials credentials;
};

/** Zeroed: nothing has a name, and answers come from the network. All texts are borrowed. */
struct mw_http_access {
  struct mw_http_identity identities[MW_HTTP_ACCESS_MAX];
  size_t identities_count;
  struct mw_http_socket sockets[MW_HTTP_ACCESS_MAX];
  size_t sockets_count;
  const char *recorded_dir; /**< NULL: the network */
};

/**
 * Give the credentials @p name one of their files, or insecure_skip_verify = true or false.
 * @return 0; -EINVAL: no name, no such key, an empty value; -ENOSPC: there are too many.
 */
int mw_http_access_set(struct mw_http_access *access, const char *name, const char *key,
                       const char *value, struct mw_error *err);

/** Likewise. */
int mw_http_access_add_socket(struct mw_http_access *access, const char *name, const char *path,
                              struct mw_error *err);

/** @return NULL, -ENOENT: the text names those that there are. */
const struct mw_http_credentials *mw_http_access_credentials(const struct mw_http_access *access,
                                                             const char *name,
                                                             struct mw_error *err);
const char *mw_http_access_socket(const struct mw_http_access *access, const char *name,
                                  struct mw_error *err);

/**
 * Fill @p out from the table at @p index: credentials, unix_sockets, http_answers. The texts are
 * kept by the environment of the userdata at @p keeper. Raises.
 */
void mw_lua_read_http_access(lua_State *L, int index, int keeper, struct mw_http_access *out);

#endif
