/* analysis/twice.h -- one virtual run beside another that must be its equal: event by event, until
 * they differ. Not here: what is done about it; see session.c. */
#ifndef ANALYSIS_TWICE_H
#define ANALYSIS_TWICE_H

#include <stdbool.h>
#include <stdint.h>

#include "scenarios/build.h"

enum { ANALYSIS_TWICE_TEXT_MAX = 640 };

struct analysis_twice {
    bool equal;
    uint64_t events;                    /* that were equal */
    char text[ANALYSIS_TWICE_TEXT_MAX]; /* the first difference: both events, each with its instant,
                                           the phone's address and what happened */
};

/* Takes both to the end of `a`, or to the first difference; both are new and have the same
 * scenario. */
void analysis_twice_run(struct scenario_run *a, struct scenario_run *b, struct analysis_twice *out);

#endif /* ANALYSIS_TWICE_H */
