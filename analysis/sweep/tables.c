/* analysis/sweep/tables.c -- see tables.h. */
#include "analysis/sweep/tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/json.h"
#include "analysis/report/page.h"
#include "analysis/report/view.h"
#include "analysis/result.h"
#include "analysis/sweep/sample.h"
#include "analysis/threshold.h"
#include "scenarios/metrics.h"
#include "sim/err.h"

static const struct {
    const char *name, *label;
} known[] = {
    {"completion_s.p50", "half of the phones are done after"},
    {"completion_s.last", "the last phone is done after"},
    {"wan.payload_bytes", "firmware over the WAN"},
    {"wan.utilisation", "WAN use, of its rate"},
    {"completion_s.p95", "95 % of the phones are done after"},
    {"back_in_service_s.last", "the last phone is back in service after"},
    {"wan.bytes", "all bytes over the WAN"},
    {"wan.busy_s", "WAN busy"},
    {"server.peak_transfers", "transfers at once from the server"},
    {"bounds.gap", "times the best possible"},
    {"phones.upgraded", "phones upgraded"},
    {"phones.failed", "phones failed"},
};

enum { KNOWN = sizeof(known) / sizeof(known[0]) };

_Static_assert((int)KNOWN + (int)ANALYSIS_GRID_JUDGED_MAX <= (int)ANALYSIS_TABLES_METRICS_MAX,
               "room for all of them");

size_t analysis_tables_metrics(const struct analysis_grid *g,
                               const char *out[ANALYSIS_TABLES_METRICS_MAX])
{
    size_t len = 0;

    for (size_t i = 0; i < g->judged_len; i++) {
        out[len++] = g->judged[i];
    }
    for (size_t i = 0; i < KNOWN; i++) {
        bool is_there = false;
        for (size_t n = 0; n < g->judged_len; n++) {
            is_there = is_there || strcmp(g->judged[n], known[i].name) == 0;
        }
        if (!is_there) {
            out[len++] = known[i].name;
        }
    }
    return len;
}

static const char *label_of(const char *name)
{
    for (size_t i = 0; i < KNOWN; i++) {
        if (strcmp(known[i].name, name) == 0) {
            return known[i].label;
        }
    }
    return name;
}

static const char *unit_of(const char *name)
{
    enum scenario_unit unit = SCENARIO_UNIT_NONE;

    return analysis_threshold_unit(scenario_metric_unit(name, &unit) ? unit : SCENARIO_UNIT_NONE);
}

/* ---- The view ---- */

static cJSON *new_keys(const struct analysis_grid *g)
{
    cJSON *keys = cJSON_CreateArray();

    for (size_t k = 0; k < g->keys_len; k++) {
        const struct analysis_vary *key = &g->keys[k];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "path", key->path);
        cJSON_AddItemToObject(
            o, "values", cJSON_CreateStringArray((const char *const *)key->labels, (int)key->len));
        cJSON_AddItemToObject(o, "numbers",
                              key->numbers != NULL
                                  ? cJSON_CreateDoubleArray(key->numbers, (int)key->len)
                                  : cJSON_CreateNull());
        cJSON_AddBoolToObject(o, "log", key->log);
        cJSON_AddItemToArray(keys, o);
    }
    if (g->keys_len == 0) { /* seeds alone: a table and an axis need a key */
        static const char *const only[] = {"as it is"};
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "path", "scenario");
        cJSON_AddItemToObject(o, "values", cJSON_CreateStringArray(only, 1));
        cJSON_AddNullToObject(o, "numbers");
        cJSON_AddBoolToObject(o, "log", false);
        cJSON_AddItemToArray(keys, o);
    }
    return keys;
}

static cJSON *new_at(const struct analysis_grid *g, size_t combination)
{
    cJSON *at = cJSON_CreateArray();

    for (size_t k = 0; k < g->keys_len; k++) {
        cJSON_AddItemToArray(at, cJSON_CreateNumber((double)g->list[combination].at[k]));
    }
    if (g->keys_len == 0) {
        cJSON_AddItemToArray(at, cJSON_CreateNumber(0));
    }
    return at;
}

/* Runs of one combination by how they ended. */
struct tally {
    unsigned ended, met, failed;
};

static struct tally tally(const struct analysis_tables_config *config, size_t combination)
{
    struct tally t = {0, 0, 0};

    for (uint32_t i = 0; i < config->repeat; i++) {
        uint32_t run = (uint32_t)(i * config->grid->len + combination);
        enum analysis_store_status status = analysis_store_status(config->store, run);
        t.met += status == ANALYSIS_STORE_MET;
        t.ended += status == ANALYSIS_STORE_MET || status == ANALYSIS_STORE_MISSED;
        t.failed += status == ANALYSIS_STORE_FAILED || status == ANALYSIS_STORE_INVALID;
    }
    return t;
}

static const char *const columns[] = {"mean", "low", "high", "min", "max", "counts"};

enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static void add_number(cJSON *array, double value)
{
    cJSON_AddItemToArray(array, isnan(value) ? cJSON_CreateNull() : cJSON_CreateNumber(value));
}

/* A metric's value of each seed, for a sweep of nothing else. */
static void add_seeds(cJSON *lists, const double *values, uint32_t len)
{
    cJSON *list = cJSON_CreateArray();

    for (uint32_t i = 0; i < len && i < ANALYSIS_TABLES_SEEDS_MAX; i++) {
        add_number(list, values[i]);
    }
    cJSON_AddItemToArray(lists, list);
}

/* `values`: of every run, metric after metric. */
static cJSON *new_point(const struct analysis_tables_config *config, const double *values,
                        size_t combination, double *seeds)
{
    uint32_t runs = analysis_store_runs(config->store);
    struct tally t = tally(config, combination);
    cJSON *point = cJSON_CreateObject();
    cJSON *lists[COLUMNS];

    cJSON_AddItemToObject(point, "at", new_at(config->grid, combination));
    cJSON_AddNumberToObject(point, "runs", t.ended);
    cJSON_AddNumberToObject(point, "all_met", t.met);
    cJSON_AddNumberToObject(point, "failed", t.failed);
    for (size_t i = 0; i < COLUMNS; i++) {
        lists[i] = cJSON_AddArrayToObject(point, columns[i]);
    }
    cJSON *single = config->grid->keys_len == 0 ? cJSON_AddArrayToObject(point, "seeds") : NULL;
    for (size_t m = 0; m < config->metrics_len; m++) {
        for (uint32_t i = 0; i < config->repeat; i++) {
            uint32_t run = (uint32_t)(i * config->grid->len + combination);
            enum analysis_store_status status = analysis_store_status(config->store, run);
            bool counts = status == ANALYSIS_STORE_MET || status == ANALYSIS_STORE_MISSED;
            seeds[i] = counts ? values[m * runs + run] : NAN;
        }
        if (single != NULL) {
            add_seeds(single, seeds, config->repeat);
        }
        struct analysis_sample s = analysis_sample_of(seeds, config->repeat);
        double row[COLUMNS] = {s.mean, s.low, s.high, s.min, s.max, (double)s.count};
        for (size_t i = 0; i < COLUMNS; i++) {
            add_number(lists[i], row[i]);
        }
    }
    return point;
}

static cJSON *new_failures(const struct analysis_tables_config *config)
{
    cJSON *list = cJSON_CreateArray();

    for (uint32_t run = 0; run < analysis_store_runs(config->store) &&
                           cJSON_GetArraySize(list) < ANALYSIS_TABLES_FAILURES_MAX;
         run++) {
        enum analysis_store_status status = analysis_store_status(config->store, run);
        if (status != ANALYSIS_STORE_FAILED && status != ANALYSIS_STORE_INVALID) {
            continue;
        }
        char seed[32];
        char *why = analysis_store_why(config->store, run);
        snprintf(seed, sizeof(seed), "%llu",
                 (unsigned long long)analysis_store_seed(config->store, run));
        cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToObject(o, "at",
                              new_at(config->grid, analysis_store_combination(config->store, run)));
        cJSON_AddStringToObject(o, "seed", seed);
        cJSON_AddStringToObject(o, "status", analysis_store_status_name(status));
        cJSON_AddStringToObject(o, "why", why != NULL ? why : "");
        cJSON_AddItemToArray(list, o);
        free(why);
    }
    return list;
}

/* Runs whose phones were not all upgraded; NAN is none of them. */
static int add_behind(cJSON *sweep, const struct analysis_tables_config *config, double *values,
                      char why[ANALYSIS_WHY_MAX])
{
    static const char *const names[] = {"phones.failed", "phones.unfinished"};
    uint32_t runs = analysis_store_runs(config->store);
    uint8_t *behind = calloc(runs, 1);
    cJSON *point;
    size_t combination = 0;
    int rc = behind != NULL ? 0 : SIM_ENOMEM;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && rc == 0; i++) {
        rc = analysis_store_values(config->store, names[i], values, why);
        for (uint32_t run = 0; run < runs && rc == 0; run++) {
            behind[run] |= values[run] > 0 &&
                           analysis_store_status(config->store, run) == ANALYSIS_STORE_MISSED;
        }
    }
    cJSON_ArrayForEach(point, cJSON_GetObjectItemCaseSensitive(sweep, "points"))
    {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < config->repeat && rc == 0; i++) {
            sum += behind[i * config->grid->len + combination];
        }
        cJSON_AddNumberToObject(point, "behind", sum);
        combination++;
    }
    free(behind);
    return rc;
}

static cJSON *new_sweep(const struct analysis_tables_config *config, const double *values,
                        double *seeds)
{
    cJSON *sweep = cJSON_CreateObject();
    cJSON *metrics = cJSON_CreateArray(), *points = cJSON_CreateArray();
    struct tally all = {0, 0, 0};

    for (size_t i = 0; i < config->metrics_len; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", config->metrics[i]);
        cJSON_AddStringToObject(o, "label", label_of(config->metrics[i]));
        cJSON_AddStringToObject(o, "unit", unit_of(config->metrics[i]));
        cJSON_AddItemToArray(metrics, o);
    }
    for (size_t i = 0; i < config->grid->len; i++) {
        struct tally t = tally(config, i);
        all.ended += t.ended;
        all.met += t.met;
        all.failed += t.failed;
        cJSON_AddItemToArray(points, new_point(config, values, i, seeds));
    }
    cJSON_AddItemToObject(sweep, "keys", new_keys(config->grid));
    cJSON_AddItemToObject(sweep, "metrics", metrics);
    cJSON_AddNumberToObject(sweep, "repeat", config->repeat);
    cJSON_AddNumberToObject(sweep, "runs", all.ended);
    cJSON_AddNumberToObject(sweep, "all_met", all.met);
    cJSON_AddNumberToObject(sweep, "failed", all.failed);
    cJSON_AddNumberToObject(sweep, "missing",
                            analysis_store_runs(config->store) - all.ended - all.failed);
    cJSON_AddItemToObject(sweep, "points", points);
    cJSON_AddItemToObject(sweep, "failures", new_failures(config));
    return sweep;
}

int analysis_tables_view(cJSON **out, const struct analysis_tables_config *config,
                         char why[ANALYSIS_WHY_MAX])
{
    uint32_t runs = analysis_store_runs(config->store);
    double *values = calloc((config->metrics_len + 1) * runs, sizeof(*values));
    double *seeds = calloc(config->repeat, sizeof(*seeds));
    cJSON *view = cJSON_CreateObject();
    char seed[32];
    int rc = values == NULL || seeds == NULL || view == NULL ? SIM_ENOMEM : 0;

    snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
    for (size_t m = 0; m < config->metrics_len && rc == 0; m++) {
        rc = analysis_store_values(config->store, config->metrics[m], values + m * runs, why);
    }
    if (rc == 0) {
        snprintf(seed, sizeof(seed), "%llu", (unsigned long long)config->grid->seed);
        cJSON_AddNumberToObject(view, "format", ANALYSIS_VIEW_FORMAT);
        cJSON_AddStringToObject(view, "kind", "sweep");
        cJSON_AddStringToObject(view, "title", config->grid->name);
        cJSON_AddStringToObject(view, "world", scenario_world_name(config->grid->world));
        cJSON_AddStringToObject(view, "seed", seed);
        cJSON_AddItemToObject(view, "runs", cJSON_CreateArray());
        cJSON *sweep = new_sweep(config, values, seeds);
        cJSON_AddItemToObject(view, "sweep", sweep);
        rc = add_behind(sweep, config, values, why);
        if (rc == 0 && config->grid->has_thresholds) {
            rc = analysis_tables_judge(sweep, config, why);
        }
        cJSON_AddItemToObject(view, "scenario", cJSON_Parse(config->grid->text));
        cJSON *versions = cJSON_AddObjectToObject(view, "versions");
        if (cJSON_AddStringToObject(versions, "pfsim", config->version) == NULL) {
            rc = SIM_ENOMEM;
        }
    }
    free(values);
    free(seeds);
    if (rc != 0) {
        cJSON_Delete(view);
        return rc;
    }
    *out = view;
    return 0;
}

/* ---- Files ---- */

/* The value that a point has of a key. */
static const char *value_at(const cJSON *sweep, const cJSON *point, int key)
{
    const cJSON *at = cJSON_GetArrayItem(analysis_json_get(point, "at"), key);
    const cJSON *values =
        analysis_json_get(cJSON_GetArrayItem(analysis_json_get(sweep, "keys"), key), "values");
    const char *text =
        cJSON_GetStringValue(cJSON_GetArrayItem(values, cJSON_IsNumber(at) ? at->valueint : 0));
    return text != NULL ? text : "";
}

/* Fifteen digits say what a figure is; shortest that does. Empty: there is none. */
static void print_number(struct analysis_output *o, double value)
{
    if (!isnan(value)) {
        analysis_output_print(o, "%.15g", value);
    }
}

static void write_csv(const cJSON *view, struct analysis_output *o)
{
    const cJSON *sweep = analysis_json_get(view, "sweep"), *item;
    int keys = cJSON_GetArraySize(analysis_json_get(sweep, "keys")), number = 0;

    analysis_output_print(o, "combination");
    cJSON_ArrayForEach(item, analysis_json_get(sweep, "keys"))
    {
        analysis_output_print(o, ",");
        analysis_output_field(o, analysis_json_text(item, "path", ""));
    }
    analysis_output_print(o, ",runs,all_met,failed");
    cJSON_ArrayForEach(item, analysis_json_get(sweep, "metrics"))
    {
        static const char *const endings[] = {"mean", "low", "high", "min", "max", "count"};
        for (size_t i = 0; i < COLUMNS; i++) {
            char name[512];
            snprintf(name, sizeof(name), "%.400s.%s", analysis_json_text(item, "name", ""),
                     endings[i]);
            analysis_output_print(o, ",");
            analysis_output_field(o, name);
        }
    }
    analysis_output_print(o, "\n");
    cJSON_ArrayForEach(item, analysis_json_get(sweep, "points"))
    {
        const cJSON *lists[COLUMNS];
        analysis_output_print(o, "%d", number++);
        for (int k = 0; k < keys; k++) {
            analysis_output_print(o, ",");
            analysis_output_field(o, value_at(sweep, item, k));
        }
        analysis_output_print(o, ",%.0f,%.0f,%.0f", analysis_json_number(item, "runs"),
                              analysis_json_number(item, "all_met"),
                              analysis_json_number(item, "failed"));
        for (size_t i = 0; i < COLUMNS; i++) {
            const cJSON *list = analysis_json_get(item, columns[i]);
            lists[i] = list != NULL ? list->child : NULL;
        }
        while (lists[0] != NULL) {
            for (size_t i = 0; i < COLUMNS; i++) {
                analysis_output_print(o, ",");
                print_number(o, analysis_json_number_of(lists[i]));
                lists[i] = lists[i] != NULL ? lists[i]->next : NULL;
            }
        }
        analysis_output_print(o, "\n");
    }
}

int analysis_tables_write(const cJSON *view, const char *dir, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_output *o = NULL;
    char *text = analysis_result_text(view);

    if (text == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    int rc = analysis_output_open(&o, dir, "sweep.csv", why);
    if (rc == 0) {
        write_csv(view, o);
        rc = analysis_output_commit(o, why);
    }
    if (rc == 0 && (rc = analysis_output_open(&o, dir, "report.html", why)) == 0) {
        rc = analysis_page_write(o, view);
        if (rc != 0) {
            snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(rc));
            analysis_output_discard(o);
        } else {
            rc = analysis_output_commit(o, why);
        }
    }
    if (rc == 0 && (rc = analysis_output_open(&o, dir, "sweep.json", why)) == 0) {
        analysis_output_write(o, text, strlen(text));
        rc = analysis_output_commit(o, why);
    }
    free(text);
    return rc;
}
