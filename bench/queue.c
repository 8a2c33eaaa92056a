/*
 * What the queue costs beside bare LMDB, which writes and reads records of the same size in batches
 * of the same size, in turns, in the same run. While they are compared, nobody compresses: the
 * linker puts a copy of what zstd once made in the place of its functions, and what they cost is
 * told apart. Then what is written in a day, and the memory beside the buffer. docs/benchmarks.md
 * says more.
 */
#include <errno.h>
#include <getopt.h>
#include <lmdb.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "moonwatch/clock.h"
#include "moonwatch/queue.h"
#include "timing.h"

#define BATCH_BYTES ((size_t)1 << 20) /* of bodies in a transaction */
#define COMMIT_MAX_COUNT 512u         /* of messages: the queue makes no larger ones */
#define BATCHES_IN_A_ROUND 4u
#define RECORD_HEAD_BYTES 33u /* of the queue's, before the body */
#define WARM_UP_ROUNDS 4u     /* until the queue's buffer is full */
#define RING_GAP_BYTES 112u
#define MAP_BYTES (UINT64_C(256) << 20)
#define BUFFER_BYTES ((size_t)8 << 20)
#define DAY_BUFFER_BYTES ((size_t)1 << 20)
#define PATH_BYTES 512
#define BODY_MAX_BYTES 61440u
#define NEVER_NS (INT64_C(1000000) * MW_NS_PER_S)
#define KEPT_FREE_BYTES (64 << 20)
#define TRIM_DEFAULT_BYTES (128 << 10)
#define DAY_COMMITS 200
#define DAY_S 86400.0

enum { EXIT_FINE, EXIT_FAILED, EXIT_USAGE };

static const size_t body_sizes[] = {1024, 31744};

static char body[BODY_MAX_BYTES], stored[BODY_MAX_BYTES * 2];
static char ring[BUFFER_BYTES]; /* as cold as the queue's buffer */
static size_t ring_used;
static size_t stored_bytes;
static bool is_zstd_left_out;

static int fail(const char *what, const char *why)
{
  fprintf(stderr, "bench: %s: %s\n", what, why);
  return -1;
}

/* ---- In the place of zstd ---- */

size_t __real_ZSTD_compressCCtx(ZSTD_CCtx *context, void *out, size_t room_bytes, const void *bytes,
                                size_t len_bytes, int level);
size_t __wrap_ZSTD_compressCCtx(ZSTD_CCtx *context, void *out, size_t room_bytes, const void *bytes,
                                size_t len_bytes, int level);
size_t __real_ZSTD_decompressDCtx(ZSTD_DCtx *context, void *out, size_t room_bytes,
                                  const void *bytes, size_t len_bytes);
size_t __wrap_ZSTD_decompressDCtx(ZSTD_DCtx *context, void *out, size_t room_bytes,
                                  const void *bytes, size_t len_bytes);

/* As many bytes as the body has, from those that lie in the file. */
static void unpack(char *out, size_t body_bytes, const char *bytes, size_t len_bytes)
{
  for (size_t done = 0; done < body_bytes; done += len_bytes)
    memcpy(out + done, bytes, len_bytes < body_bytes - done ? len_bytes : body_bytes - done);
}

size_t __wrap_ZSTD_compressCCtx(ZSTD_CCtx *context, void *out, size_t room_bytes, const void *bytes,
                                size_t len_bytes, int level)
{
  if (!is_zstd_left_out)
    return __real_ZSTD_compressCCtx(context, out, room_bytes, bytes, len_bytes, level);
  memcpy(out, stored, stored_bytes);
  return stored_bytes;
}

size_t __wrap_ZSTD_decompressDCtx(ZSTD_DCtx *context, void *out, size_t room_bytes,
                                  const void *bytes, size_t len_bytes)
{
  if (!is_zstd_left_out)
    return __real_ZSTD_decompressDCtx(context, out, room_bytes, bytes, len_bytes);
  unpack(out, room_bytes, bytes, len_bytes);
  return room_bytes;
}

/* Of all threads. */
static int64_t process_cpu_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * MW_NS_PER_S + now.tv_nsec;
}

static void pause_ms(long ms)
{
  const struct timespec pause = {.tv_nsec = ms * MW_NS_PER_MS};

  nanosleep(&pause, NULL);
}

/* Rows of figures, as a check sends them: zstd makes a third of it. */
static void make_body(size_t body_bytes)
{
  unsigned seed = 1;
  size_t used = 0;

  while (used < body_bytes)
    used += (size_t)snprintf(
        body + used, sizeof body - used > 100 ? 100 : sizeof body - used,
        "{\"id\":\"%08x%08x\",\"cpu\":%d.%d,\"rss\":%d,\"state\":\"running\"},", rand_r(&seed),
        rand_r(&seed), rand_r(&seed) % 100, rand_r(&seed) % 1000, rand_r(&seed));
}

/* ---- Bare LMDB ---- */

struct bare {
  MDB_env *env;
  MDB_dbi dbi;
  uint64_t next, next_read;
};

static int bare_open(struct bare *bare, const char *dir)
{
  MDB_txn *txn;
  int code;

  if (mkdir(dir, 0700) < 0)
    return fail(dir, strerror(errno));
  if ((code = mdb_env_create(&bare->env)) || (code = mdb_env_set_mapsize(bare->env, MAP_BYTES)) ||
      (code = mdb_env_open(bare->env, dir, MDB_NOTLS, 0600)) ||
      (code = mdb_txn_begin(bare->env, NULL, 0, &txn)) ||
      (code = mdb_dbi_open(txn, NULL, 0, &bare->dbi)) || (code = mdb_txn_commit(txn)))
    return fail(dir, mdb_strerror(code));
  return 0;
}

static MDB_val key_of(uint64_t number, uint64_t *big_endian)
{
  *big_endian = __builtin_bswap64(number);
  return (MDB_val){.mv_size = sizeof *big_endian, .mv_data = big_endian};
}

/* Not side by side: copies whose addresses are alike in their low bits are slower. */
static char *next_in_ring(size_t body_bytes)
{
  size_t bytes = body_bytes + RING_GAP_BYTES;

  ring_used = ring_used + bytes > sizeof ring ? 0 : ring_used;
  char *at = ring + ring_used;
  ring_used += bytes;
  return at;
}

/* The message is copied into a buffer once, as it has to be by whoever takes it over. */
static int bare_write(struct bare *bare, unsigned count, size_t body_bytes)
{
  MDB_txn *txn;
  int code = mdb_txn_begin(bare->env, NULL, 0, &txn);

  for (unsigned i = 0; code == 0 && i < count; i++) {
    uint64_t big_endian;
    MDB_val key = key_of(++bare->next, &big_endian),
            value = {RECORD_HEAD_BYTES + stored_bytes, stored};
    memcpy(next_in_ring(body_bytes), body, body_bytes);
    code = mdb_put(txn, bare->dbi, &key, &value, MDB_APPEND);
  }
  if (code == 0)
    code = mdb_txn_commit(txn);
  return code ? fail("bare LMDB", mdb_strerror(code)) : 0;
}

/* Bodies in memory of their own, until as many are there as are delivered at once. */
struct held {
  char *bodies[MW_QUEUE_BATCH_MAX];
  size_t count, bytes;
};

static void let_go(struct held *held)
{
  for (size_t i = 0; i < held->count; i++)
    free(held->bodies[i]);
  held->count = held->bytes = 0;
}

static void hold(struct held *held, const MDB_val *value, size_t body_bytes)
{
  char *own = malloc(body_bytes);

  if (!own)
    return;
  unpack(own, body_bytes, value->mv_data, value->mv_size);
  held->bodies[held->count++] = own;
  held->bytes += body_bytes;
  if (held->bytes + body_bytes > BATCH_BYTES || held->count == MW_QUEUE_BATCH_MAX)
    let_go(held);
}

/* Goes on behind the last ones: what was read once is in the processor's caches. */
static int bare_read(struct bare *bare, uint64_t count, size_t body_bytes)
{
  struct held held = {.count = 0};
  uint64_t big_endian;
  MDB_txn *txn;
  MDB_cursor *cursor;
  MDB_val key = key_of(bare->next_read, &big_endian), value;
  int code = mdb_txn_begin(bare->env, NULL, MDB_RDONLY, &txn);

  if (code || (code = mdb_cursor_open(txn, bare->dbi, &cursor)))
    return fail("bare LMDB", mdb_strerror(code));
  code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  for (uint64_t i = 0; code == 0 && i < count; i++) {
    hold(&held, &value, body_bytes);
    code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  bare->next_read += count;
  let_go(&held);
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  return 0;
}

/* ---- The queue ---- */

static struct mw_queue *open_queue(struct mw_queue_config *config)
{
  struct mw_error err;
  struct mw_queue *queue = mw_queue_open(config, &err);

  if (!queue || mw_queue_add_cursor(queue, "slow", MW_QUEUE_FROM_BEGINNING, &err) < 0)
    fail(config->dir, err.text);
  return queue;
}

static int put(struct mw_queue *queue, size_t body_bytes)
{
  const struct mw_message message = {.script = "bench",
                                     .kind = "rows",
                                     .schema = 1,
                                     .emitted_at_ns = mw_clock_wall_ns(mw_clock_system()),
                                     .body = {body, body_bytes}};
  struct mw_error err;

  return mw_queue_put(queue, &message, &err) < 0 ? fail("put", err.text) : 0;
}

/* Write what waits, now. */
static int commit(struct mw_queue *queue, struct mw_queue_config config)
{
  struct mw_queue_usage usage;

  config.flush_bytes = 1;
  mw_queue_configure(queue, &config);
  do {
    pause_ms(1);
    mw_queue_usage(queue, &usage);
  } while (usage.committed_total < usage.put_total && !*usage.error);
  config.flush_bytes = BUFFER_BYTES;
  mw_queue_configure(queue, &config);
  return *usage.error ? fail("commit", usage.error) : 0;
}

/* @return CPU time of all threads, without that of waiting for the writer; or -1. */
static int64_t queue_write(struct mw_queue *queue, const struct mw_queue_config *config,
                           unsigned count, size_t body_bytes)
{
  int64_t from = process_cpu_ns();

  for (unsigned i = 0; i < count; i++)
    if (put(queue, body_bytes) < 0)
      return -1;
  int64_t waiting_from = bench_cpu_ns();
  if (commit(queue, *config) < 0)
    return -1;
  return process_cpu_ns() - from - (bench_cpu_ns() - waiting_from);
}

static void queue_read(struct mw_queue *queue, uint64_t count)
{
  struct mw_queue_batch batch;

  for (uint64_t done = 0; done < count;) {
    mw_queue_take(queue, 0, 0, BATCH_BYTES, &batch);
    if (batch.count == 0)
      return;
    done += batch.count;
    mw_queue_end(queue, 0, &batch, batch.count);
  }
}

/* ---- Beside each other ---- */

static ZSTD_CCtx *compressor;
static ZSTD_DCtx *decompressor;

/* CPU time of one. */
static int64_t compress_some(unsigned count, size_t body_bytes)
{
  is_zstd_left_out = false;
  int64_t from = bench_cpu_ns();
  for (unsigned i = 0; i < count; i++)
    stored_bytes = ZSTD_compressCCtx(compressor, stored, sizeof stored, next_in_ring(body_bytes),
                                     body_bytes, 1);
  int64_t took_ns = bench_cpu_ns() - from;
  is_zstd_left_out = true;
  return took_ns / count;
}

static int64_t decompress_some(unsigned count, size_t body_bytes)
{
  is_zstd_left_out = false;
  int64_t from = bench_cpu_ns();
  for (unsigned i = 0; i < count; i++)
    ZSTD_decompressDCtx(decompressor, next_in_ring(body_bytes), body_bytes, stored, stored_bytes);
  int64_t took_ns = bench_cpu_ns() - from;
  is_zstd_left_out = true;
  return took_ns / count;
}

static void fill_ring(size_t body_bytes)
{
  for (size_t used = 0; used + body_bytes <= sizeof ring; used += body_bytes)
    memcpy(next_in_ring(body_bytes), body, body_bytes);
  compress_some(100, body_bytes);
}

struct rows {
  struct bench_samples ours, bare, zstd;
};

static void print_row(const char *what, size_t body_bytes, struct rows *rows)
{
  double ratio = bench_samples_median_ratio(&rows->ours);

  printf("%-16s  %6zu  %12.2f  %7.2f  %12.2f  %5.2f\n", what, body_bytes,
         bench_samples_median_ns(&rows->ours) / 1e3, bench_samples_median_ns(&rows->zstd) / 1e3,
         bench_samples_median_ns(&rows->bare) / 1e3, ratio);
}

static void add_round(struct rows *rows, int64_t ns, int64_t zstd_ns, int64_t bare_ns)
{
  bench_samples_add(&rows->bare, bare_ns, bare_ns);
  bench_samples_add(&rows->zstd, zstd_ns, bare_ns);
  bench_samples_add(&rows->ours, ns, bare_ns);
}

static int compare_writes(struct bare *bare, struct mw_queue *queue,
                          const struct mw_queue_config *config, size_t body_bytes, unsigned rounds)
{
  static struct rows rows;
  unsigned count = (unsigned)(BATCH_BYTES / (body_bytes + 200));
  int rc = 0;

  count = count > COMMIT_MAX_COUNT ? COMMIT_MAX_COUNT : count;
  memset(&rows, 0, sizeof rows);
  for (unsigned round = 0; rc == 0 && round < rounds + WARM_UP_ROUNDS; round++) {
    int64_t from = process_cpu_ns();
    for (unsigned i = 0; rc == 0 && i < BATCHES_IN_A_ROUND; i++)
      rc = bare_write(bare, count, body_bytes);
    int64_t bare_ns = (process_cpu_ns() - from) / (count * BATCHES_IN_A_ROUND);
    int64_t ns = 0;
    for (unsigned i = 0; rc == 0 && i < BATCHES_IN_A_ROUND; i++) {
      int64_t took_ns = queue_write(queue, config, count, body_bytes);
      rc = took_ns < 0 ? -1 : 0;
      ns += took_ns;
    }
    ns /= count * BATCHES_IN_A_ROUND;
    if (round >= WARM_UP_ROUNDS)
      add_round(&rows, ns, compress_some(count * BATCHES_IN_A_ROUND, body_bytes), bare_ns);
  }
  struct mw_queue_usage usage;
  mw_queue_usage(queue, &usage);
  if (rc == 0 && usage.commits_total > (rounds + WARM_UP_ROUNDS) * BATCHES_IN_A_ROUND + 1)
    rc = fail("the queue", "has made more transactions than bare LMDB");
  if (rc == 0)
    print_row("put and commit", body_bytes, &rows);
  return rc;
}

static void compare_reads(struct bare *bare, struct mw_queue *queue, size_t body_bytes,
                          unsigned rounds)
{
  static struct rows rows;
  struct mw_queue_usage usage;

  mw_queue_usage(queue, &usage);
  unsigned count = (unsigned)(usage.messages / rounds);
  memset(&rows, 0, sizeof rows);
  compress_some(1, body_bytes); /* what is decompressed */
  for (unsigned round = 0; count > 0 && round < rounds; round++) {
    int64_t from = bench_cpu_ns();
    bare_read(bare, count, body_bytes);
    int64_t bare_ns = (bench_cpu_ns() - from) / count;
    from = bench_cpu_ns();
    queue_read(queue, count);
    int64_t ns = (bench_cpu_ns() - from) / count;
    add_round(&rows, ns, decompress_some(count, body_bytes), bare_ns);
  }
  print_row("read and deliver", body_bytes, &rows);
}

static void remove_files(const char *dir)
{
  static const char *const names[] = {"data.mdb", "lock.mdb", "writer.lock"};
  char path[PATH_BYTES + 16];

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    remove(path);
  }
  rmdir(dir);
}

static int compare(const char *root, size_t body_bytes, unsigned rounds)
{
  char bare_dir[PATH_BYTES], dir[PATH_BYTES];
  struct mw_queue_config config = {.dir = dir,
                                   .buffer_bytes = BUFFER_BYTES,
                                   .flush_bytes = BUFFER_BYTES,
                                   .flush_interval_ns = NEVER_NS};
  struct bare bare = {.next = 0};

  snprintf(bare_dir, sizeof bare_dir, "%s/bare", root);
  snprintf(dir, sizeof dir, "%s/queue", root);
  make_body(body_bytes);
  fill_ring(body_bytes);
  int rc = bare_open(&bare, bare_dir);
  struct mw_queue *queue = rc == 0 ? open_queue(&config) : NULL;
  rc = queue ? compare_writes(&bare, queue, &config, body_bytes, rounds) : -1;
  mw_queue_close(queue, NEVER_NS);
  queue = rc == 0 ? open_queue(&config) : NULL; /* nothing is in memory now */
  if (queue)
    compare_reads(&bare, queue, body_bytes, rounds);
  mw_queue_close(queue, NEVER_NS);
  mdb_env_close(bare.env);
  remove_files(bare_dir);
  remove_files(dir);
  return rc;
}

/* ---- A day ---- */

static long anonymous_kb(void)
{
  FILE *file = fopen("/proc/self/status", "re");
  char line[128];
  long kb = 0;

  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "RssAnon: %ld", &kb) == 1)
      break;
  if (file)
    fclose(file);
  return kb;
}

/* 100 containers: 31 KB every 2 s, 60 KB every 10 s. @return bytes of bodies, or -1. */
static double put_seconds(struct mw_queue *queue, int from_s, int seconds)
{
  double bytes = 0;

  for (int s = from_s; s < from_s + seconds; s++) {
    size_t sizes[] = {s % 2 == 0 ? 31744u : 0, s % 10 == 0 ? 60000u : 0};
    for (size_t i = 0; i < 2; i++) {
      if (sizes[i] > 0 && put(queue, sizes[i]) < 0)
        return -1;
      bytes += (double)sizes[i];
    }
  }
  return bytes;
}

static int simulate_day(const char *root, enum mw_queue_durability durability, int interval_s,
                        bool keeps_up)
{
  static const char *const names[] = {"sync", "lazy", "no sync"};
  char dir[PATH_BYTES];
  struct mw_queue_config config = {.dir = dir,
                                   .buffer_bytes = DAY_BUFFER_BYTES,
                                   .flush_bytes = BUFFER_BYTES,
                                   .flush_interval_ns = NEVER_NS,
                                   .durability = durability};
  struct mw_queue_usage usage;
  double bytes = 0;

  snprintf(dir, sizeof dir, "%s/day", root);
  long before_kb = anonymous_kb(), peak_kb = 0;
  struct mw_queue *queue = open_queue(&config);
  for (int i = 0; queue && i < DAY_COMMITS; i++) {
    bytes += put_seconds(queue, i * interval_s, interval_s);
    if (keeps_up)
      queue_read(queue, MW_QUEUE_BATCH_MAX);
    else if (commit(queue, config) < 0)
      return -1;
    queue_read(queue, MW_QUEUE_BATCH_MAX);
    mw_queue_usage(queue, &usage);
    long kb = anonymous_kb() - before_kb - (long)(usage.buffer_bytes >> 10);
    peak_kb = kb > peak_kb ? kb : peak_kb;
  }
  if (!queue)
    return -1;
  mw_queue_usage(queue, &usage);
  double seconds = (double)DAY_COMMITS * interval_s;
  printf("%-7s  %8d  %-8s  %14.2f  %10.2f  %11.0f\n", names[durability], interval_s,
         keeps_up ? "before" : "behind", (double)usage.written_bytes_total / bytes,
         (double)usage.written_bytes_total / seconds * DAY_S / 1e9, (double)peak_kb);
  mw_queue_close(queue, NEVER_NS);
  remove_files(dir);
  return 0;
}

static int simulate_days(const char *root)
{
  static const int intervals_s[] = {2, 10};
  int rc = 0;

  make_body(BODY_MAX_BYTES - 100);
  printf("\nA day with 100 containers; sinks deliver before or behind the commit\n"
         "mode     flush/s   deliver   bytes for each  GB in a day  RssAnon/KB\n");
  for (int mode = MW_QUEUE_SYNC; rc == 0 && mode <= MW_QUEUE_NO_SYNC; mode++)
    for (size_t i = 0; rc == 0 && i < 2; i++)
      rc = simulate_day(root, (enum mw_queue_durability)mode, intervals_s[i], false);
  return rc < 0 ? rc : simulate_day(root, MW_QUEUE_SYNC, 2, true);
}

/* ---- The command line ---- */

static int measure_all(const char *where, unsigned rounds)
{
  char root[PATH_BYTES - 32];
  int rc = 0;

  /* The main thread's memory is given back to the kernel earlier than that of others. */
  mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES);
  compressor = ZSTD_createCCtx();
  decompressor = ZSTD_createDCtx();
  if (!compressor || !decompressor)
    return fail("zstd", "out of memory");
  if (snprintf(root, sizeof root, "%s/moonwatch-bench.XXXXXX", where) >= (int)sizeof root ||
      !mkdtemp(root))
    return fail(where, strerror(errno));
  printf("A message, CPU of all threads; zstd is left out of both\n"
         "work               bytes  moonwatch/us  zstd/us  bare LMDB/us  ratio\n");
  for (size_t i = 0; rc == 0 && i < sizeof body_sizes / sizeof body_sizes[0]; i++)
    rc = compare(root, body_sizes[i], rounds);
  is_zstd_left_out = false;
  mallopt(M_TRIM_THRESHOLD, TRIM_DEFAULT_BYTES);
  malloc_trim(0);
  if (rc == 0)
    rc = simulate_days(root);
  rmdir(root);
  ZSTD_freeCCtx(compressor);
  ZSTD_freeDCtx(decompressor);
  return rc;
}

int main(int argc, char **argv)
{
  static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
                                          {"rounds", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
  const char *where = "/tmp";
  long rounds = 9;
  int option;

  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
    if (option == 'd')
      where = optarg;
    else if (option == 'r')
      rounds = strtol(optarg, NULL, 10);
    else {
      fputs("Usage: tools/bench --queue [--dir DIR (/tmp)] [--rounds N (9)]\n",
            option == 'h' ? stdout : stderr);
      return option == 'h' ? EXIT_FINE : EXIT_USAGE;
    }
  }
  if (rounds < 1 || rounds > 30 || optind < argc) {
    fputs("bench: --rounds N is 1 to 30, and there are no other words\n", stderr);
    return EXIT_USAGE;
  }
  return measure_all(where, (unsigned)rounds) < 0 ? EXIT_FAILED : EXIT_FINE;
}
