/* sim/wan/wan.h -- the line between a site and the server, packet by packet, as a machine without
 * I/O.
 *
 * One object per site, for both worlds: the virtual world drives it with virtual time, the live
 * relay with the loop's clock. It carries TCP flows and UDP datagrams. For a flow the host says how
 * many bytes there are to send (never which), and is told how many have come out in order at the
 * other end. Inside are two drop-tail lines (link.h) and a TCP sender and receiver per flow and
 * direction (tcp.h), close to what Linux does, so that a stream takes as long over the emulated
 * line as a real one would.
 *
 *     sim_wan_open(), _offer(), _finish(), _datagram() ...   something happened, and when
 *     sim_wan_tick()                                         time has passed
 *     sim_wan_take_event()   until it is false               what came out
 *     sim_wan_deadline()     once                            when to call tick next
 *
 * It never calls back. `now` must not run backwards. A late tick does no harm to what goes on
 * inside: ACKs, retransmissions and departures happen at their own instants; only the host's
 * reaction is late.
 *
 * Both ends are Linux 6 as Debian ships it, timers that tick 250 times a second included, and their
 * readers empty the buffer at once. Left out: reordering, corruption, ECN, path MTU discovery,
 * Nagle's delay (senders behave as with TCP_NODELAY), TSO bursts, pacing, a receive window that
 * holds the sender up (it is SIM_WAN_WINDOW from the start; the sender's buffer, 4 MiB, does). The
 * phase of the ticks is of the seed.
 *
 * Sizes on the line: segments of 1448 bytes under IPv4 20 and TCP 32 (RFC 9293, RFC 7323
 * timestamps), SYN 60, UDP 8 (RFC 768); datagrams above 1500 bytes travel as IP fragments (RFC
 * 791). Every packet has the line's framing. */
#ifndef SIM_WAN_WAN_H
#define SIM_WAN_WAN_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/err.h"
#include "sim/setup.h"
#include "sim/time.h"

enum {
    SIM_WAN_MTU = 1500,            /* bytes of the largest IP packet: Ethernet's */
    SIM_WAN_MSS = 1448,            /* bytes of payload in a full segment: MTU - 20 - 32 */
    SIM_WAN_TCP_OVERHEAD = 52,     /* IPv4 20 + TCP 20 + timestamps 12 */
    SIM_WAN_SYN_SIZE = 60,         /* IPv4 20 + TCP 40, what Linux sends */
    SIM_WAN_UDP_OVERHEAD = 28,     /* IPv4 20 + UDP 8 */
    SIM_WAN_WINDOW = 6291456,      /* bytes a receiver takes unread: Linux's tcp_rmem[2] */
    SIM_WAN_DATAGRAM_MAX = 65507,  /* bytes of payload: 65535 - 28 */
    SIM_WAN_FLOWS_LIMIT = 1000000, /* the largest flows_max; our choice */
};

enum sim_wan_direction {
    SIM_WAN_DOWN, /* towards the site */
    SIM_WAN_UP,   /* towards the server */
};

enum sim_wan_congestion {
    SIM_WAN_CUBIC, /* RFC 9438 with HyStart: Linux's default */
    SIM_WAN_RENO,  /* RFC 5681 */
};

struct sim_wan_config {
    struct sim_wan_setup line; /* `none` must be false */
    uint32_t flows_max;        /* open at once, 1..SIM_WAN_FLOWS_LIMIT; memory follows actual use */
    enum sim_wan_congestion congestion;
    /* Segments that a sender has under way at most, 0: as many as its buffer holds. The line is a
     * sender's own port then: Linux keeps a flow from filling its queue (TCP small queues), so that
     * flows take turns there. */
    uint32_t window_max;
    uint64_t seed; /* with `site`: the stream of the losses, (seed, SIM_RNG_WAN, site) */
    uint64_t site;
};

typedef uint64_t sim_wan_flow; /* a number with a generation, so a stale one is ignored; 0: none */

enum sim_wan_event_kind {
    SIM_WAN_ARRIVED,     /* the flow's SYN has reached the server: dial it */
    SIM_WAN_ESTABLISHED, /* the server's answer has reached the phone */
    SIM_WAN_DELIVERED,   /* `bytes` more of `direction` came out, in order */
    SIM_WAN_FINISHED,    /* `direction` has ended, behind its last byte */
    SIM_WAN_RESET,       /* the flow is dead at both ends; nothing more comes; close it */
    SIM_WAN_DATAGRAM,    /* the datagram `user` came out */
    SIM_WAN_DROPPED,     /* the datagram `user` is lost */
};

struct sim_wan_event {
    enum sim_wan_event_kind kind;
    enum sim_wan_direction direction;
    sim_wan_flow flow; /* 0 for datagrams */
    uint64_t user;     /* as given to sim_wan_open() or sim_wan_datagram() */
    uint64_t bytes;    /* of DELIVERED: all since the last such event was taken */
    sim_time at;       /* when it was due; of DELIVERED: its first byte */
};

struct sim_wan_counters {
    uint64_t bytes; /* of packets that began to use the line, headers and framing, lost ones too */
    uint64_t packets;     /* the same */
    uint64_t drops;       /* packets that found the queue full or the line down */
    uint64_t losses;      /* packets lost at random, on the line */
    uint64_t resent;      /* segments sent again by TCP */
    sim_duration busy;    /* time that the line was sending */
    sim_time first, last; /* first packet's beginning, last one's end; SIM_NEVER: none yet */
    uint64_t peak_bit_s;  /* the busiest whole second since instant 0 */
};

struct sim_wan;

/* 0, or SIM_EINVAL (a rate of 0, a limit of 0, flows_max out of range), SIM_ENOMEM. Copies
 * `config`. */
int sim_wan_new(struct sim_wan **out, const struct sim_wan_config *config);
void sim_wan_free(struct sim_wan *w); /* NULL is fine */

/* A connection from the phone. What is offered meanwhile waits for it. 0, or SIM_ELIMIT,
 * SIM_ENOMEM. */
int sim_wan_open(struct sim_wan *w, uint64_t user, sim_time now, sim_wan_flow *out);
/* So many more bytes are there to be sent; not after sim_wan_finish(). Ignored for a stale flow, as
 * are the calls below. */
void sim_wan_offer(struct sim_wan *w, sim_wan_flow flow, enum sim_wan_direction direction,
                   uint64_t bytes, sim_time now);
/* No more will be offered: the end travels behind the last byte. Twice is fine. */
void sim_wan_finish(struct sim_wan *w, sim_wan_flow flow, enum sim_wan_direction direction,
                    sim_time now);
/* The sender of `direction` aborts: a reset travels, and RESET is raised when it arrives. What has
 * not come out before it never will. */
void sim_wan_reset(struct sim_wan *w, sim_wan_flow flow, enum sim_wan_direction direction,
                   sim_time now);
/* The host has no more interest: no event will name the flow again. When both directions have
 * finished, the last ACKs still cross the line; else the flow vanishes at once. */
void sim_wan_close(struct sim_wan *w, sim_wan_flow flow, sim_time now);
/* Bytes offered and never sent so far; 0 for a stale flow. */
uint64_t sim_wan_unsent(const struct sim_wan *w, sim_wan_flow flow,
                        enum sim_wan_direction direction);

/* Sends `len` (0..SIM_WAN_DATAGRAM_MAX) bytes of UDP payload; exactly one DATAGRAM or DROPPED event
 * with `user` follows. 0, or SIM_ENOMEM: nothing was sent. */
int sim_wan_datagram(struct sim_wan *w, enum sim_wan_direction direction, uint32_t len,
                     uint64_t user, sim_time now);

/* Does all that is due. Early calls are harmless. */
void sim_wan_tick(struct sim_wan *w, sim_time now);
/* False, leaving `event` alone, when there is none. */
bool sim_wan_take_event(struct sim_wan *w, struct sim_wan_event *event);
/* After a tick: when the next one is due, in the future, or SIM_NEVER. Waiting events don't count.
 */
sim_time sim_wan_deadline(const struct sim_wan *w);

/* While down the line drops all it is given; at the fall, what is on it or waits for it is lost. */
void sim_wan_set_up(struct sim_wan *w, bool up, sim_time now);
void sim_wan_counters(struct sim_wan *w, enum sim_wan_direction direction, sim_time now,
                      struct sim_wan_counters *out);
uint32_t sim_wan_flows(const struct sim_wan *w); /* open now, those closing included */

#endif /* SIM_WAN_WAN_H */
