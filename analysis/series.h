/* analysis/series.h -- the run second by second: rates of each site's line, phones in each phase.
 *
 * Fed from the run's tick with the sites' counters; writes series.csv as it goes and keeps only
 * the last sample of each site. Rates are means over the time since the sample before, so a late
 * tick smears but never loses bytes.
 *
 * A virtual run is told group by group of its sites (scenarios/build.h): where each site is a group
 * of its own the rows are ordered by (site, time), else by (time, site); groups may run side by
 * side, their rows are put in order. Samples are a second
 * apart; of a virtual group, after two minutes and while little changes (no rate, and no phase's
 * share of the phones, by more than 1 part in 64), up to a 64th of the time that has passed. Not
 * here: the counters themselves. */
#ifndef ANALYSIS_SERIES_H
#define ANALYSIS_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/bins.h"
#include "analysis/collect.h"
#include "analysis/output.h"
#include "scenarios/build.h"
#include "sim/time.h"
#include "sim/trace.h"
#include "sim/world.h"

struct analysis_series;

/* A phase as the column's name: "fetch_peer". Static. */
const char *analysis_series_phase(enum sim_phase phase);

struct analysis_series_config {
    const struct analysis_collect *collect;
    uint32_t sites;
    uint32_t first; /* site of the first group */
    unsigned lanes; /* groups side by side */
    void (*stats)(void *context, uint32_t site, struct sim_site_stats *out);
    const char *(*name)(void *context, uint32_t site);
    /* Transfers that the server has under way now, of the group of that site. NULL: not watched. */
    uint32_t (*transfers)(void *context, uint32_t site);
    void *context;
    struct analysis_output *to; /* series.csv, NULL: not written; borrowed */
};

/* Writes the header. NULL when out of memory. */
struct analysis_series *analysis_series_new(const struct analysis_series_config *config);
void analysis_series_free(struct analysis_series *s); /* NULL is fine */
/* Of a group of sites: samples when a second (1 s of the run: our choice) has begun since the last
 * sample. From the group's thread, like the next two. */
void analysis_series_tick(struct analysis_series *s, const struct scenario_group *group,
                          sim_time now);
/* The group's last, perhaps shorter, second; the lane's next group begins at 0. Where the lines are
 * still behind (sim_site_stats.wan_behind) it is at the instant at which they won't be. Groups are
 * begun in order of sites, and each that was begun ends; one that is far ahead of the others waits
 * for them here. */
void analysis_series_end(struct analysis_series *s, const struct scenario_group *group,
                         sim_time now);
/* How long until the lane's next sample is worth taking: a whole number of seconds. */
sim_duration analysis_series_pause(const struct analysis_series *s, unsigned lane);
/* Has a row not been written? Then the sentence (output.h). From any thread. */
bool analysis_series_failed(struct analysis_series *s, char why[ANALYSIS_WHY_MAX]);

/* Towards all sites of the group that runs, or of the last lane's: over the last time sampled. Bits
 * a second. */
uint64_t analysis_series_rate(const struct analysis_series *s);
/* Towards all sites of the run: the busiest whole second since instant 0 (bins.h). Bits a second.
 */
uint64_t analysis_series_peak(const struct analysis_series *s);
/* What both peaks are taken of, for merging: bytes towards all sites, transfers under way. */
const struct analysis_bins *analysis_series_wan_bins(const struct analysis_series *s);
const struct analysis_bins *analysis_series_transfer_bins(const struct analysis_series *s);
/* The most transfers at whole seconds, all groups together; 0 when they are not watched. */
uint64_t analysis_series_transfers(const struct analysis_series *s);

#endif /* ANALYSIS_SERIES_H */
