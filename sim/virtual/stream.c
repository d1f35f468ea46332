/* sim/virtual/stream.c -- streams between nodes: life, from dial or accept to the end. See stream.h
 * and inner.h.
 *
 * Semantics are those of sim/live (stream.c), where a stream is a TCP connection. Here: one event
 * for the dial at its target, one for the answer, one a message, one for the end. Nothing is timed
 * that can't run out: a dial has its limit of 10 s only when nobody will answer, a close only when
 * something is still queued. */
#include <assert.h>
#include <string.h>

#include "sim/virtual/stream.h"

#define DIAL_LIMIT (10 * SIM_S)  /* world.h: a dial ends within 10 s */
#define CLOSE_LIMIT (10 * SIM_S) /* world.h: what is queued has 10 s to go */

/* ---- A node's list ---- */

/* A dead end stays in it until its conn goes, so that what waits at a partition for the other end
 * is found when the partition heals. */

static void list_add(struct sim_virtual *v, uint32_t id)
{
    struct virtual_end *end = virtual_end_at(v, id);
    struct virtual_node *n = &v->nodes[end->node];

    end->next = n->conns;
    end->before = 0;
    if (n->conns != 0) {
        virtual_end_at(v, n->conns - 1)->before = id + 1;
    }
    n->conns = id + 1;
    n->streams++;
    end->listed = true;
}

static void list_remove(struct sim_virtual *v, uint32_t id)
{
    struct virtual_end *end = virtual_end_at(v, id);
    struct virtual_node *n = &v->nodes[end->node];

    if (end->before != 0) {
        virtual_end_at(v, end->before - 1)->next = end->next;
    } else {
        n->conns = end->next;
    }
    if (end->next != 0) {
        virtual_end_at(v, end->next - 1)->before = end->before;
    }
    end->listed = false;
}

/* ---- The end of an end ---- */

static bool is_alive(const struct virtual_end *end)
{
    return end->state != VIRTUAL_END_NOBODY && end->state != VIRTUAL_END_DEAD;
}

static void free_conn(struct sim_virtual *v, uint32_t id)
{
    struct virtual_conn *c = virtual_conn_at(v, id);

    for (uint32_t side = 0; side < 2; side++) {
        if (is_alive(&c->ends[side])) {
            v->nodes[c->ends[side].node].streams--;
        }
        if (c->ends[side].listed) {
            list_remove(v, (id & ~1U) | side);
        }
        virtual_stream_free_chunks(v, &c->ends[side].queue);
        virtual_stream_free_chunks(v, &c->ends[side].held);
        if (c->ends[side].body != 0) {
            virtual_pool_remove(&v->bodies, c->ends[side].body - 1);
        }
    }
    while (c->parked != NULL) {
        struct virtual_chunk *chunk = c->parked;
        struct virtual_event e;

        memcpy(&e, chunk->bytes, sizeof(e));
        c->parked = chunk->next;
        virtual_chunk_free(&v->chunks, e.chunk);
        virtual_chunk_free(&v->chunks, chunk);
    }
    virtual_pool_remove(&v->conns, id >> 1);
}

static bool is_over(const struct virtual_end *end)
{
    return !is_alive(end) || end->state == VIRTUAL_END_CLOSED;
}

/* Nobody waits for anything any more? */
static void free_if_over(struct sim_virtual *v, uint32_t id)
{
    const struct virtual_conn *c = virtual_conn_at(v, id);

    if (is_over(&c->ends[0]) && is_over(&c->ends[1])) {
        free_conn(v, id);
    }
}

static void end_dies(struct sim_virtual *v, uint32_t id)
{
    struct virtual_end *end = virtual_end_at(v, id);

    assert(is_alive(end));
    virtual_stream_stop(v, id);
    virtual_stream_deafen(v, id);
    virtual_stream_free_chunks(v, &end->held);
    end->state = VIRTUAL_END_DEAD;
    v->nodes[end->node].streams--;
    if (virtual_conn_at(v, id)->gone) {
        list_remove(v, id);
    }
    free_if_over(v, id);
}

struct virtual_event *virtual_stream_post(struct sim_virtual *v, uint32_t id,
                                          enum virtual_stream_what what, sim_duration delay)
{
    const struct virtual_end *end = virtual_end_at(v, id);
    struct virtual_event *e =
        virtual_add(v, sim_time_add(v->now, delay), VIRTUAL_STREAM, end->node);

    virtual_expect(v, end->node);
    if (end->tag != 0) { /* mostly it stands for an address */
        __builtin_prefetch((const void *)(uintptr_t)end->tag);
    }
    e->a = virtual_stream_handle(v, id);
    e->what = (uint8_t)what;
    return e;
}

static void reset_other(struct sim_virtual *v, uint32_t id)
{
    if (!is_over(virtual_end_at(v, id ^ 1))) {
        virtual_stream_post(v, id ^ 1, VIRTUAL_STREAM_RESET, virtual_stream_latency(v, id));
    }
}

static void tell_closed(struct sim_virtual *v, uint32_t id, int why)
{
    struct virtual_end *end = virtual_end_at(v, id);
    const struct virtual_node *n = &v->nodes[end->node];
    sim_stream handle = virtual_stream_handle(v, id);

    virtual_stream_stop(v, id);
    virtual_stream_deafen(v, id);
    end->state = VIRTUAL_END_TELLING;
    v->notices++;
    n->ops->stream_closed(n->self, v->now, handle, why);
    /* The node may have gone down meanwhile. */
    if (virtual_stream_find(v, handle, &id) &&
        virtual_end_at(v, id)->state == VIRTUAL_END_TELLING) {
        end_dies(v, id);
    }
}

void virtual_stream_break(struct sim_virtual *v, uint32_t id, int why)
{
    reset_other(v, id);
    tell_closed(v, id, why);
}

void virtual_stream_finish(struct sim_virtual *v, uint32_t id)
{
    virtual_end_at(v, id)->state = VIRTUAL_END_CLOSED;
    if (is_over(virtual_end_at(v, id ^ 1))) {
        free_conn(v, id);
    } else if (v->said != NULL && v->said_by == id && v->said_in == v->events) {
        v->said->mark = VIRTUAL_CHUNK_LAST; /* it goes with what was said in this turn */
    } else {
        virtual_stream_post(v, id ^ 1, VIRTUAL_STREAM_FIN, virtual_stream_latency(v, id));
    }
}

/* From a call: the node is told in a later turn; the other end sees a reset. */
static void fail_soon(struct sim_virtual *v, uint32_t id, int why)
{
    struct virtual_end *end = virtual_end_at(v, id);

    switch ((enum virtual_end_state)end->state) {
    case VIRTUAL_END_OPEN:
        reset_other(v, id);
        virtual_stream_stop(v, id);
        virtual_stream_deafen(v, id);
        end->state = VIRTUAL_END_FAILING;
        virtual_stream_post(v, id, VIRTUAL_STREAM_FAIL, 0)->b = (uint64_t)(-why);
        return;
    case VIRTUAL_END_CLOSING:
        reset_other(v, id);
        end_dies(v, id);
        return;
    case VIRTUAL_END_NOBODY:
    case VIRTUAL_END_DIALING:
    case VIRTUAL_END_FAILING:
    case VIRTUAL_END_TELLING:
    case VIRTUAL_END_CLOSED:
    case VIRTUAL_END_DEAD:
        return;
    }
}

/* ---- Beginnings ---- */

int virtual_dial(struct sim_world *w, sim_node node, sim_addr to, sim_stream *out)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t from = virtual_index(v, node), index;
    const struct virtual_node *n = &v->nodes[from];
    const struct virtual_site *site = &v->sites[n->site];
    struct sim_cidr block = {site->setup->base, site->setup->bits};
    struct virtual_conn *c;
    struct virtual_event *e;

    if (n->addr == 0 || n->down || to == n->addr || !sim_cidr_contains(&block, to)) {
        return SIM_EINVAL;
    }
    if (n->streams >= VIRTUAL_NODE_STREAMS_MAX) {
        return SIM_ELIMIT;
    }
    index = virtual_pool_add(&v->conns);
    if (index == VIRTUAL_NONE) {
        v->out_of_memory = true;
        return SIM_ELIMIT;
    }
    c = virtual_pool_at(&v->conns, index);
    c->to = to;
    c->latency = virtual_latency(site);
    c->limit_at = sim_time_add(v->now, DIAL_LIMIT);
    c->ends[0].node = from;
    c->ends[0].state = VIRTUAL_END_DIALING;
    c->ends[1].node = VIRTUAL_NONE;
    list_add(v, index << 1);
    *out = virtual_stream_handle(v, index << 1);
    e = virtual_stream_post(v, index << 1 | 1, VIRTUAL_STREAM_SYN, c->latency);
    e->node = virtual_node_find(site, to);
    virtual_expect(v, e->node);
    return 0;
}

static void tell_opened(struct sim_virtual *v, uint32_t id)
{
    struct virtual_conn *c = virtual_conn_at(v, id);
    const struct virtual_node *n = &v->nodes[c->ends[id & 1].node];
    uint32_t other = c->ends[(id & 1) ^ 1].node;

    c->ends[id & 1].state = VIRTUAL_END_OPEN;
    v->notices++;
    n->ops->stream_opened(n->self, v->now, virtual_stream_handle(v, id), v->nodes[other].addr,
                          (id & 1) == 0);
}

static void limit_dial(struct sim_virtual *v, uint32_t id)
{
    virtual_stream_post(v, id, VIRTUAL_STREAM_LIMIT,
                        sim_time_since(virtual_conn_at(v, id)->limit_at, v->now))
        ->b = VIRTUAL_END_DIALING;
}

/* The dial reaches its target's port. `id` is the side that may accept. */
static void reach(struct sim_virtual *v, uint32_t id)
{
    struct virtual_conn *c = virtual_conn_at(v, id);
    uint32_t from = c->ends[0].node;
    const struct virtual_site *site = virtual_site_of(v, from);
    uint32_t target = virtual_node_find(site, c->to);
    const struct virtual_node *n = target != VIRTUAL_NONE ? &v->nodes[target] : NULL;

    if (n != NULL && !virtual_reaches(v, from, target)) {
        limit_dial(v, id ^ 1); /* nobody answers */
        return;
    }
    if (n == NULL || n->down || !n->listening || n->streams >= VIRTUAL_NODE_STREAMS_MAX) {
        virtual_stream_post(v, id ^ 1, VIRTUAL_STREAM_REFUSED, virtual_latency(site));
        return;
    }
    c->ends[1].node = target;
    c->ends[1].state = VIRTUAL_END_OPEN;
    list_add(v, id);
    /* The answer leaves before anything that the node sends when it is told. */
    virtual_stream_post(v, id ^ 1, VIRTUAL_STREAM_OPENED, virtual_latency(site));
    tell_opened(v, id);
}

/* ---- Turns ---- */

static const char *name_of(enum virtual_stream_what what)
{
    switch (what) {
    case VIRTUAL_STREAM_SYN:
        return "a dial";
    case VIRTUAL_STREAM_OPENED:
        return "the answer to a dial";
    case VIRTUAL_STREAM_REFUSED:
        return "a refusal";
    case VIRTUAL_STREAM_MESSAGE:
        return "a message";
    case VIRTUAL_STREAM_BODY:
        return "bytes of a body";
    case VIRTUAL_STREAM_FIN:
        return "the end of a stream";
    case VIRTUAL_STREAM_RESET:
        return "a reset";
    case VIRTUAL_STREAM_EMPTY:
        return "an empty body";
    case VIRTUAL_STREAM_FAIL:
        return "a stream fails";
    case VIRTUAL_STREAM_LIMIT:
        return "a stream has waited too long";
    case VIRTUAL_STREAM_THAW:
        return "a stream goes on";
    }
    return "?";
}

static void describe(struct sim_virtual *v, uint32_t id, const struct virtual_event *e)
{
    const struct virtual_conn *c = virtual_conn_at(v, id);
    uint32_t from = c->ends[(id & 1) ^ 1].node;
    char text[SIM_ADDR_TEXT_MAX];
    sim_addr addr = from != VIRTUAL_NONE ? v->nodes[from].addr : c->to;

    virtual_say(v, "%s, peer %s, %u bytes, %llu%s", name_of((enum virtual_stream_what)e->what),
                sim_addr_format(addr, text), e->chunk != NULL ? (unsigned)e->chunk->len : 0U,
                (unsigned long long)e->b, c->frozen ? ", frozen" : "");
}

static void over(struct sim_virtual *v, uint32_t id, int why)
{
    switch ((enum virtual_end_state)virtual_end_at(v, id)->state) {
    case VIRTUAL_END_DIALING:
    case VIRTUAL_END_OPEN:
        tell_closed(v, id, why);
        return;
    case VIRTUAL_END_CLOSING:
        end_dies(v, id);
        return;
    case VIRTUAL_END_FAILING: /* it will be told what it fails from */
    case VIRTUAL_END_TELLING:
    case VIRTUAL_END_NOBODY:
    case VIRTUAL_END_CLOSED:
    case VIRTUAL_END_DEAD:
        return;
    }
}

/* `state` that had a limit; that of another one has no meaning any more. */
static void limit(struct sim_virtual *v, uint32_t id, uint64_t state)
{
    if (virtual_end_at(v, id)->state != state) {
        return;
    }
    if (state == VIRTUAL_END_DIALING) {
        virtual_stream_break(v, id, SIM_ETIMEDOUT);
    } else {
        reset_other(v, id);
        end_dies(v, id);
    }
}

static void arrive(struct sim_virtual *v, uint32_t id, const struct virtual_event *e);

/* The first of what waited; the next in an event of its own, so that a node that is told of it may
 * do what it likes. */
static void unpark(struct sim_virtual *v, uint32_t id)
{
    struct virtual_conn *c = virtual_conn_at(v, id);
    struct virtual_chunk *first = c->parked;
    struct virtual_event e;

    if (c->frozen || first == NULL) {
        return;
    }
    memcpy(&e, first->bytes, sizeof(e));
    c->parked = first->next;
    virtual_chunk_free(&v->chunks, first);
    if (c->parked != NULL) {
        virtual_stream_post(v, id, VIRTUAL_STREAM_THAW, 0);
    }
    arrive(v, (uint32_t)e.a - 2, &e);
}

static void take_message(struct sim_virtual *v, uint32_t id, const struct virtual_event *e)
{
    bool is_last = e->chunk->mark == VIRTUAL_CHUNK_LAST;

    if (virtual_end_at(v, id)->state == VIRTUAL_END_OPEN) {
        virtual_stream_message(v, id, e->chunk);
    } else {
        virtual_chunk_free(&v->chunks, e->chunk);
    }
    if (is_last && virtual_stream_find(v, e->a, &id)) {
        over(v, id, SIM_ECLOSED);
    }
}

static void arrive(struct sim_virtual *v, uint32_t id, const struct virtual_event *e)
{
    bool is_open = virtual_end_at(v, id)->state == VIRTUAL_END_OPEN;

    switch ((enum virtual_stream_what)e->what) {
    case VIRTUAL_STREAM_SYN:
        reach(v, id);
        return;
    case VIRTUAL_STREAM_OPENED:
        if (virtual_end_at(v, id)->state == VIRTUAL_END_DIALING) {
            tell_opened(v, id);
        }
        return;
    case VIRTUAL_STREAM_REFUSED:
        over(v, id, SIM_EREFUSED);
        return;
    case VIRTUAL_STREAM_MESSAGE:
        take_message(v, id, e);
        return;
    case VIRTUAL_STREAM_BODY:
        if (is_open) {
            virtual_stream_body(v, id, e->b);
        }
        return;
    case VIRTUAL_STREAM_FIN:
        over(v, id, SIM_ECLOSED);
        return;
    case VIRTUAL_STREAM_RESET:
        over(v, id, SIM_ERESET);
        return;
    case VIRTUAL_STREAM_EMPTY:
        if (is_open) {
            virtual_stream_empty(v, id);
        }
        return;
    case VIRTUAL_STREAM_FAIL:
        if (virtual_end_at(v, id)->state == VIRTUAL_END_FAILING) {
            tell_closed(v, id, -(int)e->b);
        }
        return;
    case VIRTUAL_STREAM_LIMIT:
        limit(v, id, e->b);
        return;
    case VIRTUAL_STREAM_THAW:
        unpark(v, id);
        return;
    }
}

static void park(struct sim_virtual *v, uint32_t id, const struct virtual_event *e)
{
    struct virtual_chunk *chunk = virtual_chunk_new(&v->chunks, e, sizeof(*e));
    struct virtual_chunk **last = &virtual_conn_at(v, id)->parked;

    if (chunk == NULL) {
        v->out_of_memory = true;
        virtual_chunk_free(&v->chunks, e->chunk);
        return;
    }
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = chunk;
}

void virtual_stream_event(struct sim_virtual *v, const struct virtual_event *e)
{
    const struct virtual_conn *c;
    uint32_t id;

    virtual_mix(v, e->a << 8 ^ e->what);
    if (!virtual_stream_find(v, e->a, &id)) {
        virtual_say(v, "%s, stale", name_of((enum virtual_stream_what)e->what));
        virtual_chunk_free(&v->chunks, e->chunk);
        return;
    }
    if (v->step != NULL) {
        describe(v, id, e);
    }
    if (e->chunk != NULL) {
        virtual_mix_bytes(v, e->chunk);
        virtual_mix(v, e->chunk->mark);
    } else {
        virtual_mix(v, e->b);
    }
    c = virtual_conn_at(v, id);
    if ((c->frozen || c->parked != NULL) && e->what < VIRTUAL_STREAM_EMPTY) {
        park(v, id, e);
        return;
    }
    arrive(v, id, e);
}

/* ---- The seam: closing and the tag ---- */

struct virtual_end *virtual_end_of(const struct sim_virtual *v, sim_stream s)
{
    struct virtual_end *end;
    uint32_t id;

    if (!virtual_stream_find(v, s, &id)) {
        return NULL;
    }
    end = virtual_end_at(v, id);
    switch ((enum virtual_end_state)end->state) {
    case VIRTUAL_END_DIALING:
    case VIRTUAL_END_OPEN:
    case VIRTUAL_END_FAILING:
    case VIRTUAL_END_TELLING:
        return end;
    case VIRTUAL_END_NOBODY:
    case VIRTUAL_END_CLOSING:
    case VIRTUAL_END_CLOSED:
    case VIRTUAL_END_DEAD:
        break;
    }
    return NULL;
}

static void close_open(struct sim_virtual *v, uint32_t id)
{
    struct virtual_end *end = virtual_end_at(v, id);
    const struct virtual_body *b = virtual_body_from(v, id);

    virtual_stream_deafen(v, id);
    virtual_stream_free_chunks(v, &end->held);
    end->is_empty = false;
    if (virtual_conn_at(v, id)->gone) {
        end_dies(v, id);
    } else if (end->queue == NULL && (b == NULL || b->file == 0)) {
        virtual_stream_finish(v, id);
    } else {
        end->state = VIRTUAL_END_CLOSING;
        virtual_stream_post(v, id, VIRTUAL_STREAM_LIMIT, CLOSE_LIMIT)->b = VIRTUAL_END_CLOSING;
    }
}

void virtual_stream_close(struct sim_world *w, sim_stream s)
{
    struct sim_virtual *v = virtual_of(w);
    struct virtual_end *end = virtual_end_of(v, s);
    uint32_t id = (uint32_t)s - 2;

    if (end == NULL || end->state == VIRTUAL_END_TELLING) {
        return;
    }
    if (end->state == VIRTUAL_END_OPEN) {
        close_open(v, id);
        return;
    }
    if (end->state == VIRTUAL_END_DIALING) {
        reset_other(v, id);
    }
    end_dies(v, id);
}

void virtual_stream_set_tag(struct sim_world *w, sim_stream s, uint64_t tag)
{
    struct virtual_end *end = virtual_end_of(virtual_of(w), s);

    if (end != NULL) {
        end->tag = tag;
    }
}

uint64_t virtual_stream_tag(struct sim_world *w, sim_stream s)
{
    const struct virtual_end *end = virtual_end_of(virtual_of(w), s);

    return end != NULL ? end->tag : 0;
}

/* ---- Faults ---- */

static void freeze(struct sim_virtual *v, uint32_t id)
{
    struct virtual_conn *c = virtual_conn_at(v, id);

    c->frozen = true;
    virtual_stream_freeze(v, id);
    virtual_stream_freeze(v, id ^ 1);
    if (c->ends[0].state == VIRTUAL_END_DIALING) {
        limit_dial(v, id & ~1U); /* the answer may never come */
    }
}

static void thaw(struct sim_virtual *v, uint32_t id)
{
    struct virtual_conn *c = virtual_conn_at(v, id);
    sim_stream handle = virtual_stream_handle(v, id);

    c->frozen = false;
    if (c->parked != NULL) {
        virtual_stream_post(v, id, VIRTUAL_STREAM_THAW, 0);
    }
    virtual_stream_thaw(v, id);
    if (virtual_stream_find(v, handle, &id)) {
        virtual_stream_thaw(v, id ^ 1);
    }
}

/* The node of this end falls silent: the other one waits for ever. */
static void fall_silent(struct sim_virtual *v, uint32_t id)
{
    struct virtual_conn *c = virtual_conn_at(v, id);
    uint8_t other = c->ends[(id & 1) ^ 1].state;
    sim_stream handle = virtual_stream_handle(v, id);

    if (other == VIRTUAL_END_CLOSING) { /* nobody is there to take the rest */
        end_dies(v, id ^ 1);
    } else if (other != VIRTUAL_END_NOBODY && other != VIRTUAL_END_DEAD && !c->frozen) {
        freeze(v, id);
    }
    if (virtual_stream_find(v, handle, &id)) {
        virtual_conn_at(v, id)->gone = true;
        end_dies(v, id);
    }
}

void virtual_streams_down(struct sim_virtual *v, uint32_t node, bool silent)
{
    for (uint32_t next, i = v->nodes[node].conns; i != 0; i = next) {
        uint32_t id = i - 1;
        uint8_t state = virtual_end_at(v, id)->state;

        next = virtual_end_at(v, id)->next;
        if (state == VIRTUAL_END_DEAD) {
            continue; /* its reset is on its way */
        }
        if (silent) {
            fall_silent(v, id);
            continue;
        }
        if (state != VIRTUAL_END_CLOSED) {
            reset_other(v, id);
        }
        end_dies(v, id);
    }
}

void virtual_streams_regroup(struct sim_virtual *v, uint32_t node)
{
    for (uint32_t next, i = v->nodes[node].conns; i != 0; i = next) {
        uint32_t id = i - 1;
        const struct virtual_conn *c = virtual_conn_at(v, id);
        uint32_t other = c->ends[(id & 1) ^ 1].node;
        bool frozen;

        next = c->ends[id & 1].next;
        if (c->gone || other == VIRTUAL_NONE) {
            continue;
        }
        frozen = v->nodes[node].group != v->nodes[other].group;
        if (frozen && !c->frozen) {
            freeze(v, id);
        } else if (!frozen && c->frozen) {
            thaw(v, id);
        }
    }
}

void virtual_streams_drop_file(struct sim_virtual *v, uint32_t node, uint64_t file)
{
    for (uint32_t next, i = v->nodes[node].conns; i != 0; i = next) {
        uint32_t id = i - 1;
        const struct virtual_body *out = virtual_body_from(v, id);
        const struct virtual_body *in = virtual_body_from(v, id ^ 1);

        next = virtual_end_at(v, id)->next;
        if ((out != NULL && out->file == file) || (in != NULL && in->in_file == file)) {
            fail_soon(v, id, SIM_ECLOSED);
        }
    }
}
