/* sim/wan/receive.c -- the receiving end of a way: order, and when to acknowledge. See inner.h.
 *
 * As Linux does: the first ACKs at once, and while the advertised window grows, then one per two
 * full segments, 40 ms for a single one, at once for whatever is out of order or came twice (RFC
 * 5681, 4.2) and for a short segment, which the reader has emptied; an end that answers what it
 * gets lets the answer carry the ACK. Left out: SACK compression. */
#include "sim/wan/inner.h"

enum {
    QUICK_ACKS = 16,            /* Linux's TCP_MAX_QUICKACKS */
    WINDOW_FIRST = 65160,       /* bytes: Linux's, from tcp_rmem[1] 131072 */
    WINDOW_FIRST_LIMIT = 81920, /* bytes of data that such a buffer is thought to hold */
    MEASURED_FIRST = 14600,     /* bytes: ten segments of 1460 */
    GROWTH_LEN_MIN = 128,       /* bytes: shorter segments say nothing about the sender */
};

#define DELAYED_ACK (40 * SIM_MS) /* Linux's TCP_ATO_MIN */

void wan_receiver_init(struct wan_receiver *r)
{
    *r = (struct wan_receiver){
        .quick = QUICK_ACKS,
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

/* The limit follows what a round trip brings: twice that, and more while it is rising (Linux's
 * dynamic right-sizing). */
static void size_window(struct wan_receiver *r, const struct wan_packet *packet, uint32_t bytes,
                        sim_time now)
{
    r->measured += bytes;
    if (packet->echo != r->echo_seen && packet->echo != 0) {
        sim_duration sample = now - packet->echo;
        r->echo_seen = packet->echo;
        r->rtt = r->rtt == 0 ? sample : r->rtt - r->rtt / 8 + sample / 8;
    }
    if (r->rtt == 0 || now - r->measured_from < r->rtt) {
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

void wan_receiver_stamp(struct wan_at at, struct wan_packet *packet)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;

    packet->ack = r->next;
    packet->heard = r->heard;
    packet->echo = r->recent;
    if (r->unacked > 0) {
        r->unacked = 0;
        wan_timers_clear(&at.w->timers, wan_receiver_timer_id(at));
    }
    r->acked = r->next;
}

static void acknowledge(struct wan_at at, bool duplicate, sim_time now)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;
    struct wan_at back = {at.w, at.flow, wan_other(at.direction)};
    struct wan_packet packet = {
        .kind = WAN_PACKET_ACK, .size = SIM_WAN_TCP_OVERHEAD, .duplicate = duplicate};

    if (r->quick > 0) {
        r->quick--;
    }
    wan_flow_send(back, &packet, now);
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
        acknowledge(at, true, now);
        return;
    }
    struct wan_segment *segment = wan_segment_at(way, number);
    segment->flags |= WAN_SEGMENT_HERE;
    if (segment->sent != packet->stamp) {
        segment->flags |= WAN_SEGMENT_EARLY;
    }
    segment->heard = r->heard;
    grow_window(r, segment->len);
    if (number <= r->acked) {
        r->recent = packet->stamp; /* RFC 7323, 4.3 */
    }
    if (number != r->next) {
        set_aside(way, number);
        acknowledge(at, false, now);
        return;
    }
    bool filled = r->waiting > 0;
    uint32_t len = segment->len;
    uint32_t first = r->next;
    bool last = (segment->flags & WAN_SEGMENT_FIN) != 0;
    uint32_t bytes = advance(at, now);
    r->waiting -= r->next - first - 1;
    size_window(r, packet, bytes, now);
    bool quick = r->quick > 0 && !r->interactive;
    if (filled || last || r->finished || quick || r->unacked > SIM_WAN_MSS ||
        (len < SIM_WAN_MSS && !r->interactive)) {
        acknowledge(at, false, now);
    } else {
        wan_timers_set(&at.w->timers, wan_receiver_timer_id(at), sim_time_add(now, DELAYED_ACK));
    }
}

void wan_receiver_timer_fired(struct wan_at at, sim_time now)
{
    struct wan_receiver *r = &wan_way_of(at)->receiver;

    if (r->unacked > 0) {
        r->interactive = false; /* no answer came to carry it */
        acknowledge(at, false, now);
    }
}
