/* sim/virtual/queue.c -- see queue.h.
 *
 * The four children of a place are one cache line: the heap's memory begins three keys before its
 * first. A key is compared as one 128-bit number, without branches that a processor would guess
 * wrong. What is taken leaves the first place open: most events cause another, which goes in there,
 * and often not far down. */
#include "sim/virtual/queue.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"

enum {
    ARITY = 4,
    LINE = 64,                               /* bytes of a cache line */
    BEFORE = ARITY - 1,                      /* places before the first key */
    CAP_MIN = 64,                            /* events at first */
    SMALL = 8192,                            /* keys that are in a core's own caches anyway */
    LANE_FIRST = 64,                         /* events of a lane at first; doubles */
    SLOTS_MAX = (1 << VIRTUAL_SLOT_BITS) - 1 /* events that may be pending */
};

#define SLOT_MASK ((UINT64_C(1) << VIRTUAL_SLOT_BITS) - 1)

/* Children of i are 4i+1..4i+4: the first of them is at place BEFORE + 1 = 4 of its line. */
static_assert(ARITY * sizeof(struct virtual_key) == LINE, "a family is a line");
static_assert(sizeof(struct virtual_event) == 32, "see queue.h");

typedef unsigned __int128 wide;

static const struct virtual_key NOTHING = {SIM_NEVER, UINT64_MAX};

static inline wide wide_of(const struct virtual_key *key)
{
    return (wide)key->at << 64 | key->order;
}

static bool queue_reserve(struct virtual_queue *q, uint32_t cap)
{
    size_t size = ((size_t)cap + BEFORE + ARITY) * sizeof(struct virtual_key);
    struct virtual_event *events;
    struct virtual_key *memory;

    events = realloc(q->events, (size_t)cap * sizeof(*events));
    if (events == NULL) {
        return false;
    }
    q->events = events;
    memory = aligned_alloc(LINE, (size + LINE - 1) / LINE * LINE);
    if (memory == NULL) {
        return false;
    }
    if (q->len > 0) {
        memcpy(memory + BEFORE, q->heap, (size_t)q->len * sizeof(*memory));
    }
    if (q->heap != NULL) {
        free(q->heap - BEFORE);
    }
    q->heap = memory + BEFORE;
    q->cap = cap;
    return true;
}

int virtual_queue_init(struct virtual_queue *q, uint32_t cap)
{
    *q = (struct virtual_queue){.len = 0};
    if (cap < CAP_MIN) {
        cap = CAP_MIN;
    }
    if (cap > SLOTS_MAX) {
        cap = SLOTS_MAX;
    }
    if (!queue_reserve(q, cap)) {
        virtual_queue_deinit(q);
        return SIM_ENOMEM;
    }
    return 0;
}

void virtual_queue_deinit(struct virtual_queue *q)
{
    free(q->events);
    if (q->heap != NULL) {
        free(q->heap - BEFORE);
    }
    for (size_t i = 0; i < VIRTUAL_LANES; i++) {
        free(q->lanes[i].ring);
    }
    *q = (struct virtual_queue){.len = 0};
}

uint64_t virtual_queue_bytes(const struct virtual_queue *q)
{
    uint64_t bytes = (uint64_t)q->cap * (sizeof(*q->heap) + sizeof(*q->events));

    for (size_t i = 0; i < VIRTUAL_LANES; i++) {
        bytes += (uint64_t)q->lanes[i].cap * sizeof(*q->lanes[i].ring);
    }
    return bytes;
}

void virtual_queue_clear(struct virtual_queue *q)
{
    q->len = q->peak = q->free = q->fresh = 0;
    q->number = 0;
    q->open = false;
    q->lanes_len = q->in_lanes = 0;
}

/* ---- Lanes ---- */

void virtual_queue_add_lane(struct virtual_queue *q, sim_duration delay)
{
    struct virtual_lane *lane;

    for (uint32_t i = 0; i < q->lanes_len; i++) {
        if (q->lanes[i].delay == delay) {
            return;
        }
    }
    if (q->lanes_len < VIRTUAL_LANES) {
        lane = &q->lanes[q->lanes_len++];
        lane->delay = delay;
        lane->first = lane->len = 0;
        lane->head = NOTHING;
    }
}

bool virtual_lane_grow(struct virtual_lane *lane)
{
    uint32_t cap = lane->cap == 0 ? LANE_FIRST : lane->cap * 2;
    struct virtual_waiting *ring;

    if (lane->cap > SLOTS_MAX / 2) {
        return false;
    }
    ring = malloc((size_t)cap * sizeof(*ring));
    if (ring == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < lane->len; i++) {
        ring[i] = lane->ring[(lane->first + i) & (lane->cap - 1)];
    }
    free(lane->ring);
    lane->ring = ring;
    lane->cap = cap;
    lane->first = 0;
    return true;
}

/* ---- The heap ---- */

/* A slot that is free, SLOTS_MAX when there is none. There are as many slots as places. */
static uint32_t take_slot(struct virtual_queue *q)
{
    uint32_t slot;

    if (q->free != 0) {
        slot = q->free - 1;
        q->free = q->events[slot].node;
        return slot;
    }
    if (q->fresh == q->cap) {
        uint32_t cap = q->cap > SLOTS_MAX / 2 ? SLOTS_MAX : q->cap * 2;

        if (q->cap == SLOTS_MAX || !queue_reserve(q, cap)) {
            return SLOTS_MAX;
        }
    }
    return q->fresh++;
}

/* Where the earliest of the four children at `first` is. */
static inline uint32_t earliest(const struct virtual_key *heap, uint32_t first)
{
    uint32_t low = first + (wide_of(&heap[first + 1]) < wide_of(&heap[first]));
    uint32_t high = first + 2 + (wide_of(&heap[first + 3]) < wide_of(&heap[first + 2]));

    return low + (high - low) * (wide_of(&heap[high]) < wide_of(&heap[low]));
}

/* The same of a family that has places behind the end. */
static inline uint32_t earliest_of(const struct virtual_key *heap, uint32_t first, uint32_t end)
{
    uint32_t best = first;

    for (uint32_t i = first + 1; i < end; i++) {
        best = wide_of(&heap[i]) < wide_of(&heap[best]) ? i : best;
    }
    return best;
}

/* The families below the children of `hole`: four lines, one of which comes next. */
static inline void fetch_ahead(const struct virtual_queue *q, uint32_t hole)
{
    uint64_t first = ((uint64_t)hole * ARITY + 1) * ARITY + 1;

    if (q->len > SMALL && first < q->len) {
        for (int i = 0; i < ARITY; i++) {
            __builtin_prefetch(&q->heap[first + (uint64_t)i * ARITY]);
        }
    }
}

static void rise(struct virtual_key *heap, uint32_t hole, struct virtual_key key)
{
    while (hole > 0) {
        uint32_t parent = (hole - 1) / ARITY;

        if (wide_of(&heap[parent]) <= wide_of(&key)) {
            break;
        }
        heap[hole] = heap[parent];
        hole = parent;
    }
    heap[hole] = key;
}

/* The first place is empty and `key` goes in: down to where it belongs. */
static void sink(struct virtual_queue *q, struct virtual_key key)
{
    struct virtual_key *heap = q->heap;
    uint32_t hole = 0, child = 1;

    while (child < q->len) {
        uint32_t next;

        fetch_ahead(q, hole);
        next = child + ARITY <= q->len ? earliest(heap, child) : earliest_of(heap, child, q->len);
        if (wide_of(&key) <= wide_of(&heap[next])) {
            break;
        }
        heap[hole] = heap[next];
        hole = next;
        child = hole * ARITY + 1;
    }
    heap[hole] = key;
}

/* The first place is empty and nothing came in: the last key fills it. That one belongs near the
 * leaves, so it is cheaper to move all up and let it rise there than to ask on every floor whether
 * it has come far enough. */
static void close_hole(struct virtual_queue *q)
{
    struct virtual_key *heap = q->heap;
    struct virtual_key last;
    uint32_t hole = 0, child = 1;

    assert(q->open && q->len > 0);
    q->open = false;
    if (--q->len == 0) {
        return;
    }
    last = heap[q->len];
    while (child + ARITY <= q->len) {
        uint32_t next;

        fetch_ahead(q, hole);
        next = earliest(heap, child);
        heap[hole] = heap[next];
        hole = next;
        child = hole * ARITY + 1;
    }
    if (child < q->len) {
        uint32_t next = earliest_of(heap, child, q->len);

        heap[hole] = heap[next];
        hole = next;
    }
    rise(heap, hole, last);
}

struct virtual_event *virtual_queue_add(struct virtual_queue *q, sim_time at)
{
    uint32_t slot = take_slot(q);
    struct virtual_key key;

    if (slot == SLOTS_MAX) {
        return NULL;
    }
    key = (struct virtual_key){at, q->number++ << VIRTUAL_SLOT_BITS | slot};
    if (q->open) {
        q->open = false;
        sink(q, key);
    } else {
        rise(q->heap, q->len++, key);
    }
    virtual_queue_note_peak(q);
    return &q->events[slot];
}

/* ---- The earliest ---- */

/* The lane that the earliest event is in; NULL: it is in the heap, or there is none. */
static inline struct virtual_lane *first_lane(struct virtual_queue *q, struct virtual_key *key)
{
    struct virtual_lane *best = NULL;

    if (q->open) {
        close_hole(q);
    }
    *key = q->len > 0 ? q->heap[0] : NOTHING;
    for (uint32_t i = 0; i < q->lanes_len; i++) {
        if (wide_of(&q->lanes[i].head) < wide_of(key)) {
            best = &q->lanes[i];
            *key = best->head;
        }
    }
    return best;
}

sim_time virtual_queue_next(struct virtual_queue *q)
{
    struct virtual_key key;

    first_lane(q, &key);
    return key.at;
}

bool virtual_queue_take_before(struct virtual_queue *q, sim_time before, sim_time *at,
                               struct virtual_event *out)
{
    struct virtual_key key;
    struct virtual_lane *lane = first_lane(q, &key);
    uint32_t slot;

    if (key.at >= before) {
        return false;
    }
    *at = key.at;
    if (lane != NULL) {
        *out = lane->ring[lane->first++ & (lane->cap - 1)].event;
        q->in_lanes--;
        lane->head = --lane->len > 0 ? lane->ring[lane->first & (lane->cap - 1)].key : NOTHING;
        return true;
    }
    slot = (uint32_t)(key.order & SLOT_MASK);
    *out = q->events[slot];
    q->events[slot].node = q->free;
    q->free = slot + 1;
    q->open = true;
    return true;
}
