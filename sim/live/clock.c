/* sim/live/clock.c -- the clock behind clock.h. */
#include "sim/live/clock.h"

#include <assert.h>
#include <time.h>

uint64_t sim_live_clock(void)
{
    struct timespec now;
    int rc = clock_gettime(CLOCK_MONOTONIC, &now);

    assert(rc == 0);
    (void)rc;
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}
