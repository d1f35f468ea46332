/* sim/wan/recover.c -- what ACKs, and their absence, tell a sender. See inner.h.
 *
 * Losses are found by time as in RACK (RFC 8985): a segment sent before one that has arrived is
 * lost, at once when three have arrived beyond it, else after a quarter of a round trip. The window
 * shrinks by proportional rate reduction (RFC 6937); a timeout that proves needless is undone by
 * timestamps (RFC 3522) or F-RTO (RFC 5682). */
#include <assert.h>

#include "sim/wan/inner.h"

enum {
    REORDER_SEGMENTS = 3, /* RFC 5681's duplicate ACKs, RFC 6675's DupThresh */
    TIMEOUTS_MAX = 15,    /* Linux's tcp_retries2: the connection is given up */
};

#define RTO_MAX (120 * SIM_S) /* Linux's */
#define REORDER_SLACK (2 * SIM_MS)

/* What one ACK brought. */
struct harvest {
    uint32_t delivered;   /* segments that are newly known to have arrived */
    bool advanced;        /* the first unacknowledged one moved */
    bool sacked;          /* something out of order */
    bool resent;          /* something acknowledged in order had been sent twice */
    bool original;        /* something below `high` arrived from its only sending */
    sim_time first, last; /* sendings acknowledged in order, sent once; SIM_NEVER: none */
    sim_time sack_first, sack_last;
};

/* ---- What has arrived ---- */

static void note_arrival(struct wan_sender *s, const struct wan_segment *segment, sim_time now)
{
    sim_duration rtt = now - segment->sent;

    if ((segment->flags & WAN_SEGMENT_RESENT) != 0 && rtt < s->rtt_min) {
        return; /* too soon for the last sending of it: says nothing */
    }
    s->rack_rtt = rtt;
    if (segment->order > s->rack_order) {
        s->rack_order = segment->order;
    }
}

/* Common to both kinds of arrival: the segment is no longer in flight nor lost. */
static void take_back(struct wan_way *way, uint32_t number)
{
    struct wan_segment *segment = wan_segment_at(way, number);

    if ((segment->flags & WAN_SEGMENT_FLIGHT) != 0) {
        wan_sender_unlink(way, number);
    } else if ((segment->flags & WAN_SEGMENT_LOST) != 0) {
        segment->flags &= (uint8_t)~WAN_SEGMENT_LOST;
        way->sender.lost--;
    }
}

static void take_sacks(struct wan_way *way, const struct wan_packet *packet, struct harvest *h,
                       sim_time now)
{
    struct wan_sender *s = &way->sender;

    while (way->heard_first != WAN_NO_SEGMENT) {
        uint32_t number = way->heard_first;
        struct wan_segment *segment = wan_segment_at(way, number);
        if (segment->heard > packet->heard) {
            return;
        }
        way->heard_first = segment->heard_next;
        if (number < packet->ack) {
            continue; /* in order by now */
        }
        bool once = (segment->flags & WAN_SEGMENT_RESENT) == 0;
        take_back(way, number);
        segment->flags |= WAN_SEGMENT_SACKED;
        s->sacked++;
        h->delivered++;
        h->sacked = true;
        if (once) {
            h->sack_first = h->sack_first == SIM_NEVER ? segment->sent : h->sack_first;
            h->sack_last = segment->sent;
            h->original = h->original || number < s->high;
        }
        note_arrival(s, segment, now);
    }
}

static void take_in_order(struct wan_way *way, const struct wan_packet *packet, struct harvest *h,
                          sim_time now)
{
    struct wan_sender *s = &way->sender;

    while (s->una < packet->ack) {
        struct wan_segment *segment = wan_segment_at(way, s->una);
        bool once = (segment->flags & WAN_SEGMENT_RESENT) == 0;
        if ((segment->flags & WAN_SEGMENT_SACKED) != 0) {
            s->sacked--;
        } else {
            take_back(way, s->una);
            h->delivered++;
            if (once) {
                h->first = h->first == SIM_NEVER ? segment->sent : h->first;
                h->last = segment->sent;
                h->original = h->original || s->una < s->high;
            }
            /* The stamp tells which sending has arrived: an earlier one says nothing of what was
             * sent before the last one. */
            if (once || packet->echo >= segment->sent) {
                note_arrival(s, segment, now);
            }
        }
        h->resent = h->resent || !once;
        h->advanced = true;
        s->una++;
    }
}

/* Gives the estimators the sample this ACK has, if any. True when it had one. */
static bool measure(struct wan_sender *s, const struct wan_packet *packet, const struct harvest *h,
                    sim_time now)
{
    sim_duration rtt = SIM_NEVER;    /* for the timeout: the longest */
    sim_duration newest = SIM_NEVER; /* for the control: the shortest */

    if (h->first != SIM_NEVER && !h->resent) {
        rtt = now - h->first;
        newest = now - h->last;
    }
    if (h->sack_first != SIM_NEVER) {
        rtt = rtt == SIM_NEVER ? now - h->sack_first : rtt;
        newest = now - h->sack_last;
    }
    if (rtt == SIM_NEVER && h->advanced) {
        rtt = now - packet->echo;
        newest = rtt;
    }
    if (rtt == SIM_NEVER) {
        return false;
    }
    if (newest < s->rtt_min) {
        s->rtt_min = newest;
    }
    wan_sender_round_trip(s, rtt);
    wan_control_sample(&s->control, newest, s->una, s->next, now);
    return true;
}

/* ---- What is lost ---- */

static void mark_lost(struct wan_way *way, uint32_t number)
{
    struct wan_sender *s = &way->sender;

    wan_sender_unlink(way, number);
    wan_segment_at(way, number)->flags |= WAN_SEGMENT_LOST;
    if (s->lost == 0 || number < s->hint) {
        s->hint = number;
    }
    s->lost++;
}

/* What a look for losses found. */
struct losses {
    sim_duration wait; /* until the last one that may be lost will be; 0: none may */
    uint32_t marked;
    bool again; /* one of them had been sent again already */
};

static struct losses find_losses(struct wan_at at, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;
    struct losses found = {0};
    sim_duration patience = 0;

    if (s->rack_order == 0) {
        return found;
    }
    if (s->state == WAN_SENDER_OPEN && s->sacked < REORDER_SEGMENTS) {
        patience = s->rtt_min / 4 < s->srtt8 / 8 ? s->rtt_min / 4 : s->srtt8 / 8;
    }
    uint32_t number = s->oldest;
    while (number != WAN_NO_SEGMENT) {
        const struct wan_segment *segment = wan_segment_at(way, number);
        uint32_t younger = segment->younger;
        if (segment->order >= s->rack_order) {
            break;
        }
        sim_time end = segment->sent + s->rack_rtt + patience;
        if (end > now) {
            found.wait = end - now > found.wait ? end - now : found.wait;
        } else {
            found.again = found.again || (segment->flags & WAN_SEGMENT_RESENT) != 0;
            found.marked++;
            mark_lost(way, number);
        }
        number = younger;
    }
    return found;
}

/* ---- The window during recovery ---- */

static void begin_reduction(struct wan_sender *s)
{
    s->high = s->next;
    s->reduction_from = s->control.window;
    s->reduction_delivered = 0;
    s->reduction_sent = 0;
    s->undo_window = s->control.window;
    s->undo_threshold = s->control.threshold;
    s->control.threshold = wan_control_reduce(&s->control);
    s->control.credit = 0;
    s->probe_end = 0;
}

/* Proportional rate reduction. */
static void reduce_window(struct wan_sender *s, const struct harvest *h, bool newly_lost)
{
    if (h->delivered == 0) {
        return;
    }
    uint32_t target = s->control.threshold;
    int64_t may_send;

    s->reduction_delivered += h->delivered;
    if (s->flight > target) {
        uint64_t due = (uint64_t)target * s->reduction_delivered + s->reduction_from - 1;
        may_send = (int64_t)(due / s->reduction_from) - (int64_t)s->reduction_sent;
    } else {
        may_send = (int64_t)s->reduction_delivered - (int64_t)s->reduction_sent;
        may_send = may_send > (int64_t)h->delivered ? may_send : (int64_t)h->delivered;
        if (h->advanced && !newly_lost) {
            may_send++;
        }
        int64_t gap = (int64_t)target - (int64_t)s->flight;
        may_send = may_send < gap ? may_send : gap;
    }
    int64_t least = s->reduction_sent > 0 ? 0 : 1; /* the first retransmission goes at once */
    may_send = may_send > least ? may_send : least;
    int64_t window = (int64_t)s->flight + may_send;
    s->control.window = window > 0 ? (uint32_t)window : 1;
}

static void enter_recovery(struct wan_sender *s)
{
    begin_reduction(s);
    s->state = WAN_SENDER_RECOVERY;
    s->resent_first = SIM_NEVER;
}

static void leave(struct wan_sender *s)
{
    s->state = WAN_SENDER_OPEN;
    s->may_undo = false;
    s->spurious_try = false;
    s->resent_first = SIM_NEVER;
}

/* The timeout was needless: everything it gave up is on the way after all. */
static void undo_timeout(struct wan_at at)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;

    if (s->control.window < s->undo_window) {
        s->control.window = s->undo_window;
    }
    s->control.threshold = s->undo_threshold;
    for (uint32_t n = s->una; n != s->next && s->lost > 0; n++) {
        struct wan_segment *segment = wan_segment_at(way, n);
        if ((segment->flags & WAN_SEGMENT_LOST) != 0) {
            segment->flags &= (uint8_t)~WAN_SEGMENT_LOST;
            s->lost--;
            /* Back at the old end of the order of sending. */
            segment->flags |= WAN_SEGMENT_FLIGHT;
            segment->older = WAN_NO_SEGMENT;
            segment->younger = s->oldest;
            if (s->oldest == WAN_NO_SEGMENT) {
                s->newest = n;
            } else {
                wan_segment_at(way, s->oldest)->older = n;
            }
            s->oldest = n;
            s->flight++;
        }
    }
    leave(s);
}

/* In LOSS: is it over, or was it never? Returns true when new data should go before what is lost
 * (F-RTO). */
static bool weigh_timeout(struct wan_at at, const struct wan_packet *packet,
                          const struct harvest *h)
{
    struct wan_sender *s = &wan_way_of(at)->sender;
    bool recovered = s->una >= s->high;
    bool stamped_before = s->resent_first != SIM_NEVER && packet->echo < s->resent_first;

    if (h->advanced && s->may_undo && stamped_before) {
        undo_timeout(at);
        return false;
    }
    if (s->spurious_try) {
        if (h->original && s->may_undo) {
            undo_timeout(at);
            return false;
        }
        if (s->next > s->high) {
            if (h->sacked || !h->advanced) {
                s->spurious_try = false; /* the loss was real */
            }
        } else if (h->advanced && !recovered) {
            s->high = s->next;
            if (s->unsent > 0) {
                return true;
            }
            s->spurious_try = false;
        }
    }
    if (recovered) {
        leave(s);
    }
    return false;
}

/* An ACK beyond a probe that repeated a segment: the probe mended a loss, which must have its
 * price. */
static void weigh_probe(struct wan_sender *s, const struct wan_packet *packet,
                        const struct harvest *h)
{
    if (s->probe_end == 0 || packet->ack < s->probe_end) {
        return;
    }
    if (!s->probe_resent || packet->duplicate) {
        s->probe_end = 0;
    } else if (packet->ack > s->probe_end) {
        if (s->state == WAN_SENDER_OPEN) {
            begin_reduction(s);
            s->control.window = s->control.threshold;
        }
        s->probe_end = 0;
    } else if (!h->advanced && !h->sacked) {
        s->probe_end = 0;
    }
    if (s->probe_end == 0) {
        s->probe_resent = false;
    }
}

static bool is_window_limited(const struct wan_sender *s)
{
    if (s->window_full) {
        return true;
    }
    return wan_control_is_slow_start(&s->control) && s->control.window < 2 * s->usage_max;
}

/* ---- An ACK ---- */

void wan_sender_ack(struct wan_at at, const struct wan_packet *packet, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;
    struct harvest h = {
        .first = SIM_NEVER, .last = SIM_NEVER, .sack_first = SIM_NEVER, .sack_last = SIM_NEVER};

    if (s->aborted || s->una == s->next || packet->ack < s->una) {
        return;
    }
    take_sacks(way, packet, &h, now);
    take_in_order(way, packet, &h, now);
    bool measured = measure(s, packet, &h, now);
    if (h.advanced) {
        s->attempts = 0;
    }
    bool rearm = h.advanced || (measured && s->una != s->next && h.sack_first != SIM_NEVER &&
                                h.sack_first < wan_segment_at(way, s->una)->sent);
    bool new_first = false;

    if (s->state == WAN_SENDER_RECOVERY && s->una >= s->high) {
        s->control.window = s->control.threshold;
        leave(s);
    }
    if (s->state == WAN_SENDER_LOSS) {
        new_first = weigh_timeout(at, packet, &h);
    }
    weigh_probe(s, packet, &h);
    struct losses found = find_losses(at, now);
    if (found.wait > 0) {
        wan_sender_arm(at, WAN_TIMER_REORDER, found.wait + REORDER_SLACK, now);
    }
    if ((s->state == WAN_SENDER_OPEN && s->lost > 0) ||
        (s->state == WAN_SENDER_LOSS && found.again)) {
        enter_recovery(s);
        new_first = false;
    }
    if (s->state == WAN_SENDER_RECOVERY) {
        reduce_window(s, &h, found.marked > 0);
    } else if (h.delivered > 0 && h.advanced && is_window_limited(s)) {
        wan_control_grow(&s->control, h.delivered, now);
    }
    if (rearm && found.wait == 0 && !wan_sender_arm_probe(at, true, now)) {
        wan_sender_arm_retransmit(at, now);
    }
    if (new_first) {
        while (s->flight < s->control.window && wan_sender_send_new(at, now)) {
        }
        if (s->next == s->high) {
            s->spurious_try = false; /* nothing could be sent */
        } else {
            return;
        }
    }
    wan_sender_push(at, now);
}

/* ---- No ACK ---- */

void wan_sender_timeout(struct wan_at at, sim_time now)
{
    struct wan_way *way = wan_way_of(at);
    struct wan_sender *s = &way->sender;

    if (s->una == s->next) {
        return;
    }
    if (s->attempts >= TIMEOUTS_MAX) {
        wan_flow_kill(at.w, at.flow, now);
        return;
    }
    bool fresh = s->state == WAN_SENDER_OPEN || s->una >= s->high ||
                 (s->state == WAN_SENDER_LOSS && s->attempts == 0);
    s->spurious_try = s->state == WAN_SENDER_OPEN || s->attempts > 0;
    for (uint32_t n = s->una; n != s->next; n++) {
        const struct wan_segment *segment = wan_segment_at(way, n);
        bool recent = n != s->una && segment->sent + s->rack_rtt > now;
        if ((segment->flags & WAN_SEGMENT_FLIGHT) != 0 && !recent) {
            mark_lost(way, n);
        }
    }
    if (fresh) { /* a recovery that is under way has paid already */
        s->undo_window = s->control.window;
        s->undo_threshold = s->control.threshold;
        s->control.threshold = wan_control_reduce(&s->control);
        s->may_undo = true;
        s->resent_first = SIM_NEVER;
    }
    wan_control_forget(&s->control, s->next, now);
    s->state = WAN_SENDER_LOSS;
    s->high = s->next;
    s->control.window = s->flight + 1;
    s->control.credit = 0;
    s->probe_end = 0;
    s->probe_resent = false;
    s->attempts++;
    if ((wan_segment_at(way, s->una)->flags & WAN_SEGMENT_LOST) != 0) {
        wan_sender_resend(at, s->una, now);
    }
    s->rto = s->rto * 2 < RTO_MAX ? s->rto * 2 : RTO_MAX;
    wan_sender_arm(at, WAN_TIMER_RETRANSMIT, s->rto, now);
}

void wan_sender_reorder_timeout(struct wan_at at, sim_time now)
{
    struct wan_sender *s = &wan_way_of(at)->sender;
    struct harvest one = {.delivered = 1}; /* as if an ACK had come */

    s->timer = WAN_TIMER_REORDER;
    if (find_losses(at, now).marked > 0) {
        if (s->state != WAN_SENDER_RECOVERY) {
            enter_recovery(s);
            reduce_window(s, &one, true);
        }
        wan_sender_push(at, now);
    }
    if (s->timer != WAN_TIMER_RETRANSMIT) {
        wan_sender_arm_retransmit(at, now);
    }
}
