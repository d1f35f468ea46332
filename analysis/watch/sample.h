/* analysis/watch/sample.h -- a run at one instant, as those who watch it are told.
 *
 * Taken on the session's thread from the collector's counters and the lines'; afterwards plain
 * numbers, which the page's server may read at any time. */
#ifndef ANALYSIS_WATCH_SAMPLE_H
#define ANALYSIS_WATCH_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/observer.h"

struct analysis_watch_sample {
    sim_time at; /* of the run */
    uint32_t phones;
    uint32_t phases[SIM_PHASES_LEN];
    uint32_t outcomes[4]; /* by SIM_OUTCOME_* */
    uint64_t files_held, files_wanted;
    uint64_t resumed, rejected; /* transfers */
    struct sim_site_stats sum;  /* of all sites; instants and peaks are left 0 */
    bool has_server;            /* the embedded one: */
    struct sim_server_stats server;
    bool has_lag;           /* a live run: */
    sim_duration lag_p99;   /* since the run began */
    sim_duration lag_worst; /* since the sample before */
    bool has_rates;         /* all sites run together: bits a second since the sample before */
    uint64_t down_bit_s, up_bit_s, lan_bit_s;
    uint32_t groups, groups_ended; /* of sites, that run one after another */
};

/* `before`: the sample before of the same run; NULL: this is the first. */
void analysis_watch_sample_take(struct analysis_watch_sample *out,
                                const struct analysis_observed *run, sim_time now,
                                uint32_t groups_ended, const struct analysis_watch_sample *before);
/* "7 of 30 phones done, 1.5 Mbit/s of 1.54 Mbit/s" into `out`. `configured_bit_s`: 0 is none. */
enum { ANALYSIS_WATCH_SENTENCE_MAX = 200 };
char *analysis_watch_sample_sentence(const struct analysis_watch_sample *s,
                                     uint64_t configured_bit_s,
                                     char out[ANALYSIS_WATCH_SENTENCE_MAX]);

#endif /* ANALYSIS_WATCH_SAMPLE_H */
