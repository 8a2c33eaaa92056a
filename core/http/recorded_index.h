/** @file recorded_index.h  The index of recorded answers, see http/recorded.h. */
#ifndef MW_RECORDED_INDEX_H
#define MW_RECORDED_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/parse.h"
#include "moonwatch/error.h"

enum mw_recorded_failure {
  MW_RECORDED_ANSWERS, /* it does not fail */
  MW_RECORDED_REFUSED,
  MW_RECORDED_TIMEOUT,
  MW_RECORDED_RESET,
  MW_RECORDED_UNTRUSTED,
};

struct mw_recorded_answer {
  struct mw_recorded_answer *next;
  char *method, *url;
  uint64_t step; /**< from 1 */
  int status, version;
  enum mw_recorded_failure fails;
  struct mw_buf headers; /**< "Name: value\n" each */
  struct mw_buf body;
  char *body_file;      /**< NULL: body */
  uint64_t asked_count; /**< of the first one with its method and URL: how often they were asked */
};

/** @return 0; -EBADMSG with the place and the reason; -ENOMEM. @p out: who frees it, in any case.
 */
int mw_recorded_index_parse(struct mw_slice text, struct mw_recorded_answer **out,
                            struct mw_error *err);
void mw_recorded_index_free(struct mw_recorded_answer *answers);

/** The first one with this method and URL; NULL: none. */
struct mw_recorded_answer *mw_recorded_find(struct mw_recorded_answer *answers, const char *method,
                                            const char *url);

#endif
