/* sim/wan/inner.h -- what the files of sim/wan share: flows, the two senders and receivers of each.
 *
 * A stream is cut into segments once, when it is sent for the first time; a segment keeps its
 * number and its length for ever, so numbers stand for sequence numbers. Sender and receiver of a
 * direction share one ring of segments, each with fields of its own: what one knows of the other
 * travels in packets. */
#ifndef SIM_WAN_INNER_H
#define SIM_WAN_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/rng.h"
#include "sim/wan/control.h"
#include "sim/wan/link.h"
#include "sim/wan/timers.h"
#include "sim/wan/wan.h"

#define WAN_NO_SEGMENT UINT32_MAX

/* Linux's timers tick (CONFIG_HZ 250, what Debian and Ubuntu ship), and those that are far off fire
 * late: see wan_timer_due(). Flows that time out together send together, into the same full queue,
 * so this is no detail. */
#define WAN_TICK (4 * SIM_MS)

enum {
    WAN_SEGMENT_FIN = 1, /* the stream ends behind it */
    WAN_SEGMENT_FLIGHT =
        2, /* sent, and neither heard of nor given up: it is in the sending order */
    WAN_SEGMENT_SACKED = 4,  /* the sender knows that it has arrived out of order */
    WAN_SEGMENT_LOST = 8,    /* given up, and not sent again yet */
    WAN_SEGMENT_RESENT = 16, /* has been sent more than once */
    WAN_SEGMENT_HERE = 32,   /* the receiver has it */
};

struct wan_segment {
    sim_time sent;           /* the last time */
    uint32_t order;          /* of that sending, among all of the direction */
    uint32_t older, younger; /* neighbours in the sending order */
    uint32_t heard_next;     /* what arrived out of order after it */
    uint32_t heard;          /* the receiver's count when it arrived */
    uint16_t len;            /* bytes of payload */
    uint8_t flags;
};

enum wan_sender_state {
    WAN_SENDER_OPEN,
    WAN_SENDER_RECOVERY, /* fast retransmit, proportional rate reduction (RFC 6937) */
    WAN_SENDER_LOSS,     /* after a retransmission timeout */
};

enum wan_sender_timer {
    WAN_TIMER_NONE,
    WAN_TIMER_RETRANSMIT, /* RFC 6298 */
    WAN_TIMER_PROBE,      /* tail loss probe, RFC 8985 section 7 */
    WAN_TIMER_REORDER,    /* RFC 8985 section 6.2 */
    WAN_TIMER_HANDSHAKE,
    WAN_TIMER_RESET,
};

struct wan_sender {
    struct wan_control control;
    bool open;         /* its end has finished the handshake */
    bool aborted;      /* its end has sent a reset */
    bool end_wanted;   /* sim_wan_finish() */
    bool end_sent;     /* the FIN has a number */
    bool window_full;  /* the congestion window held something back when last asked */
    bool probe_resent; /* the probe repeated a segment, rather than being new data */
    bool spurious_try; /* F-RTO (RFC 5682) has not decided yet */
    enum wan_sender_state state;
    enum wan_sender_timer timer;
    uint64_t unsent; /* bytes */
    uint32_t una, next;
    uint32_t flight;               /* segments with WAN_SEGMENT_FLIGHT */
    uint32_t sacked, lost;         /* segments with these flags */
    uint32_t oldest, newest;       /* ends of the sending order */
    uint32_t order;                /* of the next sending */
    uint32_t hint;                 /* no lost segment below this number */
    uint32_t usage_end, usage_max; /* the most in flight during a round trip, for slow start */
    uint32_t high;                 /* recovery ends when this is acknowledged */
    uint32_t reduction_from;       /* PRR: window before, segments delivered and sent since */
    uint32_t reduction_delivered, reduction_sent;
    bool may_undo;
    uint32_t undo_window, undo_threshold;
    sim_time resent_first; /* of this recovery; SIM_NEVER: none */
    uint32_t probe_end;    /* RFC 8985's TLP.end_seq; 0: no probe is out */
    uint32_t rack_order;   /* newest sending known to have arrived */
    sim_duration rack_rtt;
    sim_duration rtt_min;    /* SIM_NEVER: no sample */
    sim_duration srtt8;      /* smoothed round trip x 8; 0: no sample */
    sim_duration deviation4; /* mean deviation x 4 */
    sim_duration deviation_max, deviation_used;
    uint32_t deviation_end; /* a round trip for the deviation ends here */
    sim_duration rto;
    uint32_t attempts; /* timeouts in a row */
    sim_time last_sent;
    sim_time window_used; /* the window was last in full use */
    uint32_t used_max;    /* most in flight since */
};

struct wan_receiver {
    uint32_t next;    /* segments below it are here, in order */
    uint32_t heard;   /* segments that have arrived, twice ones too */
    uint32_t waiting; /* here, but not in order */
    uint32_t unacked; /* bytes in order that no ACK has covered */
    uint32_t quick;   /* ACKs still sent at once (Linux's quick ACK mode) */
    uint32_t acked;   /* `next` of the last ACK */
    uint32_t repeats; /* ACKs sent for data out of order since `repeats_at` was next */
    uint32_t repeats_at;
    uint32_t compressed; /* segments out of order that the next ACK answers for */
    bool interactive;    /* its end answers what it receives, so ACKs wait for the answer */
    bool compressing;    /* the timer is for those, not for a delayed ACK */
    bool finished;
    sim_time recent;       /* stamp to be echoed */
    sim_time received;     /* last data */
    sim_time in_order;     /* last data in order */
    sim_duration patience; /* of a delayed ACK; 0: no data yet */
    /* The window that is advertised while the receiver learns how much it may need. It never holds
     * a sender up here; what counts is that every segment is acknowledged at once while it grows.
     */
    uint32_t window, window_limit;      /* bytes */
    uint32_t measured, measured_before; /* bytes in order in this round trip and the one before */
    sim_time measured_from;
    sim_duration rtt8;  /* round trip x 8 as the stamps tell, in ms; 0: unknown */
    uint64_t echo_seen; /* the stamp behind the last sample, ms */
    uint64_t delivered; /* bytes not told to the host yet */
    sim_time delivered_at;
};

struct wan_way {
    struct wan_sender sender;
    struct wan_receiver receiver;
    struct wan_segment *ring; /* numbers una..next-1; cap is a power of two */
    uint32_t cap;
    uint32_t heard_first, heard_last; /* out-of-order arrivals the sender has not heard of */
};

struct wan_flow {
    uint32_t generation; /* odd: in use */
    uint32_t next_free;
    uint64_t user;
    uint8_t pending; /* events to be told: bits by enum in wan.c */
    bool queued;     /* has a place in the queue of events */
    bool arrived;    /* the SYN was at the server */
    bool closing;    /* the host has gone */
    bool dead;
    sim_time reset_at, met_at; /* when RESET, and ARRIVED or ESTABLISHED, were due */
    struct wan_way way[2];     /* by enum sim_wan_direction */
};

struct wan_waiting_event {
    bool datagram;
    bool dropped;
    uint8_t direction;
    uint32_t flow;
    uint64_t user;
    sim_time at;
};

struct sim_wan {
    struct sim_wan_config config;
    struct sim_rng rng;
    sim_time now;
    sim_duration phase; /* of the ticks; from the seed */
    struct wan_link links[2];
    struct wan_timers timers; /* four a flow */
    struct wan_flow *flows;
    uint32_t flows_cap, flows_used, flows_open, first_free;
    struct wan_waiting_event *events;
    uint32_t events_cap, events_head, events_tail;
    uint32_t datagrams; /* without their event taken */
};

static inline enum sim_wan_direction wan_other(enum sim_wan_direction direction)
{
    return direction == SIM_WAN_DOWN ? SIM_WAN_UP : SIM_WAN_DOWN;
}

static inline struct wan_segment *wan_segment_at(const struct wan_way *way, uint32_t number)
{
    return &way->ring[number & (way->cap - 1)];
}

/* A way of a flow: what nearly every function below works on. */
struct wan_at {
    struct sim_wan *w;
    uint32_t flow;
    enum sim_wan_direction direction;
};

static inline struct wan_way *wan_way_of(struct wan_at at)
{
    return &at.w->flows[at.flow].way[at.direction];
}

/* ---- wan.c ---- */

enum wan_notice {
    WAN_NOTICE_ARRIVED = 1,
    WAN_NOTICE_ESTABLISHED = 2,
    WAN_NOTICE_DELIVERED_UP = 4,
    WAN_NOTICE_FINISHED_UP = 8,
    WAN_NOTICE_DELIVERED_DOWN = 16,
    WAN_NOTICE_FINISHED_DOWN = 32,
    WAN_NOTICE_RESET = 64,
};

void wan_flow_notice(struct sim_wan *w, uint32_t flow, enum wan_notice notice);
/* Ends the flow at both ends. */
void wan_flow_kill(struct sim_wan *w, uint32_t flow, sim_time now);
/* Completes a packet of way `at` with flow, stamp and the ACK of the other way, and sends it. */
void wan_flow_send(struct wan_at at, struct wan_packet *packet, sim_time now);
/* The sender's timer of a way, and its receiver's for delayed ACKs. */
static inline uint32_t wan_sender_timer_id(struct wan_at at)
{
    return at.flow * 4 + (uint32_t)at.direction * 2;
}
static inline uint32_t wan_receiver_timer_id(struct wan_at at)
{
    return at.flow * 4 + (uint32_t)at.direction * 2 + 1;
}
/* When a timer of `wait` fires: on a tick, the first one behind what was asked for; as in Linux's
 * timer wheel only on every eighth from 63 ticks (252 ms) on, every 64th from 504, every 512th from
 * 4,032. */
sim_time wan_timer_due(const struct sim_wan *w, sim_time now, sim_duration wait);
/* Frees a closing flow whose last ACKs have arrived. */
void wan_flow_settle(struct sim_wan *w, uint32_t flow);

/* ---- send.c: cutting, sending, round trips, timers ---- */

void wan_sender_init(struct wan_sender *s);
/* The handshake is done at this end; `rtt` SIM_NEVER: it gave no sample. */
void wan_sender_open(struct wan_at at, sim_duration rtt, sim_time now);
/* Sends what may be sent now. */
void wan_sender_push(struct wan_at at, sim_time now);
/* One new segment, if there is anything to send and the receiver's window takes it. */
bool wan_sender_send_new(struct wan_at at, sim_time now);
void wan_sender_resend(struct wan_at at, uint32_t number, sim_time now);
void wan_sender_round_trip(struct wan_sender *s, sim_duration rtt);
void wan_sender_arm(struct wan_at at, enum wan_sender_timer timer, sim_duration wait, sim_time now);
void wan_sender_disarm(struct wan_at at);
void wan_sender_arm_retransmit(struct wan_at at, sim_time now);
/* `acked`: the timeout would start anew. False when a probe has no place. */
bool wan_sender_arm_probe(struct wan_at at, bool acked, sim_time now);
void wan_sender_timer_fired(struct wan_at at, sim_time now);
/* Takes a segment out of the sending order. */
void wan_sender_unlink(struct wan_way *way, uint32_t number);
/* Everything is sent and acknowledged, the end too. */
bool wan_sender_is_done(const struct wan_sender *s);

/* ---- recover.c: what ACKs and their absence say ---- */

void wan_sender_ack(struct wan_at at, const struct wan_packet *packet, sim_time now);
void wan_sender_timeout(struct wan_at at, sim_time now);
void wan_sender_reorder_timeout(struct wan_at at, sim_time now);

/* ---- receive.c ---- */

void wan_receiver_init(struct wan_receiver *r);
void wan_receiver_segment(struct wan_at at, const struct wan_packet *packet, sim_time now);
/* Notes the stamp of a packet of way `at`, to be echoed. */
void wan_receiver_stamped(struct wan_at at, const struct wan_packet *packet);
void wan_receiver_timer_fired(struct wan_at at, sim_time now);
/* Fills the ACK of way `at` into a packet that goes the other way. */
void wan_receiver_stamp(struct wan_at at, struct wan_packet *packet);

#endif /* SIM_WAN_INNER_H */
