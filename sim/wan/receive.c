/* sim/wan/receive.c -- the receiving end of a way: order, and when to acknowledge. See inner.h.
 *
 * As Linux does: the first ACKs at once, and while the advertised window grows, and after a silence
 * that was longer than a timeout; then one per two full segments, and 40 ms or more for a single
 * one; at once for what came twice, for the first three out of order behind a gap (RFC 5681, 4.2;
 * the rest share one a millisecond: SACK compression) and for a short segment, which the reader has
 * emptied; an end that answers what it gets lets the answer carry the ACK. */
#include "sim/wan/inner.h"

enum {
    QUICK_ACKS = 16,            /* Linux's TCP_MAX_QUICKACKS */
    WINDOW_FIRST = 65160,       /* bytes: Linux's, from tcp_rmem[1] 131072 */
    WINDOW_FIRST_LIMIT = 81920, /* bytes of data that such a buffer is thought to hold */
    MEASURED_FIRST = 14600,     /* bytes: ten segments of 1460 */
    GROWTH_LEN_MIN = 128,       /* bytes: shorter segments say nothing about the sender */
    REPEATS = 3,                /* ACKs at once behind a gap: TCP_FASTRETRANS_THRESH */
    COMPRESSED_MAX = 44,        /* tcp_comp_sack_nr */
};

#define DELAYED_ACK (40 * SIM_MS)      /* Linux's TCP_ATO_MIN and TCP_DELACK_MIN */
#define DELAYED_ACK_MAX (500 * SIM_MS) /* its HZ / 2 */
#define COMPRESSION SIM_MS             /* tcp_comp_sack_delay_ns */

void wan_receiver_init(struct wan_receiver *r)
{
    *r = (struct wan_receiver){
        .window = WINDOW_FIRST,
        .window_limit = WINDOW_FIRST_LIMIT,
        .measured_before = MEASURED_FIRST,
    };
}

/* The window opens by two segments for each that comes, up to its limit, and the ACK is not
 * delayed. */
static void grow_window(struct wan_receiver *r, uint32_t len)
{
    if (len < GROWTH_LEN_MIN || r->window >= r->window_limit) {
        return;
    }
    uint32_t room = r->window_limit - r->window;
    r->window += room < 2 * SIM_WAN_MSS ? room : 2 * SIM_WAN_MSS;
    r->quick |= 1;
}

/* The round trip as the stamps tell it, which count milliseconds: the least one at once, longer
 * ones smoothed. */
static void measure(struct wan_receiver *r, const struct wan_packet *packet, uint32_t len,
                    sim_time now)
{
    uint64_t echo = packet->echo / SIM_MS;

    if (packet->echo == 0 || echo == r->echo_seen) {
        return;
    }
    r->echo_seen = echo;
    if (len < SIM_WAN_MSS) {
        return;
    }
    uint64_t sample = now / SIM_MS - echo;
    sample = (sample > 0 ? sample : 1) * SIM_MS;
    if (r->rtt8 == 0 || sample * 8 < r->rtt8) {
        r->rtt8 = sample * 8;
    } else {
        r->rtt8 += sample - r->rtt8 / 8;
    }
}

/* The limit follows what a round trip brings: twice that, and more while it is rising (Linux's
 * dynamic right-sizing). */
static void size_window(struct wan_receiver *r, uint32_t bytes, sim_time now)
{
    r->measured += bytes;
    if (r->rtt8 == 0 || now - r->measured_from < r->rtt8 / 8) {
        return;
    }
    if (r->measured > r->measured_before) {
        uint64_t limit = (uint64_t)r->measured * 2;
        limit += 2 * (limit * (r->measured - r->measured_before) / r->measured_before);
        limit = limit < SIM_WAN_WINDOW ? limit : SIM_WAN_WINDOW;
        r->window_limit = limit > r->window_limit ? (uint32_t)limit : r->window_limit;
        r->measured_before = r->measured;
    }
    r->measured = 0;
    r->measured_from = now;
}

/* What the arrival of data in order says about its sender's pace. */
static void pace(struct wan_at at, sim_time now)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;
    const struct wan_sender *back =
        &wan_way_of((struct wan_at){at.w, at.flow, wan_other(at.direction)})->sender;
    sim_duration gap = now - r->in_order;

    r->in_order = now;
    if (r->patience == 0) {
        r->patience = DELAYED_ACK;
    } else if (gap <= DELAYED_ACK / 2) {
        r->patience = r->patience / 2 + DELAYED_ACK / 2;
    } else if (gap < r->patience) {
        r->patience = r->patience / 2 + gap;
        r->patience = r->patience < back->rto ? r->patience : back->rto;
    } else if (gap > back->rto && r->quick < QUICK_ACKS) {
        r->quick = QUICK_ACKS; /* it may have timed out, and begins anew */
    }
}

void wan_receiver_stamp(struct wan_at at, struct wan_packet *packet)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;

    packet->ack = r->next;
    packet->heard = r->heard;
    packet->echo = r->recent;
    if (r->unacked > 0 || r->compressing) {
        r->unacked = 0;
        r->compressing = false;
        wan_timers_clear(&at.w->timers, wan_receiver_timer_id(at));
    }
    r->compressed = 0;
    r->acked = r->next;
}

static void acknowledge(struct wan_at at, bool duplicate, sim_time now)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;
    struct wan_at back = {at.w, at.flow, wan_other(at.direction)};
    struct wan_packet packet = {
        .kind = WAN_PACKET_ACK,
        .number = wan_way_of(back)->sender.next,
        .size = SIM_WAN_TCP_OVERHEAD,
        .duplicate = duplicate,
    };

    if (r->quick > 0) {
        r->quick--;
        if (r->quick == 0) {
            r->patience = DELAYED_ACK;
        }
    }
    wan_flow_send(back, &packet, now);
}

void wan_receiver_stamped(struct wan_at at, const struct wan_packet *packet)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;

    if (packet->number <= r->acked) {
        r->recent = packet->stamp; /* RFC 7323, 4.3 */
    }
}

/* Hands on what is in order now, from the segment that has just filled the gap; returns how many
 * bytes. */
static uint32_t advance(struct wan_at at, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_receiver *r = &way->receiver;
    uint32_t bytes = 0;

    while (r->next != way->sender.next) {
        const struct wan_segment *segment = wan_segment_at(way, r->next);
        if ((segment->flags & WAN_SEGMENT_HERE) == 0) {
            break;
        }
        bytes += segment->len;
        if ((segment->flags & WAN_SEGMENT_FIN) != 0) {
            r->finished = true;
        }
        r->next++;
    }
    r->unacked += bytes;
    if (bytes > 0) {
        if (r->delivered == 0) {
            r->delivered_at = now;
        }
        r->delivered += bytes;
        wan_flow_notice(at.w, at.flow,
                        at.direction == SIM_WAN_UP ? WAN_NOTICE_DELIVERED_UP
                                                   : WAN_NOTICE_DELIVERED_DOWN);
    }
    if (r->finished) {
        wan_flow_notice(at.w, at.flow,
                        at.direction == SIM_WAN_UP ? WAN_NOTICE_FINISHED_UP
                                                   : WAN_NOTICE_FINISHED_DOWN);
    }
    return bytes;
}

/* Out of order: remembered in the order of arrival, which is how the sender will hear of it. */
static void set_aside(struct wan_way *way, uint32_t number)
{
    struct wan_segment *segment = wan_segment_at(way, number);

    way->receiver.waiting++;
    segment->heard_next = WAN_NO_SEGMENT;
    if (way->heard_first == WAN_NO_SEGMENT) {
        way->heard_first = number;
    } else {
        wan_segment_at(way, way->heard_last)->heard_next = number;
    }
    way->heard_last = number;
}

/* The ACK of a single segment waits for company, or for an answer to carry it. */
static void acknowledge_later(struct wan_at at, sim_time now)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;
    const struct wan_sender *back =
        &wan_way_of((struct wan_at){at.w, at.flow, wan_other(at.direction)})->sender;
    sim_duration wait = r->patience;

    if (wait > DELAYED_ACK) {
        sim_duration most = back->srtt8 / 8;
        most = most < DELAYED_ACK ? DELAYED_ACK : most;
        most = back->srtt8 == 0 || most > DELAYED_ACK_MAX ? DELAYED_ACK_MAX : most;
        wait = wait < most ? wait : most;
    }
    sim_time due = wan_timer_due(at.w, now, wait);
    sim_time before = wan_timers_due(&at.w->timers, wan_receiver_timer_id(at));
    wan_timers_set(&at.w->timers, wan_receiver_timer_id(at), due < before ? due : before);
}

/* An ACK behind a gap: the first few at once, then together. */
static void acknowledge_gap(struct wan_at at, sim_time now)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;
    const struct wan_sender *back =
        &wan_way_of((struct wan_at){at.w, at.flow, wan_other(at.direction)})->sender;

    if (r->repeats_at != r->next) {
        r->repeats_at = r->next;
        r->repeats = 0;
    }
    if (r->quick > 0 || r->repeats < REPEATS || r->compressed >= COMPRESSED_MAX) {
        r->repeats += r->quick > 0 ? 0 : 1;
        acknowledge(at, false, now);
        return;
    }
    r->compressed++;
    if (!r->compressing) {
        sim_duration wait = r->rtt8;
        wait = back->srtt8 != 0 && back->srtt8 < wait ? back->srtt8 : wait;
        wait = wait / 8 / 20 < COMPRESSION ? wait / 8 / 20 : COMPRESSION;
        r->compressing = true;
        wan_timers_set(&at.w->timers, wan_receiver_timer_id(at), sim_time_add(now, wait));
    }
}

void wan_receiver_segment(struct wan_at at, const struct wan_packet *packet, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_receiver *r = &way->receiver;
    uint32_t number = packet->number;

    r->heard++;
    r->received = now;
    if (number < r->next || (wan_segment_at(way, number)->flags & WAN_SEGMENT_HERE) != 0) {
        r->quick = QUICK_ACKS; /* something is being repaired: be plain about it */
        r->interactive = false;
        r->patience = DELAYED_ACK;
        acknowledge(at, true, now);
        return;
    }
    struct wan_segment *segment = wan_segment_at(way, number);
    segment->flags |= WAN_SEGMENT_HERE;
    segment->heard = r->heard;
    measure(r, packet, segment->len, now);
    wan_receiver_stamped(at, packet);
    if (number != r->next) {
        grow_window(r, segment->len);
        set_aside(way, number);
        acknowledge_gap(at, now);
        return;
    }
    if (r->patience == 0) {
        r->quick = QUICK_ACKS;
    }
    pace(at, now);
    grow_window(r, segment->len);
    bool filled = r->waiting > 0;
    uint32_t len = segment->len;
    uint32_t first = r->next;
    bool last = (segment->flags & WAN_SEGMENT_FIN) != 0;
    uint32_t bytes = advance(at, now);
    r->waiting -= r->next - first - 1;
    size_window(r, bytes, now);
    bool quick = r->quick > 0 && !r->interactive;
    if (filled || last || r->finished || quick || r->unacked > SIM_WAN_MSS ||
        (len < SIM_WAN_MSS && !r->interactive)) {
        acknowledge(at, false, now);
    } else {
        acknowledge_later(at, now);
    }
}

void wan_receiver_timer_fired(struct wan_at at, sim_time now)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;

    if (r->compressing) {
        acknowledge(at, false, now);
        return;
    }
    if (r->unacked == 0) {
        return;
    }
    if (r->interactive) {
        r->interactive = false; /* no answer came to carry it */
        r->patience = DELAYED_ACK;
    } else {
        const struct wan_sender *back =
            &wan_way_of((struct wan_at){at.w, at.flow, wan_other(at.direction)})->sender;
        r->patience = r->patience * 2 < back->rto ? r->patience * 2 : back->rto;
    }
    acknowledge(at, false, now);
}
