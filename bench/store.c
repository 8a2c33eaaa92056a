/*
 * What the store costs beside bare LMDB, which does the same in the same run: one transaction for
 * each put and each get, the value copied out, a walk over all. docs/benchmarks.md says more.
 */
#include <errno.h>
#include <getopt.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "moonwatch/clock.h"
#include "moonwatch/store.h"
#include "timing.h"

#define RECORDS 1000u
#define PUTS_IN_A_ROUND 50u
#define VALUE_MAX_BYTES 50000u
#define MAP_BYTES (UINT64_C(256) << 20)
#define PATH_BYTES 512

enum { EXIT_FINE, EXIT_FAILED, EXIT_USAGE };

static const size_t value_sizes[] = {100, 1000, 50000};

/* One of the two that are compared. */
struct side {
  struct mw_store *store; /* NULL: bare LMDB */
  MDB_env *env;
  MDB_dbi dbi;
  struct mw_store_value copy;
};

enum work { PUT, GET, WALK, WORK_COUNT };
static const char *const work_names[WORK_COUNT] = {"put", "get", "walk"};

static char value[VALUE_MAX_BYTES];
static size_t value_bytes;
static uint64_t walked_bytes; /* so that no walk is left out */

static int fail(const char *what, const char *why)
{
  fprintf(stderr, "bench: %s: %s\n", what, why);
  return -1;
}

static struct mw_store_bytes key_of(unsigned i, char text[static 16])
{
  int key_bytes = snprintf(text, 16, "key %08u", i * 7919 % RECORDS);

  return (struct mw_store_bytes){text, (size_t)key_bytes};
}

/* ---- Bare LMDB ---- */

static int bare_put(struct side *side, struct mw_store_bytes key)
{
  MDB_val k = {key.len_bytes, (void *)(uintptr_t)key.data}, v = {value_bytes, value};
  MDB_txn *txn;
  int code = mdb_txn_begin(side->env, NULL, 0, &txn);

  if (code || (code = mdb_put(txn, side->dbi, &k, &v, 0)) || (code = mdb_txn_commit(txn)))
    return fail("put", mdb_strerror(code));
  return 0;
}

static int bare_get(struct side *side, struct mw_store_bytes key)
{
  MDB_val k = {key.len_bytes, (void *)(uintptr_t)key.data}, v;
  MDB_txn *txn;
  int code = mdb_txn_begin(side->env, NULL, MDB_RDONLY, &txn);

  if (code || (code = mdb_get(txn, side->dbi, &k, &v)))
    return fail("get", mdb_strerror(code));
  if (side->copy.capacity_bytes < v.mv_size) {
    free(side->copy.data);
    side->copy.data = malloc(v.mv_size);
    side->copy.capacity_bytes = v.mv_size;
  }
  if (!side->copy.data)
    return fail("get", "out of memory");
  memcpy(side->copy.data, v.mv_data, v.mv_size);
  mdb_txn_abort(txn);
  return 0;
}

static uint64_t sum_of(const void *bytes, size_t len_bytes)
{
  const unsigned char *at = bytes;
  uint64_t sum = 0;

  for (size_t i = 0; i < len_bytes; i += 64) /* each line of the cache is touched */
    sum += at[i];
  return sum;
}

static int bare_walk(struct side *side)
{
  MDB_cursor *cursor;
  MDB_txn *txn;
  MDB_val k, v;
  int code = mdb_txn_begin(side->env, NULL, MDB_RDONLY, &txn);

  if (code || (code = mdb_cursor_open(txn, side->dbi, &cursor)))
    return fail("walk", mdb_strerror(code));
  while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0)
    walked_bytes += sum_of(v.mv_data, v.mv_size);
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  return 0;
}

static int bare_open(struct side *side, const char *dir)
{
  MDB_txn *txn;
  int code;

  if (mkdir(dir, 0700) < 0)
    return fail(dir, strerror(errno));
  if ((code = mdb_env_create(&side->env)) || (code = mdb_env_set_mapsize(side->env, MAP_BYTES)) ||
      (code = mdb_env_open(side->env, dir, MDB_NOTLS, 0600)) ||
      (code = mdb_txn_begin(side->env, NULL, 0, &txn)) ||
      (code = mdb_dbi_open(txn, NULL, 0, &side->dbi)) || (code = mdb_txn_commit(txn)))
    return fail(dir, mdb_strerror(code));
  return 0;
}

/* ---- Both ---- */

static int visit(void *data, struct mw_store_bytes key, const struct mw_store_bytes *bytes,
                 struct mw_error *err)
{
  (void)data, (void)key, (void)err;
  walked_bytes += sum_of(bytes->data, bytes->len_bytes);
  return 0;
}

static int do_one(struct side *side, enum work work, struct mw_store_bytes key)
{
  struct mw_store_bytes bytes = {value, value_bytes};
  struct mw_error err;

  if (!side->store)
    return work == PUT ? bare_put(side, key) : work == GET ? bare_get(side, key) : bare_walk(side);
  int rc = work == PUT ? mw_store_put(side->store, key, bytes, &err)
           : work == GET
               ? mw_store_get(side->store, key, &side->copy, &err)
               : mw_store_each(side->store, (struct mw_store_bytes){"", 0}, visit, NULL, &err);
  return rc < 0 ? fail(work_names[work], err.text) : 0;
}

/* In a round. */
static const unsigned counts[WORK_COUNT] = {PUTS_IN_A_ROUND, RECORDS, 1};

/* @return CPU time of one, or -1. */
static int64_t measure(struct side *side, enum work work, unsigned round, int64_t *wall_ns)
{
  unsigned count = counts[work];
  char text[16];
  int64_t wall = mw_clock_monotonic_ns(mw_clock_system()), from = bench_cpu_ns();

  for (unsigned i = 0; i < count; i++)
    if (do_one(side, work, key_of(round * count + i, text)) < 0)
      return -1;
  int64_t took = bench_cpu_ns() - from;
  *wall_ns = (mw_clock_monotonic_ns(mw_clock_system()) - wall) / count;
  return took / count;
}

/* ---- One size of values ---- */

static int compare(struct side sides[static 2], enum work work, unsigned rounds)
{
  static struct bench_samples ours, bare, wall;
  int64_t ours_wall, bare_wall;

  ours.count = bare.count = wall.count = 0;
  for (unsigned round = 0; round < rounds; round++) {
    int64_t floor_ns = measure(&sides[0], work, round, &bare_wall);
    int64_t ns = measure(&sides[1], work, round, &ours_wall);
    if (floor_ns < 0 || ns < 0)
      return -1;
    bench_samples_add(&bare, floor_ns, floor_ns);
    bench_samples_add(&ours, ns, floor_ns);
    bench_samples_add(&wall, ours_wall, bare_wall);
  }
  printf("%-5s  %6zu  %12.2f  %12.2f  %5.2f  %14.0f  %5.2f\n", work_names[work], value_bytes,
         bench_samples_median_ns(&ours) / 1e3, bench_samples_median_ns(&bare) / 1e3,
         bench_samples_median_ratio(&ours), 1e9 / bench_samples_median_ns(&wall),
         bench_samples_median_ratio(&wall));
  return 0;
}

static int fill(struct side *side)
{
  char text[16];

  for (unsigned i = 0; i < RECORDS; i++)
    if (do_one(side, PUT, key_of(i, text)) < 0)
      return -1;
  return 0;
}

static int open_sides(struct side sides[static 2], const char *root)
{
  char dir[PATH_BYTES];
  struct mw_store_config config = {.dir = dir, .map_bytes = MAP_BYTES};
  struct mw_error err;

  snprintf(dir, sizeof dir, "%s/bare", root);
  if (bare_open(&sides[0], dir) < 0)
    return -1;
  snprintf(dir, sizeof dir, "%s/store", root);
  sides[1].store = mw_store_open(&config, &err);
  return sides[1].store ? 0 : fail(dir, err.text);
}

static void close_sides(struct side sides[static 2], const char *root)
{
  static const char *const names[] = {"bare/data.mdb", "bare/lock.mdb", "bare"};
  char path[PATH_BYTES];

  mdb_env_close(sides[0].env);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", root, names[i]);
    remove(path);
  }
  if (sides[1].store)
    mw_store_destroy(sides[1].store, NULL);
  mw_store_free(sides[1].store);
  free(sides[0].copy.data);
  mw_store_value_deinit(&sides[1].copy);
}

static int measure_size(const char *root, unsigned rounds)
{
  struct side sides[2] = {{0}};
  int rc = open_sides(sides, root);

  if (rc == 0 && (rc = fill(&sides[0])) == 0)
    rc = fill(&sides[1]);
  for (int work = 0; rc == 0 && work < WORK_COUNT; work++)
    rc = compare(sides, (enum work)work, rounds);
  close_sides(sides, root);
  return rc;
}

/* ---- The command line ---- */

static int measure_all(const char *where, unsigned rounds)
{
  char root[PATH_BYTES - 32];
  int rc = 0;

  if (snprintf(root, sizeof root, "%s/moonwatch-bench.XXXXXX", where) >= (int)sizeof root ||
      !mkdtemp(root))
    return fail(where, strerror(errno));
  memset(value, 'v', sizeof value);
  printf("work    bytes  moonwatch/us  bare LMDB/us  ratio  per s of wall  ratio\n");
  for (size_t i = 0; rc == 0 && i < sizeof value_sizes / sizeof value_sizes[0]; i++) {
    value_bytes = value_sizes[i];
    rc = measure_size(root, rounds);
  }
  rmdir(root);
  return rc;
}

int main(int argc, char **argv)
{
  static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  const char *where = "/tmp";
  long rounds = 21;
  int option;

  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (option == 'd')
      where = optarg;
    else if (option == 'r')
      rounds = strtol(optarg, NULL, 10);
    else {
      fputs("Usage: tools/bench --store [--dir DIR (/tmp)] [--rounds N (21)]\n",
            option == 'h' ? stdout : stderr);
      return option == 'h' ? EXIT_FINE : EXIT_USAGE;
    }
  }
  if (rounds < 1 || rounds > BENCH_SAMPLES_MAX || optind < argc) {
    fputs("bench: --rounds N is 1 to 2048, and there are no other words\n", stderr);
    return EXIT_USAGE;
  }
  return measure_all(where, (unsigned)rounds) < 0 ? EXIT_FAILED : EXIT_FINE;
}
