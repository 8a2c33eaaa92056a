#include "base/suggest.h"

#include <string.h>

#define WORD_MAX_BYTES 63

size_t mw_edit_distance(const char *a, const char *b, size_t most)
{
  size_t a_bytes = strlen(a), b_bytes = strlen(b);
  size_t row[WORD_MAX_BYTES + 1];

  if (a_bytes > WORD_MAX_BYTES || b_bytes > WORD_MAX_BYTES)
    return most + 1;
  for (size_t k = 0; k <= b_bytes; k++)
    row[k] = k;
  for (size_t i = 1; i <= a_bytes; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t k = 1; k <= b_bytes; k++) {
      size_t replaced = diagonal + (a[i - 1] != b[k - 1]);
      size_t best = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;
      diagonal = row[k];
      row[k] = replaced < best ? replaced : best;
    }
  }
  return row[b_bytes] <= most ? row[b_bytes] : most + 1;
}

void mw_suggestion_consider(struct mw_suggestion *suggestion, const char *word)
{
  size_t most = 1 + strlen(suggestion->wanted) / 3;
  size_t distance = mw_edit_distance(suggestion->wanted, word, most);

  if (distance > most)
    return;
  /* of words equally close the first by name: callers show them in any order */
  if (suggestion->closest &&
      (distance > suggestion->distance ||
       (distance == suggestion->distance && strcmp(word, suggestion->closest) >= 0)))
    return;
  suggestion->closest = word;
  suggestion->distance = distance;
}
