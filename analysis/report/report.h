/* analysis/report/report.h -- report.html of a result that lies in a folder: view and page in one
 * step. */
#ifndef ANALYSIS_REPORT_REPORT_H
#define ANALYSIS_REPORT_REPORT_H

#include <cjson/cJSON.h>

#include "analysis/output.h"

/* Reads DIR/compare.json, else DIR/result.json, and what lies beside; writes DIR/report.html. 0, or
 * SIM_E* with a sentence; then no report is left, all else stays. */
int analysis_report_write(const char *dir, char why[ANALYSIS_WHY_MAX]);
/* Removes DIR/report.html of an earlier run, so that it does not stand beside new results should
 * these stay without one. A link or a device is left. 0, or SIM_E* with a sentence. */
int analysis_report_remove(const char *dir, char why[ANALYSIS_WHY_MAX]);
/* Writes a view as a page; commits `to`, or drops it on failure. 0, or SIM_E* with a sentence. */
int analysis_report_page(struct analysis_output *to, const cJSON *view, char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_REPORT_REPORT_H */
