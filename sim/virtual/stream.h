/* sim/virtual/stream.h -- what the two files of streams share: stream.c (life, from dial to end)
 * and stream_io.c (messages and bodies). Nobody else includes it. See inner.h.
 *
 * An end is known by its number, index << 1 | side; what arrives is addressed to the end that it
 * reaches. The latency is the same for all, so what leaves in order arrives in order. */
#ifndef SIM_VIRTUAL_STREAM_H
#define SIM_VIRTUAL_STREAM_H

#include "sim/virtual/inner.h"

/* What reaches an end; those before EMPTY come over the LAN and wait while it is frozen. */
enum virtual_stream_what {
    VIRTUAL_STREAM_SYN,     /* the dial reaches its target */
    VIRTUAL_STREAM_OPENED,  /* the answer reaches the dialer */
    VIRTUAL_STREAM_REFUSED, /* so does a refusal */
    VIRTUAL_STREAM_MESSAGE, /* chunk */
    VIRTUAL_STREAM_BODY,    /* b: bytes of bodies up to this position are there */
    VIRTUAL_STREAM_FIN,     /* the other end was closed, and all it sent has come */
    VIRTUAL_STREAM_RESET,
    VIRTUAL_STREAM_EMPTY, /* a body of no bytes is told */
    VIRTUAL_STREAM_FAIL,  /* b: why it ends, told from a turn of its own */
    VIRTUAL_STREAM_LIMIT, /* b: state of the end in which it has waited too long */
    VIRTUAL_STREAM_THAW,  /* what waited goes on, one event after another */
};

/* `mark` of a message under way: the sender's last word, so that a FIN needs no event. */
enum { VIRTUAL_CHUNK_LAST = 1 };

enum virtual_end_state {
    VIRTUAL_END_NOBODY, /* nobody has accepted the dial */
    VIRTUAL_END_DIALING,
    VIRTUAL_END_OPEN,
    VIRTUAL_END_FAILING, /* the node will be told why */
    VIRTUAL_END_TELLING, /* it is being told */
    VIRTUAL_END_CLOSING, /* closed by its node; what is queued still goes */
    VIRTUAL_END_CLOSED,  /* all has gone, the end of it too */
    VIRTUAL_END_DEAD,
};

static inline struct virtual_conn *virtual_conn_at(const struct sim_virtual *v, uint32_t id)
{
    return virtual_pool_at(&v->conns, id >> 1);
}
static inline struct virtual_end *virtual_end_at(const struct sim_virtual *v, uint32_t id)
{
    return &virtual_conn_at(v, id)->ends[id & 1];
}
/* What the end sends of bodies; NULL: nothing so far. */
static inline struct virtual_body *virtual_body_from(const struct sim_virtual *v, uint32_t id)
{
    uint32_t body = virtual_end_at(v, id)->body;

    return body != 0 ? virtual_body_at(v, body - 1) : NULL;
}
static inline sim_stream virtual_stream_handle(const struct sim_virtual *v, uint32_t id)
{
    return ((sim_stream)virtual_conn_at(v, id)->generation << 32 | id) + 2;
}
/* Is the conn of this handle still there? */
static inline bool virtual_stream_find(const struct sim_virtual *v, sim_stream s, uint32_t *id)
{
    uint32_t number = (uint32_t)s - 2;

    if ((number >> 1) >= v->conns.len || (s >> 32) % 2 == 0 ||
        virtual_conn_at(v, number)->generation != (uint32_t)(s >> 32)) {
        return false;
    }
    *id = number;
    return true;
}

static inline void virtual_stream_free_chunks(struct sim_virtual *v, struct virtual_chunk **list)
{
    while (*list != NULL) {
        struct virtual_chunk *chunk = *list;

        *list = chunk->next;
        virtual_chunk_free(&v->chunks, chunk);
    }
}

/* ---- stream.c ---- */

/* Sends something to an end: fill in the rest of the event. */
struct virtual_event *virtual_stream_post(struct sim_virtual *v, uint32_t id,
                                          enum virtual_stream_what what, sim_duration delay);
/* All that the end sent has gone: tells the other one. The conn may be gone afterwards. */
void virtual_stream_finish(struct sim_virtual *v, uint32_t id);
/* In a turn: resets the other end, tells this one. The conn may be gone afterwards. */
void virtual_stream_break(struct sim_virtual *v, uint32_t id, int why);
static inline sim_duration virtual_stream_latency(const struct sim_virtual *v, uint32_t id)
{
    return virtual_conn_at(v, id)->latency;
}

/* ---- stream_io.c ---- */

/* Lets go what may go: messages, a body, the end. The conn may be gone afterwards. */
void virtual_stream_flush(struct sim_virtual *v, uint32_t id);
/* Arrivals at an open end. The conn may be gone afterwards. */
void virtual_stream_message(struct sim_virtual *v, uint32_t id, struct virtual_chunk *chunk);
void virtual_stream_body(struct sim_virtual *v, uint32_t id, uint64_t position);
void virtual_stream_empty(struct sim_virtual *v, uint32_t id);
/* What the end sends stops here and now: body and queue. */
void virtual_stream_stop(struct sim_virtual *v, uint32_t id);
/* It takes no more: what has reached it is in the copy. */
void virtual_stream_deafen(struct sim_virtual *v, uint32_t id);
/* The body that it sends stands still, or goes on. */
void virtual_stream_freeze(struct sim_virtual *v, uint32_t id);
void virtual_stream_thaw(struct sim_virtual *v, uint32_t id);

#endif /* SIM_VIRTUAL_STREAM_H */
