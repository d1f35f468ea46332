/* sim/wan/receive.c -- the receiving end of a way: order, and when to acknowledge. See inner.h.
 *
 * As Linux does: the first ACKs at once, then one per two full segments, 40 ms for a single one, at once for
 * whatever is out of order or came twice (RFC 5681, 4.2) and for a short segment, which the reader has
 * emptied; an end that answers what it gets lets the answer carry the ACK. Left out: SACK compression. */
#include "sim/wan/inner.h"

enum {
    QUICK_ACKS = 16, /* Linux's TCP_MAX_QUICKACKS */
};

#define DELAYED_ACK (40 * SIM_MS) /* Linux's TCP_ATO_MIN */

void wan_receiver_init(struct wan_receiver *r)
{
    *r = (struct wan_receiver){.quick = QUICK_ACKS};
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

/* Hands on what is in order now, from the segment that has just filled the gap. */
static void advance(struct wan_at at, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_receiver *r = &way->receiver;
    uint64_t bytes = 0;

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
    r->unacked += (uint32_t)bytes;
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
    segment->heard = r->heard;
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
    advance(at, now);
    r->waiting -= r->next - first - 1;
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
