/** @file inventory_support.h  Short ways to say something to an inventory, and to ask it. */
#ifndef INVENTORY_SUPPORT_H
#define INVENTORY_SUPPORT_H

#include <stdio.h>
#include <string.h>

#include "inventory/inventory.h"

/** A whole list at once. @return as the functions of a report */
static inline int say(struct mw_inventory *inventory, const char *source,
                      const struct mw_container *containers, size_t count,
                      const struct mw_pod *pods, size_t pods_count, struct mw_error *err)
{
  struct mw_error own;

  err = err ? err : &own;
  struct mw_inventory_report *report = mw_inventory_report_new(inventory, source, err);
  int rc = report ? 0 : -err->code;
  for (size_t i = 0; rc == 0 && i < count; i++)
    rc = mw_inventory_report_container(report, &containers[i], err);
  for (size_t i = 0; rc == 0 && i < pods_count; i++)
    rc = mw_inventory_report_pod(report, &pods[i], err);
  if (rc == 0)
    rc = mw_inventory_replace(inventory, report, err);
  mw_inventory_report_free(report);
  return rc;
}

static inline uint64_t generation_of(struct mw_inventory *inventory)
{
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  uint64_t generation = mw_inventory_snapshot_generation(snapshot);

  mw_inventory_release(snapshot);
  return generation;
}

/** The ids and states of the newest snapshot, an asterisk where stale: "a=running b=* ". */
static inline const char *summary_of(struct mw_inventory *inventory)
{
  static char text[512];
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  size_t len = 0;

  text[0] = '\0';
  for (size_t i = 0; i < mw_inventory_snapshot_count(snapshot); i++) {
    const struct mw_inventory_entry *entry = mw_inventory_snapshot_at(snapshot, i);
    len += (size_t)snprintf(text + len, sizeof text - len, "%s=%s%s ", entry->container->id,
                            entry->container->state, entry->stale ? "*" : "");
  }
  mw_inventory_release(snapshot);
  return text;
}

#endif
