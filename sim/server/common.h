/* sim/server/common.h -- what the HTTP, HTTPS and TFTP sides of one server share. Inside sim/server
 * only. */
#ifndef SIM_SERVER_COMMON_H
#define SIM_SERVER_COMMON_H

#include <stdatomic.h>
#include <stdint.h>

#include "sim/server/log.h"
#include "sim/server/places.h"
#include "sim/server/source.h"
#include "sim/time.h"

/* What struct sim_server_stats shows; in memory shared with the parent, written by the server
 * alone. */
struct sim_server_counters {
    _Atomic uint64_t requests, payload_bytes, bytes, errors, not_found, refused, queued;
    _Atomic uint32_t transfers, peak_transfers;
};

struct sim_server_common {
    struct sim_server_source source;
    struct sim_server_places places;
    struct sim_server_uplink uplink;
    sim_duration response_time;
    struct sim_server_log *log; /* NULL: none */
    struct sim_server_counters *counters;
};

/* Who owns a node in the line for a place. */
enum sim_server_waiter {
    SIM_SERVER_WAITER_HTTP,
    SIM_SERVER_WAITER_TFTP,
};

/* CLOCK_MONOTONIC in ns: the one clock of the server. */
sim_time sim_server_now(void);

/* Adds to a counter, in an order that the parent sees too. */
static inline void sim_server_count(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_release);
}

#endif /* SIM_SERVER_COMMON_H */
