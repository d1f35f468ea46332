/* sim/server/holder.h -- who has a port already: for the message that says why we can't.
 *
 * Reads /proc; what it does not tell (a process of another user, another network namespace) stays
 * unknown. Bounded: it looks at a limited number of sockets and descriptors. IPv4 and IPv6
 * listeners. */
#ifndef SIM_SERVER_HOLDER_H
#define SIM_SERVER_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_SERVER_HOLDER_MAX = 96, /* bytes of its name with NUL */
};

/* "nginx, process 1234" into `out`; returns false, and "" there, when nobody is found or told. */
bool sim_server_holder_find(bool udp, uint16_t port, char out[SIM_SERVER_HOLDER_MAX]);

#endif /* SIM_SERVER_HOLDER_H */
