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
/* Fills the document's "thresholds". True when all are met. Metrics must have been checked. */
bool analysis_threshold_evaluate(const struct analysis_figures *f, cJSON *document);

/* During the run: the first threshold with `abort` that can't be met any more, NULL when there is
 * none. Looked at: phones.failed, phones.fallbacks and wan.payload_bytes, which only grow, and
 * completion_s.last, which is at least the time that has passed while phones are under way. The
 * others are judged at the end only. */
struct analysis_threshold_now {
    uint32_t failed, fallbacks;
    uint64_t wan_payload_bytes;
    sim_duration elapsed; /* since start.at */
    bool under_way;
};
const struct scenario_threshold *analysis_threshold_lost(const struct scenario *s,
                                                         const struct analysis_threshold_now *now);

#endif /* ANALYSIS_THRESHOLD_H */
