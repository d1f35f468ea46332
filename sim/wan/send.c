/* sim/wan/send.c -- the sending end of a way: cutting, sending, round trips, timers. See inner.h.
 */
#include <assert.h>
#include <stdlib.h>

#include "sim/wan/inner.h"

enum {
    SEND_BUFFER = 4050000, /* bytes: Linux's tcp_wmem[2], 4 MiB, less its bookkeeping (measured) */
    WINDOW_SEGMENTS = SEND_BUFFER / SIM_WAN_MSS, /* below the receiver's window */
    RING_LAST = 4096,                            /* segments: the power of two above it */
};

#define RTO_MIN (200 * SIM_MS)    /* Linux's; RFC 6298 asks for 1 s */
#define RTO_FIRST (1 * SIM_S)     /* RFC 6298, 2.1 */
#define PROBE_SLACK (2 * SIM_MS)  /* Linux's TCP_TIMEOUT_MIN_US */
#define ANSWER_SOON (40 * SIM_MS) /* data sent this soon behind data received is an answer */

void wan_sender_init(struct wan_sender *s)
{
    *s = (struct wan_sender){
        .oldest = WAN_NO_SEGMENT,
        .newest = WAN_NO_SEGMENT,
        .order = 1, /* so that rack_order 0 is older than any */
        .resent_first = SIM_NEVER,
        .rtt_min = SIM_NEVER,
        .rto = RTO_FIRST,
    };
}

bool wan_sender_is_done(const struct wan_sender *s)
{
    return s->end_sent && s->una == s->next;
}

/* ---- Round trips ---- */

/* RFC 6298 with Linux's refinements: the deviation reacts slowly to falling round trips, and the
 * variance used is the greatest mean deviation of a round trip, at least 200 ms, forgotten by a
 * quarter a round trip. */
void wan_sender_round_trip(struct wan_sender *s, sim_duration rtt)
{
    if (rtt == 0) {
        rtt = 1;
    }
    if (s->srtt8 == 0) {
        s->srtt8 = rtt * 8;
        s->deviation4 = rtt * 2;
        s->deviation_used = s->deviation4 > RTO_MIN ? s->deviation4 : RTO_MIN;
        s->deviation_max = s->deviation_used;
        s->deviation_end = s->next;
    } else {
        int64_t error = (int64_t)rtt - (int64_t)(s->srtt8 / 8);
        s->srtt8 = (uint64_t)((int64_t)s->srtt8 + error);
        int64_t excess = (error < 0 ? -error : error) - (int64_t)(s->deviation4 / 4);
        if (error < 0 && excess > 0) {
            excess /= 8;
        }
        s->deviation4 = (uint64_t)((int64_t)s->deviation4 + excess);
        if (s->deviation4 > s->deviation_max) {
            s->deviation_max = s->deviation4;
            if (s->deviation_max > s->deviation_used) {
                s->deviation_used = s->deviation_max;
            }
        }
        if (s->una > s->deviation_end) {
            if (s->deviation_max < s->deviation_used) {
                s->deviation_used -= (s->deviation_used - s->deviation_max) / 4;
            }
            s->deviation_end = s->next;
            s->deviation_max = RTO_MIN;
        }
    }
    sim_duration rto = s->srtt8 / 8 + s->deviation_used;
    s->rto = (rto + WAN_TICK - 1) / WAN_TICK * WAN_TICK;
}

/* ---- The order of sending: oldest first, as a list through the ring ---- */

void wan_sender_unlink(struct wan_way *way, uint32_t number)
{
    struct wan_sender *s = &way->sender;
    struct wan_segment *segment = wan_segment_at(way, number);

    assert((segment->flags & WAN_SEGMENT_FLIGHT) != 0);
    if (segment->older == WAN_NO_SEGMENT) {
        s->oldest = segment->younger;
    } else {
        wan_segment_at(way, segment->older)->younger = segment->younger;
    }
    if (segment->younger == WAN_NO_SEGMENT) {
        s->newest = segment->older;
    } else {
        wan_segment_at(way, segment->younger)->older = segment->older;
    }
    segment->flags &= (uint8_t)~WAN_SEGMENT_FLIGHT;
    s->flight--;
}

static void link_newest(struct wan_way *way, uint32_t number, sim_time now)
{
    struct wan_sender *s = &way->sender;
    struct wan_segment *segment = wan_segment_at(way, number);

    segment->older = s->newest;
    segment->younger = WAN_NO_SEGMENT;
    if (s->newest == WAN_NO_SEGMENT) {
        s->oldest = number;
    } else {
        wan_segment_at(way, s->newest)->younger = number;
    }
    s->newest = number;
    segment->flags |= WAN_SEGMENT_FLIGHT;
    segment->sent = now;
    segment->order = s->order++;
    s->flight++;
}

static void put_on_line(struct wan_at at, uint32_t number, sim_time now)
{
    struct wan_way *way = wan_way_of(at);

    link_newest(way, number, now);
    if (way->sender.state == WAN_SENDER_RECOVERY) {
        way->sender.reduction_sent++;
    }
    way->sender.last_sent = now;
    struct wan_packet packet = {
        .kind = WAN_PACKET_SEGMENT,
        .number = number,
        .size = SIM_WAN_TCP_OVERHEAD + wan_segment_at(way, number)->len,
    };
    wan_flow_send(at, &packet, now);
}

void wan_sender_resend(struct wan_at at, uint32_t number, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;
    struct wan_segment *segment = wan_segment_at(way, number);

    if ((segment->flags & WAN_SEGMENT_FLIGHT) != 0) {
        wan_sender_unlink(way, number); /* a probe of what may still be on the way */
    }
    if ((segment->flags & WAN_SEGMENT_LOST) != 0) {
        segment->flags &= (uint8_t)~WAN_SEGMENT_LOST;
        s->lost--;
    }
    segment->flags |= WAN_SEGMENT_RESENT;
    if (s->resent_first == SIM_NEVER) {
        s->resent_first = now;
    }
    at.w->links[at.direction].counters.resent++;
    put_on_line(at, number, now);
}

/* Room for one more number. When there is no memory the window stays as it is. */
static bool has_ring_room(struct wan_way *way)
{
    uint32_t used = way->sender.next - way->sender.una;

    if (used < way->cap) {
        return true;
    }
    if (way->cap >= RING_LAST) {
        return false;
    }
    struct wan_segment *ring = malloc((size_t)way->cap * 2 * sizeof(*ring));
    if (ring == NULL) {
        return false;
    }
    for (uint32_t n = way->sender.una; n != way->sender.next; n++) {
        ring[n & (way->cap * 2 - 1)] = *wan_segment_at(way, n);
    }
    free(way->ring);
    way->ring = ring;
    way->cap *= 2;
    return true;
}

static bool has_new(const struct wan_sender *s)
{
    return s->unsent > 0 || (s->end_wanted && !s->end_sent);
}

static uint32_t window_max(const struct sim_wan *w)
{
    uint32_t most = w->config.window_max;

    return most != 0 && most < WINDOW_SEGMENTS ? most : WINDOW_SEGMENTS;
}

bool wan_sender_send_new(struct wan_at at, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;

    if (!has_new(s) || s->next - s->una >= window_max(at.w) || !has_ring_room(way)) {
        return false;
    }
    uint64_t len = s->unsent < SIM_WAN_MSS ? s->unsent : SIM_WAN_MSS;
    s->unsent -= len;
    bool is_last = s->unsent == 0 && s->end_wanted;
    uint32_t number = s->next++;
    *wan_segment_at(way, number) =
        (struct wan_segment){.len = (uint16_t)len, .flags = is_last ? WAN_SEGMENT_FIN : 0};
    if (is_last) {
        s->end_sent = true;
    }
    bool first = s->next - s->una == 1;
    put_on_line(at, number, now);
    if (first || s->timer == WAN_TIMER_PROBE) {
        wan_sender_arm_retransmit(at, now);
    }
    struct wan_receiver *back =
        &wan_way_of((struct wan_at){at.w, at.flow, wan_other(at.direction)})->receiver;
    if (back->heard > 0 && now - back->received < ANSWER_SOON) {
        back->interactive = true;
    }
    return true;
}

static uint32_t next_lost(struct wan_way *way)
{
    struct wan_sender *s = &way->sender;

    if (s->hint < s->una) {
        s->hint = s->una;
    }
    while ((wan_segment_at(way, s->hint)->flags & WAN_SEGMENT_LOST) == 0) {
        s->hint++;
        assert(s->hint != s->next); /* s->lost > 0 promised one */
    }
    return s->hint;
}

/* Slow start after idle (RFC 5681, 4.1): the window halves for every timeout without sending. */
static void restart_after_idle(struct wan_sender *s, sim_time now)
{
    struct wan_control *c = &s->control;
    sim_duration idle = now - s->last_sent;

    if (s->last_sent == 0 || s->next != s->una || s->flight > 0) {
        return;
    }
    if (idle > s->rto && c->window > WAN_CONTROL_INITIAL) {
        uint32_t most = c->window / 2 + c->window / 4;
        c->threshold = c->threshold > most ? c->threshold : most;
        while (idle > s->rto && c->window > WAN_CONTROL_INITIAL) {
            idle -= s->rto;
            c->window /= 2;
        }
        if (c->window < WAN_CONTROL_INITIAL) {
            c->window = WAN_CONTROL_INITIAL;
        }
        s->window_used = now;
        s->used_max = 0;
    }
    wan_control_resume(c, now - s->last_sent);
}

/* Keeps track of how much of the window the sender really uses (RFC 7661 in Linux's form): a window
 * that is not used neither grows nor lasts. */
static void note_usage(struct wan_sender *s, bool full, sim_time now)
{
    uint32_t out = s->next - s->una;

    if (s->una >= s->usage_end || full || (!s->window_full && out > s->usage_max)) {
        s->window_full = full;
        s->usage_max = out;
        s->usage_end = s->next;
    }
    bool in_use = s->window_full ||
                  (wan_control_is_slow_start(&s->control) && s->control.window < 2 * s->usage_max);
    if (in_use) {
        s->window_used = now;
        s->used_max = 0;
        return;
    }
    if (out > s->used_max) {
        s->used_max = out;
    }
    struct wan_control *c = &s->control;
    if (now - s->window_used >= s->rto && s->state == WAN_SENDER_OPEN && s->sacked == 0) {
        uint32_t used = s->used_max > WAN_CONTROL_INITIAL ? s->used_max : WAN_CONTROL_INITIAL;
        if (used < c->window) {
            uint32_t most = c->window / 2 + c->window / 4;
            c->threshold = c->threshold > most ? c->threshold : most;
            c->window = (c->window + used) / 2;
        }
        s->used_max = 0;
        s->window_used = now;
    }
}

void wan_sender_push(struct wan_at at, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;
    bool sent_new = false;

    if (!s->open || s->aborted) {
        return;
    }
    if (s->unsent > 0) {
        restart_after_idle(s, now);
    }
    while (s->flight < s->control.window) {
        if (s->lost > 0) {
            uint32_t number = next_lost(way);
            wan_sender_resend(at, number, now);
            if (number == s->una && s->timer != WAN_TIMER_REORDER) {
                wan_sender_arm(at, WAN_TIMER_RETRANSMIT, s->rto, now);
            }
        } else if (wan_sender_send_new(at, now)) {
            sent_new = true;
        } else {
            break;
        }
    }
    bool full = s->flight >= s->control.window;
    if (sent_new || (full && has_new(s))) {
        note_usage(s, full, now);
    }
    if (sent_new) {
        wan_sender_arm_probe(at, false, now);
    }
}

/* ---- Timers ---- */

void wan_sender_arm(struct wan_at at, enum wan_sender_timer timer, sim_duration wait, sim_time now)
{
    wan_way_of(at)->sender.timer = timer;
    wan_timers_set(&at.w->timers, wan_sender_timer_id(at), wan_timer_due(at.w, now, wait));
}

void wan_sender_disarm(struct wan_at at)
{
    wan_way_of(at)->sender.timer = WAN_TIMER_NONE;
    wan_timers_clear(&at.w->timers, wan_sender_timer_id(at));
}

/* How long until the first unacknowledged segment has waited for a whole timeout; 0: it has. */
static sim_duration head_timeout(const struct wan_way *way, sim_time now)
{
    return sim_time_since(sim_time_add(wan_segment_at(way, way->sender.una)->sent, way->sender.rto),
                          now);
}

void wan_sender_arm_retransmit(struct wan_at at, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;

    if (s->una == s->next) {
        wan_sender_disarm(at);
        return;
    }
    sim_duration wait = s->rto;
    if (s->timer == WAN_TIMER_PROBE || s->timer == WAN_TIMER_REORDER) {
        wait = head_timeout(way, now); /* those two took the place of a timeout that was running */
        wait = wait > 0 ? wait : 1;
    }
    wan_sender_arm(at, WAN_TIMER_RETRANSMIT, wait, now);
}

bool wan_sender_arm_probe(struct wan_at at, bool acked, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;

    if (s->una == s->next || s->state != WAN_SENDER_OPEN || s->sacked > 0) {
        return false;
    }
    sim_duration wait = SIM_S;
    if (s->srtt8 != 0) {
        wait = s->srtt8 / 4; /* two round trips */
        wait += s->next - s->una == 1 ? RTO_MIN : PROBE_SLACK;
    }
    sim_duration latest = acked ? s->rto : head_timeout(way, now);
    if (latest > 0 && latest < wait) {
        wait = latest;
    }
    wan_sender_arm(at, WAN_TIMER_PROBE, wait, now);
    return true;
}

static void probe(struct wan_at at, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;

    if (s->probe_end == 0 && s->next != s->una) {
        bool sent = true;
        if (has_new(s)) {
            sent = wan_sender_send_new(at, now); /* one more than the window allows */
        } else {
            uint32_t last = s->next - 1;
            sent = (wan_segment_at(way, last)->flags & WAN_SEGMENT_FLIGHT) != 0;
            if (sent) {
                wan_sender_resend(at, last, now);
                s->probe_resent = true;
            }
        }
        if (sent) {
            s->probe_end = s->next;
            s->timer = WAN_TIMER_NONE; /* a whole timeout from here */
            wan_sender_arm_retransmit(at, now);
            return;
        }
    }
    s->timer = WAN_TIMER_PROBE; /* so that the timeout counts from the first segment */
    wan_sender_arm_retransmit(at, now);
}

void wan_sender_open(struct wan_at at, sim_duration rtt, sim_time now)
{
    struct wan_sender *s = &wan_way_of(at)->sender;

    s->open = true;
    s->attempts = 0;
    s->rto = RTO_FIRST;
    wan_sender_disarm(at);
    if (rtt != SIM_NEVER) {
        wan_sender_round_trip(s, rtt);
        s->rtt_min = rtt;
    }
    wan_control_init(&s->control, at.w->config.congestion, s->next, now);
    s->window_used = now;
    wan_sender_push(at, now);
}

void wan_sender_timer_fired(struct wan_at at, sim_time now)
{
    struct wan_sender *s = &wan_way_of(at)->sender;
    enum wan_sender_timer timer = s->timer;

    s->timer = WAN_TIMER_NONE;
    switch (timer) {
    case WAN_TIMER_RETRANSMIT:
        wan_sender_timeout(at, now);
        return;
    case WAN_TIMER_PROBE:
        probe(at, now);
        return;
    case WAN_TIMER_REORDER:
        wan_sender_reorder_timeout(at, now);
        return;
    case WAN_TIMER_NONE:
    case WAN_TIMER_HANDSHAKE: /* wan.c's own */
    case WAN_TIMER_RESET:
        break;
    }
    assert(false && "a timer that is not the sender's");
}
