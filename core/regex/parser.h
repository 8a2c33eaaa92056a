/**
 * @file parser.h
 * What the parts of the translation share: the state of reading a pattern, and the sets in it.
 *
 * After a failure (rc) the functions do nothing more that matters, and their answers mean nothing;
 * so only loops look at it.
 */
#ifndef MW_REGEX_PARSER_H
#define MW_REGEX_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regex/translate.h"

enum mw_regex_flag {
  MW_REGEX_FOLD_CASE = 1 << 0,
  MW_REGEX_MULTI_LINE = 1 << 1,
  MW_REGEX_DOT_IS_ALL = 1 << 2,
  MW_REGEX_UNGREEDY = 1 << 3,
};

/* What a repetition operator would repeat. */
struct mw_regex_atom {
  bool present;
  bool is_assertion;
  bool is_repeated;       /* already */
  size_t offset;          /* where it starts in the output */
  unsigned repeats;       /* the largest product of counts inside it */
  const char *repetition; /* the operator, when it was the last token; or NULL */
};

struct mw_regex_group {
  unsigned flags;   /* outside of it */
  bool folding;     /* what the output had outside of it */
  size_t offset;    /* where it starts in the output */
  unsigned repeats; /* the largest product of counts outside of it, before it */
};

struct mw_regex_parser {
  struct mw_slice pattern;
  enum mw_regex_matcher matcher;
  const char *at, *end;
  struct mw_buf *out;
  unsigned flags;
  bool folding; /* whether case folding is on at the end of the output */
  struct mw_regex_atom last;
  unsigned repeats; /* the largest product of counts in the open group, before the last atom */
  struct mw_regex_group groups[MW_REGEX_DEPTH_MAX];
  size_t depth;
  struct mw_error *err;
  int rc; /* 0, or the first failure, after which nothing matters */
};

/* ---- What is wrong ---- */

/** The first one counts. */
void mw_regex_parser_refuse(struct mw_regex_parser *parser, const char *what, const char *from,
                            const char *to);

/* ---- Input ---- */

/** The byte at @p offset from here, or '\0' when the pattern ends before it. */
char mw_regex_peek(const struct mw_regex_parser *parser, size_t offset);

/** Whether @p text was here; it is skipped then. */
bool mw_regex_skip(struct mw_regex_parser *parser, const char *text);

/** The next character: there is one, and the pattern is UTF-8. */
uint32_t mw_regex_take_rune(struct mw_regex_parser *parser);

bool mw_is_ascii_alnum(uint32_t rune);

/* ---- Output ---- */

void mw_regex_put(struct mw_regex_parser *parser, const char *text);

/** There is nothing that an operator would repeat: the last atom has the counts that it has. */
void mw_regex_settle_last(struct mw_regex_parser *parser);

/** What is written next is what an operator would repeat. */
void mw_regex_begin_atom(struct mw_regex_parser *parser);

/** Case folding as the flags say, for what is written next. */
void mw_regex_switch_folding(struct mw_regex_parser *parser);

/** Something that matches no character. */
void mw_regex_put_assertion(struct mw_regex_parser *parser, const char *text);

/* ---- Characters and sets of them (sets.c) ---- */

void mw_regex_put_literal(struct mw_regex_parser *parser, uint32_t rune);

/** \d and so on, \pN and so on; false: something else is here. */
bool mw_regex_is_set_escape(const struct mw_regex_parser *parser);
void mw_regex_parse_set_escape(struct mw_regex_parser *parser);

/** From the '[' on. */
void mw_regex_parse_set(struct mw_regex_parser *parser);

/** From the backslash on: the character that an escape stands for. */
uint32_t mw_regex_take_escape(struct mw_regex_parser *parser);

#endif
