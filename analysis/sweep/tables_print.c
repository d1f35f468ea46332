/* analysis/sweep/tables_print.c -- the table of a sweep on a terminal; see tables.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/columns.h"
#include "analysis/json.h"
#include "analysis/quantity.h"
#include "analysis/sweep/tables.h"

enum {
    ROWS_MAX = 40,  /* combinations shown; of more the extremes */
    EXTREMES = 10,  /* at each end */
    SHOWN_MAX = 16, /* keys and metrics; each metric is two columns */
    SENTENCE_MAX = 1200,
    THRESHOLDS = 8,   /* told one by one */
    COMBINATIONS = 5, /* of each */
    FEW = 3,          /* figures that outlive their intervals on a narrow page */
};

struct table {
    const cJSON *sweep;
    int keys, metrics; /* shown */
    struct analysis_columns *columns;
};

/* The value of a key in a point or a failure. */
static const char *value_of(const cJSON *sweep, const cJSON *point, int key)
{
    const cJSON *values =
        analysis_json_get(cJSON_GetArrayItem(analysis_json_get(sweep, "keys"), key), "values");
    const cJSON *at = cJSON_GetArrayItem(analysis_json_get(point, "at"), key);

    return analysis_json_text_of(cJSON_GetArrayItem(values, cJSON_IsNumber(at) ? at->valueint : 0),
                                 "?");
}

static const char *key_of(const cJSON *sweep, int key)
{
    return analysis_json_text_of(
        analysis_json_get(cJSON_GetArrayItem(analysis_json_get(sweep, "keys"), key), "path"), "?");
}

static const char *metric_of(const cJSON *sweep, int metric)
{
    return analysis_json_text_of(
        analysis_json_get(cJSON_GetArrayItem(analysis_json_get(sweep, "metrics"), metric), "name"),
        "?");
}

/* When a figure goes from a narrow page: those behind the third first, the last of them before the
 * others; then all intervals; then the third and the second. The first stays. */
static int drop_of(int metrics, int m)
{
    int few = metrics < FEW ? metrics : FEW;

    return m >= FEW ? metrics - m : m > 0 ? metrics - few + 1 + few - m : 0;
}

/* Keys, then each figure with half of its interval. */
static struct analysis_columns *new_columns(const struct table *t)
{
    struct analysis_column list[ANALYSIS_COLUMNS_MAX] = {{.head = NULL}};
    int intervals = t->metrics > FEW ? t->metrics - FEW + 1 : 1;
    size_t len = 0;

    for (int k = 0; k < t->keys; k++) {
        list[len++] = (struct analysis_column){.head = key_of(t->sweep, k), .left = true};
    }
    for (int m = 0; m < t->metrics; m++) {
        int drop = drop_of(t->metrics, m);
        list[len++] = (struct analysis_column){.head = metric_of(t->sweep, m), .drop = drop};
        list[len++] = (struct analysis_column){
            .head = "", .left = true, .joined = true, .drop = m >= FEW ? drop : intervals};
    }
    list[len++] = (struct analysis_column){.head = "runs met", .left = true};
    return analysis_columns_new(list, len);
}

static void add_figure(const struct table *t, const cJSON *point, int m)
{
    const char *name = metric_of(t->sweep, m);
    double value = analysis_json_number_of(cJSON_GetArrayItem(analysis_json_get(point, "mean"), m));
    double high = analysis_json_number_of(cJSON_GetArrayItem(analysis_json_get(point, "high"), m));
    char cell[ANALYSIS_CELL_MAX], half[ANALYSIS_CELL_MAX + 4] = "";

    analysis_columns_add(t->columns, ANALYSIS_PLAIN, analysis_quantity_format(name, value, cell));
    if (high > value) {
        snprintf(half, sizeof(half), "+- %s", analysis_quantity_format(name, high - value, cell));
    }
    analysis_columns_add(t->columns, ANALYSIS_PLAIN, half);
}

static void add_row(const struct table *t, const cJSON *point)
{
    double runs = analysis_json_number(point, "runs"), met = analysis_json_number(point, "all_met");
    double failed = analysis_json_number(point, "failed");
    char cell[ANALYSIS_CELL_MAX];

    for (int k = 0; k < t->keys; k++) {
        analysis_columns_add(t->columns, ANALYSIS_PLAIN, value_of(t->sweep, point, k));
    }
    for (int m = 0; m < t->metrics; m++) {
        add_figure(t, point, m);
    }
    int len = snprintf(cell, sizeof(cell), "%.0f of %.0f", met, runs + failed);
    if (failed > 0 && len > 0 && len < 40) {
        snprintf(cell + len, sizeof(cell) - (size_t)len, ", %.0f without a result", failed);
    }
    analysis_columns_add(t->columns, met >= runs && failed == 0 ? ANALYSIS_PLAIN : ANALYSIS_BAD,
                         cell);
}

/* ---- Which rows ---- */

struct ranked {
    const cJSON *point;
    double value;
    int order;
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    bool x_none = isnan(x->value), y_none = isnan(y->value);

    if (x_none != y_none) {
        return x_none ? 1 : -1;
    }
    if (!x_none && x->value != y->value) {
        return x->value < y->value ? -1 : 1;
    }
    return x->order - y->order;
}

/* The points in their order, or, of many, by the first metric: the lowest and the highest. `*gap`:
 * rows before the gap, 0: none. NULL when out of memory. */
static const cJSON **choose(const cJSON *points, int *len, int *gap)
{
    int n = cJSON_GetArraySize(points), i = 0;
    struct ranked *all = calloc((size_t)n + 1, sizeof(*all));
    const cJSON **out = calloc((size_t)n + 1, sizeof(const cJSON *));
    const cJSON *point;

    if (all == NULL || out == NULL) {
        free(all);
        free(out);
        return NULL;
    }
    int with_value = 0;
    cJSON_ArrayForEach(point, points)
    {
        all[i] = (struct ranked){
            point, analysis_json_number_of(cJSON_GetArrayItem(analysis_json_get(point, "mean"), 0)),
            i};
        with_value += !isnan(all[i].value);
        i++;
    }
    *gap = 0;
    *len = n;
    if (n > ROWS_MAX) {
        qsort(all, (size_t)n, sizeof(*all), by_value);
        /* Those without a value are neither the lowest nor the highest. */
        n = with_value >= 2 * EXTREMES ? with_value : n;
        memmove(all + EXTREMES, all + n - EXTREMES, EXTREMES * sizeof(*all));
        *gap = EXTREMES;
        *len = 2 * EXTREMES;
    }
    for (i = 0; i < *len; i++) {
        out[i] = all[i].point;
    }
    free(all);
    return out;
}

/* ---- The whole ---- */

static void print_verdict(const struct analysis_style *style, const cJSON *view)
{
    const cJSON *sweep = analysis_json_get(view, "sweep");
    double runs = analysis_json_number(sweep, "runs"), met = analysis_json_number(sweep, "all_met");
    double failed = analysis_json_number(sweep, "failed"),
           missing = analysis_json_number(sweep, "missing");
    int points = cJSON_GetArraySize(analysis_json_get(sweep, "points"));
    double repeat = analysis_json_number(sweep, "repeat");
    bool good = met >= runs && failed == 0 && missing == 0;

    char line[SENTENCE_MAX];
    int len;

    snprintf(line, sizeof(line), "%.200s: %d combination%s x %.0f seed%s, %.40s world",
             analysis_json_text(view, "title", "?"), points, points == 1 ? "" : "s", repeat,
             repeat == 1 ? "" : "s", analysis_json_text(view, "world", "?"));
    fprintf(style->to, "%s", analysis_summary_on(style, ANALYSIS_BOLD));
    analysis_summary_wrap(style, 0, 2, line);
    fprintf(style->to, "%s%s", analysis_summary_off(style),
            analysis_summary_on(style, good ? ANALYSIS_GOOD : ANALYSIS_BAD));
    if (good) {
        len = snprintf(line, sizeof(line),
                       "All %.0f runs upgraded every phone and met every threshold.", runs);
    } else {
        len = snprintf(line, sizeof(line),
                       "%.0f of %.0f runs upgraded every phone and met every threshold", met,
                       runs + failed + missing);
        if (failed > 0) {
            len +=
                snprintf(line + len, sizeof(line) - (size_t)len, "; %.0f left no result", failed);
        }
        if (missing > 0) {
            len += snprintf(line + len, sizeof(line) - (size_t)len, "; %.0f are still to be run",
                            missing);
        }
        snprintf(line + len, sizeof(line) - (size_t)len, ".");
    }
    analysis_summary_wrap(style, 0, 0, line);
    fprintf(style->to, "%s\n", analysis_summary_off(style));
}

/* ---- Thresholds ---- */

static void append(char line[SENTENCE_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(char line[SENTENCE_MAX], const char *format, ...)
{
    size_t len = strlen(line);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line + len, SENTENCE_MAX - len, format, arguments);
    va_end(arguments);
}

/* "; at worst it is 22 min 5 s: 12 min 5 s (121 %) too much" of a point's runs. */
static void append_worst(char line[SENTENCE_MAX], const cJSON *threshold, double value, bool met)
{
    char text[ANALYSIS_MARGIN_MAX];
    cJSON *one = cJSON_CreateObject();

    cJSON_AddStringToObject(one, "expression", analysis_json_text(threshold, "expression", "?"));
    cJSON_AddStringToObject(one, "unit", analysis_json_text(threshold, "unit", ""));
    cJSON_AddNumberToObject(one, "limit", analysis_json_number(threshold, "limit"));
    cJSON_AddItemToObject(one, "value",
                          isnan(value) ? cJSON_CreateNull() : cJSON_CreateNumber(value));
    cJSON_AddBoolToObject(one, "met", met);
    append(line, isnan(value) ? "%s%s" : "%sat worst %s", line[0] != '\0' ? "; " : "",
           analysis_summary_missed(one, text));
    cJSON_Delete(one);
}

static double item_of(const cJSON *point, const char *list, int at)
{
    return analysis_json_number_of(cJSON_GetArrayItem(analysis_json_get(point, list), at));
}

/* The value farthest on the wrong side of all points; NAN: there is none. */
static double worst_of_all(const cJSON *sweep, const cJSON *threshold, int at)
{
    double limit = analysis_json_number(threshold, "limit"), worst = NAN;
    char op = analysis_json_text(threshold, "op", "<")[0];
    const cJSON *point;

    cJSON_ArrayForEach(point, analysis_json_get(sweep, "points"))
    {
        double value = item_of(point, "worst", at);
        bool worse = op == '<'   ? value > worst
                     : op == '>' ? value < worst
                                 : fabs(value - limit) > fabs(worst - limit);
        worst = isnan(worst) || worse ? value : worst;
    }
    return worst;
}

/* "method=traditional: 20 of 20 runs; at worst it is ..." for each that missed. */
static void print_missed(const struct analysis_style *style, const cJSON *sweep,
                         const cJSON *threshold, int at)
{
    enum { INDENT = 12 };
    int keys = cJSON_GetArraySize(analysis_json_get(sweep, "keys")), told = 0, more = 0;
    const cJSON *point;

    cJSON_ArrayForEach(point, analysis_json_get(sweep, "points"))
    {
        char line[SENTENCE_MAX] = "";
        double missed = item_of(point, "missed", at);
        if (!(missed > 0) || told++ >= COMBINATIONS) {
            more += missed > 0;
            continue;
        }
        for (int k = 0; k < keys; k++) {
            append(line, "%s%.80s=%.60s", k > 0 ? ", " : "", key_of(sweep, k),
                   value_of(sweep, point, k));
        }
        append(line, ": %.0f of %.0f run%s", missed, item_of(point, "judged", at),
               analysis_summary_plural(item_of(point, "judged", at), "s"));
        append_worst(line, threshold, item_of(point, "worst", at), false);
        fprintf(style->to, "%*s", INDENT, "");
        analysis_summary_wrap(style, INDENT, INDENT + 2, line);
    }
    if (more > 0) {
        fprintf(style->to, "%*s... and %d more combination%s\n", INDENT, "", more,
                more == 1 ? "" : "s");
    }
}

static void print_threshold(const struct analysis_style *style, const cJSON *sweep,
                            const cJSON *threshold, int at)
{
    enum { INDENT = 10 };
    double missed = analysis_json_number(threshold, "missed");
    double runs = analysis_json_number(threshold, "runs");
    bool one = cJSON_GetArraySize(analysis_json_get(sweep, "points")) == 1;
    double worst = worst_of_all(sweep, threshold, at);
    char line[SENTENCE_MAX] = "";

    append(line, "%.300s: ", analysis_json_text(threshold, "expression", "?"));
    if (missed > 0) {
        append(line, "in %.0f of %.0f run%s", missed, runs, analysis_summary_plural(runs, "s"));
    } else {
        append(line, runs == 1 ? "in the one run" : "in all %.0f runs", runs);
    }
    if ((one || missed == 0) && worst != analysis_json_number(threshold, "limit")) {
        append_worst(line, threshold, worst, missed == 0);
    }
    fprintf(style->to, "  %s%-8s%s",
            analysis_summary_on(style, missed > 0 ? ANALYSIS_BAD : ANALYSIS_GOOD),
            missed > 0 ? "MISSED" : "met", analysis_summary_off(style));
    analysis_summary_wrap(style, INDENT, INDENT, line);
    if (!one && missed > 0) {
        print_missed(style, sweep, threshold, at);
    }
}

/* Runs whose phones were left behind are no threshold's business, and fail all the same. */
static void print_behind(const struct analysis_style *style, const cJSON *sweep)
{
    double behind = 0;
    const cJSON *point;
    char line[100];

    cJSON_ArrayForEach(point, analysis_json_get(sweep, "points"))
    {
        behind += analysis_json_number(point, "behind");
    }
    if (behind > 0) {
        snprintf(line, sizeof(line), "in %.0f run%s not every phone was upgraded", behind,
                 analysis_summary_plural(behind, "s"));
        analysis_summary_wrap(style, 0, 0, line);
    }
}

/* Missed ones first. */
static void print_thresholds(const struct analysis_style *style, const cJSON *sweep)
{
    const cJSON *list = analysis_json_get(sweep, "thresholds"), *threshold;
    double more = analysis_json_number(sweep, "thresholds_more");
    int told = 0;

    print_behind(style, sweep);
    if (cJSON_GetArraySize(list) == 0) {
        return;
    }
    fprintf(style->to, "\nthresholds\n");
    more = more > 0 ? more : 0;
    for (int missed = 1; missed >= 0; missed--) {
        int at = 0;
        cJSON_ArrayForEach(threshold, list)
        {
            if ((analysis_json_number(threshold, "missed") > 0) == (missed == 1)) {
                if (told++ < THRESHOLDS) {
                    print_threshold(style, sweep, threshold, at);
                } else {
                    more++;
                }
            }
            at++;
        }
    }
    if (more > 0) {
        fprintf(style->to, "          ... and %.0f more\n", more);
    }
}

static void print_failure(const struct analysis_style *style, const cJSON *sweep, const cJSON *item)
{
    const char *status = analysis_json_text(item, "status", "?");
    char line[SENTENCE_MAX];
    int len = snprintf(line, sizeof(line), ", seed %.24s", analysis_json_text(item, "seed", "?"));

    for (int k = 0; k < cJSON_GetArraySize(analysis_json_get(sweep, "keys")); k++) {
        if (len < SENTENCE_MAX - 160) {
            len += snprintf(line + len, sizeof(line) - (size_t)len, ", %.80s=%.60s",
                            key_of(sweep, k), value_of(sweep, item, k));
        }
    }
    snprintf(line + len, sizeof(line) - (size_t)len, ": %s", analysis_json_text(item, "why", "?"));
    fprintf(style->to, "%s%s%s", analysis_summary_on(style, ANALYSIS_BAD), status,
            analysis_summary_off(style));
    analysis_summary_wrap(style, (int)strlen(status), 2, line);
}

static void print_failures(const struct analysis_style *style, const cJSON *sweep)
{
    enum { SHOWN = 5 };
    const cJSON *failures = analysis_json_get(sweep, "failures"), *item;
    int shown = 0;

    cJSON_ArrayForEach(item, failures)
    {
        if (shown++ == SHOWN) {
            char line[100];
            snprintf(line, sizeof(line),
                     "... and %d more: SELECT run, why FROM runs WHERE why <> ''",
                     cJSON_GetArraySize(failures) - SHOWN);
            analysis_summary_wrap(style, 0, 2, line);
            break;
        }
        print_failure(style, sweep, item);
    }
    if (shown > 0) {
        fprintf(style->to, "the same command runs these again\n");
    }
}

/* Below the table: what "+-" is, or where it is. */
static void print_interval(const struct analysis_style *style, const cJSON *sweep, bool left_out)
{
    fputc('\n', style->to);
    if (analysis_json_number(sweep, "repeat") > 1) {
        analysis_summary_wrap(style, 0, 0,
                              left_out
                                  ? "mean over the seeds; a wider page, like sweep.csv, also has "
                                    "the 95 % confidence interval"
                                  : "mean over the seeds +- half of its 95 % confidence interval");
    }
}

void analysis_tables_print(const struct analysis_style *style, const cJSON *view, size_t metrics,
                           const char *dir)
{
    const cJSON *sweep = analysis_json_get(view, "sweep");
    struct table t = {.sweep = sweep};
    int len = 0, gap = 0;
    const cJSON **rows = choose(analysis_json_get(sweep, "points"), &len, &gap);
    char line[SENTENCE_MAX];

    if (rows == NULL) {
        return;
    }
    print_verdict(style, view);
    t.keys = cJSON_GetArraySize(analysis_json_get(sweep, "keys"));
    int all = cJSON_GetArraySize(analysis_json_get(sweep, "metrics"));
    t.metrics = all < (int)metrics ? all : (int)metrics;
    t.metrics = t.metrics > SHOWN_MAX - t.keys ? SHOWN_MAX - t.keys : t.metrics;
    t.columns = new_columns(&t);
    for (int i = 0; i < len; i++) {
        if (gap > 0 && i == gap) {
            snprintf(line, sizeof(line), "... %d more between the lowest and the highest ...",
                     cJSON_GetArraySize(analysis_json_get(sweep, "points")) - len);
            analysis_columns_line(t.columns, line);
        }
        add_row(&t, rows[i]);
    }
    print_interval(style, sweep, analysis_columns_print(t.columns, style, 0));
    print_thresholds(style, sweep);
    if (cJSON_GetArraySize(analysis_json_get(sweep, "thresholds")) > 0 &&
        (dir != NULL || cJSON_GetArraySize(analysis_json_get(sweep, "failures")) > 0)) {
        fputc('\n', style->to);
    }
    print_failures(style, sweep);
    if (dir != NULL) {
        snprintf(line, sizeof(line),
                 "files in %.1000s: sweep.sqlite, sweep.csv, sweep.json, report.html", dir);
        analysis_summary_wrap(style, 0, 2, line);
    }
    analysis_columns_free(t.columns);
    free(rows);
}
