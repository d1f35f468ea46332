/* sim/wan/link.h -- one direction of the line: rate, delay, drop-tail queue, random loss. Inside
 * sim/wan only.
 *
 * First in, first out, and nothing overtakes: a packet's departure and arrival are known when it is
 * accepted, so one ring holds the queue and the wire, and no event is needed but the arrival. The
 * packet that is being sent does not count as waiting. The line earns no credit while idle. */
#ifndef SIM_WAN_LINK_H
#define SIM_WAN_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/rng.h"
#include "sim/setup.h"
#include "sim/time.h"
#include "sim/wan/wan.h"

enum wan_packet_kind {
    WAN_PACKET_SYN,
    WAN_PACKET_SYN_ACK,
    WAN_PACKET_SEGMENT,  /* data, an end, or both; carries an ACK too */
    WAN_PACKET_ACK,      /* nothing but an ACK */
    WAN_PACKET_RST,      /* the queue's limit and loss spare it: a peer would ask again */
    WAN_PACKET_DATAGRAM, /* the last or only fragment of a datagram */
    WAN_PACKET_FRAGMENT, /* a fragment that another one follows */
};

struct wan_packet {
    sim_time start; /* begins to use the line */
    sim_time out;   /* arrives at the other end */
    sim_time stamp; /* when TCP sent it (RFC 7323 TSval) */
    sim_time echo;  /* the stamp it answers (TSecr) */
    uint64_t user;  /* of a datagram */
    uint32_t flow;  /* index */
    uint32_t generation;
    uint32_t number; /* of the segment; of an ACK: of the next new one */
    uint32_t ack;    /* segments received in order so far: the next number expected */
    uint32_t heard;  /* segments received at all so far: stands for the SACK blocks */
    uint32_t size;   /* bytes on the line, framing included */
    uint8_t kind;    /* enum wan_packet_kind */
    bool lost;       /* at random: uses the line, never arrives */
    bool duplicate;  /* the ACK answers a segment that came twice (RFC 2883) */
};

struct wan_link {
    uint64_t bit_s;
    const struct sim_capacity *capacity; /* instead of bit_s, where the rate changes; NULL */
    struct sim_capacity_cursor cursor;   /* its */
    sim_duration delay;
    struct sim_queue_limit limit;
    uint32_t loss_ppm;
    uint32_t framing;
    bool up;
    sim_time free_at;        /* the line has sent all it accepted */
    struct wan_packet *ring; /* cap is a power of two; indices run freely */
    uint32_t cap;
    uint32_t head;    /* next to arrive */
    uint32_t waiting; /* next to start */
    uint32_t tail;    /* behind the newest */
    uint64_t waiting_bytes;
    struct sim_wan_counters counters;
    uint64_t second; /* the one being filled, for the peak */
    uint64_t second_bytes;
};

/* 0 or SIM_ENOMEM. */
int wan_link_init(struct wan_link *link, const struct sim_wan_setup *line,
                  enum sim_wan_direction direction);
void wan_link_deinit(struct wan_link *link);

/* Makes room for `more` packets. 0 or SIM_ENOMEM. */
int wan_link_reserve(struct wan_link *link, uint32_t more);
/* Offers a packet of `packet->size` IP bytes to the queue; room must be reserved. False: dropped.
 * True: it uses the line, but it may be lost there (its `lost` in the ring). */
bool wan_link_send(struct wan_link *link, struct sim_rng *rng, const struct wan_packet *packet,
                   sim_time now);
/* The next arrival, SIM_NEVER when nothing is on the way. */
static inline sim_time wan_link_next(const struct wan_link *link)
{
    return link->head == link->tail ? SIM_NEVER : link->ring[link->head & (link->cap - 1)].out;
}
/* Takes the next arrival off; there must be one. Lost packets come too, at the same place in order.
 */
struct wan_packet wan_link_take(struct wan_link *link);
/* Accounts for what has begun to use the line by `now`. */
void wan_link_settle(struct wan_link *link, sim_time now);
/* Forgets the newest packet, which must still be on the way: used when the line falls. */
struct wan_packet wan_link_drop_newest(struct wan_link *link);
/* The fall and the return of the line: what follows the last wan_link_drop_newest(). */
void wan_link_set_up(struct wan_link *link, bool up, sim_time now);

#endif /* SIM_WAN_LINK_H */
