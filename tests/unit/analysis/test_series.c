/* Goal: samples are taken each second while something changes, seldom while nothing does, and what
 * crossed a line falls into the second in which it did, over all groups of sites. Method: counters
 * by hand; a series.csv that is read again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/series.h"

enum { SITES = 2 };

static const struct scenario_group groups[SITES] = {{.first = 0, .len = 1}, {.first = 1, .len = 1}};

static const char text[] = "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"L\","
                           "\"files\":[{\"name\":\"a\",\"size\":"
                           "\"1 "
                           "B\"}]}],\"sites\":[{\"name\":\"s\",\"count\":2,\"phones\":[{\"system\":"
                           "\"bare\",\"model\":\"A\","
                           "\"count\":100}]}]}";

static struct scenario *scenario;
static struct analysis_collect *collect;
static struct analysis_series *series;
static struct analysis_output *file;
static char folder[32];
static uint64_t bytes[SITES], lan[SITES], behind;
static uint32_t transfers;

static bool phone_of(void *context, sim_node node, struct scenario_phone_info *info,
                     sim_time *start)
{
    (void)context;
    *start = 0;
    *info = (struct scenario_phone_info){
        .site = node / 100, .number = node % 100, .addr = node + 1, .model = "A"};
    return node < 200;
}

static void stats_of(void *context, uint32_t site, struct sim_site_stats *out)
{
    (void)context;
    *out = (struct sim_site_stats){.wan_bytes = bytes[site],
                                   .lan_payload_bytes = lan[site],
                                   .wan_behind = behind,
                                   .wan_behind_for = behind * SIM_MS};
}

static const char *name_of(void *context, uint32_t site)
{
    (void)context;
    return site == 0 ? "s#1" : "s#2";
}

static uint32_t transfers_of(void *context, uint32_t site)
{
    (void)context;
    (void)site;
    return transfers;
}

static void set_up(void)
{
    struct scenario_errors errors;
    char why[ANALYSIS_WHY_MAX];
    cr_assert_eq(scenario_load_text("t.json", text, strlen(text), NULL, 0, &scenario, &errors), 0);
    scenario_errors_free(&errors);
    collect = analysis_collect_new();
    struct analysis_collect_config config = {
        .scenario = scenario, .nodes = 200, .lanes = 1, .phone = phone_of};
    cr_assert_eq(analysis_collect_attach(collect, &config), 0);
    snprintf(folder, sizeof(folder), "/tmp/pfsim-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(analysis_output_open(&file, folder, "series.csv", why), 0);
    struct analysis_series_config of = {.collect = collect,
                                        .sites = SITES,
                                        .lanes = 1,
                                        .stats = stats_of,
                                        .name = name_of,
                                        .transfers = transfers_of,
                                        .to = file};
    series = analysis_series_new(&of);
    cr_assert_not_null(series);
}

static void clean_up(void)
{
    char path[64];
    analysis_series_free(series);
    if (file != NULL) {
        analysis_output_discard(file);
    }
    snprintf(path, sizeof(path), "%s/series.csv", folder);
    unlink(path);
    rmdir(folder);
    analysis_collect_free(collect);
    scenario_free(scenario);
}

TestSuite(series, .init = set_up, .fini = clean_up);

static void phases(uint32_t site, uint32_t phones, enum sim_phase phase, sim_time at)
{
    for (uint32_t i = 0; i < phones; i++) {
        analysis_collect_write(
            collect, 0,
            &(struct sim_record){
                .at = at, .node = site * 100 + i, .kind = SIM_RECORD_PHASE, .a = phase});
    }
}

/* A group of one site from 0 to `end`, ticks as the series asks for them; `rate` bytes a second.
 * Returns the samples that were taken. */
static unsigned run_site(uint32_t site, sim_time end, uint64_t rate)
{
    unsigned samples = 0;
    for (sim_time now = SIM_S; now < end; now += analysis_series_pause(series, 0)) {
        bytes[site] = rate * (now / SIM_S);
        analysis_series_tick(series, &groups[site], now);
        samples++;
    }
    bytes[site] = (uint64_t)((unsigned __int128)rate * end / SIM_S);
    analysis_series_end(series, &groups[site], end);
    return samples;
}

Test(series, what_does_not_change_for_hours_is_sampled_seldom)
{
    unsigned samples = run_site(0, 20000 * SIM_S, 1000);
    /* 120 of the first two minutes, then each a 64th later than the one before. */
    cr_assert(samples > 300 && samples < 600, "%u", samples);
    cr_assert_eq(analysis_series_peak(series), 8000);
}

Test(series, the_first_two_minutes_have_a_sample_each_second)
{
    cr_assert_eq(run_site(0, 120 * SIM_S, 1000), 119);
}

Test(series, a_change_brings_the_samples_nearer)
{
    sim_time now = SIM_S;
    while (now < 5000 * SIM_S) {
        analysis_series_tick(series, &groups[0], now);
        now += analysis_series_pause(series, 0);
    }
    sim_duration before = analysis_series_pause(series, 0);
    cr_assert_gt(before, 32 * SIM_S);
    lan[0] += 1000000;
    analysis_series_tick(series, &groups[0], now);
    cr_assert_eq(analysis_series_pause(series, 0), before / (2 * SIM_S) * SIM_S);
    /* One phone of a hundred is little, two are not. */
    now += analysis_series_pause(series, 0);
    analysis_series_tick(series, &groups[0], now); /* the rate falls again: another change */
    before = analysis_series_pause(series, 0);
    phases(0, 1, SIM_PHASE_BOOT, now);
    now += before;
    analysis_series_tick(series, &groups[0], now);
    cr_assert_gt(analysis_series_pause(series, 0), before);
    before = analysis_series_pause(series, 0);
    phases(0, 4, SIM_PHASE_BOOT, now);
    now += before;
    analysis_series_tick(series, &groups[0], now);
    cr_assert_lt(analysis_series_pause(series, 0), before);
}

Test(series, the_peak_is_of_all_sites_in_one_second_though_they_ran_one_after_another)
{
    bytes[0] = 0;
    for (unsigned second = 1; second <= 5; second++) {
        bytes[0] += second == 3 ? 500 : 100;
        transfers = second;
        analysis_series_tick(series, &groups[0], second * SIM_S);
    }
    analysis_series_end(series, &groups[0], 5500 * SIM_MS);
    for (unsigned second = 1; second <= 5; second++) {
        bytes[1] += second == 4 ? 500 : 100;
        transfers = 6 - second;
        analysis_series_tick(series, &groups[1], second * SIM_S);
    }
    analysis_series_end(series, &groups[1], 5 * SIM_S);
    cr_assert_eq(analysis_series_peak(series), 8 * 600);
    cr_assert_eq(analysis_series_transfers(series), 6);
}

/* Samples lie seconds apart by then, and the last one is cut in the middle of a second. */
Test(series, transfers_at_a_sudden_end_are_no_more_than_there_were)
{
    transfers = 10;
    phases(0, 100, SIM_PHASE_FETCH_SERVER, SIM_S);
    for (sim_time now = SIM_S; now < 300 * SIM_S; now += analysis_series_pause(series, 0)) {
        bytes[0] = now / SIM_S * 1000;
        analysis_series_tick(series, &groups[0], now);
    }
    cr_assert_gt(analysis_series_pause(series, 0), SIM_S);
    analysis_series_end(series, &groups[0], 304 * SIM_S + 100 * SIM_MS);
    cr_assert_eq(analysis_series_transfers(series), 10);
}

Test(series, rows_are_by_site_and_time_and_lose_no_bytes)
{
    char path[64], line[256], why[ANALYSIS_WHY_MAX];
    double sum[SITES] = {0}, at[SITES] = {0};
    unsigned changes = 0, last = 0;

    run_site(0, 300 * SIM_S + 400 * SIM_MS, 1000);
    run_site(1, 200 * SIM_S, 500);
    cr_assert_eq(analysis_output_commit(file, why), 0);
    file = NULL;
    snprintf(path, sizeof(path), "%s/series.csv", folder);
    FILE *f = fopen(path, "re");
    cr_assert_not_null(f);
    cr_assert_not_null(fgets(line, sizeof(line), f));
    while (fgets(line, sizeof(line), f) != NULL) {
        double time, rate;
        unsigned site;
        cr_assert_eq(sscanf(line, "%lf,s#%u,%lf", &time, &site, &rate), 3, "%s", line);
        changes += site != last;
        last = site;
        sum[site - 1] += rate * (time - at[site - 1]);
        cr_assert_gt(time, at[site - 1]);
        at[site - 1] = time;
    }
    fclose(f);
    cr_assert_eq(changes, 2, "the rows of a site are together");
    cr_assert_eq(at[0], 300.4);
    cr_assert_float_eq(sum[0], 300400, 1);
    cr_assert_float_eq(sum[1], 100000, 1);
}

/* Groups that run side by side: the second ends first, a row of the first is in between. */
Test(series, rows_wait_for_their_turn)
{
    const struct scenario_group second = {.first = 1, .len = 1, .lane = 1};
    char path[64], line[256], why[ANALYSIS_WHY_MAX];
    static const char *const expected[] = {"time_s,site,wan", "1.000000,s#1,700,0,",
                                           "2.000000,s#1,0,0,", "1.000000,s#2,500,0,",
                                           "3.000000,s#2,100,0,"};

    analysis_series_free(series);
    analysis_output_discard(file);
    cr_assert_eq(analysis_output_open(&file, folder, "series.csv", why), 0);
    const struct analysis_series_config of = {.collect = collect,
                                              .sites = SITES,
                                              .lanes = 2,
                                              .stats = stats_of,
                                              .name = name_of,
                                              .to = file};
    series = analysis_series_new(&of);
    cr_assert_not_null(series);
    bytes[1] = 500;
    analysis_series_tick(series, &second, SIM_S);
    bytes[0] = 700;
    analysis_series_tick(series, &groups[0], SIM_S);
    bytes[1] = 700;
    analysis_series_end(series, &second, 3 * SIM_S);
    cr_assert_eq(analysis_series_pause(series, 1), SIM_S, "the lane's next group begins");
    analysis_series_end(series, &groups[0], 2 * SIM_S);
    cr_assert_eq(analysis_series_peak(series), 8 * 1200, "both in the first second");
    cr_assert_eq(analysis_output_commit(file, why), 0);
    file = NULL;
    snprintf(path, sizeof(path), "%s/series.csv", folder);
    FILE *f = fopen(path, "re");
    cr_assert_not_null(f);
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        cr_assert_not_null(fgets(line, sizeof(line), f));
        cr_assert_eq(strncmp(line, expected[i], strlen(expected[i])), 0, "%s", line);
    }
    cr_assert_null(fgets(line, sizeof(line), f));
    fclose(f);
}

Test(series, a_run_that_ends_at_once_has_a_row)
{
    char path[64], line[256], why[ANALYSIS_WHY_MAX];

    analysis_series_end(series, &groups[0], 0);
    run_site(1, 2 * SIM_S, 500);
    cr_assert_eq(analysis_output_commit(file, why), 0);
    file = NULL;
    snprintf(path, sizeof(path), "%s/series.csv", folder);
    FILE *f = fopen(path, "re");
    cr_assert_not_null(f);
    cr_assert_not_null(fgets(line, sizeof(line), f));
    cr_assert_not_null(fgets(line, sizeof(line), f));
    cr_assert_eq(strncmp(line, "0.000000,s#1,0,0,0,", 19), 0, "%s", line);
    cr_assert_not_null(fgets(line, sizeof(line), f));
    cr_assert_eq(strncmp(line, "1.000000,s#2,500,0,", 19), 0, "%s", line);
    fclose(f);
}

/* What a line has not carried when the last phone is done comes in the time that it takes. */
Test(series, a_line_that_is_behind_ends_later)
{
    char path[64], line[256], last[256] = "", why[ANALYSIS_WHY_MAX];

    behind = 500;
    run_site(0, 2 * SIM_S + 500 * SIM_MS, 1000);
    cr_assert_eq(analysis_output_commit(file, why), 0);
    file = NULL;
    snprintf(path, sizeof(path), "%s/series.csv", folder);
    FILE *f = fopen(path, "re");
    cr_assert_not_null(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        strcpy(last, line);
    }
    fclose(f);
    cr_assert_eq(strncmp(last, "3.000000,s#1,1000,0,", 20), 0, "%s", last);
}
