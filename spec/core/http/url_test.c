#include "http/url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void parses_what_can_be_asked(void **state)
{
  static const struct {
    const char *text, *host, *path, *query;
    uint16_t port;
    bool https;
  } cases[] = {
      {"http://a", "a", "", "", 80, false},
      {"https://a", "a", "", "", 443, true},
      {"HTTPS://A.b-c_d/", "A.b-c_d", "/", "", 443, true},
      {"https://127.0.0.1:10250/pods", "127.0.0.1", "/pods", "", 10250, true},
      {"https://[::1]:10250/x?y=/?z", "::1", "/x", "?y=/?z", 10250, true},
      {"http://[fd00::1]", "fd00::1", "", "", 80, false},
      {"http://a?b", "a", "", "?b", 80, false},
      {"http://a:65535/%20@:", "a", "/%20@:", "", 65535, false},
  };
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct mw_url url;
    assert_int_equal(0, mw_url_parse(cases[i].text, &url, NULL));
    assert_true(mw_slice_equal(url.host, cases[i].host));
    assert_true(mw_slice_equal(url.path, cases[i].path));
    assert_true(mw_slice_equal(url.query, cases[i].query));
    assert_int_equal(cases[i].port, url.port);
    assert_int_equal(cases[i].https, url.https);
  }
}

static void refuses_what_could_be_read_in_two_ways(void **state)
{
  static const struct {
    const char *text, *why;
  } cases[] = {
      {"", "does not begin with http"},
      {"ftp://a/", "does not begin with http"},
      {"file:///etc/passwd", "does not begin with http"},
      {"//a/", "does not begin with http"},
      {"http:/a", "does not begin with http"},
      {"http://", "its host"},
      {"http:///x", "its host"},
      {"http://:80/", "its host"},
      {"http://a%2fb/", "its host"},
      {"http://a,b/", "its host"},
      {"http://u@a/", "a user or a password"},
      {"http://u:p@a/", "a user or a password"},
      {"http://a:0/", "its port"},
      {"http://a:65536/", "its port"},
      {"http://a:/", "its port"},
      {"http://a:8o/", "its port"},
      {"http://a:-1/", "its port"},
      {"http://[::1/", "no IPv6"},
      {"http://[1.2.3.4]/", "no IPv6"},
      {"http://[fe80::1%25eth0]/", "no IPv6"},
      {"http://[::1]x/", "behind its address"},
      {"http://[::1]]/", "behind its address"},
      {"http://a/ b", "a blank"},
      {"http://a/\r\nHost: b", "a blank"},
      {"http://a/\x7f", "a blank"},
      {"http://\xc3\xa4/", "a blank"},
      {"http://a/#b", "a fragment"},
      {"http://a\\@b/", "a backslash"},
  };
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct mw_url url = {.port = 7};
    struct mw_error err = {0};
    assert_int_equal(-EINVAL, mw_url_parse(cases[i].text, &url, &err));
    if (!strstr(err.text, cases[i].why))
      fail_msg("%s: %s", cases[i].text, err.text);
    assert_int_equal(7, url.port);
  }
}

static void refuses_what_is_too_long(void **state)
{
  static char text[MW_URL_MAX_BYTES + 2] = "http://a/";
  struct mw_url url;
  (void)state;

  memset(text + 9, 'x', sizeof text - 10);
  assert_int_equal(-EINVAL, mw_url_parse(text, &url, NULL));
  text[MW_URL_MAX_BYTES] = '\0';
  assert_int_equal(0, mw_url_parse(text, &url, NULL));
  memset(text + 7, 'x', 254); /* and then a host that is no name */
  text[7 + 254] = '\0';
  assert_int_equal(-EINVAL, mw_url_parse(text, &url, NULL));
}

static bool is_same(const char *a, const char *b)
{
  struct mw_url url_a, url_b;

  assert_int_equal(0, mw_url_parse(a, &url_a, NULL));
  assert_int_equal(0, mw_url_parse(b, &url_b, NULL));
  return mw_url_same_origin(&url_a, &url_b);
}

static void compares_scheme_host_and_port(void **state)
{
  (void)state;
  assert_true(is_same("https://a/x", "https://A:443/y?z"));
  assert_true(is_same("http://[::1]/", "http://[::1]:80"));
  assert_false(is_same("https://a/", "http://a/"));
  assert_false(is_same("https://a/", "https://a:8443/"));
  assert_false(is_same("https://a/", "https://ab/"));
  assert_false(is_same("https://a:443/", "http://a:443/"));
}

static void resolves_what_a_location_says(void **state)
{
  static const struct {
    const char *base, *reference, *expected;
  } cases[] = {
      {"https://h:1/a/b?c", "https://x/y", "https://x/y"},
      {"https://h:1/a/b?c", "//x/y", "https://x/y"},
      {"https://h:1/a/b?c", "/y", "https://h:1/y"},
      {"https://h:1/a/b?c", "y", "https://h:1/a/y"},
      {"https://h:1/a/b?c", "?y", "https://h:1/a/b?y"},
      {"https://h:1/a/b?c", "", "https://h:1/a/b?c"},
      {"https://h:1/a/b?c", "#f", "https://h:1/a/b?c"},
      {"https://h:1/a/b?c", "y#f", "https://h:1/a/y"},
      {"https://h:1/a/b?c", "/y:z", "https://h:1/y:z"},
      {"http://h", "y", "http://h/y"},
      {"http://h?c", "y", "http://h/y"},
  };
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct mw_buf out;
    struct mw_url base;
    mw_buf_init(&out, 100);
    assert_int_equal(0, mw_url_parse(cases[i].base, &base, NULL));
    struct mw_slice reference = {cases[i].reference, strlen(cases[i].reference)};
    assert_int_equal(0, mw_url_resolve(&base, reference, &out, NULL));
    assert_string_equal(cases[i].expected, out.data);
    mw_buf_deinit(&out);
  }
}

static void prints_without_the_query(void **state)
{
  char printed[MW_URL_PRINT_BYTES], text[2000] = "http://a/";
  struct mw_url url;
  (void)state;

  mw_url_parse("https://[::1]:2/x?api_key=secret", &url, NULL);
  assert_string_equal("https://[::1]:2/x?...", mw_url_print(&url, printed));
  mw_url_parse("http://a", &url, NULL);
  assert_string_equal("http://a/", mw_url_print(&url, printed));
  memset(text + 9, 'x', sizeof text - 10);
  mw_url_parse(text, &url, NULL);
  mw_url_print(&url, printed);
  assert_int_equal(sizeof printed - 1, strlen(printed));
  assert_string_equal("xxx...", printed + sizeof printed - 7);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parses_what_can_be_asked),
      cmocka_unit_test(refuses_what_could_be_read_in_two_ways),
      cmocka_unit_test(refuses_what_is_too_long),
      cmocka_unit_test(compares_scheme_host_and_port),
      cmocka_unit_test(resolves_what_a_location_says),
      cmocka_unit_test(prints_without_the_query),
  };
  return cmocka_run_group_tests_name("http/url", tests, NULL, NULL);
}
