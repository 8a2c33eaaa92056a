/**
 * @file settings.h
 * The settings of a kubelet's client by their names, as operators write them.
 * Thread-safety: no state.
 */
#ifndef MW_KUBELET_SETTINGS_H
#define MW_KUBELET_SETTINGS_H

#include <limits.h>

#include "moonwatch/kubelet.h"

/** Where pods have their credentials, below the root of the host that they see. */
#define MW_KUBELET_SERVICE_ACCOUNT_DIR "var/run/secrets/kubernetes.io/serviceaccount"

/**
 * Set "url", "token_file", "timeout_s", "allow_http", ... to @p text, which is borrowed.
 * @return 0; -EINVAL: no such setting (the text of the error suggests one), or it takes no such
 * value.
 */
int mw_kubelet_set(struct mw_kubelet_config *config, const char *name, const char *text,
                   struct mw_error *err);

/**
 * Where the credentials of pods are: below @p host_root (NULL or "": "/"), else below this
 * process's own root, for an agent in a pod that sees the host elsewhere. @return false: nowhere.
 */
bool mw_kubelet_service_account(const char *host_root, char out[static PATH_MAX]);

/** Does anything tell where the kubelet is? */
bool mw_kubelet_is_configured(const struct mw_kubelet_config *config);

/** The members of @p config that are texts, for who copies them: each call gives the next one.
 * @return NULL: there are no more. */
const char **mw_kubelet_config_text(struct mw_kubelet_config *config, size_t index);

#endif
