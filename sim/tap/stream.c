/* sim/tap/stream.c -- streams between phones become TCP connections. See inner.h.
 *
 * Both ends of a stream are in the same world object, so one struct knows both: the dial gives it,
 * and the peer that is told of a stream from that address finds it again. What an end says goes to
 * a queue while a body is in front of it, as in the worlds; a body moves as its receiver's copy
 * grows. Before anything new is told of a connection, its bodies are told up to that instant: so
 * numbers never run backwards. */
#include <stdlib.h>
#include <string.h>

#include "sim/tap/inner.h"

/* A message, or a body that is to be sent. */
struct tap_item {
    struct tap_item *next;
    bool is_body;
    uint64_t len;
    struct tap_body body;
    uint8_t bytes[];
};

/* What one end sends. */
struct tap_way {
    struct tap_item *queue;         /* a body is only ever first while it moves */
    uint64_t done;                  /* bytes of it that were told */
    sim_time since;                 /* when they were */
    uint64_t whole, sent, received; /* bodies: told, left, arrived */
    uint64_t asked;                 /* bodies that the other end began to receive */
    sim_file in_file;               /* the other end's copy, of the latest of these */
    uint64_t in_size;               /* of it, then */
    uint64_t every;                 /* live: what its node wants to be told of */
    bool ends;                      /* closed behind the queue */
};

enum tap_state { TAP_NOBODY, TAP_DIALING, TAP_OPEN, TAP_OVER };

struct tap_stream {
    struct tap_stream *next, *before;
    struct tap_tcp tcp;
    sim_stream handles[2]; /* 0: dead, or not known yet */
    uint8_t states[2];     /* enum tap_state; 0: who dialed */
    bool shaken;           /* SYN-ACK and ACK were seen */
    struct tap_way ways[2];
};

/* Sides are the low bit of a pointer in the map: structs are aligned. */
static bool remember(struct sim_tap_world *t, sim_stream handle, struct tap_stream *s,
                     unsigned side)
{
    s->handles[side] = handle;
    if (!tap_map_put(&t->streams, handle, (uint8_t *)s + side)) {
        t->failed = true;
        return false;
    }
    return true;
}

static struct tap_stream *find(const struct sim_tap_world *t, sim_stream handle, unsigned *side)
{
    uint8_t *found = handle != 0 ? tap_map_get(&t->streams, handle) : NULL;

    *side = (unsigned)((uintptr_t)found & 1);
    return found != NULL ? (struct tap_stream *)(void *)(found - *side) : NULL;
}

static void forget(struct sim_tap_world *t, struct tap_stream *s, unsigned side)
{
    if (s->handles[side] != 0) {
        tap_map_remove(&t->streams, s->handles[side]);
        s->handles[side] = 0;
    }
    s->states[side] = TAP_OVER;
}

static void free_stream(struct sim_tap_world *t, struct tap_stream *s)
{
    for (unsigned side = 0; side < 2; side++) {
        while (s->ways[side].queue != NULL) {
            struct tap_item *next = s->ways[side].queue->next;
            free(s->ways[side].queue);
            s->ways[side].queue = next;
        }
    }
    if (s->next != NULL) {
        s->next->before = s->before;
    }
    *(s->before != NULL ? &s->before->next : &t->all_streams) = s->next;
    free(s);
}

static void free_if_over(struct sim_tap_world *t, struct tap_stream *s)
{
    if (s->states[0] == TAP_OVER && s->states[1] == TAP_OVER) {
        free_stream(t, s);
    }
}

/* ---- What moves ---- */

static void pop(struct tap_way *w)
{
    struct tap_item *first = w->queue;
    w->queue = first->next;
    free(first);
}

/* The body in front is told up to `to` bytes. */
static void advance(struct sim_tap_world *t, struct tap_stream *s, unsigned side, uint64_t to,
                    sim_time now)
{
    struct tap_way *w = &s->ways[side];

    if (to > w->done) {
        tap_tcp_body(t, &s->tcp, side, &w->queue->body, w->done, to, w->since, now);
        w->done = to;
        w->since = now;
    }
}

static bool moves(const struct tap_way *w)
{
    return w->queue != NULL && w->queue->is_body;
}

static void settle_way(struct sim_tap_world *t, struct tap_stream *s, unsigned side, sim_time now)
{
    struct tap_way *w = &s->ways[side];

    if (moves(w) && w->in_file != 0 && w->asked == w->whole + 1) {
        uint64_t size = sim_world_file_size(t->inner, w->in_file);
        uint64_t got = size > w->in_size ? size - w->in_size : 0;

        advance(t, s, side, got < w->queue->len ? got : w->queue->len, now);
    }
}

static void settle(struct sim_tap_world *t, struct tap_stream *s, sim_time now)
{
    settle_way(t, s, 0, now);
    settle_way(t, s, 1, now);
}

/* Messages that nothing is in front of any more, and the end. */
static void flush(struct sim_tap_world *t, struct tap_stream *s, unsigned side, sim_time now)
{
    struct tap_way *w = &s->ways[side];

    while (w->queue != NULL && !w->queue->is_body) {
        tap_tcp_send(t, &s->tcp, side, now, SIM_TAP_PSH | SIM_TAP_ACK, w->queue->bytes,
                     (size_t)w->queue->len, (size_t)w->queue->len);
        pop(w);
    }
    w->done = 0;
    w->since = now;
    if (w->queue == NULL && w->ends) {
        tap_tcp_fin(t, &s->tcp, side, now);
    }
}

/* The body in front has all been told: whoever says so first, its sender or its receiver. */
static void whole(struct sim_tap_world *t, struct tap_stream *s, unsigned side, sim_time now)
{
    struct tap_way *w = &s->ways[side];

    if (moves(w)) {
        settle_way(t, s, side ^ 1, now);
        advance(t, s, side, w->queue->len, now);
        w->whole++;
        pop(w);
        flush(t, s, side, now);
    }
}

static void enqueue(struct sim_tap_world *t, struct tap_stream *s, unsigned side,
                    struct tap_item *item, sim_time now)
{
    struct tap_item **last = &s->ways[side].queue;
    bool is_first = *last == NULL;

    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = item;
    if (is_first) {
        settle(t, s, now);
        flush(t, s, side, now);
    }
}

static struct tap_item *item_new(struct sim_tap_world *t, const void *bytes, size_t len)
{
    struct tap_item *item = calloc(1, sizeof(*item) + len);

    if (item == NULL) {
        t->failed = true;
        return NULL;
    }
    if (len > 0) {
        memcpy(item->bytes, bytes, len);
    }
    item->len = len;
    return item;
}

/* ---- Calls ---- */

int tap_dial(struct sim_world *world, sim_node node, sim_addr to, sim_stream *out)
{
    struct sim_tap_world *t = tap_of(world);
    int rc = sim_world_dial(t->inner, node, to, out);
    struct tap_node *n = tap_node_of(t, node), *other = tap_map_get(&t->by_addr, to);
    struct tap_stream *s = rc == 0 && n != NULL ? calloc(1, sizeof(*s)) : NULL;
    sim_time now = sim_world_now(t->inner);

    if (s == NULL) {
        t->failed |= rc == 0 && n != NULL;
        return rc;
    }
    s->next = t->all_streams;
    if (s->next != NULL) {
        s->next->before = s;
    }
    t->all_streams = s;
    s->states[0] = TAP_DIALING;
    s->tcp.ends[0] = (struct tap_end){.node = node, .addr = n->addr, .port = tap_port(n)};
    s->tcp.ends[1] = (struct tap_end){.node = other != NULL ? other->number : SIM_NODE_NONE,
                                      .addr = to,
                                      .port = t->config.peer_port};
    tap_tcp_init(&s->tcp, n->site, now);
    remember(t, *out, s, 0);
    tap_tcp_send(t, &s->tcp, 0, now, SIM_TAP_SYN, NULL, 0, 0);
    return rc;
}

int tap_stream_send(struct sim_world *world, sim_stream handle, const void *bytes, size_t len)
{
    struct sim_tap_world *t = tap_of(world);
    int rc = sim_world_stream_send(t->inner, handle, bytes, len);
    unsigned side;
    struct tap_stream *s = rc == 0 ? find(t, handle, &side) : NULL;
    struct tap_item *item = s != NULL ? item_new(t, bytes, len) : NULL;

    if (item != NULL) {
        enqueue(t, s, side, item, sim_world_now(t->inner));
    }
    return rc;
}

int tap_stream_send_body(struct sim_world *world, sim_stream handle, sim_file file, uint64_t offset,
                         uint64_t len)
{
    struct sim_tap_world *t = tap_of(world);
    int rc = sim_world_stream_send_body(t->inner, handle, file, offset, len);
    unsigned side;
    struct tap_stream *s = rc == 0 ? find(t, handle, &side) : NULL;
    struct tap_item *item = s != NULL ? item_new(t, NULL, 0) : NULL;

    if (item != NULL) {
        item->is_body = true;
        item->len = len;
        item->body = (struct tap_body){.content = tap_map_get(&t->files, file), .offset = offset};
        enqueue(t, s, side, item, sim_world_now(t->inner));
    }
    return rc;
}

int tap_receive_body(struct sim_world *world, sim_stream handle, sim_file file, uint64_t len,
                     uint64_t notify_every)
{
    struct sim_tap_world *t = tap_of(world);
    uint64_t size = sim_world_file_size(t->inner, file);
    uint64_t every = notify_every == 0 && t->config.asks_progress ? TAP_PROGRESS : notify_every;
    int rc = sim_world_receive_body(t->inner, handle, file, len, every);
    unsigned side;
    struct tap_stream *s = rc == 0 ? find(t, handle, &side) : NULL;

    if (s != NULL) {
        struct tap_way *w = &s->ways[side ^ 1];
        w->asked++;
        w->in_file = file;
        w->in_size = size;
        w->every = notify_every;
    }
    return rc;
}

void tap_stream_close(struct sim_world *world, sim_stream handle)
{
    struct sim_tap_world *t = tap_of(world);
    sim_time now = sim_world_now(t->inner);
    unsigned side;
    struct tap_stream *s = find(t, handle, &side);

    if (s != NULL) {
        settle(t, s, now); /* before the copies stop growing */
    }
    sim_world_stream_close(t->inner, handle);
    if (s == NULL) {
        return;
    }
    bool was_open = s->states[side] == TAP_OPEN;
    forget(t, s, side);
    if (was_open) {
        s->ways[side].ends = true;
        if (s->ways[side].queue == NULL) {
            tap_tcp_fin(t, &s->tcp, side, now);
        }
    }
    free_if_over(t, s);
}

/* ---- Notices ---- */

/* The oldest dial from `peer` to this node that nobody has taken: one that was answered already,
 * else one that waits, else one that was given up. */
static struct tap_stream *taken(const struct sim_tap_world *t, const struct tap_node *n,
                                sim_addr peer)
{
    static const uint8_t order[] = {TAP_OPEN, TAP_DIALING, TAP_OVER};

    for (size_t i = 0; i < sizeof(order); i++) {
        struct tap_stream *oldest = NULL;

        for (struct tap_stream *s = t->all_streams; s != NULL; s = s->next) {
            if (s->states[1] == TAP_NOBODY && s->states[0] == order[i] &&
                s->tcp.ends[0].addr == peer && s->tcp.ends[1].addr == n->addr) {
                oldest = s; /* the newest come first */
            }
        }
        if (oldest != NULL) {
            return oldest;
        }
    }
    return NULL;
}

void tap_stream_opened(void *self, sim_time now, sim_stream handle, sim_addr peer, bool dialed)
{
    struct tap_node *n = self;
    struct sim_tap_world *t = n->tap;
    unsigned side = 0;
    struct tap_stream *s = dialed ? find(t, handle, &side) : taken(t, n, peer);

    if (s != NULL) {
        side = dialed ? 0 : 1;
        s->states[side] = TAP_OPEN;
        if (!dialed) {
            remember(t, handle, s, 1);
        }
        if (!s->shaken) {
            s->shaken = true;
            tap_tcp_open(t, &s->tcp, now);
        }
    }
    n->ops->stream_opened(n->self, now, handle, peer, dialed);
}

void tap_body_progress(void *self, sim_time now, sim_stream handle, uint64_t size)
{
    struct tap_node *n = self;
    unsigned side;
    struct tap_stream *s = find(n->tap, handle, &side);

    if (s != NULL) {
        settle(n->tap, s, now);
        if (s->ways[side ^ 1].every == 0) {
            return; /* the tap asked for it */
        }
    }
    n->ops->body_progress(n->self, now, handle, size);
}

void tap_body_received(void *self, sim_time now, sim_stream handle)
{
    struct tap_node *n = self;
    unsigned side;
    struct tap_stream *s = find(n->tap, handle, &side);

    if (s != NULL && ++s->ways[side ^ 1].received > s->ways[side ^ 1].whole) {
        whole(n->tap, s, side ^ 1, now);
    }
    n->ops->body_received(n->self, now, handle);
}

void tap_body_sent(void *self, sim_time now, sim_stream handle)
{
    struct tap_node *n = self;
    unsigned side;
    struct tap_stream *s = find(n->tap, handle, &side);

    if (s != NULL && ++s->ways[side].sent > s->ways[side].whole) {
        whole(n->tap, s, side, now);
    }
    n->ops->body_sent(n->self, now, handle);
}

void tap_stream_closed(void *self, sim_time now, sim_stream handle, int why)
{
    struct tap_node *n = self;
    struct sim_tap_world *t = n->tap;
    unsigned side;
    struct tap_stream *s = find(t, handle, &side);

    if (s != NULL) {
        settle(t, s, now);
        bool was_dialing = s->states[side] == TAP_DIALING;
        forget(t, s, side);
        if (why == SIM_ECLOSED) {
            tap_tcp_fin(t, &s->tcp, side ^ 1, now);
            tap_tcp_fin(t, &s->tcp, side, now);
        } else if (why == SIM_EPROTO) {
            tap_tcp_reset(t, &s->tcp, side, now);
        } else if (why != SIM_ETIMEDOUT) {
            tap_tcp_reset(t, &s->tcp, side ^ 1, now);
        }
        if (was_dialing) {
            s->states[1] = TAP_OVER; /* nobody will take it */
        }
        free_if_over(t, s);
    }
    n->ops->stream_closed(n->self, now, handle, why);
}

/* ---- All of them ---- */

void tap_streams_down(struct sim_tap_world *t, sim_node node, bool silent)
{
    sim_time now = sim_world_now(t->inner);

    for (struct tap_stream *next, *s = t->all_streams; s != NULL; s = next) {
        next = s->next;
        for (unsigned side = 0; side < 2; side++) {
            if (s->tcp.ends[side].node != node || s->handles[side] == 0) {
                continue;
            }
            settle(t, s, now);
            forget(t, s, side);
            if (!silent) {
                tap_tcp_reset(t, &s->tcp, side, now);
            }
            s->tcp.over = true;
            if (side == 0 && s->states[1] == TAP_NOBODY && silent) {
                s->states[1] = TAP_OVER;
            }
            free_if_over(t, s);
            break;
        }
    }
}

void tap_streams_sample(struct sim_tap_world *t, sim_time now)
{
    for (struct tap_stream *s = t->all_streams; s != NULL; s = s->next) {
        settle(t, s, now);
    }
}

void tap_streams_free(struct sim_tap_world *t)
{
    while (t->all_streams != NULL) {
        free_stream(t, t->all_streams);
    }
}
