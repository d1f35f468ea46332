/* analysis/cmd_report.c -- pfsim report: the HTML report of stored results. */
#include <string.h>

#include "analysis/document.h"
#include "analysis/json.h"
#include "analysis/program.h"
#include "analysis/report/report.h"
#include "analysis/report/view.h"
#include "sim/err.h"

static const struct analysis_usage usage = {
    .command = "report",
    .arguments = "RESULT... [-o FILE.html]",
    .does =
        "Makes the HTML report of a result: one file that opens from disk, without network.\n"
        "RESULT is the result.json of a run, the compare.json of a comparison or the sweep.json\n"
        "of a sweep, or the folder that --out wrote them to; the CSV files beside it are read\n"
        "too, and what is not there is said in the report. Several results of single runs are\n"
        "laid over one another, at most 32.\n",
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

/* One of the versions in a report; what is worst stays in `said`. */
static int check_version(const struct analysis_program *program, const cJSON *of, const char *path,
                         int worst, char said[ANALYSIS_WHY_MAX])
{
    char why[ANALYSIS_WHY_MAX];
    const char *version = analysis_json_text(of, "pfsim", NULL);
    int rc = analysis_document_version(version, program->version, path, why);

    if (said[0] == '\0' || (rc != 0 && worst == 0)) {
        memcpy(said, why, sizeof(why));
    }
    return worst != 0 ? worst : rc;
}

/* Results of other versions: a warning of the first one, or a refusal. */
static int check_versions(const struct analysis_program *program,
                          const struct analysis_command_line *line, const cJSON *view)
{
    const cJSON *run, *runs = analysis_json_get(view, "runs");
    char said[ANALYSIS_WHY_MAX] = "";
    size_t word = 0;
    int rc = 0;

    if (cJSON_GetArraySize(runs) == 0) { /* a sweep */
        rc = check_version(program, analysis_json_get(view, "versions"), line->words[0], rc, said);
    }
    cJSON_ArrayForEach(run, runs)
    {
        rc = check_version(program, analysis_json_get(run, "result"), line->words[word], rc, said);
        word += line->words_len > 1; /* else they are all of the only one */
    }
    if (said[0] == '\0') {
        return ANALYSIS_OK;
    }
    return analysis_program_fail(program, "report", rc != 0 ? ANALYSIS_USAGE : ANALYSIS_OK, "%s",
                                 said);
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
    status = check_versions(program, &line, view);
    if (status == ANALYSIS_OK) {
        default_path(&line, path);
        status = write_to(program, to != NULL ? to : path, view);
    }
    cJSON_Delete(view);
    return status;
}
