/** @file internal.h  A host and how its files are read, for the files of this folder alone. */
#ifndef MW_HOST_INTERNAL_H
#define MW_HOST_INTERNAL_H

#include "host/cpu.h"
#include "moonwatch/host.h"

struct mw_host {
  char *host_root; /* without the '/' at its end, so "" for this machine */
  char *proc_root;
  char *sys_root;
  const char *(*env)(const char *name);
  struct mw_cpu_counter cpus;
};

#endif
