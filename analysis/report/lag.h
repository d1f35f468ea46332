/* analysis/report/lag.h -- lag.csv of a live run: how late its timers fired at worst, second by
 * second. An observer (observer.h). */
#ifndef ANALYSIS_REPORT_LAG_H
#define ANALYSIS_REPORT_LAG_H

#include "analysis/observer.h"

/* Makes the observer. 0, or SIM_E* with a sentence. The session must have `out`. */
int analysis_lag_observe(struct analysis_observer *observer,
                         const struct analysis_observed *observed, char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_REPORT_LAG_H */
