/* analysis/columns.h -- a table for people that fits the page.
 *
 * Columns are as wide as what is in them. Where the page is too narrow, heads break into two
 * lines, then the columns that matter least are left out (and named below the table), and when
 * even that does not fit each row becomes a paragraph with a line a column, which loses nothing.
 * No line ends in blanks. Not here: what a value looks like (summary.h). */
#ifndef ANALYSIS_COLUMNS_H
#define ANALYSIS_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/summary.h"

enum { ANALYSIS_COLUMNS_MAX = 48 }; /* of one table */

struct analysis_column {
    const char *head; /* borrowed until the table is freed; "" when `joined` */
    bool left;        /* else against the right edge */
    bool joined;      /* belongs to the column before it, a blank between: "5 min" "+- 2 s" */
    bool wraps;       /* the last column only: sentences, broken between words */
    int drop;         /* narrow pages leave out the columns with 1 first, then 2 ...; 0: never; of a
                         joined one no later than of what it is joined to */
};

struct analysis_columns;

/* Copies `list`, 1..ANALYSIS_COLUMNS_MAX columns, the first neither joined nor dropped. NULL: no
 * memory, which all functions below accept and then do nothing. */
struct analysis_columns *analysis_columns_new(const struct analysis_column *list, size_t len);
void analysis_columns_free(struct analysis_columns *t);
/* The next cell, row by row from the left; copies the text. */
void analysis_columns_add(struct analysis_columns *t, enum analysis_colour colour,
                          const char *text);
/* A line of its own between rows; between whole rows only. */
void analysis_columns_line(struct analysis_columns *t, const char *text);
/* `indent`: blanks in front of each row. Returns whether joined columns were left
 * out of those that are there, which nothing else tells. */
bool analysis_columns_print(const struct analysis_columns *t, const struct analysis_style *style,
                            int indent);

#endif /* ANALYSIS_COLUMNS_H */
