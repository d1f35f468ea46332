/* analysis/threshold.c -- metrics against the scenario before the run, against the document after
 * it. */
#include "analysis/threshold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/abort.h"
#include "analysis/result.h"
#include "sim/err.h"

enum {
    KEY_MAX = 128, /* bytes of one part of a path with its NUL */
};

/* "p95", "p99.9" as millionths. */
static bool parse_percentile(const char *text, uint32_t *millionths)
{
    char *end;

    if (text[0] != 'p' || text[1] < '0' || text[1] > '9' || strlen(text) > 8) {
        return false;
    }
    double percent = strtod(text + 1, &end);
    if (*end != '\0' || !(percent >= 0 && percent <= 100) || strpbrk(text, "eExX") != NULL) {
        return false;
    }
    *millionths = (uint32_t)lround(percent * 1e4);
    return true;
}

bool analysis_threshold_percentile(const char *path, bool *back, uint32_t *millionths)
{
    static const char completion[] = "completion_s.", back_in_service[] = "back_in_service_s.";

    if (strncmp(path, completion, sizeof(completion) - 1) == 0) {
        *back = false;
        return parse_percentile(path + sizeof(completion) - 1, millionths);
    }
    if (strncmp(path, back_in_service, sizeof(back_in_service) - 1) == 0) {
        *back = true;
        return parse_percentile(path + sizeof(back_in_service) - 1, millionths);
    }
    return false;
}

int analysis_threshold_check(const struct scenario *s, const char *metric,
                             char why[ANALYSIS_WHY_MAX])
{
    static const char *const whats[] = {
        [SCENARIO_SCOPE_RUN] = "",
        [SCENARIO_SCOPE_SITE] = "site",
        [SCENARIO_SCOPE_MODEL] = "model",
        [SCENARIO_SCOPE_FILE] = "file",
    };
    struct scenario_metric m;
    enum scenario_unit unit;
    const char *nearest;
    char hint[KEY_MAX + 32] = "";

    enum scenario_metric_verdict verdict = scenario_metric_check(s, metric, &m, &unit, &nearest);
    if (nearest != NULL) {
        snprintf(hint, sizeof(hint), " (did you mean \"%.100s\"?)", nearest);
    }
    switch (verdict) {
    case SCENARIO_METRIC_GOOD:
        return 0;
    case SCENARIO_METRIC_NO_FORM:
        snprintf(why, ANALYSIS_WHY_MAX,
                 "metric \"%.200s\": expected a name in [], like sites[branch].wan.bytes", metric);
        return SIM_EINVAL;
    case SCENARIO_METRIC_NO_NAME:
        snprintf(why, ANALYSIS_WHY_MAX, "metric \"%.200s\": the scenario has no such %s%s", metric,
                 whats[m.scope], hint);
        return SIM_EINVAL;
    case SCENARIO_METRIC_NO_NUMBER:
        snprintf(why, ANALYSIS_WHY_MAX,
                 "metric \"%.200s\": a result has no such number%s%s%s; see pfsim schema result, "
                 "for example completion_s.p95, phones.failed, wan.payload_bytes",
                 metric, m.scope != SCENARIO_SCOPE_RUN ? " for a " : "", whats[m.scope], hint);
        return SIM_EINVAL;
    }
    return SIM_EINVAL;
}

bool analysis_threshold_is_unrepeatable(const char *metric)
{
    return strcmp(metric, "engine.wall_s") == 0 || strcmp(metric, "engine.peak_rss_bytes") == 0;
}

/* ---- Values ---- */

bool analysis_threshold_holds(const struct scenario_threshold *t, double value)
{
    if (strcmp(t->op, "<") == 0) {
        return value < t->limit;
    }
    if (strcmp(t->op, "<=") == 0) {
        return value <= t->limit;
    }
    if (strcmp(t->op, ">") == 0) {
        return value > t->limit;
    }
    if (strcmp(t->op, ">=") == 0) {
        return value >= t->limit;
    }
    return value == t->limit;
}

static bool lookup(const cJSON *node, const char *path, double *out)
{
    char key[KEY_MAX];

    for (;;) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof(key)) {
            return false;
        }
        memcpy(key, path, len);
        key[len] = '\0';
        node = cJSON_GetObjectItemCaseSensitive(node, key);
        if (path[len] == '\0') {
            break;
        }
        path += len + 1;
    }
    if (!cJSON_IsNumber(node)) {
        return false;
    }
    *out = node->valuedouble;
    return true;
}

static bool is_worse(const struct scenario_threshold *t, double a, double b)
{
    if (t->op[0] == '<') {
        return a > b;
    }
    if (t->op[0] == '>') {
        return a < b;
    }
    return fabs(a - t->limit) > fabs(b - t->limit);
}

/* Of all sites or one of them; false: it has no value. */
static bool value_of(const struct analysis_figures *f, const cJSON *document, uint32_t site,
                     const char *path, double *out)
{
    uint32_t millionths;
    sim_duration value;
    bool back;

    if (lookup(document, path, out)) {
        return true;
    }
    if (!analysis_threshold_percentile(path, &back, &millionths) ||
        !analysis_figures_quantile(f, site, back, millionths, &value)) {
        return false;
    }
    *out = sim_time_seconds(value);
    return true;
}

/* The worst of the sites that the name means; false when one of them has no value. */
static bool worst_of_sites(const struct analysis_figures *f, const struct scenario_threshold *t,
                           const struct scenario_metric *m, double *out)
{
    bool any = false;

    for (uint32_t i = f->first; i < f->end; i++) {
        const struct sim_site_setup *setup = f->facts->site(f->facts->context, i);
        double value;
        if (strcmp(setup->name, m->name) != 0 && strcmp(setup->class_name, m->name) != 0) {
            continue;
        }
        cJSON *site = analysis_result_site(f, i);
        bool known = value_of(f, site, i, m->path, &value);
        cJSON_Delete(site);
        if (!known) {
            return false;
        }
        if (!any || is_worse(t, value, *out)) {
            *out = value;
        }
        any = true;
    }
    return any;
}

static bool value_of_model(const struct analysis_figures *f, const struct scenario_metric *m,
                           double *out)
{
    const struct analysis_model *model = analysis_figures_model(f, m->name);
    uint32_t millionths;
    sim_duration value;
    bool back;

    if (model == NULL) {
        return false;
    }
    cJSON *o = analysis_result_model(f, model);
    bool known = lookup(o, m->path, out);
    cJSON_Delete(o);
    if (known) {
        return true;
    }
    if (!analysis_threshold_percentile(m->path, &back, &millionths) ||
        !analysis_figures_model_quantile(model, back, millionths, &value)) {
        return false;
    }
    *out = sim_time_seconds(value);
    return true;
}

/* The worst of the models that took it; false when none has a value. */
static bool worst_of_files(const cJSON *document, const struct scenario_threshold *t,
                           const struct scenario_metric *m, double *out)
{
    const cJSON *file;
    bool any = false;

    cJSON_ArrayForEach(file, cJSON_GetObjectItemCaseSensitive(document, "files"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(file, "file"));
        double value;
        if (name != NULL && strcmp(name, m->name) == 0 && lookup(file, m->path, &value) &&
            (!any || is_worse(t, value, *out))) {
            *out = value;
            any = true;
        }
    }
    return any;
}

static bool worst(const struct analysis_figures *f, const cJSON *document,
                  const struct scenario_threshold *t, const char *metric, double *out)
{
    struct scenario_metric m;

    if (!scenario_metric_split(metric, &m)) {
        return false;
    }
    switch (m.scope) {
    case SCENARIO_SCOPE_RUN:
        return value_of(f, document, ANALYSIS_ALL_SITES, m.path, out);
    case SCENARIO_SCOPE_SITE:
        return worst_of_sites(f, t, &m, out);
    case SCENARIO_SCOPE_MODEL:
        return value_of_model(f, &m, out);
    case SCENARIO_SCOPE_FILE:
        return worst_of_files(document, t, &m, out);
    }
    return false;
}

bool analysis_threshold_value(const struct analysis_figures *f, const cJSON *document,
                              const char *metric, double *out)
{
    const struct scenario_threshold largest = {.op = "<"};

    return worst(f, document, &largest, metric, out);
}

const char *analysis_threshold_unit(enum scenario_unit unit)
{
    static const char *const units[] = {
        [SCENARIO_UNIT_NONE] = "",       [SCENARIO_UNIT_SECONDS] = "s",
        [SCENARIO_UNIT_BYTES] = "B",     [SCENARIO_UNIT_BIT_S] = "bit/s",
        [SCENARIO_UNIT_SHARE] = "share",
    };
    return units[unit];
}

bool analysis_threshold_evaluate(const struct analysis_figures *f, cJSON *document)
{
    const struct scenario *s = f->facts->scenario;
    cJSON *list = cJSON_CreateArray();
    bool all_met = true;

    for (size_t i = 0; i < s->thresholds_len; i++) {
        const struct scenario_threshold *t = &s->thresholds[i];
        char text[512];
        double value = 0;
        bool known = worst(f, document, t, t->metric, &value);
        bool met = known && analysis_threshold_holds(t, value);
        cJSON *o = cJSON_CreateObject();
        snprintf(text, sizeof(text), "%s %s", t->metric, t->expression);
        cJSON_AddStringToObject(o, "expression", text);
        if (known) {
            cJSON_AddNumberToObject(o, "value", value);
        } else {
            cJSON_AddNullToObject(o, "value");
        }
        cJSON_AddBoolToObject(o, "met", met);
        cJSON_AddNumberToObject(o, "limit", t->limit);
        cJSON_AddStringToObject(o, "unit", analysis_threshold_unit(t->unit));
        cJSON_AddItemToArray(list, o);
        all_met = all_met && met;
    }
    cJSON_ReplaceItemInObjectCaseSensitive(document, "thresholds", list);
    return all_met;
}

/* ---- Warnings ---- */

void analysis_threshold_warn_of_aborts(const struct scenario *s, bool is_apart, const char *command,
                                       FILE *err)
{
    for (size_t i = 0; i < s->thresholds_len; i++) {
        const struct scenario_threshold *t = &s->thresholds[i];
        if (t->abort && is_apart) {
            fprintf(err,
                    "pfsim %s: warning: \"abort\" has no effect here: these sites can't touch one "
                    "another, so they run one after another, and thresholds are judged at the "
                    "end\n",
                    command);
            return;
        }
        if (t->abort && !analysis_abort_works(t)) {
            fprintf(err,
                    "pfsim %s: warning: \"abort\" has no effect on %s %s: it is judged at the "
                    "end only\n",
                    command, t->metric, t->expression);
        }
    }
}

void analysis_threshold_warn_of_chance(const struct scenario *s, const char *command, FILE *err)
{
    for (size_t i = 0; i < s->thresholds_len; i++) {
        if (analysis_threshold_is_unrepeatable(s->thresholds[i].metric)) {
            fprintf(err,
                    "pfsim %s: warning: %s differs from run to run and from machine to machine, "
                    "also with one seed\n",
                    command, s->thresholds[i].metric);
        }
    }
}
