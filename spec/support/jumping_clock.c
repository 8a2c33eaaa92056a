/* The wall clock of a program that jumps: preloaded, it adds to CLOCK_REALTIME the seconds that the
 * file MOONWATCH_CLOCK_JUMP names holds; none while there is no such file. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long jump_s(void)
{
  const char *path = getenv("MOONWATCH_CLOCK_JUMP");
  FILE *file = path ? fopen(path, "re") : NULL;
  char text[32] = "";

  if (!file)
    return 0;
  if (!fgets(text, sizeof text, file))
    text[0] = '\0';
  fclose(file);
  return strtol(text, NULL, 10);
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *out)
{
  static int (*real)(clockid_t, struct timespec *);

  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
  int rc = real(clock, out);
  if (rc == 0 && clock == CLOCK_REALTIME)
    out->tv_sec += jump_s();
  return rc;
}
