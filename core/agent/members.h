/**
 * @file members.h
 * Members of the objects that the agent tells of itself.
 * Thread-safety: that of the writer.
 */
#ifndef MW_MEMBERS_H
#define MW_MEMBERS_H

#include "json/writer.h"

static inline void mw_member_count(struct mw_json_writer *w, const char *key, uint64_t count)
{
  mw_json_write_key(w, key);
  mw_json_write_u64(w, count);
}

static inline void mw_member_number(struct mw_json_writer *w, const char *key, double number)
{
  mw_json_write_key(w, key);
  mw_json_write_double(w, number);
}

static inline void mw_member_ms(struct mw_json_writer *w, const char *key, int64_t ns)
{
  mw_member_number(w, key, (double)ns / 1e6);
}

static inline void mw_member_s(struct mw_json_writer *w, const char *key, int64_t ns)
{
  mw_member_number(w, key, (double)ns / 1e9);
}

static inline void mw_member_bool(struct mw_json_writer *w, const char *key, bool value)
{
  mw_json_write_key(w, key);
  mw_json_write_bool(w, value);
}

static inline void mw_member_text(struct mw_json_writer *w, const char *key, const char *text)
{
  mw_json_write_key(w, key);
  mw_json_write_text(w, text);
}

/** Absent when @p text is empty. */
static inline void mw_member_some_text(struct mw_json_writer *w, const char *key, const char *text)
{
  if (*text)
    mw_member_text(w, key, text);
}

#endif
