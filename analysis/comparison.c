/* analysis/comparison.c -- see comparison.h. */
#include "analysis/comparison.h"

#include <stdlib.h>

#include "analysis/report/report.h"
#include "analysis/result.h"
#include "analysis/summary.h"

static int write_files(const struct analysis_program *program, const char *command, const char *out,
                       const char *text, bool report)
{
    char why[ANALYSIS_WHY_MAX];

    int rc = analysis_output_folder(out, why);
    if (rc == 0) {
        rc = analysis_output_text(out, "compare.json", text, why);
    }
    if (rc == 0 && report) {
        rc = analysis_report_write(out, why);
    }
    return rc == 0 ? ANALYSIS_OK
                   : analysis_program_fail(program, command, ANALYSIS_REFUSED, "%s", why);
}

int analysis_comparison_tell(const struct analysis_program *program, const char *command,
                             const cJSON *document, const char *out, bool json, int status)
{
    char *text = analysis_result_text(document);

    if (text == NULL) {
        return analysis_program_worse(
            status, analysis_program_fail(program, command, ANALYSIS_REFUSED, "out of memory"));
    }
    if (out != NULL) {
        status = analysis_program_worse(
            status, write_files(program, command, out, text, status != ANALYSIS_REFUSED));
    }
    if (json) {
        fputs(text, program->out);
    } else {
        struct analysis_style style = analysis_summary_style(program->out);
        analysis_summary_compare(&style, document, status == ANALYSIS_REFUSED ? NULL : out);
    }
    free(text);
    return analysis_program_flush(program, command, status);
}
