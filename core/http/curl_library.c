#include "http/curl_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"
#define CURE "install libcurl4, of version 7.88 or newer"

/* What is asked of it came with 7.87: CURLOPT_QUICK_EXIT, CURLOPT_CA_CACHE_TIMEOUT. */
#define VERSION_MIN 0x075700

static const struct {
  const char *name;
  size_t offset;
} functions[] = {
    {"curl_global_init", offsetof(struct mw_curl, global_init)},
    {"curl_version_info", offsetof(struct mw_curl, version_info)},
    {"curl_easy_init", offsetof(struct mw_curl, easy_init)},
    {"curl_easy_cleanup", offsetof(struct mw_curl, easy_cleanup)},
    {"curl_easy_reset", offsetof(struct mw_curl, easy_reset)},
    {"curl_easy_setopt", offsetof(struct mw_curl, easy_setopt)},
    {"curl_easy_getinfo", offsetof(struct mw_curl, easy_getinfo)},
    {"curl_easy_strerror", offsetof(struct mw_curl, easy_strerror)},
    {"curl_multi_init", offsetof(struct mw_curl, multi_init)},
    {"curl_multi_cleanup", offsetof(struct mw_curl, multi_cleanup)},
    {"curl_multi_setopt", offsetof(struct mw_curl, multi_setopt)},
    {"curl_multi_add_handle", offsetof(struct mw_curl, multi_add_handle)},
    {"curl_multi_remove_handle", offsetof(struct mw_curl, multi_remove_handle)},
    {"curl_multi_perform", offsetof(struct mw_curl, multi_perform)},
    {"curl_multi_poll", offsetof(struct mw_curl, multi_poll)},
    {"curl_multi_info_read", offsetof(struct mw_curl, multi_info_read)},
    {"curl_multi_strerror", offsetof(struct mw_curl, multi_strerror)},
    {"curl_slist_append", offsetof(struct mw_curl, slist_append)},
    {"curl_slist_free_all", offsetof(struct mw_curl, slist_free_all)},
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mw_curl loaded;
static bool is_loaded; /* guarded by the mutex, as the above until it is set */

static int find_functions(void *library, struct mw_curl *out, struct mw_error *err)
{
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    void *function = dlsym(library, functions[i].name);
    if (!function)
      return mw_error_set(err, ENOTSUP, LIBRARY " has no %s: " CURE, functions[i].name);
    memcpy((char *)out + functions[i].offset, &function, sizeof function);
  }
  return 0;
}

static int check_version(const struct mw_curl *curl, struct mw_error *err)
{
  const curl_version_info_data *info = curl->version_info(CURLVERSION_NOW);

  if (info->version_num < VERSION_MIN)
    return mw_error_set(err, ENOTSUP, LIBRARY " has version %s: " CURE, info->version);
  if (!(info->features & CURL_VERSION_SSL))
    return mw_error_set(err, ENOTSUP, LIBRARY " was built without TLS: " CURE);
  return 0;
}

/* With the mutex held. The library is never closed: its threads may outlive a request. */
static int load(struct mw_error *err)
{
  struct mw_curl curl = {0};
  void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

  if (!library)
    return mw_error_set(err, ENOTSUP, "cannot load libcurl: %s: " CURE, dlerror());
  int rc = find_functions(library, &curl, err);
  /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): found, by their place in the struct */
  if (rc == 0 && curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    rc = mw_error_set(err, ENOTSUP, "libcurl cannot be initialized");
  if (rc == 0)
    rc = check_version(&curl, err);
  if (rc < 0)
    return rc;
  loaded = curl;
  is_loaded = true;
  return 0;
}

const struct mw_curl *mw_curl_load(struct mw_error *err)
{
  pthread_mutex_lock(&mutex);
  int rc = is_loaded ? 0 : load(err);
  pthread_mutex_unlock(&mutex);
  return rc == 0 ? &loaded : NULL;
}
