/**
 * @file endpoint.h
 * Where a kubelet may be: the beginnings of its URLs, in the order in which they are tried.
 * Thread-safety: no state.
 */
#ifndef MW_KUBELET_ENDPOINT_H
#define MW_KUBELET_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "moonwatch/kubelet.h"

#define MW_ENDPOINT_URL_BYTES 512
#define MW_ENDPOINTS_MAX 4

struct mw_endpoint {
  char url[MW_ENDPOINT_URL_BYTES]; /**< "https://[fd00::7]:10250", without a '/' at its end */
  bool is_tls;
};

struct mw_endpoints {
  struct mw_endpoint list[MW_ENDPOINTS_MAX];
  size_t count;
};

/** @return 0; -ENOENT: nothing tells where it is; -EINVAL, as mw_kubelet_new. */
int mw_endpoints_find(const struct mw_kubelet_config *config, struct mw_endpoints *out,
                      struct mw_error *err);

#endif
