/* sim/server/host.h -- the whole server on one loop: listeners, HTTP, HTTPS, TFTP, and when to
 * wake.
 *
 * Inside sim/server only. server.c runs one in a child process, or in ours for `pfsim serve`. */
#ifndef SIM_SERVER_HOST_H
#define SIM_SERVER_HOST_H

#include "sim/server/common.h"
#include "sim/server/server.h"

struct sim_server_host;

/* Listens. `config` (its strings too) and `counters` are borrowed until free(). 0; or SIM_E* with a
 * sentence in `why`. */
int sim_server_host_new(struct sim_server_host **out, const struct sim_server_config *config,
                        struct sim_server_counters *counters, char why[SIM_SERVER_TEXT_MAX]);
void sim_server_host_ports(const struct sim_server_host *host, struct sim_server_ports *out);
/* Serves until `life` (a pipe's reading end; -1: none) is at its end, or `*stop` (NULL: none) is
 * non-zero, which is looked at ten times a second. */
void sim_server_host_run(struct sim_server_host *host, int life, const volatile int *stop);
/* Breaks off what is under way, closes, removes the CA file, frees. */
void sim_server_host_free(struct sim_server_host *host);

#endif /* SIM_SERVER_HOST_H */
