/* analysis/bins.h -- how much of something fell into each whole second of the run: for peaks.
 *
 * One definition for both worlds: the busiest whole second since instant 0 of what was sampled, all
 * sites together. Sites of a virtual run may be told one after another, each from instant 0. A run
 * of more than ANALYSIS_BINS_MAX seconds has bins of two seconds, then of four, and so on, so that
 * memory stays small: its peak is that of such a bin. What falls into a second does not depend on
 * how wide bins are, so that those of several runs add up to those of all: bit by bit. */
#ifndef ANALYSIS_BINS_H
#define ANALYSIS_BINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/time.h"

enum { ANALYSIS_BINS_MAX = 65536 }; /* 18 hours of single seconds; our choice */

struct analysis_bins { /* zero it before first use */
    uint64_t *amounts;
    size_t cap;
    size_t len;      /* bins that something fell into, or could have */
    uint64_t width;  /* of a bin, in seconds */
    bool incomplete; /* memory ran out: later ones are missing */
};

void analysis_bins_deinit(struct analysis_bins *b);
/* `amount` came evenly between `from` and `to` (> from). No amount is lost to rounding. */
void analysis_bins_add(struct analysis_bins *b, sim_time from, sim_time to, uint64_t amount);
/* Adds all of `from`, whose bins may be wider or narrower. */
void analysis_bins_merge(struct analysis_bins *into, const struct analysis_bins *from);
/* The largest bin, per second. */
uint64_t analysis_bins_peak(const struct analysis_bins *b);

#endif /* ANALYSIS_BINS_H */
