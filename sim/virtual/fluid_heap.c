/* sim/virtual/fluid_heap.c -- heaps of classes, of sites and of flows (fluid_heap.h). */
#include "sim/virtual/fluid_heap.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "sim/err.h"

/* ---- Nodes ---- */

/* Two roots become one. */
static inline uint32_t meld(struct fluid_node *nodes, uint32_t a, uint32_t b)
{
    uint32_t child;

    if (fluid_before(FLUID_LINEAR, nodes[b].key, nodes[a].key)) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    child = nodes[a].child;
    nodes[b].next = child;
    nodes[b].prev = a;
    if (child != FLUID_NONE) {
        nodes[child].prev = b;
    }
    nodes[a].child = b;
    nodes[a].next = nodes[a].prev = FLUID_NONE;
    return a;
}

/* The children of a node that goes become one heap: in pairs from the left, then those together
 * from the right. Without recursion: a million siblings are possible. */
static uint32_t meld_children(struct fluid_node *nodes, uint32_t first)
{
    uint32_t pairs = FLUID_NONE, all = FLUID_NONE;

    while (first != FLUID_NONE) {
        uint32_t a = first, b = nodes[a].next, pair = a;

        first = b == FLUID_NONE ? FLUID_NONE : nodes[b].next;
        if (b != FLUID_NONE) {
            pair = meld(nodes, a, b);
        }
        nodes[pair].next = pairs;
        pairs = pair;
    }
    while (pairs != FLUID_NONE) {
        uint32_t next = nodes[pairs].next;

        nodes[pairs].next = nodes[pairs].prev = FLUID_NONE;
        all = all == FLUID_NONE ? pairs : meld(nodes, all, pairs);
        pairs = next;
    }
    return all;
}

void fluid_node_remove(struct fluid_node *nodes, uint32_t *root, uint32_t id)
{
    struct fluid_node *n = &nodes[id];
    uint32_t rest;

    if (!n->in) {
        return;
    }
    n->in = false;
    rest = meld_children(nodes, n->child);
    if (*root == id) {
        *root = rest;
        return;
    }
    if (nodes[n->prev].child == id) {
        nodes[n->prev].child = n->next;
    } else {
        nodes[n->prev].next = n->next;
    }
    if (n->next != FLUID_NONE) {
        nodes[n->next].prev = n->prev;
    }
    if (rest != FLUID_NONE) {
        *root = meld(nodes, *root, rest);
    }
}

void fluid_node_move(struct fluid_node *nodes, uint32_t *root, uint32_t id, fluid_key key)
{
    struct fluid_node *n = &nodes[id];

    fluid_node_remove(nodes, root, id);
    n->key = key;
    n->child = n->next = n->prev = FLUID_NONE;
    n->in = true;
    *root = *root == FLUID_NONE ? id : meld(nodes, *root, id);
}

/* ---- Sites ---- */

enum { ARITY = 4 };

int fluid_ranks_reserve(struct fluid_ranks *r, uint32_t cap)
{
    struct fluid_rank *heap = realloc(r->heap, cap * sizeof(*heap));
    uint32_t *places;

    if (heap == NULL) {
        return SIM_ENOMEM;
    }
    r->heap = heap;
    if ((places = realloc(r->places, cap * sizeof(*places))) == NULL) {
        return SIM_ENOMEM;
    }
    r->places = places;
    return 0;
}

void fluid_ranks_clear(struct fluid_ranks *r, uint32_t cap)
{
    r->len = 0;
    for (uint32_t i = 0; i < cap; i++) {
        r->places[i] = FLUID_NONE;
    }
}

void fluid_ranks_deinit(struct fluid_ranks *r)
{
    free(r->heap);
    free(r->places);
}

static inline void put_rank(struct fluid_ranks *r, uint32_t at, struct fluid_rank rank)
{
    r->heap[at] = rank;
    r->places[rank.id] = at;
}

/* From the hole at `at` to where it belongs. */
static inline void settle_rank(struct fluid_ranks *r, enum fluid_order order, uint32_t at,
                               struct fluid_rank rank)
{
    uint32_t parent, best;

    for (; at > 0; at = parent) {
        parent = (at - 1) / ARITY;
        if (!fluid_before(order, rank.key, r->heap[parent].key)) {
            break;
        }
        put_rank(r, at, r->heap[parent]);
    }
    for (;; at = best) {
        uint32_t from = at * ARITY + 1, to = from + ARITY < r->len ? from + ARITY : r->len;

        if (from >= to) {
            break;
        }
        best = from;
        for (uint32_t i = from + 1; i < to; i++) {
            best = fluid_before(order, r->heap[i].key, r->heap[best].key) ? i : best;
        }
        if (!fluid_before(order, r->heap[best].key, rank.key)) {
            break;
        }
        put_rank(r, at, r->heap[best]);
    }
    put_rank(r, at, rank);
}

void fluid_ranks_move(struct fluid_ranks *r, enum fluid_order order, uint32_t id, fluid_key key)
{
    struct fluid_rank rank = {key, id};
    uint32_t at = r->places[id];

    if (at == FLUID_NONE) {
        at = r->len++;
    } else if (r->heap[at].key == key) {
        return;
    }
    if (order == FLUID_LINEAR) { /* twice, so that the order is a constant inside */
        settle_rank(r, FLUID_LINEAR, at, rank);
    } else {
        settle_rank(r, FLUID_RATIO, at, rank);
    }
}

void fluid_ranks_remove(struct fluid_ranks *r, enum fluid_order order, uint32_t id)
{
    uint32_t at = r->places[id];

    if (at == FLUID_NONE) {
        return;
    }
    r->places[id] = FLUID_NONE;
    if (at != --r->len) {
        settle_rank(r, order, at, r->heap[r->len]);
    }
}

/* ---- Flows ---- */

/* Entries 1 to 4, 5 to 8 and so on begin at a cache line. */
enum { LINE = 64, LEAD = 3 };

fluid_key *fluid_entries_new(uint32_t room)
{
    size_t bytes = ((size_t)room + LEAD) * sizeof(fluid_key);
    fluid_key *all = aligned_alloc(LINE, (bytes + LINE - 1) / LINE * LINE);

    return all == NULL ? NULL : all + LEAD;
}

void fluid_entries_free(fluid_key *heap)
{
    free(heap == NULL ? NULL : heap - LEAD);
}

void fluid_entry_push(fluid_key *heap, uint32_t *len, fluid_key entry)
{
    uint32_t at = (*len)++;

    while (at > 0) {
        uint32_t parent = (at - 1) / ARITY;

        if (!fluid_entry_before(entry, heap[parent])) {
            break;
        }
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = entry;
}

/* The first of four, without branches: they would be guessed wrong half of the time. */
static inline uint32_t first_of_four(const fluid_key *heap, uint32_t from)
{
    uint32_t a = from + (fluid_entry_before(heap[from + 1], heap[from]) ? 1 : 0);
    uint32_t b = from + 2 + (fluid_entry_before(heap[from + 3], heap[from + 2]) ? 1 : 0);

    return fluid_entry_before(heap[b], heap[a]) ? b : a;
}

static uint32_t first_of(const fluid_key *heap, uint32_t from, uint32_t to)
{
    uint32_t best = from;

    for (uint32_t i = from + 1; i < to; i++) {
        best = fluid_entry_before(heap[i], heap[best]) ? i : best;
    }
    return best;
}

/* A hole at `at` sinks to a leaf, and `entry` rises from there: it came from a leaf, so it mostly
 * stays, and need not be looked at on the way down. */
static void sink(fluid_key *heap, uint32_t len, uint32_t at, fluid_key entry)
{
    uint32_t top = at;

    for (;;) {
        uint32_t from = at * ARITY + 1, best;

        if ((uint64_t)at * ARITY + ARITY < len) {
            if ((uint64_t)from * ARITY + ARITY * ARITY < len) {
                for (uint32_t i = 0; i < ARITY; i++) { /* a level ahead, whichever it will be */
                    __builtin_prefetch(&heap[(from + i) * ARITY + 1]);
                }
            }
            best = first_of_four(heap, from);
        } else if ((uint64_t)at * ARITY + 1 < len) {
            best = first_of(heap, from, len);
        } else {
            break;
        }
        heap[at] = heap[best];
        at = best;
    }
    while (at > top && fluid_entry_before(entry, heap[(at - 1) / ARITY])) {
        heap[at] = heap[(at - 1) / ARITY];
        at = (at - 1) / ARITY;
    }
    heap[at] = entry;
}

void fluid_entry_pop(fluid_key *heap, uint32_t *len)
{
    assert(*len > 0);
    --*len;
    if (*len > 0) {
        sink(heap, *len, 0, heap[*len]);
    }
}

void fluid_entry_heapify(fluid_key *heap, uint32_t len)
{
    if (len < 2) {
        return;
    }
    for (uint32_t i = (len - 2) / ARITY + 1; i-- > 0;) {
        sink(heap, len, i, heap[i]);
    }
}
