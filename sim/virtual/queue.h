/* sim/virtual/queue.h -- what will happen, in order: a 4-ary heap of 16-byte keys, and a wheel for
 * what is further away.
 *
 * A key is an instant and a number that counts up, so that events of one instant come out in the
 * order in which they were put in. The key's low bits name the event's slot; slots are recycled and
 * never move, so nothing is allocated per event once the queue has grown to its size. An event in
 * the heap or a lane is never taken out early: who changes its mind compares on arrival.
 *
 * Most events of a LAN come a fixed time after they were caused: its latency. Those of one such
 * delay come in the order of their causes, so a lane (a ring) holds them without any sorting, and
 * the earliest of all is the earliest of the heap's and the lanes' first.
 *
 * Most others are timers, seconds away. A heap would sift each one past all that wait for as long;
 * the wheel only notes in which fraction of a second it is due, and hands those to the heap when
 * their time comes. Until then a timer can be set anew, or dropped, at once (see struct
 * virtual_node's alarm): most are, before they are due. So the heap holds the nearest few, and
 * everything still comes out by its key: the wheel changes no order. */
#ifndef SIM_VIRTUAL_QUEUE_H
#define SIM_VIRTUAL_QUEUE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
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

enum { VIRTUAL_LANES = 4 }; /* "at once" and three sites' latencies; further ones use the heap */

struct virtual_waiting {
    struct virtual_key key;
    struct virtual_event event;
};

struct virtual_lane {
    struct virtual_key head; /* of its first event; the greatest key while it is empty */
    sim_duration delay;
    struct virtual_waiting *ring;
    uint32_t first, len; /* first: not wrapped */
    uint32_t cap;        /* a power of two, or 0 */
};

/* Buckets of 2^21 ns (2.1 ms), as many as make one of 2^31 ns (2.1 s), and as many of these: 36
 * minutes. As in Varghese and Lauck's hierarchical timing wheels (1987), of two levels. */
enum {
    VIRTUAL_WHEEL_LEVELS = 2,
    VIRTUAL_WHEEL_SHIFT = 21, /* log2 of a small bucket's nanoseconds */
    VIRTUAL_WHEEL_BITS = 10,  /* log2 of the buckets of a level */
    VIRTUAL_WHEEL_BUCKETS = 1 << VIRTUAL_WHEEL_BITS,
};

/* A slot that is in the wheel. */
struct virtual_far {
    struct virtual_key key;
    uint32_t next;   /* in its bucket, slot + 1; 0 */
    uint32_t before; /* the same, or which bucket it is the first of; 0: not in the wheel */
};

struct virtual_wheel {
    sim_time until; /* all events before it are in the heap or in lanes; a bucket's beginning */
    uint64_t block; /* number, since time 0, of the large bucket that the small ones are parts of */
    uint32_t len;   /* events */
    struct virtual_far *far;                                         /* by slot */
    uint64_t used[VIRTUAL_WHEEL_LEVELS][VIRTUAL_WHEEL_BUCKETS / 64]; /* a bit a bucket */
    uint32_t first[VIRTUAL_WHEEL_LEVELS][VIRTUAL_WHEEL_BUCKETS];     /* slot + 1; 0: empty */
};

struct virtual_queue {
    struct virtual_key *heap;
    uint32_t len, cap; /* `len` counts the open place too */
    uint32_t peak;
    struct virtual_event *events; /* by slot; moves when the queue grows, so don't keep pointers */
    uint32_t free;                /* first free slot + 1, linked through `node`; 0: none */
    uint32_t fresh;               /* slots never used begin here */
    uint64_t number;
    uint32_t timer; /* of the event added last: slot + 1 when it is in the wheel, else 0 */
    bool open;      /* heap[0] has been taken out and nothing has come in its place yet */
    uint32_t lanes_len;
    uint32_t in_lanes; /* events */
    struct virtual_lane lanes[VIRTUAL_LANES];
    struct virtual_wheel wheel;
};

/* Room for `cap` events at first. 0 or SIM_ENOMEM. */
int virtual_queue_init(struct virtual_queue *q, uint32_t cap);
void virtual_queue_deinit(struct virtual_queue *q);
/* Empties it, takes the lanes away, keeps the memory. Chunks of pending events must be freed
 * before. */
void virtual_queue_clear(struct virtual_queue *q);
/* Events that are added `delay` before their instant get a lane of their own. Twice is fine; when
 * there are no more lanes nothing happens. */
void virtual_queue_add_lane(struct virtual_queue *q, sim_duration delay);
/* NULL when out of memory or slots. Fill the event before the next call. */
struct virtual_event *virtual_queue_add(struct virtual_queue *q, sim_time at);
/* Events that wait. */
static inline uint32_t virtual_queue_count(const struct virtual_queue *q)
{
    return q->len - q->open + q->in_lanes + q->wheel.len;
}
static inline void virtual_queue_note_peak(struct virtual_queue *q)
{
    uint32_t count = virtual_queue_count(q);

    q->peak = count > q->peak ? count : q->peak;
}
bool virtual_lane_grow(struct virtual_lane *lane); /* false: out of memory */
/* The same for `at`, `delay` after now; `now` must not run backwards from call to call. */
static inline struct virtual_event *virtual_queue_add_after(struct virtual_queue *q, sim_time at,
                                                            sim_duration delay)
{
    for (uint32_t i = 0; i < q->lanes_len; i++) {
        struct virtual_lane *lane = &q->lanes[i];
        struct virtual_waiting *waiting;

        if (lane->delay != delay || at == SIM_NEVER) {
            continue;
        }
        if (lane->len == lane->cap && !virtual_lane_grow(lane)) {
            return NULL;
        }
        waiting = &lane->ring[(lane->first + lane->len++) & (lane->cap - 1)];
        waiting->key = (struct virtual_key){at, q->number++ << VIRTUAL_SLOT_BITS};
        if (lane->len == 1) {
            lane->head = waiting->key;
        }
        q->in_lanes++;
        q->timer = 0;
        virtual_queue_note_peak(q);
        return &waiting->event;
    }
    return virtual_queue_add(q, at);
}
/* SIM_NEVER when empty. */
sim_time virtual_queue_next(struct virtual_queue *q);
/* Takes the earliest out; false when there is none before the instant `before`. */
bool virtual_queue_take_before(struct virtual_queue *q, sim_time before, sim_time *at,
                               struct virtual_event *out);
static inline bool virtual_queue_take(struct virtual_queue *q, sim_time *at,
                                      struct virtual_event *out)
{
    return virtual_queue_take_before(q, SIM_NEVER, at, out);
}
/* An event that was added with q->timer != 0 comes at `at` instead, as if it was added now;
 * dropped: never. False when it is not in the wheel any more, or would have to leave it: then
 * nothing has changed. Not with a timer whose event was taken or dropped. */
bool virtual_queue_move_timer(struct virtual_queue *q, uint32_t timer, sim_time at);
bool virtual_queue_drop_timer(struct virtual_queue *q, uint32_t timer);
uint64_t virtual_queue_bytes(const struct virtual_queue *q); /* memory held */

#endif /* SIM_VIRTUAL_QUEUE_H */
