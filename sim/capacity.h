/* sim/capacity.h -- a rate that changes over time: what a line may carry from one instant to
 * another, and when it has carried so many bytes. Pure, exact, and without state: shared by lines,
 * worlds and threads.
 *
 * The rate is constant between steps. Steps fill a period, which is repeated; without a period the
 * last step lasts for ever. Instants count from the beginning of the run, which is `offset` into
 * the first period. A line earns nothing while it is idle: what it may carry from `start` on begins
 * at `start`.
 *
 * Left out: where steps come from (sim/mahimahi.h reads a file of them, scenarios/ a list). */
#ifndef SIM_CAPACITY_H
#define SIM_CAPACITY_H

#include <stddef.h>
#include <stdint.h>

#include "sim/err.h"
#include "sim/time.h"

struct sim_capacity;

struct sim_capacity_step {
    sim_duration at; /* of the period */
    uint64_t bit_s;  /* from then on; 0: nothing passes */
};

typedef unsigned __int128 sim_capacity_bits; /* bit/s x ns: 8e9 of them are a byte */

#define SIM_CAPACITY_RATE_MAX UINT64_C(1000000000000) /* bit/s: 1 Tbit/s (our choice) */
#define SIM_CAPACITY_PERIOD_MAX (UINT64_C(366) * 24 * 3600 * SIM_S) /* a year (our choice) */
#define SIM_CAPACITY_BIN (100 * SIM_MS) /* of sim_capacity_in_bins(); our choice */
enum {
    SIM_CAPACITY_STEPS_MAX = 1 << 22, /* 128 MiB of them (our choice) */
};

/* Copies `steps`: the first at 0, the others later each, all within the period. `period`: SIM_NEVER
 * for none. 0; SIM_EINVAL (no step, an order or a rate that is none, a period too long or not
 * behind the last step, or nothing ever passes); SIM_ELIMIT (too many steps); SIM_ENOMEM. */
int sim_capacity_new(struct sim_capacity **out, const struct sim_capacity_step *steps, size_t len,
                     sim_duration period, sim_duration offset);
void sim_capacity_free(struct sim_capacity *c); /* NULL is fine */

/* Where one who sends has got to. All zero at first; then only sim_capacity_end() changes it. */
struct sim_capacity_cursor {
    uint32_t step;           /* where to look first */
    sim_time at;             /* the last end, */
    sim_capacity_bits spare; /* and what of its nanosecond was not used */
};

/* The first nanosecond by which `bytes` have passed of what begins at `start`; SIM_NEVER when that
 * is beyond all times. What begins at the cursor's last end goes on within its nanosecond, so that
 * rounding adds up to nothing however many follow one another. */
sim_time sim_capacity_end(const struct sim_capacity *c, sim_time start, uint64_t bytes,
                          struct sim_capacity_cursor *cursor);
/* The rate at `at`, and until when (SIM_NEVER: for ever). */
uint64_t sim_capacity_rate(const struct sim_capacity *c, sim_time at, sim_time *until);
/* What may pass between two instants. */
sim_capacity_bits sim_capacity_between(const struct sim_capacity *c, sim_time from, sim_time to);
/* Over a period, to the nearest bit/s, at least 1; without a period: the last step's. */
uint64_t sim_capacity_mean(const struct sim_capacity *c);
/* The highest rate of any step. */
uint64_t sim_capacity_peak(const struct sim_capacity *c);

/* The same in means over bins of SIM_CAPACITY_BIN: fewer changes, for models that pay for each. A
 * last bin may be shorter. Neighbours with equal means are one step. 0, SIM_EINVAL (`c` has no
 * period), SIM_ELIMIT, SIM_ENOMEM. */
int sim_capacity_in_bins(struct sim_capacity **out, const struct sim_capacity *c);

/* The same with no step above `bit_s` (> 0). 0 or SIM_ENOMEM. */
int sim_capacity_limited(struct sim_capacity **out, const struct sim_capacity *c, uint64_t bit_s);

#endif /* SIM_CAPACITY_H */
