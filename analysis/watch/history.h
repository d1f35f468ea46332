/* analysis/watch/history.h -- the samples of a run so far, for those who come late.
 *
 * Bounded: when it is full every second sample goes, and later ones are taken half as often. What
 * stays are instants; a rate is the mean since the sample that stayed before it. */
#ifndef ANALYSIS_WATCH_HISTORY_H
#define ANALYSIS_WATCH_HISTORY_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "analysis/report/view.h"
#include "analysis/watch/sample.h"

struct analysis_watch_moment {
    sim_time at;
    uint64_t down_bit_s, up_bit_s, lan_bit_s;
    sim_duration lag; /* SIM_NEVER: not known */
    uint32_t phases[SIM_PHASES_LEN];
    uint32_t done, failed;
};

struct analysis_watch_history { /* zero it before first use, and to begin anew */
    struct analysis_watch_moment moments[ANALYSIS_VIEW_POINTS];
    size_t len;
    uint64_t stride;  /* samples for each moment that is kept; 0 is 1 */
    uint64_t pending; /* samples in the last moment, of `stride` */
};

struct analysis_watch_moment
analysis_watch_history_moment(const struct analysis_watch_sample *sample);
/* `moment` is later than those before. */
void analysis_watch_history_add(struct analysis_watch_history *h,
                                const struct analysis_watch_moment *moment);
/* Fills RUN's completion, wan, states and lag (view.h). `start_at`: as in the scenario. */
void analysis_watch_history_show(const struct analysis_watch_history *h, cJSON *run,
                                 sim_time start_at, uint32_t of, uint64_t configured_bit_s,
                                 uint32_t sites);
/* One moment as the data of the event "sample" (view.h); NULL when out of memory. */
cJSON *analysis_watch_history_event(const struct analysis_watch_moment *m, const char *sentence);

#endif /* ANALYSIS_WATCH_HISTORY_H */
