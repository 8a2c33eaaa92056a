#include <string.h>

#include "host/parsers.h"

#define WHITE_SPACE " \t\r"

static bool is_one_of(char byte, const char *set)
{
  return byte != '\0' && strchr(set, byte) != NULL;
}

static struct mw_slice without_first(struct mw_slice text)
{
  return (struct mw_slice){text.data + 1, text.len_bytes - 1};
}

/* Between double quotes a backslash escapes what a shell would expand, and is itself elsewhere;
 * outside of quotes it escapes anything. */
static bool is_escape(struct mw_slice text, char quote)
{
  return text.len_bytes > 1 && text.data[0] == '\\' && quote != '\'' &&
         (quote == '\0' || is_one_of(text.data[1], "\"\\$`"));
}

/* What ends a value that began with @p quote, '\0' for one that is bare. */
static bool is_end(char byte, char quote)
{
  return quote == '\0' ? is_one_of(byte, WHITE_SPACE "\"'$`\\;&|<>()") : byte == quote;
}

/* Behind the end of a value there is nothing more. */
static bool ends_well(struct mw_slice rest, char quote)
{
  if (quote != '\0') {
    if (rest.len_bytes == 0)
      return false;
    rest = without_first(rest);
  }
  while (rest.len_bytes > 0 && is_one_of(rest.data[0], WHITE_SPACE))
    rest = without_first(rest);
  return rest.len_bytes == 0;
}

static bool unquote(struct mw_slice text, char out[static MW_HOST_NAME_BYTES])
{
  char quote = '\0';
  size_t used = 0;

  if (text.len_bytes > 0 && is_one_of(text.data[0], "\"'")) {
    quote = text.data[0];
    text = without_first(text);
  }
  while (text.len_bytes > 0) {
    if (is_escape(text, quote))
      text = without_first(text);
    else if (is_end(text.data[0], quote))
      break;
    if (used + 1 == MW_HOST_NAME_BYTES || text.data[0] < 0x20 || text.data[0] >= 0x7F)
      return false;
    out[used++] = text.data[0];
    text = without_first(text);
  }
  out[used] = '\0';
  return used > 0 && ends_well(text, quote);
}

bool mw_host_parse_os_release(struct mw_slice text, const char *key,
                              char value[static MW_HOST_NAME_BYTES])
{
  size_t key_bytes = strlen(key);
  char candidate[MW_HOST_NAME_BYTES];
  struct mw_slice line;
  bool found = false;

  while (mw_slice_next_line(&text, &line)) {
    if (line.len_bytes <= key_bytes || memcmp(line.data, key, key_bytes) != 0 ||
        line.data[key_bytes] != '=')
      continue;
    struct mw_slice assigned = {line.data + key_bytes + 1, line.len_bytes - key_bytes - 1};
    if (!unquote(assigned, candidate))
      continue;
    strcpy(value, candidate);
    found = true;
  }
  return found;
}

/* Platforms whose ID_LIKE does not lead to their family, and the families themselves. */
static const struct {
  const char *platform, *family;
} families[] = {
    {"alpine", "alpine"},
    {"almalinux", "rhel"},
    {"amzn", "rhel"},
    {"arch", "arch"},
    {"centos", "rhel"},
    {"debian", "debian"},
    {"fedora", "fedora"},
    {"flatcar", "coreos"},
    {"coreos", "coreos"},
    {"gentoo", "gentoo"},
    {"linuxmint", "debian"},
    {"mariner", "mariner"},
    {"azurelinux", "mariner"},
    {"ol", "rhel"},
    {"opensuse", "suse"},
    {"opensuse-leap", "suse"},
    {"opensuse-tumbleweed", "suse"},
    {"raspbian", "debian"},
    {"rhel", "rhel"},
    {"rocky", "rhel"},
    {"scientific", "rhel"},
    {"sled", "suse"},
    {"sles", "suse"},
    {"suse", "suse"},
    {"ubuntu", "debian"},
};

static const char *family_of(struct mw_slice platform)
{
  for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
    if (mw_slice_equal(platform, families[i].platform))
      return families[i].family;
  return NULL;
}

const char *mw_host_platform_family(const char *id, const char *id_like)
{
  struct mw_slice rest = {id_like, strlen(id_like)}, word;
  const char *family = family_of((struct mw_slice){id, strlen(id)});

  while (!family && mw_slice_next_word(&rest, &word))
    family = family_of(word);
  return family ? family : id;
}
