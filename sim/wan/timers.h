/* sim/wan/timers.h -- many timers of which most are put off again and again. Inside sim/wan only.
 *
 * A 4-ary heap of instants. Putting a timer off (what every ACK does to a retransmission timer) or
 * clearing it costs nothing: its entry stays where it is and is looked at again when it comes up.
 * Of ties the one that was set last fires first, as in Linux, where an instant of the timer wheel
 * is a list to whose head timers are added: when many flows time out together, who goes first
 * decides whose packets a short queue takes. */
#ifndef SIM_WAN_TIMERS_H
#define SIM_WAN_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/time.h"

struct wan_timer {
    sim_time due;   /* SIM_NEVER: not set */
    uint64_t order; /* of setting */
    uint32_t slot;  /* place in the heap + 1; 0: none */
};

struct wan_timer_entry {
    sim_time at; /* not later than the timer's due */
    uint64_t order;
    uint32_t id;
};

struct wan_timers {
    struct wan_timer *timers; /* by id */
    struct wan_timer_entry *heap;
    uint32_t cap; /* of both */
    uint32_t len; /* of the heap */
    uint64_t order;
};

void wan_timers_deinit(struct wan_timers *t);
/* Makes ids 0..count-1 usable; zero the struct before the first call. 0 or SIM_ENOMEM. */
int wan_timers_grow(struct wan_timers *t, uint32_t count);
void wan_timers_set(struct wan_timers *t, uint32_t id, sim_time due);
void wan_timers_clear(struct wan_timers *t, uint32_t id);
static inline sim_time wan_timers_due(const struct wan_timers *t, uint32_t id)
{
    return t->timers[id].due;
}
/* Takes the first timer that is due by `now`, clearing it. False when none is. After false,
 * wan_timers_next() is in the future and exact. */
bool wan_timers_take(struct wan_timers *t, sim_time now, uint32_t *id, sim_time *due);
/* Not later than the first timer's instant; SIM_NEVER when there is none. */
static inline sim_time wan_timers_next(const struct wan_timers *t)
{
    return t->len == 0 ? SIM_NEVER : t->heap[0].at;
}

#endif /* SIM_WAN_TIMERS_H */
