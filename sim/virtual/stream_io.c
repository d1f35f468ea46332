/* sim/virtual/stream_io.c -- streams between nodes: messages and bodies. See stream.h and inner.h.
 *
 * A message is an event that carries its bytes. A body is a flow in its sender's port (port.c):
 * nothing happens while it moves, unless the receiver wants to be told. How much of it is there is
 * reckoned when somebody asks: what had left the port one latency ago.
 *
 * Bytes of a body have no place among messages here. Where a node would read them as messages, or
 * messages as a body (lengths that do not agree), the stream ends with SIM_EPROTO; in sim/live the
 * node finds out for itself. */
#include <assert.h>
#include <string.h>

#include "sim/virtual/stream.h"

/* ---- How much of the bodies has arrived ---- */

/* Position up to which bytes have reached the receiver by now. */
static uint64_t arrived(const struct sim_virtual *v, const struct virtual_body *b)
{
    sim_duration latency = virtual_stream_latency(v, b->end);
    uint64_t at = b->tail_to;

    if (b->tail_at == SIM_NEVER) {
        at = b->tail_from;
    } else if (v->now - b->tail_at < latency) {
        unsigned __int128 rest = b->tail_to - b->tail_from;

        at = b->tail_from + (uint64_t)(rest * (v->now - b->tail_at) / latency);
    } else if (b->in_port) {
        const struct virtual_end *end = virtual_end_at(v, b->end);
        uint64_t sent = b->base + virtual_port_sent(v, end->node, end->body - 1, v->now - latency);

        at = sent > at ? sent : at;
    }
    return at > b->in_at ? at : b->in_at;
}

/* In which way the bytes up to `position` are wrong; 0: right. */
static uint64_t taint_of(const struct virtual_body *b, uint64_t position)
{
    if (position <= b->tail_to) {
        return b->tail_taint;
    }
    if (b->flips && position <= b->base + b->len / 2) {
        return b->tainted ? b->taint : 0;
    }
    return b->taint;
}

/* What has left up to this position is on its way: it arrives without the port's help. */
static void cut_tail(const struct sim_virtual *v, struct virtual_body *b, uint64_t position)
{
    uint64_t from = arrived(v, b), taint = taint_of(b, position);

    if (taint == 0 && from < b->tail_to) {
        taint = b->tail_taint;
    }
    b->tail_from = from;
    b->tail_to = position;
    b->tail_taint = taint;
    b->tail_at = v->now;
}

/* It leaves the port, for a while or for ever. */
static void halt(struct sim_virtual *v, struct virtual_body *b)
{
    const struct virtual_end *end = virtual_end_at(v, b->end);

    if (b->in_port) {
        cut_tail(v, b, b->base + virtual_port_sent(v, end->node, end->body - 1, v->now));
        virtual_port_remove(v, end->node, end->body - 1);
    }
}

uint64_t virtual_stream_received(struct sim_virtual *v, uint64_t end)
{
    const struct virtual_body *b;
    uint64_t at;

    if (virtual_end_of(v, end) == NULL) {
        return 0;
    }
    b = virtual_body_from(v, ((uint32_t)end - 2) ^ 1);
    if (b == NULL || b->in_file == 0) {
        return 0;
    }
    at = arrived(v, b);
    return (at < b->in_to ? at : b->in_to) - b->in_from;
}

void virtual_streams_reckon(struct sim_virtual *v)
{
    if (v->reckoned_at == v->now && v->reckoned_events == v->events) {
        return;
    }
    v->reckoned_at = v->now;
    v->reckoned_events = v->events;
    for (uint32_t i = 0; i < v->sites_len; i++) {
        v->sites[i].lan_under_way = 0;
    }
    for (uint32_t i = 0; i < v->bodies.len; i++) {
        const struct virtual_body *b = virtual_body_at(v, i);

        if (b->generation % 2 == 1 && b->in_file != 0) {
            uint64_t at = arrived(v, b);

            at = at < b->in_to ? at : b->in_to;
            virtual_site_of(v, virtual_end_at(v, b->end)->node)->lan_under_way += at - b->in_at;
        }
    }
}

/* ---- Who is told when ---- */

/* The position that the receiver must be told of although no body ends there; 0: none. */
static uint64_t wanted(const struct virtual_body *b)
{
    uint64_t end = b->base + (b->file != 0 ? b->len : 0);

    if (b->notify_every > 0) {
        uint64_t left = b->notify_every - (b->in_at - b->in_from) % b->notify_every;

        if (left < b->in_to - b->in_at) {
            uint64_t at = b->in_at + left;

            return at < end && at != b->base ? at : 0;
        }
    }
    /* A body that is longer than what is expected: the receiver has its own at once. */
    return b->file != 0 && b->base < b->in_to && b->in_to < end ? b->in_to : 0;
}

/* Of a position that lies in the tail: when it arrives. */
static sim_duration rest_of_tail(const struct sim_virtual *v, const struct virtual_body *b,
                                 uint64_t position)
{
    sim_duration latency = virtual_stream_latency(v, b->end);
    unsigned __int128 rest = b->tail_to - b->tail_from, part;

    if (position <= b->tail_from) {
        return 0;
    }
    part = ((unsigned __int128)(position - b->tail_from) * latency + rest - 1) / rest;
    return sim_time_since(sim_time_add(b->tail_at, (sim_duration)part), v->now);
}

/* After every change of what is sent or expected: sees to it that the receiver is told next. */
static void arm(struct sim_virtual *v, uint32_t sender)
{
    struct virtual_body *b = virtual_body_from(v, sender);
    uint64_t position;
    sim_duration delay;

    if (b == NULL || b->in_file == 0 || b->tail_at == SIM_NEVER || (position = wanted(b)) == 0) {
        return;
    }
    if (position <= b->tail_to) {
        delay = rest_of_tail(v, b, position);
    } else if (b->in_port) {
        const struct virtual_end *end = virtual_end_at(v, sender);
        sim_time when = virtual_port_when(v, end->node, end->body - 1, position - b->base);

        if (when == SIM_NEVER) {
            b->mark = position - b->base;
            virtual_port_look(v, end->node);
            return;
        }
        when = sim_time_add(when, virtual_stream_latency(v, sender));
        delay = sim_time_since(when, v->now);
    } else {
        return; /* it has not begun to leave */
    }
    virtual_stream_post(v, sender ^ 1, VIRTUAL_STREAM_BODY, delay)->b = position;
}

/* ---- Out ---- */

static struct virtual_body *body_make(struct sim_virtual *v, uint32_t id)
{
    struct virtual_body *b = virtual_body_from(v, id);
    uint32_t index;

    if (b != NULL) {
        return b;
    }
    index = virtual_pool_add(&v->bodies);
    if (index == VIRTUAL_NONE) {
        v->out_of_memory = true;
        return NULL;
    }
    virtual_end_at(v, id)->body = index + 1;
    b = virtual_body_at(v, index);
    b->end = id;
    b->tail_at = virtual_conn_at(v, id)->frozen ? SIM_NEVER : v->now;
    return b;
}

static void send_chunk(struct sim_virtual *v, uint32_t id, struct virtual_chunk *chunk)
{
    virtual_stream_post(v, id ^ 1, VIRTUAL_STREAM_MESSAGE, virtual_stream_latency(v, id))->chunk =
        chunk;
    chunk->mark = 0;
    v->said = chunk;
    v->said_by = id;
    v->said_in = v->events;
}

void virtual_stream_flush(struct sim_virtual *v, uint32_t id)
{
    struct virtual_end *end = virtual_end_at(v, id);
    struct virtual_body *b = virtual_body_from(v, id);
    bool has_body = b != NULL && b->file != 0;

    if ((end->state != VIRTUAL_END_OPEN && end->state != VIRTUAL_END_CLOSING) ||
        virtual_conn_at(v, id)->frozen) {
        return;
    }
    while (end->queue != NULL && !(has_body && end->queue->mark != 0)) {
        struct virtual_chunk *chunk = end->queue;

        end->queue = chunk->next;
        end->queue_bytes -= chunk->len;
        send_chunk(v, id, chunk);
    }
    if (has_body && !b->begun) {
        b->begun = true;
        virtual_port_add(v, end->node, end->body - 1);
        arm(v, id);
    } else if (!has_body && end->state == VIRTUAL_END_CLOSING) {
        virtual_stream_finish(v, id);
    }
}

int virtual_stream_send(struct sim_world *w, sim_stream s, const void *bytes, size_t len)
{
    struct sim_virtual *v = virtual_of(w);
    struct virtual_end *end = virtual_end_of(v, s);
    const struct virtual_body *b;
    struct virtual_chunk *chunk;
    uint32_t id = (uint32_t)s - 2;
    bool waits;

    if (end == NULL || end->state != VIRTUAL_END_OPEN || len == 0 || len > SIM_WORLD_MESSAGE_MAX) {
        return SIM_EINVAL;
    }
    b = virtual_body_from(v, id);
    waits = (b != NULL && b->file != 0) || virtual_conn_at(v, id)->frozen;
    if (waits && end->queue_bytes + len > VIRTUAL_QUEUE_MAX) {
        return SIM_ELIMIT;
    }
    chunk = virtual_chunk_new(&v->chunks, bytes, len);
    if (chunk == NULL) {
        v->out_of_memory = true;
        return SIM_ENOMEM;
    }
    if (!waits) {
        send_chunk(v, id, chunk);
        return 0;
    }
    chunk->mark = b != NULL && b->file != 0;
    if (end->queue != NULL) {
        end->queue_last->next = chunk;
    } else {
        end->queue = chunk;
    }
    end->queue_last = chunk;
    end->queue_bytes += (uint32_t)len;
    return 0;
}

int virtual_stream_send_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t offset,
                             uint64_t len)
{
    struct sim_virtual *v = virtual_of(w);
    struct virtual_end *end = virtual_end_of(v, s);
    const struct virtual_file *f = virtual_file_of(v, file);
    uint64_t size = f != NULL ? virtual_file_size(w, file) : 0;
    uint32_t id = (uint32_t)s - 2;
    struct virtual_body *b;

    if (end == NULL || end->state != VIRTUAL_END_OPEN || f == NULL || f->node != end->node ||
        offset > size || len > size - offset) {
        return SIM_EINVAL;
    }
    b = virtual_body_from(v, id);
    if (b != NULL && (b->file != 0 || len > UINT64_MAX - b->base)) {
        return SIM_EINVAL;
    }
    b = body_make(v, id);
    if (b == NULL) {
        return SIM_ENOMEM;
    }
    b->file = file;
    b->len = b->mark = len;
    b->begun = false;
    b->service = 0;
    b->taint = f->taint;
    b->tainted = f->taint != 0;
    b->flips = v->nodes[end->node].corrupt && len > 0;
    if (b->flips) { /* the same byte of the same file is wrong in the same way, as in sim/live */
        b->taint = sim_rng_mix(sim_rng_mix(f->taint ^ (v->config.first_node + end->node)) ^
                               (offset + len / 2)) |
                   1;
    }
    virtual_stream_flush(v, id);
    return 0;
}

void virtual_stream_mark(struct sim_virtual *v, uint32_t body)
{
    struct virtual_body *b = virtual_body_at(v, body);

    virtual_stream_post(v, b->end ^ 1, VIRTUAL_STREAM_BODY, virtual_stream_latency(v, b->end))->b =
        b->base + b->mark;
    b->mark = b->len;
}

void virtual_stream_left(struct sim_virtual *v, uint32_t body)
{
    struct virtual_body *b = virtual_body_at(v, body);
    uint32_t id = b->end;
    sim_stream handle = virtual_stream_handle(v, id);
    const struct virtual_node *n = &v->nodes[virtual_end_at(v, id)->node];

    cut_tail(v, b, b->base + b->len);
    virtual_port_remove(v, virtual_end_at(v, id)->node, body);
    b->base += b->len;
    b->file = 0;
    if (b->len > 0) {
        virtual_stream_post(v, id ^ 1, VIRTUAL_STREAM_BODY, virtual_stream_latency(v, id))->b =
            b->base;
    }
    virtual_say(v, "a body of %llu bytes has left", (unsigned long long)b->len);
    virtual_stream_flush(v, id); /* what waited behind it is before what the node sends now */
    if (virtual_stream_find(v, handle, &id) && virtual_end_at(v, id)->state == VIRTUAL_END_OPEN) {
        v->notices++;
        n->ops->body_sent(n->self, v->now, handle);
    }
}

void virtual_stream_stop(struct sim_virtual *v, uint32_t id)
{
    struct virtual_end *end = virtual_end_at(v, id);
    struct virtual_body *b = virtual_body_from(v, id);

    virtual_stream_free_chunks(v, &end->queue);
    end->queue_bytes = 0;
    if (b != NULL && b->file != 0) {
        halt(v, b);
        b->base = b->tail_to;
        b->file = 0;
    }
}

void virtual_stream_freeze(struct sim_virtual *v, uint32_t id)
{
    struct virtual_body *b = virtual_body_from(v, id);

    if (b != NULL) {
        halt(v, b);
        cut_tail(v, b, b->tail_to);
        b->tail_at = SIM_NEVER;
    }
}

void virtual_stream_thaw(struct sim_virtual *v, uint32_t id)
{
    struct virtual_body *b = virtual_body_from(v, id);

    if (b != NULL) {
        b->tail_at = v->now;
        if (b->file != 0 && b->begun) {
            virtual_port_add(v, virtual_end_at(v, id)->node, virtual_end_at(v, id)->body - 1);
        }
        arm(v, id);
    }
    virtual_stream_flush(v, id);
}

/* ---- In: bodies ---- */

static bool is_receiving(const struct sim_virtual *v, uint32_t id)
{
    const struct virtual_body *b = virtual_body_from(v, id ^ 1);

    return b != NULL && b->in_file != 0;
}

static void settle(struct sim_virtual *v, uint32_t id, struct virtual_body *b, uint64_t position)
{
    struct virtual_end *end = virtual_end_at(v, id);
    uint64_t len = position - b->in_at;

    if (len > 0) {
        virtual_file_append(v, b->in_file, len, taint_of(b, position));
        virtual_site_of(v, end->node)->stats.lan_payload_bytes += len;
        b->in_at = position;
        end->in_got += len;
    }
}

static void receive_no_more(struct sim_virtual *v, uint32_t id, struct virtual_body *b)
{
    struct virtual_file *f = virtual_file_of(v, b->in_file);

    if (f != NULL) {
        f->incoming = 0;
    }
    b->in_file = 0;
    virtual_end_at(v, id)->in_got = 0;
}

void virtual_stream_deafen(struct sim_virtual *v, uint32_t id)
{
    struct virtual_body *b = virtual_body_from(v, id ^ 1);

    if (b != NULL && b->in_file != 0) {
        uint64_t at = arrived(v, b);

        settle(v, id, b, at < b->in_to ? at : b->in_to);
        receive_no_more(v, id, b);
    }
}

/* The whole body is there. `position`: what has arrived of all. */
static void tell_whole(struct sim_virtual *v, uint32_t id, struct virtual_body *b,
                       uint64_t position)
{
    const struct virtual_node *n = &v->nodes[virtual_end_at(v, id)->node];
    sim_stream handle = virtual_stream_handle(v, id);
    bool is_long =
        position > b->in_to || (b->file != 0 && b->base < b->in_to && b->in_to - b->base < b->len);

    receive_no_more(v, id, b);
    v->notices++;
    n->ops->body_received(n->self, v->now, handle);
    if (is_long && virtual_stream_find(v, handle, &id) &&
        virtual_end_at(v, id)->state == VIRTUAL_END_OPEN) {
        virtual_stream_break(v, id, SIM_EPROTO);
    }
}

void virtual_stream_body(struct sim_virtual *v, uint32_t id, uint64_t position)
{
    struct virtual_body *b = virtual_body_from(v, id ^ 1);
    const struct virtual_node *n = &v->nodes[virtual_end_at(v, id)->node];
    sim_stream handle = virtual_stream_handle(v, id);
    uint64_t was = b->in_at, to = arrived(v, b);

    if (position <= was) {
        return; /* known already */
    }
    if (b->in_file == 0) {
        virtual_stream_break(v, id, SIM_EPROTO);
        return;
    }
    to = position > to ? position : to; /* more has come since when it waited at a partition */
    to = to < b->in_to ? to : b->in_to;
    settle(v, id, b, to);
    if (to == b->in_to) {
        tell_whole(v, id, b, position);
        return;
    }
    if (b->notify_every > 0 &&
        (to - b->in_from) / b->notify_every > (was - b->in_from) / b->notify_every) {
        v->notices++;
        n->ops->body_progress(n->self, v->now, handle, virtual_file_of(v, b->in_file)->size);
    }
    if (virtual_stream_find(v, handle, &id)) {
        arm(v, id ^ 1);
    }
}

int virtual_receive_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t len,
                         uint64_t notify_every)
{
    struct sim_virtual *v = virtual_of(w);
    struct virtual_end *end = virtual_end_of(v, s);
    struct virtual_file *f = virtual_file_of(v, file);
    uint32_t id = (uint32_t)s - 2;
    struct virtual_body *b;

    if (end == NULL || v->reading != s || end->state != VIRTUAL_END_OPEN || f == NULL ||
        f->node != end->node || f->sealed || f->incoming != 0 || end->is_empty ||
        is_receiving(v, id)) {
        return SIM_EINVAL;
    }
    if (len == 0) {
        end->is_empty = true;
        virtual_stream_post(v, id, VIRTUAL_STREAM_EMPTY, 0);
        return 0;
    }
    b = body_make(v, id ^ 1);
    if (b == NULL) {
        return SIM_ENOMEM;
    }
    if (len > UINT64_MAX - b->in_at) {
        return SIM_EINVAL;
    }
    b->in_file = file;
    b->in_from = b->in_at;
    b->in_to = b->in_at + len;
    b->notify_every = notify_every;
    f->incoming = s;
    f->from_fetch = false;
    arm(v, id ^ 1);
    return 0;
}

/* ---- In: messages ---- */

static void hold(struct sim_virtual *v, struct virtual_chunk **where, const uint8_t *bytes,
                 size_t len, bool needs_more)
{
    struct virtual_chunk *chunk = virtual_chunk_new(&v->chunks, bytes, len);

    if (chunk == NULL) {
        v->out_of_memory = true;
        return;
    }
    chunk->mark = needs_more;
    chunk->next = *where;
    *where = chunk;
}

/* Gives bytes to the node, over and over until it wants no more; returns what it consumed. */
static size_t offer(struct sim_virtual *v, sim_stream handle, const uint8_t *bytes, size_t len)
{
    uint32_t id = (uint32_t)handle - 2;
    size_t at = 0, used = 1;

    while (at < len && used > 0) {
        const struct virtual_end *end = virtual_end_at(v, id);
        const struct virtual_node *n = &v->nodes[end->node];

        v->reading = handle;
        v->notices++;
        used = n->ops->stream_input(n->self, v->now, handle, bytes + at, len - at);
        v->reading = 0;
        assert(used <= len - at);
        at += used;
        if (!virtual_stream_find(v, handle, &id) ||
            virtual_end_at(v, id)->state != VIRTUAL_END_OPEN) {
            return len;
        }
        if (virtual_end_at(v, id)->is_empty || is_receiving(v, id)) {
            break;
        }
    }
    return at;
}

/* Puts what was not consumed back before what came later. False when the stream has ended. */
static bool put_back(struct sim_virtual *v, uint32_t id, const uint8_t *bytes, size_t len)
{
    struct virtual_end *end = virtual_end_at(v, id);

    if (len == 0) {
        return true;
    }
    /* Behind the announcement of a body is the body. */
    if (is_receiving(v, id) || (!end->is_empty && len >= SIM_WORLD_MESSAGE_MAX)) {
        virtual_stream_break(v, id, SIM_EPROTO);
        return false;
    }
    if (len > SIM_WORLD_MESSAGE_MAX) {
        size_t first = SIM_WORLD_MESSAGE_MAX;

        hold(v, &end->held, bytes + first, len - first, false);
        len = first;
    }
    hold(v, &end->held, bytes, len, !end->is_empty);
    return true;
}

/* The first of what is held, together with the next one when the node needed more. False when there
 * is nothing more to do. */
static bool feed_once(struct sim_virtual *v, sim_stream handle)
{
    uint32_t id;
    struct virtual_end *end;
    struct virtual_chunk *first, *next;
    uint8_t joined[2 * SIM_WORLD_MESSAGE_MAX];
    const uint8_t *bytes;
    size_t len, used;
    bool more;

    if (!virtual_stream_find(v, handle, &id)) {
        return false;
    }
    end = virtual_end_at(v, id);
    first = end->held;
    if (end->state != VIRTUAL_END_OPEN || end->is_empty || first == NULL ||
        (first->mark != 0 && first->next == NULL)) {
        return false;
    }
    if (is_receiving(v, id)) { /* the body is not whole, yet here is a message */
        virtual_stream_break(v, id, SIM_EPROTO);
        return false;
    }
    bytes = first->bytes;
    len = first->len;
    next = NULL;
    end->held = first->next;
    if (first->mark != 0) {
        next = first->next;
        end->held = next->next;
        memcpy(joined, first->bytes, first->len);
        memcpy(joined + first->len, next->bytes, next->len);
        bytes = joined;
        len += next->len;
    }
    used = offer(v, handle, bytes, len);
    more = virtual_stream_find(v, handle, &id) &&
           virtual_end_at(v, id)->state == VIRTUAL_END_OPEN &&
           put_back(v, id, bytes + used, len - used);
    virtual_chunk_free(&v->chunks, first);
    virtual_chunk_free(&v->chunks, next);
    return more;
}

/* Behind other bytes that are held. */
static void join_held(struct sim_virtual *v, uint32_t id, struct virtual_chunk *chunk)
{
    struct virtual_chunk **last = &virtual_end_at(v, id)->held;

    while (*last != NULL) {
        last = &(*last)->next;
    }
    chunk->next = NULL;
    chunk->mark = 0;
    *last = chunk;
}

void virtual_stream_message(struct sim_virtual *v, uint32_t id, struct virtual_chunk *chunk)
{
    const struct virtual_end *end = virtual_end_at(v, id);
    sim_stream handle = virtual_stream_handle(v, id);
    size_t len = chunk->len, used;

    if (end->held != NULL || end->is_empty || is_receiving(v, id)) {
        join_held(v, id, chunk);
        while (feed_once(v, handle)) {
        }
        return;
    }
    /* Nearly always: a message, whole, and nothing else. */
    used = offer(v, handle, chunk->bytes, len);
    if (used < len && put_back(v, id, chunk->bytes + used, len - used)) {
        while (feed_once(v, handle)) {
        }
    }
    virtual_chunk_free(&v->chunks, chunk);
}

void virtual_stream_empty(struct sim_virtual *v, uint32_t id)
{
    struct virtual_end *end = virtual_end_at(v, id);
    const struct virtual_node *n = &v->nodes[end->node];
    sim_stream handle = virtual_stream_handle(v, id);

    end->is_empty = false;
    v->notices++;
    n->ops->body_received(n->self, v->now, handle);
    while (feed_once(v, handle)) {
    }
}
