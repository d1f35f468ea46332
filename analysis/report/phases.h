/* analysis/report/phases.h -- phases.csv: every phase of a sample of the phones, for timelines.
 *
 * The sample is chosen before the run from the scenario alone, so that two methods, or two runs,
 * show the same phones: all of them up to ANALYSIS_VIEW_BARS_PHONES; else the first phones of
 * each class of sites and of each of its entries of "phones" (so each model is there), the first
 * phones of as many sites as there is room for, and the rest evenly over all phones.
 *
 * An observer (observer.h). Phones are watched on their own lanes; nothing is shared. A phase that
 * still lasted when its group of sites ended ends then. "off" before the first phase has no row.
 * Memory: a bit a node, and 16 bytes a phase of a phone watched; of one phone no more than
 * ANALYSIS_PHASES_MAX, later ones are left out. */
#ifndef ANALYSIS_REPORT_PHASES_H
#define ANALYSIS_REPORT_PHASES_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/observer.h"

enum { ANALYSIS_PHASES_MAX = 4096 }; /* of a phone; 64 files need some 300: our choice */

/* Numbers of phones (0..phones_total-1, counted over all copies), ascending, no doubles; at most
 * `cap` >= 1 of them. Returns how many. */
size_t analysis_phases_sample(const struct scenario *s, uint64_t *phones, size_t cap);

/* Makes the observer. 0, or SIM_E* with a sentence. The session must have `out`. */
int analysis_phases_observe(struct analysis_observer *observer,
                            const struct analysis_observed *observed, char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_REPORT_PHASES_H */
