/* sim/virtual/fluid_heap.h -- the three heaps inside fluid.c: of classes, of sites, of flows.
 * Inside the fluid machine only.
 *
 * Classes of flows stand in pairing heaps: linked by their numbers through an array, so that as
 * many heaps as there are sites share one array, one can be taken out of the middle and nothing is
 * allocated. Sites stand in 4-ary heaps that know each one's place. Flows stand in 4-ary heaps of
 * bare 16-byte entries, four of them a cache line: a million fit.
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

/* ---- Classes: pairing heaps, FLUID_LINEAR ---- */

struct fluid_node {
    fluid_key key;
    uint32_t child; /* first of its children */
    uint32_t next;  /* sibling */
    uint32_t prev;  /* sibling before, or the parent of the first one */
    bool in;
};

void fluid_node_move(struct fluid_node *nodes, uint32_t *root, uint32_t id, fluid_key key);
/* Takes it out; nothing when it is not in. */
void fluid_node_remove(struct fluid_node *nodes, uint32_t *root, uint32_t id);
/* Puts the node in, or at another place when it is in with another key. */
static inline void fluid_node_set(struct fluid_node *nodes, uint32_t *root, uint32_t id,
                                  fluid_key key)
{
    struct fluid_node *n = &nodes[id];

    if (n->in && *root == id && n->child == FLUID_NONE) { /* alone: the usual case */
        n->key = key;
    } else if (!n->in || n->key != key) {
        fluid_node_move(nodes, root, id, key);
    }
}

/* ---- Sites: heaps with places ---- */

struct fluid_rank {
    fluid_key key;
    uint32_t id;
};

struct fluid_ranks {
    struct fluid_rank *heap;
    uint32_t *places; /* by id; FLUID_NONE: not in */
    uint32_t len;
};

/* Room for ids below `cap`; clear it then. 0 or SIM_ENOMEM. */
int fluid_ranks_reserve(struct fluid_ranks *r, uint32_t cap);
/* Empty, for ids below `cap`; keeps the memory. */
void fluid_ranks_clear(struct fluid_ranks *r, uint32_t cap);
void fluid_ranks_deinit(struct fluid_ranks *r);
void fluid_ranks_move(struct fluid_ranks *r, enum fluid_order order, uint32_t id, fluid_key key);
void fluid_ranks_remove(struct fluid_ranks *r, enum fluid_order order, uint32_t id);
static inline void fluid_ranks_set(struct fluid_ranks *r, enum fluid_order order, uint32_t id,
                                   fluid_key key)
{
    if (r->len == 1 && r->heap[0].id == id) { /* one site alone */
        r->heap[0].key = key;
    } else {
        fluid_ranks_move(r, order, id, key);
    }
}

/* ---- Flows ---- */

/* The entry of a flow: its mark, whose low 32 bits are 0, and its number in them. */
static inline bool fluid_entry_before(fluid_key a, fluid_key b)
{
    return fluid_before(FLUID_LINEAR, a, b);
}
/* Room for `room` entries, with the children of one in one cache line; NULL: out of memory. */
fluid_key *fluid_entries_new(uint32_t room);
void fluid_entries_free(fluid_key *heap); /* NULL is fine */
/* `heap` has room for one more than `*len`. */
void fluid_entry_push(fluid_key *heap, uint32_t *len, fluid_key entry);
/* Takes heap[0] out; `*len` > 0. */
void fluid_entry_pop(fluid_key *heap, uint32_t *len);
/* Any `len` entries become a heap. */
void fluid_entry_heapify(fluid_key *heap, uint32_t len);

#endif /* SIM_VIRTUAL_FLUID_HEAP_H */
