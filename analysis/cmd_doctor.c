/* analysis/cmd_doctor.c -- pfsim doctor: what a live run of the scenario needs, against what is
 * there. */
#include "analysis/needs.h"
#include "analysis/program.h"
#include "analysis/share.h"
#include "analysis/summary.h"
#include "scenarios/build.h"

int analysis_cmd_doctor(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_usage usage = {
        .command = "doctor",
        .arguments = "SCENARIO [flags]",
        .does =
            "Compares what a live run of the scenario needs (descriptors, ports, addresses, "
            "memory, LAN\n"
            "capacity) with what this machine has, and says which command mends a shortage. Runs\n"
            "nothing. Every live run looks too, and refuses when it can't start.\n",
        .statuses = "  0    the scenario can run here\n"
                    "  2    bad command line or scenario\n"
                    "  3    it can't: the table says what is missing\n",
        .example = "pfsim doctor scenarios/demo.json --method traditional",
    };
    static const struct analysis_words words = {1, 1, "a scenario file"};
    struct analysis_list sets = {.len = 0};
    const char *method_name = NULL, *shard_text = NULL;
    const struct analysis_option options[] = {
        {"method", ANALYSIS_OPTION_TEXT, &method_name, "NAME",
         "traditional, pfs, load-server; default: the scenario's"},
        {"shard", ANALYSIS_OPTION_TEXT, &shard_text, "I/N",
         "of a run of only share I (from 0) of N of the sites, as in run"},
        {"set", ANALYSIS_OPTION_LIST, &sets, "PATH=VALUE", "override a key; repeatable"},
        {.name = NULL},
    };
    struct analysis_command_line line;
    struct sim_live_need needs[SIM_LIVE_NEEDS_MAX];
    enum scenario_method method = SCENARIO_PFS;
    uint32_t shard = 0, shards = 0;
    struct scenario *s = NULL;
    char why[ANALYSIS_WHY_MAX];
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    if (method_name != NULL && !analysis_program_method(method_name, &method, why)) {
        return analysis_program_fail(program, "doctor", ANALYSIS_USAGE, "%s", why);
    }
    if (shard_text != NULL && analysis_share_parse(shard_text, &shard, &shards, why) != 0) {
        return analysis_program_fail(program, "doctor", ANALYSIS_USAGE, "%s", why);
    }
    if ((status = analysis_program_load(program, "doctor", line.words[0], &sets, &s)) != 0) {
        return status;
    }
    method = method_name != NULL ? method : s->method;
    size_t len = scenario_run_doctor(s, method, shard, shards, needs);
    struct scenario_share share = scenario_share(s, shard, shards);
    size_t fatal = 0, shorts = 0;
    for (size_t i = 0; i < len; i++) {
        fatal += !needs[i].enough && needs[i].fatal;
        shorts += !needs[i].enough && !needs[i].fatal;
    }
    struct analysis_style style = analysis_summary_style(program->out);
    fprintf(program->out, "%s: %s phones in %s site%s, method %s: %s%s%s\n\n", s->name,
            ANALYSIS_COUNT(share.phones), ANALYSIS_COUNT(share.len), share.len == 1 ? "" : "s",
            scenario_method_name(method),
            analysis_summary_on(&style, fatal > 0 ? ANALYSIS_BAD : ANALYSIS_GOOD),
            fatal > 0    ? "can't run here"
            : shorts > 0 ? "runs here, but read the short rows"
                         : "can run here",
            analysis_summary_off(&style));
    analysis_needs_print(&style, needs, len, true);
    scenario_free(s);
    return analysis_program_flush(program, "doctor", fatal > 0 ? ANALYSIS_REFUSED : ANALYSIS_OK);
}
