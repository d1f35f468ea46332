/* Goal: what a user types ends with the promised status, output and files. Method:
 * analysis_main() in this process over a scripted run (fake_run.h): no socket, no waiting. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "analysis/help.h"
#include "analysis/program.h"
#include "tests/unit/analysis/fake_run.h"

static const char scenario_text[] =
    "{ \"name\": \"two sites\", \"seed\": 5, \"world\": \"live\", \"method\": \"pfs\",\n"
    "  \"firmware\": [ { \"model\": \"CP-7961G\", \"load\": \"SCCP41\",\n"
    "    \"files\": [ { \"name\": \"a.sbn\", \"size\": \"600000 B\" }, { \"name\": \"b.sbn\", "
    "\"size\": \"400000 B\" } ] } ],\n"
    "  \"sites\": [ { \"name\": \"branch\", \"count\": 2, \"wan\": { \"rate\": \"6 Mbit/s\" },\n"
    "    \"phones\": [ { \"system\": \"bare\", \"model\": \"CP-7961G\", \"count\": 15 } ] } ],\n"
    "  \"thresholds\": { \"phones.failed\": \"== 0\", \"sites[branch].completion_s.p99\": \"< "
    "60\" } }\n";

static char folder[64], scenario_path[96], out_path[96];

static struct {
    char *out, *err;
    int status;
} ran;

static void set_up(void)
{
    snprintf(folder, sizeof(folder), "/tmp/pfsim-test.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(scenario_path, sizeof(scenario_path), "%s/s.json", folder);
    snprintf(out_path, sizeof(out_path), "%s/results/deep", folder);
    FILE *f = fopen(scenario_path, "w");
    fputs(scenario_text, f);
    fclose(f);
}

static void forget(void)
{
    free(ran.out);
    free(ran.err);
    ran.out = ran.err = NULL;
}

static void clean_up(void)
{
    char command[160];
    forget();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

/* Words separated by blanks; "S" is the scenario, "O" the folder for results. */
static int pfsim(const char *line)
{
    char copy[512], *argv[32] = {(char *)"pfsim"};
    int argc = 1;
    size_t out_len, err_len;
    struct analysis_program program = {.version = "9.9.9"};

    forget();
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = strcmp(word, "S") == 0   ? scenario_path
                       : strcmp(word, "O") == 0 ? out_path
                                                : word;
    }
    program.out = open_memstream(&ran.out, &out_len);
    program.err = open_memstream(&ran.err, &err_len);
    ran.status = analysis_main(&program, argc, argv);
    fclose(program.out);
    fclose(program.err);
    return ran.status;
}

static bool has_file(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", out_path, name);
    return access(path, R_OK) == 0;
}

static char *read_file(const char *name)
{
    char path[256];
    static char text[1 << 16];
    snprintf(path, sizeof(path), "%s/%s", out_path, name);
    FILE *f = fopen(path, "r");
    cr_assert_not_null(f, "%s", path);
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return text;
}

static double number(const cJSON *o, const char *path)
{
    char key[64];
    for (;;) {
        size_t len = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        o = cJSON_GetObjectItemCaseSensitive(o, key);
        if (path[len] == '\0') {
            cr_assert(cJSON_IsNumber(o), "%s is no number", key);
            return o->valuedouble;
        }
        path += len + 1;
    }
}

#define SAYS(text, word) cr_assert(strstr(text, word) != NULL, "no \"%s\" in: %s", word, text)

TestSuite(program, .init = set_up, .fini = clean_up);

Test(program, a_good_run_ends_with_0_and_a_verdict_first)
{
    cr_assert_eq(pfsim("run S"), 0, "%s", ran.err);
    SAYS(ran.out, "30 of 30 phones upgraded in ");
    SAYS(ran.out, "(1.00 copies); valid run");
    SAYS(ran.err, "seed 5");
    SAYS(ran.err, "descriptors              12,000"); /* what it needs, at every start */
    SAYS(ran.err, "enough      open files");
}

Test(program, json_is_alone_on_standard_output)
{
    cr_assert_eq(pfsim("run S --json --method traditional --seed 18446744073709551615"), 0);
    cJSON *d = cJSON_ParseWithOpts(ran.out, NULL, true);
    cr_assert_not_null(d, "%s", ran.out);
    cr_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(d, "method")), "traditional");
    cr_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(d, "seed")), "18446744073709551615");
    cr_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(d, "pfsim")), "9.9.9");
    cr_assert_eq(number(d, "phones.via_server"), 30);
    cr_assert_eq(number(d, "transfers.server"), 60);
    cr_assert_eq(number(d, "trees_summary.wan_copies"), 60);
    cr_assert_eq(number(d, "trees_summary.count"), 0);
    cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItem(d, "trees")), 0);
    cr_assert_eq(number(d, "wan.configured_bit_s"), 12000000);
    cr_assert_eq(number(d, "server.requests"), 99);
    cJSON_Delete(d);
}

Test(program, a_pfs_run_counts_trees_copies_and_ways)
{
    cr_assert_eq(pfsim("run S --json --quiet"), 0);
    cr_assert_str_eq(ran.err, "");
    cJSON *d = cJSON_Parse(ran.out);
    cr_assert_eq(number(d, "phones.total"), 30);
    cr_assert_eq(number(d, "phones.via_peer"), 28);
    cr_assert_eq(number(d, "phones.via_server"), 2);
    cr_assert_eq(number(d, "transfers.peer"), 56);
    cr_assert_eq(number(d, "transfers.server"), 4);
    cr_assert_eq(number(d, "trees_summary.count"), 4);
    cr_assert_eq(number(d, "trees_summary.depth_max"), 4);
    cr_assert_eq(number(d, "trees_summary.max_children"), 2);
    cr_assert_eq(number(d, "trees_summary.wan_copies"), 4);
    cr_assert_eq(number(d, "bounds.copies"), 1);
    /* 1 MB over 6 Mbit/s; 2,000,000 B busy each way are not in it. */
    cr_assert_float_eq(number(d, "bounds.wan_floor_s"), 1.333333, 1e-6);
    cr_assert_float_eq(number(d, "bounds.gap"),
                       number(d, "completion_s.last") / number(d, "bounds.optimum_s"), 1e-5);
    const cJSON *tree = cJSON_GetArrayItem(cJSON_GetObjectItem(d, "trees"), 0);
    cr_assert_eq(number(tree, "phones"), 15);
    cr_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "digest_source")), "synthetic");
    cr_assert_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(tree, "root")), "127.1.0.2");
    cJSON_Delete(d);
}

Test(program, files_have_the_columns_of_the_readme)
{
    cr_assert_eq(pfsim("run S --out O --quiet"), 0, "%s", ran.err);
    cr_assert(has_file("result.json") && has_file("series.csv") && has_file("sites.csv"));
    char *phones = read_file("phones.csv");
    SAYS(phones,
         "phone,site,model,system,start_s,config_s,done_s,back_s,files_from_peer,"
         "files_from_server,retries,outcome\n"
         "127.1.0.2,branch#1,CP-7961G,bare,0.000000,0.003000,0.023000,0.024000,0,2,0,upgraded\n");
    char *transfers = read_file("transfers.csv");
    SAYS(transfers, "phone,file,from,via,start_s,end_s,bytes,outcome\n"
                    "127.1.0.2,a.sbn,server,server,0.003000,0.013000,600000,ok\n");
    SAYS(transfers, "127.1.0.3,a.sbn,127.1.0.2,peer,");
    SAYS(read_file("series.csv"), "time_s,site,wan_bytes_per_s,");
    SAYS(read_file("phases.csv"), "phone,phase,file,start_s,end_s\n127.1.0.2,");
    SAYS(read_file("lag.csv"), "time_s,loop_lag_max_s\n");
    SAYS(read_file("scenario.json"), "\"name\":\t\"two sites\"");
    SAYS(ran.out, "/results/deep/report.html\n");
    cr_assert(has_file("report.html"));
}

Test(program, a_report_that_cannot_be_written_costs_nothing_else)
{
    char command[160];

    snprintf(command, sizeof(command), "mkdir -p %s/report.html", out_path);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(pfsim("run S --out O --quiet"), 3);
    SAYS(ran.err, "report.html: Is a directory");
    cr_assert(has_file("result.json") && has_file("phases.csv") && has_file("transfers.csv"));
}

Test(program, a_stored_result_is_reported_again)
{
    char line[256];

    cr_assert_eq(pfsim("run S --out O --quiet"), 0, "%s", ran.err);
    snprintf(line, sizeof(line), "report O -o%s/again.html", folder);
    cr_assert_eq(pfsim(line), 0, "%s", ran.err);
    SAYS(ran.out, "Report: /tmp/pfsim-test.");
    cr_assert_eq(pfsim("report O O -o /nowhere/x.html"), 3);
    SAYS(ran.err, "/nowhere/x.html");
    cr_assert_eq(pfsim("report O -o"), 2);
    SAYS(ran.err, "-o needs a value: -o FILE.html");
    cr_assert_eq(pfsim("report S"), 2);
    SAYS(ran.err, "s.json:1: pfsim: is missing: no result of pfsim");
    cr_assert_eq(pfsim("report"), 2);
    SAYS(ran.err, "a result is missing");
}

Test(program, a_failed_phone_ends_with_1_and_its_reason)
{
    fake.fail_every = 10;
    cr_assert_eq(pfsim("run S --out O"), 1);
    SAYS(ran.out, "27 of 30 phones upgraded");
    SAYS(ran.out, "3 failed");
    SAYS(ran.out, "     3  HTTP 404 from the server");
    SAYS(ran.out, "1 of 2 thresholds met");
    SAYS(ran.out, "MISSED  phones.failed                   == 0        3  3 too much");
    SAYS(ran.out, "    Times are those of the 27 upgraded phones of 30.\n");
    cJSON *d = cJSON_Parse(read_file("result.json"));
    cr_assert_eq(number(d, "failures_by_reason.HTTP 404 from the server"), 3);
    cJSON_Delete(d);
}

Test(program, an_unfinished_phone_is_not_hidden)
{
    fake.leave_unfinished = true;
    cr_assert_eq(pfsim("run S"), 1);
    SAYS(ran.out, "1 unfinished");
    SAYS(ran.out, "the run ended first");
}

Test(program, a_missed_threshold_ends_with_1)
{
    cr_assert_eq(pfsim("run S --set thresholds={\"completion_s.p95\":\"<0.001\"}"), 1, "%s",
                 ran.err);
    SAYS(ran.out, "MISSED  completion_s.p95  <0.001  695 ms  694 ms too much");
}

Test(program, a_margin_is_told_in_the_metric_s_unit_and_in_percent)
{
    cr_assert_eq(pfsim("run S --set thresholds={\"completion_s.p95\":\"<1s\","
                       "\"wan.payload_bytes\":\"<=1.6MB\",\"phones.failed\":\"==0\","
                       "\"models[CP-7961G].phones.upgraded\":\">=30\","
                       "\"files[a.sbn].peer.count\":\">1\"}"),
                 1, "%s", ran.err);
    SAYS(ran.out, "4 of 5 thresholds met");
    SAYS(ran.out, "695 ms  305 ms (30.5 %) to spare");
    SAYS(ran.out,
         "MISSED  wan.payload_bytes                 <=1.6MB    2 MB  400 kB (25 %) too much");
    SAYS(ran.out, ">=30         30  just");
}

Test(program, a_threshold_on_what_differs_each_time_is_warned_of)
{
    cr_assert_eq(pfsim("run S --set thresholds={\"engine.wall_s\":\"<900\"}"), 0);
    SAYS(ran.err, "engine.wall_s differs from run to run");
}

Test(program, a_threshold_nobody_knows_starts_nothing)
{
    cr_assert_eq(pfsim("run S --set thresholds={\"completion_s.p95x\":\"<1\"}"), 2);
    cr_assert_eq(pfsim("run S --set thresholds={\"sites[brunch].wan.bytes\":\"<1\"}"), 2);
    cr_assert_eq(pfsim("run S --set thresholds={\"sites[branch].server.errors\":\"<1\"}"), 2);
    cr_assert_eq(pfsim("run S --set thresholds={\"trees\":\"<1\"}"), 2);
    cr_assert_eq(fake.runs, 0);
}

Test(program, abort_ends_the_run_when_a_threshold_is_lost)
{
    fake.fail_every = 2;
    cr_assert_eq(
        pfsim("run S --set thresholds={\"phones.failed\":{\"limit\":\"==0\",\"abort\":true}}"), 1);
    SAYS(ran.err, "can't be met any more");
    SAYS(ran.out, "unfinished");
    fake.fail_every = 0;
    cr_assert_eq(pfsim("run S --set thresholds={\"sites[branch].wan.bytes\":{\"limit\":\"<1\","
                       "\"abort\":true}}"),
                 1);
    SAYS(ran.err, "can't be met any more");
}

Test(program, an_abort_without_effect_is_said_at_the_start)
{
    cr_assert_eq(pfsim("run S --set thresholds={\"completion_s.mean\":{\"limit\":\"<900\","
                       "\"abort\":true}}"),
                 0);
    SAYS(ran.err, "warning: \"abort\" has no effect on completion_s.mean");
    cr_assert_eq(pfsim("run S --set thresholds={\"completion_s.p97\":{\"limit\":\"<900\","
                       "\"abort\":true}}"),
                 0);
    cr_assert_null(strstr(ran.err, "no effect"));
}

Test(program, an_invalid_run_ends_with_4_even_with_failures)
{
    fake.invalid = true;
    fake.fail_every = 10;
    cr_assert_eq(pfsim("run S"), 4);
    SAYS(ran.out, "INVALID RUN: loop lag p99 was 80 ms");
    cr_assert_null(strstr(ran.out, "valid run"));
    SAYS(ran.out, "What to do: run it again while this machine does nothing else");
    cr_assert_eq(pfsim("compare S"), 4);
    SAYS(ran.out, "INVALID (traditional, pfs): loop lag p99 was 80 ms");
    cr_assert_null(strstr(ran.out, "finished"), "a headline of figures that say nothing");
}

Test(program, a_refusal_ends_with_3_and_says_why)
{
    fake.refuse = SIM_EADDRINUSE;
    cr_assert_eq(pfsim("run S --out O"), 3);
    SAYS(ran.err, "port 4051 is taken");
    cr_assert_str_eq(ran.out, "");
    cr_assert_not(has_file("series.csv"));
    fake.refuse = 0;
    fake.short_of_fatal = true;
    cr_assert_eq(pfsim("run S"), 3);
    SAYS(ran.err, "ulimit -n 16000");
    SAYS(ran.err, "refused: descriptors");
    cr_assert_eq(pfsim("run S --quiet"), 3);
    SAYS(ran.err, "refused: descriptors: ulimit -n 16000");
    cr_assert_eq(fake.runs, 0);
}

Test(program, a_server_that_dies_ends_with_3_and_partial_results)
{
    fake.die = SIM_ESERVER;
    fake.invalid = true;
    cr_assert_eq(pfsim("run S --out O"), 3);
    SAYS(ran.err, "the server died");
    cr_assert(has_file("result.json"));
}

Test(program, an_interruption_ends_with_130_and_partial_results)
{
    fake.interrupt = true;
    fake.invalid = true;
    cr_assert_eq(pfsim("compare S --out O"), 130);
    cr_assert_eq(fake.runs, 1, "an interruption is meant for all methods");
    cr_assert(has_file("traditional/result.json"));
    cr_assert(has_file("compare.json"));
    cr_assert(has_file("report.html"), "of what there is");
    SAYS(read_file("traditional/result.json"), "\"interrupted\":\ttrue");
}

Test(program, an_interruption_outranks_a_server_that_dies_of_it)
{
    fake.interrupt = true;
    fake.die = SIM_ESERVER;
    cr_assert_eq(pfsim("run S"), 130);
}

Test(program, a_folder_that_cannot_be_written_is_told_before_the_run)
{
    cr_assert_eq(pfsim("run S --out /proc/nowhere"), 3);
    cr_assert_eq(fake.runs, 0);
    SAYS(ran.err, "/proc/nowhere");
}

static size_t longest_line(const char *text)
{
    size_t longest = 0;

    for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        longest = len > longest ? len : longest;
    }
    return longest;
}

Test(program, compare_puts_the_first_over_the_second)
{
    cr_assert_eq(pfsim("compare S --json --out O"), 0);
    cJSON *d = cJSON_ParseWithOpts(ran.out, NULL, true);
    cr_assert_not_null(d);
    cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItem(d, "runs")), 2);
    cr_assert_eq(number(d, "ratio.wan_payload_bytes"), 15);
    cJSON_Delete(d);
    cr_assert(has_file("compare.json") && has_file("traditional/phones.csv") &&
              has_file("pfs/result.json"));
    cr_assert_eq(pfsim("compare S --methods load-server,pfs"), 0);
    SAYS(ran.out, "pfs is");
    SAYS(ran.out, "30 MB            2 MB   15.0 x less\n");
    SAYS(ran.out, "719 ms          719 ms   about the same\n");
    SAYS(ran.out, "80 ms          1.33 s\n"); /* each its own bound */
    SAYS(ran.out, "crossed the WAN before the run began");
    cr_assert_eq(pfsim("compare S --methods pfs,traditional"), 0);
    SAYS(ran.out, "2 MB           30 MB   15.0 x more\n");
    SAYS(ran.out, "2 MB           30 MB   15.0 x more\n");
    cr_assert(longest_line(ran.out) <= 100, "%zu columns", longest_line(ran.out));
}

Test(program, compare_says_first_who_left_phones_behind)
{
    fake.fail_every = 10;
    cr_assert_eq(pfsim("compare S"), 1);
    SAYS(ran.out, "\ntraditional left 3 of 30 phones behind; pfs left 3.\n");
    SAYS(ran.out, "673 ms   -\n");
}

Test(program, typos_end_with_2_and_the_nearest_word)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"rnu S", "did you mean run?"},
        {"run S --metod pfs", "did you mean --method?"},
        {"run S --method psf", "did you mean pfs?"},
        {"compare S --methods pfs,pfs", "twice"},
        {"compare S --methods pfs,", "unknown method"},
        {"run", "a scenario file is missing"},
        {"run S S", "one word too many"},
        {"run S --seed -1", "whole number"},
        {"run S --seed 18446744073709551616", "whole number"},
        {"run S --seed", "needs a value"},
        {"run S --json=yes", "takes no value"},
        {"run S --world mars", "unknown world"},
        {"run S --shard 2/2", "--shard"},
        {"run S --listen 8080", "an address of this machine and a port"},
        {"run S --listen 127.0.0.1:65536", "an address of this machine and a port"},
        {"run S --listen here:80", "an address of this machine and a port"},
        {"sweep S --vary", "needs a value"},
        {"run S --phone-log 127.9.9.9", "no phone there"},
        {"run S --phone-log x", "expected a phone's address"},
        {"run S --set nme=x", "did you mean"},
        {"run /nowhere.json", "/nowhere.json: found no such file"},
        {"content S", "--out DIR is missing"},
        {"serve", "the folder to serve is missing"},
        {"serve /tmp --port 65536", "a port"},
        {"serve /tmp --cert x", "belong together"},
        {"serve /tmp --uplink 5", "a rate with its unit"},
        {"schema nothing", "there are scenario, result and plan"},
        {"version x", "one word too many"},
        {"run S -q", "unknown flag -q"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(pfsim(rows[i].line), 2, "%s: %d", rows[i].line, ran.status);
        SAYS(ran.err, rows[i].says);
        cr_assert_str_eq(ran.out, "", "%s", rows[i].line);
    }
    cr_assert_eq(fake.runs, 0);
}

Test(program, the_flag_chooses_the_world_before_the_scenario)
{
    cr_assert_eq(pfsim("run S"), 0);
    SAYS(ran.err, ", live\n");
    cr_assert_eq(pfsim("run S --world virtual"), 0);
    SAYS(ran.err, ", virtual, fluid network\n");
    SAYS(ran.out, "virtual world");
    cr_assert_eq(pfsim("run S --set world=virtual --set network=packet"), 0);
    SAYS(ran.err, ", virtual, packet network\n");
    cr_assert_eq(pfsim("run S --set world=virtual --world live"), 0);
    SAYS(ran.err, ", live\n");
}

Test(program, a_virtual_run_does_not_ask_what_a_live_one_needs)
{
    fake.short_of_fatal = true;
    cr_assert_eq(pfsim("run S --world live"), 3);
    cr_assert_eq(pfsim("run S --world virtual"), 0);
    cr_assert_null(strstr(ran.err, "descriptors"));
}

Test(program, the_trace_hash_of_a_virtual_run_is_its_world_s)
{
    cr_assert_eq(pfsim("run S --world virtual --json --quiet"), 0);
    SAYS(ran.out, "\"trace_hash\":\t\"0000000000abcdef\"");
    cr_assert_eq(pfsim("run S --world live --json --quiet"), 0);
    cr_assert_null(strstr(ran.out, "\"0000000000abcdef\""));
}

Test(program, a_run_beside_its_equal_says_so_and_goes_on)
{
    cr_assert_eq(pfsim("run S --world virtual --check-determinism --json --quiet"), 0);
    SAYS(ran.err, "deterministic: 10 events, trace hash 0000000000abcdef");
    SAYS(ran.out, "\"upgraded\":\t30");
    cr_assert_eq(fake.runs, 1, "the second run is stepped, not run");
}

Test(program, the_first_difference_of_two_runs_is_named_and_ends_with_1)
{
    fake.differs_at = 7;
    cr_assert_eq(pfsim("run S --world virtual --check-determinism --quiet"), 1);
    SAYS(ran.err, "not reproducible: after 6 equal events first run: event 7 at 0.007000000 s, "
                  "branch#1 127.1.0.5: datagram; second run: event 7 at 0.007000000 s, branch#1 "
                  "127.1.0.6: alarm");
    SAYS(ran.out, "30 of 30 phones upgraded");
}

Test(program, two_runs_that_differ_in_what_is_not_seen_differ)
{
    fake.differs_at = 10;
    fake.hash_only = true;
    cr_assert_eq(pfsim("run S --world virtual --check-determinism --quiet"), 1);
    SAYS(ran.err, "not reproducible: after 9 equal events");
}

Test(program, only_virtual_runs_are_reproducible)
{
    cr_assert_eq(pfsim("run S --world live --check-determinism"), 2);
    SAYS(ran.err, "--check-determinism: a live run is never the same twice");
    cr_assert_eq(pfsim("run S --max-memory 1GB"), 2);
    SAYS(ran.err, "pfsim doctor");
    cr_assert_eq(fake.runs, 0);
}

Test(program, a_run_that_needs_too_much_memory_is_refused_with_the_estimate)
{
    fake.memory = UINT64_C(3000000000);
    cr_assert_eq(pfsim("run S --world virtual --max-memory 2GB"), 3);
    SAYS(ran.err, "may take 3.01 GB of memory, and 2 GB are allowed (--max-memory)");
    SAYS(ran.err, "max_transfers");
    cr_assert_eq(pfsim("run S --world virtual --max-memory 4GB"), 0);
    cr_assert_eq(pfsim("run S --world virtual --max-memory 4GB --check-determinism"), 3);
    SAYS(ran.err, "6.01 GB"); /* two runs side by side */
    fake.memory = UINT64_C(1) << 60;
    cr_assert_eq(pfsim("run S --world virtual"), 3);
    SAYS(ran.err, "are left on this machine");
    cr_assert_eq(pfsim("run S --world virtual --max-memory 2"), 2);
    SAYS(ran.err, "expected a size with its unit");
    cr_assert_eq(pfsim("run S --world virtual --max-memory 0B"), 2);
}

Test(program, abort_ends_a_virtual_run_too)
{
    fake.fail_every = 2;
    cr_assert_eq(pfsim("run S --world virtual --set "
                       "thresholds={\"phones.failed\":{\"limit\":\"==0\",\"abort\":true}}"),
                 1);
    SAYS(ran.err, "can't be met any more");
}

/* On any terminal, and nothing that an editor would mark. */
static void assert_fits_80_columns(const char *command)
{
    for (const char *line = ran.out; *line != '\0';) {
        size_t len = strcspn(line, "\n");
        cr_assert_leq(len, 80, "pfsim %s: %.*s", command, (int)len, line);
        cr_assert(len == 0 || line[len - 1] != ' ', "pfsim %s: %.*s", command, (int)len, line);
        line += len + (line[len] == '\n');
    }
}

Test(program, every_command_has_help_with_flags_statuses_and_an_example)
{
    size_t commands = 0;

    cr_assert_eq(pfsim(""), 2);
    cr_assert_eq(pfsim("--help"), 0);
    assert_fits_80_columns("--help");
    char *list = strdup(ran.out), *save = NULL;
    for (char *line = strtok_r(list, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char command[64];
        if (strncmp(line, "  ", 2) != 0 || line[2] == ' ') {
            continue; /* not the first line of a command */
        }
        snprintf(command, sizeof(command), "%.*s --help", (int)strcspn(line + 2, " "), line + 2);
        cr_assert_eq(pfsim(command), 0, "%s", command);
        SAYS(ran.out, "usage: pfsim ");
        SAYS(ran.out, "flags:");
        SAYS(ran.out, "exit status:");
        SAYS(ran.out, "example:");
        assert_fits_80_columns(command);
        commands++;
    }
    free(list);
    cr_assert_geq(commands, 13);
}

Test(program, help_breaks_long_lines_and_keeps_paragraphs_and_what_is_to_be_typed)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    analysis_help_text(to, "One line, written\nas two.\n\n  --wide \"A B\"      to eighty columns "
                           "and not further: \"sites[0].wan.rate=1 Mbit/s\"\nThe end.\n");
    analysis_help_row(to, "--set PATH", 14,
                      "\"eighty columns\" hold this and no more words than this "
                      "\"and one word\" more");
    analysis_help_command(to,
                          "pfsim sweep scenarios/branch-t1.json --vary \"rate=1.536 Mbit/s..6.144 "
                          "Mbit/s x2\" --json -o -");
    fclose(to);
    cr_assert_str_eq(text,
                     "One line, written as two.\n\n"
                     "  --wide \"A B\"      to eighty columns and not further:\n"
                     "                    \"sites[0].wan.rate=1 Mbit/s\"\n"
                     "The end.\n"
                     "  --set PATH  \"eighty columns\" hold this and no more words than this\n"
                     "              \"and one word\" more\n"
                     "  pfsim sweep scenarios/branch-t1.json \\\n"
                     "    --vary \"rate=1.536 Mbit/s..6.144 Mbit/s x2\" --json -o -\n");
    free(text);
}

Test(program, check_schema_version_and_doctor_answer_without_a_run)
{
    cr_assert_eq(pfsim("check S"), 0);
    SAYS(ran.out, "30 phones in 2 sites");
    cr_assert_eq(pfsim("schema"), 0);
    cJSON *d = cJSON_ParseWithOpts(ran.out, NULL, true);
    cr_assert_not_null(d);
    cJSON_Delete(d);
    cr_assert_eq(pfsim("schema result"), 0);
    d = cJSON_ParseWithOpts(ran.out, NULL, true);
    cr_assert_not_null(d);
    cJSON_Delete(d);
    cr_assert_eq(pfsim("schema plan"), 0);
    SAYS(ran.out, "A plan of pfsim");
    cr_assert_eq(pfsim("version"), 0);
    SAYS(ran.out, "9.9.9");
    SAYS(ran.out, "libmicrohttpd");
    SAYS(ran.out, "libuv");
    cr_assert_eq(pfsim("doctor S"), 0);
    SAYS(ran.out, "enough");
    fake.short_of_fatal = true;
    cr_assert_eq(pfsim("doctor S"), 3);
    SAYS(ran.out, "-> ulimit -n 16000");
    cr_assert_eq(fake.runs, 0);
}

Test(program, the_console_log_of_one_phone_is_printed_as_it_is)
{
    cr_assert_eq(pfsim("run S --phone-log 127.1.0.5 --quiet"), 0);
    cr_assert_eq(strncmp(ran.out, "NOT DLoad: a line\n", 18), 0, "%s", ran.out);
    cr_assert_null(strstr(ran.out + 18, "NOT DLoad"));
    cr_assert_eq(pfsim("run S --phone-log 127.1.0.5 --json --quiet"), 0);
    SAYS(ran.err, "NOT DLoad: a line\n");
    cr_assert_eq(ran.out[0], '{');
}

Test(program, verbose_tells_of_roots_and_failures)
{
    fake.fail_every = 10;
    cr_assert_eq(pfsim("run S --verbose"), 1);
    SAYS(ran.err, "127.1.0.2       is root of a.sbn");
    SAYS(ran.err, "failed: HTTP 404 from the server");
}

Test(program, a_full_standard_output_ends_with_3)
{
    char *argv[] = {(char *)"pfsim",  (char *)"run",     scenario_path,
                    (char *)"--json", (char *)"--quiet", NULL};
    size_t err_len;
    struct analysis_program program = {.version = "9.9.9", .out = fopen("/dev/full", "w")};

    program.err = open_memstream(&ran.err, &err_len);
    cr_assert_eq(analysis_main(&program, 5, argv), 3);
    fclose(program.err);
    fclose(program.out);
    SAYS(ran.err, "can't write to standard output");
}

/* A limit on the size of files stands for a full disk: writes fail in the middle. */
Test(program, a_full_disk_ends_with_3_and_leaves_nothing_half_written)
{
    struct rlimit before, limit;
    int names = 0;

    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 300; /* series.csv still fits, phones.csv does not */
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    pfsim("run S --out O --quiet");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_assert_eq(ran.status, 3);
    SAYS(ran.err, "can't write ");
    SAYS(ran.out, "30 of 30 phones upgraded");
    cr_assert_null(strstr(ran.out, "Results: "));
    cr_assert_not(has_file("result.json"));
    cr_assert_not(has_file("phones.csv"));
    DIR *dir = opendir(out_path);
    cr_assert_not_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        names += entry->d_name[0] == '.' && strcmp(entry->d_name, ".") != 0 &&
                 strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    cr_assert_eq(names, 0, "temporary files were left");
}
