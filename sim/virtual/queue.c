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
    WORD = 64,                               /* bits */
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
    struct virtual_far *far;
    struct virtual_key *memory;

    events = realloc(q->events, (size_t)cap * sizeof(*events));
    if (events == NULL) {
        return false;
    }
    q->events = events;
    far = realloc(q->wheel.far, (size_t)cap * sizeof(*far));
    if (far == NULL) {
        return false;
    }
    q->wheel.far = far;
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
    free(q->wheel.far);
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
    uint64_t bytes =
        (uint64_t)q->cap * (sizeof(*q->heap) + sizeof(*q->events) + sizeof(*q->wheel.far));

    for (size_t i = 0; i < VIRTUAL_LANES; i++) {
        bytes += (uint64_t)q->lanes[i].cap * sizeof(*q->lanes[i].ring);
    }
    return bytes;
}

/* Only what is used: a run may have many thousand sites, one after another. */
static void wheel_clear(struct virtual_wheel *w)
{
    for (unsigned level = 0; level < VIRTUAL_WHEEL_LEVELS; level++) {
        for (uint32_t i = 0; i < VIRTUAL_WHEEL_BUCKETS / WORD; i++) {
            if (w->used[level][i] != 0) {
                memset(&w->first[level][i * WORD], 0, WORD * sizeof(w->first[level][0]));
                w->used[level][i] = 0;
            }
        }
    }
    w->until = 0;
    w->block = 0;
    w->len = 0;
}

void virtual_queue_clear(struct virtual_queue *q)
{
    q->len = q->peak = q->free = q->fresh = 0;
    q->number = 0;
    q->open = false;
    q->lanes_len = q->in_lanes = 0;
    wheel_clear(&q->wheel);
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

/* ---- The wheel ---- */

enum {
    SMALL_LEVEL,
    LARGE_LEVEL,
    LARGE_SHIFT = VIRTUAL_WHEEL_SHIFT + VIRTUAL_WHEEL_BITS,
    FIRST_OF = 1 << 30, /* in `before`: a bucket's level and number */
};

static inline void put_into(struct virtual_wheel *w, unsigned level, uint64_t number, uint32_t slot)
{
    uint32_t bucket = (uint32_t)number % VIRTUAL_WHEEL_BUCKETS, next = w->first[level][bucket];

    w->far[slot].next = next;
    w->far[slot].before = FIRST_OF | level << VIRTUAL_WHEEL_BITS | bucket;
    if (next != 0) {
        w->far[next - 1].before = slot + 1;
    }
    w->first[level][bucket] = slot + 1;
    w->used[level][bucket / WORD] |= UINT64_C(1) << bucket % WORD;
}

static void take_out(struct virtual_wheel *w, uint32_t slot)
{
    struct virtual_far *far = &w->far[slot];

    if (far->next != 0) {
        w->far[far->next - 1].before = far->before;
    }
    if (far->before < FIRST_OF) {
        w->far[far->before - 1].next = far->next;
    } else {
        uint32_t level = far->before >> VIRTUAL_WHEEL_BITS & 1;
        uint32_t bucket = far->before % VIRTUAL_WHEEL_BUCKETS;

        w->first[level][bucket] = far->next;
        if (far->next == 0) {
            w->used[level][bucket / WORD] &= ~(UINT64_C(1) << bucket % WORD);
        }
    }
    far->before = 0;
    w->len--;
}

/* What lies further off would be put from bucket to bucket too often: 13 days. */
#define FAR_AWAY (UINT64_C(1) << 50)

/* Else it belongs into the heap. */
static inline bool is_for_wheel(const struct virtual_wheel *w, sim_time at)
{
    return at >= w->until && at - w->until < FAR_AWAY;
}

/* What is too far waits in the last of the large buckets, and is put into another one from there.
 */
static inline void put_timer(struct virtual_wheel *w, uint32_t slot)
{
    uint64_t at = w->far[slot].key.at, block = at >> LARGE_SHIFT;
    uint64_t last = w->block + VIRTUAL_WHEEL_BUCKETS - 1;

    if (block == w->block) {
        put_into(w, SMALL_LEVEL, at >> VIRTUAL_WHEEL_SHIFT, slot);
    } else {
        put_into(w, LARGE_LEVEL, block < last ? block : last, slot);
    }
}

static inline void wheel_add(struct virtual_wheel *w, struct virtual_key key, uint32_t slot)
{
    w->far[slot].key = key;
    w->len++;
    put_timer(w, slot);
}

/* Takes a bucket's events out; returns the first, slot + 1. */
static uint32_t empty_bucket(struct virtual_wheel *w, unsigned level, uint32_t bucket)
{
    uint32_t first = w->first[level][bucket];

    w->first[level][bucket] = 0;
    w->used[level][bucket / WORD] &= ~(UINT64_C(1) << bucket % WORD);
    return first;
}

/* The first bucket from `from` on that has something; VIRTUAL_WHEEL_BUCKETS: none. */
static uint32_t next_used(const struct virtual_wheel *w, unsigned level, uint32_t from)
{
    uint64_t word = w->used[level][from / WORD] & UINT64_MAX << from % WORD;

    for (uint32_t i = from / WORD;;) {
        if (word != 0) {
            return i * WORD + (uint32_t)__builtin_ctzll(word);
        }
        if (++i == VIRTUAL_WHEEL_BUCKETS / WORD) {
            return VIRTUAL_WHEEL_BUCKETS;
        }
        word = w->used[level][i];
    }
}

/* The number of the next large bucket that has something; there is one. */
static uint64_t next_block(const struct virtual_wheel *w)
{
    uint32_t here = (uint32_t)w->block % VIRTUAL_WHEEL_BUCKETS;
    uint32_t next = next_used(w, LARGE_LEVEL, here);

    next = next < VIRTUAL_WHEEL_BUCKETS ? next : next_used(w, LARGE_LEVEL, 0);
    assert(next < VIRTUAL_WHEEL_BUCKETS && next != here);
    return w->block + (next - here) % VIRTUAL_WHEEL_BUCKETS;
}

/* From here on everything up to the end of the small bucket of `at` is looked for in the heap. */
static void wheel_pass(struct virtual_wheel *w, sim_time at)
{
    w->block = at >> LARGE_SHIFT;
    w->until = ((at >> VIRTUAL_WHEEL_SHIFT) + 1) << VIRTUAL_WHEEL_SHIFT;
    w->until = w->until == 0 ? SIM_NEVER : w->until; /* the end of time */
}

/* A large bucket, the next that has something, becomes small ones. */
static void wheel_unfold(struct virtual_wheel *w, uint64_t block)
{
    uint32_t first = empty_bucket(w, LARGE_LEVEL, (uint32_t)block % VIRTUAL_WHEEL_BUCKETS);

    w->block = block;
    w->until = block << LARGE_SHIFT;
    while (first != 0) {
        uint32_t slot = first - 1;

        first = w->far[slot].next;
        put_timer(w, slot);
    }
}

/* The wheel is not empty, and `at` is the earliest instant outside of it: one step towards that
 * instant. `until` grows, unless a large bucket is unfolded. */
static __attribute__((noinline)) void wheel_turn(struct virtual_queue *q, sim_time at)
{
    struct virtual_wheel *w = &q->wheel;
    uint32_t bucket = VIRTUAL_WHEEL_BUCKETS;
    uint64_t number;

    if (w->until >> LARGE_SHIFT == w->block) {
        bucket = next_used(w, SMALL_LEVEL,
                           (uint32_t)(w->until >> VIRTUAL_WHEEL_SHIFT) % VIRTUAL_WHEEL_BUCKETS);
    }
    if (bucket == VIRTUAL_WHEEL_BUCKETS) {
        uint64_t block = next_block(w);

        if (block > at >> LARGE_SHIFT) {
            wheel_pass(w, at);
        } else {
            wheel_unfold(w, block);
        }
        return;
    }
    number = w->block << VIRTUAL_WHEEL_BITS | bucket;
    if (number > at >> VIRTUAL_WHEEL_SHIFT) {
        wheel_pass(w, at);
        return;
    }
    w->until = (number + 1) << VIRTUAL_WHEEL_SHIFT;
    for (uint32_t i = empty_bucket(w, SMALL_LEVEL, bucket); i != 0; i = w->far[i - 1].next) {
        w->len--;
        w->far[i - 1].before = 0;
        rise(q->heap, q->len++, w->far[i - 1].key);
    }
}

struct virtual_event *virtual_queue_add(struct virtual_queue *q, sim_time at)
{
    uint32_t slot = take_slot(q);
    struct virtual_key key;

    if (slot == SLOTS_MAX) {
        return NULL;
    }
    key = (struct virtual_key){at, q->number++ << VIRTUAL_SLOT_BITS | slot};
    if (is_for_wheel(&q->wheel, at)) {
        wheel_add(&q->wheel, key, slot);
        q->timer = slot + 1;
        virtual_queue_note_peak(q);
        return &q->events[slot];
    }
    q->timer = 0;
    q->wheel.far[slot].before = 0;
    if (q->open) {
        q->open = false;
        sink(q, key);
    } else {
        rise(q->heap, q->len++, key);
    }
    virtual_queue_note_peak(q);
    return &q->events[slot];
}

bool virtual_queue_move_timer(struct virtual_queue *q, uint32_t timer, sim_time at)
{
    struct virtual_wheel *w = &q->wheel;
    uint32_t slot = timer - 1;
    struct virtual_key key = {at, q->number << VIRTUAL_SLOT_BITS | slot};

    if (w->far[slot].before == 0 || !is_for_wheel(w, at)) {
        return false;
    }
    q->number++;
    take_out(w, slot);
    wheel_add(w, key, slot);
    return true;
}

bool virtual_queue_drop_timer(struct virtual_queue *q, uint32_t timer)
{
    uint32_t slot = timer - 1;

    if (q->wheel.far[slot].before == 0) {
        return false;
    }
    take_out(&q->wheel, slot);
    q->events[slot].node = q->free;
    q->free = slot + 1;
    return true;
}

/* ---- The earliest ---- */

/* The lane that the earliest event is in; NULL: it is in the heap, or there is none. */
static inline struct virtual_lane *first_lane(struct virtual_queue *q, struct virtual_key *key)
{
    struct virtual_lane *best;

    if (q->open) {
        close_hole(q);
    }
    for (;;) {
        best = NULL;
        *key = q->len > 0 ? q->heap[0] : NOTHING;
        for (uint32_t i = 0; i < q->lanes_len; i++) {
            if (wide_of(&q->lanes[i].head) < wide_of(key)) {
                best = &q->lanes[i];
                *key = best->head;
            }
        }
        if (key->at < q->wheel.until) {
            return best;
        }
        if (q->wheel.len == 0) {
            if (key->at != SIM_NEVER) {
                wheel_pass(&q->wheel, key->at);
            }
            return best;
        }
        wheel_turn(q, key->at);
    }
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
