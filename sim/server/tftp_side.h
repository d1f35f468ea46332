/* sim/server/tftp_side.h -- ties tftp_server.h to what the server shares: files, places, uplink,
 * counters, log.
 *
 * Inside sim/server only. */
#ifndef SIM_SERVER_TFTP_SIDE_H
#define SIM_SERVER_TFTP_SIDE_H

#include <uv.h>

#include "sim/server/common.h"
#include "sim/server/server.h"

struct sim_server_tftp;

/* `upload_folder`: descriptor of the folder for WRQ, borrowed; -1: refused. `common` is borrowed.
 * 0, or what server_tftp_new() says. */
int sim_server_tftp_new(struct sim_server_tftp **out, struct sim_server_common *common,
                        uv_loop_t *loop, const struct sim_server_config *config, int upload_folder);
uint16_t sim_server_tftp_port(const struct sim_server_tftp *tftp);
/* A request got the place that it waited for (node->kind is SIM_SERVER_WAITER_TFTP). */
void sim_server_tftp_granted(struct sim_server_node *node);
/* Breaks off every transfer; `tftp` is freed in a later turn of the loop. */
void sim_server_tftp_close(struct sim_server_tftp *tftp);

#endif /* SIM_SERVER_TFTP_SIDE_H */
