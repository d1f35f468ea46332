/* sim/time.h -- instants and durations: integer nanoseconds, one unit everywhere.
 *
 * An instant counts from the moment the run began. Nobody below sim/live and sim/server reads a
 * clock: `now` is an argument. */
#ifndef SIM_TIME_H
#define SIM_TIME_H

#include <stdint.h>

typedef uint64_t sim_time;     /* ns since the run began; a deadline is absolute */
typedef uint64_t sim_duration; /* ns */

#define SIM_NEVER UINT64_MAX
#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)

/* `at + by`, SIM_NEVER when it would pass it (or when either is SIM_NEVER). */
static inline sim_time sim_time_add(sim_time at, sim_duration by)
{
    return by > SIM_NEVER - at ? SIM_NEVER : at + by;
}

static inline sim_time sim_time_min(sim_time a, sim_time b)
{
    return a < b ? a : b;
}

/* `later - earlier`, 0 when it would be negative. */
static inline sim_duration sim_time_since(sim_time later, sim_time earlier)
{
    return later > earlier ? later - earlier : 0;
}

/* Nanoseconds that `bytes` take at `bit_s` bits a second, rounded up; bit_s > 0.
 * Exact up to 2^64 ns by 128-bit arithmetic. */
static inline sim_duration sim_time_of_bytes(uint64_t bytes, uint64_t bit_s)
{
    unsigned __int128 ns = (unsigned __int128)bytes * 8 * SIM_S + (bit_s - 1);
    ns /= bit_s;
    return ns > SIM_NEVER ? SIM_NEVER : (sim_duration)ns;
}

/* For reports only: machines never compute in seconds. */
static inline double sim_time_seconds(sim_duration d)
{
    return (double)d / 1e9;
}

#endif /* SIM_TIME_H */
