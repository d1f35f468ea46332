/* sim/live/resolve.h -- finding a server before a run: its name, and whether somebody answers. */
#ifndef SIM_LIVE_RESOLVE_H
#define SIM_LIVE_RESOLVE_H

#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/time.h"

/* First IPv4 address of a host name or dotted quad; blocks for the resolver's time. 0, or
 * SIM_EUNREACHABLE with a sentence in `why`. */
int sim_live_resolve(const char *host, sim_addr *out, char *why, size_t why_cap);

/* Does something accept TCP connections there? Waits at most `limit`. `source`: address to come
 * from, 0 any. 0, or SIM_EREFUSED, SIM_ETIMEDOUT, SIM_EUNREACHABLE with a sentence in `why`. */
int sim_live_probe(sim_addr source, sim_addr addr, uint16_t port, sim_duration limit, char *why,
                   size_t why_cap);

#endif /* SIM_LIVE_RESOLVE_H */
