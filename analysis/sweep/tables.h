/* analysis/sweep/tables.h -- a sweep as people read it: a row a combination, each figure with its
 * mean over the seeds and how far to trust it.
 *
 * All of it comes from the store, so it is the same however the runs were spread. The view
 * (report/view.h, kind "sweep") is the one source: sweep.json is it, report.html shows it,
 * sweep.csv and the terminal are other ways to print it. Beyond view.h each point has "min", "max"
 * and "counts" (runs that had the figure) a metric, and "failed"; the view has "failures": at most
 * 100 runs without a result, with the sentence each left. The one point of a sweep without keys
 * also has "seeds": a list a metric, of its value with each of the first 1,000 seeds. Not here: the
 * means themselves (sample.h). */
#ifndef ANALYSIS_SWEEP_TABLES_H
#define ANALYSIS_SWEEP_TABLES_H

#include <cjson/cJSON.h>

#include "analysis/summary.h"
#include "analysis/sweep/grid.h"
#include "analysis/sweep/store.h"

enum {
    ANALYSIS_TABLES_FAILURES_MAX = 100,
    ANALYSIS_TABLES_THRESHOLDS_MAX = 64, /* those that most runs missed: our choice */
    ANALYSIS_TABLES_SEEDS_MAX = 1000,    /* as many points as a curve has */
    ANALYSIS_TABLES_METRICS_MAX = 32,    /* of those shown unless others are asked for */
};

/* The figures shown unless others are asked for, those that the scenario judges first. Returns how
 * many; their names are borrowed from the grid, or static. */
size_t analysis_tables_metrics(const struct analysis_grid *g,
                               const char *out[ANALYSIS_TABLES_METRICS_MAX]);

struct analysis_tables_config {
    const struct analysis_grid *grid;
    struct analysis_store *store;
    const char *version;
    uint32_t repeat;
    const char *const *metrics;
    size_t metrics_len;
};

/* 0 and `*out` (the caller's), or SIM_E* with a sentence. */
int analysis_tables_view(cJSON **out, const struct analysis_tables_config *config,
                         char why[ANALYSIS_WHY_MAX]);
/* For analysis_tables_view(): which thresholds were missed, how often and where: the sweep's
 * "thresholds" and its points' "judged", "missed" and "worst". 0, or SIM_E* with a sentence. */
int analysis_tables_judge(cJSON *sweep, const struct analysis_tables_config *config,
                          char why[ANALYSIS_WHY_MAX]);
/* sweep.csv, sweep.json and report.html, each whole or not at all. 0, or SIM_E* with a sentence. */
int analysis_tables_write(const cJSON *view, const char *dir, char why[ANALYSIS_WHY_MAX]);
/* The verdict for CI systems: a test case a combination. `view` NULL: nothing was run. Publishes
 * `o`, or drops it on failure. 0, or SIM_E* with a sentence. */
int analysis_tables_junit(struct analysis_output *o, const cJSON *view, const char *scenario,
                          char why[ANALYSIS_WHY_MAX]);
/* Is this path that of a sweep.json? */
bool analysis_tables_is(const char *path);
/* Reads one back, checked in all that the report draws. 0 and `*out` (the caller's), or SIM_E* with
 * a sentence. */
int analysis_tables_read(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX]);
/* For people: at most 40 combinations, else the extremes of the first metric; at most `metrics`
 * columns of figures. `dir`: where the files are; NULL: nowhere. */
void analysis_tables_print(const struct analysis_style *style, const cJSON *view, size_t metrics,
                           const char *dir);

#endif /* ANALYSIS_SWEEP_TABLES_H */
