/*
 * Network namespaces that the kernel made: real processes in them, real interfaces and traffic.
 * Needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN) and iproute2; skipped elsewhere.
 */
#include "test_proc.h"

#include <dirent.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FRAME_BYTES 100
#define FRAMES 50

/* ---- Processes in namespaces ---- */

static void need_namespaces(void)
{
  static int permitted = -1;

  if (permitted < 0) {
    pid_t child = fork();
    if (child == 0)
      _exit(unshare(CLONE_NEWNET) < 0);
    waitpid(child, &permitted, 0);
    permitted = permitted == 0 && system("ip -V > /dev/null 2>&1") == 0;
  }
  if (!permitted)
    skip();
}

/* The child of start and start_beside: tell that all is ready, and stay until killed. */
static void stay(int ready_fd)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (write(ready_fd, "r", 1) != 1)
    _exit(1);
  for (;;)
    pause();
}

static bool enter(pid_t of)
{
  char path[64];

  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)of);
  return setns(open(path, O_RDONLY | O_CLOEXEC), CLONE_NEWNET) == 0;
}

/* A process in the network namespace of @p beside; 0: in one of its own, where it runs @p command.
 */
static pid_t start_in(pid_t beside, const char *command)
{
  int ready[2];
  char byte;

  assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
  pid_t child = fork();
  if (child == 0) {
    if ((beside != 0 ? !enter(beside) : unshare(CLONE_NEWNET) < 0) ||
        (command && system(command) != 0))
      _exit(1);
    stay(ready[1]);
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return child;
}

static pid_t start(const char *command)
{
  return start_in(0, command);
}

static pid_t start_beside(pid_t of)
{
  return start_in(of, NULL);
}

static void stop(pid_t child)
{
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

#define VETH_PAIR                                                                                  \
  "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6; "                                        \
  "ip link add veth0 type veth peer name veth1 && ip link set veth0 up && ip link set veth1 up"

/* Until then the kernel drops what is sent. */
#define VETH_UP                                                                                    \
  "; for i in $(seq 200); do ip link show veth0 | grep -q 'state UP' && exit 0; sleep 0.02; "      \
  "done; "                                                                                         \
  "exit 1"

/* Run @p work in the namespace of @p of. */
static void run_in(pid_t of, void (*work)(void))
{
  int status;

  pid_t child = fork();
  if (child == 0) {
    if (!enter(of))
      _exit(1);
    work();
    _exit(0);
  }
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
}

/* FRAMES frames of FRAME_BYTES bytes out of veth0, and so into veth1. */
static void send_frames(void)
{
  unsigned char frame[FRAME_BYTES] = {[12] = 0x88, [13] = 0xb5}; /* for experiments */
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = 6};
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

  to.sll_ifindex = (int)if_nametoindex("veth0");
  for (int i = 0; i < FRAMES; i++)
    if (sendto(fd, frame, sizeof frame, 0, (struct sockaddr *)&to, sizeof to) != sizeof frame)
      _exit(1);
}

/* ---- What the test asks ---- */

static struct mw_proc *proc;
static struct mw_network_sample sample;
static size_t files_before;

static int set_up(void **state)
{
  (void)state;
  files_before = test_proc_open_files();
  proc = mw_proc_open(&(struct mw_proc_config){.kept_files_max = 100}, NULL);
  assert_non_null(proc);
  sample = (struct mw_network_sample){0};
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_network_sample_deinit(&sample);
  mw_proc_close(proc);
  assert_int_equal(test_proc_open_files(), files_before);
  return 0;
}

static int network(const char *id, int64_t max_age_ns, struct test_finder *finder)
{
  return mw_proc_network(proc, id, max_age_ns, test_proc_find, finder, &sample, NULL);
}

static uint64_t namespace_of(pid_t pid)
{
  char path[64];
  struct stat status;

  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
  assert_int_equal(stat(path, &status), 0);
  return status.st_ino;
}

/* What ip says of an interface: received and sent bytes and packets. */
static struct mw_network_interface by_ip(pid_t of, const char *name)
{
  struct mw_network_interface out = {0};
  unsigned long long numbers[4];
  char command[128], line[256];
  size_t seen = 0;

  snprintf(command, sizeof command, "nsenter -t %d -n ip -s link show dev %s", (int)of, name);
  FILE *pipe = popen(command, "re");
  assert_non_null(pipe);
  while (fgets(line, sizeof line, pipe))
    if (seen < 4 && sscanf(line, " %llu %llu", &numbers[seen], &numbers[seen + 1]) == 2)
      seen += 2;
  pclose(pipe);
  assert_int_equal(seen, 4);
  out.rcvd_bytes = numbers[0], out.rcvd_packets = numbers[1];
  out.sent_bytes = numbers[2], out.sent_packets = numbers[3];
  return out;
}

static void assert_same_figures(const struct mw_network_interface *one,
                                const struct mw_network_interface *other)
{
  assert_int_equal(one->rcvd_bytes, other->rcvd_bytes);
  assert_int_equal(one->rcvd_packets, other->rcvd_packets);
  assert_int_equal(one->sent_bytes, other->sent_bytes);
  assert_int_equal(one->sent_packets, other->sent_packets);
}

/* ---- Figures ---- */

static void traffic_is_counted_as_ip_counts_it(void **state)
{
  (void)state;
  need_namespaces();
  pid_t child = start(VETH_PAIR VETH_UP);
  struct test_finder finder = {.pids = {child}};
  assert_int_equal(network("abc", 0, &finder), 0);
  assert_int_equal(sample.interfaces_count, 2);
  uint64_t bytes_before = sample.values[MW_NETWORK_SENT_BYTES];
  run_in(child, send_frames);
  assert_int_equal(network("abc", 0, &finder), 0);
  assert_int_equal(sample.values[MW_NETWORK_SENT_BYTES] - bytes_before, FRAMES * FRAME_BYTES);
  for (size_t i = 0; i < 2; i++) {
    struct mw_network_interface expected = by_ip(child, sample.interfaces[i].name);
    assert_same_figures(&sample.interfaces[i], &expected);
  }
  assert_string_equal(sample.interfaces[0].name, "veth0");
  assert_true(sample.interfaces[1].rcvd_packets >= FRAMES);
  assert_int_equal(sample.namespace_id, namespace_of(child));
  assert_int_equal(finder.calls, 1);
  stop(child);
}

static void many_interfaces_are_all_there(void **state)
{
  (void)state;
  need_namespaces();
  pid_t child = start("i=0; while [ $i -lt 60 ]; do echo link add name dummy$i type veth peer name "
                      "p$i; i=$((i + 1)); done | ip -batch -");
  struct test_finder finder = {.pids = {child}};
  assert_int_equal(network("abc", 0, &finder), 0);
  assert_int_equal(sample.interfaces_count, 120);
  stop(child);
}

static void a_namespace_with_lo_alone_has_no_figures(void **state)
{
  (void)state;
  need_namespaces();
  pid_t child = start(NULL);
  struct test_finder finder = {.pids = {child}};
  assert_int_equal(network("abc", 0, &finder), -ENODATA);
  assert_int_equal(sample.namespace_id, namespace_of(child));
  stop(child);
}

/* ---- Life and death ---- */

/* One end of a veth pair goes when the namespace of the other does: the kernel takes its time. */
static bool goes(const char *interface)
{
  for (int i = 0; i < 500 && if_nametoindex(interface) != 0; i++)
    poll(NULL, 0, 10);
  return if_nametoindex(interface) == 0;
}

static void two_in_one_namespace_share_and_release_it(void **state)
{
  char command[160], outer_end[16];

  (void)state;
  need_namespaces();
  pid_t first = start(NULL), second = start_beside(first);
  snprintf(outer_end, sizeof outer_end, "mw%d", (int)getpid());
  snprintf(command, sizeof command, "ip link add %s type veth peer name eth0 netns %d", outer_end,
           (int)first);
  assert_int_equal(system(command), 0);
  struct test_finder finders[] = {{.pids = {first}}, {.pids = {second}}};
  assert_int_equal(network("abc", MW_NS_PER_S, &finders[0]), 0);
  uint64_t shared_id = sample.namespace_id;
  assert_int_equal(network("def", MW_NS_PER_S, &finders[1]), 0);
  assert_int_equal(sample.namespace_id, shared_id);
  struct mw_proc_usage usage = test_proc_usage(proc);
  assert_int_equal(usage.reads_total, 1);
  assert_int_equal(usage.namespaces, 1);
  assert_int_equal(usage.pidfds, 2);
  assert_int_equal(usage.kept_files, 3);

  stop(first);
  assert_int_equal(network("abc", 0, &finders[0]), -ENOENT);
  assert_int_equal(network("def", 0, &finders[1]), 0);
  assert_int_equal(test_proc_usage(proc).kept_files, 2);
  assert_int_not_equal(if_nametoindex(outer_end), 0);
  stop(second);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).kept_files, 0);
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
  assert_true(goes(outer_end));
}

static void a_kept_file_is_closed_by_the_call_that_notices(void **state)
{
  (void)state;
  need_namespaces();
  pid_t dying = start(VETH_PAIR), living = start(VETH_PAIR);
  struct test_finder finders[] = {{.pids = {dying}}, {.pids = {living}}};
  assert_int_equal(network("abc", 0, &finders[0]), 0);
  assert_int_equal(network("def", 0, &finders[1]), 0);
  assert_int_equal(test_proc_usage(proc).kept_files, 4);
  stop(dying);
  assert_int_equal(network("def", 0, &finders[1]), 0); /* nobody asks for the other any more */
  assert_int_equal(test_proc_usage(proc).kept_files, 2);
  stop(living);
}

/* More deaths than one call of the kernel tells. */
static void many_deaths_are_noticed_at_once(void **state)
{
  pid_t children[150];
  char id[16];

  (void)state;
  need_namespaces();
  mw_proc_close(proc);
  proc = mw_proc_open(&(struct mw_proc_config){.kept_files_max = 1000}, NULL);
  children[0] = start(VETH_PAIR);
  for (int i = 1; i < 150; i++)
    children[i] = start_beside(children[0]);
  for (int i = 0; i < 150; i++) {
    struct test_finder finder = {.pids = {children[i]}};
    snprintf(id, sizeof id, "c%d", i);
    assert_int_equal(network(id, MW_NS_PER_S, &finder), 0);
  }
  assert_int_equal(test_proc_usage(proc).kept_files, 151);
  for (int i = 0; i < 150; i++)
    stop(children[i]);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).kept_files, 0);
}

/* A child that has not executed anything yet shares the descriptors: closing ours ends nothing. */
static void a_forked_child_does_not_keep_the_dead_in_memory(void **state)
{
  (void)state;
  need_namespaces();
  pid_t children[] = {start(VETH_PAIR), start(VETH_PAIR)};
  struct test_finder finders[] = {{.pids = {children[0]}}, {.pids = {children[1]}}};
  assert_int_equal(network("abc", 0, &finders[0]), 0);
  assert_int_equal(network("def", 0, &finders[1]), 0);
  pid_t holder = start(NULL);
  stop(children[0]);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 1);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 1);
  stop(children[1]);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
  stop(holder);
}

/* Its other thread runs on, but /proc/PID/net of a thread that ended is empty. */
static void *run_on(void *data)
{
  for (;;)
    pause();
  return data;
}

static pid_t start_zombie_leader(void)
{
  pid_t child = fork();

  if (child == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, run_on, NULL);
    syscall(SYS_exit, 0); /* this thread alone */
  }
  for (int i = 0; i < 500; i++) {
    struct mw_process process;
    assert_int_equal(mw_proc_process(proc, child, &process, NULL), 0);
    if (process.state == 'Z')
      break;
    poll(NULL, 0, 10);
  }
  return child;
}

static void a_zombie_leader_is_passed_over(void **state)
{
  (void)state;
  need_namespaces();
  pid_t leader = start_zombie_leader(), child = start(VETH_PAIR);
  struct test_finder finder = {.pids = {leader, child}};
  assert_int_equal(network("abc", 0, &finder), 0);
  assert_int_equal(sample.namespace_id, namespace_of(child));
  finder.pids[1] = 0;
  assert_int_equal(network("def", 0, &finder), -ENOENT);
  stop(leader);
  stop(child);
}

/* ---- Identity ---- */

/* A process with the id @p pid, in a namespace of its own. @return false: not permitted. */
static bool start_as(pid_t pid, pid_t *out)
{
  for (int tries = 0; tries < 20; tries++) {
    FILE *last = fopen("/proc/sys/kernel/ns_last_pid", "we");
    bool written = last && fprintf(last, "%d", (int)pid - 1) > 0;
    if (last)
      written &= fclose(last) == 0;
    if (!written)
      return false;
    *out = start(VETH_PAIR);
    if (*out == pid)
      return true;
    stop(*out);
  }
  return false;
}

static void a_pid_that_is_used_again_is_another_process(void **state)
{
  pid_t again;

  (void)state;
  need_namespaces();
  pid_t child = start(VETH_PAIR);
  struct test_finder finder = {.pids = {child}};
  assert_int_equal(network("abc", 0, &finder), 0);
  stop(child);
  if (!start_as(child, &again))
    skip();
  finder.pids[0] = 0; /* it belongs to another container */
  assert_int_equal(network("abc", 0, &finder), -ENOENT);
  finder.pids[0] = again;
  assert_int_equal(network("def", 0, &finder), 0);
  assert_int_equal(test_proc_usage(proc).witnesses, 1);
  stop(again);
}

static void kill_at_net_dev(void *data, const char *path)
{
  pid_t *child = data;

  if (*child != 0 && strstr(path, "/net/dev")) {
    stop(*child);
    *child = 0;
  }
}

/* What was read may then be of a process that got its id. */
static void one_that_ends_while_it_is_looked_at_is_gone(void **state)
{
  pid_t child;

  (void)state;
  need_namespaces();
  mw_proc_close(proc);
  proc = mw_proc_open(&(struct mw_proc_config){.kept_files_max = 100,
                                               .on_read = kill_at_net_dev,
                                               .callback_data = &child},
                      NULL);
  child = start(VETH_PAIR);
  struct test_finder finder = {.pids = {child}};
  assert_int_equal(network("abc", 0, &finder), -ENOENT);
  assert_int_equal(child, 0);
  assert_int_equal(test_proc_usage(proc).kept_files, 0);
}

/* In a pid namespace of its own, with the outer /proc: there the ids mean other processes. */
static void look_from_inside(pid_t child)
{
  struct test_finder finder = {.pids = {child}};
  struct mw_proc *inside = mw_proc_open(&(struct mw_proc_config){.kept_files_max = 100}, NULL);
  FILE *last = fopen("/proc/sys/kernel/ns_last_pid", "we");

  /* somebody else has that id in here */
  if (!last || fprintf(last, "%d", (int)child - 1) < 0 || fclose(last) != 0)
    _exit(255);
  pid_t other = fork();
  if (other == 0)
    for (;;)
      pause();
  if (!inside || getpid() != 1)
    _exit(1);
  if (mw_proc_network(inside, "abc", 0, test_proc_find, &finder, &sample, NULL) < 0)
    _exit(2);
  if (sample.interfaces_count != 2)
    _exit(3);
  struct mw_proc_usage usage;
  mw_proc_usage(inside, &usage);
  if (usage.pidfds != 0 || usage.kept_files != 1)
    _exit(4);
  _exit(other == child ? 0 : 5); /* and ends the other, as the first process in here */
}

static void another_pid_namespace_gets_no_pidfds_of_others(void **state)
{
  int status;

  (void)state;
  need_namespaces();
  pid_t child = start(VETH_PAIR);
  pid_t outer = fork();
  if (outer == 0) {
    if (unshare(CLONE_NEWPID) < 0)
      _exit(10);
    pid_t inner = fork();
    if (inner == 0)
      look_from_inside(child);
    waitpid(inner, &status, 0);
    _exit(WEXITSTATUS(status));
  }
  waitpid(outer, &status, 0);
  stop(child);
  if (WEXITSTATUS(status) == 255)
    skip();
  assert_int_equal(status, 0);
}

/* ---- Without descriptors ---- */

static void works_when_descriptors_are_scarce(void **state)
{
  struct rlimit files, low;

  (void)state;
  need_namespaces();
  pid_t child = start(VETH_PAIR);
  struct test_finder finder = {.pids = {child}};
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
  int next_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(next_fd);
  low = (struct rlimit){.rlim_cur = (rlim_t)next_fd + 1, .rlim_max = files.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  int one_free = network("abc", 0, &finder); /* room for a pidfd, and then for nothing */
  low.rlim_cur = (rlim_t)next_fd + 2;
  setrlimit(RLIMIT_NOFILE, &low);
  int two_free = network("abc", 0, &finder);
  setrlimit(RLIMIT_NOFILE, &files);
  assert_int_equal(one_free, -EMFILE);
  assert_int_equal(two_free, 0);
  assert_int_equal(network("abc", 0, &finder), 0);
  stop(child);
}

/* ---- Now and then ---- */

static struct mw_clock_manual clock_;

static int set_up_clock(void **state)
{
  (void)state;
  mw_clock_manual_init(&clock_);
  clock_.now_monotonic_ns = 1000 * MW_NS_PER_S;
  files_before = test_proc_open_files();
  proc =
      mw_proc_open(&(struct mw_proc_config){.kept_files_max = 100, .clock = &clock_.clock}, NULL);
  sample = (struct mw_network_sample){0};
  return proc ? 0 : -1;
}

static void a_process_that_lives_is_confirmed_and_looked_for_each_tenth_time(void **state)
{
  (void)state;
  need_namespaces();
  pid_t child = start(VETH_PAIR);
  struct test_finder finder = {.pids = {child}};
  assert_int_equal(network("abc", 0, &finder), 0);
  for (int minute = 1; minute <= 20; minute++) {
    clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
    assert_int_equal(network("abc", 0, &finder), 0);
    assert_int_equal(finder.calls, 1 + minute / 10);
  }
  stop(child);
}

static void go_to_another_namespace(int number)
{
  (void)number;
  /* NOLINTNEXTLINE(bugprone-signal-handler): a bare system call */
  if (unshare(CLONE_NEWNET) < 0)
    _exit(1);
}

static void a_process_that_has_another_namespace_is_looked_for_at_once(void **state)
{
  (void)state;
  need_namespaces();
  signal(SIGUSR1, go_to_another_namespace);
  pid_t child = start(VETH_PAIR);
  signal(SIGUSR1, SIG_DFL);
  struct test_finder finder = {.pids = {child}};
  assert_int_equal(network("abc", 0, &finder), 0);
  uint64_t before = namespace_of(child);
  kill(child, SIGUSR1);
  while (namespace_of(child) == before)
    usleep(1000);
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  assert_int_equal(network("abc", 0, &finder), -ENODATA); /* no interface but lo there */
  assert_int_equal(finder.calls, 2);
  assert_int_equal(sample.namespace_id, namespace_of(child));
  stop(child);
}

int main(void)
{
#define REAL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define TIMED(test) cmocka_unit_test_setup_teardown(test, set_up_clock, tear_down)
  const struct CMUnitTest tests[] = {
      REAL(traffic_is_counted_as_ip_counts_it),
      REAL(many_interfaces_are_all_there),
      TIMED(a_process_that_lives_is_confirmed_and_looked_for_each_tenth_time),
      TIMED(a_process_that_has_another_namespace_is_looked_for_at_once),
      REAL(a_namespace_with_lo_alone_has_no_figures),
      REAL(two_in_one_namespace_share_and_release_it),
      REAL(a_kept_file_is_closed_by_the_call_that_notices),
      REAL(many_deaths_are_noticed_at_once),
      REAL(a_forked_child_does_not_keep_the_dead_in_memory),
      REAL(a_zombie_leader_is_passed_over),
      REAL(a_pid_that_is_used_again_is_another_process),
      REAL(one_that_ends_while_it_is_looked_at_is_gone),
      REAL(another_pid_namespace_gets_no_pidfds_of_others),
      REAL(works_when_descriptors_are_scarce),
  };

  return cmocka_run_group_tests_name("core/proc in real namespaces", tests, NULL, NULL);
}
