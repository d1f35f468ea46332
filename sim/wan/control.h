/* sim/wan/control.h -- congestion control of one TCP sender: CUBIC with HyStart, or Reno. Inside
 * sim/wan only.
 *
 * Windows count segments. CUBIC is RFC 9438 with Linux's constants (beta 717/1024, C 0.4), its fast
 * convergence and its friendliness towards Reno; HyStart is the "hybrid slow start" of Ha and Rhee
 * (2011) as Linux runs it, by the length of an ACK train and by the rise of the delay. Integers
 * only. */
#ifndef SIM_WAN_CONTROL_H
#define SIM_WAN_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/time.h"
#include "sim/wan/wan.h"

enum {
    WAN_CONTROL_INITIAL = 10,          /* segments: RFC 6928 */
    WAN_CONTROL_INFINITE = 0x7fffffff, /* no slow start threshold yet */
};

struct wan_control {
    enum sim_wan_congestion kind;
    uint32_t window;    /* segments that may be in flight, >= 1 */
    uint32_t threshold; /* below it the window doubles per round trip */
    uint32_t credit;    /* segments acknowledged since the window last grew by one */

    sim_time epoch;       /* CUBIC's clock starts; SIM_NEVER: at the next ACK */
    uint32_t last_max;    /* window at the last loss */
    uint32_t origin;      /* the plateau of the curve */
    uint64_t k;           /* from the epoch to the plateau, in 1/1024 s */
    uint32_t per_growth;  /* ACKs that let the window grow by one */
    uint32_t reno_window; /* what Reno would have */
    uint64_t reno_credit;
    sim_time updated; /* of per_growth; SIM_NEVER: never */
    uint32_t updated_window;

    sim_duration delay_min; /* SIM_NEVER: unknown */
    bool found;             /* HyStart has ended slow start once */
    sim_time round_start;
    sim_time train_last; /* the last ACK of the train */
    uint32_t round_end;  /* segment number: an ACK beyond it begins a round */
    sim_duration round_rtt;
    uint32_t round_samples;
};

void wan_control_init(struct wan_control *c, enum sim_wan_congestion kind, uint32_t next,
                      sim_time now);
static inline bool wan_control_is_slow_start(const struct wan_control *c)
{
    return c->window < c->threshold;
}
/* An ACK up to segment `una` gave the round trip `rtt`; `next` is the next number to be sent. */
void wan_control_sample(struct wan_control *c, sim_duration rtt, uint32_t una, uint32_t next,
                        sim_time now);
/* `acked` more segments arrived while the window was in full use. */
void wan_control_grow(struct wan_control *c, uint32_t acked, sim_time now);
/* The threshold after a loss at the present window; the window itself is the caller's. */
uint32_t wan_control_reduce(struct wan_control *c);
/* A retransmission timeout: what was learned is forgotten. */
void wan_control_forget(struct wan_control *c, uint32_t next, sim_time now);
/* Nothing was in flight for `idle`: the curve's clock stood still. */
void wan_control_resume(struct wan_control *c, sim_duration idle);

#endif /* SIM_WAN_CONTROL_H */
