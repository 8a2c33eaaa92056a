/* A server that does one thing wrong, for specs: faulty_server KIND. It listens on a free port of
 * 127.0.0.1, prints the port on a line, serves one connection after the other, and ends when its
 * standard input does. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OK "HTTP/1.1 200 OK\r\n"

/* What comes once the request has come, in pieces until it is over. */
struct fault {
  const char *kind;
  const char *text;      /* first */
  const char *endlessly; /* and then, again and again */
  int pause_ms;          /* between two of these */
  bool stays_open;       /* in the end, until the other side closes it */
};

static const struct fault faults[] = {
    {"silent", "", NULL, 0, true},
    {"drip", OK "Content-Length: 1000\r\n\r\n", "x", 100, false},
    {"drip_header", OK, "X: y\r\n", 100, false},
    {"closes_at_once", "", NULL, 0, false},
    {"closes_in_header", OK "Content-Le", NULL, 0, false},
    {"closes_in_body", OK "Content-Length: 1000\r\n\r\nhalf of it", NULL, 0, false},
    {"closes_in_chunk", OK "Transfer-Encoding: chunked\r\n\r\nff\r\nhalf of it", NULL, 0, false},
    {"bad_chunk", OK "Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n", NULL, 0, true},
    {"too_short", OK "Content-Length: 4\r\n\r\nhalf of it", NULL, 0, true},
    {"two_lengths", OK "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", NULL, 0, true},
    {"garbage", "SSH-2.0-OpenSSH_9.2\r\n", NULL, 0, true},
    {"bad_status", "HTTP/1.1 abc OK\r\n\r\n", NULL, 0, true},
    {"no_status", OK "\r\n", "x", 0, false}, /* a body without end and without a length */
    {"endless_headers", OK, "X-Header: what nobody has asked for\r\n", 0, false},
    {"endless_line", OK "X: ", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0, false},
    {"endless_interim", "", "HTTP/1.1 100 Continue\r\n\r\n", 0, false},
    {"not_packed", OK "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain", NULL, 0, true},
};

static const struct fault *fault_named(const char *kind)
{
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
    if (strcmp(faults[i].kind, kind) == 0)
      return &faults[i];
  return NULL;
}

/* Wait for @p fd, and watch over the two that end it. @return false: it is over. */
static bool wait_for(int fd, int timeout_ms)
{
  struct pollfd both[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

  return poll(both, 2, timeout_ms) >= 0 && both[0].revents == 0;
}

static bool is_closed(int fd)
{
  char byte;

  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void read_request(int fd)
{
  char text[4096] = "";
  size_t len_bytes = 0;
  ssize_t got = 1;

  while (got > 0 && len_bytes < sizeof text - 1 && !strstr(text, "\r\n\r\n")) {
    got = read(fd, text + len_bytes, sizeof text - 1 - len_bytes);
    len_bytes += got > 0 ? (size_t)got : 0;
    text[len_bytes] = '\0';
  }
}

static bool say(int fd, const char *text)
{
  size_t len_bytes = strlen(text);

  return send(fd, text, len_bytes, MSG_NOSIGNAL) == (ssize_t)len_bytes;
}

/* @return false: it is over. */
static bool serve(int fd, const struct fault *fault)
{
  bool goes_on = wait_for(fd, -1);

  if (goes_on && *fault->text) {
    read_request(fd);
    say(fd, fault->text);
  } else if (goes_on && fault->endlessly) {
    read_request(fd);
  }
  while (goes_on && fault->endlessly && !is_closed(fd) && say(fd, fault->endlessly))
    goes_on = fault->pause_ms == 0 || wait_for(fd, fault->pause_ms);
  while (goes_on && fault->stays_open && !is_closed(fd))
    goes_on = wait_for(fd, 10);
  close(fd);
  return goes_on;
}

int main(int argc, char **argv)
{
  const struct fault *fault = argc == 2 ? fault_named(argv[1]) : NULL;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len_bytes = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (!fault || bind(listener, (struct sockaddr *)&address, len_bytes) < 0 ||
      listen(listener, 8) < 0 ||
      getsockname(listener, (struct sockaddr *)&address, &len_bytes) < 0) {
    fprintf(stderr, "usage: faulty_server KIND\n");
    return 1;
  }
  printf("%u\n", ntohs(address.sin_port));
  fflush(stdout);
  while (wait_for(listener, -1)) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0 && !serve(fd, fault))
      break;
  }
  return 0;
}
