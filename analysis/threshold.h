/* analysis/threshold.h -- the scenario's thresholds: which metrics there are, and were they met.
 *
 * Which metrics there are, and how they are written: scenarios/metrics.h. Of a class of sites, and
 * of a file that several models have, the worst one counts. A metric without a value (nobody
 * completed) is not met. */
#ifndef ANALYSIS_THRESHOLD_H
#define ANALYSIS_THRESHOLD_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

#include "analysis/figures.h"
#include "analysis/output.h"
#include "scenarios/scenario.h"

/* Before the run: 0, or SIM_EINVAL with a sentence that says why this scenario's result can't have
 * the metric. */
int analysis_threshold_check(const struct scenario *s, const char *metric,
                             char why[ANALYSIS_WHY_MAX]);
/* Is `value` all right? */
bool analysis_threshold_holds(const struct scenario_threshold *t, double value);
/* The value of a metric that has been checked; of several the largest. False: it has none. */
bool analysis_threshold_value(const struct analysis_figures *f, const cJSON *document,
                              const char *metric, double *out);
/* Does it name a number that differs between equal runs (real time, memory)? */
bool analysis_threshold_is_unrepeatable(const char *metric);
/* A unit as documents name it: "", "s", "B", "bit/s" or "share" (0..1). */
const char *analysis_threshold_unit(enum scenario_unit unit);
/* Fills the document's "thresholds". True when all are met. Metrics must have been checked. */
bool analysis_threshold_evaluate(const struct analysis_figures *f, cJSON *document);

/* Is it "completion_s.pN" or "back_in_service_s.pN"? N in millionths. */
bool analysis_threshold_percentile(const char *path, bool *back, uint32_t *millionths);

/* Warnings, a line each on `err`: of an `abort` that has no effect. `is_apart`: this run's sites
 * run one after another. */
void analysis_threshold_warn_of_aborts(const struct scenario *s, bool is_apart, const char *command,
                                       FILE *err);
/* The same of what may be met today and missed tomorrow. */
void analysis_threshold_warn_of_chance(const struct scenario *s, const char *command, FILE *err);

#endif /* ANALYSIS_THRESHOLD_H */
