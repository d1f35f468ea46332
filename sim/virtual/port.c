/* sim/virtual/port.c -- a node's LAN port: the bodies that it sends share its rate evenly. See
 * inner.h.
 *
 * Cumulative service: one counter a port says what a body that was there all the time would have
 * got. A body is through when the counter has grown by its length since it began, so others'
 * comings and goings change nothing of it but the instant. The counter is in units so small that a
 * share of the rate is a whole number of them: nothing is rounded but instants, which are the first
 * nanosecond by which all of the bytes have passed.
 *
 * As in sim/live, the bytes of bodies alone are counted, not their headers; messages take no time.
 * The ports of receivers are not modelled: a phone takes one body at a time. */
#include <assert.h>

#include "sim/virtual/inner.h"

enum {
    SHARES = 720720,  /* divisible by all of 1..16: more bodies than any fan-out has */
    EXACT_SHARES = 16 /* of more, a share is rounded down, by less than one part in 40,000 even at
                         1 bit/s (and one in 10^11 at 10 Mbit/s) */
};

/* One byte in units: bit/s are units a nanosecond when one body has it all. */
#define BYTE ((virtual_service)8 * SIM_S * SHARES)

static uint64_t rate_of(const struct sim_virtual *v, uint32_t node)
{
    return virtual_site_of(v, node)->setup->lan.rate_bit_s;
}

/* Units a nanosecond for each of `len` bodies. */
static inline virtual_service share_of(uint64_t rate, uint32_t len)
{
    if (len <= EXACT_SHARES) {
        return len == 0 ? 0 : (virtual_service)rate * (SHARES / len);
    }
    return (virtual_service)rate * SHARES / len;
}

static inline virtual_service span_at(const struct virtual_span *span, uint64_t rate, sim_time at)
{
    return span->service + (at - span->at) * share_of(rate, span->len);
}

static struct virtual_port *port_of(const struct sim_virtual *v, uint32_t node)
{
    uint32_t port = v->nodes[node].port;

    return port != 0 ? virtual_pool_at(&v->ports, port - 1) : NULL;
}

/* Units that a body still lacks to its mark; 0: reached. Differences are right even where the
 * counter began below what a body had in an earlier port. */
static inline virtual_service lack(const struct virtual_body *b, virtual_service counter)
{
    virtual_service lack = b->service + b->mark * BYTE - counter;

    return lack >> 127 != 0 ? 0 : lack;
}

/* ---- The alarm ---- */

static sim_time next_due(const struct sim_virtual *v, const struct virtual_port *p, uint64_t rate)
{
    virtual_service counter = span_at(&p->now, rate, v->now), least = ~(virtual_service)0;
    virtual_service share = share_of(rate, p->now.len), wait;

    if (rate == SIM_RATE_NONE) {
        return v->now;
    }
    for (uint32_t i = p->first; i != 0;) {
        const struct virtual_body *b = virtual_body_at(v, i - 1);
        virtual_service wanted = lack(b, counter);

        least = wanted < least ? wanted : least;
        i = b->port_next;
    }
    if (share == 0) {
        return least == 0 ? v->now : SIM_NEVER;
    }
    /* Mostly both fit into 64 bits, where dividing costs a tenth. */
    if (least + share <= UINT64_MAX) {
        wait = ((uint64_t)least + (uint64_t)share - 1) / (uint64_t)share;
    } else {
        wait = (least + share - 1) / share;
    }
    return wait > SIM_NEVER ? SIM_NEVER : sim_time_add(v->now, (sim_time)wait);
}

/* An alarm that comes too early looks again, so only an earlier instant needs another one. */
static void look(struct sim_virtual *v, uint32_t node)
{
    uint32_t index = v->nodes[node].port - 1;
    struct virtual_port *p = virtual_pool_at(&v->ports, index);
    struct virtual_event *e;
    sim_time due;

    if (p->telling || (due = next_due(v, p, rate_of(v, node))) >= p->due) {
        return;
    }
    p->due = due;
    p->number++;
    e = virtual_add(v, due, VIRTUAL_PORT, node);
    e->a = virtual_pool_handle(&v->ports, index);
    e->b = p->number;
}

void virtual_port_look(struct sim_virtual *v, uint32_t node)
{
    if (v->nodes[node].port != 0) {
        look(v, node);
    }
}

/* ---- Coming and going ---- */

/* From now on `len` bodies share the rate. */
static void change(struct virtual_port *p, uint64_t rate, sim_time now, uint32_t len)
{
    if (p->now.at != now) {
        p->past[p->changes++ % VIRTUAL_PORT_PAST] = p->now;
        p->now.service = span_at(&p->now, rate, now);
        p->now.at = now;
    }
    p->now.len = len;
}

static struct virtual_port *port_new(struct sim_virtual *v, uint32_t node)
{
    uint32_t index = virtual_pool_add(&v->ports);
    struct virtual_port *p;

    if (index == VIRTUAL_NONE) {
        v->out_of_memory = true;
        return NULL;
    }
    p = virtual_pool_at(&v->ports, index);
    p->node = node;
    p->due = SIM_NEVER;
    p->now.at = v->now;
    v->nodes[node].port = index + 1;
    return p;
}

void virtual_port_add(struct sim_virtual *v, uint32_t node, uint32_t body)
{
    struct virtual_body *b = virtual_body_at(v, body);
    struct virtual_port *p = port_of(v, node);
    uint64_t rate = rate_of(v, node);

    assert(!b->in_port && b->mark <= b->len);
    if (p == NULL && (p = port_new(v, node)) == NULL) {
        return;
    }
    change(p, rate, v->now, p->now.len + 1);
    b->service = p->now.service - b->service;
    b->in_port = true;
    b->due = false;
    b->port_next = 0;
    if (p->last != 0) {
        virtual_body_at(v, p->last - 1)->port_next = body + 1;
    } else {
        p->first = body + 1;
    }
    p->last = body + 1;
    look(v, node);
}

/* The alarm stays as it is: whoever is left has more from now on. */
static void take_out(struct sim_virtual *v, struct virtual_port *p, uint32_t body)
{
    struct virtual_body *b = virtual_body_at(v, body);
    uint64_t rate = rate_of(v, p->node);
    uint32_t before = 0;

    for (uint32_t i = p->first; i != body + 1; i = virtual_body_at(v, i - 1)->port_next) {
        assert(i != 0);
        before = i;
    }
    if (before != 0) {
        virtual_body_at(v, before - 1)->port_next = b->port_next;
    } else {
        p->first = b->port_next;
    }
    if (p->last == body + 1) {
        p->last = before;
    }
    change(p, rate, v->now, p->now.len - 1);
    b->service = p->now.service - b->service;
    b->in_port = b->due = false;
    b->port_next = 0;
    if (p->now.len == 0) {
        v->nodes[p->node].port = 0;
        virtual_pool_remove(&v->ports, (uint32_t)(p - (struct virtual_port *)v->ports.things));
    }
}

void virtual_port_remove(struct sim_virtual *v, uint32_t node, uint32_t body)
{
    struct virtual_port *p = port_of(v, node);

    if (!virtual_body_at(v, body)->in_port) {
        return;
    }
    assert(p != NULL);
    take_out(v, p, body);
    virtual_port_look(v, node);
}

/* ---- Looking back ---- */

/* The span that `at` is in; of what is too long ago, the beginning of the oldest. */
static const struct virtual_span *span_of(const struct virtual_port *p, sim_time *at)
{
    const struct virtual_span *span = &p->now;

    for (uint32_t i = 1; *at < span->at; i++) {
        if (i > p->changes || i > VIRTUAL_PORT_PAST) {
            *at = span->at;
            break;
        }
        span = &p->past[(p->changes - i) % VIRTUAL_PORT_PAST];
    }
    return span;
}

uint64_t virtual_port_sent(const struct sim_virtual *v, uint32_t node, uint32_t body, sim_time at)
{
    const struct virtual_body *b = virtual_body_at(v, body);
    const struct virtual_port *p = port_of(v, node);
    const struct virtual_span *span;
    virtual_service had;

    assert(b->in_port && p != NULL && at <= v->now);
    span = span_of(p, &at);
    had = span_at(span, rate_of(v, node), at) - b->service;
    if (had >> 127 != 0) {
        return 0; /* it had not begun yet */
    }
    had /= BYTE;
    return had < b->len ? (uint64_t)had : b->len;
}

sim_time virtual_port_when(const struct sim_virtual *v, uint32_t node, uint32_t body,
                           uint64_t bytes)
{
    const struct virtual_body *b = virtual_body_at(v, body);
    const struct virtual_port *p = port_of(v, node);
    uint64_t rate = rate_of(v, node);
    virtual_service wanted = b->service + bytes * BYTE;
    uint32_t past;

    assert(b->in_port && p != NULL);
    past = p->changes < VIRTUAL_PORT_PAST ? p->changes : VIRTUAL_PORT_PAST;
    for (uint32_t i = past;; i--) {
        const struct virtual_span *span =
            i == 0 ? &p->now : &p->past[(p->changes - i) % VIRTUAL_PORT_PAST];
        sim_time end = i == 0   ? v->now
                       : i == 1 ? p->now.at
                                : p->past[(p->changes - (i - 1)) % VIRTUAL_PORT_PAST].at;
        virtual_service lacks = wanted - span->service, share = share_of(rate, span->len);

        if (lacks == 0 || lacks >> 127 != 0) {
            return span->at;
        }
        if (lacks <= (end - span->at) * share) {
            return span->at + (sim_time)((lacks + share - 1) / share);
        }
        if (i == 0) {
            return SIM_NEVER;
        }
    }
}

/* ---- The turn ---- */

/* Marks what is due now, so that bodies which nodes begin meanwhile wait for their own event. */
static bool find_due(struct sim_virtual *v, const struct virtual_port *p)
{
    uint64_t rate = rate_of(v, p->node);
    virtual_service counter = span_at(&p->now, rate, v->now);
    bool any = false;

    for (uint32_t i = p->first; i != 0;) {
        struct virtual_body *b = virtual_body_at(v, i - 1);

        b->due = rate == SIM_RATE_NONE || lack(b, counter) == 0;
        any = any || b->due;
        i = b->port_next;
    }
    return any;
}

/* The next body that is due, in order of beginning; VIRTUAL_NONE. */
static uint32_t next_of(const struct sim_virtual *v, const struct virtual_port *p)
{
    uint32_t i = p->first;

    while (i != 0 && !virtual_body_at(v, i - 1)->due) {
        i = virtual_body_at(v, i - 1)->port_next;
    }
    return i != 0 ? i - 1 : VIRTUAL_NONE;
}

void virtual_port_event(struct sim_virtual *v, const struct virtual_event *e)
{
    struct virtual_port *p = virtual_pool_get(&v->ports, e->a, NULL);
    uint32_t body;

    if (p == NULL || p->number != (uint32_t)e->b) {
        virtual_say(v, "port, stale");
        return;
    }
    virtual_mix(v, e->a);
    p->due = SIM_NEVER;
    if (!find_due(v, p)) {
        virtual_say(v, "port, put off");
        look(v, e->node);
        return;
    }
    p->telling = true;
    /* Whom we tell may begin and end bodies, and with them the port. */
    while ((p = port_of(v, e->node)) != NULL && (body = next_of(v, p)) != VIRTUAL_NONE) {
        struct virtual_body *b = virtual_body_at(v, body);

        b->due = false;
        if (b->mark < b->len && rate_of(v, e->node) != SIM_RATE_NONE) {
            virtual_stream_mark(v, body);
        } else {
            virtual_stream_left(v, body); /* takes it out */
        }
    }
    if (p != NULL) {
        p->telling = false;
        look(v, e->node);
    }
}
