/* What os-release says of a system: tables of examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/parsers.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* From a copy without a '\0' behind it, so that an address checker sees who reads too far. */
static bool parse_copy(const char *text, char value[static MW_HOST_NAME_BYTES])
{
  size_t len_bytes = strlen(text);
  char *copy = malloc(len_bytes > 0 ? len_bytes : 1);

  assert_non_null(copy);
  memcpy(copy, text, len_bytes);
  bool found = mw_host_parse_os_release((struct mw_slice){copy, len_bytes}, "ID", value);
  free(copy);
  return found;
}

static void a_value_is_written_as_for_a_shell(void **state)
{
  static const struct {
    const char *name, *text, *expected; /* NULL: none */
  } examples[] = {
      {"bare", "NAME=x\nID=debian\n", "debian"},
      {"in double quotes", "ID=\"rocky\"\n", "rocky"},
      {"in single quotes", "ID='rhel'\n", "rhel"},
      {"without its line end", "ID=alpine", "alpine"},
      {"with CR LF", "ID=sles\r\n", "sles"},
      {"blanks behind it", "ID=debian \t\n", "debian"},
      {"blanks in quotes", "ID=\"rhel fedora\"\n", "rhel fedora"},
      {"the last one counts", "ID=one\nID=two\n", "two"},
      {"a bad one does not count", "ID=one\nID=\"two\n", "one"},
      {"escapes in double quotes", "ID=\"a\\\"b\\\\c\\$d\\`e\"\n", "a\"b\\c$d`e"},
      {"other backslashes in double quotes", "ID=\"a\\nb\"\n", "a\\nb"},
      {"no escapes in single quotes", "ID='a\\'\n", "a\\"},
      {"escapes in a bare one", "ID=a\\ b\\nc\n", "a bnc"},
      {"a single quote in double quotes", "ID=\"it's\"\n", "it's"},
      {"a comment", "#ID=debian\n", NULL},
      {"another key", "VERSION_ID=12\nID_LIKE=debian\nXID=5\n", NULL},
      {"a blank before the key", " ID=debian\n", NULL},
      {"blanks around the sign", "ID = debian\n", NULL},
      {"nothing behind the sign", "ID=\n", NULL},
      {"empty quotes", "ID=\"\"\n", NULL},
      {"a quote that stays open", "ID=\"debian\n", NULL},
      {"a quote that its escape keeps open", "ID=\"debian\\\"\n", NULL},
      {"a backslash at the end", "ID=debian\\\n", NULL},
      {"two words", "ID=debian linux\n", NULL},
      {"something behind the quotes", "ID=\"debian\"linux\n", NULL},
      {"a quote within", "ID=deb'ian'\n", NULL},
      {"an expansion", "ID=$NAME\n", NULL},
      {"a command", "ID=a;b\n", NULL},
      {"an order to the terminal", "ID=\"\x1b[31m\"\n", NULL},
      {"no key at all", "ID", NULL},
      {"nothing", "", NULL},
  };
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++) {
    char value[MW_HOST_NAME_BYTES] = "untouched";
    const char *expected = examples[i].expected ? examples[i].expected : "untouched";
    bool found = parse_copy(examples[i].text, value);
    if (found != (examples[i].expected != NULL) || strcmp(value, expected) != 0)
      fail_msg("%s: %d, \"%s\"", examples[i].name, found, value);
  }
}

static void a_value_fits_into_its_room_or_is_none(void **state)
{
  char text[MW_HOST_NAME_BYTES + 4] = "ID=", value[MW_HOST_NAME_BYTES] = "untouched";
  (void)state;

  memset(text + 3, 'x', MW_HOST_NAME_BYTES);
  assert_false(parse_copy(text, value));
  assert_string_equal("untouched", value);
  text[3 + MW_HOST_NAME_BYTES - 1] = '\0';
  assert_true(parse_copy(text, value));
  assert_int_equal(MW_HOST_NAME_BYTES - 1, strlen(value));
}

static void a_family_is_that_of_the_platform_or_of_what_it_is_like(void **state)
{
  static const struct {
    const char *id, *id_like, *family;
  } examples[] = {
      {"debian", "", "debian"},
      {"ubuntu", "debian", "debian"},
      {"pop", "ubuntu debian", "debian"},
      {"rocky", "rhel centos fedora", "rhel"},
      {"amzn", "centos rhel fedora", "rhel"},
      {"fedora", "", "fedora"},
      {"opensuse-leap", "suse opensuse", "suse"},
      {"sle-micro", "\tsuse ", "suse"},
      {"manjaro", "arch", "arch"},
      {"alpine", "", "alpine"},
      {"flatcar", "coreos", "coreos"},
      {"derived", "unheard-of debian", "debian"},
      {"nixos", "", "nixos"},
      {"own", "unheard-of", "own"},
  };
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++)
    assert_string_equal(examples[i].family,
                        mw_host_platform_family(examples[i].id, examples[i].id_like));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_value_is_written_as_for_a_shell),
      cmocka_unit_test(a_value_fits_into_its_room_or_is_none),
      cmocka_unit_test(a_family_is_that_of_the_platform_or_of_what_it_is_like),
  };
  return cmocka_run_group_tests_name("host/os_release", tests, NULL, NULL);
}
