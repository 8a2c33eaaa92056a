/** @file suggest.h  "Did you mean ...?" for keys and names that people mistype. */
#ifndef MW_SUGGEST_H
#define MW_SUGGEST_H

#include <stddef.h>

/**
 * The edit distance between two words (insert, delete, replace a byte), or @p most + 1 when it is
 * larger than @p most or a word is longer than 63 bytes.
 */
size_t mw_edit_distance(const char *a, const char *b, size_t most);

/**
 * Keeps the closest of the words that it is shown, in whatever order: zero it, then set wanted.
 * A word is close when at most a third of the wanted one, plus one byte, has to change.
 */
struct mw_suggestion {
  const char *wanted;
  const char *closest; /**< borrowed from the words that were shown; NULL: none is close */
  size_t distance;
};

void mw_suggestion_consider(struct mw_suggestion *suggestion, const char *word);

#endif
