/* analysis/durations.h -- how long transfers took, as a histogram a (firmware, file) and sender: of
 * one lane, or summed over lanes and shards.
 *
 * A histogram is made when its first transfer ends, so memory grows with the files that are really
 * sent, never with phones: 88 KB of address space each, of which a run touches the few pages that
 * its durations fall into. Not here: which transfers count; see collect.c. */
#ifndef ANALYSIS_DURATIONS_H
#define ANALYSIS_DURATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/stats.h"

enum analysis_via { ANALYSIS_VIA_SERVER, ANALYSIS_VIA_PEER, ANALYSIS_VIAS_LEN };

struct analysis_durations {         /* zero it before first use */
    struct analysis_stats **tables; /* [file][via]; NULL: none yet */
    size_t files;
    bool out_of_memory;
};

/* For files 0..files-1. 0 or SIM_ENOMEM. */
int analysis_durations_init(struct analysis_durations *d, size_t files);
void analysis_durations_deinit(struct analysis_durations *d);
/* The histogram, made when it is not there; NULL when out of memory, which sticks. */
struct analysis_stats *analysis_durations_of(struct analysis_durations *d, size_t file,
                                             enum analysis_via via);
/* NULL: no such transfer. */
const struct analysis_stats *analysis_durations_find(const struct analysis_durations *d,
                                                     size_t file, enum analysis_via via);

#endif /* ANALYSIS_DURATIONS_H */
