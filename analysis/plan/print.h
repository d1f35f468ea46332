/* analysis/plan/print.h -- a plan as people read it: the verdict, the classes and what makes each
 * fit, what was tried, and the closed forms to check it by hand.
 *
 * Written from the plan's document alone, in people's units; fits the page. */
#ifndef ANALYSIS_PLAN_PRINT_H
#define ANALYSIS_PLAN_PRINT_H

#include <cjson/cJSON.h>

#include "analysis/summary.h"

/* `out`: where its files are; NULL: nowhere. */
void analysis_plan_print(const struct analysis_style *style, const cJSON *document,
                         const char *out);

#endif /* ANALYSIS_PLAN_PRINT_H */
