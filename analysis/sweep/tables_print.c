/* analysis/sweep/tables_print.c -- the table of a sweep on a terminal; see tables.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/sweep/tables.h"

enum {
    ROWS_MAX = 40,    /* combinations shown; of more the extremes */
    EXTREMES = 10,    /* at each end */
    COLUMNS_MAX = 16, /* keys and metrics */
    CELL_MAX = 100,   /* bytes with the NUL */
    PAGE_WIDTH = 120,
};

struct table {
    const cJSON *sweep;
    int keys, metrics; /* shown */
    int width[COLUMNS_MAX];
};

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static double number_of(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

static const char *text_of(const cJSON *item, const char *otherwise)
{
    const char *text = cJSON_GetStringValue(item);
    return text != NULL ? text : otherwise;
}

/* A figure as people write it. */
static void format_value(double value, const char *unit, char out[ANALYSIS_CELL_MAX])
{
    if (strcmp(unit, "s") == 0) {
        analysis_summary_seconds(value, out);
    } else if (strcmp(unit, "B") == 0) {
        analysis_summary_size(value, out);
    } else if (strcmp(unit, "bit/s") == 0) {
        analysis_summary_rate(value, out);
    } else if (isnan(value)) {
        snprintf(out, ANALYSIS_CELL_MAX, "-");
    } else if (value == floor(value) && fabs(value) < 1e9) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.0f", value);
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.3g", value);
    }
}

/* Column `column` of a point, or of the heading when `point` is NULL. */
static void cell(const struct table *t, const cJSON *point, int column, char out[CELL_MAX])
{
    char mean[ANALYSIS_CELL_MAX], half[ANALYSIS_CELL_MAX];

    if (column < t->keys) {
        const cJSON *key = cJSON_GetArrayItem(get(t->sweep, "keys"), column);
        const cJSON *at = cJSON_GetArrayItem(get(point, "at"), column);
        snprintf(out, CELL_MAX, "%.40s",
                 point == NULL ? text_of(get(key, "path"), "?")
                               : text_of(cJSON_GetArrayItem(get(key, "values"),
                                                            cJSON_IsNumber(at) ? at->valueint : 0),
                                         "?"));
        return;
    }
    int m = column - t->keys;
    const cJSON *metric = cJSON_GetArrayItem(get(t->sweep, "metrics"), m);
    if (point == NULL) {
        snprintf(out, CELL_MAX, "%.40s", text_of(get(metric, "name"), "?"));
        return;
    }
    const char *unit = text_of(get(metric, "unit"), "");
    double value = number_of(cJSON_GetArrayItem(get(point, "mean"), m));
    double high = number_of(cJSON_GetArrayItem(get(point, "high"), m));
    format_value(value, unit, mean);
    format_value(high - value, unit, half);
    if (isnan(high) || high <= value) {
        snprintf(out, CELL_MAX, "%.45s", mean);
    } else {
        snprintf(out, CELL_MAX, "%.45s +- %.45s", mean, half);
    }
}

static void print_row(const struct table *t, const struct analysis_style *style, const cJSON *point)
{
    char text[CELL_MAX];

    for (int c = 0; c < t->keys + t->metrics; c++) {
        cell(t, point, c, text);
        fprintf(style->to, c < t->keys ? "%-*s  " : "%*s  ", t->width[c], text);
    }
    double runs = number_of(get(point, "runs")), met = number_of(get(point, "all_met"));
    double failed = number_of(get(point, "failed"));
    if (point == NULL) {
        fprintf(style->to, "runs met\n");
    } else {
        bool good = met >= runs && failed == 0;
        fprintf(style->to, "%s%.0f of %.0f%s", good ? "" : analysis_summary_on(style, ANALYSIS_BAD),
                met, runs + failed, good ? "" : analysis_summary_off(style));
        if (failed > 0) {
            fprintf(style->to, ", %.0f without a result", failed);
        }
        fputc('\n', style->to);
    }
}

static void measure(struct table *t, const cJSON *point)
{
    for (int c = 0; c < t->keys + t->metrics; c++) {
        char text[CELL_MAX];
        cell(t, point, c, text);
        int len = (int)strlen(text);
        t->width[c] = len > t->width[c] ? len : t->width[c];
    }
}

static int width(const struct table *t)
{
    int sum = 10;

    for (int c = 0; c < t->keys + t->metrics; c++) {
        sum += t->width[c] + 2;
    }
    return sum;
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
        all[i] = (struct ranked){point, number_of(cJSON_GetArrayItem(get(point, "mean"), 0)), i};
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
    const cJSON *sweep = get(view, "sweep");
    double runs = number_of(get(sweep, "runs")), met = number_of(get(sweep, "all_met"));
    double failed = number_of(get(sweep, "failed")), missing = number_of(get(sweep, "missing"));
    int points = cJSON_GetArraySize(get(sweep, "points"));
    double repeat = number_of(get(sweep, "repeat"));
    bool good = met >= runs && failed == 0 && missing == 0;

    fprintf(style->to, "%s%s: %d combination%s x %.0f seed%s, %s world%s\n",
            analysis_summary_on(style, ANALYSIS_BOLD), text_of(get(view, "title"), "?"), points,
            points == 1 ? "" : "s", repeat, repeat == 1 ? "" : "s",
            text_of(get(view, "world"), "?"), analysis_summary_off(style));
    fprintf(style->to, "%s", analysis_summary_on(style, good ? ANALYSIS_GOOD : ANALYSIS_BAD));
    if (good) {
        fprintf(style->to, "All %.0f runs upgraded every phone and met every threshold.", runs);
    } else {
        fprintf(style->to, "%.0f of %.0f runs upgraded every phone and met every threshold", met,
                runs + failed + missing);
        if (failed > 0) {
            fprintf(style->to, "; %.0f left no result", failed);
        }
        if (missing > 0) {
            fprintf(style->to, "; %.0f are still to be run", missing);
        }
        fputc('.', style->to);
    }
    fprintf(style->to, "%s\n\n", analysis_summary_off(style));
}

static void print_failures(const struct analysis_style *style, const cJSON *sweep)
{
    enum { SHOWN = 5 };
    const cJSON *failures = get(sweep, "failures"), *item;
    int shown = 0;

    cJSON_ArrayForEach(item, failures)
    {
        if (shown++ == SHOWN) {
            fprintf(style->to, "... and %d more: SELECT run, why FROM runs WHERE why <> ''\n",
                    cJSON_GetArraySize(failures) - SHOWN);
            break;
        }
        fprintf(style->to, "%s%s%s, seed %s", analysis_summary_on(style, ANALYSIS_BAD),
                text_of(get(item, "status"), "?"), analysis_summary_off(style),
                text_of(get(item, "seed"), "?"));
        for (int k = 0; k < cJSON_GetArraySize(get(sweep, "keys")); k++) {
            const cJSON *key = cJSON_GetArrayItem(get(sweep, "keys"), k);
            const cJSON *at = cJSON_GetArrayItem(get(item, "at"), k);
            fprintf(style->to, ", %s=%s", text_of(get(key, "path"), "?"),
                    text_of(cJSON_GetArrayItem(get(key, "values"),
                                               cJSON_IsNumber(at) ? at->valueint : 0),
                            "?"));
        }
        fprintf(style->to, ": %s\n", text_of(get(item, "why"), "?"));
    }
    if (shown > 0) {
        fprintf(style->to, "the same command runs these again\n");
    }
}

void analysis_tables_print(const struct analysis_style *style, const cJSON *view, size_t metrics,
                           const char *dir)
{
    const cJSON *sweep = get(view, "sweep");
    struct table t = {.sweep = sweep};
    int len = 0, gap = 0;
    const cJSON **rows = choose(get(sweep, "points"), &len, &gap);

    if (rows == NULL) {
        return;
    }
    print_verdict(style, view);
    t.keys = cJSON_GetArraySize(get(sweep, "keys"));
    int all = cJSON_GetArraySize(get(sweep, "metrics"));
    t.metrics = all < (int)metrics ? all : (int)metrics;
    t.metrics = t.metrics > COLUMNS_MAX - t.keys ? COLUMNS_MAX - t.keys : t.metrics;
    measure(&t, NULL);
    for (int i = 0; i < len; i++) {
        measure(&t, rows[i]);
    }
    while (t.metrics > 1 && width(&t) > PAGE_WIDTH) {
        t.metrics--;
    }
    print_row(&t, style, NULL);
    for (int i = 0; i < len; i++) {
        if (gap > 0 && i == gap) {
            fprintf(style->to, "... %d more between the lowest and the highest ...\n",
                    cJSON_GetArraySize(get(sweep, "points")) - len);
        }
        print_row(&t, style, rows[i]);
    }
    if (number_of(get(sweep, "repeat")) > 1) {
        fprintf(style->to, "\nmean over the seeds +- half of its 95 %% confidence interval\n");
    } else {
        fputc('\n', style->to);
    }
    print_failures(style, sweep);
    if (dir != NULL) {
        fprintf(style->to, "files in %s: sweep.sqlite, sweep.csv, sweep.json, report.html\n", dir);
    }
    free(rows);
}
