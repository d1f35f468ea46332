/* analysis/sweep/tables_read.c -- sweep.json read back, never trusted; see tables.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/document.h"
#include "analysis/json.h"
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

/* What tables.c writes. Confidence intervals reach further than figures, which have 64 bits. */
static const char schema[] =
    "{\"$defs\":{\"text\":{\"type\":\"string\"},"
    "\"count\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":1000000},"
    "\"counts\":{\"type\":\"array\",\"items\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,"
    "\"maximum\":1000000}},"
    "\"figures\":{\"type\":\"array\",\"items\":{\"type\":[\"number\",\"null\"],"
    "\"minimum\":-1e21,\"maximum\":1e21}},"
    "\"key\":{\"type\":\"object\",\"required\":[\"path\",\"values\",\"numbers\",\"log\"],"
    "\"properties\":{\"path\":{\"$ref\":\"#/$defs/text\"},"
    "\"values\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/$defs/text\"}},"
    "\"numbers\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"number\"}},"
    "\"log\":{\"type\":\"boolean\"}}},"
    "\"metric\":{\"type\":\"object\",\"required\":[\"name\",\"label\",\"unit\"],"
    "\"properties\":{\"name\":{\"$ref\":\"#/$defs/text\"},\"label\":{\"$ref\":\"#/$defs/text\"},"
    "\"unit\":{\"$ref\":\"#/$defs/text\"}}},"
    "\"point\":{\"type\":\"object\",\"required\":[\"at\",\"runs\",\"all_met\",\"failed\","
    "\"mean\",\"low\",\"high\",\"min\",\"max\",\"counts\"],"
    "\"properties\":{\"at\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/count\"}},"
    "\"runs\":{\"$ref\":\"#/$defs/count\"},\"all_met\":{\"$ref\":\"#/$defs/count\"},"
    "\"failed\":{\"$ref\":\"#/$defs/count\"},\"mean\":{\"$ref\":\"#/$defs/figures\"},"
    "\"low\":{\"$ref\":\"#/$defs/figures\"},\"high\":{\"$ref\":\"#/$defs/figures\"},"
    "\"min\":{\"$ref\":\"#/$defs/figures\"},\"max\":{\"$ref\":\"#/$defs/figures\"},"
    "\"counts\":{\"$ref\":\"#/$defs/counts\"},\"behind\":{\"$ref\":\"#/$defs/count\"},"
    "\"judged\":{\"$ref\":\"#/$defs/counts\"},\"missed\":{\"$ref\":\"#/$defs/counts\"},"
    "\"seeds\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/figures\"}},"
    "\"worst\":{\"$ref\":\"#/$defs/figures\"}}},"
    "\"threshold\":{\"type\":\"object\",\"required\":[\"expression\",\"name\",\"op\",\"limit\","
    "\"unit\",\"runs\",\"missed\"],"
    "\"properties\":{\"expression\":{\"$ref\":\"#/$defs/text\"},"
    "\"name\":{\"$ref\":\"#/$defs/text\"},\"op\":{\"$ref\":\"#/$defs/text\"},"
    "\"unit\":{\"$ref\":\"#/$defs/text\"},\"limit\":{\"type\":[\"number\",\"null\"]},"
    "\"runs\":{\"$ref\":\"#/$defs/count\"},\"missed\":{\"$ref\":\"#/$defs/count\"}}},"
    "\"sweep\":{\"type\":\"object\",\"required\":[\"keys\",\"metrics\",\"repeat\",\"runs\","
    "\"failed\",\"points\"],"
    "\"properties\":{\"keys\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":"
    "\"#/$defs/key\"}},"
    "\"metrics\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/metric\"}},"
    "\"repeat\":{\"$ref\":\"#/$defs/count\"},\"runs\":{\"$ref\":\"#/$defs/count\"},"
    "\"failed\":{\"$ref\":\"#/$defs/count\"},\"all_met\":{\"$ref\":\"#/$defs/count\"},"
    "\"missing\":{\"$ref\":\"#/$defs/count\"},"
    "\"thresholds\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/threshold\"}},"
    "\"thresholds_more\":{\"$ref\":\"#/$defs/count\"},"
    "\"points\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/point\"}}}},"
    "\"view\":{\"type\":\"object\",\"required\":[\"format\",\"kind\",\"title\",\"world\",\"seed\","
    "\"runs\","
    "\"versions\",\"sweep\"],"
    "\"properties\":{\"kind\":{\"enum\":[\"sweep\"]},\"title\":{\"$ref\":\"#/$defs/text\"},"
    "\"world\":{\"$ref\":\"#/$defs/text\"},\"seed\":{\"$ref\":\"#/$defs/text\"},"
    "\"runs\":{\"type\":\"array\",\"maxItems\":0},\"versions\":{\"type\":\"object\"},"
    "\"sweep\":{\"$ref\":\"#/$defs/sweep\"}}}}}";

static const char advice[] = "give the command of the sweep again, it makes this file anew "
                             "from " ANALYSIS_STORE_NAME;

static bool fault(struct analysis_document_fault *f, const cJSON *item, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Always false. The rest of the format, behind "; ", is what was expected. */
static bool fault(struct analysis_document_fault *f, const cJSON *item, const char *format, ...)
{
    char text[sizeof(f->path) + sizeof(f->expected)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    const char *end = strstr(text, "; ");
    *f = (struct analysis_document_fault){.item = item};
    snprintf(f->path, sizeof(f->path), "%.*s", (int)(end - text), text);
    snprintf(f->expected, sizeof(f->expected), "%s", end + 2);
    return false;
}

/* A place a threshold; sweeps of old have none. */
static bool check_judged(const cJSON *point, int number, const cJSON *sweep,
                         struct analysis_document_fault *f)
{
    static const char *const lists[] = {"judged", "missed", "worst"};
    int thresholds = cJSON_GetArraySize(analysis_json_get(sweep, "thresholds"));

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const cJSON *list = analysis_json_get(point, lists[i]);
        if (cJSON_GetArraySize(list) != thresholds) {
            return fault(f, list != NULL ? list : point,
                         "sweep.points[%d].%s; a list of %d numbers", number, lists[i], thresholds);
        }
    }
    return true;
}

/* The lists of a point: a place among each key's values, a number for each metric. */
static bool check_point(const cJSON *point, int number, const cJSON *sweep,
                        struct analysis_document_fault *f)
{
    static const char *const lists[] = {"mean", "low", "high", "min", "max", "counts"};
    const cJSON *key = analysis_json_get(sweep, "keys")->child,
                *at = analysis_json_get(point, "at"), *item;
    int metrics = cJSON_GetArraySize(analysis_json_get(sweep, "metrics")), k = 0;
    int keys = cJSON_GetArraySize(analysis_json_get(sweep, "keys"));

    if (cJSON_GetArraySize(at) != keys) {
        return fault(f, at, "sweep.points[%d].at; a list of %d places", number, keys);
    }
    cJSON_ArrayForEach(item, at)
    {
        int len = cJSON_GetArraySize(analysis_json_get(key, "values"));
        if (item->valuedouble >= len) {
            return fault(f, item, "sweep.points[%d].at[%d]; a place from 0 to %d", number, k,
                         len - 1);
        }
        key = key->next;
        k++;
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const cJSON *list = analysis_json_get(point, lists[i]);
        if (cJSON_GetArraySize(list) != metrics) {
            return fault(f, list, "sweep.points[%d].%s; a list of %d numbers", number, lists[i],
                         metrics);
        }
    }
    const cJSON *seeds = analysis_json_get(point, "seeds");
    if (seeds != NULL && cJSON_GetArraySize(seeds) != metrics) {
        return fault(f, seeds, "sweep.points[%d].seeds; %d lists", number, metrics);
    }
    cJSON_ArrayForEach(item, seeds)
    {
        if (cJSON_GetArraySize(item) > ANALYSIS_TABLES_SEEDS_MAX) {
            return fault(f, item, "sweep.points[%d].seeds; lists of at most %d numbers", number,
                         ANALYSIS_TABLES_SEEDS_MAX);
        }
    }
    return check_judged(point, number, sweep, f);
}

/* What a schema can't tell: numbers of things that belong together. */
static bool check_lengths(const cJSON *sweep, struct analysis_document_fault *f)
{
    const cJSON *item, *keys = analysis_json_get(sweep, "keys");
    int number = 0;

    if (cJSON_GetArraySize(keys) > ANALYSIS_GRID_KEYS_MAX) {
        return fault(f, keys, "sweep.keys; at most %d of them", ANALYSIS_GRID_KEYS_MAX);
    }
    cJSON_ArrayForEach(item, keys)
    {
        const cJSON *numbers = analysis_json_get(item, "numbers");
        int len = cJSON_GetArraySize(analysis_json_get(item, "values"));
        if (cJSON_IsArray(numbers) && cJSON_GetArraySize(numbers) != len) {
            return fault(f, numbers, "sweep.keys[%d].numbers; a list of %d numbers", number, len);
        }
        number++;
    }
    number = 0;
    cJSON_ArrayForEach(item, analysis_json_get(sweep, "points"))
    {
        if (!check_point(item, number++, sweep, f)) {
            return false;
        }
    }
    return true;
}

int analysis_tables_read(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX])
{
    cJSON *view = NULL;

    int rc = analysis_document_json(&view, path, why);
    if (rc != 0) {
        return rc;
    }
    const cJSON *format = analysis_json_get(view, "format");
    struct analysis_document_fault f;
    if (cJSON_IsNumber(format) && format->valuedouble != ANALYSIS_VIEW_FORMAT) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.300s: another version of pfsim wrote this sweep; give the command of the sweep "
                 "again with --out of its folder, or use that version",
                 path);
        rc = SIM_EINVAL;
    } else {
        rc = analysis_document_check(view, path, schema, "view", advice, why);
    }
    if (rc == 0 && !check_lengths(analysis_json_get(view, "sweep"), &f)) {
        rc = analysis_document_refuse(&f, path, advice, why);
    }
    if (rc != 0) {
        cJSON_Delete(view);
        return rc;
    }
    *out = view;
    return 0;
}
