/* analysis/threshold.c -- metric paths against the schema before the run, against the document
 * after it. */
#include "analysis/threshold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/result.h"
#include "sim/err.h"

enum {
    KEY_MAX = 128, /* bytes of one part of a path with its NUL */
    DEPTH_MAX = 8, /* $refs followed: ours are two deep */
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

bool analysis_threshold_split(const char *text, struct analysis_metric *out)
{
    static const char prefix[] = "sites[";
    struct analysis_metric m = {.path = text};

    if (strncmp(text, prefix, sizeof(prefix) - 1) == 0) {
        const char *name = text + sizeof(prefix) - 1;
        const char *end = strstr(name, "].");
        if (end == NULL || end == name || (size_t)(end - name) >= sizeof(m.site)) {
            return false;
        }
        memcpy(m.site, name, (size_t)(end - name));
        m.of_site = true;
        m.path = end + 2;
    }
    *out = m;
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

/* ---- The schema as the list of metrics ---- */

static const cJSON *follow(const cJSON *schema, const cJSON *node)
{
    static const char prefix[] = "#/$defs/";

    for (int i = 0; i < DEPTH_MAX; i++) {
        const char *ref = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "$ref"));
        if (ref == NULL || strncmp(ref, prefix, sizeof(prefix) - 1) != 0) {
            break;
        }
        node = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(schema, "$defs"),
                                                ref + sizeof(prefix) - 1);
    }
    return node;
}

static bool is_numeric(const cJSON *node)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(node, "type");
    const cJSON *item = cJSON_IsArray(type) ? type->child : type;

    for (; item != NULL; item = cJSON_IsArray(type) ? item->next : NULL) {
        const char *name = cJSON_GetStringValue(item);
        if (name != NULL && (strcmp(name, "number") == 0 || strcmp(name, "integer") == 0)) {
            return true;
        }
    }
    return false;
}

/* Does `path` lead from `definition` to a number? */
static bool schema_has(const cJSON *schema, const char *definition, const char *path)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(schema, "$defs"), definition);
    char key[KEY_MAX];

    while (node != NULL) {
        size_t len = strcspn(path, ".");
        if (len == 0 || len >= sizeof(key)) {
            return false;
        }
        memcpy(key, path, len);
        key[len] = '\0';
        node = follow(schema, cJSON_GetObjectItemCaseSensitive(
                                  cJSON_GetObjectItemCaseSensitive(node, "properties"), key));
        if (path[len] == '\0') {
            return node != NULL && is_numeric(node);
        }
        path += len + 1;
    }
    return false;
}

static bool has_site(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->sites_len; i++) {
        if (strcmp(s->sites[i].name, name) == 0) {
            return true;
        }
    }
    for (uint32_t i = 0; i < s->sites_total; i++) {
        char text[SCENARIO_NAME_MAX];
        struct sim_site_setup setup;
        if (scenario_site_setup(s, i, &setup, text) == 0 && strcmp(text, name) == 0) {
            return true;
        }
    }
    return false;
}

int analysis_threshold_check(const struct scenario *s, const char *metric,
                             char why[ANALYSIS_WHY_MAX])
{
    struct analysis_metric m;
    uint32_t millionths;
    bool back;

    if (!analysis_threshold_split(metric, &m)) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "threshold \"%.200s\": expected sites[NAME].METRIC, like sites[branch].wan.bytes",
                 metric);
        return SIM_EINVAL;
    }
    if (m.of_site && !has_site(s, m.site)) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "threshold \"%.200s\": the scenario has no site or class \"%s\"", metric, m.site);
        return SIM_EINVAL;
    }
    cJSON *schema = cJSON_Parse(analysis_result_schema());
    bool known = analysis_threshold_percentile(m.path, &back, &millionths) ||
                 schema_has(schema, m.of_site ? "site" : "run", m.path);
    cJSON_Delete(schema);
    if (!known) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "threshold \"%.200s\": a result has no such number%s; see pfsim schema result, "
                 "for example completion_s.p95, phones.failed, wan.payload_bytes",
                 metric, m.of_site ? " for a site" : "");
        return SIM_EINVAL;
    }
    return 0;
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

/* Of all sites or one of them; false: it has no value. */
static bool value_of(const struct analysis_figures *f, const cJSON *document, uint32_t site,
                     const char *path, double *out)
{
    uint32_t millionths;
    bool back;

    if (lookup(document, path, out)) {
        return true;
    }
    if (analysis_threshold_percentile(path, &back, &millionths)) {
        sim_duration value;
        if (!analysis_figures_quantile(f, site, back, millionths, &value)) {
            return false;
        }
        *out = sim_time_seconds(value);
        return true;
    }
    return false;
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

/* The worst of the sites that the name means; false when one of them has no value. */
static bool worst_of_sites(const struct analysis_figures *f, const struct scenario_threshold *t,
                           const struct analysis_metric *m, double *out)
{
    bool any = false;

    for (uint32_t i = 0; i < f->facts->sites; i++) {
        const struct sim_site_setup *setup = f->facts->site(f->facts->context, i);
        double value;
        if (strcmp(setup->name, m->site) != 0 && strcmp(setup->class_name, m->site) != 0) {
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

bool analysis_threshold_value(const struct analysis_figures *f, const cJSON *document,
                              const char *metric, double *out)
{
    const struct scenario_threshold largest = {.op = "<"};
    struct analysis_metric m;

    return analysis_threshold_split(metric, &m) &&
           (m.of_site ? worst_of_sites(f, &largest, &m, out)
                      : value_of(f, document, ANALYSIS_ALL_SITES, m.path, out));
}

bool analysis_threshold_evaluate(const struct analysis_figures *f, cJSON *document)
{
    const struct scenario *s = f->facts->scenario;
    cJSON *list = cJSON_CreateArray();
    bool all_met = true;

    for (size_t i = 0; i < s->thresholds_len; i++) {
        const struct scenario_threshold *t = &s->thresholds[i];
        struct analysis_metric m;
        char text[512];
        double value = 0;
        bool known = analysis_threshold_split(t->metric, &m) &&
                     (m.of_site ? worst_of_sites(f, t, &m, &value)
                                : value_of(f, document, ANALYSIS_ALL_SITES, m.path, &value));
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
        cJSON_AddItemToArray(list, o);
        all_met = all_met && met;
    }
    cJSON_ReplaceItemInObjectCaseSensitive(document, "thresholds", list);
    return all_met;
}
