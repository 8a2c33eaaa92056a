/**
 * @file credentials.h
 * Files that say who we are and whom we believe, read again when they have changed.
 *
 * Kubernetes swaps a symbolic link when a secret rotates, others write anew in place: either makes
 * another inode, size, mtime or ctime. A file that changed less than MW_SETTLING_S ago is read each
 * time, since what is written twice within one tick of the file system's clock looks the same.
 * What was read is wiped before its memory is given back.
 *
 * Thread-safety: none; a keyring belongs to one client.
 */
#ifndef MW_CREDENTIALS_H
#define MW_CREDENTIALS_H

#include <stdbool.h>

#include "base/parse.h"
#include "moonwatch/http.h"

#define MW_SETTLING_S 2

/** Ceilings. A system's bundle of authorities has 220 KiB, a token of Kubernetes 1 to 2. */
#define MW_PEM_MAX_BYTES ((size_t)1 << 20)
#define MW_TOKEN_MAX_BYTES ((size_t)16 << 10)

/** So many files are kept, the ones that were used last. */
#define MW_KEYRING_FILES_MAX 32

struct mw_keyring;

/** What was in the files of one request. Borrowed until the keyring's next reading. */
struct mw_secrets {
  struct mw_slice ca, cert, key; /**< PEM; data is NULL: none */
  const char *token;             /**< printable ASCII without blanks; NULL: none */
};

/** @return NULL: -ENOMEM. */
struct mw_keyring *mw_keyring_new(struct mw_error *err);
void mw_keyring_free(struct mw_keyring *keyring); /**< accepts NULL */

/**
 * @p with_token: whether the token is wanted at all.
 * @return 0; as open(2) and read(2); -EMSGSIZE: a ceiling; -EBADMSG: there is something else in a
 * file; -ENOMEM. The text names the file, and never what is in it.
 */
int mw_keyring_read(struct mw_keyring *keyring, const struct mw_http_credentials *paths,
                    bool with_token, struct mw_secrets *out, struct mw_error *err);

#endif
