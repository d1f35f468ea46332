/* Goal: a view says what the files say, counted by hand; what is missing or damaged is said, not
 * fatal; nothing in it can end the script that it stands in. Method: a run of two sites with two
 * phones each, written file by file. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/report/page.h"
#include "analysis/report/phases.h"
#include "analysis/report/report.h"
#include "analysis/report/view.h"
#include "analysis/report/view_trees.h"
#include "analysis/summary.h"
#include "sim/err.h"
#include "tests/unit/analysis/small_result.h"

static const char sites_csv[] = "site,class,phones,failed,unfinished,last_s\n"
                                "branch#1,branch,2,0,0,9.5\n"
                                "branch#2,branch,2,1,0,4\n";
static const char phones_csv[] =
    "phone,site,model,done_s,files_from_peer,files_from_server,outcome\n"
    "127.1.0.2,branch#1,M,3,0,1,upgraded\n"
    "127.1.0.3,branch#1,M,10.5,1,0,upgraded\n"
    "127.1.1.2,branch#2,M,5,0,1,upgraded\n"
    "127.1.1.3,branch#2,M,,0,0,failed\n";
static const char transfers_csv[] = "phone,file,from,via,start_s,end_s,bytes,outcome\n"
                                    "127.1.0.2,x.sbn,server,server,2,3,1000,ok\n"
                                    "127.1.1.2,x.sbn,server,server,2,5,1000,ok\n"
                                    "127.1.1.3,x.sbn,127.1.1.2,peer,5,6,300,cut off\n"
                                    "127.1.0.3,x.sbn,127.1.0.2,peer,6,10.5,1000,ok\n";
static const char phases_csv[] = "phone,phase,file,start_s,end_s\n"
                                 "127.1.0.2,boot,,1,2\n"
                                 "127.1.0.2,fetch_server,x.sbn,2,3\n"
                                 "127.1.0.2,verify,x.sbn,3,3\n"
                                 "127.1.0.3,fetch_peer,x.sbn,6,10.5\n";
/* branch#1 is told to its end before branch#2 begins, each from instant 0. */
#define PHASES_HEAD                                                                                \
    "off,boot,configure,elect,wait,fetch_peer,fetch_server,verify,linger,apply,reboot,"            \
    "in_service,failed\n"
static const char series_csv[] =
    "time_s,site,wan_bytes_per_s,wan_up_bytes_per_s,lan_bytes_per_s," PHASES_HEAD
    "1,branch#1,100,10,0,0,2,0,0,0,0,0,0,0,0,0,0,0\n"
    "3,branch#1,50,0,5,0,0,0,0,0,1,1,0,0,0,0,0,0\n"
    "1,branch#2,0,0,0,1,1,0,0,0,0,0,0,0,0,0,0,0\n"
    "4,branch#2,200,0,0,0,0,0,0,0,0,0,0,0,0,0,2,0\n";

static char dir[64], why[ANALYSIS_WHY_MAX];

static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f, "%s", path);
    fputs(text, f);
    fclose(f);
}

static void set_up(void)
{
    snprintf(dir, sizeof(dir), "/tmp/pfsim-view.XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    put("result.json", SMALL_RESULT("pfs"));
    put("scenario.json", "{\"name\": \"small\", \"start\": {\"at\": \"1 s\"}}");
    put("sites.csv", sites_csv);
    put("phones.csv", phones_csv);
    put("transfers.csv", transfers_csv);
    put("phases.csv", phases_csv);
    put("series.csv", series_csv);
}

static void clean_up(void)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

static cJSON *view_of(const char *path)
{
    cJSON *view = NULL;
    int rc = analysis_view_read(&view, path, why);
    cr_assert_eq(rc, 0, "%s", why);
    return view;
}

static const cJSON *run_of(const cJSON *view)
{
    return cJSON_GetObjectItemCaseSensitive(view, "runs")->child;
}

/* PATH with dots, numbers for elements of lists. */
static const cJSON *at(const cJSON *o, const char *path)
{
    char key[64];

    for (;;) {
        size_t len = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        o = cJSON_IsArray(o) ? cJSON_GetArrayItem(o, atoi(key))
                             : cJSON_GetObjectItemCaseSensitive(o, key);
        cr_assert_not_null(o, "nothing at %s", path);
        if (path[len] == '\0') {
            return o;
        }
        path += len + 1;
    }
}

static void expect(const cJSON *o, const char *path, const char *json)
{
    char *text = cJSON_PrintUnformatted(at(o, path));
    cr_assert_str_eq(text, json, "%s: %s, expected %s", path, text, json);
    cJSON_free(text);
}

TestSuite(view, .init = set_up, .fini = clean_up);

Test(view, a_small_run_counted_by_hand)
{
    static const char *const expected[][2] = {
        {"label", "\"pfs\""},
        {"start_at_s", "1"},
        {"verdict.status", "\"failed\""},
        {"verdict.sentence", "\"1 of 4 phones failed: no progress.\""},
        {"completion.t", "[2,4,9.5]"},
        {"completion.done", "[1,2,3]"},
        {"completion.of", "4"},
        {"classes.0.name", "\"branch\""},
        {"classes.0.done", "[1,2,3]"},
        {"models.0.name", "\"M\""},
        {"models.0.of", "4"},
        /* 100 and 50, 50 bytes; 0, then 200 a second from 1 to 4: 8 bits each. */
        {"wan.t", "[1,3,4]"},
        {"wan.down", "[800,2000,1600]"},
        {"wan.up", "[80,0,0]"},
        {"wan.lan", "[0,40,0]"},
        {"wan.configured_bit_s", "16000"},
        {"wan.configured", "null"}, /* it does not change */
        {"wan.sites", "2"},
        {"wan.busiest.site", "\"branch#2\""},
        {"wan.busiest.t", "[1,4]"},
        {"wan.busiest.down", "[0,1600]"},
        {"wan.busiest.configured_bit_s", "8000"},
        {"states.t", "[0,1,2,3,4]"},
        {"states.counts.0", "[4,1,1,1,0]"}, /* off */
        {"states.counts.1", "[0,3,3,1,0]"}, /* boot */
        {"states.counts.11", "[0,0,0,0,2]"},
        {"gantt.how", "\"2 of 4 phones, chosen before the run: evenly over sites and phones, with "
                      "each class of sites and each model among them.\""},
        {"gantt.phones",
         "{\"phone\":[\"127.1.0.2\",\"127.1.0.3\"],\"site\":[0,0],\"model\":[0,0],\"outcome\":["
         "\"upgraded\",\"upgraded\"]}"},
        {"gantt.bars", "{\"phone\":[0,0,1],\"phase\":[1,6,5],\"from\":[1,2,6],\"to\":[2,3,10.5],"
                       "\"file\":[-1,0,0]}"},
        {"trees.of", "1"},
        {"trees.list.0.site", "\"branch#2\""}, /* the one with a failure first */
        {"trees.list.0.root", "\"127.1.1.2\""},
        {"trees.list.0.parent", "[-1,0]"},
        {"trees.list.0.done", "[5,null]"},
        {"trees.list.0.outcome", "[\"upgraded\",\"failed\"]"},
        {"trees.list.1.site", "\"branch#1\""},
        {"trees.list.1.re_elected", "1"},
        {"trees.list.1.parent", "[-1,0]"},
        {"trees.list.1.done", "[3,10.5]"},
        {"files.0.file", "\"x.sbn\""},
        {"files.0.size", "1000"},
        {"files.0.peer.count", "1"},
        {"files.0.peer.max", "4.5"},
        {"files.0.server.count", "2"},
        {"files.0.server.max", "3"},
        {"failures", "[{\"reason\":\"no progress\",\"phones\":1,\"examples\":[\"127.1.1.3 "
                     "(branch#2)\"]}]"},
        {"lag", "null"},
        {"missing", "[]"},
    };
    cJSON *view = view_of(dir);

    expect(view, "kind", "\"run\"");
    expect(view, "title", "\"small\"");
    expect(view, "versions.pfsim", "\"0.1.0\"");
    expect(view, "scenario.name", "\"small\"");
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        expect(run_of(view), expected[i][0], expected[i][1]);
    }
    cJSON_Delete(view);
}

Test(view, what_is_missing_is_said_and_the_rest_is_there)
{
    static const char *const names[] = {"sites.csv",  "phones.csv", "transfers.csv",
                                        "phases.csv", "series.csv", "scenario.json"};
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
        cJSON *view = view_of(dir);
        const cJSON *missing = at(run_of(view), "missing");
        cr_assert_eq(cJSON_GetArraySize(missing), (int)i + 1, "%s", names[i]);
        bool said = false;
        const cJSON *sentence;
        cJSON_ArrayForEach(sentence, missing)
        {
            said = said || strstr(sentence->valuestring, names[i]) != NULL;
            cr_assert_null(strstr(sentence->valuestring, dir), "where it lay: %s",
                           sentence->valuestring);
        }
        cr_assert(said, "%s", names[i]);
        expect(run_of(view), "verdict.status", "\"failed\"");
        cJSON_Delete(view);
    }
}

Test(view, damaged_rows_end_their_part_only)
{
    put("phones.csv", "phone,site,model,done_s,files_from_peer,files_from_server,outcome\n"
                      "127.1.0.2,branch#1,M,3,0,1,upgraded\n"
                      "127.1.0.3,branch#1,M,ten,1,0,upgraded\n");
    put("transfers.csv", "phone,file,from,via,start_s,end_s,bytes,outcome\n\"");
    cJSON *view = view_of(dir);

    cr_assert_eq(cJSON_GetArraySize(at(run_of(view), "missing")), 2);
    expect(run_of(view), "missing.0",
           "\"phones.csv: row 3, column done_s: found \\\"ten\\\", expected a number like 12.5: "
           "phones behind it are not in this report.\"");
    expect(run_of(view), "completion.t", "[2]");
    expect(run_of(view), "wan.t", "[1,3,4]");
    cJSON_Delete(view);
}

Test(view, rows_that_are_not_the_results_are_said)
{
    put("phones.csv", "phone,site,model,done_s,files_from_peer,files_from_server,outcome\n"
                      "127.1.0.2,branch#1,M,3,0,1,upgraded\n"
                      "127.1.0.3,branch#1,M,4,0,0,current\n");
    cJSON *view = view_of(dir);

    expect(run_of(view), "missing.0",
           "\"phones.csv has 2 phones, the result 4: they are not of the same run, or damaged.\"");
    expect(run_of(view), "completion.done", "[1]");
    expect(run_of(view), "completion.of", "1");
    cJSON_Delete(view);
}

Test(view, a_resumed_tail_is_no_whole_file)
{
    put("transfers.csv", "phone,file,from,via,start_s,end_s,bytes,outcome\n"
                         "127.1.0.2,x.sbn,server,server,2,3,10,ok\n");
    cJSON *view = view_of(dir);

    expect(run_of(view), "files.0.server.count", "2"); /* as the result says */
    expect(run_of(view), "files.0.size", "1000");
    cJSON_Delete(view);
}

Test(view, a_tree_with_a_root_is_shown_though_nobody_shared)
{
    put("transfers.csv", "phone,file,from,via,start_s,end_s,bytes,outcome\n"
                         "127.1.0.2,x.sbn,server,server,2,3,1000,wrong digest\n"
                         "127.1.1.2,x.sbn,server,server,2,5,1000,ok\n");
    cJSON *view = view_of(dir);

    expect(run_of(view), "trees.list.0.site", "\"branch#1\"");
    expect(run_of(view), "trees.how", "\"The only tree. Nothing was shared in 1.\"");
    cJSON_Delete(view);
}

Test(view, phones_that_gave_one_another_are_no_ring)
{
    put("transfers.csv", "phone,file,from,via,start_s,end_s,bytes,outcome\n"
                         "127.1.0.2,x.sbn,127.1.0.3,peer,2,3,1000,ok\n"
                         "127.1.0.3,x.sbn,127.1.0.2,peer,2,3,1000,ok\n");
    cJSON *view = view_of(dir);

    expect(run_of(view), "trees.list.0.parent", "[1,-2]");
    cJSON_Delete(view);
}

Test(view, rings_of_any_length_are_cut_and_depths_counted)
{
    enum { LEN = 7 };
    /* 0 from the server; 1 from 0; 2 -> 3 -> 4 -> 2; 5 from 4; 6 from nobody here. */
    const uint32_t from[LEN] = {1, 2, 5, 6, 4, 6, 100};
    const int32_t expected[LEN] = {-1, 0, 3, 4, -2, 4, -2};
    const uint32_t depth[LEN] = {0, 1, 2, 1, 0, 1, 0};
    struct view_cell cells[LEN] = {{.from = 0}};
    const struct view_cell *list[LEN];
    int32_t place[128], parents[LEN];
    uint32_t depths[LEN];

    memset(place, 0xff, sizeof(place));
    for (int32_t i = 0; i < LEN; i++) {
        cells[i].from = from[i];
        list[i] = &cells[i];
        place[i] = i;
    }
    view_trees_link(list, LEN, place, parents, depths);
    for (size_t i = 0; i < LEN; i++) {
        cr_assert_eq(parents[i], expected[i], "parent of %zu: %d", i, parents[i]);
        cr_assert_eq(depths[i], depth[i], "depth of %zu: %u", i, depths[i]);
    }
    cr_assert_eq(view_trees_cut(depths, LEN, 3), 0);
    cr_assert_eq(view_trees_cut(depths, LEN, 6), 1);
    cr_assert_geq(view_trees_cut(depths, LEN, 7), 2);
}

/* More phones than all trees may have, all but one fed by the server: however wide the first tree
 * is, the page stays small. */
Test(view, a_tree_too_wide_for_the_page_is_cut_at_its_top)
{
    enum { PHONES = ANALYSIS_VIEW_NODES + 5, FILES = 3 };
    char path[128];

    snprintf(path, sizeof(path), "%s/phones.csv", dir);
    FILE *phones = fopen(path, "w");
    snprintf(path, sizeof(path), "%s/transfers.csv", dir);
    FILE *transfers = fopen(path, "w");
    cr_assert(phones != NULL && transfers != NULL);
    fputs("phone,site,model,system,start_s,config_s,done_s,back_s,files_from_peer,"
          "files_from_server,retries,outcome\n",
          phones);
    fputs("phone,file,from,via,start_s,end_s,bytes,outcome\n", transfers);
    for (unsigned i = 0; i < PHONES; i++) {
        fprintf(phones, "p%u,branch#1,A,bare,0,,5,,0,%d,0,upgraded\n", i, FILES);
        for (unsigned k = 0; k < FILES; k++) {
            bool shares = i + 1 == PHONES;
            fprintf(transfers, "p%u,%u.sbn,%s,%s,1,2,1000,ok\n", i, k, shares ? "p0" : "server",
                    shares ? "peer" : "server");
        }
    }
    cr_assert_eq(fclose(phones) | fclose(transfers), 0);
    cJSON *view = view_of(dir);
    const cJSON *list = at(run_of(view), "trees.list");

    cr_assert_eq(cJSON_GetArraySize(list), 1);
    cr_assert_eq(cJSON_GetArraySize(at(list, "0.phone")), ANALYSIS_VIEW_NODES);
    const char *how = cJSON_GetStringValue(at(run_of(view), "trees.how"));
    cr_assert(strstr(how, "further down and the last at the top are left out") != NULL, "%s", how);
    cJSON_Delete(view);
}

Test(view, curves_keep_both_ends_and_every_large_step)
{
    static char text[1 << 21];
    size_t len = (size_t)sprintf(
        text, "phone,site,model,done_s,files_from_peer,files_from_server,outcome\n");

    for (unsigned i = 0; i < 30000; i++) { /* half of them at once */
        len += (size_t)sprintf(text + len, "10.%u.%u.%u,branch#1,M,%u,1,0,upgraded\n", i >> 16,
                               i >> 8 & 255, i & 255, i < 15000 ? 500 : 1000 + i);
    }
    put("phones.csv", text);
    cJSON *view = view_of(dir);
    const cJSON *t = at(run_of(view), "completion.t"), *done = at(run_of(view), "completion.done");
    int points = cJSON_GetArraySize(t);

    cr_assert(points > 100 && points <= ANALYSIS_VIEW_POINTS, "%d points", points);
    cr_assert_eq(cJSON_GetArrayItem(t, 0)->valuedouble, 499);
    cr_assert_eq(cJSON_GetArrayItem(done, 0)->valuedouble, 15000);
    cr_assert_eq(cJSON_GetArrayItem(t, points - 1)->valuedouble, 30998);
    cr_assert_eq(cJSON_GetArrayItem(done, points - 1)->valuedouble, 30000);
    for (int i = 1; i < points; i++) {
        double step =
            cJSON_GetArrayItem(done, i)->valuedouble - cJSON_GetArrayItem(done, i - 1)->valuedouble;
        cr_assert(step > 0 && step <= 30000 / 450, "a step of %g phones", step);
    }
    cJSON_Delete(view);
}

Test(view, long_runs_lose_no_byte)
{
    static char text[1 << 20];
    size_t len = (size_t)sprintf(
        text, "time_s,site,wan_bytes_per_s,wan_up_bytes_per_s,lan_bytes_per_s," PHASES_HEAD);
    double sum = 0, before = 0;

    for (unsigned i = 1; i <= 5000; i++) {
        len += (size_t)sprintf(text + len, "%u,branch#1,%u,0,0,0,0,0,0,0,0,0,0,0,0,0,4,0\n", i,
                               i % 7 * 100);
        sum += i % 7 * 100 * 8;
    }
    put("series.csv", text);
    cJSON *view = view_of(dir);
    const cJSON *t = at(run_of(view), "wan.t"), *down = at(run_of(view), "wan.down");
    int points = cJSON_GetArraySize(t);

    cr_assert(points > 400 && points <= ANALYSIS_VIEW_POINTS, "%d points", points);
    for (int i = 0; i < points; i++) {
        double now = cJSON_GetArrayItem(t, i)->valuedouble;
        sum -= cJSON_GetArrayItem(down, i)->valuedouble * (now - before);
        before = now;
    }
    cr_assert(sum > -10000 && sum < 10000, "%g bits are lost", sum); /* rates are whole numbers */
    cr_assert_eq(before, 5000);
    cJSON_Delete(view);
}

Test(view, several_results_are_laid_over_one_another)
{
    char other[96];
    const char *paths[] = {dir, other};
    cJSON *view = NULL;

    snprintf(other, sizeof(other), "%s/other", dir);
    mkdir(other, 0777);
    put("other/result.json", SMALL_RESULT("traditional"));
    cr_assert_eq(analysis_view_compare(&view, paths, 2, why), 0, "%s", why);
    expect(view, "kind", "\"compare\"");
    expect(view, "runs.1.label", "\"traditional\"");
    expect(view, "compare.ratio.last", "1");
    expect(view, "compare.ratios.traditional.last", "1");
    cJSON_Delete(view);

    put("other/result.json", SMALL_RESULT("pfs")); /* methods tell nothing apart */
    cr_assert_eq(analysis_view_compare(&view, paths, 2, why), 0, "%s", why);
    cr_assert_str_eq(at(view, "runs.1.label")->valuestring, other);
    cJSON_Delete(view);

    put("other/result.json", "{");
    cr_assert_eq(analysis_view_compare(&view, paths, 2, why), SIM_EINVAL);
    cr_assert_not_null(strstr(why, "other"), "%s", why);
}

Test(view, no_more_results_than_a_report_shows)
{
    const char *paths[ANALYSIS_VIEW_RUNS_MAX + 1];
    cJSON *view = NULL;

    for (size_t i = 0; i <= ANALYSIS_VIEW_RUNS_MAX; i++) {
        paths[i] = dir;
    }
    cr_assert_eq(analysis_view_compare(&view, paths, ANALYSIS_VIEW_RUNS_MAX, why), 0, "%s", why);
    cJSON_Delete(view);
    view = NULL;
    cr_assert_eq(analysis_view_compare(&view, paths, ANALYSIS_VIEW_RUNS_MAX + 1, why), SIM_EINVAL);
    cr_assert(strstr(why, "33 results") != NULL && view == NULL, "%s", why);
}

/* What stands beside a result of two lines whose `rate` (JSON) changes. */
static void put_rate(const char *rate)
{
    char text[600];

    snprintf(text, sizeof(text),
             "{\"name\": \"small\", \"firmware\": [{\"model\": \"M\", \"load\": \"L\", \"files\": "
             "[{\"name\": \"x.sbn\", \"size\": \"1000 B\"}]}], \"sites\": [{\"name\": \"branch\", "
             "\"count\": 2, \"wan\": {\"rate\": %s, \"rtt\": \"10 ms\"}, \"phones\": [{\"system\": "
             "\"bare\", \"model\": \"M\", \"count\": 2}]}]}",
             rate);
    put("scenario.json", text);
}

Test(view, a_rate_that_changes_is_a_curve_or_said_to_be_a_mean)
{
    put_rate("{\"steps\": [{\"at\": \"0 s\", \"rate\": \"16 kbit/s\"}, "
             "{\"at\": \"2500 ms\", \"rate\": \"8 kbit/s\"}]}");
    cJSON *view = view_of(dir);
    /* Of both lines; the change is within the third second. */
    expect(run_of(view), "wan.configured.t", "[2,3,4]");
    expect(run_of(view), "wan.configured.bit_s", "[32000,24000,16000]");
    cJSON_Delete(view);

    put_rate("{\"trace\": \"elsewhere.trace\"}");
    view = view_of(dir);
    expect(run_of(view), "wan.configured", "{\"t\":[],\"bit_s\":[]}");
    cJSON_Delete(view);
}

Test(view, the_most_frequent_reasons_and_how_many_more)
{
    char text[8000], reasons[600] = "";

    for (int i = 0; i < 15; i++) {
        size_t len = strlen(reasons);
        snprintf(reasons + len, sizeof(reasons) - len, "%s\"reason %c\": %d", i > 0 ? ", " : "",
                 'a' + i, 20 - i);
    }
    const char *whole = SMALL_RESULT("pfs"), *key = "\"no progress\": 1";
    const char *found = strstr(whole, key);
    cr_assert_not_null(found);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(found - whole), whole, reasons,
             found + strlen(key));
    put("result.json", text);
    cJSON *view = view_of(dir);
    cr_assert_eq(cJSON_GetArraySize(at(run_of(view), "failures")), 13);
    expect(run_of(view), "failures.0.reason", "\"reason a\"");
    expect(run_of(view), "failures.12.reason", "\"and 3 more reasons\"");
    expect(run_of(view), "failures.12.phones", "21");
    cJSON_Delete(view);
}

Test(view, a_reason_says_a_file_once)
{
    static const char *const reasons[][2] = {
        {"x.loads: HTTP 503 from http://s/x.loads", "HTTP 503 from http://s/x.loads"},
        {"x.loads: HTTP 503 from http://s/f/x.loads: busy",
         "HTTP 503 from http://s/f/x.loads: busy"},
        {"x.loads: HTTP 503 from http://s/x.loads2", "x.loads: HTTP 503 from http://s/x.loads2"},
        {"x.loads: no answer from s", "x.loads: no answer from s"},
        {"the run ended first: off", "the run ended first: off"},
        {": /", ": /"},
        {"", ""},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        cr_assert_str_eq(analysis_summary_reason(reasons[i][0]), reasons[i][1]);
    }
}

Test(view, verdicts)
{
    static const struct {
        const char *validity, *says;
    } cases[] = {
        {", \"validity\": {\"valid\": false, \"loop_lag_p99_s\": 1, \"reasons\": [\"slow\"]}}",
         "Its figures say nothing about the phones: slow."},
    };
    cJSON *result = cJSON_Parse(SMALL_RESULT("pfs"));
    cJSON *phones = cJSON_GetObjectItemCaseSensitive(result, "phones");
    cJSON *thresholds = cJSON_GetObjectItemCaseSensitive(result, "thresholds");

    cJSON_ReplaceItemInObjectCaseSensitive(phones, "failed", cJSON_CreateNumber(0));
    cJSON_ReplaceItemInObjectCaseSensitive(phones, "upgraded", cJSON_CreateNumber(4));
    cJSON *verdict = analysis_view_verdict(result);
    expect(verdict, "sentence",
           "\"All 4 phones were upgraded within 9 s; the threshold was met.\"");
    expect(verdict, "status", "\"met\"");
    cJSON_Delete(verdict);

    cJSON_ReplaceItemInObjectCaseSensitive(thresholds->child, "met", cJSON_CreateFalse());
    verdict = analysis_view_verdict(result);
    expect(verdict, "sentence",
           "\"All 4 phones were upgraded within 9 s, but the threshold was missed: "
           "completion_s.p95 < 600 (it is 9).\"");
    expect(verdict, "status", "\"missed\"");
    cJSON_Delete(verdict);

    cJSON_ReplaceItemInObjectCaseSensitive(phones, "upgraded", cJSON_CreateNumber(1234567));
    cJSON_ReplaceItemInObjectCaseSensitive(thresholds->child, "met", cJSON_CreateTrue());
    verdict = analysis_view_verdict(result);
    expect(verdict, "sentence",
           "\"All 1,234,567 phones were upgraded within 9 s; the threshold was met.\"");
    cJSON_Delete(verdict);

    cJSON_ReplaceItemInObjectCaseSensitive(phones, "upgraded", cJSON_CreateNumber(4));
    cJSON_ReplaceItemInObjectCaseSensitive(phones, "unfinished", cJSON_CreateNumber(2));
    cJSON_ReplaceItemInObjectCaseSensitive(result, "interrupted", cJSON_CreateTrue());
    verdict = analysis_view_verdict(result);
    expect(verdict, "sentence",
           "\"4 of 4 phones were upgraded by then, and "
           "thresholds cover only what happened until then.\"");
    cJSON_Delete(verdict);
    cJSON_Delete(result);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[8192];
        snprintf(text, sizeof(text), "%s%s", SMALL_RESULT_HEAD("pfs"), cases[i].validity);
        result = cJSON_Parse(text);
        verdict = analysis_view_verdict(result);
        cr_assert_str_eq(at(verdict, "sentence")->valuestring, cases[i].says);
        cJSON_Delete(verdict);
        cJSON_Delete(result);
    }
}

Test(view, the_page_holds_the_view_once_and_nothing_can_end_its_script)
{
    static const char evil[] = "</script><script>alert(1)</script>&\xe2\x80\xa8\xe2\x80\xa9\xe2";
    struct analysis_output *o = NULL;
    char *page = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&page, &len);
    cJSON *view = cJSON_CreateObject();

    cJSON_AddStringToObject(view, "title", evil);
    cr_assert_eq(analysis_output_stream(&o, stream, why), 0);
    cr_assert_eq(analysis_report_page(o, view, why), 0, "%s", why);
    fclose(stream);
    const char *begin = strstr(page, "<script type=\"application/json\" id=\"view\">");
    cr_assert_not_null(begin);
    begin = strchr(begin, '>') + 1;
    const char *end = strstr(begin, "</script>");
    cr_assert_not_null(end);
    cJSON *read = cJSON_ParseWithLength(begin, (size_t)(end - begin));
    cr_assert_str_eq(at(read, "title")->valuestring, evil);
    cr_assert_null(memchr(begin, '&', (size_t)(end - begin)));
    cr_assert_null(memchr(begin, '<', (size_t)(end - begin)), "\"</script \" ends it too");
    cr_assert_null(strstr(page, "<!--VIEW-->"));
    cr_assert_null(memmem(begin, (size_t)(end - begin), "\xe2\x80", 2));
    size_t live = 0;
    cr_assert_not_null(strstr(analysis_page_live(&live), "<!--VIEW-->"));
    cr_assert_lt(live, len);
    cJSON_Delete(read);
    cJSON_Delete(view);
    free(page);
}

Test(view, the_same_files_give_the_same_bytes_wherever_they_lie)
{
    char command[640];

    cr_assert_eq(analysis_report_write(dir, why), 0, "%s", why);
    snprintf(command, sizeof(command),
             "cp %s/report.html %s/first.html && mkdir %s/moved && cp %s/*.csv %s/*.json %s/moved",
             dir, dir, dir, dir, dir, dir);
    cr_assert_eq(system(command), 0);
    snprintf(command, sizeof(command), "%s/moved", dir);
    cr_assert_eq(analysis_report_write(command, why), 0, "%s", why);
    snprintf(command, sizeof(command), "cmp %s/first.html %s/moved/report.html", dir, dir);
    cr_assert_eq(system(command), 0);
}

/* ---- The sample of phones ---- */

static struct scenario *scenario_of(const char *sites)
{
    struct scenario *s = NULL;
    struct scenario_errors errors = {.list = NULL};
    char text[2048];

    snprintf(text, sizeof(text),
             "{\"name\": \"x\", \"firmware\": [{\"model\": \"A\", \"load\": \"a\", \"files\": "
             "[{\"name\": \"a.sbn\", \"size\": \"1 MB\"}]}, {\"model\": \"B\", \"load\": \"b\", "
             "\"files\": [{\"name\": \"b.sbn\", \"size\": \"1 MB\"}]}], \"sites\": [%s]}",
             sites);
    int rc = scenario_load_text("", text, strlen(text), NULL, 0, &s, &errors);
    cr_assert_eq(rc, 0, "%s", errors.len > 0 ? errors.list[0].json_path : "");
    scenario_errors_free(&errors);
    return s;
}

static bool is_there(const uint64_t *phones, size_t len, uint64_t phone)
{
    for (size_t i = 0; i < len; i++) {
        if (phones[i] == phone) {
            return true;
        }
    }
    return false;
}

Test(view, a_sample_has_every_class_and_model_and_is_spread)
{
    struct scenario *s = scenario_of(
        "{\"name\": \"many\", \"count\": 1000, \"phones\": [{\"system\": \"bare\", \"model\": "
        "\"A\", \"count\": 9}, {\"system\": \"bare\", \"model\": \"B\", \"count\": 1}]},"
        "{\"name\": \"one\", \"phones\": [{\"system\": \"bare\", \"model\": \"B\", \"count\": 3}]},"
        "{\"name\": \"big\", \"phones\": [{\"system\": \"bare\", \"model\": \"A\", \"count\": "
        "5000}]}");
    uint64_t phones[500], again[500];
    size_t len = analysis_phases_sample(s, phones, 500), of_big = 0;

    cr_assert_eq(len, 500);
    for (size_t i = 0; i < len; i++) {
        cr_assert_lt(phones[i], s->phones_total);
        cr_assert(i == 0 || phones[i] > phones[i - 1], "in order, none twice");
        of_big += phones[i] >= 10003;
    }
    cr_assert(is_there(phones, len, 0) && is_there(phones, len, 9), "both models of the many");
    cr_assert(is_there(phones, len, 10000), "the first phone of the small class");
    cr_assert(is_there(phones, len, 10003), "the first phone of the big site");
    cr_assert(of_big > 50 && of_big < 200, "%zu of the big site", of_big);
    cr_assert_eq(analysis_phases_sample(s, again, 500), 500);
    cr_assert_eq(memcmp(phones, again, sizeof(phones)), 0);
    cr_assert_eq(analysis_phases_sample(s, phones, 1), 1);
    scenario_free(s);

    s = scenario_of("{\"name\": \"few\", \"phones\": [{\"system\": \"bare\", \"model\": \"A\", "
                    "\"count\": 500}]}");
    cr_assert_eq(analysis_phases_sample(s, phones, 500), 500);
    cr_assert_eq(phones[499], 499);
    scenario_free(s);
}
