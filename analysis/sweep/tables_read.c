/* analysis/sweep/tables_read.c -- sweep.json read back, never trusted; see tables.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "analysis/document.h"
#include "analysis/report/view.h"
#include "analysis/sweep/grid.h"
#include "analysis/sweep/tables.h"
#include "sim/err.h"

bool analysis_tables_is(const char *path)
{
    static const char name[] = "sweep.json";
    size_t len = strlen(path), name_len = sizeof(name) - 1;

    return len >= name_len && strcmp(path + len - name_len, name) == 0 &&
           (len == name_len || path[len - name_len - 1] == '/');
}

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static bool has_text(const cJSON *object, const char *key)
{
    return cJSON_IsString(get(object, key));
}

/* A list of `len` numbers, or with `or_null` nulls among them. */
static bool is_numbers(const cJSON *list, int len, bool or_null)
{
    const cJSON *item;

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != len) {
        return false;
    }
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item) && !(or_null && cJSON_IsNull(item))) {
            return false;
        }
    }
    return true;
}

static bool is_key(const cJSON *key)
{
    const cJSON *values = get(key, "values"), *numbers = get(key, "numbers"), *item;
    int len = cJSON_GetArraySize(values);

    cJSON_ArrayForEach(item, values)
    {
        if (!cJSON_IsString(item)) {
            return false;
        }
    }
    return cJSON_IsArray(values) && len > 0 && has_text(key, "path") &&
           cJSON_IsBool(get(key, "log")) &&
           (cJSON_IsNull(numbers) || is_numbers(numbers, len, false));
}

/* "at": an index into each key's values. */
static bool is_place(const cJSON *at, const cJSON *keys)
{
    const cJSON *key = keys->child, *item;

    if (!is_numbers(at, cJSON_GetArraySize(keys), false)) {
        return false;
    }
    cJSON_ArrayForEach(item, at)
    {
        double most = cJSON_GetArraySize(get(key, "values"));
        double value = item->valuedouble;
        if (!(value >= 0) || value >= most || value != floor(value)) {
            return false;
        }
        key = key->next;
    }
    return true;
}

static bool is_point(const cJSON *point, const cJSON *keys, int metrics)
{
    static const char *const lists[] = {"mean", "low", "high", "min", "max", "counts"};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (!is_numbers(get(point, lists[i]), metrics, true)) {
            return false;
        }
    }
    return is_place(get(point, "at"), keys) && cJSON_IsNumber(get(point, "runs")) &&
           cJSON_IsNumber(get(point, "all_met")) && cJSON_IsNumber(get(point, "failed"));
}

/* The name of the first part that is not as tables.c writes it; NULL: all are. */
static const char *fault_of(const cJSON *view)
{
    const cJSON *sweep = get(view, "sweep"), *keys = get(sweep, "keys");
    const cJSON *metrics = get(sweep, "metrics"), *item;

    if (!cJSON_IsArray(get(view, "runs")) || get(view, "runs")->child != NULL) {
        return "runs";
    }
    if (!has_text(view, "title") || !has_text(view, "seed") || !has_text(view, "world")) {
        return "title, seed, world";
    }
    if (!cJSON_IsObject(get(view, "versions"))) {
        return "versions";
    }
    if (!cJSON_IsNumber(get(sweep, "runs")) || !cJSON_IsNumber(get(sweep, "repeat")) ||
        !cJSON_IsNumber(get(sweep, "failed"))) {
        return "sweep.runs, repeat, failed";
    }
    if (!cJSON_IsArray(keys) || cJSON_GetArraySize(keys) == 0 ||
        cJSON_GetArraySize(keys) > ANALYSIS_GRID_KEYS_MAX) {
        return "sweep.keys";
    }
    cJSON_ArrayForEach(item, keys)
    {
        if (!is_key(item)) {
            return "sweep.keys";
        }
    }
    cJSON_ArrayForEach(item, metrics)
    {
        if (!has_text(item, "name") || !has_text(item, "label") || !has_text(item, "unit")) {
            return "sweep.metrics";
        }
    }
    if (!cJSON_IsArray(metrics) || !cJSON_IsArray(get(sweep, "points"))) {
        return "sweep.metrics, points";
    }
    cJSON_ArrayForEach(item, get(sweep, "points"))
    {
        if (!is_point(item, keys, cJSON_GetArraySize(metrics))) {
            return "sweep.points";
        }
    }
    return NULL;
}

int analysis_tables_read(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX])
{
    cJSON *view = NULL;

    int rc = analysis_document_json(&view, path, why);
    if (rc != 0) {
        return rc;
    }
    const cJSON *kind = get(view, "kind"), *format = get(view, "format");
    const char *fault = NULL;
    if (!cJSON_IsString(kind) || strcmp(kind->valuestring, "sweep") != 0) {
        fault = "kind";
    } else if (!cJSON_IsNumber(format) || format->valuedouble != ANALYSIS_VIEW_FORMAT) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.300s: another version of pfsim wrote this sweep; give the command of the sweep "
                 "again with --out of its folder, or use that version",
                 path);
        cJSON_Delete(view);
        return SIM_EINVAL;
    } else {
        fault = fault_of(view);
    }
    if (fault != NULL) {
        snprintf(
            why, ANALYSIS_WHY_MAX,
            "%.300s: not a sweep as pfsim writes it (%s); give the command of the sweep again, "
            "it makes this file anew from " ANALYSIS_STORE_NAME,
            path, fault);
        cJSON_Delete(view);
        return SIM_EINVAL;
    }
    *out = view;
    return 0;
}
