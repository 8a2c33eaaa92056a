/* Where a kubelet may be, for what an operator and a pod's environment say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kubelet/endpoint.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void they_are_tried_in_order(void **state)
{
  static const struct {
    struct mw_kubelet_config config;
    const char *urls[MW_ENDPOINTS_MAX + 1];
  } cases[] = {
      {{.url = "https://127.0.0.1:10250"}, {"https://127.0.0.1:10250"}},
      {{.url = "https://k.example:10250/"}, {"https://k.example:10250"}},
      {{.url = "https://10.0.0.1/api/v1/nodes/a/proxy//"},
       {"https://10.0.0.1/api/v1/nodes/a/proxy"}},
      {{.url = "http://127.0.0.1:10255", .allow_http = true}, {"http://127.0.0.1:10255"}},
      {{.url = "https://a", .node_ip = "10.0.0.7", .allow_http = true}, {"https://a"}},
      {{.node_ip = "10.0.0.7"}, {"https://10.0.0.7:10250"}},
      {{.node_name = "node-1.example"}, {"https://node-1.example:10250"}},
      {{.node_ip = "10.0.0.7", .node_name = "node-1"},
       {"https://10.0.0.7:10250", "https://node-1:10250"}},
      {{.node_ip = "10.0.0.7", .node_name = "node-1", .allow_http = true},
       {"https://10.0.0.7:10250", "https://node-1:10250", "http://10.0.0.7:10255",
        "http://node-1:10255"}},
      {{.url = "", .node_ip = "", .node_name = "n"}, {"https://n:10250"}},
      /* brackets, whatever the case of the digits */
      {{.node_ip = "fd00::7"}, {"https://[fd00::7]:10250"}},
      {{.node_ip = "FD00::ABCD"}, {"https://[FD00::ABCD]:10250"}},
      {{.node_ip = "::ffff:10.0.0.1"}, {"https://[::ffff:10.0.0.1]:10250"}},
      /* digits alone are a name */
      {{.node_name = "12345"}, {"https://12345:10250"}},
  };

  (void)state;
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct mw_endpoints found;
    struct mw_error err = {0};
    if (mw_endpoints_find(&cases[i].config, &found, &err) != 0)
      fail_msg("case %zu: %s", i, err.text);
    for (size_t j = 0; j < found.count; j++) {
      assert_non_null(cases[i].urls[j]);
      assert_string_equal(found.list[j].url, cases[i].urls[j]);
      assert_int_equal(found.list[j].is_tls, strncmp(found.list[j].url, "https:", 6) == 0);
    }
    assert_null(cases[i].urls[found.count]);
  }
}

static void what_is_no_place_is_refused(void **state)
{
  static const struct {
    struct mw_kubelet_config config;
    int rc;
    const char *says;
  } cases[] = {
      {{0}, -ENOENT, "set kubelet.url, or NODE_IP or NODE_NAME"},
      {{.url = "127.0.0.1:10250"}, -EINVAL, "does not begin with https://"},
      {{.url = "ftp://a"}, -EINVAL, "does not begin with https://"},
      {{.url = "https://"}, -EINVAL, "names no host"},
      {{.url = "https://:10250"}, -EINVAL, "names no host"},
      {{.url = "https://user:secret@a"}, -EINVAL, "no more"},
      {{.url = "https://a/?x=1"}, -EINVAL, "no more"},
      {{.url = "https://a b"}, -EINVAL, "no more"},
      {{.url = "https://a\r\nHost: b"}, -EINVAL, "no more"},
      {{.url = "http://127.0.0.1:10255"}, -EINVAL, "kubelet.allow_http=true"},
      {{.node_ip = "10.0.0"}, -EINVAL, "is no IP address"},
      {{.node_ip = "10.0.0.1:10250"}, -EINVAL, "is no IP address"},
      {{.node_ip = "node-1"}, -EINVAL, "is no IP address"},
      {{.node_ip = "fe80::1%eth0"}, -EINVAL, "is no IP address"},
      {{.node_name = "a/b"}, -EINVAL, "is no name of a host"},
      {{.node_name = "-a"}, -EINVAL, "is no name of a host"},
      {{.node_name = "a@b"}, -EINVAL, "is no name of a host"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT_OF(cases); i++) {
    struct mw_endpoints found;
    struct mw_error err = {0};
    int rc = mw_endpoints_find(&cases[i].config, &found, &err);
    if (rc != cases[i].rc || !strstr(err.text, cases[i].says))
      fail_msg("case %zu: %d, %s", i, rc, err.text);
  }
}

static void a_url_that_is_too_long_is_refused(void **state)
{
  char url[MW_ENDPOINT_URL_BYTES + 64] = "https://a/";
  struct mw_endpoints found;
  struct mw_error err;

  (void)state;
  memset(url + strlen(url), 'x', sizeof url - strlen(url) - 1);
  url[sizeof url - 1] = '\0';
  assert_int_equal(-EINVAL,
                   mw_endpoints_find(&(struct mw_kubelet_config){.url = url}, &found, &err));
  assert_non_null(strstr(err.text, "is too long"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(they_are_tried_in_order),
      cmocka_unit_test(what_is_no_place_is_refused),
      cmocka_unit_test(a_url_that_is_too_long_is_refused),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
