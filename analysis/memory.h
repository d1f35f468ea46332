/* analysis/memory.h -- is there room for a virtual run? Asked before anything is made, so that a
 * scenario that is too large is refused with a sentence instead of by the kernel. */
#ifndef ANALYSIS_MEMORY_H
#define ANALYSIS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/program.h"
#include "scenarios/scenario.h"

struct analysis_memory {
    const struct scenario *scenario;
    enum scenario_method method;
    uint32_t shard, shards; /* of a share of the sites; shards 0: all */
    unsigned runs;          /* side by side, or groups of sites of one run */
    uint64_t limit;         /* bytes; 0: what the machine has left */
};

/* Bytes that the whole program takes at its busiest: an estimate (scenarios/build_memory.c). Runs
 * of 20 to a million phones took between 3/4 of it and 11/10. */
uint64_t analysis_memory_estimate(const struct analysis_memory *m);
/* Is there room for it? */
bool analysis_memory_fits(const struct analysis_memory *m);
/* ANALYSIS_OK, or ANALYSIS_REFUSED once it has said how much is missing and what to do. */
int analysis_memory_check(const struct analysis_memory *m, const struct analysis_program *program,
                          const char *command);

#endif /* ANALYSIS_MEMORY_H */
