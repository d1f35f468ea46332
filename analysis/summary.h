/* analysis/summary.h -- a result as people read it: the verdict first, then the figures, then
 * what to do.
 *
 * Written from result documents alone, so that a stored one reads the same. Plain ASCII, at most
 * some 100 columns, fit for a CI log; colours only when asked for. Not here: progress
 * (progress.h), machine-readable output (result.h). */
#ifndef ANALYSIS_SUMMARY_H
#define ANALYSIS_SUMMARY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

struct analysis_style {
    FILE *to;
    bool colour;
};

/* Colour when `to` is a terminal and NO_COLOR is unset or empty (no-color.org). */
struct analysis_style analysis_summary_style(FILE *to);

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
char *analysis_summary_count(double value, char out[ANALYSIS_CELL_MAX]);
/* Failures by reason, cautions, validity of one run; nothing when there is nothing to say. */
void analysis_summary_trouble(const struct analysis_style *style, const cJSON *document);

#endif /* ANALYSIS_SUMMARY_H */
