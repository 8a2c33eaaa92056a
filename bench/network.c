#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define INSIDE_NAME "eth0"
#define ADDRESS UINT32_C(0x0a000002)   /* 10.0.0.2 */
#define BROADCAST UINT32_C(0x0affffff) /* needs no answer to find its way */
#define DISCARD_PORT 9
#define EXPERIMENTAL_ETHERTYPE 0x88b5 /* for local use: no protocol listens to it */
#define FRAMES 64                     /* in each direction, so that the counters have some digits */
#define FRAME_BYTES 1000
#define GONE_TRIES 3000
#define GONE_PAUSE_NS 10000000L

/* ---- A message to the kernel ---- */

struct request {
  struct nlmsghdr header;
  struct ifinfomsg link;
  char attributes[256];
};

static void *append(struct request *request, unsigned short type, const void *data, size_t bytes)
{
  char *end = (char *)request + NLMSG_ALIGN(request->header.nlmsg_len);
  struct rtattr *attribute = (void *)end;

  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(bytes);
  if (bytes > 0)
    memcpy(RTA_DATA(attribute), data, bytes);
  request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) + (unsigned)RTA_SPACE(bytes);
  return attribute;
}

/* What was appended since @p attribute is inside of it. */
static void enclose(const struct request *request, struct rtattr *attribute)
{
  attribute->rta_len =
      (unsigned short)((const char *)request + request->header.nlmsg_len - (char *)attribute);
}

/* @return 0, or -errno as the kernel answered. */
static int ask(int link, const struct request *request)
{
  struct {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char rest[sizeof *request + 256];
  } answer;

  if (send(link, request, request->header.nlmsg_len, 0) < 0)
    return -errno;
  ssize_t got = recv(link, &answer, sizeof answer, 0);
  if (got < (ssize_t)(sizeof answer.header + sizeof answer.error) ||
      answer.header.nlmsg_type != NLMSG_ERROR)
    return got < 0 ? -errno : -EPROTO;
  return answer.error.error;
}

/* A pair: @p name where @p link is, INSIDE_NAME in the namespace @p inside. rtnetlink(7). */
static int make_pair(int link, const char *name, int inside)
{
  static const struct ifinfomsg peer = {.ifi_family = AF_UNSPEC};
  struct request request = {
      .header = {.nlmsg_len = NLMSG_LENGTH(sizeof request.link),
                 .nlmsg_type = RTM_NEWLINK,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK},
      .link = {.ifi_family = AF_UNSPEC},
  };

  append(&request, IFLA_IFNAME, name, strlen(name) + 1);
  struct rtattr *info = append(&request, IFLA_LINKINFO, NULL, 0);
  append(&request, IFLA_INFO_KIND, "veth", sizeof "veth");
  struct rtattr *data = append(&request, IFLA_INFO_DATA, NULL, 0);
  struct rtattr *other = append(&request, VETH_INFO_PEER, &peer, sizeof peer);
  append(&request, IFLA_IFNAME, INSIDE_NAME, sizeof INSIDE_NAME);
  append(&request, IFLA_NET_NS_FD, &inside, sizeof inside);
  enclose(&request, other);
  enclose(&request, data);
  enclose(&request, info);
  return ask(link, &request);
}

/* ---- Interfaces ---- */

static struct ifreq named(const char *name)
{
  struct ifreq request = {0};

  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  return request;
}

/* In the namespace of @p socket. */
static int switch_on(int socket, const char *name)
{
  struct ifreq request = named(name);

  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(socket, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

static int set_address(int socket, const char *name)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ADDRESS)};
  struct ifreq request = named(name);

  memcpy(&request.ifr_addr, &address, sizeof address);
  return ioctl(socket, SIOCSIFADDR, &request) < 0 ? -errno : 0;
}

/* Version 6 would talk by itself for some seconds, in each of them, while we measure. */
static void silence(void)
{
  MW_AUTO_CLOSE int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);

  /* Without version 6 there is nobody to silence. */
  if (fd >= 0 && write(fd, "1", 1) < 0)
    return;
}

static int send_out(int socket)
{
  static const char frame[FRAME_BYTES];
  struct sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(DISCARD_PORT), .sin_addr.s_addr = htonl(BROADCAST)};
  int yes = 1;

  if (setsockopt(socket, SOL_SOCKET, SO_BROADCAST, &yes, sizeof yes) < 0)
    return -errno;
  for (size_t i = 0; i < FRAMES; i++)
    if (sendto(socket, frame, sizeof frame, 0, (void *)&to, sizeof to) < 0)
      return -errno;
  return 0;
}

static int send_in(int packets, const char *name)
{
  static const struct ether_header header = {.ether_dhost = {255, 255, 255, 255, 255, 255}};
  struct ifreq request = named(name);
  char frame[FRAME_BYTES] = {0};

  if (ioctl(packets, SIOCGIFINDEX, &request) < 0)
    return -errno;
  struct sockaddr_ll to = {.sll_family = AF_PACKET,
                           .sll_protocol = htons(EXPERIMENTAL_ETHERTYPE),
                           .sll_ifindex = request.ifr_ifindex};
  memcpy(frame, &header, sizeof header);
  ((struct ether_header *)(void *)frame)->ether_type = htons(EXPERIMENTAL_ETHERTYPE);
  for (size_t i = 0; i < FRAMES; i++)
    if (sendto(packets, frame, sizeof frame, 0, (void *)&to, sizeof to) < 0)
      return -errno;
  return 0;
}

/* ---- Namespaces ---- */

static void name_outside(size_t number, char out[static IFNAMSIZ])
{
  snprintf(out, IFNAMSIZ, "pod%u", (unsigned)number % 1000000000);
}

/* This process is in the new namespace. */
static int furnish(struct bench_networks *networks)
{
  MW_AUTO_CLOSE int inside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  MW_AUTO_CLOSE int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  char name[IFNAMSIZ];

  if (inside < 0 || datagrams < 0)
    return -errno;
  name_outside(networks->count, name);
  silence();
  int rc = make_pair(networks->link, name, inside);
  if (rc == 0)
    rc = switch_on(datagrams, "lo");
  if (rc == 0)
    rc = switch_on(datagrams, INSIDE_NAME);
  if (rc == 0)
    rc = switch_on(networks->packets, name);
  if (rc == 0)
    rc = set_address(datagrams, INSIDE_NAME);
  if (rc == 0)
    rc = send_out(datagrams);
  return rc == 0 ? send_in(networks->packets, name) : rc;
}

int bench_networks_leave(struct bench_networks *networks, struct mw_error *err)
{
  if (networks->own >= 0 && setns(networks->own, CLONE_NEWNET) < 0)
    return mw_error_set(err, errno, "cannot return to the network namespace: %s", strerror(errno));
  return 0;
}

int bench_networks_enter_new(struct bench_networks *networks, struct mw_error *err)
{
  int rc = unshare(CLONE_NEWNET) < 0 ? -errno : furnish(networks);

  if (rc == 0) {
    networks->count++;
    return 0;
  }
  bench_networks_leave(networks, NULL);
  return mw_error_set(err, -rc, "cannot make a network namespace with an interface: %s",
                      strerror(-rc));
}

/* This process is outside. */
static int open_outside(struct bench_networks *networks, struct mw_error *err)
{
  silence();
  networks->link = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  networks->packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (networks->link < 0 || networks->packets < 0)
    return mw_error_set(err, errno, "cannot open sockets to make interfaces: %s", strerror(errno));
  return 0;
}

int bench_networks_init(struct bench_networks *networks, struct mw_error *err)
{
  *networks = BENCH_NETWORKS_NONE;
  networks->own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (networks->own < 0)
    return mw_error_set(err, errno, "this kernel has no network namespaces");
  if (unshare(CLONE_NEWNET) < 0)
    return mw_error_set(err, errno, "cannot make a network namespace: %s", strerror(errno));
  int rc = open_outside(networks, err);
  int left = bench_networks_leave(networks, rc == 0 ? err : NULL);
  return rc == 0 ? left : rc;
}

void bench_networks_deinit(struct bench_networks *networks)
{
  const int fds[] = {networks->own, networks->link, networks->packets};

  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    if (fds[i] >= 0)
      close(fds[i]);
  *networks = BENCH_NETWORKS_NONE;
}

int bench_networks_wait_gone(struct bench_networks *networks, struct mw_error *err)
{
  char name[IFNAMSIZ];

  /* The end outside goes together with the end inside. */
  for (int tries = 0; networks->count > 0; tries++) {
    name_outside(networks->count - 1, name);
    struct ifreq request = named(name);
    if (ioctl(networks->packets, SIOCGIFINDEX, &request) < 0)
      networks->count--;
    else if (tries == GONE_TRIES)
      return mw_error_set(err, ETIMEDOUT, "%zu network namespaces stayed", networks->count);
    else
      nanosleep(&(struct timespec){.tv_nsec = GONE_PAUSE_NS}, NULL);
  }
  return 0;
}
