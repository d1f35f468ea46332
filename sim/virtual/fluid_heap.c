/* sim/virtual/fluid_heap.c -- pairing heaps of nodes, and 4-ary heaps of flows (fluid_heap.h). */
#include "sim/virtual/fluid_heap.h"

#include <assert.h>
#include <stddef.h>

/* ---- Nodes ---- */

/* Two roots become one. */
static inline uint32_t meld(struct fluid_node *nodes, enum fluid_order order, uint32_t a,
                            uint32_t b)
{
    uint32_t child;

    if (fluid_before(order, nodes[b].key, nodes[a].key)) {
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
static uint32_t meld_children(struct fluid_node *nodes, enum fluid_order order, uint32_t first)
{
    uint32_t pairs = FLUID_NONE, all = FLUID_NONE;

    while (first != FLUID_NONE) {
        uint32_t a = first, b = nodes[a].next, pair = a;

        first = b == FLUID_NONE ? FLUID_NONE : nodes[b].next;
        if (b != FLUID_NONE) {
            pair = meld(nodes, order, a, b);
        }
        nodes[pair].next = pairs;
        pairs = pair;
    }
    while (pairs != FLUID_NONE) {
        uint32_t next = nodes[pairs].next;

        nodes[pairs].next = nodes[pairs].prev = FLUID_NONE;
        all = all == FLUID_NONE ? pairs : meld(nodes, order, all, pairs);
        pairs = next;
    }
    return all;
}

static inline void node_remove(struct fluid_node *nodes, uint32_t *root, enum fluid_order order,
                               uint32_t id)
{
    struct fluid_node *n = &nodes[id];
    uint32_t rest = n->child == FLUID_NONE ? FLUID_NONE : meld_children(nodes, order, n->child);

    n->in = false;
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
        *root = meld(nodes, order, *root, rest);
    }
}

static inline void node_set(struct fluid_node *nodes, uint32_t *root, enum fluid_order order,
                            uint32_t id, fluid_key key)
{
    struct fluid_node *n = &nodes[id];

    if (n->in) {
        if (n->key == key) {
            return;
        }
        if (*root == id && n->child == FLUID_NONE) { /* alone: the usual case */
            n->key = key;
            return;
        }
        node_remove(nodes, root, order, id);
    }
    n->key = key;
    n->child = n->next = n->prev = FLUID_NONE;
    n->in = true;
    *root = *root == FLUID_NONE ? id : meld(nodes, order, *root, id);
}

void fluid_node_set(struct fluid_node *nodes, uint32_t *root, enum fluid_order order, uint32_t id,
                    fluid_key key)
{
    if (order == FLUID_LINEAR) { /* twice, so that the order is a constant inside */
        node_set(nodes, root, FLUID_LINEAR, id, key);
    } else {
        node_set(nodes, root, FLUID_RATIO, id, key);
    }
}

void fluid_node_remove(struct fluid_node *nodes, uint32_t *root, enum fluid_order order,
                       uint32_t id)
{
    if (!nodes[id].in) {
        return;
    }
    if (order == FLUID_LINEAR) {
        node_remove(nodes, root, FLUID_LINEAR, id);
    } else {
        node_remove(nodes, root, FLUID_RATIO, id);
    }
}

/* ---- Flows ---- */

enum { ARITY = 4 };

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

static uint32_t first_of(const fluid_key *heap, uint32_t from, uint32_t to)
{
    uint32_t best = from;

    for (uint32_t i = from + 1; i < to; i++) {
        if (fluid_entry_before(heap[i], heap[best])) {
            best = i;
        }
    }
    return best;
}

static void sink(fluid_key *heap, uint32_t len, uint32_t at)
{
    fluid_key entry = heap[at];

    for (;;) {
        uint64_t from = (uint64_t)at * ARITY + 1;
        uint32_t best;

        if (from >= len) {
            break;
        }
        best = first_of(heap, (uint32_t)from, (uint32_t)(from + ARITY < len ? from + ARITY : len));
        if (!fluid_entry_before(heap[best], entry)) {
            break;
        }
        heap[at] = heap[best];
        at = best;
    }
    heap[at] = entry;
}

void fluid_entry_pop(fluid_key *heap, uint32_t *len)
{
    assert(*len > 0);
    heap[0] = heap[--*len];
    if (*len > 1) {
        sink(heap, *len, 0);
    }
}

void fluid_entry_heapify(fluid_key *heap, uint32_t len)
{
    if (len < 2) {
        return;
    }
    for (uint32_t i = (len - 2) / ARITY + 1; i-- > 0;) {
        sink(heap, len, i);
    }
}
