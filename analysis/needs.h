/* analysis/needs.h -- what a live run needs against what the machine has, as a planner reads it:
 * a table, each row with what it is for, each shortage with what mends it. Not here: the figures;
 * see sim/live/live.h. */
#ifndef ANALYSIS_NEEDS_H
#define ANALYSIS_NEEDS_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/summary.h"
#include "sim/live/live.h"

/* With its head. `all` false: only memory and descriptors, and whatever is short. */
void analysis_needs_print(const struct analysis_style *style, const struct sim_live_need *needs,
                          size_t len, bool all);

#endif /* ANALYSIS_NEEDS_H */
