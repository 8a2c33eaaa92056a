#include "agent/config_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/config.h"
#include "inventory/inventory.h"
#include "moonwatch/queue.h"

#define VARIABLE_PREFIX "MOONWATCH_"
#define HOUR_MS 3600000.0
#define FILE_BYTES_MAX 4095
#define NAME_BYTES_MAX 255
#define SOCKET_BYTES_MAX 107 /* of sun_path, see unix(7) */
#define GIB 1073741824.0
#define MIB 1048576.0

#define TLS_FILE(PATH, DOC)                                                                        \
  {                                                                                                \
    .path = (PATH), .type = MW_CONFIG_PATH, .fallback = "", .max = FILE_BYTES_MAX,                 \
    .needs_restart = true, .doc = (DOC)                                                            \
  }

#define BUDGET(NAME, FALLBACK, MIN, MAX, UNIT, DOC)                                                \
  {.path = "budget." NAME,                                                                         \
   .type = MW_CONFIG_INTEGER,                                                                      \
   .fallback = (FALLBACK),                                                                         \
   .min = (MIN),                                                                                   \
   .max = (MAX),                                                                                   \
   .unit = (UNIT),                                                                                 \
   .doc = (DOC)},                                                                                  \
  {                                                                                                \
    .path = "scripts.*.budget." NAME, .type = MW_CONFIG_INTEGER,                                   \
    .fallback_doc = "as in moonwatch.lua", .min = (MIN), .max = (MAX), .unit = (UNIT),             \
    .doc = (DOC)                                                                                   \
  }

static const struct mw_config_key keys[] = {
    {.path = "host_root",
     .type = MW_CONFIG_PATH,
     .fallback = "/",
     .max = FILE_BYTES_MAX,
     .needs_restart = true,
     .doc = "folder with the /proc and /sys of the host: /host in a container"},
    {.path = "state_dir",
     .type = MW_CONFIG_PATH,
     .fallback = "/var/lib/moonwatch",
     .max = FILE_BYTES_MAX,
     .needs_restart = true,
     .doc = "folder of what outlives a restart"},
    {.path = "socket",
     .type = MW_CONFIG_PATH,
     .fallback = MW_CONFIG_SOCKET_DEFAULT,
     .max = SOCKET_BYTES_MAX,
     .needs_restart = true,
     .doc = "control socket, through which the other commands reach the agent"},
    {.path = "socket_mode",
     .type = MW_CONFIG_TEXT,
     .fallback = "0600",
     .max = 4,
     .doc = "who may use it, as chmod has it, octal; who may write to it may give orders"},
    {.path = "socket_group",
     .type = MW_CONFIG_TEXT,
     .fallback = "",
     .max = NAME_BYTES_MAX,
     .doc = "group of its file, which the agent has to be a member of; none: the agent's own"},
    {.path = "script_dirs",
     .type = MW_CONFIG_PATHS,
     .fallback_doc = "scripts/ beside this file",
     .max = 15, /* the shipped one comes behind them */
     .doc = "your folders with sources/, checks/, sinks/ and moonwatch/; the first that has a "
            "script wins, the shipped one is the last"},
    {.path = "log.level",
     .type = MW_CONFIG_CHOICE,
     .fallback = "info",
     .choices = "debug info warn error",
     .doc = "entries below it are dropped"},
    {.path = "log.format",
     .type = MW_CONFIG_CHOICE,
     .fallback = "text",
     .choices = "text json",
     .doc = "how an entry is written to standard error"},
    {.path = "parallel_runs",
     .type = MW_CONFIG_INTEGER,
     .fallback_doc = "the CPUs, at most 4",
     .min = 1,
     .max = 64,
     .unit = "runs",
     .doc = "how many scripts compute at once; one that waits does not count"},
    {.path = "poll_interval_s",
     .type = MW_CONFIG_NUMBER,
     .fallback = "0.4",
     .min = 0.05,
     .max = 60,
     .unit = "s",
     .doc = "between looks at the files of scripts and of the configuration where the kernel does "
            "not tell of changes; where it does, the agent looks at once"},
    {.path = "queue.on_disk",
     .type = MW_CONFIG_BOOLEAN,
     .fallback = "true",
     .doc = "false: what sinks have not had is in memory alone, and ends with the agent",
     .needs_restart = true},
    {.path = "queue.buffer_bytes",
     .type = MW_CONFIG_INTEGER,
     .fallback = "67108864",
     .min = MIB,
     .max = 4 * GIB,
     .unit = "bytes",
     .doc = "messages in memory; where the disk does not take them, the oldest are dropped and "
            "counted"},
    {.path = "queue.file_bytes",
     .type = MW_CONFIG_INTEGER,
     .fallback = "268435456",
     .min = MIB,
     .max = 1024 * GIB,
     .unit = "bytes",
     .doc = "the file's pages in use; beyond it the oldest messages are dropped and counted"},
    {.path = "queue.max_age_s",
     .type = MW_CONFIG_NUMBER,
     .fallback = "0",
     .max = 10 * 365 * 86400.0,
     .unit = "s",
     .doc = "older messages that a sink has not had are dropped and counted; 0: any age"},
    {.path = "queue.keep_s",
     .type = MW_CONFIG_NUMBER,
     .fallback = "300",
     .max = 365 * 86400.0,
     .unit = "s",
     .doc =
         "so long messages stay that every sink has had, for moonwatch tail; 0: they go at once, "
         "and those that are delivered soon are never written"},
    {.path = "queue.flush_interval_s",
     .type = MW_CONFIG_NUMBER,
     .fallback = "2",
     .min = 0.05,
     .max = 3600,
     .unit = "s",
     .doc = "between two commits: what a crash or a power cut may cost"},
    {.path = "queue.flush_bytes",
     .type = MW_CONFIG_INTEGER,
     .fallback = "4194304",
     .min = 4096,
     .max = GIB,
     .unit = "bytes",
     .doc = "so much that waits for a commit makes one at once"},
    {.path = "queue.durability",
     .type = MW_CONFIG_CHOICE,
     .fallback = "sync",
     .choices = "sync lazy none",
     .needs_restart = true,
     .doc =
         "sync: each commit reaches the disk; lazy: a power cut may cost the commit before, too; "
         "none: a power cut may cost the whole file"},
    {.path = "sources",
     .type = MW_CONFIG_NAMES,
     .fallback = "cgroup",
     .max = 64,
     .doc = "scripts that tell which containers there are"},
    {.path = "checks",
     .type = MW_CONFIG_NAMES,
     .fallback = "container container_rt",
     .max = 64,
     .doc = "scripts that make messages of them"},
    {.path = "sinks",
     .type = MW_CONFIG_NAMES,
     .fallback = "stdout",
     .max = 64,
     .doc = "what delivers the messages: stdout, file, or a script in sinks/, such as http"},
    BUDGET("cpu_ms", "1000", 1, HOUR_MS, "ms", "CPU time of one run"),
    BUDGET("wall_ms", "10000", 1, HOUR_MS, "ms", "time that one run may take, waiting included"),
    BUDGET("memory_bytes", "67108864", MIB, 2 * GIB, "bytes",
           "memory of a script's state, between runs, too"),
    BUDGET("messages_count", "10000", 0, 1e6, "messages", "messages that one run may emit"),
    BUDGET("messages_bytes", "67108864", 0, GIB, "bytes", "bytes of those messages together"),
    BUDGET("http_requests_count", "100", 0, 1e5, "requests", "HTTP requests that one run may make"),
    {.path = "kubelet.url",
     .type = MW_CONFIG_URL,
     .fallback = "",
     .max = 2048,
     .needs_restart = true,
     .doc = "where the kubelet answers, such as https://127.0.0.1:10250; a path behind it is kept"},
    {.path = "kubelet.node_ip",
     .type = MW_CONFIG_TEXT,
     .fallback_doc = "NODE_IP of the environment",
     .max = NAME_BYTES_MAX,
     .needs_restart = true,
     .doc = "where there is no url: port 10250 of this address"},
    {.path = "kubelet.node_name",
     .type = MW_CONFIG_TEXT,
     .fallback_doc = "NODE_NAME of the environment",
     .max = NAME_BYTES_MAX,
     .needs_restart = true,
     .doc = "where there is no url, and the address does not answer: port 10250 of this host"},
    TLS_FILE("kubelet.ca_file",
             "PEM; who may have signed the kubelet's certificate; none: ca.crt of "
             "the service account, else the system's authorities"),
    TLS_FILE("kubelet.cert_file", "PEM; our certificate, together with key_file"),
    TLS_FILE("kubelet.key_file", "PEM; the key of cert_file"),
    TLS_FILE("kubelet.token_file", "bearer token, read again when it changes, sent by https alone; "
                                   "none: token of the service account"),
    {.path = "kubelet.timeout_s",
     .type = MW_CONFIG_NUMBER,
     .fallback = "10",
     .min = 0.1,
     .max = 300,
     .unit = "s",
     .needs_restart = true,
     .doc = "for one answer, complete"},
    {.path = "kubelet.allow_http",
     .type = MW_CONFIG_BOOLEAN,
     .fallback = "false",
     .needs_restart = true,
     .doc = "a url of http, unencrypted; without a url, port 10255 when https is not there"},
    {.path = "kubelet.insecure_skip_verify",
     .type = MW_CONFIG_BOOLEAN,
     .fallback = "false",
     .needs_restart = true,
     .doc = "believe any certificate: whoever answers is sent the token"},
    TLS_FILE("credentials.*.ca_file", "PEM; believed instead of the system's authorities"),
    TLS_FILE("credentials.*.cert_file", "PEM; our certificate, together with key_file"),
    TLS_FILE("credentials.*.key_file", "PEM; the key of cert_file"),
    TLS_FILE("credentials.*.token_file", "bearer token; read again when it changes"),
    {.path = "credentials.*.insecure_skip_verify",
     .type = MW_CONFIG_BOOLEAN,
     .fallback = "false",
     .needs_restart = true,
     .doc = "believe any certificate"},
    {.path = "unix_sockets.*",
     .type = MW_CONFIG_PATH,
     .fallback_doc = "none",
     .max = SOCKET_BYTES_MAX,
     .needs_restart = true,
     .doc = "path of a socket that scripts may talk to by this name"},
    {.path = "scripts.*.enabled",
     .type = MW_CONFIG_BOOLEAN,
     .fallback = "true",
     .doc = "false keeps a script from running that moonwatch.lua names"},
    {.path = "scripts.*.interval_s",
     .type = MW_CONFIG_NUMBER,
     .fallback_doc = "the script's own",
     .min = 0.01,
     .max = 86400,
     .unit = "s",
     .doc = "between the beginnings of two runs"},
    {.path = "scripts.*.priority",
     .type = MW_CONFIG_INTEGER,
     .fallback_doc = "the script's own",
     .min = 0,
     .max = MW_INVENTORY_PRIORITY_MAX,
     .doc = "of a source: what the one with the lowest says of a container wins"},
    {.path = "scripts.*.stale_s",
     .type = MW_CONFIG_NUMBER,
     .fallback_doc = "300, and three intervals at least",
     .min = 1,
     .max = 86400,
     .unit = "s",
     .doc = "of a source: how long its last list counts when it fails"},
    {.path = "scripts.*.batch_messages",
     .type = MW_CONFIG_INTEGER,
     .fallback_doc = "the sink's own, or 256",
     .min = 1,
     .max = MW_QUEUE_BATCH_MAX,
     .unit = "messages",
     .doc = "of a sink: how many it is given at a time"},
    {.path = "scripts.*.batch_bytes",
     .type = MW_CONFIG_INTEGER,
     .fallback_doc = "the sink's own, or 1048576",
     .min = 1,
     .max = 64 * MIB,
     .unit = "bytes",
     .doc = "of a sink: bytes of these messages together; one that is larger comes alone"},
    {.path = "scripts.*.max_age_s",
     .type = MW_CONFIG_NUMBER,
     .fallback_doc = "the sink's own, or any age",
     .min = 1,
     .max = 31536000,
     .unit = "s",
     .doc = "of a sink: older messages are passed over and counted"},
    {.path = "scripts.*.tries_max",
     .type = MW_CONFIG_INTEGER,
     .fallback_doc = "10",
     .min = 1,
     .max = 1000,
     .unit = "tries",
     .doc = "of a sink: how often it may itself fail at a message, before that is set aside; a far "
            "end that is away does not count"},
    {.path = "scripts.*.start_at",
     .type = MW_CONFIG_CHOICE,
     .fallback_doc = "end",
     .choices = "end beginning",
     .doc = "of a sink that is new: the messages from now on, or all that the queue has"},
    {.path = "scripts.*.options.*",
     .type = MW_CONFIG_ANY,
     .fallback_doc = "the script's own",
     .doc = "an option that the script declares"},
};

#define KEYS (sizeof keys / sizeof keys[0])

size_t mw_config_keys_count(void)
{
  return KEYS;
}

const struct mw_config_key *mw_config_key(size_t index)
{
  return index < KEYS ? &keys[index] : NULL;
}

static bool is_name(const char *text, size_t bytes)
{
  for (size_t i = 0; i < bytes; i++)
    if (!isalnum((unsigned char)text[i]) && text[i] != '_' && text[i] != '-')
      return false;
  return bytes > 0 && bytes <= MW_CONFIG_NAME_MAX_BYTES && *text != '-';
}

bool mw_config_is_name(const char *text)
{
  return is_name(text, strlen(text));
}

/* ---- Paths ---- */

enum match { MATCH_NONE, MATCH_BEGINNING, MATCH_WHOLE };

static enum match match(const char *pattern, const char *path)
{
  while (*path && *pattern) {
    size_t part = strcspn(path, "."), pattern_part = strcspn(pattern, ".");
    bool is_any = pattern_part == 1 && *pattern == '*' && is_name(path, part);
    if (!is_any && (part != pattern_part || memcmp(path, pattern, part) != 0))
      return MATCH_NONE;
    path += part + (path[part] == '.');
    pattern += pattern_part + (pattern[pattern_part] == '.');
  }
  if (*path)
    return MATCH_NONE;
  return *pattern ? MATCH_BEGINNING : MATCH_WHOLE;
}

const struct mw_config_key *mw_config_key_find(const char *path, bool *is_table)
{
  bool beginning = false;
  size_t bytes = strlen(path);

  *is_table = false;
  if (bytes == 0 || path[bytes - 1] == '.')
    return NULL;
  for (size_t i = 0; i < KEYS; i++) {
    enum match found = match(keys[i].path, path);
    if (found == MATCH_WHOLE)
      return &keys[i];
    beginning |= found == MATCH_BEGINNING;
  }
  *is_table = beginning;
  return NULL;
}

/* ---- Suggestions ---- */

/* The part of @p pattern that stands where the last part of @p path stands, when all before it fit;
 * its length in bytes, or 0. */
static size_t sibling(const char *pattern, const char *path, const char **out)
{
  for (;;) {
    size_t part = strcspn(path, "."), pattern_part = strcspn(pattern, ".");
    if (path[part] == '\0') {
      *out = pattern;
      return *pattern == '*' ? 0 : pattern_part;
    }
    bool is_any = pattern_part == 1 && *pattern == '*';
    if ((!is_any && (part != pattern_part || memcmp(path, pattern, part) != 0)) ||
        pattern[pattern_part] == '\0')
      return 0;
    path += part + 1;
    pattern += pattern_part + 1;
  }
}

/* One of the keys beside it that is spelt almost the same. */
static const char *suggest_sibling(const char *path, char out[static MW_CONFIG_PATH_BYTES])
{
  const char *dot = strrchr(path, '.'), *part;
  struct mw_suggestion suggestion = {.wanted = dot ? dot + 1 : path};
  char words[KEYS][MW_CONFIG_NAME_MAX_BYTES + 1];

  for (size_t i = 0; i < KEYS; i++) {
    size_t bytes = sibling(keys[i].path, path, &part);
    if (bytes == 0 || bytes > MW_CONFIG_NAME_MAX_BYTES)
      continue;
    snprintf(words[i], sizeof words[i], "%.*s", (int)bytes, part);
    mw_suggestion_consider(&suggestion, words[i]);
  }
  if (!suggestion.closest)
    return NULL;
  snprintf(out, MW_CONFIG_PATH_BYTES, "%.*s%s", (int)(suggestion.wanted - path), path,
           suggestion.closest);
  return out;
}

/* A key of the same name in another table: level of log.level. */
static const char *suggest_elsewhere(const char *path, char out[static MW_CONFIG_PATH_BYTES])
{
  const char *dot = strrchr(path, '.'), *name = dot ? dot + 1 : path;
  bool is_of_script = strncmp(path, "scripts.", strlen("scripts.")) == 0;

  for (size_t i = 0; i < KEYS; i++) {
    const char *last = strrchr(keys[i].path, '.');
    if (!last || strcmp(last + 1, name) != 0 ||
        is_of_script != (strncmp(keys[i].path, "scripts.", strlen("scripts.")) == 0))
      continue;
    snprintf(out, MW_CONFIG_PATH_BYTES, "%s", keys[i].path);
    return out;
  }
  return NULL;
}

/* The table is what is misspelt: kublet.url. */
static const char *suggest_whole(const char *path)
{
  struct mw_suggestion suggestion = {.wanted = path};

  for (size_t i = 0; i < KEYS; i++)
    if (!strchr(keys[i].path, '*'))
      mw_suggestion_consider(&suggestion, keys[i].path);
  return suggestion.closest;
}

const char *mw_config_key_suggest(const char *path, char out[static MW_CONFIG_PATH_BYTES])
{
  const char *beside = suggest_sibling(path, out);
  const char *whole = beside ? NULL : suggest_whole(path);

  if (whole)
    return whole;
  return beside ? beside : suggest_elsewhere(path, out);
}

/* ---- In words ---- */

static const char *unit_in_words(const char *unit)
{
  return strcmp(unit, "s") == 0 ? "seconds" : strcmp(unit, "ms") == 0 ? "milliseconds" : unit;
}

/* "a number of seconds from 1 to 3" */
static void expected_number(const struct mw_config_key *key,
                            char out[static MW_CONFIG_EXPECTED_BYTES])
{
  snprintf(out, MW_CONFIG_EXPECTED_BYTES, "a %snumber%s%s from %.15g to %.15g",
           key->type == MW_CONFIG_INTEGER ? "whole " : "", key->unit ? " of " : "",
           key->unit ? unit_in_words(key->unit) : "", key->min, key->max);
}

static void expected_choice(const struct mw_config_key *key,
                            char out[static MW_CONFIG_EXPECTED_BYTES])
{
  size_t used = (size_t)snprintf(out, MW_CONFIG_EXPECTED_BYTES, "one of ");

  for (const char *at = key->choices; *at && used < MW_CONFIG_EXPECTED_BYTES;) {
    size_t word = strcspn(at, " ");
    used += (size_t)snprintf(out + used, MW_CONFIG_EXPECTED_BYTES - used, "%.*s%s", (int)word, at,
                             at[word] ? ", " : "");
    at += word + (at[word] == ' ');
  }
}

const char *mw_config_expected(const struct mw_config_key *key,
                               char out[static MW_CONFIG_EXPECTED_BYTES])
{
  switch (key->type) {
  case MW_CONFIG_INTEGER:
  case MW_CONFIG_NUMBER:
    expected_number(key, out);
    return out;
  case MW_CONFIG_CHOICE:
    expected_choice(key, out);
    return out;
  case MW_CONFIG_PATH:
    return "a path that begins with /";
  case MW_CONFIG_PATHS:
    return "a list of paths that begin with /";
  case MW_CONFIG_NAMES:
    return "a list of names of scripts";
  case MW_CONFIG_URL:
    return "a URL of https or http";
  case MW_CONFIG_BOOLEAN:
    return "true or false";
  case MW_CONFIG_TEXT:
    return "a text without blanks";
  case MW_CONFIG_ANY:
    break;
  }
  return "a text, a number, true, false, or a list of texts";
}

const char *mw_config_variable(const char *path, char out[static MW_CONFIG_PATH_BYTES])
{
  snprintf(out, MW_CONFIG_PATH_BYTES, VARIABLE_PREFIX "%s", path);
  for (char *at = out; *at; at++)
    *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
  return out;
}
