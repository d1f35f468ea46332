/* sim/virtual/way_packet.h -- what the ways over a sim/wan machine share: way_packet.c and
 * way_tftp.c. Nobody else includes it.
 *
 * A site's machine is shared by all its connections and transfers. One event of the queue wakes it
 * (VIRTUAL_WAN); what it says is taken in that turn only, so that nothing is told to a node from
 * inside a node's call. */
#ifndef SIM_VIRTUAL_WAY_PACKET_H
#define SIM_VIRTUAL_WAY_PACKET_H

#include "sim/tftp/packet.h"
#include "sim/virtual/inner.h"

/* What a VIRTUAL_WAN event is about. */
enum packet_what {
    PACKET_WAKE,    /* the machine; a: site; b: number of the alarm */
    PACKET_THROUGH, /* an answer was handed over; b: connection */
    PACKET_IDLE,    /* a kept connection has not been used; b: connection */
    PACKET_OFFER,   /* the uplink has sent another part of an answer; b: connection */
};

struct virtual_packet {
    struct virtual_pool conns;     /* way_packet.c */
    struct virtual_pool transfers; /* way_tftp.c */
    struct virtual_pool datagrams; /* way_tftp.c: what is on a line */
    uint32_t settling;             /* the site whose machine speaks; VIRTUAL_NONE */
    sim_time uplink_free;          /* the server's uplink has sent all that it was given */
    uint8_t block[SIM_TFTP_HEADER + SIM_TFTP_BLKSIZE_MAX]; /* a block without its content */
};

/* The server's uplink sends so many bytes (headers included) behind what it was given before;
 * returns when it has. Now, when it has no rate. */
sim_time virtual_packet_uplink(struct sim_virtual *v, uint64_t bytes);

int virtual_tftp_init(struct virtual_packet *p); /* 0 or SIM_ENOMEM */
void virtual_tftp_deinit(struct virtual_packet *p);

#endif /* SIM_VIRTUAL_WAY_PACKET_H */
