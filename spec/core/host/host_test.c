/* What Lua cannot bring about: another environment, and no memory. */
#include "moonwatch/host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tmptree.h"

#define VARIABLES_MAX 3

struct variable {
  const char *name, *value;
};

static const struct variable *environment;

static const char *made_up_env(const char *name)
{
  for (size_t i = 0; i < VARIABLES_MAX && environment[i].name; i++)
    if (strcmp(environment[i].name, name) == 0)
      return environment[i].value;
  return NULL;
}

static void the_environment_tells_the_kind_of_container_host(void **state)
{
  static const struct {
    struct variable variables[VARIABLES_MAX];
    const char *expected;
  } examples[] = {
      {{{NULL, NULL}}, "notSpecified"},
      {{{"ECS_FARGATE", "1"}}, "fargateECS"},
      {{{"ECS_FARGATE", "false"}}, "fargateECS"},
      {{{"ECS_FARGATE", ""}}, "notSpecified"},
      {{{"AWS_EXECUTION_ENV", "AWS_ECS_FARGATE"}}, "fargateECS"},
      {{{"AWS_EXECUTION_ENV", "AWS_ECS_EC2"}}, "notSpecified"},
      {{{"MOONWATCH_EKS_FARGATE", "true"}}, "fargateEKS"},
      {{{"MOONWATCH_EKS_FARGATE", "Yes"}}, "fargateEKS"},
      {{{"MOONWATCH_EKS_FARGATE", "1"}}, "fargateEKS"},
      {{{"MOONWATCH_EKS_FARGATE", "0"}}, "notSpecified"},
      {{{"MOONWATCH_EKS_FARGATE", ""}}, "notSpecified"},
      {{{"MOONWATCH_EKS_FARGATE", "on"}, {"ECS_FARGATE", "1"}}, "fargateEKS"},
      {{{"MOONWATCH_EKS_FARGATE", "no"}, {"ECS_FARGATE", "1"}}, "fargateECS"},
  };
  struct mw_host *host = mw_host_new(&(struct mw_host_config){.env = made_up_env}, NULL);
  (void)state;

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    environment = examples[i].variables;
    enum mw_container_host_type type = mw_host_container_host_type(host);
    assert_string_equal(examples[i].expected, mw_container_host_type_name(type));
  }
  mw_host_free(host);
}

static void numbers_are_those_of_the_payload(void **state)
{
  (void)state;
  assert_string_equal("notSpecified", mw_container_host_type_name(0));
  assert_string_equal("fargateECS", mw_container_host_type_name(1));
  assert_string_equal("fargateEKS", mw_container_host_type_name(2));
}

/* Takes the place of the C library's in this program. */
static int copies_until_failure; /* 0: never fails */

char *strndup(const char *text, size_t max_bytes)
{
  if (copies_until_failure > 0 && --copies_until_failure == 0)
    return NULL;
  size_t len_bytes = strnlen(text, max_bytes);
  char *copy = calloc(1, len_bytes + 1);
  return copy ? memcpy(copy, text, len_bytes) : NULL;
}

static void a_host_that_finds_no_memory_is_not_made_and_leaks_nothing(void **state)
{
  const struct mw_host_config config = {.host_root = "/h", .proc_root = "/p", .sys_root = "/s"};
  struct mw_error err;
  (void)state;

  for (int failing_copy = 1; failing_copy <= 3; failing_copy++) {
    err.code = 0;
    copies_until_failure = failing_copy;
    assert_null(mw_host_new(&config, &err));
    assert_int_equal(ENOMEM, err.code);
  }
  struct mw_host *host = mw_host_new(&config, &err);
  assert_non_null(host);
  mw_host_free(host);
}

static void a_failure_has_its_code_without_an_error_to_fill(void **state)
{
  static const char *const files[] = {"proc/meminfo", "proc/stat", "proc/sys/kernel/hostname"};
  char root[TMPTREE_ROOT_BYTES], path[TMPTREE_PATH_BYTES], name[MW_HOST_NAME_BYTES];
  uint64_t bytes;
  int64_t seconds;

  (void)state;
  tmptree_make(root);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", root, files[i]);
    tmptree_write(path, "\n");
  }
  struct mw_host *host = mw_host_new(&(struct mw_host_config){.host_root = root}, NULL);
  assert_int_equal(-EBADMSG, mw_host_memory_total_bytes(host, &bytes, NULL));
  assert_int_equal(-EBADMSG, mw_host_boot_time_s(host, &seconds, NULL));
  assert_int_equal(-EBADMSG, mw_host_name(host, name, NULL));
  mw_host_free(host);
  tmptree_remove(root);
}

static void freeing_nothing_is_fine(void **state)
{
  (void)state;
  mw_host_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_environment_tells_the_kind_of_container_host),
      cmocka_unit_test(numbers_are_those_of_the_payload),
      cmocka_unit_test(a_host_that_finds_no_memory_is_not_made_and_leaks_nothing),
      cmocka_unit_test(a_failure_has_its_code_without_an_error_to_fill),
      cmocka_unit_test(freeing_nothing_is_fine),
  };
  return cmocka_run_group_tests_name("host/host", tests, NULL, NULL);
}
