/* sim/virtual/fluid_heap.h -- the two heaps inside fluid.c: of lines and caps, and of flows. Inside
 * the fluid machine only.
 *
 * Nodes (sites, classes of flows with one cap) stand in pairing heaps: linked by their numbers
 * through an array, so that one can be taken out of the middle and nothing is allocated. Flows
 * stand in 4-ary heaps of bare 16-byte entries, four of them a cache line: a million fit.
 *
 * Every order here is one of numbers only: equal inputs give equal heaps. */
#ifndef SIM_VIRTUAL_FLUID_HEAP_H
#define SIM_VIRTUAL_FLUID_HEAP_H

#include <stdbool.h>
#include <stdint.h>

typedef unsigned __int128 fluid_key;

#define FLUID_NONE UINT32_MAX /* no node */

enum fluid_order {
    FLUID_LINEAR, /* numbers that wrap around: a is before b when b is less than half a turn on */
    FLUID_RATIO,  /* fluid_ratio(): numerators below 2^40, denominators to 2^24; n/0: infinite */
};

struct fluid_node {
    fluid_key key;
    uint32_t child; /* first of its children */
    uint32_t next;  /* sibling */
    uint32_t prev;  /* sibling before, or the parent of the first one */
    bool in;
};

static inline fluid_key fluid_ratio(uint64_t numerator, uint64_t denominator)
{
    return (fluid_key)numerator << 64 | denominator;
}

static inline bool fluid_before(enum fluid_order order, fluid_key a, fluid_key b)
{
    if (order == FLUID_LINEAR) {
        return (__int128)(a - b) < 0;
    }
    return (uint64_t)(a >> 64) * (uint64_t)b < (uint64_t)(b >> 64) * (uint64_t)a;
}

/* Puts the node in, or at another place when it is in with another key. */
void fluid_node_set(struct fluid_node *nodes, uint32_t *root, enum fluid_order order, uint32_t id,
                    fluid_key key);
/* Takes it out; nothing when it is not in. */
void fluid_node_remove(struct fluid_node *nodes, uint32_t *root, enum fluid_order order,
                       uint32_t id);

/* The entry of a flow: its mark, whose low 32 bits are 0, and its number in them. */
static inline bool fluid_entry_before(fluid_key a, fluid_key b)
{
    return fluid_before(FLUID_LINEAR, a, b);
}
/* `heap` has room for one more than `*len`. */
void fluid_entry_push(fluid_key *heap, uint32_t *len, fluid_key entry);
/* Takes heap[0] out; `*len` > 0. */
void fluid_entry_pop(fluid_key *heap, uint32_t *len);
/* Any `len` entries become a heap. */
void fluid_entry_heapify(fluid_key *heap, uint32_t len);

#endif /* SIM_VIRTUAL_FLUID_HEAP_H */
