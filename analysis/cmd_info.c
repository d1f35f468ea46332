/* analysis/cmd_info.c -- pfsim check, schema and version: answers that need no run. */
#include <cjson/cJSON.h>
#include <expat.h>
#include <openssl/crypto.h>
#include <sqlite3.h>
#include <string.h>
#include <zlib.h>

#include "analysis/plan/plan.h"
#include "analysis/program.h"
#include "analysis/result.h"
#include "analysis/summary.h"
#include "analysis/sweep/ranks.h"
#include "analysis/threshold.h"
#include "scenarios/share.h"
#include "sim/live/versions.h"
#include "sim/server/versions.h"

int analysis_cmd_check(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_usage usage = {
        .command = "check",
        .arguments = "SCENARIO [--set PATH=VALUE ...]",
        .does = "Reads a scenario and lists the mistakes in it (not what stands inside an unknown "
                "key): file,\n"
                "line, JSON path, what was found and what was expected. Warns of thresholds. Runs "
                "nothing.\n",
        .example = "pfsim check scenarios/demo.json --set server.window=16",
    };
    static const struct analysis_words words = {1, 1, "a scenario file"};
    struct analysis_list sets = {.len = 0};
    const struct analysis_option options[] = {
        {"set", ANALYSIS_OPTION_LIST, &sets, "PATH=VALUE", "override a key; repeatable"},
        {.name = NULL},
    };
    struct analysis_command_line line;
    struct scenario *s = NULL;
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    status = analysis_program_load(program, "check", line.words[0], &sets, &s);
    if (status == ANALYSIS_OK) {
        analysis_threshold_warn_of_aborts(
            s, s->world == SCENARIO_VIRTUAL && s->sites_total > 1 && scenario_is_apart(s), "check",
            program->err);
        analysis_threshold_warn_of_chance(s, "check", program->err);
        fprintf(
            program->out, "%s: good; \"%s\", %s phones in %s site%s, method %s, %zu threshold%s\n",
            line.words[0], s->name, ANALYSIS_COUNT(s->phones_total), ANALYSIS_COUNT(s->sites_total),
            s->sites_total == 1 ? "" : "s", scenario_method_name(s->method), s->thresholds_len,
            s->thresholds_len == 1 ? "" : "s");
        scenario_free(s);
        status = analysis_program_flush(program, "check", status);
    }
    return status;
}

int analysis_cmd_schema(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_usage usage = {
        .command = "schema",
        .arguments = "[result|plan]",
        .does = "Prints the JSON Schema (2020-12) of a scenario; with the word result or plan, "
                "that of a\n"
                "result or of a plan.json.\n",
        .example = "pfsim schema > schema.json",
    };
    static const struct analysis_words words = {0, 1, ""};
    static const struct analysis_option options[] = {{.name = NULL}};
    struct analysis_command_line line;
    const char *text;
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    if (line.words_len == 0 || strcmp(line.words[0], "scenario") == 0) {
        text = scenario_schema_text();
    } else if (strcmp(line.words[0], "result") == 0) {
        text = analysis_result_schema();
    } else if (strcmp(line.words[0], "plan") == 0) {
        text = analysis_plan_schema();
    } else {
        return analysis_program_fail(program, "schema", ANALYSIS_USAGE,
                                     "no schema of %.60s; there are scenario, result and plan",
                                     line.words[0]);
    }
    fputs(text, program->out);
    return analysis_program_flush(program, "schema", ANALYSIS_OK);
}

static void print_version(void *context, const char *name, const char *version)
{
    FILE *to = context;
    fprintf(to, "%-16s %s\n", name, version);
}

int analysis_cmd_version(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_usage usage = {
        .command = "version",
        .arguments = "",
        .does = "Prints the versions of pfsim and of every library in use, as loaded.\n",
        .example = "pfsim version",
    };
    static const struct analysis_words words = {0, 0, ""};
    static const struct analysis_option options[] = {{.name = NULL}};
    struct analysis_command_line line;
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    print_version(program->out, "pfsim", program->version);
    sim_live_versions(print_version, program->out);
    sim_server_versions(print_version, program->out);
    print_version(program->out, "cJSON", cJSON_Version());
    print_version(program->out, "expat", XML_ExpatVersion());
    print_version(program->out, "OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING));
    print_version(program->out, "zlib", zlibVersion());
    print_version(program->out, "SQLite", sqlite3_libversion());
    if (analysis_ranks_built() != NULL) {
        print_version(program->out, "Open MPI", analysis_ranks_built());
    }
    return analysis_program_flush(program, "version", ANALYSIS_OK);
}
