/* sim/server/listener.h -- a listening TCP socket, and the sentence when there can be none. */
#ifndef SIM_SERVER_LISTENER_H
#define SIM_SERVER_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/server/server.h"

/* Non-blocking, closed on exec. `port` 0: the kernel chooses; `*out_port` is the one that it is.
 * 0, or the SIM_E* that bind() or listen() came to. */
int sim_server_listener_open(sim_addr addr, uint16_t port, int *out, uint16_t *out_port);
/* Why `what` ("HTTP", "TFTP") can't have that port: taken and by whom, not allowed, no address of
 * this host. */
void sim_server_listener_explain(int rc, bool udp, const char *what, sim_addr addr, uint16_t port,
                                 char why[SIM_SERVER_TEXT_MAX]);

#endif /* SIM_SERVER_LISTENER_H */
