#include "moonwatch/stats.h"

int mw_stats_fetch_cgroup(void *source, const struct mw_container_ref *ref,
                          struct mw_cgroup_sample *out, struct mw_error *err)
{
  const struct mw_stats_cgroup_source *from = source;

  return mw_cgroups_read(from->cgroups, ref->id, mw_host_cpu_count(from->host), MW_FIGURE_SET_ALL,
                         out, err);
}
