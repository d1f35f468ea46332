/* Goal: records become the right figures, whatever lane they came on, and thresholds read them
 * right. Method: a collector fed by hand; edges that a scripted run does not have: restarts, bad
 * names, floods of reasons. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "analysis/abort.h"
#include "analysis/collect.h"
#include "analysis/figures.h"
#include "analysis/progress.h"
#include "analysis/result.h"
#include "analysis/threshold.h"
#include "sim/err.h"

static const char scenario_text[] =
    "{ \"name\": \"x\", \"start\": { \"at\": \"10 s\" },"
    "  \"firmware\": [ { \"model\": \"M\", \"load\": \"L\", \"files\": [ { \"name\": \"a.sbn\", "
    "\"size\": \"1 MB\" } ] } ],"
    "  \"sites\": [ { \"name\": \"s\", \"count\": 2, \"wan\": { \"rate\": \"8 Mbit/s\" }, \"lan\": "
    "{ \"rate\": \"100 Mbit/s\" },"
    "    \"phones\": [ { \"model\": \"M\", \"count\": 4 }, { \"model\": \"M\", \"count\": 1, "
    "\"running\": \"L\" } ] } ] }";

static struct scenario *scenario;
static struct analysis_collect *collect;
static struct sim_site_stats site_stats[2];
static struct sim_site_setup setups[2];
static char names[2][SCENARIO_NAME_MAX];

static bool phone_of(void *context, sim_node node, struct scenario_phone_info *info,
                     sim_time *start)
{
    (void)context;
    if (node == 10) {
        return false; /* a fault controller */
    }
    *info = (struct scenario_phone_info){.site = node / 5,
                                         .number = node % 5,
                                         .addr = 0x7f010002 + (node / 5) * 256 + node % 5,
                                         .model = "M",
                                         .system = SCENARIO_CUCM};
    *start = 10 * SIM_S;
    return true;
}

static const struct sim_site_setup *site_of(void *context, uint32_t site)
{
    (void)context;
    return &setups[site];
}

static void stats_of(void *context, uint32_t site, struct sim_site_stats *out)
{
    (void)context;
    *out = site_stats[site];
}

static void set_up(void)
{
    struct scenario_errors errors = {.list = NULL};
    int rc = scenario_load_text("x.json", scenario_text, strlen(scenario_text), NULL, 0, &scenario,
                                &errors);
    if (rc != 0) {
        scenario_errors_print(&errors, "x.json", stderr);
    }
    cr_assert_eq(rc, 0);
    scenario_errors_free(&errors);
    collect = analysis_collect_new();
    struct analysis_collect_config config = {
        .scenario = scenario, .nodes = 11, .lanes = 2, .hashes = true, .phone = phone_of};
    cr_assert_eq(analysis_collect_attach(collect, &config), 0);
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(scenario_site_setup(scenario, i, &setups[i], names[i]), 0);
        site_stats[i] = (struct sim_site_stats){.wan_first = SIM_NEVER};
    }
}

static void clean_up(void)
{
    analysis_collect_free(collect);
    scenario_free(scenario);
}

TestSuite(collect, .init = set_up, .fini = clean_up);

static void say(struct sim_record record)
{
    analysis_collect_write(collect, record.node / 5 % 2, &record);
}

static void upgrade(sim_node node, sim_time at)
{
    say((struct sim_record){
        .at = at, .node = node, .kind = SIM_RECORD_OUTCOME, .a = SIM_OUTCOME_UPGRADED});
}

static struct analysis_facts facts(void)
{
    return (struct analysis_facts){.version = "1",
                                   .scenario = scenario,
                                   .method = SCENARIO_PFS,
                                   .world = SCENARIO_LIVE,
                                   .collect = collect,
                                   .sites = 2,
                                   .site = site_of,
                                   .stats = stats_of,
                                   .validity = {.valid = true}};
}

static double number(const cJSON *o, const char *part, const char *key)
{
    const cJSON *n = cJSON_GetObjectItem(cJSON_GetObjectItem(o, part), key);
    cr_assert(cJSON_IsNumber(n), "%s.%s", part, key);
    return n->valuedouble;
}

Test(collect, completion_counts_from_the_start_and_current_phones_are_apart)
{
    struct analysis_figures *f = NULL;
    struct analysis_facts all = facts();

    upgrade(0, 11 * SIM_S);
    upgrade(1, 13 * SIM_S);
    upgrade(6, 15 * SIM_S);
    say((struct sim_record){.at = 20 * SIM_S, .node = 6, .kind = SIM_RECORD_BACK, .name = "L"});
    say((struct sim_record){
        .at = 11 * SIM_S, .node = 4, .kind = SIM_RECORD_OUTCOME, .a = SIM_OUTCOME_CURRENT});
    cr_assert_eq(analysis_figures_new(&f, &all), 0);
    cr_assert_eq(f->all.phones.total, 10);
    cr_assert_eq(f->all.phones.upgraded, 3);
    cr_assert_eq(f->all.phones.current, 1);
    cr_assert_eq(f->all.phones.unfinished, 6);
    cr_assert_eq(f->all.completion.first, 1 * SIM_S);
    cr_assert_eq(f->all.completion.last, 5 * SIM_S);
    cr_assert_eq(f->all.completion.mean, 3 * SIM_S);
    cr_assert_eq(f->all.back.last, 10 * SIM_S);
    cr_assert_eq(f->sites[0].completion.last, 3 * SIM_S);
    cr_assert_eq(f->sites[1].phones.upgraded, 1);
    analysis_figures_free(f);
}

Test(collect, a_phone_that_crashes_after_its_upgrade_counts_once_with_its_last_word)
{
    struct analysis_figures *f = NULL;
    struct analysis_facts all = facts();
    uint32_t outcomes[4];

    upgrade(0, 11 * SIM_S);
    say((struct sim_record){.at = 12 * SIM_S,
                            .node = 0,
                            .kind = SIM_RECORD_OUTCOME,
                            .a = SIM_OUTCOME_FAILED,
                            .text = "dead"});
    analysis_collect_outcomes(collect, outcomes);
    cr_assert_eq(outcomes[SIM_OUTCOME_UPGRADED], 0);
    cr_assert_eq(outcomes[SIM_OUTCOME_FAILED], 1);
    cr_assert_eq(analysis_collect_phone(collect, 0)->done, SIM_NEVER);
    cr_assert_str_eq(analysis_collect_reason(collect, analysis_collect_phone(collect, 0)), "dead");
    upgrade(0, 14 * SIM_S);
    cr_assert_eq(analysis_figures_new(&f, &all), 0);
    cr_assert_eq(f->all.phones.upgraded, 1);
    cr_assert_eq(f->all.phones.failed, 0);
    cr_assert_eq(f->all.completion.last, 4 * SIM_S);
    analysis_figures_free(f);
}

Test(collect, the_configuration_is_there_when_configure_is_left_for_good)
{
    static const struct {
        sim_time at;
        uint32_t phase;
    } steps[] = {{1, SIM_PHASE_BOOT},      {2, SIM_PHASE_CONFIGURE}, {3, SIM_PHASE_OFF},
                 {4, SIM_PHASE_BOOT},      {5, SIM_PHASE_CONFIGURE}, {6, SIM_PHASE_ELECT},
                 {7, SIM_PHASE_CONFIGURE}, {8, SIM_PHASE_ELECT}};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        say((struct sim_record){
            .at = steps[i].at, .node = 3, .kind = SIM_RECORD_PHASE, .a = steps[i].phase});
    }
    cr_assert_eq(analysis_collect_phone(collect, 3)->config, 6);
    uint32_t phases[SIM_PHASES_LEN];
    analysis_collect_phases(collect, 0, phases);
    cr_assert_eq(phases[SIM_PHASE_ELECT], 1);
    cr_assert_eq(phases[SIM_PHASE_OFF], 4);
}

Test(collect, a_path_and_a_bare_name_are_the_same_file_and_strangers_are_no_firmware)
{
    struct analysis_totals totals;

    say((struct sim_record){
        .at = 1, .node = 0, .kind = SIM_RECORD_TRANSFER_END, .name = "/dnld/a.sbn"});
    say((struct sim_record){
        .at = 1, .node = 0, .kind = SIM_RECORD_TRANSFER_END, .name = "L.loads"});
    say((struct sim_record){
        .at = 1, .node = 0, .kind = SIM_RECORD_TRANSFER_END, .name = "SEP001E13000000.cnf.xml"});
    say((struct sim_record){
        .at = 1, .node = 0, .kind = SIM_RECORD_TRANSFER_END, .name = "a.sbn", .a = 6});
    say((struct sim_record){
        .at = 2, .node = 1, .kind = SIM_RECORD_TRANSFER_END, .name = "a.sbn", .peer = 5});
    analysis_collect_totals(collect, &totals);
    cr_assert_eq(totals.server_transfers, 2);
    cr_assert_eq(totals.peer_transfers, 1);
}

/* ---- Transfers ---- */

static void begins(sim_node node, sim_time at, const char *name, sim_addr peer, uint64_t offset)
{
    say((struct sim_record){.at = at,
                            .node = node,
                            .kind = SIM_RECORD_TRANSFER_BEGIN,
                            .name = name,
                            .peer = peer,
                            .b = offset});
}

static void ends(sim_node node, sim_time at, const char *name, sim_addr peer, int status,
                 uint64_t bytes)
{
    say((struct sim_record){.at = at,
                            .node = node,
                            .kind = SIM_RECORD_TRANSFER_END,
                            .name = name,
                            .peer = peer,
                            .a = (uint32_t)-status,
                            .b = bytes});
}

static uint64_t wan_copies(void)
{
    struct analysis_facts all = facts();
    struct analysis_figures *f = NULL;

    cr_assert_eq(analysis_figures_new(&f, &all), 0);
    uint64_t copies = f->wan_copies;
    analysis_figures_free(f);
    return copies;
}

Test(collect, a_wan_copy_is_a_whole_file_from_the_server_in_one_piece_or_several)
{
    begins(0, 1, "a.sbn", 0, 0);
    ends(0, 2, "a.sbn", 0, 0, 1000000);
    cr_assert_eq(wan_copies(), 1, "in one piece");

    begins(1, 1, "a.sbn", 0, 0);
    ends(1, 2, "a.sbn", 0, SIM_ETIMEDOUT, 600000);
    cr_assert_eq(wan_copies(), 1, "not yet");
    begins(1, 3, "a.sbn", 0, 600000);
    ends(1, 4, "a.sbn", 0, 0, 400000);
    cr_assert_eq(wan_copies(), 2, "in two");

    begins(2, 1, "L.loads", 0, 0);
    ends(2, 2, "L.loads", 0, 0, 500);
    cr_assert_eq(wan_copies(), 3, "an index, whose size only its end tells");
}

Test(collect, a_tail_of_a_copy_from_a_peer_is_no_wan_copy)
{
    begins(0, 1, "a.sbn", 7, 0);
    ends(0, 2, "a.sbn", 7, SIM_ECLOSED, 900000);
    begins(0, 3, "a.sbn", 0, 900000);
    ends(0, 4, "a.sbn", 0, 0, 100000);
    cr_assert_eq(wan_copies(), 0);
    begins(1, 1, "a.sbn", 0, 0);
    ends(1, 2, "a.sbn", 0, SIM_ECANCELED, 600000);
    begins(1, 3, "a.sbn", 7, 600000);
    ends(1, 4, "a.sbn", 7, 0, 400000);
    cr_assert_eq(wan_copies(), 0, "the head came from the server, the rest from a peer");
}

Test(collect, a_copy_with_a_wrong_digest_crossed_the_wan_too)
{
    begins(0, 1, "a.sbn", 0, 0);
    ends(0, 2, "a.sbn", 0, SIM_EDIGEST, 1000000);
    cr_assert_eq(wan_copies(), 1);
    begins(0, 3, "a.sbn", 0, 0);
    ends(0, 4, "a.sbn", 0, 0, 1000000);
    cr_assert_eq(wan_copies(), 2, "and so did the second one");
}

Test(collect, a_phone_that_lost_its_copy_begins_its_sum_anew)
{
    begins(0, 1, "a.sbn", 0, 0);
    ends(0, 2, "a.sbn", 0, SIM_ECANCELED, 900000);
    say((struct sim_record){.at = 3, .node = 0, .kind = SIM_RECORD_PHASE, .a = SIM_PHASE_OFF});
    begins(0, 4, "a.sbn", 7, 0);
    ends(0, 5, "a.sbn", 7, SIM_ECLOSED, 500000);
    begins(0, 6, "a.sbn", 0, 500000);
    ends(0, 7, "a.sbn", 0, 0, 500000);
    cr_assert_eq(wan_copies(), 0);
}

Test(collect, a_transfer_without_an_end_has_a_row_too)
{
    char folder[] = "/tmp/pfsim-test-XXXXXX", path[64], text[1024], why[ANALYSIS_WHY_MAX];
    struct analysis_transfers *transfers = NULL;
    struct analysis_output *o = NULL;

    cr_assert_not_null(mkdtemp(folder));
    analysis_collect_free(collect);
    cr_assert_eq(analysis_transfers_new(&transfers, folder, 2, why), 0);
    collect = analysis_collect_new();
    struct analysis_collect_config config = {
        .scenario = scenario, .nodes = 11, .lanes = 2, .phone = phone_of, .transfers = transfers};
    cr_assert_eq(analysis_collect_attach(collect, &config), 0);
    begins(0, 1 * SIM_S, "a.sbn", 0, 0);
    say((struct sim_record){
        .at = 2 * SIM_S, .node = 0, .kind = SIM_RECORD_PHASE, .a = SIM_PHASE_OFF});
    begins(6, 3 * SIM_S, "a.sbn", 0x7f010005, 10);
    begins(7, 3 * SIM_S, "a.sbn", 0, 0);
    ends(7, 4 * SIM_S, "a.sbn", 0, SIM_ECANCELED, 9);
    analysis_collect_close(collect, 5 * SIM_S);
    cr_assert_eq(analysis_output_open(&o, folder, "t.csv", why), 0);
    cr_assert_eq(analysis_transfers_write(transfers, o, NULL, why), 0);
    cr_assert_eq(analysis_output_commit(o, why), 0);
    analysis_transfers_free(transfers);
    snprintf(path, sizeof(path), "%s/t.csv", folder);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    unlink(path);
    rmdir(folder);
    cr_assert_str_eq(text, "phone,file,from,via,start_s,end_s,bytes,outcome\n"
                           "127.1.0.2,a.sbn,server,server,1.000000,2.000000,,cut off\n"
                           "127.1.1.4,a.sbn,server,server,0.000000,4.000000,9,cancelled\n"
                           "127.1.1.3,a.sbn,127.1.0.5,peer,3.000000,5.000000,,unfinished\n");
}

Test(collect, a_flood_of_reasons_is_kept_in_bounds)
{
    struct analysis_facts all = facts();
    struct analysis_figures *f = NULL;

    for (int i = 0; i < 3 * ANALYSIS_REASONS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof(text), "reason %d", i);
        say((struct sim_record){.at = 1,
                                .node = (sim_node)(i % 4),
                                .kind = SIM_RECORD_OUTCOME,
                                .a = SIM_OUTCOME_FAILED,
                                .text = text});
    }
    cr_assert_str_eq(analysis_collect_reason(collect, analysis_collect_phone(collect, 0)),
                     "other reasons");
    cr_assert_eq(analysis_figures_new(&f, &all), 0);
    cJSON *d = analysis_result_document(f);
    cr_assert_eq(number(d, "failures_by_reason", "other reasons"), 4);
    cJSON_Delete(d);
    analysis_figures_free(f);
}

Test(collect, files_named_after_a_phone_are_one_reason_and_the_most_frequent_comes_first)
{
    static const char *const texts[] = {
        "a.sbn: stalled", "SEP001E13000000.cnf.xml: busy at tftp://s/SEP001E13000000.cnf.xml",
        "SEP001E1300ABCD.cnf.xml: busy at tftp://s/SEP001E1300ABCD.cnf.xml", "SEP12.cnf.xml: busy"};
    struct analysis_facts all = facts();
    struct analysis_figures *f = NULL;

    for (sim_node i = 0; i < 4; i++) {
        say((struct sim_record){.at = 1,
                                .node = i,
                                .kind = SIM_RECORD_OUTCOME,
                                .a = SIM_OUTCOME_FAILED,
                                .text = texts[i]});
    }
    cr_assert_eq(analysis_figures_new(&f, &all), 0);
    cJSON *d = analysis_result_document(f);
    const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(d, "failures_by_reason");
    const cJSON *second = cJSON_GetArrayItem(reasons, 1); /* six have no outcome */
    cr_assert_eq(cJSON_GetArraySize(reasons), 4);
    cr_assert_eq(reasons->child->valuedouble, 6);
    cr_assert_str_eq(second->string, "SEP*.cnf.xml: busy at tftp://s/SEP*.cnf.xml");
    cr_assert_eq(second->valuedouble, 2);
    cr_assert_str_eq(second->next->string, "SEP12.cnf.xml: busy");
    cJSON_Delete(d);
    analysis_figures_free(f);
}

Test(collect, refusals_name_the_limit_that_made_them)
{
    struct analysis_facts all = facts();
    struct scenario limited = *scenario;
    struct analysis_figures *f = NULL;

    limited.server.max_transfers = 500;
    limited.server.overflow = SIM_OVERFLOW_REFUSE;
    all.scenario = &limited;
    all.has_server = true;
    for (uint64_t refused = 0; refused < 2; refused++) {
        all.server.refused = refused;
        cr_assert_eq(analysis_figures_new(&f, &all), 0);
        cJSON *d = analysis_result_document(f);
        char *text = cJSON_PrintUnformatted(cJSON_GetObjectItem(d, "caution"));
        bool told = strstr(text, "refused 1 transfer: server.max_transfers is 500 at once") != NULL;
        cr_assert_eq(told, refused == 1, "%s", text);
        cJSON_free(text);
        cJSON_Delete(d);
        analysis_figures_free(f);
    }
}

Test(collect, the_trace_hash_does_not_depend_on_lanes_but_on_every_field)
{
    struct sim_record record = {.at = 1, .node = 0, .kind = SIM_RECORD_LOG, .text = "x"};
    struct analysis_totals a, b;

    analysis_collect_write(collect, 0, &record);
    analysis_collect_totals(collect, &a);
    analysis_collect_write(collect, 1, &record);
    analysis_collect_totals(collect, &b);
    cr_assert_eq(b.hash, 2 * a.hash);
    record.text = "y";
    analysis_collect_write(collect, 0, &record);
    analysis_collect_totals(collect, &b);
    cr_assert_neq(b.hash, 3 * a.hash);
}

Test(collect, bounds_are_the_closed_forms)
{
    struct analysis_bounds b;

    /* 1 MB at 8 Mbit/s is 1 s; 4 MB over 8 + 4 x 100 Mbit/s are 78.4 ms; the current phone needs
     * nothing. */
    analysis_bounds_site(scenario, SCENARIO_PFS, &scenario->sites[0], NULL, &b);
    cr_assert_eq(b.copy_bytes, 1000000);
    cr_assert_eq(b.wan_floor, SIM_S);
    cr_assert_eq(b.optimum, SIM_S);
    scenario->sites[0].wan.none = true;
    analysis_bounds_site(scenario, SCENARIO_PFS, &scenario->sites[0], NULL, &b);
    cr_assert_eq(b.wan_floor, 0);
    cr_assert_eq(b.optimum, 80 * SIM_MS, "one file through one port");
    scenario->sites[0].wan.none = false;
    scenario->server.uplink_bit_s = 4000000;
    analysis_bounds_all(scenario, SCENARIO_PFS, NULL, &b);
    cr_assert_eq(b.optimum, 4 * SIM_S, "two sites share 4 Mbit/s");
}

Test(collect, the_bound_of_load_servers_has_no_line_in_it)
{
    struct analysis_bounds b;

    analysis_bounds_site(scenario, SCENARIO_LOAD_SERVER, &scenario->sites[0], NULL, &b);
    cr_assert_eq(b.wan_floor, SIM_S, "what its copy took");
    cr_assert_eq(b.optimum, 80 * SIM_MS, "one file through one port");
    scenario->server.uplink_bit_s = 4000000;
    analysis_bounds_all(scenario, SCENARIO_LOAD_SERVER, NULL, &b);
    cr_assert_eq(b.optimum, 80 * SIM_MS);
}

static bool has_caution(const char *word, enum scenario_method method)
{
    struct analysis_facts all = facts();
    struct analysis_figures *f = NULL;
    bool found = false;
    const cJSON *caution;

    all.method = method;
    cr_assert_eq(analysis_figures_new(&f, &all), 0);
    cJSON *d = analysis_result_document(f);
    cJSON_ArrayForEach(caution, cJSON_GetObjectItem(d, "caution"))
    {
        found = found || strstr(caution->valuestring, word) != NULL;
    }
    cJSON_Delete(d);
    analysis_figures_free(f);
    return found;
}

Test(collect, a_distance_below_1_is_never_silent)
{
    upgrade(0, 10 * SIM_S + 500 * SIM_MS); /* the optimum is 1 s */
    cr_assert(has_caution("not all of them completed", SCENARIO_PFS));
    cr_assert(has_caution("best that any scheme could do on this LAN", SCENARIO_LOAD_SERVER));
    cr_assert_not(has_caution("below 1", SCENARIO_LOAD_SERVER), "its optimum is 80 ms");
    upgrade(1, 11 * SIM_S + 500 * SIM_MS);
    cr_assert_not(has_caution("below 1", SCENARIO_PFS));
}

static bool met(const char *metric, const char *op, double limit, double *value)
{
    struct scenario_threshold t = {
        .metric = (char *)metric, .expression = (char *)"", .limit = limit};
    struct analysis_facts all = facts();
    struct analysis_figures *f = NULL;
    struct scenario_threshold *before = scenario->thresholds;
    char why[ANALYSIS_WHY_MAX];

    snprintf(t.op, sizeof(t.op), "%s", op);
    cr_assert_eq(analysis_threshold_check(scenario, metric, why), 0, "%s", why);
    scenario->thresholds = &t;
    scenario->thresholds_len = 1;
    cr_assert_eq(analysis_figures_new(&f, &all), 0);
    cJSON *d = analysis_result_document(f);
    bool result = analysis_threshold_evaluate(f, d);
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(d, "thresholds"), 0);
    const cJSON *n = cJSON_GetObjectItem(row, "value");
    *value = cJSON_IsNumber(n) ? n->valuedouble : -1;
    cr_assert_eq(cJSON_IsTrue(cJSON_GetObjectItem(row, "met")), result);
    cJSON_Delete(d);
    analysis_figures_free(f);
    scenario->thresholds = before;
    scenario->thresholds_len = 0;
    return result;
}

Test(collect, thresholds_read_sums_sites_the_worst_of_a_class_and_any_percentile)
{
    double value;

    upgrade(0, 11 * SIM_S);
    upgrade(1, 12 * SIM_S);
    upgrade(5, 14 * SIM_S);
    site_stats[1].wan_payload_bytes = 7;
    cr_assert(met("completion_s.last", "<=", 4, &value));
    cr_assert_not(met("completion_s.last", "<", 4, &value));
    cr_assert(met("sites[s#1].completion_s.last", "==", 2, &value));
    cr_assert(met("sites[s].completion_s.last", "<=", 4, &value) && value > 3,
              "the worst of the class: %f", value);
    cr_assert_not(met("sites[s].phones.upgraded", ">", 1, &value));
    cr_assert_eq(value, 1, "for > the least is the worst");
    cr_assert(met("sites[s].wan.payload_bytes", "<", 8, &value));
    cr_assert_eq(value, 7);
    cr_assert(met("completion_s.p33.4", "<=", 2.02, &value));
    cr_assert_float_eq(value, 2, 0.02);
    cr_assert(met("phones.unfinished", "==", 7, &value));
}

Test(collect, a_metric_without_a_value_is_not_met)
{
    double value;

    cr_assert_not(met("completion_s.p95", "<", 1e9, &value));
    cr_assert_not(met("sites[s].completion_s.p12", "<", 1e9, &value));
    cr_assert_not(met("bounds.gap", ">=", 0, &value));
    cr_assert_eq(value, -1);
}

static bool lost(const char *metric, const char *op, double limit, sim_duration elapsed)
{
    struct scenario_threshold t = {.metric = (char *)metric, .limit = limit, .abort = true};
    struct scenario_threshold *before = scenario->thresholds;
    struct analysis_abort run = {.scenario = scenario,
                                 .method = SCENARIO_PFS,
                                 .collect = collect,
                                 .sites = 2,
                                 .site = site_of,
                                 .stats = stats_of};

    snprintf(t.op, sizeof(t.op), "%s", op);
    scenario->thresholds = &t;
    scenario->thresholds_len = 1;
    bool result = analysis_abort_lost(&run, elapsed) != NULL;
    t.abort = false;
    cr_assert_null(analysis_abort_lost(&run, elapsed), "only where asked for");
    scenario->thresholds = before;
    scenario->thresholds_len = 0;
    return result;
}

Test(collect, an_abort_comes_when_a_growing_value_has_passed_its_limit_and_not_before)
{
    cr_assert_not(lost("phones.failed", "==", 0, 0));
    say((struct sim_record){
        .at = 1, .node = 7, .kind = SIM_RECORD_OUTCOME, .a = SIM_OUTCOME_FAILED, .text = "x"});
    cr_assert(lost("phones.failed", "==", 0, 0));
    cr_assert_not(lost("phones.failed", "<=", 1, 0));
    cr_assert(lost("phones.failed", "<", 1, 0));
    cr_assert_not(lost("phones.failed", ">", 5, 0), "a lower limit may still be met");
    cr_assert(lost("sites[s#2].phones.failed", "==", 0, 0));
    cr_assert_not(lost("sites[s#1].phones.failed", "==", 0, 0));
    cr_assert(lost("sites[s].phones.failed", "==", 0, 0), "the worst of the class");
    say((struct sim_record){.at = 1, .node = 1, .kind = SIM_RECORD_REJECT, .name = "a.sbn"});
    cr_assert(lost("transfers.rejected", "<=", 0, 0));
    say((struct sim_record){.at = 1, .node = 1, .kind = SIM_RECORD_FALLBACK, .name = "a.sbn"});
    cr_assert(lost("sites[s#1].phones.fallbacks", "==", 0, 0));
    cr_assert(lost("phones.fallbacks", "<", 1, 0));
    site_stats[0].wan_bytes = 70;
    site_stats[1].wan_bytes = 50;
    site_stats[1].wan_busy = 3 * SIM_S;
    cr_assert(lost("wan.bytes", "<", 120, 0), "of all sites");
    cr_assert_not(lost("sites[s].wan.bytes", "<=", 70, 0));
    cr_assert(lost("sites[s].wan.bytes", "<", 70, 0));
    cr_assert(lost("wan.busy_s", "<", 3, 0), "in seconds");
    cr_assert_not(lost("server.errors", "<", 0, 0), "judged at the end");
    begins(2, 1, "a.sbn", 0, 0);
    ends(2, 2, "a.sbn", 0, 0, 1000000);
    cr_assert(lost("trees_summary.wan_copies", "<", 1, 0));
}

Test(collect, a_percentile_is_lost_when_its_time_has_passed_and_too_few_phones_are_done)
{
    /* Of 10 phones 2 are current and 1 has failed: 7 count, p50 is the 4th. */
    say((struct sim_record){
        .at = 1, .node = 4, .kind = SIM_RECORD_OUTCOME, .a = SIM_OUTCOME_CURRENT});
    say((struct sim_record){
        .at = 1, .node = 9, .kind = SIM_RECORD_OUTCOME, .a = SIM_OUTCOME_CURRENT});
    say((struct sim_record){
        .at = 1, .node = 8, .kind = SIM_RECORD_OUTCOME, .a = SIM_OUTCOME_FAILED, .text = "x"});
    cr_assert(lost("completion_s.first", "<", 5, 5 * SIM_S));
    for (sim_node node = 0; node < 3; node++) {
        upgrade(node, 12 * SIM_S);
    }
    cr_assert_not(lost("completion_s.first", "<", 5, 5 * SIM_S));
    cr_assert_not(lost("completion_s.p50", "<", 5, 5 * SIM_S - 1), "there is time");
    cr_assert(lost("completion_s.p50", "<", 5, 5 * SIM_S));
    upgrade(3, 13 * SIM_S);
    cr_assert_not(lost("completion_s.p50", "<", 5, 5 * SIM_S), "four are done");
    cr_assert(lost("completion_s.p57.2", "<", 5, 5 * SIM_S), "but not five");
    cr_assert(lost("completion_s.last", "<", 5, 5 * SIM_S));
    cr_assert_not(lost("sites[s#1].completion_s.last", "<", 5, 5 * SIM_S), "all four of them");
    cr_assert(lost("sites[s#2].completion_s.last", "<", 5, 5 * SIM_S));
    cr_assert(lost("back_in_service_s.p1", "<", 5, 5 * SIM_S));
    say((struct sim_record){.at = 14 * SIM_S, .node = 3, .kind = SIM_RECORD_BACK, .name = "L"});
    cr_assert_not(lost("back_in_service_s.p1", "<", 5, 5 * SIM_S));
    for (sim_node node = 5; node < 8; node++) {
        upgrade(node, 14 * SIM_S);
    }
    cr_assert_not(lost("completion_s.last", "<", 5, 100 * SIM_S), "nobody is under way");
}

Test(collect, the_progress_line_says_how_many_where_how_fast_and_how_long)
{
    char text[256], cut[20];
    struct analysis_progress_config config = {.to = stderr,
                                              .collect = collect,
                                              .sites = 2,
                                              .phones = 10,
                                              .method = "pfs",
                                              .configured_bit_s = 16000000,
                                              .start_at = 10 * SIM_S};
    struct analysis_progress *p = analysis_progress_new(&config);

    analysis_progress_text(p, 14 * SIM_S, 0, 8000000, text, 81);
    cr_assert_str_eq(text, "pfs at 14.0 s  0/10 phones  0/20 files  WAN 8 of 16 Mbit/s");
    upgrade(0, 11 * SIM_S);
    say((struct sim_record){
        .at = 1, .node = 7, .kind = SIM_RECORD_OUTCOME, .a = SIM_OUTCOME_FAILED, .text = "x"});
    say((struct sim_record){.at = 1, .node = 1, .kind = SIM_RECORD_PHASE, .a = SIM_PHASE_BOOT});
    for (sim_node node = 2; node < 4; node++) {
        say((struct sim_record){
            .at = 1, .node = node, .kind = SIM_RECORD_PHASE, .a = SIM_PHASE_WAIT});
    }
    /* 5 of 20 files after 4 s: 12 s more. */
    for (sim_node node = 0; node < 5; node++) {
        say((struct sim_record){.at = 1, .node = node, .kind = SIM_RECORD_HOLD, .name = "a.sbn"});
    }
    analysis_progress_text(p, 14 * SIM_S, 0, 8000000, text, sizeof(text));
    cr_assert_str_eq(text,
                     "pfs at 14.0 s  1/10 phones, 1 FAILED  5/20 files, the last in about 12 s  "
                     "WAN 8 Mbit/s of 16 Mbit/s  2 waiting, 1 booting");
    analysis_progress_text(p, 14 * SIM_S, 0, 8000000, cut, sizeof(cut));
    cr_assert_str_eq(cut, "pfs at 14.0 s", "parts are whole or not there");
    analysis_progress_text(p, 14 * SIM_S, 0, 8000000, text, 81);
    cr_assert_str_eq(text, "pfs at 14.0 s  1/10 phones, 1 FAILED, ~12 s left  WAN 8 of 16 Mbit/s  "
                           "2 waiting");
    analysis_progress_free(p);
    /* Sites one after another: their instants say nothing, real time does. 2 s for 5 of 20. */
    config.is_virtual = true;
    config.groups = 2;
    config.clock = 100 * SIM_S;
    p = analysis_progress_new(&config);
    analysis_progress_group_ended(p);
    analysis_progress_text(p, 14 * SIM_S, 102 * SIM_S, 8000000, text, sizeof(text));
    cr_assert_str_eq(text,
                     "pfs  1/2 sites  1/10 phones, 1 FAILED  5/20 files  computing for 2.0 s, done "
                     "in about 6 s");
    analysis_progress_free(p);
}

static void transfer(sim_node node, sim_addr peer, uint64_t offset, sim_time began, sim_time ended,
                     uint32_t status)
{
    say((struct sim_record){.at = began,
                            .node = node,
                            .kind = SIM_RECORD_TRANSFER_BEGIN,
                            .name = "a.sbn",
                            .peer = peer,
                            .b = offset});
    say((struct sim_record){.at = ended,
                            .node = node,
                            .kind = SIM_RECORD_TRANSFER_END,
                            .name = "a.sbn",
                            .peer = peer,
                            .a = status,
                            .b = 1000000 - offset,
                            .c = began});
}

/* On both lanes; what broke off, and its tail, is no time of a file. */
Test(collect, times_of_a_file_are_those_of_whole_transfers_by_sender)
{
    struct analysis_figures *f = NULL;
    struct analysis_facts all = facts();

    transfer(0, 0, 0, 20 * SIM_S, 26 * SIM_S, 0);
    transfer(1, 0x7f010002, 0, 26 * SIM_S, 27 * SIM_S, 0);
    transfer(5, 0, 0, 20 * SIM_S, 22 * SIM_S, 0);
    transfer(6, 0x7f010102, 0, 22 * SIM_S, 25 * SIM_S, 0);
    transfer(7, 0x7f010102, 0, 22 * SIM_S, 23 * SIM_S, (uint32_t)-SIM_ERESET);
    transfer(7, 0x7f010103, 500000, 23 * SIM_S, 24 * SIM_S, 0);
    upgrade(0, 26 * SIM_S);
    upgrade(5, 22 * SIM_S);
    upgrade(6, 30 * SIM_S);
    cr_assert_eq(analysis_figures_new(&f, &all), 0);
    cr_assert_eq(f->files_len, 1); /* nobody took the index */
    const struct analysis_file *file = &f->files[0];
    cr_assert_eq(file->size, 1000000);
    cr_assert_eq(file->server.count, 2);
    cr_assert(file->server.min == 2 * SIM_S && file->server.max == 6 * SIM_S);
    cr_assert_eq(file->server.mean, 4 * SIM_S);
    cr_assert_eq(file->peer.count, 2);
    cr_assert(file->peer.min == SIM_S && file->peer.max == 3 * SIM_S);
    cr_assert_eq(f->totals.peer_transfers, 3); /* the tail made a file whole too */

    cr_assert_eq(f->models_len, 1);
    const struct analysis_model *model = analysis_figures_model(f, "M");
    cr_assert_not_null(model);
    cr_assert_null(analysis_figures_model(f, "N"));
    cr_assert_eq(model->phones.total, 10);
    cr_assert_eq(model->phones.upgraded, 3);
    cr_assert_eq(model->completion.first, 12 * SIM_S);
    cr_assert_eq(model->completion.last, 20 * SIM_S);
    sim_duration value = 0;
    cr_assert(analysis_figures_model_quantile(model, false, 1000000, &value));
    cr_assert_eq(value, 20 * SIM_S);
    cr_assert(!analysis_figures_model_quantile(model, true, 500000, &value));
    cJSON *o = analysis_result_model(f, model);
    cr_assert_eq(number(o, "completion_s", "last"), 20);
    cr_assert_eq(number(o, "phones", "total"), 10);
    cJSON_Delete(o);
    analysis_figures_free(f);
}

/* Of one of the two sites: nothing of the other is in any sum, list or table. */
Test(collect, figures_of_a_share_know_nothing_of_other_sites)
{
    struct analysis_figures *f = NULL;
    struct analysis_facts part = facts();

    part.shard = 1;
    part.shards = 2;
    site_stats[1].wan_payload_bytes = 7;
    upgrade(5, 22 * SIM_S);
    cr_assert_eq(analysis_figures_new(&f, &part), 0);
    cr_assert(f->first == 1 && f->end == 2);
    cr_assert_eq(f->configured_bit_s, 8000000);
    cJSON *o = analysis_result_document(f);
    const cJSON *sites = cJSON_GetObjectItem(o, "sites");
    cr_assert_eq(cJSON_GetArraySize(sites), 1);
    cr_assert_str_eq(
        cJSON_GetStringValue(cJSON_GetObjectItem(cJSON_GetArrayItem(sites, 0), "name")), "s#2");
    cr_assert_eq(number(o, "shard", "index"), 1);
    cr_assert_eq(number(o, "shard", "first_site"), 1);
    cr_assert_eq(number(o, "bounds", "copy_bytes"), 1000000);
    cJSON_Delete(o);
    analysis_figures_free(f);
}
