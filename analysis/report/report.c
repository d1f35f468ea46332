/* analysis/report/report.c -- see report.h. */
#include "analysis/report/report.h"

#include <stdio.h>

#include "analysis/report/page.h"
#include "analysis/report/view.h"
#include "sim/err.h"

int analysis_report_page(struct analysis_output *to, const cJSON *view, char why[ANALYSIS_WHY_MAX])
{
    if (analysis_page_write(to, view) == 0) {
        return analysis_output_commit(to, why);
    }
    analysis_output_discard(to);
    snprintf(why, ANALYSIS_WHY_MAX, "can't make the report: %s", sim_err_text(SIM_ENOMEM));
    return SIM_ENOMEM;
}

int analysis_report_remove(const char *dir, char why[ANALYSIS_WHY_MAX])
{
    return analysis_output_remove(dir, "report.html", why);
}

int analysis_report_write(const char *dir, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_output *o = NULL;
    cJSON *view = NULL;

    int rc = analysis_view_read(&view, dir, why);
    if (rc == 0 && (rc = analysis_output_open(&o, dir, "report.html", why)) == 0) {
        rc = analysis_report_page(o, view, why);
    }
    cJSON_Delete(view);
    return rc;
}
