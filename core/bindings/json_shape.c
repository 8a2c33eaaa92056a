#include "bindings/json_shape.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "json/writer.h"

#define PLACES 4 /* where a shape may be */
#define TEXT_MAX_BYTES 4096

void mw_json_shapes_deinit(struct mw_json_shapes *shapes)
{
  for (size_t i = 0; i < MW_JSON_SHAPES_MAX; i++) {
    free(shapes->at[i]);
    shapes->at[i] = NULL;
  }
}

void mw_json_shapes_release(struct mw_json_shapes *shapes)
{
  for (size_t i = 0; i < MW_JSON_SHAPES_MAX; i++)
    if (shapes->at[i])
      shapes->at[i]->users = 0;
}

int mw_json_compare_keys(struct mw_slice a, struct mw_slice b)
{
  size_t common_bytes = a.len_bytes < b.len_bytes ? a.len_bytes : b.len_bytes;
  int order = memcmp(a.data, b.data, common_bytes);

  return order ? order : (a.len_bytes > b.len_bytes) - (a.len_bytes < b.len_bytes);
}

/* ---- Places ---- */

/* Shapes that take turns at one place would be made anew each time, hence the places behind it. */
static size_t place_of(uint64_t hash, size_t attempt)
{
  return ((hash >> 32) + attempt) % MW_JSON_SHAPES_MAX;
}

/* Element @p index of an array whose elements are larger than what is looked at. */
static const void *element(const void *first, size_t stride_bytes, size_t index)
{
  return (const char *)first + index * stride_bytes;
}

static bool fits(const struct mw_json_shape *shape, const void *const *ids, size_t stride_bytes,
                 size_t count)
{
  if (shape->count != count)
    return false;
  for (size_t i = 0; i < count; i++)
    if (shape->ids[i] != *(const void *const *)element(ids, stride_bytes, i))
      return false;
  return true;
}

struct mw_json_shape *mw_json_shapes_find(struct mw_json_shapes *shapes, uint64_t hash,
                                          const void *const *ids, size_t stride_bytes, size_t count)
{
  for (size_t i = 0; i < PLACES; i++) {
    struct mw_json_shape *shape = shapes->at[place_of(hash, i)];
    if (!shape)
      return NULL;
    if (fits(shape, ids, stride_bytes, count))
      return shape;
  }
  return NULL;
}

bool mw_json_shapes_make_room(struct mw_json_shapes *shapes, uint64_t hash, size_t count,
                              size_t *place)
{
  if (count > MW_JSON_SHAPE_MEMBERS_MAX)
    return false;
  for (size_t i = 0; i < PLACES; i++) {
    *place = place_of(hash, i);
    if (!shapes->at[*place])
      return true;
  }
  for (size_t i = 0; i < PLACES; i++) {
    *place = place_of(hash, i);
    if (shapes->at[*place]->users > 0)
      continue;
    free(shapes->at[*place]);
    shapes->at[*place] = NULL;
    return true;
  }
  return false;
}

/* ---- Making one ---- */

struct sortable {
  struct mw_slice key;
  uint8_t position;
};

static int compare_sortables(const void *left, const void *right)
{
  return mw_json_compare_keys(((const struct sortable *)left)->key,
                              ((const struct sortable *)right)->key);
}

/* Append "key": to @p out. */
static int encode_key(struct mw_buf *out, struct mw_slice key)
{
  struct mw_json_writer writer;

  mw_json_writer_init(&writer, out, NULL);
  mw_json_write_slice(&writer, key);
  int rc = mw_json_writer_finish(&writer);
  return rc == 0 ? mw_buf_append(out, ":", 1, NULL) : rc;
}

static struct mw_json_shape *shape_new(const struct sortable *sorted, size_t count)
{
  MW_AUTO_BUF text;
  uint16_t ends[MW_JSON_SHAPE_MEMBERS_MAX];

  mw_buf_init(&text, TEXT_MAX_BYTES);
  for (size_t i = 0; i < count; i++) {
    if (encode_key(&text, sorted[i].key) < 0)
      return NULL;
    ends[i] = (uint16_t)text.len_bytes;
  }
  struct mw_json_shape *shape = malloc(sizeof *shape + text.len_bytes);
  if (!shape)
    return NULL;
  shape->users = 0;
  shape->count = count;
  memcpy(shape->ends, ends, count * sizeof *ends);
  if (text.len_bytes > 0)
    memcpy(shape->text, text.data, text.len_bytes);
  return shape;
}

struct mw_json_shape *mw_json_shapes_add(struct mw_json_shapes *shapes, size_t place,
                                         const void *const *ids, const struct mw_slice *keys,
                                         size_t stride_bytes, size_t count)
{
  struct sortable sorted[MW_JSON_SHAPE_MEMBERS_MAX];

  for (size_t i = 0; i < count; i++)
    sorted[i] =
        (struct sortable){*(const struct mw_slice *)element(keys, stride_bytes, i), (uint8_t)i};
  qsort(sorted, count, sizeof *sorted, compare_sortables);
  struct mw_json_shape *shape = shape_new(sorted, count);
  if (!shape)
    return NULL;
  shape->anchor = mw_json_shapes_anchor(place);
  for (size_t i = 0; i < count; i++) {
    shape->order[i] = sorted[i].position;
    shape->ids[i] = *(const void *const *)element(ids, stride_bytes, i);
  }
  shapes->at[place] = shape;
  return shape;
}
