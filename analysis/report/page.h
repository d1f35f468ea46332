/* analysis/report/page.h -- a view (view.h) inside its HTML page: one file, no network, opens from
 * disk.
 *
 * The page's style, its script and Apache ECharts are part of the program (report/web, bundled at
 * build time). Text of scenarios and servers stands in the page as JSON with every '<' escaped, and
 * the script only ever sets it as text. */
#ifndef ANALYSIS_REPORT_PAGE_H
#define ANALYSIS_REPORT_PAGE_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "analysis/output.h"

/* Writes the whole page to `to`; errors stick there. 0 or SIM_ENOMEM. */
int analysis_page_write(struct analysis_output *to, const cJSON *view);
/* The page without a view, which asks "events" (server-sent events) for it: static bytes, no NUL
 * counted. */
const char *analysis_page_live(size_t *len);

#endif /* ANALYSIS_REPORT_PAGE_H */
