/* analysis/observer.h -- who else is told of a run while it goes on: event files, timelines, a page
 * that watches.
 *
 * The session makes its observers once the run is built and before it begins, tells them in the
 * order of the list, and frees them when the run's files are written. A new kind of file or page is
 * an observer of its own and one line in observers.c. Not here: figures (collect.h), bytes on lines
 * (series.h). */
#ifndef ANALYSIS_OBSERVER_H
#define ANALYSIS_OBSERVER_H

#include <cjson/cJSON.h>

#include "analysis/collect.h"
#include "analysis/figures.h"
#include "analysis/output.h"
#include "analysis/progress.h"
#include "analysis/series.h"
#include "analysis/session.h"
#include "scenarios/build.h"

enum { ANALYSIS_OBSERVERS_MAX = 12 };

/* The run that is observed; all of it is borrowed and outlives its observers. */
struct analysis_observed {
    const struct analysis_session *session;
    struct scenario_run *run;
    const struct analysis_collect *collect;
    const struct analysis_series *series;
    struct analysis_progress *progress;
    uint32_t
        groups; /* of sites, which run one after another, each from instant 0; 1: all together */
    unsigned lanes;
};

/* Any function may be NULL: not told of that. */
struct analysis_observer {
    void *context;
    /* On the record's lane, after the figures; never concurrently for one lane. `phone` is
     * never NULL; a controller of faults has is_phone false. */
    void (*record)(void *context, unsigned lane, const struct analysis_phone *phone,
                   const struct sim_record *record);
    /* From the run's tick, on the session's thread, after the series' sample: about every second of
     * the run, five times a second in a live one. */
    void (*tick)(void *context, sim_time now);
    /* The group of sites first..first+len-1 has ended; on the session's thread. */
    void (*group_ended)(void *context, uint32_t first, uint32_t len, sim_time now);
    /* The run has ended, also when it was interrupted; thresholds are judged and, with --out, its
     * CSV files and result.json are in place. 0, or SIM_E* with a sentence: the session then ends
     * with status 3. */
    int (*finish)(void *context, const struct analysis_figures *figures, const cJSON *document,
                  char why[ANALYSIS_WHY_MAX]);
    void (*free)(void *context);
};

struct analysis_observers { /* zero it before first use */
    struct analysis_observer list[ANALYSIS_OBSERVERS_MAX];
    size_t len;
};

/* Makes those that the session asks for. 0, or SIM_E* with a sentence: the environment refused.
 * Free the list either way. */
int analysis_observers_open(struct analysis_observers *o, const struct analysis_observed *observed,
                            char why[ANALYSIS_WHY_MAX]);
void analysis_observers_record(struct analysis_observers *o, unsigned lane,
                               const struct analysis_phone *phone, const struct sim_record *record);
void analysis_observers_tick(struct analysis_observers *o, sim_time now);
void analysis_observers_group_ended(struct analysis_observers *o, uint32_t first, uint32_t len,
                                    sim_time now);
/* Tells all of them, also behind one that failed; the first failure's sentence. */
int analysis_observers_finish(struct analysis_observers *o, const struct analysis_figures *figures,
                              const cJSON *document, char why[ANALYSIS_WHY_MAX]);
void analysis_observers_free(struct analysis_observers *o);

#endif /* ANALYSIS_OBSERVER_H */
