/* analysis/cmd_run.c -- pfsim run: one scenario, one method, once. */
#include <stdlib.h>

#include "analysis/junit.h"
#include "analysis/result.h"
#include "analysis/run_options.h"
#include "analysis/summary.h"
#include "analysis/watch/watch.h"

static const struct analysis_usage usage = {
    .command = "run",
    .arguments = "SCENARIO [flags]",
    .does = "Runs a scenario once: its phones boot, get their configuration, take the firmware "
            "with the\n"
            "scenario's method and come back. Prints a summary; --out keeps every figure.\n",
    .example = "pfsim run scenarios/demo.json --method pfs --out results",
};

static int print(const struct analysis_program *program, const struct analysis_run_options *options,
                 const cJSON *document, int status)
{
    if (options->json) {
        char *text = analysis_result_text(document);
        if (text == NULL) {
            return analysis_program_worse(
                status, analysis_program_fail(program, "run", ANALYSIS_REFUSED, "out of memory"));
        }
        fputs(text, program->out);
        free(text);
    } else {
        struct analysis_style style = analysis_summary_style(program->out);
        /* Files that could not be written are not announced. */
        analysis_summary_run(&style, document, status == ANALYSIS_REFUSED ? NULL : options->out);
    }
    return analysis_program_flush(program, "run", status);
}

/* Everything behind the command line; `junit` is open. */
static int go(const struct analysis_program *program, const struct analysis_run_options *options,
              const char *path, struct analysis_junit *junit)
{
    struct analysis_session session;
    struct scenario *scenario = NULL;
    struct analysis_watch *watch = NULL;
    cJSON *document = NULL;

    int status = analysis_run_options_apply(options, program, "run", path, &scenario, &session);
    if (status == ANALYSIS_OK) {
        status = analysis_watch_open(&watch, program, "run", options->listen, false);
    }
    if (status == ANALYSIS_OK) {
        session.watch = watch;
        status = analysis_session_run(&session, &document);
    }
    if (document != NULL) {
        status = print(program, options, document, status);
    }
    status = analysis_junit_close(junit, &document, document != NULL ? 1 : 0, status);
    analysis_watch_close(watch);
    cJSON_Delete(document);
    scenario_free(scenario);
    return status;
}

int analysis_cmd_run(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_words words = {1, 1, "a scenario file"};
    struct analysis_run_options options;
    struct analysis_command_line line;
    struct analysis_usage full = usage;
    int status;

    analysis_run_options_init(&options, false);
    full.statuses = analysis_run_options_statuses();
    if (!analysis_program_parse(program, &full, options.table, &words, argc, argv, &line,
                                &status)) {
        return status;
    }
    struct analysis_junit junit = {
        .program = program, .command = "run", .scenario = line.words[0], .path = options.junit};
    status = analysis_junit_open(&junit);
    return status == ANALYSIS_OK ? go(program, &options, line.words[0], &junit) : status;
}
