/* sim/tftp/server.h -- the server's end of one TFTP transfer: what is granted, then transfer.h. No
 * I/O.
 *
 * The host receives requests on its listening socket, finds the file and gives each transfer a
 * socket (TID) of its own; from then on it gives each datagram that reaches that socket with the
 * address it came from. What can't be served needs no machine: the host answers with
 * sim_tftp_packet_error(). */
#ifndef SIM_TFTP_SERVER_H
#define SIM_TFTP_SERVER_H

#include "sim/tftp/transfer.h"

struct sim_tftp_server_limits {
    uint16_t blksize_max;          /* SIM_TFTP_BLKSIZE_MIN.._MAX */
    uint16_t windowsize_max;       /* >= 1 */
    struct sim_tftp_timing timing; /* `timeout`: unless the client asks for another one */
};

/* About 330 bytes. Fields are private. */
struct sim_tftp_server {
    struct sim_tftp_transfer transfer;
    struct sim_tftp_options granted;
};

/* Can this request (RRQ or WRQ) be served at all? SIM_TFTP_CODE_NONE, or the code to refuse it
 * with: netascii and unknown modes 0 and 4, mail 4, an option named twice 8, any other packet 4.
 * `*text` is static. */
enum sim_tftp_code sim_tftp_server_check(const struct sim_tftp_packet *request, const char **text);
/* Begins to serve a request that passed the check. `size`: of the file that is read; ignored for
 * WRQ. Options that are unknown or make no sense are left out of the answer, values too large are
 * lowered to the limits. */
void sim_tftp_server_start(struct sim_tftp_server *s, const struct sim_tftp_server_limits *limits,
                           struct sim_tftp_peer client, const struct sim_tftp_packet *request,
                           uint64_t size, sim_time now);
/* One datagram; `bytes` is borrowed until the events are taken. */
void sim_tftp_server_recv(struct sim_tftp_server *s, struct sim_tftp_peer from,
                          const uint8_t *bytes, size_t len, sim_time now);
void sim_tftp_server_tick(struct sim_tftp_server *s, sim_time now);
/* The host can't go on (the file became shorter, the disk is full): the client is told, FAILED
 * follows. */
void sim_tftp_server_fail(struct sim_tftp_server *s, int status);
bool sim_tftp_server_take_event(struct sim_tftp_server *s, struct sim_tftp_event *event);
bool sim_tftp_server_take_output(struct sim_tftp_server *s, sim_time now,
                                 uint8_t buffer[SIM_TFTP_CONTROL_MAX], struct sim_tftp_output *out);
static inline sim_time sim_tftp_server_deadline(const struct sim_tftp_server *s)
{
    return s->transfer.deadline;
}
static inline enum sim_tftp_state sim_tftp_server_state(const struct sim_tftp_server *s)
{
    return s->transfer.state;
}
static inline uint32_t sim_tftp_server_resends(const struct sim_tftp_server *s)
{
    return s->transfer.resends;
}

#endif /* SIM_TFTP_SERVER_H */
