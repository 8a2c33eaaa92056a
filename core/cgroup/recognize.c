/* Which directory names are containers, and of which runtime. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "cgroup/internal.h"

static bool is_hex(char c)
{
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static size_t hex_run(const char *text, size_t most)
{
  size_t run = 0;
  while (run < most && is_hex(text[run]))
    run++;
  return run;
}

/* 64 hex digits: Docker, containerd, CRI-O, Podman. */
static size_t match_hex64(const char *text)
{
  return hex_run(text, 64) == 64 ? 64 : 0;
}

/* 32 hex digits, a dash, a number: a task of ECS. */
static size_t match_ecs(const char *text)
{
  size_t digits = 0;

  if (hex_run(text, 32) != 32 || text[32] != '-')
    return 0;
  while (isdigit((unsigned char)text[33 + digits]))
    digits++;
  return digits > 0 ? 33 + digits : 0;
}

/* 8-4-4-4-4 hex digits up to the end: Garden. */
static size_t match_garden(const char *text)
{
  size_t len = 8;

  if (hex_run(text, 8) != 8)
    return 0;
  for (int group = 0; group < 4; group++, len += 5)
    if (text[len] != '-' || hex_run(text + len + 1, 4) != 4)
      return 0;
  return text[len] == '\0' ? len : 0;
}

static bool starts_with(const char *text, const char *prefix)
{
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *suffix)
{
  size_t text_bytes = strlen(text), suffix_bytes = strlen(suffix);
  return text_bytes >= suffix_bytes && strcmp(text + text_bytes - suffix_bytes, suffix) == 0;
}

/* Not containers though their names hold the id of one: mounts, and the monitor processes that
 * Podman and CRI-O keep in a cgroup beside the container's. */
static bool is_decoy(const char *name)
{
  return ends_with(name, ".mount") || starts_with(name, "crio-conmon-") ||
         starts_with(name, "libpod-conmon-");
}

static bool last_element_is(const char *path, const char *element)
{
  const char *slash = strrchr(path, '/');
  return strcmp(slash ? slash + 1 : path, element) == 0;
}

/* containerd without a prefix in the name puts its namespace into the path. */
static const char *namespace_of(const char *parent_path)
{
  static const char *const namespaces[] = {"k8s.io", "default", "moby"};

  for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++)
    if (last_element_is(parent_path, namespaces[i]))
      return namespaces[i];
  return "";
}

/* The runtime by what stands before the id, else by the directory; "" when neither tells. */
static const char *runtime_of(const char *parent_path, const char *name, size_t prefix_bytes)
{
  static const struct {
    const char *prefix, *runtime;
  } by_prefix[] = {
      {"docker-", "docker"},      {"cri-containerd-", "containerd"},
      {"nerdctl-", "containerd"}, {"crio-", "cri-o"},
      {"libpod-", "podman"},
  };

  for (size_t i = 0; i < sizeof by_prefix / sizeof by_prefix[0]; i++)
    if (prefix_bytes == strlen(by_prefix[i].prefix) && starts_with(name, by_prefix[i].prefix))
      return by_prefix[i].runtime;
  /* "kubepods-….slice:cri-containerd:<id>", the systemd driver as runc names it itself */
  if (prefix_bytes > 16 && strncmp(name + prefix_bytes - 16, ":cri-containerd:", 16) == 0)
    return "containerd";
  if (prefix_bytes > 0)
    return "";
  if (last_element_is(parent_path, "docker") || strstr(parent_path, "/ecs/"))
    return "docker";
  if (last_element_is(parent_path, "libpod_parent"))
    return "podman";
  return *namespace_of(parent_path) ? "containerd" : "";
}

static bool fill(struct mw_cgroup_container *out, const char *id, size_t id_bytes,
                 const char *runtime, const char *namespace_)
{
  if (id_bytes >= sizeof out->id)
    return false;
  memcpy(out->id, id, id_bytes);
  out->id[id_bytes] = '\0';
  snprintf(out->runtime, sizeof out->runtime, "%s", runtime);
  snprintf(out->namespace_, sizeof out->namespace_, "%s", namespace_);
  return true;
}

/* The leftmost match counts; at the same place the longer forms come first. */
static bool recognize_hex64(const char *parent_path, const char *name,
                            struct mw_cgroup_container *out)
{
  if (is_decoy(name))
    return false;
  for (const char *at = name; *at; at++) {
    if (match_hex64(at)) {
      return fill(out, at, 64, runtime_of(parent_path, name, (size_t)(at - name)),
                  namespace_of(parent_path));
    }
    if (match_ecs(at) || match_garden(at))
      return false; /* further left: the next recognizers take it */
  }
  return false;
}

static bool recognize_ecs(const char *parent_path, const char *name,
                          struct mw_cgroup_container *out)
{
  size_t id_bytes;

  (void)parent_path;
  if (is_decoy(name))
    return false;
  for (const char *at = name; *at; at++) {
    if ((id_bytes = match_ecs(at)) > 0)
      return fill(out, at, id_bytes, "", "");
    if (match_garden(at))
      return false;
  }
  return false;
}

static bool recognize_garden(const char *parent_path, const char *name,
                             struct mw_cgroup_container *out)
{
  size_t id_bytes;

  (void)parent_path;
  if (is_decoy(name))
    return false;
  for (const char *at = name; *at; at++)
    if ((id_bytes = match_garden(at)) > 0)
      return fill(out, at, id_bytes, "garden", "");
  return false;
}

mw_cgroup_recognizer *const mw_cgroup_recognizers[] = {recognize_hex64, recognize_ecs,
                                                       recognize_garden, NULL};

/* ---- Pods ---- */

/* A UUID whose groups are parted by @p separator, or the 32 digits of a static pod's hash. */
static bool is_pod_uid(struct mw_slice text, char separator)
{
  if (text.len_bytes != 32 && text.len_bytes != 36)
    return false;
  for (size_t i = 0; i < text.len_bytes; i++) {
    bool is_between = text.len_bytes == 36 && (i == 8 || i == 13 || i == 18 || i == 23);
    if (is_between ? text.data[i] != separator : !is_hex(text.data[i]))
      return false;
  }
  return true;
}

/* "pod<uid>", or "kubepods-burstable-pod<uid>.slice" where a dash would end an element: there the
 * uid has underscores. */
static bool find_pod_uid(struct mw_slice name, struct mw_slice *uid)
{
  static const char suffix[] = ".slice";
  const size_t suffix_bytes = sizeof suffix - 1;
  bool is_slice = name.len_bytes > suffix_bytes &&
                  memcmp(name.data + name.len_bytes - suffix_bytes, suffix, suffix_bytes) == 0;

  if (is_slice)
    name.len_bytes -= suffix_bytes;
  for (size_t uid_bytes = 32; uid_bytes <= 36; uid_bytes += 4) {
    if (name.len_bytes < uid_bytes + 3)
      return false;
    size_t before_bytes = name.len_bytes - uid_bytes - 3;
    *uid = (struct mw_slice){name.data + before_bytes + 3, uid_bytes};
    if (memcmp(name.data + before_bytes, "pod", 3) == 0 &&
        (before_bytes == 0 || (is_slice && name.data[before_bytes - 1] == '-')) &&
        is_pod_uid(*uid, is_slice ? '_' : '-'))
      return true;
  }
  return false;
}

size_t mw_cgroup_pod_path(const char *path, char uid[static MW_CGROUP_WORD_BYTES])
{
  struct mw_slice text;

  for (size_t end = strlen(path); end > 0;) {
    const char *slash = memrchr(path, '/', end);
    size_t start = slash ? (size_t)(slash - path) + 1 : 0;
    if (find_pod_uid((struct mw_slice){path + start, end - start}, &text)) {
      for (size_t i = 0; i < text.len_bytes; i++)
        uid[i] = text.data[i] == '_' ? '-' : text.data[i];
      uid[text.len_bytes] = '\0';
      return end;
    }
    end = start > 0 ? start - 1 : 0;
  }
  uid[0] = '\0';
  return 0;
}

bool mw_cgroup_recognize(mw_cgroup_recognizer *const *recognizers, const char *parent_path,
                         const char *name, struct mw_cgroup_container *out)
{
  for (mw_cgroup_recognizer *const *one = recognizers; *one; one++) {
    if ((*one)(parent_path, name, out)) {
      mw_cgroup_pod_path(parent_path, out->pod_uid);
      return true;
    }
  }
  return false;
}
