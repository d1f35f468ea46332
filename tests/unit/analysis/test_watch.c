/* Goal: what those who watch a run are told is what happened, bounded however long it takes.
 * Method: samples made by hand; the text of the metrics is read line by line by the rules of the
 * format (0.0.4). */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/watch/history.h"
#include "analysis/watch/metrics.h"
#include "analysis/watch/pile.h"
#include "analysis/watch/watch.h"

static struct analysis_watch_names names = {.version = "9.9.9",
                                            .scenario = "a \"b\"\\c\nd",
                                            .method = "pfs",
                                            .world = "live",
                                            .seed = UINT64_MAX,
                                            .configured_bit_s = 1536000,
                                            .is_running = true,
                                            .wall = 1500 * SIM_MS};

static struct analysis_watch_sample sample = {.at = 2 * SIM_S,
                                              .phones = 30,
                                              .phases = {[SIM_PHASE_FETCH_PEER] = 7},
                                              .outcomes = {3, 1, 2, 0},
                                              .sum = {.wan_bytes = UINT64_MAX, .fetches = 5},
                                              .has_rates = true,
                                              .down_bit_s = 8000,
                                              .has_lag = true,
                                              .lag_p99 = 1234567};

/* Reads `NAME{...} VALUE`; labels may hold escaped quotes. Returns false when it is no such line.
 */
static bool read_series(const char *line, char name[64])
{
    size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz_0123456789");
    const char *at = line + len;
    char *end;

    snprintf(name, 64, "%.*s", (int)len, line);
    if (len == 0 || len > 63) {
        return false;
    }
    if (*at == '{') {
        do {
            at++;
            at += strspn(at, "abcdefghijklmnopqrstuvwxyz_");
            if (strncmp(at, "=\"", 2) != 0) {
                return false;
            }
            for (at += 2; *at != '"'; at += *at == '\\' ? 2 : 1) {
                if (*at == '\0') {
                    return false;
                }
            }
            at++;
        } while (*at == ',');
        if (*at++ != '}') {
            return false;
        }
    }
    if (*at++ != ' ') {
        return false;
    }
    strtod(at, &end);
    return end > at && *end == '\0';
}

Test(watch_run, metrics_are_of_the_format_and_each_family_is_told_once)
{
    size_t len;
    char *text = analysis_watch_metrics(&names, &sample, &len);
    char family[64] = "", families[4096] = " ";
    unsigned series = 0;

    cr_assert_not_null(text);
    cr_assert_eq(len, strlen(text));
    cr_assert_eq(text[len - 1], '\n');
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char name[64], key[80];
        if (sscanf(line, "# HELP %63s", name) == 1) {
            snprintf(key, sizeof(key), " %s ", name);
            cr_assert_null(strstr(families, key), "%s is there twice", name);
            strcat(strcat(families, name), " ");
            strcpy(family, name);
        } else if (sscanf(line, "# TYPE %63s", name) == 1) {
            cr_assert_str_eq(name, family, "its HELP comes first");
            bool counts = strstr(line, " counter") != NULL;
            bool total = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
            cr_assert_eq(counts, total, "%s", line);
        } else {
            cr_assert(read_series(line, name), "%s", line);
            cr_assert_str_eq(name, family, "%s", line);
            series++;
        }
    }
    cr_assert_gt(series, 30);
    free(text);
}

Test(watch_run, metrics_have_exact_numbers_and_escaped_labels)
{
    size_t len;
    char *text = analysis_watch_metrics(&names, &sample, &len);
    static const char *const wanted[] = {
        "pfsim_build_info{version=\"9.9.9\"} 1\n",
        ("pfsim_wan_bytes_total{method=\"pfs\",scenario=\"a \\\"b\\\"\\\\c\\nd\","
         "direction=\"down\"} 18446744073709551615\n"),
        "phase=\"fetch_peer\"} 7\n",
        "outcome=\"failed\"} 2\n",
        "seed=\"18446744073709551615\",world=\"live\"} 1\n",
        "} 0.001234\n",
        "pfsim_running{method=\"pfs\"",
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        cr_assert_not_null(strstr(text, wanted[i]), "no %s in\n%s", wanted[i], text);
    }
    free(text);
    names.scenario = NULL; /* no run yet */
    text = analysis_watch_metrics(&names, NULL, &len);
    cr_assert_not_null(strstr(text, "pfsim_build_info"));
    cr_assert_null(strstr(text, "pfsim_running"));
    free(text);
}

static struct analysis_watch_history history;

Test(watch_run, a_long_run_stays_bounded_and_loses_no_bytes)
{
    double bits = 0, shown = 0;
    sim_time before = 0;
    cJSON *run = cJSON_CreateObject();

    for (uint64_t i = 1; i <= 25000; i++) {
        struct analysis_watch_moment m = {.at = i * SIM_S,
                                          .down_bit_s = i % 1000 * 1000,
                                          .lag = i == 777 ? SIM_S : 1,
                                          .done = i / 2500};
        bits += (double)m.down_bit_s;
        analysis_watch_history_add(&history, &m);
    }
    cr_assert_leq(history.len, ANALYSIS_VIEW_POINTS);
    cr_assert_geq(history.len, ANALYSIS_VIEW_POINTS / 4);
    for (size_t i = 0; i < history.len; i++) {
        const struct analysis_watch_moment *m = &history.moments[i];
        cr_assert_gt(m->at, before);
        shown += (double)m->down_bit_s * sim_time_seconds(m->at - before);
        before = m->at;
    }
    cr_assert_eq(before, 25000 * SIM_S, "the last one is there");
    cr_assert(shown > bits * 0.99 && shown < bits * 1.01, "%f of %f", shown, bits);

    analysis_watch_history_show(&history, run, 10 * SIM_S, 30, 0, 3);
    const cJSON *wan = cJSON_GetObjectItem(run, "wan"),
                *states = cJSON_GetObjectItem(run, "states");
    cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItem(wan, "t")), (int)history.len);
    cr_assert(cJSON_IsNull(cJSON_GetObjectItem(wan, "configured_bit_s")));
    cr_assert_eq(cJSON_GetArraySize(cJSON_GetObjectItem(states, "counts")), SIM_PHASES_LEN);
    const cJSON *done = cJSON_GetObjectItem(cJSON_GetObjectItem(run, "completion"), "done");
    cr_assert_eq(cJSON_GetArraySize(done), 11, "a step a point: 0 to 10");
    double worst = 0;
    const cJSON *lag;
    cJSON_ArrayForEach(lag, cJSON_GetObjectItem(cJSON_GetObjectItem(run, "lag"), "s"))
    {
        worst = lag->valuedouble > worst ? lag->valuedouble : worst;
    }
    cr_assert_eq(worst, 1, "the worst lag outlives the thinning");
    cJSON_Delete(run);
}

static struct analysis_watch_pile pile;

/* A group of ten phones that take `each` bytes a second and are done one after another, one each
 * `pause` seconds; told every second until `end`. */
static void run_group(uint64_t each, unsigned pause, unsigned end)
{
    for (unsigned t = 1; t <= end; t++) {
        uint32_t done = t / pause < 10 ? t / pause : 10;
        struct analysis_watch_group group = {
            .bytes = {t * each, t, 2 * t * each},
            .phases = {[SIM_PHASE_BOOT] = 10 - done, [SIM_PHASE_IN_SERVICE] = done},
            .done = done,
        };
        analysis_watch_pile_add(&pile, t * SIM_S, &group);
    }
}

static const struct analysis_watch_moment *moment_at(sim_time at)
{
    for (size_t i = 0; i < history.len; i++) {
        if (history.moments[i].at == at) {
            return &history.moments[i];
        }
    }
    cr_assert_fail("no moment at %f s", sim_time_seconds(at));
    return NULL;
}

Test(watch_run, sites_one_after_another_grow_into_one_curve)
{
    run_group(1000, 2, 30);
    analysis_watch_pile_end(&pile);
    run_group(500, 4, 12); /* under way: 3 of its phones are done */
    analysis_watch_pile_history(&pile, &history);
    cr_assert_eq(history.len, 30);

    const struct analysis_watch_moment *m = moment_at(12 * SIM_S);
    cr_assert_eq(m->done, 6 + 3);
    cr_assert_eq(m->down_bit_s, 8 * 1500);
    cr_assert_eq(m->lan_bit_s, 8 * 3000);
    cr_assert_eq(m->phases[SIM_PHASE_BOOT], 4 + 7);
    m = moment_at(13 * SIM_S); /* the second group is not known any further */
    cr_assert_eq(m->phases[SIM_PHASE_BOOT] + m->phases[SIM_PHASE_IN_SERVICE], 10);
    cr_assert_eq(m->down_bit_s, 8 * 1000);
    cr_assert_eq(m->done, 6 + 3);

    run_group(500, 4, 12);
    analysis_watch_pile_end(&pile); /* it ends at 12 s, and stays as it is */
    analysis_watch_pile_history(&pile, &history);
    m = moment_at(30 * SIM_S);
    cr_assert_eq(m->done, 10 + 3);
    cr_assert_eq(m->phases[SIM_PHASE_BOOT], 7);
    cr_assert_eq(m->phases[SIM_PHASE_IN_SERVICE], 13);
}

Test(watch_run, a_pile_of_long_runs_stays_bounded_and_loses_nothing)
{
    unsigned __int128 bits = 0;
    sim_time from = 0;

    run_group(1000, 100, 50);
    analysis_watch_pile_end(&pile);
    for (unsigned day = 1; day <= 3; day++) { /* seldom told, of bytes that no width divides */
        struct analysis_watch_group group = {.bytes = {day * UINT64_C(777777777)},
                                             .phases = {[SIM_PHASE_BOOT] = 10 - day},
                                             .done = day};
        analysis_watch_pile_add(&pile, day * 86400 * SIM_S + day * SIM_MS, &group);
    }
    analysis_watch_pile_end(&pile);
    analysis_watch_pile_history(&pile, &history);
    cr_assert_leq(history.len, ANALYSIS_WATCH_PILE_BINS);
    cr_assert_geq(history.len, ANALYSIS_WATCH_PILE_BINS / 2);
    for (size_t i = 0; i < history.len; i++) {
        cr_assert_gt(history.moments[i].at, from);
        bits += (unsigned __int128)history.moments[i].down_bit_s * (history.moments[i].at - from);
        from = history.moments[i].at;
    }
    cr_assert_eq(from, 3 * 86400 * SIM_S + 3 * SIM_MS);
    double bytes = (double)(bits / 8) / 1e9, sent = 50 * 1000 + 3 * 777777777.0;
    cr_assert(bytes > sent * 0.99999 && bytes <= sent, "%f of %f", bytes, sent);
    cr_assert_eq(history.moments[0].phases[SIM_PHASE_BOOT], 10 + 9, "both are there from 0 on");
    cr_assert_eq(history.moments[history.len - 1].done, 3);
    cr_assert_eq(history.moments[history.len - 1].phases[SIM_PHASE_BOOT], 7 + 10);
}

Test(watch_run, an_address_needs_its_port)
{
    static const char *const bad[] = {"",         "8080",          "127.0.0.1", ":80",
                                      "here:80",  "127.0.0.1:",    "::1:80",    "127.0.0.1:65536",
                                      "1.2.3:80", "127.0.0.1:80x", "[::1]:80"};
    char why[ANALYSIS_WHY_MAX];
    sim_addr addr;
    uint16_t port;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_not(analysis_watch_parse(bad[i], &addr, &port, why), "%s", bad[i]);
    }
    cr_assert(analysis_watch_parse("localhost:0", &addr, &port, why));
    cr_assert_eq(addr, 0x7f000001);
    cr_assert(analysis_watch_parse("10.1.2.3:9090", &addr, &port, why));
    cr_assert_eq(port, 9090);
}
