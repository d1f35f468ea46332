/* analysis/abort.h -- thresholds with `abort`: can one not be met any more, while the run goes on?
 *
 * Known to be lost is what only grows and has passed its limit: phones that failed or fell back,
 * bytes, packets and time on the WAN and the LAN, transfers resumed or rejected, copies. Of
 * completion_s and back_in_service_s `first`, `last` and every percentile: once the time that has
 * passed is over the limit, when too few phones are done; phones under way are taken to complete.
 * Everything else, and lower limits, are judged at the end only. Not here: that; see threshold.h.
 */
#ifndef ANALYSIS_ABORT_H
#define ANALYSIS_ABORT_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/collect.h"
#include "scenarios/scenario.h"
#include "sim/setup.h"
#include "sim/world.h"

/* A run under way. */
struct analysis_abort {
    const struct scenario *scenario;
    enum scenario_method method;
    const struct analysis_collect *collect;
    uint32_t sites; /* copies */
    const struct sim_site_setup *(*site)(void *context, uint32_t site);
    void (*stats)(void *context, uint32_t site, struct sim_site_stats *out);
    void *context;
};

/* Can this threshold end a run early? `abort` has no effect on others. */
bool analysis_abort_works(const struct scenario_threshold *t);
/* The first threshold with `abort` that is lost; NULL: none is. `elapsed`: since start.at. */
const struct scenario_threshold *analysis_abort_lost(const struct analysis_abort *a,
                                                     sim_duration elapsed);

#endif /* ANALYSIS_ABORT_H */
