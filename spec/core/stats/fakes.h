/**
 * @file fakes.h
 * Collectors for tests that say what they are told to say, and remember what they were asked.
 * Thread-safety: none.
 */
#ifndef FAKES_H
#define FAKES_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moonwatch/stats.h"

#define FIGURE(figure) (UINT64_C(1) << (figure))
#define ALL_KINDS (1U << MW_STATS_CONTAINER | 1U << MW_STATS_NETWORK | 1U << MW_STATS_PROCESSES)

struct fake {
  struct mw_stats_collector collector; /* of this fake: give it to mw_stats_add_collector */
  struct mw_stats_offer offers[4];
  int code;                /* of the failure of readings and questions; 0: they succeed */
  mw_figure_set has;       /* figures of a container; each has the value `base` + its number */
  mw_figure_set covers;    /* says that it looked for these; 0: for what it was asked */
  uint64_t base;           /* also the inode, and the namespace, and the time of the reading */
  size_t devices_count;    /* 0 or 1 */
  bool has_cpu_limit;      /* base percent */
  uint32_t has_network;    /* enum mw_network_figure, valued as has */
  size_t interfaces_count; /* 0 or 1 */
  enum mw_host_network host_network;
  int32_t pid;         /* of its only process */
  const char *id;      /* answers the questions */
  int32_t id_pid;      /* the pid that id_of_pid knows */
  int probe_code;      /* of the next probe; 0: ready */
  size_t probe_offers; /* that it then has */
  int takes_ms;        /* of real time, for a reading: deadlines are real */

  unsigned readings, probes, questions, sweeps;
  mw_figure_set asked_wanted;
  int64_t asked_age_ms;
};

static inline int fake_fails(struct fake *fake, struct mw_error *err)
{
  return mw_error_set(err, fake->code, "%s says no", fake->collector.name);
}

static inline int fake_note(struct fake *fake, const struct mw_stats_request *request,
                            struct mw_error *err)
{
  fake->readings++;
  fake->asked_wanted = request->wanted;
  fake->asked_age_ms = request->max_age_ms;
  int64_t until_ns = mw_clock_monotonic_ns(mw_clock_system()) + fake->takes_ms * MW_NS_PER_MS;
  while (mw_clock_monotonic_ns(mw_clock_system()) < until_ns)
    ;
  return fake->code ? fake_fails(fake, err) : 0;
}

static inline int fake_container(void *data, const struct mw_stats_request *request,
                                 struct mw_cgroup_sample *out, struct mw_error *err)
{
  struct fake *fake = data;

  if (fake_note(fake, request, err) < 0)
    return -fake->code;
  struct mw_cgroup_sample kept = *out;
  *out = (struct mw_cgroup_sample){.devices = kept.devices,
                                   .devices_capacity = kept.devices_capacity,
                                   .inode = fake->base,
                                   .read_ns = (int64_t)fake->base,
                                   .covered = fake->covers ? fake->covers : request->wanted,
                                   .cpu_limit_present = fake->has_cpu_limit,
                                   .cpu_limit_percent = (double)fake->base};
  for (unsigned figure = 0; figure < MW_FIGURE_COUNT; figure++)
    if (fake->has >> figure & 1)
      mw_figures_set(&out->figures, (enum mw_figure)figure, fake->base + figure);
  if (fake->devices_count > out->devices_capacity) {
    struct mw_io_device *devices = realloc(out->devices, sizeof *devices);
    if (!devices)
      return mw_error_set(err, ENOMEM, "out of memory for a device");
    out->devices = devices;
    out->devices_capacity = 1;
  }
  out->devices_count = fake->devices_count;
  if (fake->devices_count > 0)
    out->devices[0] = (struct mw_io_device){.major = (uint32_t)fake->base};
  return 0;
}

static inline int fake_network(void *data, const struct mw_stats_request *request,
                               struct mw_network_sample *out, struct mw_error *err)
{
  struct fake *fake = data;

  if (fake_note(fake, request, err) < 0)
    return -fake->code;
  out->read_ns = (int64_t)fake->base;
  out->namespace_id = fake->base;
  out->host_network = fake->host_network;
  out->present = fake->has_network;
  for (unsigned i = 0; i < MW_NETWORK_FIGURE_COUNT; i++)
    out->values[i] = fake->base + i;
  if (fake->interfaces_count > out->interfaces_capacity) {
    struct mw_network_interface *interfaces = realloc(out->interfaces, sizeof *interfaces);
    if (!interfaces)
      return mw_error_set(err, ENOMEM, "out of memory for an interface");
    out->interfaces = interfaces;
    out->interfaces_capacity = 1;
  }
  out->interfaces_count = fake->interfaces_count;
  if (fake->interfaces_count > 0)
    out->interfaces[0] = (struct mw_network_interface){.rcvd_bytes = fake->base};
  return 0;
}

static inline int fake_processes(void *data, const struct mw_stats_request *request,
                                 struct mw_process_sample *out, struct mw_error *err)
{
  struct fake *fake = data;

  if (fake_note(fake, request, err) < 0)
    return -fake->code;
  mw_pids_clear(&out->pids);
  out->read_ns = (int64_t)fake->base;
  out->totals = (struct mw_process_totals){.processes_count = 1};
  return mw_pids_append(&out->pids, fake->pid, err);
}

static inline int fake_answers(struct fake *fake, bool knows, char id[static MW_CGROUP_ID_BYTES],
                               struct mw_error *err)
{
  fake->questions++;
  if (fake->code)
    return fake_fails(fake, err);
  if (!fake->id || !knows)
    return mw_error_set(err, ENOENT, "%s knows none", fake->collector.name);
  snprintf(id, MW_CGROUP_ID_BYTES, "%s", fake->id);
  return 0;
}

static inline int fake_id_of_pid(void *data, int32_t pid, char id[static MW_CGROUP_ID_BYTES],
                                 struct mw_error *err)
{
  return fake_answers(data, pid == ((struct fake *)data)->id_pid, id, err);
}

static inline int fake_id_of_inode(void *data, uint64_t inode, char id[static MW_CGROUP_ID_BYTES],
                                   struct mw_error *err)
{
  return fake_answers(data, inode == ((struct fake *)data)->base, id, err);
}

static inline int fake_own_id(void *data, char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  return fake_answers(data, true, id, err);
}

static inline void fake_sweep(void *data)
{
  ((struct fake *)data)->sweeps++;
}

/* For collector.probe of those that are not ready from the start. */
static inline int fake_probe(void *data, int64_t deadline_ns, const struct mw_stats_offer **offers,
                             size_t *offers_count, struct mw_error *err)
{
  struct fake *fake = data;

  (void)deadline_ns;
  fake->probes++;
  if (fake->probe_code)
    return mw_error_set(err, fake->probe_code, "%s is not there", fake->collector.name);
  *offers = fake->offers;
  *offers_count = fake->probe_offers;
  return 0;
}

/** All kinds for every runtime; the test changes what it wants to be different, then adds it. */
static inline void fake_init(struct fake *fake, const char *name, int priority)
{
  *fake = (struct fake){.has = FIGURE(MW_MEMORY_USAGE_BYTES), .base = 1000, .probe_offers = 1};
  fake->offers[0] = (struct mw_stats_offer){.kinds = ALL_KINDS, .priority = priority};
  fake->collector = (struct mw_stats_collector){.name = name,
                                                .data = fake,
                                                .offers = fake->offers,
                                                .offers_count = 1,
                                                .container = fake_container,
                                                .network = fake_network,
                                                .processes = fake_processes,
                                                .id_of_pid = fake_id_of_pid,
                                                .id_of_inode = fake_id_of_inode,
                                                .own_id = fake_own_id,
                                                .sweep = fake_sweep};
}

#endif
