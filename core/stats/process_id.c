#include "stats/process_id.h"

#include <errno.h>
#include <string.h>

int mw_process_id_read(struct mw_proc *proc, mw_cgroup_recognizer *const *recognizers, int32_t pid,
                       char text[static MW_PROC_CGROUP_TEXT_BYTES],
                       char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  struct mw_cgroup_container container;
  size_t len_bytes = 0;

  int rc = mw_proc_cgroup_text(proc, pid, text, MW_PROC_CGROUP_TEXT_BYTES, &len_bytes, err);
  if (rc < 0)
    return rc;
  if (!mw_cgroup_identify_process(recognizers, text, len_bytes, &container))
    return mw_error_set(err, ENOENT, "process %d is in no container", pid);
  memcpy(id, container.id, MW_CGROUP_ID_BYTES);
  return 0;
}
