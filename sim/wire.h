/* sim/wire.h -- what passes between a phone and a server, as the phone's own sockets know it.
 *
 * A sink for it: the live world tells (sim/live), a tap listens (sim/tap). Real are the bytes,
 * their instants, ports and sizes as they were sent and received, and how a connection began and
 * ended. A socket does not know of TCP's segments and acknowledgements: these are not told. Bytes
 * are borrowed for the call. */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/time.h"
#include "sim/world.h"

enum sim_wire_kind {
    SIM_WIRE_DATAGRAM, /* TFTP */
    SIM_WIRE_OPEN,     /* a connection, told with its first bytes; `at`: when it was dialled */
    SIM_WIRE_HEAD,     /* bytes of a head: request (up) or answer, line by line; TLS: a record */
    SIM_WIRE_BODY,     /* bytes of a body as they came, chunks' sizes too */
    SIM_WIRE_CLOSE,
};

/* How a connection ended, or why nobody knows. */
enum sim_wire_end {
    SIM_WIRE_END_PHONE,        /* the phone closed it */
    SIM_WIRE_END_SERVER,       /* the server did */
    SIM_WIRE_END_PHONE_RESET,  /* closed with bytes of an answer unread */
    SIM_WIRE_END_SERVER_RESET, /* refused, too */
    SIM_WIRE_END_UNANSWERED,   /* it never stood */
};

struct sim_wire_event {
    enum sim_wire_kind kind;
    sim_time at;
    sim_addr phone;
    uint16_t phone_port;
    enum sim_server_place place;
    enum sim_protocol protocol;
    bool up;             /* from the phone */
    sim_addr other;      /* who else than the server of that place it was; 0: that one */
    uint16_t other_port; /* 0: where TFTP's requests go */
    uint64_t connection; /* not of datagrams: a number of its own in the run's lane, from 1 */
    enum sim_wire_end end;
    const uint8_t *bytes; /* the first of */
    size_t bytes_len;     /* these, at most */
    size_t len;           /* so many */
};

struct sim_wire {
    /* Never concurrently for one lane. NULL: nobody listens, and nothing is looked at. */
    void (*tell)(void *context, unsigned lane, const struct sim_wire_event *event);
    void *context;
};

#endif /* SIM_WIRE_H */
