/**
 * @file curl_library.h
 * libcurl, loaded when the first request goes out: it brings 30 libraries along, which an agent
 * that asks nothing does not need. See docs/decisions/0010-http-client.md.
 *
 * Source: libcurl(3), dlopen(3). Thread-safety: mw_curl_load from any thread; what it returns is
 * constant.
 */
#ifndef MW_CURL_LIBRARY_H
#define MW_CURL_LIBRARY_H

#define CURL_DISABLE_TYPECHECK 1 /* it needs the functions' own names */
#include <curl/curl.h>

#include "moonwatch/error.h"

struct mw_curl {
  CURLcode (*global_init)(long flags);
  curl_version_info_data *(*version_info)(CURLversion age);
  CURL *(*easy_init)(void);
  void (*easy_cleanup)(CURL *easy);
  void (*easy_reset)(CURL *easy);
  CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
  CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
  const char *(*easy_strerror)(CURLcode code);
  CURLM *(*multi_init)(void);
  CURLMcode (*multi_cleanup)(CURLM *multi);
  CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
  CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
  CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
  CURLMcode (*multi_perform)(CURLM *multi, int *running);
  CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *extra, unsigned extra_count,
                          int timeout_ms, int *events_count);
  CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
  const char *(*multi_strerror)(CURLMcode code);
  struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
  void (*slist_free_all)(struct curl_slist *list);
};

/** @return NULL: -ENOTSUP, and what to install. It stays loaded; a failure may be tried again. */
const struct mw_curl *mw_curl_load(struct mw_error *err);

#endif
