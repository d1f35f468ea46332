/* analysis/run_options.c -- from flags to a session. */
#include "analysis/run_options.h"

#include <string.h>

#include "analysis/share.h"
#include "scenarios/share.h"
#include "sim/err.h"
#include "sim/units.h"

static void add(struct analysis_run_options *o, size_t *len, struct analysis_option option)
{
    o->table[(*len)++] = option;
    o->table[*len] = (struct analysis_option){.name = NULL};
}

void analysis_run_options_init(struct analysis_run_options *o, bool compare)
{
    size_t len = 0;

    memset(o, 0, sizeof(*o));
    add(o, &len,
        (struct analysis_option){"world", ANALYSIS_OPTION_TEXT, &o->world, "virtual|live",
                                 "default: the scenario's, else virtual"});
    if (compare) {
        add(o, &len,
            (struct analysis_option){"methods", ANALYSIS_OPTION_TEXT, &o->methods, "A,B,...",
                                     "default: traditional,pfs; also load-server"});
    } else {
        add(o, &len,
            (struct analysis_option){"method", ANALYSIS_OPTION_TEXT, &o->method, "NAME",
                                     "traditional, pfs, load-server; default: the scenario's"});
    }
    add(o, &len,
        (struct analysis_option){"seed", ANALYSIS_OPTION_TEXT, &o->seed, "N",
                                 "default: the scenario's, else 1"});
    add(o, &len,
        (struct analysis_option){"set", ANALYSIS_OPTION_LIST, &o->sets, "PATH=VALUE",
                                 "override a key: sites[0].wan.rate=\"384 kbit/s\"; repeatable"});
    add(o, &len,
        (struct analysis_option){
            "out", ANALYSIS_OPTION_TEXT, &o->out, "DIR",
            compare ? "DIR/report.html, DIR/compare.json, and DIR/METHOD/ with the files of each "
                      "run"
                    : "report.html, result.json, scenario.json and CSV files, see the README"});
    add(o, &len,
        (struct analysis_option){"json", ANALYSIS_OPTION_FLAG, &o->json, NULL,
                                 "the result document on standard output, nothing else there"});
    add(o, &len,
        (struct analysis_option){"quiet", ANALYSIS_OPTION_FLAG, &o->quiet, NULL,
                                 "no progress on standard error"});
    add(o, &len,
        (struct analysis_option){"verbose", ANALYSIS_OPTION_FLAG, &o->verbose, NULL,
                                 "also roots, faults, retries, fallbacks and failures"});
    add(o, &len,
        (struct analysis_option){"phone-log", ANALYSIS_OPTION_TEXT, &o->phone_log, "ADDRESS",
                                 "that phone's console log, in the real one's wording"});
    add(o, &len,
        (struct analysis_option){"check-determinism", ANALYSIS_OPTION_FLAG, &o->check_determinism,
                                 NULL,
                                 "virtual: run twice side by side, name the first difference"});
    add(o, &len,
        (struct analysis_option){"max-memory", ANALYSIS_OPTION_TEXT, &o->max_memory, "SIZE",
                                 "virtual: refuse to start when it may take more, like \"2 GB\"; "
                                 "default: what is left"});
    add(o, &len,
        (struct analysis_option){
            "shard", ANALYSIS_OPTION_TEXT, &o->shard, "I/N",
            "share I (from 0) of N of the sites, for pfsim merge; N alone: the launcher says I"});
    add(o, &len,
        (struct analysis_option){"listen", ANALYSIS_OPTION_TEXT, &o->listen, "ADDR:PORT",
                                 "a page with growing charts, and /metrics for Prometheus"});
    add(o, &len,
        (struct analysis_option){"junit", ANALYSIS_OPTION_TEXT, &o->junit, "FILE",
                                 "the verdict as JUnit XML, a test case a threshold"});
    add(o, &len,
        (struct analysis_option){"pcap", ANALYSIS_OPTION_TEXT, &o->pcap, "FILE",
                                 "the packets, as pcapng for Wireshark"});
    add(o, &len,
        (struct analysis_option){"trace", ANALYSIS_OPTION_TEXT, &o->trace, "FILE",
                                 "a timeline for ui.perfetto.dev, one track a phone"});
    add(o, &len,
        (struct analysis_option){"events", ANALYSIS_OPTION_TEXT, &o->events, "FILE",
                                 "every record, a JSON object a line; .gz compresses"});
}

const char *analysis_run_options_statuses(void)
{
    return "  0    all phones upgraded, all thresholds met\n"
           "  1    some phone failed, or some threshold was missed\n"
           "  2    bad command line or scenario: nothing was started\n"
           "  3    the environment refused: port taken, server unreachable, disk full ...\n"
           "  4    the machine fell behind: this run is invalid, `validity` says why\n"
           "  130  interrupted: Ctrl-C once writes partial results, twice ends at once\n";
}

/* What can't be asked of a live run. */
static int check_world(const struct analysis_run_options *o, const struct analysis_program *program,
                       const char *command, const struct analysis_session *session)
{
    const char *flag = o->check_determinism    ? "check-determinism"
                       : o->max_memory != NULL ? "max-memory"
                                               : NULL;

    if (session->world == SCENARIO_LIVE && flag != NULL) {
        return analysis_program_fail(
            program, command, ANALYSIS_USAGE,
            o->check_determinism
                ? "--%s: a live run is never the same twice; --world virtual is"
                : "--%s is for virtual runs; pfsim doctor says what a live run needs",
            flag);
    }
    return ANALYSIS_OK;
}

static bool has_phone(const struct scenario *s, const struct analysis_session *session)
{
    struct scenario_share share = scenario_share(s, session->shard, session->shards);
    sim_addr addr = session->phone_log;

    for (uint32_t i = share.first; i < share.first + share.len; i++) {
        char name[SCENARIO_NAME_MAX];
        struct sim_site_setup setup;
        if (scenario_site_setup(s, i, &setup, name) != 0 ||
            !sim_cidr_contains(&(struct sim_cidr){setup.base, setup.bits}, addr)) {
            continue;
        }
        for (uint32_t n = 0; n < setup.phones; n++) {
            uint32_t within;
            sim_addr found;
            scenario_phone(s, &setup, n, &within, &found);
            if (found == addr) {
                return true;
            }
        }
    }
    return false;
}

/* What needs no scenario: mistakes here are told before the file is read. */
static int check_words(const struct analysis_run_options *o, const struct analysis_program *program,
                       const char *command, struct analysis_session *session)
{
    char why[ANALYSIS_WHY_MAX];

    if (o->world != NULL && strcmp(o->world, "live") != 0 && strcmp(o->world, "virtual") != 0) {
        return analysis_program_fail(program, command, ANALYSIS_USAGE,
                                     "unknown world %.60s; there are virtual and live", o->world);
    }
    if (o->method != NULL && !analysis_program_method(o->method, &session->method, why)) {
        return analysis_program_fail(program, command, ANALYSIS_USAGE, "%s", why);
    }
    if (o->seed != NULL && analysis_options_number(o->seed, UINT64_MAX, &session->seed) != 0) {
        return analysis_program_fail(program, command, ANALYSIS_USAGE,
                                     "--seed %.60s: expected a whole number from 0 to 2^64-1",
                                     o->seed);
    }
    if (o->phone_log != NULL && sim_addr_parse(o->phone_log, &session->phone_log) != 0) {
        return analysis_program_fail(program, command, ANALYSIS_USAGE,
                                     "--phone-log %.60s: expected a phone's address, like "
                                     "127.1.0.2",
                                     o->phone_log);
    }
    if (o->max_memory != NULL && (sim_units_parse_size(o->max_memory, &session->max_memory) != 0 ||
                                  session->max_memory == 0)) {
        return analysis_program_fail(program, command, ANALYSIS_USAGE,
                                     "--max-memory %.60s: expected a size with its unit, like "
                                     "\"512 MiB\"",
                                     o->max_memory);
    }
    if (o->shard != NULL &&
        analysis_share_parse(o->shard, &session->shard, &session->shards, why) != 0) {
        return analysis_program_fail(program, command, ANALYSIS_USAGE, "%s", why);
    }
    if (o->quiet && o->verbose) {
        return analysis_program_fail(program, command, ANALYSIS_USAGE,
                                     "--quiet and --verbose contradict one another");
    }
    if (o->out != NULL && o->out[0] == '\0') {
        return analysis_program_fail(program, command, ANALYSIS_USAGE,
                                     "--out needs the name of a folder");
    }
    return ANALYSIS_OK;
}

int analysis_run_options_apply(const struct analysis_run_options *o,
                               const struct analysis_program *program, const char *command,
                               const char *path, struct scenario **scenario,
                               struct analysis_session *session)
{
    struct scenario *s = NULL;
    struct analysis_session made = {
        .program = program,
        .command = command,
        .out = o->out,
        .quiet = o->quiet,
        .verbose = o->verbose,
        .check_determinism = o->check_determinism,
        .has_phone_log = o->phone_log != NULL,
        .phone_log_to = o->json ? program->err : program->out,
        .pcap = o->pcap,
        .trace = o->trace,
        .events = o->events,
    };

    int status = check_words(o, program, command, &made);
    if (status == ANALYSIS_OK) {
        status = analysis_program_load(program, command, path, &o->sets, &s);
    }
    if (status == ANALYSIS_OK) {
        made.world = o->world == NULL                ? s->world
                     : strcmp(o->world, "live") == 0 ? SCENARIO_LIVE
                                                     : SCENARIO_VIRTUAL;
        status = check_world(o, program, command, &made);
    }
    if (status == ANALYSIS_OK && made.has_phone_log && !has_phone(s, &made)) {
        status = analysis_program_fail(
            program, command, ANALYSIS_USAGE, "--phone-log %s: %s has no phone there", o->phone_log,
            made.shards > 0 ? "this share of the scenario" : "the scenario");
    }
    if (status != ANALYSIS_OK) {
        scenario_free(s);
        return status;
    }
    made.scenario = s;
    made.method = o->method != NULL ? made.method : s->method;
    made.seed = o->seed != NULL ? made.seed : s->seed;
    *session = made;
    *scenario = s;
    return ANALYSIS_OK;
}
