#include "regex/classes.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SURROGATE_MIN 0xD800u
#define SURROGATE_MAX 0xDFFFu

/* The two that fold to ASCII letters from far away. */
#define LONG_S 0x17Fu       /* s */
#define KELVIN_SIGN 0x212Au /* k */

struct range {
  uint32_t low, high;
};

/* ---- Sets with names ---- */

#define ASCII_RANGES_MAX 4

/* Ascending. */
struct mw_ascii_class {
  const char *name;
  unsigned count;
  struct range ranges[ASCII_RANGES_MAX];
};

static const struct mw_ascii_class ascii_classes[] = {
    {"alnum", 3, {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {"alpha", 2, {{'A', 'Z'}, {'a', 'z'}}},
    {"ascii", 1, {{0, 0x7F}}},
    {"blank", 2, {{'\t', '\t'}, {' ', ' '}}},
    {"cntrl", 2, {{0, 0x1F}, {0x7F, 0x7F}}},
    {"digit", 1, {{'0', '9'}}},
    {"graph", 1, {{'!', '~'}}},
    {"lower", 1, {{'a', 'z'}}},
    {"print", 1, {{' ', '~'}}},
    {"punct", 4, {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {"space", 2, {{'\t', '\r'}, {' ', ' '}}},
    {"upper", 1, {{'A', 'Z'}}},
    {"word", 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
    {"xdigit", 3, {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
    {"d", 1, {{'0', '9'}}},
    {"s", 3, {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}}}, /* no vertical tab, unlike PCRE2's */
    {"w", 4, {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
};

static const char categories[] = " Any C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc "
                                 "Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs ";

/* Of Unicode 14: RE2 knows no other spelling, where PCRE2 also takes "greek" and "Grek". */
static const char scripts[] =
    " Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah "
    "Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal "
    "Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform "
    "Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan "
    "Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha "
    "Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo Hatran "
    "Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi "
    "Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li Kharoshthi "
    "Khitan_Small_Script Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B "
    "Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen "
    "Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive "
    "Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari "
    "New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian "
    "Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian "
    "Old_Turkic Old_Uyghur Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau "
    "Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada "
    "Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese "
    "Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa "
    "Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi "
    "Wancho Warang_Citi Yezidi Yi Zanabazar_Square ";

const struct mw_ascii_class *mw_ascii_class_find(struct mw_slice name)
{
  for (size_t i = 0; i < sizeof ascii_classes / sizeof ascii_classes[0]; i++)
    if (mw_slice_equal(name, ascii_classes[i].name))
      return &ascii_classes[i];
  return NULL;
}

/* Whether @p words has @p name between blanks. */
static bool has_word(const char *words, struct mw_slice name)
{
  char wanted[64];

  if (name.len_bytes == 0 || name.len_bytes > sizeof wanted - 3 ||
      memchr(name.data, ' ', name.len_bytes) || memchr(name.data, '\0', name.len_bytes))
    return false;
  snprintf(wanted, sizeof wanted, " %.*s ", (int)name.len_bytes, name.data);
  return strstr(words, wanted);
}

bool mw_unicode_class_exists(struct mw_slice name)
{
  return has_word(categories, name) || has_word(scripts, name);
}

/* ---- Writing ---- */

static int put_rune(struct mw_buf *out, uint32_t rune, struct mw_error *err)
{
  char byte = (char)rune;

  if (rune < 0x80 && (isalnum((int)rune) || rune == '_'))
    return mw_buf_append(out, &byte, 1, err);
  return mw_buf_printf(out, err, "\\x{%x}", rune);
}

static int put_whole_range(struct mw_buf *out, uint32_t low, uint32_t high, struct mw_error *err)
{
  if (low > high)
    return 0;
  int rc = put_rune(out, low, err);
  if (rc < 0 || low == high)
    return rc;
  rc = mw_buf_append(out, "-", 1, err);
  return rc < 0 ? rc : put_rune(out, high, err);
}

int mw_class_put_range(struct mw_buf *out, uint32_t low, uint32_t high, struct mw_error *err)
{
  if (high < SURROGATE_MIN || low > SURROGATE_MAX)
    return put_whole_range(out, low, high, err);
  int rc = low < SURROGATE_MIN ? put_whole_range(out, low, SURROGATE_MIN - 1, err) : 0;
  return rc < 0 ? rc : put_whole_range(out, SURROGATE_MAX + 1, high, err);
}

static bool has_rune(const struct mw_ascii_class *class, uint32_t rune)
{
  for (unsigned i = 0; i < class->count; i++)
    if (rune >= class->ranges[i].low && rune <= class->ranges[i].high)
      return true;
  return false;
}

/* What is between the ranges, from *next on. */
static int put_gap(struct mw_buf *out, uint32_t *next, struct range range, struct mw_error *err)
{
  int rc = range.low > *next ? mw_class_put_range(out, *next, range.low - 1, err) : 0;

  *next = range.high + 1;
  return rc;
}

static int put_complement(struct mw_buf *out, const struct mw_ascii_class *class, bool fold,
                          struct mw_error *err)
{
  uint32_t next = 0;
  int rc = 0;

  if (fold && (has_rune(class, 'k') != has_rune(class, 'K'))) /* lower, upper */
    class = mw_ascii_class_find((struct mw_slice){"alpha", 5});
  for (unsigned i = 0; rc == 0 && i < class->count; i++)
    rc = put_gap(out, &next, class->ranges[i], err);
  if (rc == 0 && fold && has_rune(class, 's'))
    rc = put_gap(out, &next, (struct range){LONG_S, LONG_S}, err);
  if (rc == 0 && fold && has_rune(class, 'k'))
    rc = put_gap(out, &next, (struct range){KELVIN_SIGN, KELVIN_SIGN}, err);
  return rc < 0 ? rc : mw_class_put_range(out, next, MW_RUNE_MAX, err);
}

int mw_class_put_ascii(struct mw_buf *out, const struct mw_ascii_class *class, bool negated,
                       bool fold, struct mw_error *err)
{
  int rc = 0;

  if (negated)
    return put_complement(out, class, fold, err);
  for (unsigned i = 0; rc == 0 && i < class->count; i++)
    rc = mw_class_put_range(out, class->ranges[i].low, class->ranges[i].high, err);
  return rc;
}

int mw_class_put_unicode(struct mw_buf *out, struct mw_slice name, bool negated, bool fold,
                         struct mw_error *err)
{
  char letter = negated ? 'P' : 'p';

  if (mw_slice_equal(name, "Any"))
    return negated ? 0 : mw_class_put_range(out, 0, MW_RUNE_MAX, err);
  if (mw_slice_equal(name, "C")) /* PCRE2's has what is not assigned, too */
    return mw_buf_append_text(
        out, negated ? "\\p{L}\\p{M}\\p{N}\\p{P}\\p{S}\\p{Z}\\p{Cn}" : "\\p{Cc}\\p{Cf}\\p{Co}",
        err);
  if (fold && name.len_bytes == 2 && name.data[0] == 'L' && strchr("ult", name.data[1]))
    return mw_buf_printf(out, err, "\\%c{L&}", letter); /* letters of any case */
  /* Without "sc:" PCRE2 means the characters that are used with the script, a larger set. */
  return mw_buf_printf(out, err, "\\%c{%s%.*s}", letter,
                       has_word(categories, name) ? "" : "sc:", (int)name.len_bytes, name.data);
}
