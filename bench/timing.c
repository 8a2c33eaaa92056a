#include "timing.h"

#include <stdlib.h>
#include <time.h>

int64_t bench_cpu_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_samples_add(struct bench_samples *samples, int64_t ns, int64_t floor_ns)
{
  if (samples->count == BENCH_SAMPLES_MAX)
    return;
  samples->ns[samples->count] = (double)ns;
  samples->ratios[samples->count] = (double)ns / (double)floor_ns;
  samples->count++;
}

static int compare(const void *a, const void *b)
{
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
  if (count == 0)
    return 0;
  qsort(values, count, sizeof *values, compare);
  return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_samples_median_ns(struct bench_samples *samples)
{
  return median(samples->ns, samples->count);
}

double bench_samples_median_ratio(struct bench_samples *samples)
{
  return median(samples->ratios, samples->count);
}
