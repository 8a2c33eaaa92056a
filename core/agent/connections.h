/** @file connections.h  Where the agent may reach to, and who it is there, made of the settings. */
#ifndef MW_CONNECTIONS_H
#define MW_CONNECTIONS_H

#include "agent/settings.h"
#include "bindings/http_access.h"
#include "moonwatch/kubelet.h"

/**
 * The kubelet: of the settings, else where NODE_IP and NODE_NAME of the environment say. Texts are
 * borrowed.
 */
struct mw_kubelet_config mw_connections_kubelet(const struct mw_settings *settings);

/** What scripts may name. Texts are borrowed. @return 0, or -errno: there is too much of it. */
int mw_connections_http(const struct mw_settings *settings, struct mw_http_access *out,
                        struct mw_error *err);

#endif
