/* Both answers with one member replaced, repeated, cut: every member, each by all that is wrong. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dump.h"
#include "full_documents.h"
#include "kubelet/pods.h"
#include "kubelet/summary.h"

/* ---- Reading ---- */

struct outcome {
  int rc;
  struct mw_error err;
  struct mw_kubelet_oddities oddities;
  struct dump dump;
};

enum document { SUMMARY, PODS };

static const char *const full[] = {[SUMMARY] = full_summary, [PODS] = full_pods};

/* Pieces are copies of their very size, so that a checker sees who reads behind one. */
static int feed(void *reader, enum document document, const char *text, size_t len_bytes,
                size_t piece_bytes, struct mw_error *err)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < len_bytes; i += piece_bytes) {
    size_t bytes = len_bytes - i < piece_bytes ? len_bytes - i : piece_bytes;
    char *piece = malloc(bytes);
    memcpy(piece, text + i, bytes);
    rc = document == SUMMARY ? mw_kubelet_summary_reader_feed(reader, piece, bytes, err)
                             : mw_kubelet_pods_reader_feed(reader, piece, bytes, err);
    free(piece);
  }
  return rc;
}

static void read_summary(const char *text, size_t len_bytes, size_t piece_bytes,
                         struct outcome *out)
{
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(NULL, NULL);

  assert_non_null(reader);
  out->rc = feed(reader, SUMMARY, text, len_bytes, piece_bytes, &out->err);
  struct mw_kubelet_summary *summary = mw_kubelet_summary_reader_take(reader, &out->err);
  assert_true(summary ? out->rc == 0 : out->err.code != 0);
  mw_kubelet_summary_reader_free(reader);
  out->rc = summary ? 0 : -out->err.code;
  if (summary) {
    dump_root(&out->dump, &mw_kubelet_summary_shape, summary);
    out->oddities = summary->oddities;
  }
  mw_kubelet_summary_free(summary);
}

static void read_pods(const char *text, size_t len_bytes, size_t piece_bytes, struct outcome *out)
{
  struct mw_kubelet_pods_reader *reader =
      mw_kubelet_pods_reader_new(&(struct mw_kubelet_pods_config){0}, NULL);

  assert_non_null(reader);
  out->rc = feed(reader, PODS, text, len_bytes, piece_bytes, &out->err);
  struct mw_kubelet_pods *pods = mw_kubelet_pods_reader_take(reader, &out->err);
  assert_true(pods ? out->rc == 0 : out->err.code != 0);
  mw_kubelet_pods_reader_free(reader);
  out->rc = pods ? 0 : -out->err.code;
  if (pods) {
    dump_root(&out->dump, &mw_kubelet_pods_shape, pods);
    out->oddities = pods->oddities;
  }
  mw_kubelet_pods_free(pods);
}

static void read_document(enum document document, const char *text, size_t len_bytes,
                          size_t piece_bytes, struct outcome *out)
{
  out->dump.count = 0;
  out->oddities = (struct mw_kubelet_oddities){0};
  out->err.code = 0;
  if (document == SUMMARY)
    read_summary(text, len_bytes, piece_bytes, out);
  else
    read_pods(text, len_bytes, piece_bytes, out);
}

static struct outcome whole, changed; /* too large for a stack */

static const char *read_whole(enum document document)
{
  read_document(document, full[document], strlen(full[document]), SIZE_MAX, &whole);
  if (whole.rc != 0 || whole.oddities.count != 0)
    fail_msg("%s%s", whole.err.text, whole.oddities.first);
  return full[document];
}

/* ---- The members of a document ---- */

struct site {
  size_t key, value, end; /* where they begin, and where the value ends */
  char path[DUMP_LINE_BYTES];
};

#define SITES_MAX 2048

struct sites {
  const char *text;
  size_t count;
  struct site sites[SITES_MAX];
};

static size_t scan_value(struct sites *sites, size_t at, const char *path);

static size_t scan_string(const char *text, size_t at)
{
  return (size_t)(strchr(text + at + 1, '"') - text) + 1;
}

static size_t scan_object(struct sites *sites, size_t at, const char *path)
{
  for (at++; sites->text[at] != '}'; at += sites->text[at] == ',') {
    assert_true(sites->count < SITES_MAX);
    struct site *site = &sites->sites[sites->count++];
    site->key = at;
    site->value = scan_string(sites->text, at) + 1;
    snprintf(site->path, sizeof site->path, "%s%s%.*s", path, path[0] ? "." : "",
             (int)(site->value - 3 - at), sites->text + at + 1);
    at = site->end = scan_value(sites, site->value, site->path);
  }
  return at + 1;
}

static size_t scan_list(struct sites *sites, size_t at, const char *path)
{
  char inner[DUMP_LINE_BYTES];

  snprintf(inner, sizeof inner, "%s[]", path);
  for (at++; sites->text[at] != ']'; at += sites->text[at] == ',')
    at = scan_value(sites, at, inner);
  return at + 1;
}

static size_t scan_value(struct sites *sites, size_t at, const char *path)
{
  switch (sites->text[at]) {
  case '{':
    return scan_object(sites, at, path);
  case '[':
    return scan_list(sites, at, path);
  case '"':
    return scan_string(sites->text, at);
  default:
    return at + strcspn(sites->text + at, ",}]");
  }
}

static const struct sites *sites_of(enum document document)
{
  static struct sites sites;

  sites.text = full[document];
  sites.count = 0;
  scan_value(&sites, 0, "");
  return &sites;
}

static bool ends_with(const char *path, const char *end)
{
  size_t path_bytes = strlen(path), end_bytes = strlen(end);

  return path_bytes >= end_bytes && strcmp(path + path_bytes - end_bytes, end) == 0;
}

/* Without these an element leaves its list. */
static bool is_identity(const char *path)
{
  static const char *const ends[] = {"ontainers[].name", "Statuses[].name", "interfaces[].name",
                                     "volume[].name",    "podRef.uid",      "podRef",
                                     "env[].name",       "podIPs[].ip"};

  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
    if (ends_with(path, ends[i]))
      return true;
  return false;
}

/* Nothing may come of these at all. */
static bool is_list_of_all(const char *path)
{
  return strcmp(path, "pods") == 0 || strcmp(path, "items") == 0;
}

static bool is_in_map(const char *path)
{
  return strstr(path, "labels.") || strstr(path, "annotations.");
}

static bool is_quantity(const char *path)
{
  return strstr(path, "limits.") || strstr(path, "requests.");
}

static bool has_second(const struct outcome *outcome)
{
  for (size_t i = 0; i < outcome->dump.count; i++)
    if (ends_with(outcome->dump.lines[i], "uid=second"))
      return true;
  return false;
}

/* ---- Replacing ---- */

static const char *const replacements[] = {"null",
                                           "true",
                                           "false",
                                           "0",
                                           "-1",
                                           "1.5",
                                           "18446744073709551615",
                                           "18446744073709551616",
                                           "-9223372036854775809",
                                           "1e3",
                                           "1e999",
                                           "-1e999",
                                           "1e-999",
                                           "\"\"",
                                           "\"x\"",
                                           "\"12\"",
                                           "\"2026-11-22T19:35:26Z\"",
                                           "\"\\u0000\"",
                                           "\"a\\u0000b\"",
                                           "\"\xFF\"",
                                           "\"\xC0\x80\"",
                                           "[]",
                                           "{}",
                                           "[1]",
                                           "[null]",
                                           "[[]]",
                                           "[\"x\"]",
                                           "[{}]",
                                           "{\"a\":1}",
                                           "{\"a\":[{}]}",
                                           "{\"\":null}"};

/* What JSON calls a value: numbers and words go by their first letters. */
static char type_of(const char *text)
{
  return text[0] == '-' || (text[0] >= '0' && text[0] <= '9') ? '0'
         : text[0] == 'f'                                     ? 't'
                                                              : text[0];
}

/* The three forms of a state share its struct, so the tables show each in all of them. */
static const char *concerned_by(const char *path)
{
  static char cut[DUMP_LINE_BYTES];
  char *state;

  snprintf(cut, sizeof cut, "%s", path);
  if ((state = strstr(cut, "tate.")))
    state[4] = '\0';
  return cut;
}

static void check_replaced(enum document document, const struct site *site, const char *replacement)
{
  const char *original = full[document] + site->value;
  char what[DUMP_LINE_BYTES * 2];

  snprintf(what, sizeof what, "%s = %s", site->path, replacement);
  if (is_list_of_all(site->path) && replacement[0] != '[' &&
      (replacement[0] != 'n' || document == PODS)) {
    if (changed.rc != -EBADMSG)
      fail_msg("%s: %d", what, changed.rc);
    return;
  }
  if (changed.rc != 0)
    fail_msg("%s: %s", what, changed.err.text);
  if (replacement[0] == 'n' && !is_identity(site->path) && changed.oddities.count != 0)
    fail_msg("%s is not just absent: %s", what, changed.oddities.first);
  if (replacement[0] != 'n' && type_of(replacement) != type_of(original) &&
      !(is_quantity(site->path) && type_of(replacement) == '0') && changed.oddities.count == 0 &&
      strcmp(site->path, "kind") != 0)
    fail_msg("%s is not counted", what);
  if (is_list_of_all(site->path))
    return;
  if (!is_identity(site->path))
    dump_assert_equal_but(&whole.dump, &changed.dump, concerned_by(site->path), what);
}

static size_t replace(char *out, const char *text, const struct site *site, const char *replacement)
{
  return (size_t)sprintf(out, "%.*s%s%s", (int)site->value, text, replacement, text + site->end);
}

static void replace_all(enum document document)
{
  const char *text = read_whole(document);
  const struct sites *sites = sites_of(document);
  char *out = malloc(strlen(text) + 64);

  assert_non_null(out);
  assert_true(sites->count > 100);
  for (size_t i = 0; i < sites->count; i++)
    for (size_t j = 0; j < sizeof replacements / sizeof replacements[0]; j++) {
      size_t len_bytes = replace(out, text, &sites->sites[i], replacements[j]);
      read_document(document, out, len_bytes, SIZE_MAX, &changed);
      check_replaced(document, &sites->sites[i], replacements[j]);
    }
  free(out);
}

static void every_member_may_be_anything(void **state)
{
  (void)state;
  replace_all(SUMMARY);
  replace_all(PODS);
}

static void what_is_wrong_in_one_element_leaves_the_next_alone(void **state)
{
  (void)state;
  for (int document = 0; document < 2; document++) {
    const char *text = read_whole((enum document)document);
    const struct sites *sites = sites_of((enum document)document);
    char *out = malloc(strlen(text) + 64);
    assert_non_null(out);
    for (size_t i = 0; i < sites->count; i++) {
      const struct site *site = &sites->sites[i];
      if (is_list_of_all(site->path) || site->value > (size_t)(strstr(text, "second") - text) - 64)
        continue;
      read_document((enum document)document, out, replace(out, text, site, "[{\"a\":[[7]]},3]"),
                    SIZE_MAX, &changed);
      assert_int_equal(changed.rc, 0);
      if (!has_second(&changed))
        fail_msg("%s took the second one with it", site->path);
    }
    free(out);
  }
}

/* ---- Repeating ---- */

static void repeat_all(enum document document, const char *first)
{
  const char *text = read_whole(document);
  const struct sites *sites = sites_of(document);
  char *out = malloc(2 * strlen(text) + 64);

  assert_non_null(out);
  for (size_t i = 0; i < sites->count; i++) {
    const struct site *site = &sites->sites[i];
    int value_bytes = (int)(site->end - site->value), key_bytes = (int)(site->value - site->key);
    if (first && is_list_of_all(site->path))
      continue; /* fails, as it did alone */
    int used = sprintf(out, "%.*s%.*s%.*s,%s", (int)site->key, text, key_bytes, text + site->key,
                       first ? (int)strlen(first) : value_bytes, first ? first : text + site->value,
                       text + site->key);
    read_document(document, out, (size_t)used, SIZE_MAX, &changed);
    if (changed.rc != 0)
      fail_msg("%s: %s", site->path, changed.err.text);
    dump_assert_equal_but(&whole.dump, &changed.dump, NULL, site->path);
    if (changed.oddities.count == 0 && !is_in_map(site->path) && strcmp(site->path, "kind") != 0)
      fail_msg("%s is there twice, and not counted", site->path);
  }
  free(out);
}

static void of_a_repeated_member_the_last_one_counts(void **state)
{
  (void)state;
  for (int document = 0; document < 2; document++) {
    repeat_all((enum document)document, NULL);
    repeat_all((enum document)document, "null");
    repeat_all((enum document)document, "[{}]");
    repeat_all((enum document)document, "\"2000-01-01T00:00:00Z\"");
    repeat_all((enum document)document, "7");
  }
}

/* ---- Pieces, ends, order ---- */

static void pieces_of_any_size_give_the_same(void **state)
{
  (void)state;
  for (int document = 0; document < 2; document++) {
    const char *text = read_whole((enum document)document);
    for (size_t piece_bytes = 1; piece_bytes < 80; piece_bytes++) {
      read_document((enum document)document, text, strlen(text), piece_bytes, &changed);
      assert_int_equal(changed.rc, 0);
      dump_assert_equal_but(&whole.dump, &changed.dump, NULL, "in pieces");
    }
  }
}

static void what_ends_early_is_an_error_that_says_where(void **state)
{
  (void)state;
  for (int document = 0; document < 2; document++) {
    const char *text = full[document];
    for (size_t len_bytes = 0; len_bytes < strlen(text); len_bytes++) {
      char place[64];
      read_document((enum document)document, text, len_bytes, SIZE_MAX, &changed);
      if (changed.rc != -EBADMSG)
        fail_msg("%zu bytes: %d", len_bytes, changed.rc);
      snprintf(place, sizeof place, "the document ends early, near byte %zu", len_bytes);
      assert_non_null(strstr(changed.err.text, place));
    }
  }
}

/* What is not JSON is no oddity. */
static void what_is_not_json_is_an_error_that_says_where(void **state)
{
  static const char *const texts[] = {"x",
                                      "{\"pods\":[}",
                                      "{\"pods\":[]} {}",
                                      "{pods:[]}",
                                      "{\"pods\":[],}",
                                      "Unauthorized",
                                      "{\"unknown\":[1,}"};

  (void)state;
  for (int document = 0; document < 2; document++)
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
      read_document((enum document)document, texts[i], strlen(texts[i]), SIZE_MAX, &changed);
      assert_int_equal(changed.rc, -EBADMSG);
      assert_non_null(strstr(changed.err.text, "not JSON: "));
      assert_non_null(strstr(changed.err.text, "near byte "));
    }
}

static void what_is_no_object_is_an_error_that_says_so(void **state)
{
  static const struct {
    const char *text, *error;
  } examples[] = {{"null", "null where an object belongs"},
                  {"[]", "a list where an object belongs"},
                  {"3", "a number where an object belongs"},
                  {"\"a\"", "text where an object belongs"},
                  {"true", "true where an object belongs"}};

  (void)state;
  for (int document = 0; document < 2; document++)
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
      read_document((enum document)document, examples[i].text, strlen(examples[i].text), SIZE_MAX,
                    &changed);
      assert_int_equal(changed.rc, -EBADMSG);
      assert_non_null(strstr(changed.err.text, examples[i].error));
      assert_non_null(strstr(changed.err.text, document == SUMMARY ? "stats summary" : "pod list"));
    }
}

static void members_are_found_in_any_order(void **state)
{
  static const char text[] = "{\"pods\":[{\"cpu\":{\"usageCoreNanoSeconds\":2,\"x\":{\"y\":[1]},"
                             "\"usageNanoCores\":1,\"time\":\"2026-11-22T19:35:26Z\"},"
                             "\"podRef\":{\"uid\":\"u\",\"name\":\"n\"}}],\"node\":{}}";

  (void)state;
  read_document(SUMMARY, text, strlen(text), SIZE_MAX, &changed);
  assert_int_equal(changed.rc, 0);
  assert_int_equal(changed.oddities.count, 0);
  assert_int_equal(changed.dump.count, 5);
  assert_string_equal(changed.dump.lines[1], "pods[].cpu.usageCoreNanoSeconds=2");
}

static void an_oddity_tells_its_place(void **state)
{
  static const struct {
    enum document document;
    const char *text, *first;
    uint64_t count;
  } examples[] = {
      {SUMMARY,
       "{\"pods\":[{\"podRef\":{\"uid\":\"a\"}},{\"podRef\":{\"uid\":\"b\"},\"cpu\":{"
       "\"usageNanoCores\":-1}}]}",
       "pods[1].cpu.usageNanoCores: \"-1\" where a whole number from 0 to 2^64 - 1 belongs", 1},
      {SUMMARY, "{\"pods\":[7,{\"podRef\":{\"uid\":\"b\"},\"containers\":[{}]}]}",
       "pods[0]: a number where an object belongs", 2},
      {SUMMARY, "{\"pods\":[{\"podRef\":{}}]}", "pods[0]: a pod without podRef.uid", 1},
      {PODS, "{\"items\":[{\"status\":{\"startTime\":\"soon\"}}]}",
       "items[0].status.startTime: no time: \"soon\"", 1},
      {PODS, "{\"items\":[{\"metadata\":{\"labels\":{\"a\":\"b\",\"c\":3}}}]}",
       "items[0].metadata.labels[\"c\"]: a number where text belongs", 1},
      {PODS, "{\"items\":[{\"metadata\":{\"name\":\"a\",\"name\":\"b\"}}]}",
       "items[0].metadata.name: is there twice", 1},
      {PODS,
       "{\"items\":[{\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":{\"limits\":{"
       "\"cpu\":\"-1\",\"memory\":\"1Zi\"}}}]}}]}",
       "items[0].spec.containers[0].resources.limits.cpu: no quantity of at least 0: \"-1\"", 2},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    read_document(examples[i].document, examples[i].text, strlen(examples[i].text), 5, &changed);
    assert_int_equal(changed.rc, 0);
    assert_string_equal(changed.oddities.first, examples[i].first);
    assert_int_equal(changed.oddities.count, examples[i].count);
  }
}

/* ---- Bounds ---- */

static char *repeat_text(const char *before, const char *part, size_t times, const char *after)
{
  size_t part_bytes = strlen(part);
  char *text = malloc(strlen(before) + times * part_bytes + strlen(after) + 1), *end = text;

  assert_non_null(text);
  end = stpcpy(end, before);
  for (size_t i = 0; i < times; i++)
    end = stpcpy(end, part);
  strcpy(end, after);
  return text;
}

static void unknown_members_may_be_deep_and_deeper_is_refused(void **state)
{
  (void)state;
  for (int document = 0; document < 2; document++) {
    char *text = repeat_text("{\"unknown\":", "[", 60, "");
    read_document((enum document)document, text, strlen(text), SIZE_MAX, &changed);
    assert_int_equal(changed.rc, -EBADMSG); /* it only ends early */
    free(text);
    text = repeat_text("{\"unknown\":", "[", 100000, "");
    read_document((enum document)document, text, strlen(text), SIZE_MAX, &changed);
    assert_int_equal(changed.rc, -EMSGSIZE);
    assert_non_null(strstr(changed.err.text, "nested deeper than 64 levels"));
    free(text);
  }
}

static void an_answer_over_the_ceiling_is_refused(void **state)
{
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(NULL, NULL);
  static char spaces[1 << 20];
  struct mw_error err;
  size_t fed_mib = 0;
  int rc = mw_kubelet_summary_reader_feed(reader, "{\"x\":[", 6, &err);

  (void)state;
  for (size_t i = 0; i + 2 < sizeof spaces; i += 2)
    memcpy(spaces + i, "1,", 2);
  memcpy(spaces + sizeof spaces - 2, " 2", 2);
  spaces[sizeof spaces - 2] = ' ';
  spaces[sizeof spaces - 1] = ' ';
  for (; rc == 0 && fed_mib < 100; fed_mib++)
    rc = mw_kubelet_summary_reader_feed(reader, spaces, sizeof spaces, &err);
  assert_int_equal(rc, -EMSGSIZE);
  assert_int_equal(fed_mib, 64);
  assert_string_equal(err.text, "JSON larger than the limit of 67108864 bytes");
  mw_kubelet_summary_reader_free(reader);
}

static void a_result_over_the_ceiling_is_refused(void **state)
{
  struct mw_kubelet_pods_config config = {.limits = {.result_max_bytes = 100000}};
  struct mw_kubelet_pods_reader *reader = mw_kubelet_pods_reader_new(&config, NULL);
  char *text = repeat_text("{\"items\":[", "{},", 1000, "{}]}");
  struct mw_error err;

  (void)state;
  assert_int_equal(mw_kubelet_pods_reader_feed(reader, text, strlen(text), &err), -EMSGSIZE);
  assert_string_equal(err.text, "the result takes more than the limit of 100000 bytes");
  assert_null(mw_kubelet_pods_reader_take(reader, &err));
  mw_kubelet_pods_reader_free(reader);
  free(text);
}

static void elements_that_are_left_out_give_their_memory_back(void **state)
{
  struct mw_kubelet_limits limits = {.result_max_bytes = 200000};
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(&limits, NULL);
  char *text = repeat_text("{\"pods\":[", "{\"cpu\":{},\"podRef\":{\"name\":\"a\"}},", 100000,
                           "{\"podRef\":{\"uid\":\"u\"}}]}");
  struct mw_error err;

  (void)state;
  assert_int_equal(mw_kubelet_summary_reader_feed(reader, text, strlen(text), &err), 0);
  struct mw_kubelet_summary *summary = mw_kubelet_summary_reader_take(reader, &err);
  assert_non_null(summary);
  assert_int_equal(summary->pods_count, 1);
  assert_int_equal(summary->oddities.count, 100000);
  assert_true(mw_kubelet_summary_bytes(summary) < 50000);
  mw_kubelet_summary_free(summary);
  mw_kubelet_summary_reader_free(reader);
  free(text);
}

static void a_pod_may_have_so_many_containers(void **state)
{
  char *text =
      repeat_text("{\"pods\":[{\"podRef\":{\"uid\":\"u\"},\"containers\":[", "{\"name\":\"c\"},",
                  MW_KUBELET_CONTAINERS_MAX + 5, "{\"name\":\"c\"}]}]}");
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(NULL, NULL);
  size_t count = 0;

  (void)state;
  assert_int_equal(mw_kubelet_summary_reader_feed(reader, text, strlen(text), NULL), 0);
  struct mw_kubelet_summary *summary = mw_kubelet_summary_reader_take(reader, NULL);
  assert_non_null(summary);
  for (const struct mw_kubelet_container_stats *one = summary->pods->containers; one;
       one = one->next)
    count++;
  assert_int_equal(count, MW_KUBELET_CONTAINERS_MAX);
  assert_int_equal(summary->oddities.count, 6);
  assert_string_equal(summary->oddities.first,
                      "pods[0].containers[10000]: more than 10000 elements");
  mw_kubelet_summary_free(summary);
  mw_kubelet_summary_reader_free(reader);
  free(text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_member_may_be_anything),
      cmocka_unit_test(what_is_wrong_in_one_element_leaves_the_next_alone),
      cmocka_unit_test(of_a_repeated_member_the_last_one_counts),
      cmocka_unit_test(pieces_of_any_size_give_the_same),
      cmocka_unit_test(what_ends_early_is_an_error_that_says_where),
      cmocka_unit_test(what_is_not_json_is_an_error_that_says_where),
      cmocka_unit_test(what_is_no_object_is_an_error_that_says_so),
      cmocka_unit_test(members_are_found_in_any_order),
      cmocka_unit_test(an_oddity_tells_its_place),
      cmocka_unit_test(unknown_members_may_be_deep_and_deeper_is_refused),
      cmocka_unit_test(an_answer_over_the_ceiling_is_refused),
      cmocka_unit_test(a_result_over_the_ceiling_is_refused),
      cmocka_unit_test(elements_that_are_left_out_give_their_memory_back),
      cmocka_unit_test(a_pod_may_have_so_many_containers),
  };

  return cmocka_run_group_tests_name("core/kubelet/decoder", tests, NULL, NULL);
}
