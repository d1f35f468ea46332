/* sim/live/relay_parts.h -- what the files of the relay share. See relay.h.
 *
 * relay.c: life, the turn, figures. relay_tcp.c: connections. relay_move.c: their bytes.
 * relay_udp.c: datagrams.
 *
 * All descriptors of a relay hang in one epoll set of its own, edge-triggered for connections, and
 * that set's descriptor is watched by the loop: a connection costs two descriptors and no timer, no
 * handle and no epoll_ctl() after its first. Edges are needed because bytes stay unread in the
 * kernel until the line has carried them. */
#ifndef SIM_LIVE_RELAY_PARTS_H
#define SIM_LIVE_RELAY_PARTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/live/loop.h"
#include "sim/live/relay.h"
#include "sim/wan/wan.h"

#define RELAY_NONE UINT32_MAX

enum {
    RELAY_FLOWS_MAX = 100000, /* connections at once; descriptors end much earlier */
    RELAY_BUFFER = 65536,     /* bytes moved at once; the largest datagram fits */
    RELAY_TURN_MAX = 256, /* descriptors looked at, datagrams and connections taken, in one go */
};

enum relay_thing { /* what a descriptor of the epoll set is */
                   RELAY_LISTENER,
                   RELAY_PHONE,
                   RELAY_SERVER,
                   RELAY_UDP_FIRST,  /* where phones send requests */
                   RELAY_UDP_SECOND, /* where answers come from, and where phones send what follows
                                      */
                   RELAY_UDP_SERVER, /* of a mapping */
};

/* One direction of a connection. Bytes wait in the kernel, in `ahead`, or both; in stream order,
 * first come `due` ones, then those with the line, then fresh ones that the line does not know of.
 */
struct relay_way {
    uint64_t with_line; /* offered and not delivered */
    uint64_t due;       /* delivered and not written */
    uint8_t *ahead;     /* read before they were due, because the line's window is larger than the
                           kernel's */
    size_t ahead_from, ahead_len, ahead_cap;
    bool source_ended; /* its end has been seen */
    bool ended;        /* and told to the line */
    bool delivered;    /* the end has crossed the line */
    bool shut;         /* and was told to the sink */
};

struct relay_flow {
    uint32_t generation; /* odd: in use */
    uint32_t next_free;
    int phone_fd, server_fd;      /* -1: none */
    uint8_t target;               /* 0, 1: which server */
    bool server_gone, phone_gone; /* reset; the other end will learn of it from the line */
    sim_time moved;               /* when anything last did */
    sim_addr phone_addr;
    sim_wan_flow flow;
    struct relay_way way[2]; /* by enum sim_wan_direction */
};

/* One phone port's way to the server; the phone sees its answers come from the relay's second port.
 */
struct relay_mapping {
    uint32_t generation;     /* odd: in use */
    uint32_t next;           /* in the chain of its phone's hash, or of the free ones */
    uint32_t older, younger; /* by last use */
    int fd;
    sim_addr phone_addr;
    uint16_t phone_port;
    uint16_t server_port; /* learnt from the first answer (RFC 1350's TID); 0: not yet */
    bool answered; /* the phone has sent something to the second port since the last request */
    sim_time used;
};

/* A datagram on the line. */
struct relay_packet {
    struct relay_packet *next; /* free ones */
    uint32_t mapping, generation;
    bool to_first; /* towards the server's well-known port, not the one learnt */
    uint8_t size_class;
    uint32_t len;
    uint8_t bytes[];
};

enum { RELAY_SIZE_CLASSES = 8 }; /* 512 B << class: up to 64 KiB */

struct relay_udp {
    int first_fd, second_fd;
    struct relay_mapping *mappings;
    uint32_t cap, used, free, open;
    uint32_t oldest, youngest;
    uint32_t *buckets; /* cap of them, a power of two; by phone address */
    struct relay_packet *free_packets[RELAY_SIZE_CLASSES];
    uint64_t packet_bytes; /* of all packets, free ones too */
};

struct live_relay {
    struct live_watch watch; /* of the epoll set; first member */
    struct live_timer timer;
    struct live_loop *loop;
    struct live_relay_config config;
    struct sim_wan *wan;
    sim_time now; /* latest instant seen: the machine's clock must not run backwards */
    bool server_down;
    int listener[2];
    uint16_t port[2];
    sim_time accept_again; /* no descriptors were left; SIM_NEVER */
    sim_time look_at;      /* the first instant at which a server may be found hanging; SIM_NEVER */
    size_t next_source;
    uint64_t low_water; /* bytes unsent below which more is read from the source */
    struct relay_flow *flows;
    uint32_t flows_cap, flows_used, first_free;
    struct relay_udp udp;
    uint16_t udp_port;
    uint64_t second, second_due,
        second_late; /* bytes whose instant was in that second, and that came after it */
    double worst;
    uint8_t buffer[RELAY_BUFFER];
};

/* ---- relay.c ---- */

/* Adds a descriptor to the set. 0 or SIM_E*. */
int relay_watch(struct live_relay *r, int fd, uint32_t events, enum relay_thing thing,
                uint32_t index, uint32_t generation);
void relay_rewatch(struct live_relay *r, int fd, uint32_t events, enum relay_thing thing,
                   uint32_t index);
struct sockaddr_in relay_sockaddr(sim_addr addr, uint16_t port);
/* Binds a socket towards a server to the address that it should be seen to come from. 0 or SIM_E*.
 */
int relay_bind_source(struct live_relay *r, int fd, sim_addr phone, sim_addr server);
/* Bytes that were due at `at` are being handed on. */
void relay_note_delivery(struct live_relay *r, uint64_t bytes, sim_time at);

/* ---- relay_tcp.c ---- */

int relay_tcp_open(struct live_relay *r);
void relay_tcp_free(struct live_relay *r);
void relay_tcp_listener_ready(struct live_relay *r, uint32_t index);
void relay_tcp_ready(struct live_relay *r, uint32_t index, uint32_t generation, bool phone,
                     uint32_t events);
void relay_tcp_event(struct live_relay *r, const struct sim_wan_event *event);
void relay_tcp_tick(struct live_relay *r);
void relay_tcp_reset_all(struct live_relay *r);
/* An end of the connection has died: its reset goes over the line. */
void relay_tcp_abort(struct live_relay *r, struct relay_flow *f, enum sim_wan_direction sender);

/* ---- relay_move.c ---- */

/* Tells the line of bytes and of an end that the source has; reads ahead when the line wants more.
 */
void relay_move_offer(struct live_relay *r, struct relay_flow *f, enum sim_wan_direction direction);
/* Writes what is due to the sink. */
void relay_move_due(struct live_relay *r, struct relay_flow *f, enum sim_wan_direction direction);
static inline int relay_source(const struct relay_flow *f, enum sim_wan_direction direction)
{
    return direction == SIM_WAN_DOWN ? f->server_fd : f->phone_fd;
}
static inline int relay_sink(const struct relay_flow *f, enum sim_wan_direction direction)
{
    return direction == SIM_WAN_DOWN ? f->phone_fd : f->server_fd;
}

/* ---- relay_udp.c ---- */

int relay_udp_open(struct live_relay *r);
void relay_udp_free(struct live_relay *r);
void relay_udp_phone_ready(struct live_relay *r, bool first);
void relay_udp_server_ready(struct live_relay *r, uint32_t index, uint32_t generation);
void relay_udp_event(struct live_relay *r, const struct sim_wan_event *event);
/* Closes mappings that nobody has used for long; returns when to look again. */
sim_time relay_udp_tick(struct live_relay *r);

#endif /* SIM_LIVE_RELAY_PARTS_H */
