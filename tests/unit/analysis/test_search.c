/* Goal: the search takes the cheapest set that does, lists only minimal ones, finds the edge of a
 * range and says when there is none. Method: a runner that answers from a rule, no run. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/plan/search.h"
#include "sim/err.h"

#define MINUTE (60 * SIM_S)

enum {
    PFS = ANALYSIS_MEASURE_PFS,
    SPREAD = ANALYSIS_MEASURE_SPREAD,
    BLOCK = ANALYSIS_MEASURE_BLOCK,
    WINDOW = ANALYSIS_MEASURE_WINDOW,
    HTTP = ANALYSIS_MEASURE_HTTP,
    LIMIT = ANALYSIS_MEASURE_LIMIT,
    LOAD_SERVER = ANALYSIS_MEASURE_LOAD_SERVER,
};

struct rule {
    bool (*does)(const struct analysis_measure *m);
    bool fails;      /* what does not do fails phones, so a longer start may help */
    bool wan_missed; /* it is over the line's share, unless limited */
    int runs, end_at;
    bool seen[ANALYSIS_MEASURE_SETS];
};

static int run(void *context, const struct analysis_measure *m, struct analysis_trial *out)
{
    struct rule *r = context;

    if (++r->runs == r->end_at) {
        return SIM_ECANCELED;
    }
    r->seen[m->parts] = true;
    analysis_trial_init(out);
    bool wan = !r->wan_missed || (m->parts & LIMIT) != 0;
    if (r->does(m) && wan) {
        analysis_trial_judge(out, "completion_s.last", "<=", 100, 50);
        return 0;
    }
    analysis_trial_judge(out, "completion_s.last", "<=", 100, 200 - (double)m->parts);
    if (!wan) {
        analysis_trial_judge(out, "wan.peak_bit_s", "<=", 100, 130);
    }
    if (r->fails) {
        analysis_trial_judge(out, "phones.failed", "==", 0, 3);
        out->failed = 3;
        out->only_late = false;
    }
    return 0;
}

static void search_with(struct rule *r, struct analysis_search *s, struct analysis_found *f)
{
    analysis_weights_init(&s->weights);
    s->spread_now = s->spread_now == 0 ? 10 * SIM_S : s->spread_now;
    s->deadline = s->deadline == 0 ? 64 * MINUTE : s->deadline;
    s->run = run;
    s->context = r;
    cr_assert_eq(analysis_search_run(s, f), 0);
}

static const struct analysis_try *chosen(const struct analysis_found *f)
{
    return f->chosen >= 0 ? &f->tries[f->chosen] : NULL;
}

static bool always(const struct analysis_measure *m)
{
    (void)m;
    return true;
}

static bool never(const struct analysis_measure *m)
{
    (void)m;
    return false;
}

static bool with_http_or_server(const struct analysis_measure *m)
{
    return (m->parts & (HTTP | LOAD_SERVER)) != 0;
}

static bool from_seven_minutes(const struct analysis_measure *m)
{
    return m->spread >= 7 * MINUTE;
}

static bool on_and_off(const struct analysis_measure *m)
{
    return m->spread == 4 * MINUTE || m->spread == 16 * MINUTE || m->spread == 32 * MINUTE;
}

Test(search, what_fits_is_left_alone)
{
    struct rule r = {.does = always};
    struct analysis_search s = {.allowed = PFS | SPREAD | HTTP | LOAD_SERVER};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert_eq(r.runs, 1);
    cr_assert_eq(chosen(&f)->measure.parts, 0);
}

Test(search, takes_the_cheapest_and_lists_no_more_than_is_needed)
{
    struct rule r = {.does = with_http_or_server};
    struct analysis_search s = {.allowed = PFS | SPREAD | BLOCK | WINDOW | HTTP | LOAD_SERVER};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert_eq(chosen(&f)->measure.parts, HTTP);
    cr_assert(r.seen[PFS] && r.seen[BLOCK] && r.seen[LOAD_SERVER], "cheaper and other ones");
    cr_assert(!r.seen[PFS | HTTP] && !r.seen[SPREAD | HTTP], "HTTP alone does");
    cr_assert(!r.seen[SPREAD], "only late: a longer start ends nothing earlier");
    cr_assert_eq(f.as_it_is, 0);
}

Test(search, weights_decide_what_is_cheap)
{
    struct rule r = {.does = with_http_or_server};
    struct analysis_search s = {.allowed = PFS | HTTP | LOAD_SERVER, .spread_now = SIM_S};
    struct analysis_found f = {0};
    char why[ANALYSIS_WHY_MAX];

    analysis_weights_init(&s.weights);
    cr_assert_eq(analysis_weights_parse(&s.weights, "load-server=0.5,http=20", why), 0);
    s.deadline = SIM_NEVER;
    s.run = run;
    s.context = &r;
    cr_assert_eq(analysis_search_run(&s, &f), 0);
    cr_assert_eq(chosen(&f)->measure.parts, LOAD_SERVER);
    cr_assert_neq(analysis_weights_parse(&s.weights, "htp=1", why), 0);
    cr_assert(strstr(why, "did you mean http") != NULL, "%s", why);
    cr_assert_neq(analysis_weights_parse(&s.weights, "http=-1", why), 0);
    cr_assert_neq(analysis_weights_parse(&s.weights, "http", why), 0);
    cr_assert_neq(analysis_weights_parse(&s.weights, "http=1,", why), 0);
}

Test(search, finds_the_shortest_start_to_a_tenth)
{
    struct rule r = {.does = from_seven_minutes, .fails = true};
    struct analysis_search s = {.allowed = SPREAD};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert_eq(chosen(&f)->measure.parts, SPREAD);
    sim_duration found = chosen(&f)->measure.spread;
    cr_assert(found >= 7 * MINUTE && found <= 7 * MINUTE + 42 * SIM_S, "%f min",
              sim_time_seconds(found) / 60);
    cr_assert(!f.not_monotone);
    cr_assert(r.runs <= 1 + 6 + 4, "%d runs", r.runs);
}

Test(search, says_when_longer_is_not_always_better)
{
    struct rule r = {.does = on_and_off, .fails = true};
    struct analysis_search s = {.allowed = SPREAD};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert(f.not_monotone);
    cr_assert(chosen(&f) != NULL && on_and_off(&chosen(&f)->measure), "one that was tried");
}

static sim_duration by_hand(void *context, const struct analysis_measure *m)
{
    (void)context;
    return (m->parts & PFS) != 0 ? 10 * MINUTE : 200 * MINUTE;
}

Test(search, runs_nothing_that_a_closed_form_rules_out)
{
    struct rule r = {.does = never, .fails = true};
    struct analysis_search s = {.allowed = PFS | HTTP | SPREAD, .bound = by_hand};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert(r.seen[0], "what is there is always run: how far off is it?");
    cr_assert(!r.seen[HTTP] && r.seen[PFS] && r.seen[PFS | HTTP]);
    bool told = false;
    for (size_t i = 0; i < f.len; i++) {
        told = told || (f.tries[i].measure.parts == HTTP && !f.tries[i].ran &&
                        strstr(f.tries[i].why, "at least") != NULL);
    }
    cr_assert(told);
    cr_assert_eq(f.chosen, -1);
    cr_assert(f.closest >= 0);
}

Test(search, limits_a_line_only_where_it_is_over_its_share)
{
    struct rule r = {.does = always, .wan_missed = true};
    struct analysis_search s = {.allowed = PFS | LIMIT, .limit_bit_s = 1000};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert_eq(chosen(&f)->measure.parts, LIMIT);
    cr_assert_eq(chosen(&f)->measure.limit_bit_s, 1000);

    struct rule slow = {.does = never};
    memset(&f, 0, sizeof(f));
    search_with(&slow, &s, &f);
    cr_assert(!slow.seen[LIMIT], "it would only be slower");
}

/* Refuses sets without a longer start, as if tried beside the others. */
static enum analysis_refusal not_beside_others(void *context, const struct analysis_try *t,
                                               double *over, char *why)
{
    (void)context;
    *over = 0;
    snprintf(why, ANALYSIS_SEARCH_WHY_MAX, "not beside the others");
    return (t->measure.parts & (SPREAD | HTTP)) != 0 ? ANALYSIS_REFUSAL_NONE
                                                     : ANALYSIS_REFUSAL_TIME;
}

Test(search, passes_over_what_does_alone_but_was_rejected)
{
    struct rule r = {.does = always};
    struct analysis_search s = {.allowed = PFS | SPREAD | HTTP, .refuse = not_beside_others};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert_eq(chosen(&f)->measure.parts, SPREAD, "a longer start may help among the others");
    cr_assert(strstr(f.tries[0].why, "not beside the others") != NULL);
    cr_assert(f.tries[0].trial.met && f.tries[0].refused);
    cr_assert_eq(f.least, -1, "it is over no share");
}

/* Bytes that a set sends, of a share of 50: as it is 400, shared 40, by HTTP 300. */
static enum analysis_refusal too_many_bytes(void *context, const struct analysis_try *t,
                                            double *over, char *why)
{
    double bytes = (t->measure.parts & PFS) != 0    ? *(double *)context
                   : (t->measure.parts & HTTP) != 0 ? 300
                                                    : 400;

    *over = bytes / 50 - 1;
    snprintf(why, ANALYSIS_SEARCH_WHY_MAX, "%.0f bytes", bytes);
    return bytes > 50 ? ANALYSIS_REFUSAL_SUM : ANALYSIS_REFUSAL_NONE;
}

static int run_always(void *context, const struct analysis_measure *m, struct analysis_trial *out)
{
    (void)context;
    (void)m;
    analysis_trial_init(out);
    return 0;
}

Test(search, brings_a_class_down_to_its_share_and_else_takes_the_least)
{
    double shared = 40;
    struct analysis_search s = {.allowed = PFS | SPREAD | HTTP,
                                .deadline = 64 * MINUTE,
                                .spread_now = 10 * SIM_S,
                                .refuse = too_many_bytes,
                                .run = run_always,
                                .context = &shared};
    struct analysis_found f = {0};

    analysis_weights_init(&s.weights);
    cr_assert_eq(analysis_search_run(&s, &f), 0);
    cr_assert_eq(chosen(&f)->measure.parts, PFS);
    for (size_t i = 0; i < f.len; i++) {
        cr_assert((f.tries[i].measure.parts & SPREAD) == 0, "another time sends as many bytes");
    }
    shared = 60;
    memset(&f, 0, sizeof(f));
    cr_assert_eq(analysis_search_run(&s, &f), 0);
    cr_assert_eq(f.chosen, -1);
    cr_assert(f.least >= 0 && f.tries[f.least].measure.parts == PFS, "the cheapest of the least");
}

Test(search, what_the_server_grants_to_all_costs_nothing)
{
    struct rule r = {.does = with_http_or_server};
    struct analysis_search s = {.allowed = PFS | BLOCK | WINDOW | HTTP | LOAD_SERVER,
                                .given = BLOCK};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert_eq(chosen(&f)->measure.parts, HTTP, "HTTP does without TFTP's options");
    cr_assert(r.seen[BLOCK] && r.seen[BLOCK | PFS] && r.seen[BLOCK | WINDOW]);
    cr_assert(!r.seen[0] && !r.seen[PFS], "they are there");
    cr_assert_eq(f.tries[f.as_it_is].measure.parts, BLOCK);
    cr_assert_eq(f.tries[f.as_it_is].cost, 0);
    for (size_t i = 0; i < f.len; i++) {
        if (f.tries[i].measure.parts == (BLOCK | WINDOW)) {
            cr_assert_eq(f.tries[i].cost, s.weights.of[3]);
        }
    }
}

static bool pfs_from_a_load_server(const struct analysis_measure *m)
{
    return (m->parts & (PFS | LOAD_SERVER)) == (PFS | LOAD_SERVER);
}

static bool shared_and_spread(const struct analysis_measure *m)
{
    return (m->parts & PFS) != 0 && m->spread >= 5 * MINUTE;
}

Test(search, puts_measures_together_when_none_does_alone)
{
    struct rule r = {.does = pfs_from_a_load_server};
    struct rule late = {.does = shared_and_spread, .fails = true};
    struct analysis_search s = {.allowed = PFS | SPREAD | HTTP | LOAD_SERVER};
    struct analysis_found f = {0};

    search_with(&r, &s, &f);
    cr_assert_eq(chosen(&f)->measure.parts, PFS | LOAD_SERVER);
    cr_assert(r.seen[PFS] && r.seen[LOAD_SERVER], "each was tried alone before");
    memset(&f, 0, sizeof(f));
    search_with(&late, &s, &f);
    cr_assert_eq(chosen(&f)->measure.parts, PFS | SPREAD);
}

Test(search, ends_when_a_run_can_not_be)
{
    struct rule r = {.does = never, .end_at = 2};
    struct analysis_search s = {
        .allowed = PFS | HTTP, .deadline = MINUTE, .run = run, .context = &r};
    struct analysis_found f = {0};

    analysis_weights_init(&s.weights);
    cr_assert_eq(analysis_search_run(&s, &f), SIM_ECANCELED);
    cr_assert_eq(f.len, 1);
}

Test(measure, sets_that_contradict_themselves_are_none)
{
    cr_assert(analysis_measure_is_sound(PFS | SPREAD | HTTP | LIMIT));
    cr_assert(analysis_measure_is_sound(BLOCK | WINDOW));
    cr_assert(!analysis_measure_is_sound(WINDOW));
    cr_assert(!analysis_measure_is_sound(BLOCK | HTTP));
    cr_assert(analysis_measure_is_sound(PFS | LOAD_SERVER), "roots fetch from it");
    cr_assert(!analysis_measure_is_sound(PFS | ANALYSIS_MEASURE_TRADITIONAL));
    cr_assert(!analysis_measure_is_sound(LOAD_SERVER | LIMIT));
}

Test(measure, comes_back_from_its_document)
{
    struct analysis_measure m = {PFS | SPREAD | LIMIT, 90 * SIM_S, 38400}, back;
    char text[ANALYSIS_MEASURE_TEXT_MAX];
    cJSON *json = analysis_measure_json(&m);

    cr_assert(analysis_measure_read(json, &back));
    cr_assert(back.parts == m.parts && back.spread == m.spread &&
              back.limit_bit_s == m.limit_bit_s);
    cr_assert_str_eq(analysis_measure_text(&m, text),
                     "PFS, start over 1 min 30 s, limit 38.4 kbit/s");
    cJSON_Delete(json);
    static const char *const bad[] = {"{}", "{\"parts\":[\"tea\"]}", "{\"parts\":[\"spread\"]}",
                                      "{\"parts\":[\"limit\"],\"limit_bit_s\":-1}",
                                      "{\"parts\":[\"pfs\",\"traditional\"]}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json = cJSON_Parse(bad[i]);
        cr_assert(!analysis_measure_read(json, &back), "%s", bad[i]);
        cJSON_Delete(json);
    }
}

Test(trial, the_margin_is_the_least_share_of_a_limit)
{
    struct analysis_trial t;

    analysis_trial_init(&t);
    analysis_trial_judge(&t, "completion_s.last", "<=", 100, 80);
    analysis_trial_judge(&t, "phones.failed", "==", 0, 0);
    analysis_trial_judge(&t, "sites[a b].wan.peak_bit_s", "<", 1000, 900);
    cr_assert(t.met && fabs(t.margin - 0.1) < 1e-9, "%f", t.margin);
    cr_assert_str_eq(t.worst, "sites[a b].wan.peak_bit_s < 1000");
    analysis_trial_judge(&t, "completion_s.p95", "<=", 100, 150);
    cr_assert(!t.met && t.only_late && t.wan_met && fabs(t.margin + 0.5) < 1e-9);
    analysis_trial_judge(&t, "sites[a b].wan.peak_bit_s", "<", 1000, 1000);
    cr_assert(!t.only_late && !t.wan_met, "an edge that must not be reached");
    analysis_trial_judge(&t, "completion_s.last", "<=", 100, (double)NAN);
    cr_assert(fabs(t.margin + 1) < 1e-9, "nobody completed");
}

Test(trial, reads_a_result_of_all_or_of_a_class)
{
    static const char text[] =
        "{\"seed\":\"18446744073709551615\",\"completion_s\":{\"p95\":7,\"last\":9},"
        "\"wan\":{\"peak_bit_s\":5},\"phones\":{\"failed\":1,\"unfinished\":2},"
        "\"server\":{\"refused\":4},\"thresholds\":["
        "{\"expression\":\"sites[a > b].completion_s.last <= 10\",\"value\":8,\"met\":true},"
        "{\"expression\":\"sites[a > b].wan.peak_bit_s >= -1\",\"value\":3,\"met\":true},"
        "{\"expression\":\"sites[d].completion_s.last <= 10\",\"value\":8,\"met\":true},"
        "{\"expression\":\"sites[d#2].completion_s.last <= 5\",\"value\":7,\"met\":false},"
        "{\"expression\":\"sites[c].completion_s.last <= 10\",\"value\":null,\"met\":false}]}";
    cJSON *d = cJSON_Parse(text);
    struct analysis_trial t, back;

    analysis_trial_read(&t, d, &(struct analysis_reading){.site = "a > b"});
    cr_assert(t.met && t.last == 8 && t.wan_peak == 3 && isnan(t.p95) && t.failed == 0);
    cr_assert(fabs(t.margin - 0.2) < 1e-9);
    analysis_trial_read(&t, d, &(struct analysis_reading){.site = "c"});
    cr_assert(!t.met && isnan(t.last) && fabs(t.margin + 1) < 1e-9);
    analysis_trial_read(
        &t, d,
        &(struct analysis_reading){
            .site = "d"}); /* one of its copies is late; its figures are the class's */
    cr_assert(!t.met && t.last == 8 && fabs(t.margin + 0.4) < 1e-9);
    analysis_trial_read(&t, d, &(struct analysis_reading){.site = NULL});
    cr_assert(!t.met && t.last == 9 && t.failed == 3 && t.refused == 4);
    cr_assert_eq(t.seed, UINT64_MAX);
    cJSON *json = analysis_trial_json(&t);
    cr_assert(analysis_trial_parse(json, &back));
    cr_assert(back.seed == t.seed && back.last == 9 && back.failed == 3 && !back.met &&
              strcmp(back.worst, t.worst) == 0);
    cJSON_Delete(json);
    cJSON_Delete(d);
}

Test(trial, totals_are_taken_and_judged_apart)
{
    static const char text[] = "{\"seed\":1,\"thresholds\":["
                               "{\"expression\":\"wan.bytes <= 100\",\"value\":150},"
                               "{\"expression\":\"sites[a].completion_s.p95 <= 10\",\"value\":12},"
                               "{\"expression\":\"completion_s.p95 <= 10\",\"value\":9}]}";
    static const struct analysis_total totals[] = {{"wan.bytes", "<=", 100, false}};
    static const char *const derived[] = {"sites[a].completion_s.p95"};
    struct analysis_reading whole = {NULL, totals, 1, derived, 1}, class = {.site = "a"};
    cJSON *d = cJSON_Parse(text);
    struct analysis_trial t, back;

    analysis_trial_read(&t, d, &whole);
    cr_assert(!t.met && t.rest_met && t.totals[0] == 150 && isnan(t.totals[1]));
    cr_assert(fabs(t.margin + 0.5) < 1e-9);
    cJSON *json = analysis_trial_json(&t);
    cr_assert(analysis_trial_parse(json, &back));
    cr_assert(back.totals[0] == 150 && isnan(back.totals[1]) && back.rest_met && !back.met);
    whole.left_out_len = 0;
    analysis_trial_read(&t, d, &whole);
    cr_assert(!t.rest_met, "a class's limit is one of the rest");
    analysis_trial_read(&t, d, &class);
    cr_assert(!t.met && isnan(t.totals[0]), "limits of the whole are not the class's");
    cJSON_Delete(json);
    cJSON_Delete(d);
}
