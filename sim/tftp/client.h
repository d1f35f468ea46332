/* sim/tftp/client.h -- the client's end of one TFTP transfer: request, options, then transfer.h. No
 * I/O.
 *
 * The host gives each datagram that reaches the transfer's socket with the address it came from.
 * The first sensible answer from the server's address fixes the server's TID (port); it may differ
 * from the port asked. Reading dallies after its last ACK: DONE comes at once, the machine stays
 * until its deadline has passed or the host drops it. A server that refuses the options with error
 * 8 is asked once more without them (RFC 2347 leaves that to the client). */
#ifndef SIM_TFTP_CLIENT_H
#define SIM_TFTP_CLIENT_H

#include "sim/tftp/transfer.h"

struct sim_tftp_client_config {
    struct sim_tftp_peer server;
    const char *name;    /* borrowed while the machine lives */
    bool write;          /* WRQ: `size` bytes go to the server */
    uint64_t size;       /* WRQ only */
    unsigned ask;        /* mask of enum sim_tftp_option: what to ask for. 0: plain RFC 1350 */
    uint16_t blksize;    /* SIM_TFTP_BLKSIZE_MIN.._MAX, used when asked for */
    uint16_t windowsize; /* >= 1 */
    uint8_t timeout_s;   /* >= 1: the server's time-out */
    struct sim_tftp_timing timing;
};

/* About 350 bytes. Fields are private: read them through the functions below. */
struct sim_tftp_client {
    struct sim_tftp_transfer transfer;
    struct sim_tftp_peer server;
    const char *name;
    bool write;
    uint64_t size;
    unsigned ask;
    uint16_t blksize, windowsize;
    uint8_t timeout_s;
};

/* 0, or SIM_EINVAL: a value out of range, an empty name, a request longer than
 * SIM_TFTP_REQUEST_MAX. */
int sim_tftp_client_init(struct sim_tftp_client *c, const struct sim_tftp_client_config *config);
/* Call once. */
void sim_tftp_client_start(struct sim_tftp_client *c, sim_time now);
/* One datagram; `bytes` is borrowed until the events are taken. */
void sim_tftp_client_recv(struct sim_tftp_client *c, struct sim_tftp_peer from,
                          const uint8_t *bytes, size_t len, sim_time now);
void sim_tftp_client_tick(struct sim_tftp_client *c, sim_time now);
/* The host gives up (disk full: SIM_ENOSPC): the server is told, FAILED with `status` follows. */
void sim_tftp_client_fail(struct sim_tftp_client *c, int status);
bool sim_tftp_client_take_event(struct sim_tftp_client *c, struct sim_tftp_event *event);
bool sim_tftp_client_take_output(struct sim_tftp_client *c, sim_time now,
                                 uint8_t buffer[SIM_TFTP_CONTROL_MAX], struct sim_tftp_output *out);
static inline sim_time sim_tftp_client_deadline(const struct sim_tftp_client *c)
{
    return c->transfer.deadline;
}
static inline enum sim_tftp_state sim_tftp_client_state(const struct sim_tftp_client *c)
{
    return c->transfer.state;
}

#endif /* SIM_TFTP_CLIENT_H */
