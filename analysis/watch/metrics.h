/* analysis/watch/metrics.h -- a sample in Prometheus' text format, version 0.0.4
 * (prometheus.io/docs/instrumenting/exposition_formats).
 *
 * Every series has the labels method and scenario. Names end in their unit; what only grows within
 * a run ends in _total. */
#ifndef ANALYSIS_WATCH_METRICS_H
#define ANALYSIS_WATCH_METRICS_H

#include <stddef.h>

#include "analysis/watch/sample.h"

#define ANALYSIS_WATCH_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What the labels say; borrowed. */
struct analysis_watch_names {
    const char *version;  /* of pfsim */
    const char *scenario; /* NULL: no run yet */
    const char *method, *world;
    uint64_t seed;
    uint64_t configured_bit_s; /* towards all sites; 0: no line */
    bool is_running;
    sim_duration wall; /* real time since the run was built */
};

/* Text from malloc() and its length; NULL when out of memory. `sample` may be NULL: none yet. */
char *analysis_watch_metrics(const struct analysis_watch_names *names,
                             const struct analysis_watch_sample *sample, size_t *len);

#endif /* ANALYSIS_WATCH_METRICS_H */
