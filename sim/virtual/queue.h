/* sim/virtual/queue.h -- what will happen, in order: a 4-ary heap of 16-byte keys.
 *
 * A key is an instant and a number that counts up, so that events of one instant come out in the
 * order in which they were put in. The key's low bits name the event's slot; slots are recycled and
 * never move, so nothing is allocated per event once the queue has grown to its size. An event is
 * never taken out early: who changes its mind compares on arrival (see struct virtual_node's
 * alarm).
 */
#ifndef SIM_VIRTUAL_QUEUE_H
#define SIM_VIRTUAL_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/time.h"

enum { VIRTUAL_SLOT_BITS = 24 }; /* 16.7 million pending events; 2^40 events a run */

struct virtual_chunk;

/* What an event says; the meaning is its kind's. 32 bytes. */
struct virtual_event {
    uint8_t kind; /* enum virtual_event_kind, see inner.h */
    uint8_t what;
    uint16_t reserved;
    uint32_t node; /* whom it concerns, index in the group; UINT32_MAX */
    uint64_t a;    /* handle, address, number: the kind's */
    uint64_t b;
    struct virtual_chunk *chunk; /* bytes on their way, owned by the event; NULL */
};

struct virtual_key {
    sim_time at;
    uint64_t order; /* number << VIRTUAL_SLOT_BITS | slot */
};

struct virtual_queue {
    struct virtual_key *heap;
    uint32_t len, cap; /* `len` counts the open place too */
    uint32_t peak;
    struct virtual_event *events; /* by slot; moves when the queue grows, so don't keep pointers */
    uint32_t free;                /* first free slot + 1, linked through `node`; 0: none */
    uint32_t fresh;               /* slots never used begin here */
    uint64_t number;
    bool open; /* heap[0] has been taken out and nothing has come in its place yet */
};

/* Room for `cap` events at first. 0 or SIM_ENOMEM. */
int virtual_queue_init(struct virtual_queue *q, uint32_t cap);
void virtual_queue_deinit(struct virtual_queue *q);
/* Empties it, keeps the memory. Chunks of pending events must be freed before. */
void virtual_queue_clear(struct virtual_queue *q);
/* NULL when out of memory or slots. Fill the event before the next call. */
struct virtual_event *virtual_queue_add(struct virtual_queue *q, sim_time at);
void virtual_queue_close(struct virtual_queue *q); /* the queue's own business */
/* SIM_NEVER when empty. */
static inline sim_time virtual_queue_next(struct virtual_queue *q)
{
    if (q->open) {
        virtual_queue_close(q);
    }
    return q->len > 0 ? q->heap[0].at : SIM_NEVER;
}
/* Takes the earliest out; false when empty. */
bool virtual_queue_take(struct virtual_queue *q, sim_time *at, struct virtual_event *out);

#endif /* SIM_VIRTUAL_QUEUE_H */
