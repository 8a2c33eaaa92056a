/** @file timing.h  CPU time of the calling thread, and the medians of what was measured. */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_SAMPLES_MAX 2048

/** What one thing took in each round, and the ratio to the floor that ran just before it. */
struct bench_samples {
  size_t count;
  double ns[BENCH_SAMPLES_MAX];
  double ratios[BENCH_SAMPLES_MAX];
};

/** User and system time of the calling thread. */
int64_t bench_cpu_ns(void);

/** Beyond BENCH_SAMPLES_MAX nothing is added. */
void bench_samples_add(struct bench_samples *samples, int64_t ns, int64_t floor_ns);

/** Both sort what they look at. 0 when there is nothing. */
double bench_samples_median_ns(struct bench_samples *samples);
double bench_samples_median_ratio(struct bench_samples *samples);

#endif
