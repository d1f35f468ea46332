/* sim/virtual/fluid.h -- lines shared fairly by flows, as fluids: max-min fair, exact, O(log n) an
 * arrival or departure. A machine without I/O.
 *
 * Each site has a line of its own rate; all sites share the server's uplink, if it has a rate; each
 * flow may have a cap of its own (its LAN port, TFTP's lock-step, the receive window). Rates are
 * those of max-min fairness over these three, at every instant. A flow's bytes are bytes on the
 * line: payload with its headers and framing (the caller's business).
 *
 * Inside: cumulative service. A site has one counter V (what an uncapped flow of it has got since
 * the beginning); a flow ends when V reaches its mark, so others' comings and goings touch nothing
 * of it. Flows of one site with equal caps are a class with a counter of its own, which runs at the
 * cap until the share falls below it. Sites bound by the uplink follow the server's V. All are
 * fixed-point integers: no rounding that depends on compilers. More in fluid_inner.h.
 *
 * Cost: O(log n) a start, stop and end, plus O(log n) for each class or site that changes sides
 * (between its own limit and the level above it). Caps that are many, nearly equal and near the
 * share make many changes; equal ones don't.
 *
 * Exact: ends are right to 1 ns or 1e-9 of the time they took, with up to 2^24 flows at a time.
 * Bytes are whole: a flow's end is the first nanosecond at which all its bytes have passed; the
 * others get its share from the very instant at which they had, not from the next nanosecond. */
#ifndef SIM_VIRTUAL_FLUID_H
#define SIM_VIRTUAL_FLUID_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/time.h"

struct sim_fluid;

typedef uint64_t sim_fluid_flow; /* a number with a generation, a stale one is ignored; 0: none */

#define SIM_FLUID_NO_LIMIT UINT64_C(0)
#define SIM_FLUID_RATE_MAX ((UINT64_C(1) << 40) - 1) /* bit/s: 1.1 Tbit/s (our choice) */
#define SIM_FLUID_BYTES_MAX (UINT64_C(1) << 40)      /* of one flow: 1 TiB (our choice) */

struct sim_fluid_config {
    uint64_t uplink_bit_s;      /* shared by all sites; SIM_FLUID_NO_LIMIT */
    const uint64_t *site_bit_s; /* of each site's line towards it; SIM_FLUID_NO_LIMIT; copied */
    uint32_t sites_len;
    uint32_t flows_hint; /* room made at first; grows */
};

struct sim_fluid_counters {
    uint64_t bytes;    /* that passed a site's line so far, those under way too */
    sim_duration busy; /* time with at least one flow moving. A line that is not full is counted
                          in proportion: half the rate used, half the time */
    sim_time first,
        last;            /* first flow's beginning, last instant at which bytes passed; SIM_NEVER */
    uint64_t peak_bit_s; /* the busiest whole second since instant 0, the one
                            under way with what has passed so far */
};

/* 0; SIM_EINVAL (no site, a rate above SIM_FLUID_RATE_MAX); SIM_ENOMEM. After a restart that failed
 * the object may only be restarted or freed. */
int sim_fluid_new(struct sim_fluid **out, const struct sim_fluid_config *config);
int sim_fluid_restart(struct sim_fluid *f,
                      const struct sim_fluid_config *config); /* keeps memory */
void sim_fluid_free(struct sim_fluid *f);                     /* NULL is fine */

/* `now` must not run backwards, below 2^63. Flows that end by it end first, in their order, and
 * wait to be taken: they take nothing from others any more.
 *
 * A flow of `bytes` (1..SIM_FLUID_BYTES_MAX) begins. `cap_bit_s`: of its own; SIM_FLUID_NO_LIMIT;
 * above SIM_FLUID_RATE_MAX: as that. Without any limit (no cap, no line, no uplink) it ends at
 * once. 0 or SIM_ENOMEM (also beyond 2^24 flows). */
int sim_fluid_start(struct sim_fluid *f, sim_time now, uint32_t site, uint64_t bytes,
                    uint64_t cap_bit_s, uint64_t user, sim_fluid_flow *out);
/* Another cap from now on. 0 or SIM_ENOMEM: it keeps the one it has. */
int sim_fluid_set_cap(struct sim_fluid *f, sim_time now, sim_fluid_flow flow, uint64_t cap_bit_s);
/* Ends it before its time, or forgets it when it has ended and was not taken. */
void sim_fluid_stop(struct sim_fluid *f, sim_time now, sim_fluid_flow flow);
/* Bytes of it that have passed, rounded down; 0 for a stale one. */
uint64_t sim_fluid_passed(struct sim_fluid *f, sim_time now, sim_fluid_flow flow);
/* Bit/s that it gets now, 0 when it has ended; and that a new flow without a cap would get if it
 * began now. Rounded down; UINT64_MAX: no limit. */
uint64_t sim_fluid_rate(struct sim_fluid *f, sim_time now, sim_fluid_flow flow);
uint64_t sim_fluid_share(struct sim_fluid *f, sim_time now, uint32_t site);
/* A line that is down moves nothing; its flows stay. */
void sim_fluid_set_up(struct sim_fluid *f, sim_time now, uint32_t site, bool up);
/* Another rate of a line from now on (a rate that changes over time); SIM_FLUID_NO_LIMIT. */
void sim_fluid_set_rate(struct sim_fluid *f, sim_time now, uint32_t site, uint64_t bit_s);
/* Flows that have not ended. */
uint32_t sim_fluid_flows(const struct sim_fluid *f, uint32_t site);

/* When the next flow ends (in the past: it waits to be taken); SIM_NEVER. */
sim_time sim_fluid_deadline(struct sim_fluid *f);
/* Takes one flow that has ended by `now`, in order of their ends, then of their starts; false:
 * none. Its handle is dead. */
bool sim_fluid_take(struct sim_fluid *f, sim_time now, uint64_t *user);

void sim_fluid_counters(struct sim_fluid *f, sim_time now, uint32_t site,
                        struct sim_fluid_counters *out);

#endif /* SIM_VIRTUAL_FLUID_H */
