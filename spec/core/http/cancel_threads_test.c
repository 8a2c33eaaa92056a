/* Ending a request from another thread, and from a signal handler, while libcurl waits for a server
 * that says nothing. */
#include "moonwatch/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/http/http_support.h"

#define REQUEST_TIMEOUT_MS 60000 /* which no run of this test ever waits for */

struct silent_server {
  int listener, connection;
  char url[64];
};

static int start_server(void **state)
{
  static struct silent_server server;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len_bytes = sizeof address;

  server.connection = -1;
  server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(server.listener, (struct sockaddr *)&address, len_bytes) < 0 ||
      listen(server.listener, 1) < 0 ||
      getsockname(server.listener, (struct sockaddr *)&address, &len_bytes) < 0)
    return -1;
  snprintf(server.url, sizeof server.url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
  *state = &server;
  return 0;
}

static int stop_server(void **state)
{
  struct silent_server *server = *state;

  close(server->listener);
  return server->connection < 0 ? 0 : close(server->connection);
}

struct canceler {
  struct silent_server *server;
  struct mw_http *http;
  pthread_t asker;
  bool by_signal;
};

/* Once the request has arrived, it is certain that the other thread waits for its answer. */
static void *cancel_when_asked(void *data)
{
  struct canceler *canceler = data;
  char request[16];

  canceler->server->connection = accept4(canceler->server->listener, NULL, NULL, SOCK_CLOEXEC);
  if (read(canceler->server->connection, request, sizeof request) <= 0)
    return NULL;
  if (canceler->by_signal)
    pthread_kill(canceler->asker, SIGUSR1);
  else
    mw_http_cancel(canceler->http);
  return NULL;
}

static struct mw_http *signalled;

static void on_signal(int number)
{
  (void)number;
  mw_http_cancel(signalled);
}

static void ask_and_cancel(struct silent_server *server, bool by_signal)
{
  struct mw_error err = {0};
  struct mw_http *http = mw_http_new(&(struct mw_http_config){0}, &err);
  struct canceler canceler = {server, http, pthread_self(), by_signal};
  const struct mw_http_request request = {.url = server->url, .timeout_ms = REQUEST_TIMEOUT_MS};
  struct mw_http_answer answer;
  pthread_t thread;

  assert_non_null(http);
  signalled = http;
  assert_int_equal(0, pthread_create(&thread, NULL, cancel_when_asked, &canceler));
  int rc = mw_http_ask(http, &request, NULL, &answer, &err);
  pthread_join(thread, NULL);
  assert_int_equal(-ECANCELED, rc);
  assert_int_equal(MW_HTTP_PHASE_SEND, answer.phase);
  assert_non_null(strstr(err.text, "/: canceled"));
  assert_int_equal(-ECANCELED, mw_http_ask(http, &request, NULL, NULL, NULL));
  mw_http_free(http);
}

static void another_thread_ends_it(void **state)
{
  ask_and_cancel(*state, false);
}

static void a_signal_handler_ends_it(void **state)
{
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;

  sigaction(SIGUSR1, &action, &old);
  ask_and_cancel(*state, true);
  sigaction(SIGUSR1, &old, NULL);
}

static void a_deadline_ends_it(void **state)
{
  struct silent_server *server = *state;
  struct mw_error err = {0};
  struct mw_http *http = mw_http_new(&(struct mw_http_config){0}, &err);
  const struct mw_http_request request = {.url = server->url, .timeout_ms = 50};
  struct mw_http_answer answer;

  assert_int_equal(-ETIMEDOUT, mw_http_ask(http, &request, NULL, &answer, &err));
  assert_int_equal(MW_HTTP_PHASE_SEND, answer.phase);
  assert_non_null(strstr(err.text, "connected, but no answer after 50 ms"));
  mw_http_free(http);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(another_thread_ends_it, start_server, stop_server),
      cmocka_unit_test_setup_teardown(a_signal_handler_ends_it, start_server, stop_server),
      cmocka_unit_test_setup_teardown(a_deadline_ends_it, start_server, stop_server),
  };
  return cmocka_run_group_tests_name("http/cancel_threads", tests, NULL, NULL);
}
