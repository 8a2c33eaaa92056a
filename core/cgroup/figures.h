/**
 * @file figures.h
 * The table of figures, by the files that hold them, and the one parser for all of them.
 *
 * A row of the public table (struct mw_figure_source) is a row here; the file adds what the reader
 * needs to know: how its text looks, and how often it is worth reading.
 * Thread-safety: constant data, pure functions.
 */
#ifndef MW_CGROUP_FIGURES_H
#define MW_CGROUP_FIGURES_H

#include "base/parse.h"
#include "moonwatch/cgroup.h"

enum mw_file_format {
  MW_FORMAT_NUMBER,   /**< one line, one number; "max" and -1 are absent */
  MW_FORMAT_PAIRS,    /**< "key number" lines */
  MW_FORMAT_CPU_MAX,  /**< "quota period" */
  MW_FORMAT_CPU_SET,  /**< "0-3,8": a count of CPUs */
  MW_FORMAT_BLKIO,    /**< "8:0 Read 4096" lines */
  MW_FORMAT_IO_STAT,  /**< "8:0 rbytes=4096 wbytes=0 ..." lines */
  MW_FORMAT_PRESSURE, /**< "some avg10=0.00 avg60=0.00 avg300=0.00 total=123" lines */
};

/** Values that mean "none". */
enum mw_absent_rule {
  MW_ABSENT_NEVER,
  MW_ABSENT_ZERO,      /**< version 2: 0 is no limit, or nothing seen */
  MW_ABSENT_UNLIMITED, /**< version 1: what the kernel prints for no limit, whatever its page size,
                            that of huge pages too */
};

struct mw_figure_row {
  enum mw_figure figure;
  const char *key; /**< NULL for MW_FORMAT_NUMBER and MW_FORMAT_CPU_SET */
  uint8_t key_bytes;
  uint64_t scale;
  enum mw_absent_rule absent;
};

enum mw_file_flag {
  MW_FILE_SLOW = 1, /**< a limit, a weight, a peak, or what rarely moves: read now and then */
  /** Depends on the kernel's version, configuration or command line: when it is missing, or has
   * none of its keys, nothing is wrong. */
  MW_FILE_OPTIONAL = 2,
  MW_FILE_OF_POD = 4, /**< read in the pod's cgroup, not in the container's */
};

struct mw_figure_file {
  int version;
  enum mw_controller controller;
  const char *name;
  enum mw_file_format format;
  unsigned flags; /**< of enum mw_file_flag */
  const struct mw_figure_row *rows;
  size_t rows_count;
};

extern const struct mw_figure_file mw_figure_files[];
extern const size_t mw_figure_files_count;

/**
 * Parse the whole @p text of @p file. What is understood goes into @p figures and, for the two
 * formats of devices, into the devices of @p sample; what is not stays absent and is counted.
 * @return the number of problems; @p err has the first one.
 */
int mw_figure_file_parse(const struct mw_figure_file *file, struct mw_slice text,
                         struct mw_figures *figures, struct mw_cgroup_sample *sample,
                         struct mw_error *err);

/** Put @p value of the kernel's file into the figure of @p row, scaled, unless it means "none".
 *  @return false, and nothing is set, when it is out of range then. */
bool mw_figure_row_set(const struct mw_figure_row *row, uint64_t value, struct mw_figures *figures);

/** Number of CPUs in a list such as "0-3,8"; false when @p text is no such list. */
bool mw_cpu_set_parse(struct mw_slice text, uint64_t *count);

#endif
