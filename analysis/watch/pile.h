/* analysis/watch/pile.h -- groups of sites that run one after another, each from instant 0, laid
 * over one another: what had happened by an instant of the run in all groups so far.
 *
 * Curves made of it grow with every group, and are the run's own curves when all have ended. A
 * group that still runs is in them until the instant that it has reached; one that has ended keeps
 * its phones as they were then. Bounded: where a run lasts longer than there are bins, every two
 * become one. Nothing is lost by that: all that is kept are changes, which add up. Not here: runs
 * whose sites run together (history.h). */
#ifndef ANALYSIS_WATCH_PILE_H
#define ANALYSIS_WATCH_PILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/watch/history.h"
#include "sim/time.h"
#include "sim/trace.h"

enum {
    ANALYSIS_WATCH_PILE_BINS = 400, /* of a curve; our choice: they are all sent again and again */
    ANALYSIS_WATCH_PILE_WAYS = 3,   /* bytes down, up, between phones */
};

/* What one group has come to: counters since its beginning. */
struct analysis_watch_group {
    uint64_t bytes[ANALYSIS_WATCH_PILE_WAYS];
    uint32_t phases[SIM_PHASES_LEN]; /* phones in each */
    uint32_t done, failed;
};

struct analysis_watch_bin { /* what changed in it */
    uint64_t bytes[ANALYSIS_WATCH_PILE_WAYS];
    int64_t phases[SIM_PHASES_LEN];
    int64_t done, failed;
};

struct analysis_watch_pile { /* zero it before first use, and to begin anew */
    struct analysis_watch_bin bins[ANALYSIS_WATCH_PILE_BINS];
    size_t len;         /* that something is in */
    sim_duration width; /* of a bin: a second, or twice that, ...; 0 is a second */
    sim_time latest;    /* instant that any group came to */
    /* The group that runs now; all 0: none. */
    sim_time at;
    struct analysis_watch_group group;
    bool runs;
};

/* The group that runs has come to `group` at `now`, which is never before the instant told last.
 * Bytes since then came evenly. Its first call also begins it. */
void analysis_watch_pile_add(struct analysis_watch_pile *p, sim_time now,
                             const struct analysis_watch_group *group);
/* It has ended; the next one begins at 0. */
void analysis_watch_pile_end(struct analysis_watch_pile *p);
/* The curves, as a history. */
void analysis_watch_pile_history(const struct analysis_watch_pile *p,
                                 struct analysis_watch_history *out);

#endif /* ANALYSIS_WATCH_PILE_H */
