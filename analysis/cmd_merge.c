/* analysis/cmd_merge.c -- pfsim merge: one result out of the results of all shares of a run. */
#include <stdio.h>
#include <stdlib.h>

#include "analysis/comparison.h"
#include "analysis/junit.h"
#include "analysis/merge_compare.h"
#include "analysis/result.h"
#include "analysis/summary.h"

static const struct analysis_usage usage = {
    .command = "merge",
    .arguments = "RESULT... [flags]",
    .does =
        "Makes one result out of those of all shares of a run (pfsim run --shard I/N --out DIR):\n"
        "figures, thresholds and files as one run of all sites would have given them. RESULT is\n"
        "a share's folder, or the result.json in it. All shares must be there, of the same\n"
        "scenario, seed, method, world and version. Where sites share a server's \"uplink\" or\n"
        "\"max_transfers\" each share had a server of its own, which the result says; else a\n"
        "virtual run comes out byte for byte, but for engine.wall_s and peak_rss_bytes, which\n"
        "are those of the longest and of the largest share. Of shares of pfsim compare (folders\n"
        "with compare.json) comes the comparison.\n",
    .statuses = "  0    all phones upgraded, all thresholds met\n"
                "  1    some phone failed, or some threshold was missed\n"
                "  2    these are not all shares of one run, or one is damaged\n"
                "  3    the environment refused: a file can't be read, disk full ...\n"
                "  4    some share's machine fell behind: the run is invalid\n"
                "  130  some share was interrupted\n",
    .example = "pfsim merge out/shares/* --out out/whole",
};

struct options {
    const char *out, *o, *junit;
    bool json;
};

static int print(const struct analysis_program *program, const struct options *options,
                 const cJSON *document, int status)
{
    if (options->json) {
        char *text = analysis_result_text(document);
        if (text == NULL) {
            return analysis_program_worse(
                status, analysis_program_fail(program, "merge", ANALYSIS_REFUSED, "out of memory"));
        }
        fputs(text, program->out);
        free(text);
    } else {
        struct analysis_style style = analysis_summary_style(program->out);
        analysis_summary_run(&style, document, status == ANALYSIS_REFUSED ? NULL : options->out);
    }
    return analysis_program_flush(program, "merge", status);
}

/* A share's folder says nothing. */
static void name_scenario(struct analysis_junit *junit, const cJSON *document)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "scenario"));

    junit->scenario = name != NULL ? name : junit->scenario;
}

static int merge_comparison(const struct analysis_merge *merge, const struct options *options,
                            struct analysis_junit *junit)
{
    cJSON *document = NULL, *runs[SCENARIO_LOAD_SERVER + 1];
    size_t len = 0;

    int status = analysis_merge_comparison(merge, &document);
    if (document != NULL) {
        cJSON *run;
        cJSON_ArrayForEach(run, cJSON_GetObjectItemCaseSensitive(document, "runs"))
        {
            runs[len++] = run; /* a method at most once */
        }
        name_scenario(junit, runs[0]);
        status = analysis_comparison_tell(merge->program, "merge", document, options->out,
                                          options->json, status);
    }
    status = analysis_junit_close(junit, runs, len, status);
    cJSON_Delete(document);
    return status;
}

int analysis_cmd_merge(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_words words = {1, ANALYSIS_WORDS_MAX, "the result of a share"};
    struct options options = {.out = NULL};
    const struct analysis_option table[] = {
        {"out", ANALYSIS_OPTION_TEXT, &options.out, "DIR",
         "result.json, phones.csv and the other files, as run writes them"},
        {"o", ANALYSIS_OPTION_TEXT, &options.o, "DIR", "the same"},
        {"junit", ANALYSIS_OPTION_TEXT, &options.junit, "FILE",
         "the verdict as JUnit XML, a test case a threshold"},
        {"json", ANALYSIS_OPTION_FLAG, &options.json, NULL,
         "the result document on standard output, nothing else there"},
        {.name = NULL},
    };
    struct analysis_command_line line;
    cJSON *document = NULL;
    int status;

    if (!analysis_program_parse(program, &usage, table, &words, argc, argv, &line, &status)) {
        return status;
    }
    options.out = options.out != NULL ? options.out : options.o;
    const struct analysis_merge merge = {
        .program = program,
        .shares = line.words,
        .shares_len = line.words_len,
        .out = options.out,
    };
    struct analysis_junit junit = {
        .program = program, .command = "merge", .scenario = line.words[0], .path = options.junit};
    if ((status = analysis_junit_open(&junit)) != ANALYSIS_OK) {
        return status;
    }
    if (analysis_merge_is_comparison(line.words[0])) {
        return merge_comparison(&merge, &options, &junit);
    }
    struct analysis_merging *merging = NULL;
    status = analysis_merge_begin(&merging, &merge);
    if (status == ANALYSIS_OK) {
        status = analysis_merge_end(merging, &document);
    }
    if (document != NULL) {
        name_scenario(&junit, document);
        status = print(program, &options, document, status);
    }
    status = analysis_junit_close(&junit, &document, document != NULL ? 1 : 0, status);
    cJSON_Delete(document);
    return status;
}
