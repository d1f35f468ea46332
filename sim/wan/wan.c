/* sim/wan/wan.c -- flows, handshakes, resets, datagrams, events, and what is due when. See wan.h.
 */
#include "sim/wan/wan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/wan/inner.h"

enum {
    FLOWS_FIRST = 16,
    EVENTS_FIRST = 64,
    RING_DOWN = 16, /* segments: an initial window */
    RING_UP = 4,
    RING_KEPT = 64,          /* larger rings are not kept for the next flow of a place */
    FRAGMENT_PAYLOAD = 1480, /* bytes of IP payload in all fragments but the last */
    SYN_ATTEMPTS_LINEAR =
        5, /* Linux's tcp_syn_linear_timeouts 4, and the first: then it backs off */
    SYN_ATTEMPTS_MAX = SYN_ATTEMPTS_LINEAR + 6, /* and tcp_syn_retries: 131 s in all */
    SYN_ACK_ATTEMPTS = 7,   /* before the server waits for another SYN; our choice */
    RESET_ATTEMPTS_MAX = 4, /* while the line is down; our choice */
};

#define SYN_TIMEOUT SIM_S /* RFC 6298, 2.1 */
#define NO_FLOW UINT32_MAX
#define WHEEL_TURN (512 * WAN_TICK) /* the coarsest steps below; see wan_timer_due() */

/* ---- Events ---- */

static int reserve_events(struct sim_wan *w)
{
    uint32_t need = w->flows_cap + w->datagrams + 1;

    if (need <= w->events_cap) {
        return 0;
    }
    uint32_t cap = w->events_cap == 0 ? EVENTS_FIRST : w->events_cap;
    while (cap < need) {
        cap *= 2;
    }
    struct wan_waiting_event *events = malloc(cap * sizeof(*events));
    if (events == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = w->events_head; i != w->events_tail; i++) {
        events[i & (cap - 1)] = w->events[i & (w->events_cap - 1)];
    }
    free(w->events);
    w->events = events;
    w->events_cap = cap;
    return 0;
}

/* A flow has one place in the queue at most and a datagram one for its life, so there always is
 * room. */
static void queue_event(struct sim_wan *w, struct wan_waiting_event event)
{
    assert(w->events_tail - w->events_head < w->events_cap);
    w->events[w->events_tail++ & (w->events_cap - 1)] = event;
}

void wan_flow_notice(struct sim_wan *w, uint32_t flow, enum wan_notice notice)
{
    struct wan_flow *f = &w->flows[flow];

    if (f->closing) {
        return;
    }
    f->pending |= (uint8_t)notice;
    if (!f->queued) {
        f->queued = true;
        queue_event(w, (struct wan_waiting_event){.flow = flow});
    }
}

static void queue_datagram(struct sim_wan *w, enum sim_wan_direction direction, uint64_t user,
                           bool dropped, sim_time at)
{
    queue_event(w, (struct wan_waiting_event){
                       .datagram = true,
                       .dropped = dropped,
                       .direction = (uint8_t)direction,
                       .user = user,
                       .at = at,
                   });
}

static void fill_delivered(struct wan_flow *f, enum sim_wan_direction direction,
                           struct sim_wan_event *event)
{
    struct wan_receiver *r = &f->way[direction].receiver;

    event->kind = SIM_WAN_DELIVERED;
    event->direction = direction;
    event->bytes = r->delivered;
    event->at = r->delivered_at;
    r->delivered = 0;
}

static void fill_finished(const struct wan_flow *f, enum sim_wan_direction direction,
                          struct sim_wan_event *event)
{
    event->kind = SIM_WAN_FINISHED;
    event->direction = direction;
    event->at = f->way[direction].receiver.received;
}

static void fill_event(struct wan_flow *f, enum wan_notice notice, struct sim_wan_event *event)
{
    event->at = f->met_at;
    switch (notice) {
    case WAN_NOTICE_ARRIVED:
        event->kind = SIM_WAN_ARRIVED;
        event->direction = SIM_WAN_UP;
        return;
    case WAN_NOTICE_ESTABLISHED:
        event->kind = SIM_WAN_ESTABLISHED;
        event->direction = SIM_WAN_DOWN;
        return;
    case WAN_NOTICE_DELIVERED_UP:
        fill_delivered(f, SIM_WAN_UP, event);
        return;
    case WAN_NOTICE_FINISHED_UP:
        fill_finished(f, SIM_WAN_UP, event);
        return;
    case WAN_NOTICE_DELIVERED_DOWN:
        fill_delivered(f, SIM_WAN_DOWN, event);
        return;
    case WAN_NOTICE_FINISHED_DOWN:
        fill_finished(f, SIM_WAN_DOWN, event);
        return;
    case WAN_NOTICE_RESET:
        event->kind = SIM_WAN_RESET;
        event->direction = SIM_WAN_DOWN;
        event->at = f->reset_at;
        return;
    }
    assert(false && "no such notice");
}

bool sim_wan_take_event(struct sim_wan *w, struct sim_wan_event *event)
{
    while (w->events_head != w->events_tail) {
        struct wan_waiting_event *first = &w->events[w->events_head & (w->events_cap - 1)];

        if (first->datagram) {
            *event = (struct sim_wan_event){
                .kind = first->dropped ? SIM_WAN_DROPPED : SIM_WAN_DATAGRAM,
                .direction = (enum sim_wan_direction)first->direction,
                .user = first->user,
                .at = first->at,
            };
            w->events_head++;
            w->datagrams--;
            return true;
        }
        struct wan_flow *f = &w->flows[first->flow];
        if (f->pending != 0) {
            uint8_t lowest = (uint8_t)(f->pending & -f->pending);
            f->pending ^= lowest;
            *event = (struct sim_wan_event){
                .flow = (uint64_t)f->generation << 32 | (first->flow + 1), .user = f->user};
            fill_event(f, (enum wan_notice)lowest, event);
            return true;
        }
        f->queued = false;
        w->events_head++;
    }
    return false;
}

/* ---- Places for flows ---- */

static int grow_flows(struct sim_wan *w)
{
    uint32_t cap = w->flows_cap == 0 ? FLOWS_FIRST : w->flows_cap * 2;
    if (cap > w->config.flows_max) {
        cap = w->config.flows_max;
    }
    struct wan_flow *flows = realloc(w->flows, cap * sizeof(*flows));
    if (flows == NULL) {
        return SIM_ENOMEM;
    }
    memset(flows + w->flows_cap, 0, (cap - w->flows_cap) * sizeof(*flows));
    w->flows = flows;
    int rc = wan_timers_grow(&w->timers, cap * 4);
    if (rc == 0) {
        w->flows_cap = cap;
        rc = reserve_events(w);
    }
    return rc;
}

static int give_ring(struct wan_way *way, uint32_t cap)
{
    if (way->ring == NULL) {
        way->ring = malloc(cap * sizeof(*way->ring));
        if (way->ring == NULL) {
            return SIM_ENOMEM;
        }
        way->cap = cap;
    }
    wan_sender_init(&way->sender);
    wan_receiver_init(&way->receiver);
    way->heard_first = WAN_NO_SEGMENT;
    way->heard_last = WAN_NO_SEGMENT;
    return 0;
}

static void release_flow(struct sim_wan *w, uint32_t flow)
{
    struct wan_flow *f = &w->flows[flow];

    for (int d = 0; d < 2; d++) {
        wan_timers_clear(&w->timers, flow * 4 + (uint32_t)d * 2);
        wan_timers_clear(&w->timers, flow * 4 + (uint32_t)d * 2 + 1);
        if (f->way[d].cap > RING_KEPT) {
            free(f->way[d].ring);
            f->way[d].ring = NULL;
            f->way[d].cap = 0;
        }
    }
    f->pending = 0;
    f->generation++;
    f->next_free = w->first_free;
    w->first_free = flow;
    w->flows_open--;
}

/* The place of a flow that is open, or NO_FLOW. */
static uint32_t find_flow(const struct sim_wan *w, sim_wan_flow flow)
{
    uint32_t place = (uint32_t)flow - 1;
    uint32_t generation = (uint32_t)(flow >> 32);

    if ((uint32_t)flow == 0 || place >= w->flows_used || w->flows[place].generation != generation ||
        generation % 2 == 0) {
        return NO_FLOW;
    }
    return place;
}

sim_time wan_timer_due(const struct sim_wan *w, sim_time now, sim_duration wait)
{
    uint64_t tick = (now + w->phase) / WAN_TICK;
    uint64_t ticks = wait / WAN_TICK + (wait % WAN_TICK != 0);
    uint32_t shift = ticks < 63 ? 0 : ticks < 504 ? 3 : ticks < 4032 ? 6 : 9;

    return ((((tick + ticks) >> shift) + 1) << shift) * WAN_TICK - w->phase;
}

void wan_flow_settle(struct sim_wan *w, uint32_t flow)
{
    const struct wan_flow *f = &w->flows[flow];

    if (f->closing && wan_sender_is_done(&f->way[0].sender) &&
        wan_sender_is_done(&f->way[1].sender)) {
        release_flow(w, flow);
    }
}

void wan_flow_kill(struct sim_wan *w, uint32_t flow, sim_time now)
{
    struct wan_flow *f = &w->flows[flow];

    if (f->closing) {
        release_flow(w, flow);
        return;
    }
    f->dead = true;
    f->reset_at = now;
    for (uint32_t i = 0; i < 4; i++) {
        wan_timers_clear(&w->timers, flow * 4 + i);
    }
    wan_flow_notice(w, flow, WAN_NOTICE_RESET);
}

/* ---- Sending ---- */

static bool send_on(struct sim_wan *w, enum sim_wan_direction direction,
                    const struct wan_packet *packet, sim_time now)
{
    struct wan_link *link = &w->links[direction];

    if (wan_link_reserve(link, 1) != 0) {
        link->counters.drops++; /* no memory is as bad as no room */
        return false;
    }
    return wan_link_send(link, &w->rng, packet, now);
}

void wan_flow_send(struct wan_at at, struct wan_packet *packet, sim_time now)
{
    struct wan_at back = {at.w, at.flow, wan_other(at.direction)};

    packet->flow = at.flow;
    packet->generation = at.w->flows[at.flow].generation;
    packet->stamp = now;
    wan_receiver_stamp(back, packet);
    send_on(at.w, at.direction, packet, now);
}

/* SYN or SYN-ACK: the first time and again, until the other end answers. It is the phone that gives
 * up: a server's answer is sent for every SYN that comes. */
static void send_handshake(struct wan_at at, sim_time now)
{
    struct wan_sender *s = &wan_way_of(at)->sender;

    if (s->attempts >= SYN_ATTEMPTS_MAX && at.direction == SIM_WAN_UP) {
        wan_flow_kill(at.w, at.flow, now);
        return;
    }
    struct wan_packet packet = {
        .kind = at.direction == SIM_WAN_UP ? WAN_PACKET_SYN : WAN_PACKET_SYN_ACK,
        .size = SIM_WAN_SYN_SIZE,
    };
    s->attempts++;
    s->last_sent = now;
    wan_flow_send(at, &packet, now);
    if (at.direction == SIM_WAN_DOWN && s->attempts > SYN_ACK_ATTEMPTS) {
        wan_sender_disarm(at);
        return;
    }
    uint32_t doublings = s->attempts > SYN_ATTEMPTS_LINEAR ? s->attempts - SYN_ATTEMPTS_LINEAR : 0;
    wan_sender_arm(at, WAN_TIMER_HANDSHAKE, SYN_TIMEOUT << doublings, now);
}

static void send_reset(struct wan_at at, sim_time now)
{
    struct wan_sender *s = &wan_way_of(at)->sender;

    if (s->attempts >= RESET_ATTEMPTS_MAX) {
        wan_flow_kill(at.w, at.flow, now);
        return;
    }
    struct wan_packet packet = {.kind = WAN_PACKET_RST, .size = SIM_WAN_TCP_OVERHEAD};
    s->attempts++;
    wan_flow_send(at, &packet, now);
    wan_sender_arm(at, WAN_TIMER_RESET, SYN_TIMEOUT << s->attempts, now);
}

static void finish_handshake(struct wan_at at, sim_time now)
{
    struct wan_sender *s = &wan_way_of(at)->sender;
    sim_duration rtt = s->attempts == 1 ? now - s->last_sent : SIM_NEVER; /* Karn's rule */

    wan_sender_open(at, rtt, now);
}

/* ---- Arrivals ---- */

static void flow_packet(struct sim_wan *w, enum sim_wan_direction direction,
                        const struct wan_packet *packet, sim_time now)
{
    struct wan_flow *f = &w->flows[packet->flow];
    struct wan_at way = {w, packet->flow, direction};
    struct wan_at back = {w, packet->flow, wan_other(direction)};

    if (f->generation != packet->generation || f->dead) {
        return;
    }
    struct wan_sender *own = &wan_way_of(back)->sender; /* of the end that the packet reaches */
    if (own->aborted) {
        return; /* nobody is there any more */
    }
    switch ((enum wan_packet_kind)packet->kind) {
    case WAN_PACKET_SYN:
        wan_receiver_stamped(way, packet);
        if (!f->arrived) {
            f->arrived = true;
            f->met_at = now;
            wan_flow_notice(w, packet->flow, WAN_NOTICE_ARRIVED);
        }
        if (!own->open) {
            send_handshake(back, now);
        }
        return;
    case WAN_PACKET_SYN_ACK:
    case WAN_PACKET_SEGMENT:
    case WAN_PACKET_ACK:
        if (!own->open) {
            if (packet->kind == WAN_PACKET_SYN_ACK) {
                f->met_at = now;
                wan_flow_notice(w, packet->flow, WAN_NOTICE_ESTABLISHED);
            }
            finish_handshake(back, now);
        }
        if (packet->kind == WAN_PACKET_SYN_ACK) {
            wan_receiver_stamped(way, packet);
            struct wan_packet answer = {.kind = WAN_PACKET_ACK, .size = SIM_WAN_TCP_OVERHEAD};
            wan_flow_send(back, &answer, now);
            return;
        }
        wan_sender_ack(back, packet, now);
        if (packet->kind == WAN_PACKET_SEGMENT) {
            wan_receiver_segment(way, packet, now);
        } else {
            wan_receiver_stamped(way, packet);
        }
        wan_flow_settle(w, packet->flow);
        return;
    case WAN_PACKET_RST:
        wan_flow_kill(w, packet->flow, now);
        return;
    case WAN_PACKET_DATAGRAM:
    case WAN_PACKET_FRAGMENT:
        break;
    }
    assert(false && "not a packet of a flow");
}

static void arrive(struct sim_wan *w, enum sim_wan_direction direction)
{
    struct wan_packet packet = wan_link_take(&w->links[direction]);

    if (packet.lost || packet.kind == WAN_PACKET_FRAGMENT) {
        return; /* a datagram that is lost was told so when it was sent */
    }
    if (packet.kind == WAN_PACKET_DATAGRAM) {
        queue_datagram(w, direction, packet.user, false, packet.out);
        return;
    }
    flow_packet(w, direction, &packet, packet.out);
}

static void timer_fired(struct sim_wan *w, uint32_t id, sim_time now)
{
    struct wan_at at = {w, id / 4, (enum sim_wan_direction)(id / 2 % 2)};

    if (id % 2 == 1) {
        wan_receiver_timer_fired(at, now);
        return;
    }
    struct wan_sender *s = &wan_way_of(at)->sender;
    if (s->timer == WAN_TIMER_HANDSHAKE) {
        send_handshake(at, now);
    } else if (s->timer == WAN_TIMER_RESET) {
        send_reset(at, now);
    } else {
        wan_sender_timer_fired(at, now);
    }
}

void sim_wan_tick(struct sim_wan *w, sim_time now)
{
    assert(now >= w->now);
    w->now = now;
    for (;;) {
        sim_time down = wan_link_next(&w->links[SIM_WAN_DOWN]);
        sim_time up = wan_link_next(&w->links[SIM_WAN_UP]);
        sim_time first = sim_time_min(down, up);
        uint32_t id;
        sim_time due;

        /* Of what falls on one instant, arrivals go before timers. */
        if (wan_timers_next(&w->timers) < first && wan_timers_next(&w->timers) <= now) {
            sim_time limit = first == 0 ? 0 : sim_time_min(first - 1, now);
            if (wan_timers_take(&w->timers, limit, &id, &due)) {
                timer_fired(w, id, due);
            }
            continue;
        }
        if (first > now) {
            break;
        }
        arrive(w, down <= up ? SIM_WAN_DOWN : SIM_WAN_UP);
    }
    assert(sim_wan_deadline(w) > now);
}

sim_time sim_wan_deadline(const struct sim_wan *w)
{
    sim_time lines =
        sim_time_min(wan_link_next(&w->links[SIM_WAN_DOWN]), wan_link_next(&w->links[SIM_WAN_UP]));

    return sim_time_min(lines, wan_timers_next(&w->timers));
}

/* ---- What the host asks ---- */

int sim_wan_new(struct sim_wan **out, const struct sim_wan_config *config)
{
    if (config->line.none || config->line.down_bit_s == 0 || config->line.up_bit_s == 0 ||
        config->line.queue.limit == 0 || config->flows_max == 0 ||
        config->flows_max > SIM_WAN_FLOWS_LIMIT) {
        return SIM_EINVAL;
    }
    struct sim_wan *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return SIM_ENOMEM;
    }
    w->config = *config;
    w->first_free = NO_FLOW;
    sim_rng_init(&w->rng, config->seed, SIM_RNG_WAN, config->site);
    w->phase = sim_rng_below(&w->rng, WHEEL_TURN);
    int rc = wan_link_init(&w->links[SIM_WAN_DOWN], &config->line, SIM_WAN_DOWN);
    if (rc == 0) {
        rc = wan_link_init(&w->links[SIM_WAN_UP], &config->line, SIM_WAN_UP);
    }
    if (rc == 0) {
        rc = reserve_events(w);
    }
    if (rc != 0) {
        sim_wan_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

void sim_wan_free(struct sim_wan *w)
{
    if (w == NULL) {
        return;
    }
    for (uint32_t i = 0; i < w->flows_used; i++) {
        free(w->flows[i].way[0].ring);
        free(w->flows[i].way[1].ring);
    }
    free(w->flows);
    free(w->events);
    wan_timers_deinit(&w->timers);
    wan_link_deinit(&w->links[0]);
    wan_link_deinit(&w->links[1]);
    free(w);
}

int sim_wan_open(struct sim_wan *w, uint64_t user, sim_time now, sim_wan_flow *out)
{
    uint32_t place = w->first_free;

    sim_wan_tick(w, now);
    if (place == NO_FLOW) {
        if (w->flows_used == w->config.flows_max) {
            return SIM_ELIMIT;
        }
        if (w->flows_used == w->flows_cap) {
            int rc = grow_flows(w);
            if (rc != 0) {
                return rc;
            }
        }
        place = w->flows_used;
    }
    struct wan_flow *f = &w->flows[place];
    if (give_ring(&f->way[SIM_WAN_DOWN], RING_DOWN) != 0 ||
        give_ring(&f->way[SIM_WAN_UP], RING_UP) != 0) {
        if (place == w->flows_used) { /* not ours yet, so nobody else would free it */
            free(f->way[SIM_WAN_DOWN].ring);
            f->way[SIM_WAN_DOWN].ring = NULL;
        }
        return SIM_ENOMEM;
    }
    if (place == w->flows_used) {
        w->flows_used++;
    } else {
        w->first_free = f->next_free;
    }
    w->flows_open++;
    f->generation++;
    f->user = user;
    f->arrived = f->closing = f->dead = false;
    send_handshake((struct wan_at){w, place, SIM_WAN_UP}, now);
    *out = (uint64_t)f->generation << 32 | (place + 1);
    return 0;
}

void sim_wan_offer(struct sim_wan *w, sim_wan_flow flow, enum sim_wan_direction direction,
                   uint64_t bytes, sim_time now)
{
    sim_wan_tick(w, now);
    uint32_t place = find_flow(w, flow);
    if (place == NO_FLOW || w->flows[place].dead) {
        return;
    }
    struct wan_sender *s = &w->flows[place].way[direction].sender;
    assert(!s->end_wanted || bytes == 0);
    s->unsent += bytes;
    wan_sender_push((struct wan_at){w, place, direction}, now);
}

void sim_wan_finish(struct sim_wan *w, sim_wan_flow flow, enum sim_wan_direction direction,
                    sim_time now)
{
    sim_wan_tick(w, now);
    uint32_t place = find_flow(w, flow);
    if (place == NO_FLOW || w->flows[place].dead) {
        return;
    }
    w->flows[place].way[direction].sender.end_wanted = true;
    wan_sender_push((struct wan_at){w, place, direction}, now);
}

void sim_wan_reset(struct sim_wan *w, sim_wan_flow flow, enum sim_wan_direction direction,
                   sim_time now)
{
    sim_wan_tick(w, now);
    uint32_t place = find_flow(w, flow);
    if (place == NO_FLOW || w->flows[place].dead || w->flows[place].way[direction].sender.aborted) {
        return;
    }
    struct wan_sender *s = &w->flows[place].way[direction].sender;
    s->aborted = true;
    s->attempts = 0;
    send_reset((struct wan_at){w, place, direction}, now);
}

void sim_wan_close(struct sim_wan *w, sim_wan_flow flow, sim_time now)
{
    sim_wan_tick(w, now);
    uint32_t place = find_flow(w, flow);
    if (place == NO_FLOW || w->flows[place].closing) {
        return;
    }
    struct wan_flow *f = &w->flows[place];
    f->pending = 0;
    f->closing = true;
    if (f->dead || !f->way[0].receiver.finished || !f->way[1].receiver.finished) {
        release_flow(w, place);
    } else {
        wan_flow_settle(w, place);
    }
}

uint64_t sim_wan_unsent(const struct sim_wan *w, sim_wan_flow flow,
                        enum sim_wan_direction direction)
{
    uint32_t place = find_flow(w, flow);

    return place == NO_FLOW ? 0 : w->flows[place].way[direction].sender.unsent;
}

int sim_wan_datagram(struct sim_wan *w, enum sim_wan_direction direction, uint32_t len,
                     uint64_t user, sim_time now)
{
    assert(len <= SIM_WAN_DATAGRAM_MAX);
    sim_wan_tick(w, now);
    uint32_t left = len + 8; /* IP payload */
    uint32_t fragments =
        left <= SIM_WAN_MTU - 20 ? 1 : (left + FRAGMENT_PAYLOAD - 1) / FRAGMENT_PAYLOAD;
    struct wan_link *link = &w->links[direction];
    int rc = reserve_events(w);
    if (rc == 0) {
        rc = wan_link_reserve(link, fragments);
    }
    if (rc != 0) {
        return rc;
    }
    w->datagrams++;
    bool whole = true;
    for (uint32_t i = 0; i < fragments; i++) {
        bool is_last = i + 1 == fragments;
        uint32_t part = is_last ? left : FRAGMENT_PAYLOAD;
        struct wan_packet packet = {
            .kind = is_last && whole ? WAN_PACKET_DATAGRAM : WAN_PACKET_FRAGMENT,
            .size = 20 + part,
            .stamp = now,
            .user = user,
        };
        left -= part;
        bool sent = wan_link_send(link, &w->rng, &packet, now);
        whole = whole && sent && !link->ring[(link->tail - 1) & (link->cap - 1)].lost;
    }
    if (!whole) {
        queue_datagram(w, direction, user, true, now);
    }
    return 0;
}

void sim_wan_set_up(struct sim_wan *w, bool up, sim_time now)
{
    sim_wan_tick(w, now);
    for (int d = 0; d < 2; d++) {
        struct wan_link *link = &w->links[d];
        if (link->up == up) {
            continue;
        }
        while (!up && link->head != link->tail) {
            struct wan_packet packet = wan_link_drop_newest(link);
            if (packet.kind == WAN_PACKET_DATAGRAM && !packet.lost) {
                queue_datagram(w, (enum sim_wan_direction)d, packet.user, true, now);
            }
        }
        wan_link_set_up(link, up, now);
    }
}

void sim_wan_counters(struct sim_wan *w, enum sim_wan_direction direction, sim_time now,
                      struct sim_wan_counters *out)
{
    wan_link_settle(&w->links[direction], now);
    *out = w->links[direction].counters;
}

uint32_t sim_wan_flows(const struct sim_wan *w)
{
    return w->flows_open;
}
