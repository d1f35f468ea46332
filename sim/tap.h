/* sim/tap.h -- packets, as somebody sees them who captures on a site's LAN.
 *
 * A sink for packets of a run, in either world. What makes them is sim/tap/world.h; what becomes of
 * them (a pcapng file) is analysis/'s. Bytes and texts are borrowed for the call. */
#ifndef SIM_TAP_H
#define SIM_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/time.h"
#include "sim/trace.h"

#define SIM_TAP_BROADCAST UINT32_C(0xffffffff) /* limited broadcast, RFC 919 */

/* TCP's flags, RFC 9293, 3.1. */
enum {
    SIM_TAP_FIN = 0x01,
    SIM_TAP_SYN = 0x02,
    SIM_TAP_RST = 0x04,
    SIM_TAP_PSH = 0x08,
    SIM_TAP_ACK = 0x10,
};

struct sim_packet {
    sim_time at;
    uint32_t site;      /* number of the copy in the whole scenario */
    sim_node from_node; /* SIM_NODE_NONE: the server, behind the site's gateway */
    sim_node to_node;   /* the same, or a broadcast */
    sim_addr from, to;  /* host byte order */
    uint16_t from_port, to_port;
    bool is_tcp;          /* else UDP */
    uint8_t flags;        /* TCP */
    uint32_t seq, ack;    /* TCP */
    uint32_t stamp, echo; /* TCP's timestamps (RFC 7323), ms */
    uint32_t payload_len; /* bytes behind the TCP or UDP header */
    const uint8_t *bytes; /* the first of them */
    size_t bytes_len;     /* at most payload_len */
};

struct sim_tap {
    /* Never concurrently for one lane; instants may go back a little: sort them. NULL: no tap. */
    void (*write)(void *context, unsigned lane, const struct sim_packet *packet);
    void *context;
};

#endif /* SIM_TAP_H */
