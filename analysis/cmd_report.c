/* analysis/cmd_report.c -- pfsim report: the HTML report of stored results. */
#include <string.h>

#include "analysis/document.h"
#include "analysis/program.h"
#include "analysis/report/report.h"
#include "analysis/report/view.h"
#include "sim/err.h"

static const struct analysis_usage usage = {
    .command = "report",
    .arguments = "RESULT... [-o FILE.html]",
    .does =
        "Makes the HTML report of a result: one file that opens from disk, without network.\n"
        "RESULT is the result.json of a run, the compare.json of a comparison or the "
        "sweep.json of\n"
        "a sweep, or the folder\n"
        "that --out wrote them to; the CSV files beside it are read too, and what is not there "
        "is\n"
        "said in the report. Several results of single runs are laid over one another, at most\n"
        "32.\n",
    .statuses = "  0    the report is written\n"
                "  2    bad command line, or no result that this version can read\n"
                "  3    the environment refused: file not there, disk full ...\n",
    .example = "pfsim report out/demo -o out/demo.html",
};

static int write_to(const struct analysis_program *program, const char *path, const cJSON *view)
{
    char dir[ANALYSIS_PATH_MAX], why[ANALYSIS_WHY_MAX];
    const char *name = analysis_output_split(path, dir);
    struct analysis_output *o = NULL;

    if (strcmp(path, "-") == 0) {
        if (analysis_output_stream(&o, program->out, why) != 0 ||
            analysis_report_page(o, view, why) != 0) {
            return analysis_program_fail(program, "report", ANALYSIS_REFUSED, "%s", why);
        }
        return ANALYSIS_OK;
    }
    if (name == NULL) {
        return analysis_program_fail(program, "report", ANALYSIS_USAGE,
                                     "-o %.300s: expected the name of a file, like report.html",
                                     path);
    }
    if (analysis_output_open(&o, dir, name, why) != 0 || analysis_report_page(o, view, why) != 0) {
        return analysis_program_fail(program, "report", ANALYSIS_REFUSED, "%s", why);
    }
    fprintf(program->out, "Report: %s\n", path);
    return analysis_program_flush(program, "report", ANALYSIS_OK);
}

/* Beside the only result; several have no common place but the present folder. */
static void default_path(const struct analysis_command_line *line, char out[ANALYSIS_PATH_MAX])
{
    char file[ANALYSIS_PATH_MAX], why[ANALYSIS_WHY_MAX];
    const char *slash = NULL;

    if (line->words_len == 1 && analysis_document_find(line->words[0], file, why) == 0) {
        slash = strrchr(file, '/');
    }
    snprintf(out, ANALYSIS_PATH_MAX, "%.*sreport.html", slash == NULL ? 0 : (int)(slash - file) + 1,
             file);
}

/* Another version's result that still fits: what it means may differ. */
static void warn_of_version(const struct analysis_program *program, const cJSON *view)
{
    const cJSON *run;

    cJSON_ArrayForEach(run, cJSON_GetObjectItemCaseSensitive(view, "runs"))
    {
        const cJSON *result = cJSON_GetObjectItemCaseSensitive(run, "result");
        const char *version =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "pfsim"));
        if (version != NULL && strcmp(version, program->version) != 0) {
            analysis_program_fail(program, "report", ANALYSIS_OK,
                                  "warning: a result of pfsim %.40s, this is %s: if something "
                                  "looks wrong, use that version or run again",
                                  version, program->version);
            return;
        }
    }
}

int analysis_cmd_report(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_words words = {1, ANALYSIS_WORDS_MAX, "a result"};
    const char *to = NULL;
    const struct analysis_option options[] = {
        {"o", ANALYSIS_OPTION_TEXT, &to, "FILE.html",
         "default: report.html beside the result; - is standard output"},
        {.name = NULL},
    };
    struct analysis_command_line line;
    char path[ANALYSIS_PATH_MAX], why[ANALYSIS_WHY_MAX];
    cJSON *view = NULL;
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    int rc = line.words_len == 1 ? analysis_view_read(&view, line.words[0], why)
                                 : analysis_view_compare(&view, line.words, line.words_len, why);
    if (rc != 0) {
        return analysis_program_fail(
            program, "report", rc == SIM_EINVAL ? ANALYSIS_USAGE : ANALYSIS_REFUSED, "%s", why);
    }
    warn_of_version(program, view);
    default_path(&line, path);
    status = write_to(program, to != NULL ? to : path, view);
    cJSON_Delete(view);
    return status;
}
