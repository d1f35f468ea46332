/* analysis/stats.h -- durations of many phones as a mergeable histogram: exact ends, quantiles to
 * 0.2 %.
 *
 * Log-linear: exact below 512 ns, then 256 buckets an octave, so a bucket is at most 1/256 of its
 * value wide and its middle at most 1/512 (0.2 %) from anything in it. Good up to 2^50 ns (13
 * days); longer ones share the last bucket, only their maximum stays exact. Count, minimum,
 * maximum and sum are exact. Adding two histograms gives the histogram of all their values, bit
 * by bit, so lanes (and shards) may be merged in any order. Not here: variance and confidence,
 * which need several runs. */
#ifndef ANALYSIS_STATS_H
#define ANALYSIS_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/time.h"

enum {
    ANALYSIS_STATS_HALF = 256, /* buckets an octave: our choice */
    ANALYSIS_STATS_TOP = 50,   /* values of 2^50 ns and more share the last bucket */
    ANALYSIS_STATS_BUCKETS =
        2 * ANALYSIS_STATS_HALF + (ANALYSIS_STATS_TOP - 9) * ANALYSIS_STATS_HALF,
};

#define ANALYSIS_STATS_ALL 1000000u /* quantiles are in millionths: 950000 is p95 */

struct analysis_stats {
    uint64_t count;
    sim_duration min, max; /* meaningless while count is 0 */
    unsigned __int128 sum;
    uint64_t buckets[ANALYSIS_STATS_BUCKETS];
};

void analysis_stats_init(struct analysis_stats *s);
/* As new; quick when its values were near one another. */
void analysis_stats_clear(struct analysis_stats *s);
void analysis_stats_add(struct analysis_stats *s, sim_duration value);
void analysis_stats_merge(struct analysis_stats *into, const struct analysis_stats *from);
/* The first bucket from `from` on that is not empty; ANALYSIS_STATS_BUCKETS: none. */
unsigned analysis_stats_next(const struct analysis_stats *s, unsigned from);
/* Do its numbers belong together? Of one that was read from a file, before it is used. */
bool analysis_stats_is_sound(const struct analysis_stats *s);
/* Rounded down to a nanosecond; 0 when empty. */
sim_duration analysis_stats_mean(const struct analysis_stats *s);
/* The value that `millionths` of all values do not exceed (nearest rank), within 0.2 %, never
 * outside [min, max]; 0..ANALYSIS_STATS_ALL. 0 when empty. */
sim_duration analysis_stats_quantile(const struct analysis_stats *s, uint32_t millionths);

#endif /* ANALYSIS_STATS_H */
