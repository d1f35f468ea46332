/* analysis/threshold.h -- the scenario's thresholds: which metrics there are, and were they met.
 *
 * A metric is the path of a number in the result document ("phones.failed", "wan.busy_s"); the
 * embedded result.schema.json is the list of them. `sites[NAME].` in front means one site, or the
 * worst of a class, and any percentile of the two times may be asked for ("completion_s.p99.9").
 * A metric without a value (nobody completed) is not met. */
#ifndef ANALYSIS_THRESHOLD_H
#define ANALYSIS_THRESHOLD_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "analysis/figures.h"
#include "analysis/output.h"
#include "scenarios/scenario.h"

/* Before the run: 0, or SIM_EINVAL with a sentence about the first metric that does not exist. */
int analysis_threshold_check(const struct scenario *s, const char *metric,
                             char why[ANALYSIS_WHY_MAX]);
/* Is `value` all right? */
bool analysis_threshold_holds(const struct scenario_threshold *t, double value);
/* The value of a metric that has been checked; of a class of sites the largest. False: it has none. */
bool analysis_threshold_value(const struct analysis_figures *f, const cJSON *document,
                              const char *metric, double *out);
/* Fills the document's "thresholds". True when all are met. Metrics must have been checked. */
bool analysis_threshold_evaluate(const struct analysis_figures *f, cJSON *document);

/* During the run: the parts of a metric's path. False: it has no such form. */
struct analysis_metric {
    bool of_site;
    char site[SCENARIO_NAME_MAX]; /* a site's name, or that of its class */
    const char *path;             /* behind "sites[NAME]." */
};
bool analysis_threshold_split(const char *text, struct analysis_metric *out);
/* Is it "completion_s.pN" or "back_in_service_s.pN"? N in millionths. */
bool analysis_threshold_percentile(const char *path, bool *back, uint32_t *millionths);

#endif /* ANALYSIS_THRESHOLD_H */
