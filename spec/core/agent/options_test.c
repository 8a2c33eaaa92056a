#include "agent/options.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

#define DECLARED                                                                                   \
  "{ size = { type = 'integer', default = 100, min = 1, max = 10000, doc = 'd' },"                 \
  "  ratio = { type = 'number', default = 1.5, min = 0 },"                                         \
  "  deep = { type = 'boolean', default = false },"                                                \
  "  name = { type = 'string', default = 'none' } }"

#define LIST "{ rules = { type = 'strings', default = { 'a', 'b' }, min = 1, max = 3 } }"

struct outcome {
  int rc;
  int stack_growth;
  struct mw_error err;
  char values[512]; /* "deep=false name=none ..." */
  char log[2048];
};

static const char print_values[] =
    "local values, lines = ..., {}\n"
    "for key, value in pairs(values) do\n"
    "  value = type(value) == 'table' and '[' .. table.concat(value, '|') .. ']' or value\n"
    "  lines[#lines + 1] = key .. '=' .. tostring(value)\n"
    "end\n"
    "table.sort(lines)\n"
    "return table.concat(lines, ' ')\n";

static void evaluate(lua_State *L, const char *declared, const struct mw_option *given,
                     size_t count, struct outcome *out)
{
  char text[1024];

  snprintf(text, sizeof text, "return %s", declared);
  assert_int_equal(0, luaL_dostring(L, text));
  int top = lua_gettop(L);
  out->rc = mw_options_push(L, top, "demo", given, count, &out->err);
  out->stack_growth = lua_gettop(L) - top;
  out->values[0] = '\0';
  if (out->rc < 0)
    return;
  assert_int_equal(0, luaL_loadstring(L, print_values));
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  snprintf(out->values, sizeof out->values, "%s", lua_tostring(L, -1));
}

/* Cut "size=5;ratio=2". @return how many there are. */
static size_t cut_given(char *text, struct mw_option *out)
{
  size_t count = 0;

  for (char *rest, *key = strtok_r(text, ";", &rest); key; key = strtok_r(NULL, ";", &rest)) {
    char *equals = strchr(key, '=');
    *equals = '\0';
    out[count++] = (struct mw_option){.key = key, .text = equals + 1};
  }
  return count;
}

/* What the options @p given, "size=5;ratio=2", make of the Lua table @p declared. */
static struct outcome outcome_of(const char *declared, const char *given)
{
  struct outcome outcome;
  struct mw_option options[8];
  char text[256];
  int log_fd = memfd_create("log", MFD_CLOEXEC);
  lua_State *L = luaL_newstate();

  memset(&outcome, 0, sizeof outcome);
  luaL_openlibs(L);
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_WARN, .fd = log_fd});
  snprintf(text, sizeof text, "%s", given);
  evaluate(L, declared, options, cut_given(text, options), &outcome);
  assert_true(pread(log_fd, outcome.log, sizeof outcome.log - 1, 0) >= 0);
  close(log_fd);
  lua_close(L);
  return outcome;
}

/* push(declared, rules): the values. */
static int push_again(lua_State *L)
{
  struct mw_option too_many = {.key = "rules", .text = lua_tostring(L, 2)};

  assert_int_equal(0, mw_options_push(L, 1, "demo", &too_many, lua_isstring(L, 2), NULL));
  return 1;
}

static void takes_the_defaults(void **state)
{
  struct outcome outcome = outcome_of(DECLARED, "");
  (void)state;

  assert_int_equal(0, outcome.rc);
  assert_int_equal(1, outcome.stack_growth);
  assert_string_equal("deep=false name=none ratio=1.5 size=100", outcome.values);
  assert_string_equal("", outcome.log);
}

static void takes_what_is_given(void **state)
{
  struct outcome outcome = outcome_of(DECLARED, "size=10000;ratio=2e3;deep=true;name= any = thing");
  (void)state;

  assert_int_equal(0, outcome.rc);
  assert_string_equal("deep=true name= any = thing ratio=2000 size=10000", outcome.values);
}

static void the_last_of_two_counts(void **state)
{
  struct outcome outcome = outcome_of(DECLARED, "size=5;size=6");
  (void)state;

  assert_string_equal("deep=false name=none ratio=1.5 size=6", outcome.values);
}

static void nothing_is_declared_and_nothing_given(void **state)
{
  (void)state;
  assert_string_equal("", outcome_of("nil", "").values);
  assert_int_equal(0, outcome_of("{}", "").rc);
}

static void a_number_out_of_bounds_becomes_the_default_with_a_warning(void **state)
{
  static const struct {
    const char *given, *warning; /* NULL: none */
    int size;
  } examples[] = {
      {"size=1", NULL, 1},
      {"size=10000", NULL, 10000},
      {"size=10001", "option size = 10001 is above 10000: the default 100 is used\n", 100},
      {"size=0", "option size = 0 is below 1: the default 100 is used\n", 100},
      {"size=-5", "option size = -5 is below 1: the default 100 is used\n", 100},
      {"size=1e300", "option size = 1e300 is above 10000: the default 100 is used\n", 100},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char expected[128];
    struct outcome outcome = outcome_of(DECLARED, examples[i].given);
    snprintf(expected, sizeof expected, "deep=false name=none ratio=1.5 size=%d", examples[i].size);
    assert_int_equal(0, outcome.rc);
    assert_string_equal(expected, outcome.values);
    if (examples[i].warning)
      assert_non_null(strstr(outcome.log, examples[i].warning));
    else
      assert_string_equal("", outcome.log);
  }
}

static void out_of_bounds_means_the_default_also_behind_a_good_value(void **state)
{
  struct outcome outcome = outcome_of(DECLARED, "size=5;size=20000");
  (void)state;

  assert_string_equal("deep=false name=none ratio=1.5 size=100", outcome.values);
}

static void a_list_is_made_of_words(void **state)
{
  static const struct {
    const char *given, *values;
  } examples[] = {
      {"", "rules=[a|b]"},
      {"rules=name:x", "rules=[name:x]"},
      {"rules=\t image:a=b\n name:c ", "rules=[image:a=b|name:c]"},
      {"rules=a;rules=b c", "rules=[a|b|c]"},
      {"rules=;rules=z", "rules=[z]"},
      {"rules=z;rules=", "rules=[z]"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct outcome outcome = outcome_of(LIST, examples[i].given);
    assert_int_equal(0, outcome.rc);
    assert_int_equal(1, outcome.stack_growth);
    assert_string_equal(examples[i].values, outcome.values);
    assert_string_equal("", outcome.log);
  }
}

static void a_list_that_is_too_short_or_too_long_becomes_the_default_with_a_warning(void **state)
{
  static const struct {
    const char *given, *warning;
  } examples[] = {
      {"rules=", "option rules has 0 words, below 1: its default is used\n"},
      {"rules=1 2 3 4", "option rules has 4 words, above 3: its default is used\n"},
      {"rules=1 2;rules=3 4", "option rules has 4 words, above 3: its default is used\n"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct outcome outcome = outcome_of(LIST, examples[i].given);
    assert_string_equal("rules=[a|b]", outcome.values);
    assert_non_null(strstr(outcome.log, examples[i].warning));
  }
}

/* A list that is too long half way is not yet the list. */
static void the_parts_of_a_list_count_together(void **state)
{
  struct outcome outcome =
      outcome_of("{ l = { type = 'strings', default = { 'a', 'b' }, min = 2 } }", "l=1;l=2");
  (void)state;

  assert_string_equal("l=[1|2]", outcome.values);
  assert_string_equal("", outcome.log);
}

static void a_list_is_a_copy_of_its_default(void **state)
{
  static const char text[] = "local declared, push = ...\n"
                             "table.insert(push(declared).rules, 'more')\n"
                             "table.insert(push(declared, 'one two three four').rules, 'more')\n"
                             "return #declared.rules.default\n";
  lua_State *L = luaL_newstate();
  (void)state;

  luaL_openlibs(L);
  assert_int_equal(0, luaL_loadstring(L, text));
  assert_int_equal(0, luaL_dostring(L, "return " LIST));
  lua_pushcfunction(L, push_again);
  assert_int_equal(0, lua_pcall(L, 2, 1, 0));
  assert_int_equal(2, lua_tointeger(L, -1));
  lua_close(L);
}

static void refuses_what_does_not_fit(void **state)
{
  static const struct {
    const char *given, *text;
  } examples[] = {
      {"size=many", "option size of script demo: \"many\" is not an integer"},
      {"size=", "option size of script demo: \"\" is not an integer"},
      {"size=1.5", "option size of script demo: \"1.5\" is not an integer"},
      {"size= 5", "option size of script demo: \" 5\" is not an integer"},
      {"size=5 ", "option size of script demo: \"5 \" is not an integer"},
      {"size=inf", "option size of script demo: \"inf\" is not an integer"},
      {"ratio=nan", "option ratio of script demo: \"nan\" is not a number"},
      {"ratio=1e999", "option ratio of script demo: \"1e999\" is not a number"},
      {"ratio=1,5", "option ratio of script demo: \"1,5\" is not a number"},
      {"deep=yes", "option deep of script demo: \"yes\" is not a boolean"},
      {"deep=True", "option deep of script demo: \"True\" is not a boolean"},
      {"deep=", "option deep of script demo: \"\" is not a boolean"},
      {"sise=5", "script demo has no option \"sise\"; did you mean \"size\"?"},
      {"zzz=5", "script demo has no option \"zzz\"; it has deep, name, ratio, size"},
      {"=5", "script demo has no option \"\"; it has deep, name, ratio, size"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct outcome outcome = outcome_of(DECLARED, examples[i].given);
    assert_int_equal(-EINVAL, outcome.rc);
    assert_string_equal(examples[i].text, outcome.err.text);
    assert_int_equal(0, outcome.stack_growth);
  }
}

static void refuses_an_option_of_a_script_that_has_none(void **state)
{
  struct outcome outcome = outcome_of("nil", "size=5");
  (void)state;

  assert_int_equal(-EINVAL, outcome.rc);
  assert_string_equal("script demo has no option \"size\"; it has none at all", outcome.err.text);
}

/* An __index that adds a key while the table is looked through would hide it from the look. */
static void declarations_are_read_without_running_the_scripts_code(void **state)
{
  static const char sly[] = "(function() local options = {}\n"
                            "  local function add() options[true] = {} return 1 end\n"
                            "  options.a = setmetatable({ type = 'integer' }, { __index = add })\n"
                            "  return options end)()";
  static const char made_up[] =
      "setmetatable({}, { __index = function() return { type = 'integer', default = 1 } end })";
  (void)state;

  struct outcome outcome = outcome_of(sly, "zzz=5");
  assert_int_equal(-EBADMSG, outcome.rc);
  assert_non_null(strstr(outcome.err.text, "options.a has no default"));
  outcome = outcome_of(made_up, "zzz=5");
  assert_int_equal(-EINVAL, outcome.rc);
  assert_string_equal("script demo has no option \"zzz\"; it has none at all", outcome.err.text);
}

static void refuses_declarations_that_are_wrong(void **state)
{
  static const struct {
    const char *declared, *text;
  } examples[] = {
      {"7", "script demo: options is not a table"},
      {"{ 5 }", "script demo: options has a key that is not a name"},
      {"{ a = 5 }", "options.a is not a table with type, default and doc"},
      {"{ a = {} }", "options.a has no type: it is \"integer\", \"number\", \"boolean\", "},
      {"{ a = { type = 'int', default = 1 } }", "options.a has no type"},
      {"{ a = { type = 5, default = 1 } }", "options.a has no type"},
      {"{ a = { type = 'integer' } }", "options.a has no default"},
      {"{ a = { type = 'integer', default = 1.5 } }", "not of its type"},
      {"{ a = { type = 'integer', default = math.huge } }", "not of its type"},
      {"{ a = { type = 'number', default = 0/0 } }", "not of its type"},
      {"{ a = { type = 'number', default = '1' } }", "not of its type"},
      {"{ a = { type = 'boolean', default = 1 } }", "not of its type"},
      {"{ a = { type = 'string', default = 1 } }", "not of its type"},
      {"{ a = { type = 'strings', default = 'x' } }", "not of its type"},
      {"{ a = { type = 'strings', default = { 'x', 1 } } }", "not of its type"},
      {"{ a = { type = 'strings', default = { 'x', y = 'z' } } }", "not of its type"},
      {"{ a = { type = 'strings', default = { [2] = 'x' } } }", "not of its type"},
      {"{ a = { type = 'strings', default = {}, min = 1 } }", "has a default out of its bounds"},
      {"{ a = { type = 'integer', default = 5, min = 6 } }", "has a default out of its bounds"},
      {"{ a = { type = 'integer', default = 5, max = 4 } }", "has a default out of its bounds"},
      {"{ a = { type = 'integer', default = 5, min = 9, max = 1 } }", "are not numbers in order"},
      {"{ a = { type = 'integer', default = 5, min = '1' } }", "are not numbers in order"},
      {"{ a = { type = 'integer', default = 5, max = 0/0 } }", "are not numbers in order"},
      {"{ a = { type = 'integer', default = 5, maximum = 9 } }",
       "options.a has \"maximum\", which is none of type, default, min, max and doc"},
      {"{ a = { type = 'integer', defualt = 5 } }", "options.a has \"defualt\""},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct outcome outcome = outcome_of(examples[i].declared, "");
    assert_int_equal(-EBADMSG, outcome.rc);
    if (!strstr(outcome.err.text, examples[i].text))
      fail_msg("%s: %s", examples[i].declared, outcome.err.text);
    assert_int_equal(0, outcome.stack_growth);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_the_defaults),
      cmocka_unit_test(takes_what_is_given),
      cmocka_unit_test(the_last_of_two_counts),
      cmocka_unit_test(nothing_is_declared_and_nothing_given),
      cmocka_unit_test(a_number_out_of_bounds_becomes_the_default_with_a_warning),
      cmocka_unit_test(out_of_bounds_means_the_default_also_behind_a_good_value),
      cmocka_unit_test(a_list_is_made_of_words),
      cmocka_unit_test(a_list_that_is_too_short_or_too_long_becomes_the_default_with_a_warning),
      cmocka_unit_test(the_parts_of_a_list_count_together),
      cmocka_unit_test(a_list_is_a_copy_of_its_default),
      cmocka_unit_test(refuses_what_does_not_fit),
      cmocka_unit_test(refuses_an_option_of_a_script_that_has_none),
      cmocka_unit_test(declarations_are_read_without_running_the_scripts_code),
      cmocka_unit_test(refuses_declarations_that_are_wrong),
  };
  return cmocka_run_group_tests_name("agent/options", tests, NULL, NULL);
}
