/* Scripts that share a kubelet's client: who waits for another one waits no longer than it may. The
 * kubelet is a socket of this test that accepts, and never answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/gate.h"
#include "bindings/kubelet_access.h"

#define SHORT_WAIT_NS (20 * MW_NS_PER_MS)

struct asker {
  struct mw_kubelet_access *access;
  int rc;
};

/* @return the listening socket, its URL in @p url. */
static int listen_on_loopback(char url[static 64])
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t address_bytes = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_true(fd >= 0);
  assert_int_equal(0, bind(fd, (struct sockaddr *)&address, sizeof address));
  assert_int_equal(0, listen(fd, 4));
  assert_int_equal(0, getsockname(fd, (struct sockaddr *)&address, &address_bytes));
  snprintf(url, 64, "http://127.0.0.1:%u", ntohs(address.sin_port));
  return fd;
}

static void *ask_long(void *data)
{
  struct asker *asker = data;
  struct mw_kubelet_pods *pods = NULL;

  asker->rc = mw_kubelet_access_pods(asker->access, INT64_MAX, &pods, NULL);
  mw_kubelet_pods_free(pods);
  return NULL;
}

static void who_waits_for_another_waits_no_longer_than_it_may(void **state)
{
  char url[64];
  int listener = listen_on_loopback(url);
  struct mw_kubelet_config config = {.url = url, .allow_http = true};
  struct asker asker = {.access = mw_kubelet_access_new(&config, "/", NULL)};
  struct mw_kubelet_pods *pods = NULL;
  struct mw_error err;
  pthread_t thread;

  (void)state;
  assert_non_null(asker.access);
  assert_int_equal(0, pthread_create(&thread, NULL, ask_long, &asker));
  int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC); /* now it asks */
  assert_true(connection >= 0);
  int64_t deadline_ns = mw_clock_monotonic_ns(mw_clock_system()) + SHORT_WAIT_NS;
  assert_int_equal(-ETIMEDOUT, mw_kubelet_access_pods(asker.access, deadline_ns, &pods, &err));
  assert_string_equal(err.text, "another script still waits for the kubelet");
  close(listener);
  close(connection);
  pthread_join(thread, NULL);
  assert_true(asker.rc < 0);
  /* and then there is no waiting: the failure is told again */
  assert_int_equal(asker.rc, mw_kubelet_access_pods(asker.access, INT64_MAX, &pods, &err));
  assert_non_null(strstr(err.text, url));
  mw_kubelet_access_free(asker.access);
}

struct guest {
  struct asker asker;
  struct mw_gate *gate;
  atomic_bool entered;
};

static void *ask_inside(void *data)
{
  struct guest *guest = data;

  assert_true(mw_gate_enter(guest->gate));
  guest->entered = true;
  ask_long(&guest->asker);
  mw_gate_leave(guest->gate);
  return NULL;
}

/* One place, and two who have it in turn and wait: a third one can have it meanwhile. */
static void who_waits_for_the_kubelet_keeps_nobody_from_computing(void **state)
{
  char url[64];
  int listener = listen_on_loopback(url);
  struct mw_kubelet_config config = {.url = url, .allow_http = true};
  struct mw_kubelet_access *access = mw_kubelet_access_new(&config, "/", NULL);
  struct mw_gate gate;
  struct guest guests[2] = {{.asker.access = access, .gate = &gate},
                            {.asker.access = access, .gate = &gate}};
  pthread_t threads[2];

  (void)state;
  assert_non_null(access);
  mw_gate_init(&gate, 1);
  assert_int_equal(0, pthread_create(&threads[0], NULL, ask_inside, &guests[0]));
  int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  assert_true(connection >= 0);
  assert_int_equal(0, pthread_create(&threads[1], NULL, ask_inside, &guests[1]));
  while (!guests[1].entered)
    sched_yield();

  assert_true(mw_gate_enter(&gate));
  mw_gate_leave(&gate);
  close(listener);
  close(connection);
  for (size_t i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  mw_gate_deinit(&gate);
  mw_kubelet_access_free(access);
}

static void nothing_is_asked_before_somebody_asks(void **state)
{
  struct mw_kubelet_pods *pods = NULL;
  struct mw_error err;
  struct mw_kubelet_access *access =
      mw_kubelet_access_new(&(struct mw_kubelet_config){.url = "nonsense"}, "/", &err);

  (void)state;
  assert_non_null(access);
  assert_int_equal(-EINVAL, mw_kubelet_access_pods(access, INT64_MAX, &pods, &err));
  assert_non_null(strstr(err.text, "nonsense"));
  mw_kubelet_access_free(access);
  mw_kubelet_access_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_waits_for_another_waits_no_longer_than_it_may),
      cmocka_unit_test(who_waits_for_the_kubelet_keeps_nobody_from_computing),
      cmocka_unit_test(nothing_is_asked_before_somebody_asks),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
