/* sim/live/clock.h -- the clock, for those above who may not read one themselves (analysis/: how
 * long did it take). */
#ifndef SIM_LIVE_CLOCK_H
#define SIM_LIVE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC: only differences mean something. */
uint64_t sim_live_clock(void);

#endif /* SIM_LIVE_CLOCK_H */
