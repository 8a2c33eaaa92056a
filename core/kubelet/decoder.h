/**
 * @file decoder.h
 * Fills structs from a JSON document while it streams by, as tables say which member of an object
 * is which member of a struct. What no table names is skipped.
 *
 * A member that cannot be used (another type, out of range, over a bound, repeated) is absent and
 * counted as an oddity, whose place is told; null is absent and no oddity. Of a repeated member the
 * last one counts, whole: what the earlier one gave is forgotten.
 *
 * Lists become chains of structs whose first member is the pointer to the next one, in the order of
 * the document. So nothing that was read is ever moved or copied, and memory is that of the result.
 *
 * Members are looked for from where the last one was found: a program writes them in the order of
 * its struct, and a table in that order finds each at the first look.
 *
 * Thread-safety: none; a decoder belongs to one thread at a time. Tables are constant.
 */
#ifndef MW_KUBELET_DECODER_H
#define MW_KUBELET_DECODER_H

#include "kubelet/arena.h"
#include "moonwatch/kubelet_values.h"
#include "json/reader.h"

struct mw_decoder;
struct mw_shape;

enum mw_member_kind {
  MW_MEMBER_TEXT,    /**< const char *: a copy; NULL: absent; with a NUL inside it is an oddity */
  MW_MEMBER_NUMBER,  /**< struct mw_kubelet_number */
  MW_MEMBER_INTEGER, /**< struct mw_kubelet_integer */
  MW_MEMBER_DECIMAL, /**< struct mw_kubelet_decimal */
  MW_MEMBER_ANSWER,  /**< enum mw_kubelet_answer */
  MW_MEMBER_TIME,    /**< int64_t, ns since 1970; 0: absent */
  MW_MEMBER_CPU,     /**< struct mw_kubelet_number, a quantity in billionths of a CPU */
  MW_MEMBER_BYTES,   /**< struct mw_kubelet_number, a quantity in bytes */
  MW_MEMBER_PART,    /**< an object whose members are in the same struct, or in one inside it */
  MW_MEMBER_RECORD,  /**< pointer to a struct of its own; NULL: absent */
  MW_MEMBER_LIST,    /**< pointer to the first struct of a chain */
  MW_MEMBER_MAP,     /**< pointer to the first struct mw_kubelet_pair, sorted, each key once */
};

struct mw_member {
  const char *name;
  uint8_t name_bytes;
  uint8_t kind;                 /**< enum mw_member_kind */
  bool must_be;                 /**< a list: anything else but null fails the whole document */
  bool null_fails;              /**< ... and so does null */
  uint16_t offset;              /**< of the member in the struct */
  uint16_t count_offset;        /**< LIST: of a size_t that counts; 0: none */
  uint32_t max;                 /**< LIST: elements behind these are oddities; 0: MW_LIST_MAX */
  const struct mw_shape *shape; /**< PART, RECORD, LIST */
};

#define MW_LIST_MAX 1000000

/** One kind of object. */
struct mw_shape {
  size_t size_bytes; /**< of its struct; 0: its members are in the struct of the object around it */
  const struct mw_member *members; /**< never NULL */
  size_t members_count;            /**< at most 64 */

  /**
   * Its end was reached. @p owner is the struct of the object around it (of the list that it is
   * in). @return 0; MW_LEAVE_OUT: an element that leaves its list again, with all its memory; or
   * -errno, which fails the document.
   */
  int (*finish)(struct mw_decoder *decoder, void *owner, void *record, struct mw_error *err);
  void (*null_element)(void *owner); /**< told of each null in a list of these; may be NULL */
};

#define MW_LEAVE_OUT 1

/* Rows of a table: MW_MEMBER("name", TEXT, struct, member). */
#define MW_MEMBER_(name_, kind_, offset_, ...)                                                     \
  {                                                                                                \
    .name = name_, .name_bytes = sizeof name_ - 1, .kind = MW_MEMBER_##kind_, .offset = offset_,   \
    __VA_ARGS__                                                                                    \
  }
#define MW_MEMBER(name_, kind_, type, member)                                                      \
  MW_MEMBER_(name_, kind_, offsetof(type, member), .shape = NULL)
#define MW_MEMBER_OF(name_, kind_, type, member, shape_)                                           \
  MW_MEMBER_(name_, kind_, offsetof(type, member), .shape = &(shape_))
#define MW_MEMBER_LIST_OF(name_, type, member, shape_, ...)                                        \
  MW_MEMBER_(name_, LIST, offsetof(type, member), .shape = &(shape_), __VA_ARGS__)
/** An object whose members are in the very struct of the object around it. */
#define MW_MEMBER_HERE(name_, shape_) MW_MEMBER_(name_, PART, 0, .shape = &(shape_))

/** A shape: its struct (0: that of the object around it), its table, and what else it has. */
#define MW_SHAPE(size_bytes_, members_, ...)                                                       \
  {                                                                                                \
    .size_bytes = size_bytes_, .members = members_,                                                \
    .members_count = sizeof members_ / sizeof members_[0], __VA_ARGS__                             \
  }

struct mw_decoder_config {
  const struct mw_shape *shape; /**< of the document, which is an object */
  void *root;                   /**< its struct, zeroed; borrowed as long as the decoder */
  struct mw_arena *arena;       /**< borrowed likewise */
  struct mw_kubelet_oddities *oddities;
  const char *noun;          /**< for messages: "pod list" */
  size_t document_max_bytes; /**< 0: MW_KUBELET_DOCUMENT_DEFAULT_BYTES */
};

/** @return NULL with -ENOMEM in @p err. */
struct mw_decoder *mw_decoder_new(const struct mw_decoder_config *config, struct mw_error *err);
void mw_decoder_free(struct mw_decoder *decoder); /**< accepts NULL */

/**
 * As mw_json_reader_feed and mw_json_reader_finish. Besides: -EBADMSG: the document is no object,
 * or a member that must be a list is none; -EMSGSIZE: the result's ceiling.
 */
int mw_decoder_feed(struct mw_decoder *decoder, struct mw_slice piece, struct mw_error *err);
int mw_decoder_finish(struct mw_decoder *decoder, struct mw_error *err);

/** Count an oddity at the place where the decoder is: "not an id: %s". */
void mw_decoder_odd(struct mw_decoder *decoder, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** For a finish: @return 0, or MW_LEAVE_OUT when @p text is NULL, which is an oddity: @p what. */
int mw_decoder_require(struct mw_decoder *decoder, const char *text, const char *what);

#endif
