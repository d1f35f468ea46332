/* analysis/plan/trial.c -- see trial.h. */
#include "analysis/plan/trial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/plan/copies.h"
#include "analysis/result.h"
#include "analysis/session.h"
#include "analysis/summary.h"
#include "analysis/threshold.h"
#include "scenarios/scenario.h"
#include "sim/err.h"

/* ---- Judging ---- */

void analysis_trial_init(struct analysis_trial *t)
{
    *t = (struct analysis_trial){
        .met = true,
        .only_late = true,
        .wan_met = true,
        .margin = (double)NAN,
        .p95 = (double)NAN,
        .last = (double)NAN,
        .wan_peak = (double)NAN,
        .failed = 0,
        .worst_value = (double)NAN,
        .rest_met = true,
        .sites_missing = (double)NAN,
        .failed_all = (double)NAN,
        .last_median = (double)NAN,
    };
    for (size_t i = 0; i < ANALYSIS_TOTALS_MAX; i++) {
        t->totals[i] = (double)NAN;
    }
}

/* As a share of the limit; NAN: nothing to say (an equality that holds, a limit of 0 that does). */
static double margin_of(const char *op, double limit, double value, bool met)
{
    double margin;

    if (isnan(value)) {
        return -1;
    }
    if (limit == 0 || op[0] == '=') {
        return met ? (double)NAN : -1;
    }
    margin = op[0] == '<' ? (limit - value) / fabs(limit) : (value - limit) / fabs(limit);
    return met ? margin : fmin(margin, -1e-6);
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Behind "sites[NAME].". */
static const char *path_of(const char *metric)
{
    struct scenario_metric m;

    return scenario_metric_split(metric, &m) ? m.path : metric;
}

/* How much of a line is used, not for how many bytes in all: what a limit of its rate can help. */
static bool is_of_rate(const char *path)
{
    return strcmp(path, "wan.peak_bit_s") == 0 || strcmp(path, "wan.mean_bit_s") == 0 ||
           strcmp(path, "wan.utilisation") == 0 || strcmp(path, "wan.drops") == 0;
}

void analysis_trial_judge(struct analysis_trial *t, const char *metric, const char *op,
                          double limit, double value)
{
    struct scenario_threshold threshold = {.limit = limit};
    const char *path = path_of(metric);

    snprintf(threshold.op, sizeof(threshold.op), "%s", op);
    bool met = !isnan(value) && analysis_threshold_holds(&threshold, value);
    double margin = margin_of(op, limit, value, met);
    if (!met) {
        bool late = starts_with(path, "completion_s.") || starts_with(path, "back_in_service_s.");
        t->met = false;
        t->only_late = t->only_late && late && !isnan(value);
        t->wan_met = t->wan_met && !is_of_rate(path);
    }
    if (!isnan(margin) && (isnan(t->margin) || margin < t->margin)) {
        t->margin = margin;
        t->worst_value = value;
        snprintf(t->worst, sizeof(t->worst), "%s %s %.10g", metric, op, limit);
    }
}

bool analysis_trial_is_worse(const struct analysis_trial *a, const struct analysis_trial *b)
{
    if (a->met != b->met) {
        return !a->met;
    }
    return !isnan(a->margin) && (isnan(b->margin) || a->margin < b->margin);
}

/* ---- Running ---- */

int analysis_trial_run(const struct analysis_program *program, const char *path, const char *text,
                       uint64_t seed, struct analysis_copies *copies, cJSON **document)
{
    struct scenario_errors errors = {.list = NULL};
    struct scenario *scenario = NULL;

    *document = NULL;
    int rc = scenario_load_text(path, text, strlen(text), NULL, 0, &scenario, &errors);
    if (rc != 0) {
        scenario_errors_print(&errors, path, program->err);
        scenario_errors_free(&errors);
        return analysis_program_fail(program, "plan", ANALYSIS_REFUSED,
                                     "a scenario made for a trial could not be loaded: %s",
                                     sim_err_text(rc));
    }
    scenario_errors_free(&errors);
    struct analysis_session session = {
        .program = program,
        .command = "plan",
        .scenario = scenario,
        .world = SCENARIO_VIRTUAL,
        .method = scenario->method,
        .seed = seed,
        .quiet = true,
        .no_abort = true, /* half a run is no measurement */
        .threads = 1,     /* others run beside it */
        .figures = copies != NULL ? analysis_copies_take : NULL,
        .figures_context = copies,
    };
    int status = analysis_session_run(&session, document);
    scenario_free(scenario);
    if (*document == NULL) {
        return status != ANALYSIS_OK ? status : ANALYSIS_REFUSED;
    }
    if (status == ANALYSIS_OK || status == ANALYSIS_MISSED) {
        return ANALYSIS_OK;
    }
    cJSON_Delete(*document);
    *document = NULL;
    return status;
}

/* ---- Reading ---- */

/* "METRIC OP LIMIT", as the result writes it; a site's name may hold anything but "]". */
struct expression {
    char metric[ANALYSIS_TRIAL_TEXT_MAX];
    char op[3];
    double limit;
};

static bool parse_expression(const char *text, struct expression *out)
{
    size_t at = strlen(text);

    while (at > 0 && strchr("<>=", text[at - 1]) == NULL) {
        at--;
    }
    size_t end = at;
    while (at > 0 && end - at < 2 && strchr("<>=", text[at - 1]) != NULL) {
        at--;
    }
    size_t len = at;
    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }
    if (len == 0 || len >= sizeof(out->metric) || end == at) {
        return false;
    }
    *out = (struct expression){.limit = strtod(text + end, NULL)};
    memcpy(out->metric, text, len);
    memcpy(out->op, text + at, end - at);
    return true;
}

/* Figures of a class, by the thresholds that ask for them. */
static void take_figure(struct analysis_trial *t, const char *path, double value)
{
    if (strcmp(path, "completion_s.p95") == 0) {
        t->p95 = value;
    } else if (strcmp(path, "completion_s.last") == 0) {
        t->last = value;
    } else if (strcmp(path, "wan.peak_bit_s") == 0) {
        t->wan_peak = value;
    } else if (strcmp(path, "phones.failed") == 0 || strcmp(path, "phones.unfinished") == 0) {
        t->failed += isnan(value) ? 0 : value;
    }
}

static double or_zero(double value)
{
    return isnan(value) ? 0 : value;
}

/* Is it the class, or a copy of it ("branch#2")? */
static bool is_of_class(const char *name, const char *site)
{
    size_t len = strlen(site);

    return strncmp(name, site, len) == 0 && (name[len] == '\0' || name[len] == '#');
}

static bool is_left_out(const struct analysis_reading *how, const char *metric)
{
    for (size_t i = 0; i < how->left_out_len; i++) {
        if (strcmp(how->left_out[i], metric) == 0) {
            return true;
        }
    }
    return false;
}

/* Takes the value of a threshold on a total; is it one? */
static bool take_total(struct analysis_trial *t, const struct analysis_reading *how,
                       const char *metric, double value)
{
    for (size_t i = 0; i < how->totals_len; i++) {
        if (strcmp(how->totals[i].metric, metric) == 0) {
            t->totals[i] = or_zero(value); /* no line, no bytes */
            return true;
        }
    }
    return false;
}

static void read_one(struct analysis_trial *t, const struct analysis_reading *how,
                     const struct expression *e, double value)
{
    struct scenario_metric m;
    bool is_total = false;

    if (!scenario_metric_split(e->metric, &m)) {
        return;
    }
    if (m.scope == SCENARIO_SCOPE_RUN) {
        is_total = take_total(t, how, e->metric, value);
    }
    if (how->site != NULL && (m.scope != SCENARIO_SCOPE_SITE || !is_of_class(m.name, how->site))) {
        return;
    }
    if (how->site != NULL && strcmp(m.name, how->site) == 0) {
        take_figure(t, m.path, value);
    }
    if ((strcmp(e->op, ">=") == 0 && e->limit == -1) || is_left_out(how, e->metric)) {
        return;
    }
    bool met = t->met;
    t->met = true; /* of this one */
    analysis_trial_judge(t, e->metric, e->op, e->limit, value);
    t->rest_met = t->rest_met && (is_total || t->met);
    t->met = t->met && met;
}

void analysis_trial_read(struct analysis_trial *t, const cJSON *document,
                         const struct analysis_reading *how)
{
    const cJSON *item;

    analysis_trial_init(t);
    t->seed = analysis_result_seed(document);
    t->refused = or_zero(analysis_summary_number(document, "server", "refused"));
    if (how->site == NULL) {
        t->p95 = analysis_summary_number(document, "completion_s", "p95");
        t->last = analysis_summary_number(document, "completion_s", "last");
        t->wan_peak = analysis_summary_number(document, "wan", "peak_bit_s");
        t->failed = or_zero(analysis_summary_number(document, "phones", "failed")) +
                    or_zero(analysis_summary_number(document, "phones", "unfinished"));
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(document, "thresholds"))
    {
        const char *text =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "expression"));
        const cJSON *number = cJSON_GetObjectItemCaseSensitive(item, "value");
        double value = cJSON_IsNumber(number) ? number->valuedouble : (double)NAN;
        struct expression e;
        if (text != NULL && parse_expression(text, &e)) {
            read_one(t, how, &e, value);
        }
    }
    t->only_late = t->only_late && t->failed == 0 && t->refused == 0;
}

/* ---- As JSON ---- */

/* Values of a run are exact to a microsecond or a unit; six digits behind the point keep them and
 * no noise. */
static void add_number(cJSON *o, const char *key, double value)
{
    if (isnan(value)) {
        cJSON_AddNullToObject(o, key);
    } else {
        cJSON_AddNumberToObject(o, key, round(value * 1e6) / 1e6);
    }
}

cJSON *analysis_trial_json(const struct analysis_trial *t)
{
    cJSON *o = cJSON_CreateObject(), *totals;
    size_t len = ANALYSIS_TOTALS_MAX;

    cJSON_AddBoolToObject(o, "met", t->met);
    add_number(o, "margin", t->margin);
    add_number(o, "p95_s", t->p95);
    add_number(o, "last_s", t->last);
    add_number(o, "wan_peak_bit_s", t->wan_peak);
    add_number(o, "failed", t->failed);
    add_number(o, "refused", t->refused);
    analysis_result_add_seed(o, t->seed);
    if (t->worst[0] != '\0') {
        cJSON_AddStringToObject(o, "nearest", t->worst);
        add_number(o, "nearest_value", t->worst_value);
    }
    cJSON_AddBoolToObject(o, "only_late", t->only_late);
    cJSON_AddBoolToObject(o, "wan_met", t->wan_met);
    cJSON_AddBoolToObject(o, "rest_met", t->rest_met);
    totals = cJSON_AddArrayToObject(o, "totals");
    while (len > 0 && isnan(t->totals[len - 1])) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        cJSON_AddItemToArray(totals, isnan(t->totals[i]) ? cJSON_CreateNull()
                                                         : cJSON_CreateNumber(t->totals[i]));
    }
    if (!isnan(t->sites_missing)) {
        cJSON_AddNumberToObject(o, "sites_missing", t->sites_missing);
        cJSON_AddNumberToObject(o, "failed_all_copies", t->failed_all);
        add_number(o, "last_median_s", t->last_median);
    }
    return o;
}

static double number_at(const cJSON *o, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(n) ? n->valuedouble : (double)NAN;
}

bool analysis_trial_parse(const cJSON *json, struct analysis_trial *out)
{
    struct analysis_trial t;
    const cJSON *met = cJSON_GetObjectItemCaseSensitive(json, "met");

    if (!cJSON_IsBool(met)) {
        return false;
    }
    analysis_trial_init(&t);
    t.met = cJSON_IsTrue(met);
    t.margin = number_at(json, "margin");
    t.p95 = number_at(json, "p95_s");
    t.last = number_at(json, "last_s");
    t.wan_peak = number_at(json, "wan_peak_bit_s");
    t.failed = or_zero(number_at(json, "failed"));
    t.refused = or_zero(number_at(json, "refused"));
    t.seed = analysis_result_seed(json);
    const char *worst = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "nearest"));
    snprintf(t.worst, sizeof(t.worst), "%s", worst != NULL ? worst : "");
    t.worst_value = number_at(json, "nearest_value");
    t.only_late = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "only_late"));
    t.wan_met = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "wan_met"));
    t.rest_met = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "rest_met"));
    t.sites_missing = number_at(json, "sites_missing");
    t.failed_all = number_at(json, "failed_all_copies");
    t.last_median = number_at(json, "last_median_s");
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(json, "totals");
    total = total != NULL ? total->child : NULL;
    for (size_t i = 0; i < ANALYSIS_TOTALS_MAX && total != NULL; i++, total = total->next) {
        t.totals[i] = cJSON_IsNumber(total) ? total->valuedouble : (double)NAN;
    }
    *out = t;
    return true;
}
