/** @file report.h  The figures for people or for programs, with the goals beside them. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "measure.h"

void bench_report_text(FILE *out, const struct bench_result *results, size_t count);

/** One JSON object. @return 0 or -ENOMEM. */
int bench_report_json(FILE *out, const struct bench_result *results, size_t count,
                      struct mw_error *err);

#endif
