/* analysis/series.h -- the run second by second: rates of each site's line, phones in each phase.
 *
 * Fed from the run's tick with the sites' counters; writes series.csv as it goes and keeps only
 * the last sample of each site. Rates are means over the time since the sample before, so a late
 * tick smears but never loses bytes. Not here: the counters themselves. */
#ifndef ANALYSIS_SERIES_H
#define ANALYSIS_SERIES_H

#include <stdint.h>

#include "analysis/collect.h"
#include "analysis/output.h"
#include "sim/time.h"
#include "sim/world.h"

struct analysis_series;

struct analysis_series_config {
    const struct analysis_collect *collect;
    uint32_t sites;
    void (*stats)(void *context, uint32_t site, struct sim_site_stats *out);
    const char *(*name)(void *context, uint32_t site);
    void *context;
    struct analysis_output *to; /* series.csv, NULL: not written; borrowed */
};

/* Writes the header. NULL when out of memory. */
struct analysis_series *analysis_series_new(const struct analysis_series_config *config);
void analysis_series_free(struct analysis_series *s); /* NULL is fine */
/* Samples when a second (1 s of the run: our choice) has begun since the last sample. */
void analysis_series_tick(struct analysis_series *s, sim_time now);
/* The last, perhaps shorter, second. */
void analysis_series_end(struct analysis_series *s, sim_time now);

/* Towards all sites together: over the last second sampled, and the best one. Bits a second. */
uint64_t analysis_series_rate(const struct analysis_series *s);
uint64_t analysis_series_peak(const struct analysis_series *s);

#endif /* ANALYSIS_SERIES_H */
