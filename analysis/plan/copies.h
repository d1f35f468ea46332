/* analysis/plan/copies.h -- what became of the copies of each class in one run of all sites: how
 * many miss something, and sums over them.
 *
 * The thresholds of a class speak of its worst copy; whether that is one in fifty or all fifty is
 * said here. Not here: which seed it is (plan.c). */
#ifndef ANALYSIS_PLAN_COPIES_H
#define ANALYSIS_PLAN_COPIES_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/figures.h"
#include "analysis/plan/trial.h"
#include "scenarios/scenario.h"

struct analysis_copies_of { /* one class */
    uint32_t missing;       /* copies that miss one of its thresholds */
    uint64_t failed;        /* phones that failed or hang, over all copies */
    double last_median;     /* of the copies' last phones, s; NAN: in none did any complete;
                               of an even number the later of the two in the middle */
    double totals[ANALYSIS_TOTALS_MAX]; /* sums; NAN: no site has such a number */
};

struct analysis_copies {
    const struct scenario *scenario; /* the classes, in its order */
    const struct analysis_total *totals;
    size_t totals_len;
    struct analysis_copies_of *of; /* scenario->sites_len of them, the caller's */
};

/* For analysis_session.figures; `context`: a struct analysis_copies. Thresholds are those of the
 * scenario that ran. */
void analysis_copies_take(void *context, const struct analysis_figures *f, const cJSON *document);

#endif /* ANALYSIS_PLAN_COPIES_H */
