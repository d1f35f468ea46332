/* analysis/summary.h -- a result as people read it: the verdict first, then the figures, then
 * what to do.
 *
 * Written from result documents alone, so that a stored one reads the same. Plain ASCII, within
 * the terminal's columns (100 in a CI log); colours only when asked for. Not here: progress
 * (progress.h), machine-readable output (result.h). */
#ifndef ANALYSIS_SUMMARY_H
#define ANALYSIS_SUMMARY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

struct analysis_style {
    FILE *to;
    bool colour;
    int width; /* columns of a line, 40..200; 0: ANALYSIS_WIDTH */
};

enum {
    ANALYSIS_WIDTH = 100, /* of what is no terminal; our choice */
    ANALYSIS_WIDTH_MIN = 40,
    ANALYSIS_WIDTH_MAX = 200,
};

/* Colour when `to` is a terminal that knows colours (TERM is not "dumb") and NO_COLOR is unset or
 * empty (no-color.org); also elsewhere with CLICOLOR_FORCE set, and not "0"
 * (bixense.com/clicolors). Width: the terminal's. */
struct analysis_style analysis_summary_style(FILE *to);
int analysis_summary_width(const struct analysis_style *style);
/* `text` and a newline, broken between words where it would leave the page; `column` is where the
 * cursor is now, `indent` where the next lines begin. An '\x01' in it is a blank that never breaks.
 */
void analysis_summary_wrap(const struct analysis_style *style, int column, int indent,
                           const char *text);

/* What a list of cautions is called: here, in a plan and on the page (web/src/head.js). */
#define ANALYSIS_CAUTIONS_TITLE "Mind"

/* One run. `out`: where its files are, NULL: nowhere. */
void analysis_summary_run(const struct analysis_style *style, const cJSON *document,
                          const char *out);
/* The document of analysis_result_compare(). */
void analysis_summary_compare(const struct analysis_style *style, const cJSON *document,
                              const char *out);

/* ---- Shared by the two ---- */

enum analysis_colour {
    ANALYSIS_PLAIN,
    ANALYSIS_BOLD,
    ANALYSIS_GOOD,
    ANALYSIS_BAD,
    ANALYSIS_WARN,
};

enum { ANALYSIS_CELL_MAX = 96 }; /* bytes of a formatted value with its NUL */

/* The start and end of a colour; "" without colours. */
const char *analysis_summary_on(const struct analysis_style *style, enum analysis_colour colour);
const char *analysis_summary_off(const struct analysis_style *style);
/* The number at PART.KEY of a document; NAN when it is null or not there. */
double analysis_summary_number(const cJSON *document, const char *part, const char *key);
/* "12.3 s", "1.22 MB", "5.98 Mbit/s", "4.73 x", "17"; "-" for NAN. Return `out`. */
char *analysis_summary_seconds(double value, char out[ANALYSIS_CELL_MAX]);
char *analysis_summary_size(double value, char out[ANALYSIS_CELL_MAX]);
char *analysis_summary_rate(double value, char out[ANALYSIS_CELL_MAX]);
char *analysis_summary_times(double value, char out[ANALYSIS_CELL_MAX]);
char *analysis_summary_count(double value, char out[ANALYSIS_CELL_MAX]); /* "10,368" */
/* The same in a buffer that lives as long as the block in which it stands. */
#define ANALYSIS_COUNT(value) analysis_summary_count((value), (char[ANALYSIS_CELL_MAX]){""})
/* "" for one, else what makes its word a plural ("s"). */
const char *analysis_summary_plural(double value, const char *ending);
/* Phones that needed the firmware, and how many of them did not get it. */
double analysis_summary_wanted(const cJSON *document);
double analysis_summary_behind(const cJSON *document);
/* The first reason why a run is invalid. */
const char *analysis_summary_invalid(const cJSON *document);
/* A reason as tables show it: without the file's name in front when its URL has it. A part of
 * `reason`. */
const char *analysis_summary_reason(const char *reason);
/* A list of sentences under a title; nothing when it is empty. */
void analysis_summary_items(const struct analysis_style *style, const char *title,
                            const cJSON *list);
/* One of a document's thresholds: a value or limit in its unit ("28.4 s"), "-" without one. */
char *analysis_summary_quantity(const cJSON *threshold, const char *key,
                                char out[ANALYSIS_CELL_MAX]);
/* Why it is missed: "it is 24 MB: 4 MB (20 %) too much", "it has no value". */
enum { ANALYSIS_MARGIN_MAX = 256 };
char *analysis_summary_missed(const cJSON *threshold, char out[ANALYSIS_MARGIN_MAX]);
/* All of them, met and missed, with value, limit and margin; nothing when there are none. */
void analysis_summary_thresholds(const struct analysis_style *style, const cJSON *document);
/* Failures by reason, cautions, validity of one run; nothing when there is nothing to say. */
void analysis_summary_trouble(const struct analysis_style *style, const cJSON *document);

#endif /* ANALYSIS_SUMMARY_H */
