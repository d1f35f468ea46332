/* sim/wan/link.c -- see link.h. */
#include "sim/wan/link.h"

#include <assert.h>
#include <stdlib.h>

enum {
    RING_FIRST = 64,
    RING_LAST = 1 << 24, /* packets on a line and in its queue: 1.2 GB of ring; beyond it, ENOMEM */
};

int wan_link_init(struct wan_link *link, const struct sim_wan_setup *line,
                  enum sim_wan_direction direction)
{
    *link = (struct wan_link){
        .bit_s = direction == SIM_WAN_DOWN ? line->down_bit_s : line->up_bit_s,
        .capacity = direction == SIM_WAN_DOWN ? line->down.exact : line->up.exact,
        /* an odd nanosecond goes down, so that both halves make the whole */
        .delay = direction == SIM_WAN_DOWN ? line->rtt - line->rtt / 2 : line->rtt / 2,
        .limit = line->queue,
        .loss_ppm = direction == SIM_WAN_DOWN ? line->loss_ppm : 0,
        .framing = line->framing,
        .up = true,
        .counters = {.first = SIM_NEVER, .last = SIM_NEVER},
    };
    return wan_link_reserve(link, RING_FIRST);
}

void wan_link_deinit(struct wan_link *link)
{
    free(link->ring);
    link->ring = NULL;
}

int wan_link_reserve(struct wan_link *link, uint32_t more)
{
    uint32_t used = link->tail - link->head;

    if (link->cap - used >= more) {
        return 0;
    }
    uint32_t cap = link->cap == 0 ? RING_FIRST : link->cap;
    while (cap - used < more) {
        if (cap >= RING_LAST) {
            return SIM_ENOMEM;
        }
        cap *= 2;
    }
    struct wan_packet *ring = malloc(cap * sizeof(*ring));
    if (ring == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = link->head; i != link->tail; i++) {
        ring[i & (cap - 1)] = link->ring[i & (link->cap - 1)];
    }
    free(link->ring);
    link->ring = ring;
    link->cap = cap;
    return 0;
}

/* What the line can carry in a second. */
static uint64_t most_in(const struct wan_link *link, uint64_t second)
{
    if (link->capacity == NULL) {
        return link->bit_s;
    }
    return (uint64_t)(sim_capacity_between(link->capacity, second * SIM_S, (second + 1) * SIM_S) /
                      SIM_S);
}

static void account(struct wan_link *link, const struct wan_packet *packet)
{
    struct sim_wan_counters *c = &link->counters;
    sim_duration took = packet->out - link->delay - packet->start;
    sim_time end = packet->start + took;
    uint64_t second = (end - 1) / SIM_S;

    c->bytes += packet->size;
    c->packets++;
    c->losses += packet->lost;
    c->busy += took;
    if (c->first == SIM_NEVER) {
        c->first = packet->start;
    }
    c->last = end;
    if (second != link->second) {
        link->second = second;
        link->second_bytes = 0;
    }
    link->second_bytes += packet->size;
    if (link->second_bytes * 8 > c->peak_bit_s) {
        /* A packet counts where it ends, so the part that was sent before may push a second over
         * the rate. */
        uint64_t most = most_in(link, second), bits = link->second_bytes * 8;

        bits = bits < most ? bits : most;
        c->peak_bit_s = bits > c->peak_bit_s ? bits : c->peak_bit_s;
    }
}

void wan_link_settle(struct wan_link *link, sim_time now)
{
    while (link->waiting != link->tail) {
        const struct wan_packet *packet = &link->ring[link->waiting & (link->cap - 1)];
        if (packet->start > now) {
            break;
        }
        link->waiting_bytes -= packet->size;
        link->waiting++;
        account(link, packet);
    }
}

static bool has_room(const struct wan_link *link, uint32_t size, sim_time now)
{
    if (link->free_at <= now) {
        return true; /* it need not wait */
    }
    switch (link->limit.kind) {
    case SIM_QUEUE_PACKETS:
        return link->tail - link->waiting < link->limit.limit;
    case SIM_QUEUE_BYTES:
        return link->waiting_bytes + size <= link->limit.limit;
    case SIM_QUEUE_TIME:
        return link->free_at - now <= link->limit.limit;
    }
    assert(false && "no such kind of queue");
    return false;
}

bool wan_link_send(struct wan_link *link, struct sim_rng *rng, const struct wan_packet *packet,
                   sim_time now)
{
    bool spared = packet->kind == WAN_PACKET_RST;
    uint32_t size = packet->size + link->framing;

    assert(link->tail - link->head < link->cap);
    wan_link_settle(link, now);
    if (!link->up || (!spared && !has_room(link, size, now))) {
        link->counters.drops++;
        return false;
    }
    struct wan_packet *slot = &link->ring[link->tail & (link->cap - 1)];
    *slot = *packet;
    slot->size = size;
    slot->lost = sim_rng_chance_ppm(rng, link->loss_ppm) && !spared;
    slot->start = link->free_at > now ? link->free_at : now;
    link->free_at = link->capacity == NULL
                        ? slot->start + sim_time_of_bytes(size, link->bit_s)
                        : sim_capacity_end(link->capacity, slot->start, size, &link->cursor);
    slot->out = link->free_at + link->delay;
    link->waiting_bytes += size;
    link->tail++;
    wan_link_settle(link, now);
    return true;
}

struct wan_packet wan_link_take(struct wan_link *link)
{
    assert(link->head != link->tail);
    struct wan_packet packet = link->ring[link->head & (link->cap - 1)];
    wan_link_settle(link, packet.start); /* it has been on the line */
    link->head++;
    return packet;
}

struct wan_packet wan_link_drop_newest(struct wan_link *link)
{
    assert(link->head != link->tail);
    link->tail--;
    struct wan_packet packet = link->ring[link->tail & (link->cap - 1)];
    if (link->waiting == link->tail + 1) {
        link->waiting = link->tail; /* it had started */
    } else {
        link->waiting_bytes -= packet.size;
    }
    link->counters.drops++;
    return packet;
}

void wan_link_set_up(struct wan_link *link, bool up, sim_time now)
{
    link->up = up;
    link->free_at = now; /* what was being sent is cut off */
}
