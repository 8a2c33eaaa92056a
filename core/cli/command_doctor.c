/* moonwatch doctor: what this host permits, and how to get what it does not. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/settings.h"

static const char help[] =
    "Usage: moonwatch doctor [OPTION...]\n"
    "\n"
    "Look at what this host permits: its cgroup controllers, the files of some\n"
    "containers, /proc, the rights and limits of this process, and, where one is\n"
    "configured or NODE_IP or NODE_NAME is set, the kubelet. Each finding\n"
    "says what it costs, in names of figures, and the line that cures it. Run it\n"
    "as the user, and in the container, that the agent runs as and in.\n"
    "\n"
    "Options:\n"
    "  --format table|json  how to print (default: table)\n"
    "  --host-root DIR      look at the host below DIR (default: /)\n"
    "  --http-answers DIR   recorded answers of DIR instead of the network's\n"
    "  --set kubelet.KEY=VALUE  see moonwatch inventory --help; may be repeated\n"
    "  --help               show this\n"
    "\n"
    "Status: ok; info, good to know, and fine; warn, some figures are lost; fail, no\n"
    "container can be seen.\n"
    "Exit codes: 0 fine, 1 something warns or fails, 2 wrong usage.";

int mw_doctor_read(const struct mw_doctor *doctor, const char *name, struct mw_buf *out)
{
  char path[PATH_MAX];

  if ((size_t)snprintf(path, sizeof path, "%s/%s", doctor->host_root, name) >= sizeof path)
    return -ENAMETOOLONG;
  return mw_file_read(AT_FDCWD, path, out, NULL);
}

/* ---- What the readings tell ---- */

static void note_read(void *data, const char *path)
{
  struct mw_doctor *doctor = data;

  mw_buf_printf(&doctor->files, NULL, "%s\n", path);
}

static void note_problem(void *data, const char *id, const struct mw_error *problem)
{
  struct mw_doctor *doctor = data;

  (void)id;
  mw_buf_printf(&doctor->problems, NULL, "%d %s\n", problem->code, problem->text);
}

static void open_cgroups(struct mw_doctor *doctor)
{
  struct mw_cgroups_config config = {.host_root = doctor->host_root,
                                     .on_read = note_read,
                                     .on_problem = note_problem,
                                     .callback_data = doctor};
  struct mw_error err;

  if (!*doctor->host_root)
    config.host_root = "/";
  doctor->cgroups = mw_cgroups_open(&config, &err);
  if (doctor->cgroups)
    return;
  struct mw_finding *finding = mw_findings_add(doctor->findings, MW_FINDING_FAIL, "cgroups");
  mw_finding_found(finding, "%s", err.text);
  mw_finding_cure(finding, "mount the hierarchies (mount -t cgroup2 none /sys/fs/cgroup); in a "
                           "container mount the host's /proc and /sys/fs/cgroup below /host, and "
                           "use --host-root /host");
}

/* ---- The command ---- */

static int show(struct mw_doctor *doctor, const struct mw_cli_host_view *view)
{
  struct mw_kubelet_config kubelet = view->kubelet;
  struct mw_error err;

  mw_host_permits(doctor->host, &doctor->permits);
  mw_doctor_check_host(doctor);
  open_cgroups(doctor);
  if (doctor->cgroups) {
    mw_doctor_check_controllers(doctor);
    mw_doctor_check_containers(doctor);
    mw_doctor_check_agent(doctor);
  }
  mw_cli_take_environment(&kubelet);
  mw_doctor_check_kubelet(doctor, &kubelet);
  if (view->format == MW_CLI_TABLE) {
    mw_findings_print(doctor->findings, mw_cli_terminal_columns());
  } else if (mw_findings_print_json(doctor->findings, &err) < 0) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_FAILED;
  }
  return mw_findings_need_cure(doctor->findings) ? MW_EXIT_FAILED : MW_EXIT_FINE;
}

static int run_doctor(const struct mw_cli_host_view *view)
{
  struct mw_host_config host_config = {.host_root = view->host_root};
  char root[PATH_MAX];
  struct mw_doctor doctor = {.host_root = root};
  struct mw_error err;
  int rc = MW_EXIT_FAILED;

  snprintf(root, sizeof root, "%s", view->host_root ? view->host_root : "");
  for (size_t end = strlen(root); end > 0 && root[end - 1] == '/'; end--)
    root[end - 1] = '\0';
  mw_buf_init(&doctor.problems, MW_DOCTOR_PROBLEMS_MAX_BYTES);
  mw_buf_init(&doctor.files, MW_DOCTOR_PROBLEMS_MAX_BYTES);
  doctor.host = mw_host_new(&host_config, &err);
  doctor.findings = doctor.host ? mw_findings_new(&err) : NULL;
  if (doctor.findings)
    rc = show(&doctor, view);
  else
    mw_cli_say("%s", err.text);
  mw_cgroups_close(doctor.cgroups);
  mw_findings_free(doctor.findings);
  mw_host_free(doctor.host);
  mw_buf_deinit(&doctor.problems);
  mw_buf_deinit(&doctor.files);
  return rc;
}

int mw_command_doctor(int argc, char **argv)
{
  const struct mw_cli_host_command command = {
      .name = "doctor", .help = help, .with_kubelet = true, .show = run_doctor};

  return mw_cli_host_command(&command, argc, argv);
}
