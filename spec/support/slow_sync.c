/* To be preloaded: a disk that takes SLOW_SYNC_MS for each fdatasync(2), as a worn card does. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int fdatasync(int fd)
{
  const char *text = getenv("SLOW_SYNC_MS");
  long ms = text ? strtol(text, NULL, 10) : 0;
  struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

  while (nanosleep(&pause, &pause) != 0)
    ;
  return (int)syscall(SYS_fdatasync, fd);
}
