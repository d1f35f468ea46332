/* analysis/quantity.h -- figures in people's units by the name of their metric, for those who have
 * no more than that name: "completion_s.last" is a time, "wan.utilisation" a share. What a result
 * says of its own thresholds: summary.h. */
#ifndef ANALYSIS_QUANTITY_H
#define ANALYSIS_QUANTITY_H

#include "analysis/summary.h"

enum { ANALYSIS_QUANTITY_TEXT_MAX = 320 };

/* "2 h 52 min", "94.9 %"; "-" for NAN; of a name that no result has the plain number. Returns
 * `out`. */
char *analysis_quantity_format(const char *metric, double value, char out[ANALYSIS_CELL_MAX]);
/* "completion_s.last <= 14400" as people write it: "completion_s.last <= 4 h". What is no such
 * expression comes back as it is. Returns `out`. */
char *analysis_quantity_expression(const char *expression, char out[ANALYSIS_QUANTITY_TEXT_MAX]);
/* Bytes of the metric in it, blanks behind it left out: 17 of "completion_s.last <= 14400". */
size_t analysis_quantity_metric_len(const char *expression);

#endif /* ANALYSIS_QUANTITY_H */
