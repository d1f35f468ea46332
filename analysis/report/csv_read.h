/* analysis/report/csv_read.h -- reads a CSV file row by row (RFC 4180: quotes, doubled quotes, line
 * breaks inside them), by the names of its columns. Never trusts it.
 *
 * Not here: writing (output.h), what the columns mean. */
#ifndef ANALYSIS_REPORT_CSV_READ_H
#define ANALYSIS_REPORT_CSV_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"

enum {                                  /* our choices */
       ANALYSIS_CSV_ROW_MAX = 64 << 10, /* bytes of a row, its end included */
       ANALYSIS_CSV_COLUMNS_MAX = 64,   /* of a file, and of those asked for */
};

struct analysis_csv;

/* Opens the file and finds the columns (NULL-ended); others are skipped. 0, or SIM_E* with a
 * sentence: not there, a column missing. */
int analysis_csv_open(struct analysis_csv **out, const char *path, const char *const *columns,
                      char why[ANALYSIS_WHY_MAX]);
void analysis_csv_close(struct analysis_csv *csv); /* NULL is fine */
/* 1: there is a next row; 0: the end; SIM_EINVAL with a sentence that names the file and the row:
 * too few or too many fields, a row too long, quotes where none may be, a NUL, the end of the file
 * within a row. */
int analysis_csv_next(struct analysis_csv *csv, char why[ANALYSIS_WHY_MAX]);

/* Of the present row; `column` counts in the list given to open. Texts are borrowed until the next
 * row. */
const char *analysis_csv_text(const struct analysis_csv *csv, size_t column);
/* Digits with at most one dot between them, 18 digits at most: 0. An empty field: 0 and NAN.
 * Anything else: SIM_EINVAL with a sentence that names file, row and column. */
int analysis_csv_number(const struct analysis_csv *csv, size_t column, double *out,
                        char why[ANALYSIS_WHY_MAX]);
/* The same, but empty is refused too. */
int analysis_csv_value(const struct analysis_csv *csv, size_t column, double *out,
                       char why[ANALYSIS_WHY_MAX]);
/* The header is row 1. */
uint64_t analysis_csv_row(const struct analysis_csv *csv);

#endif /* ANALYSIS_REPORT_CSV_READ_H */
