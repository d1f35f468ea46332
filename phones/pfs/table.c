/* phones/pfs/table.c -- see table.h. */
#include "phones/pfs/table.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/err.h"

#define NONE UINT32_MAX /* no place, no depth */

struct place {
    sim_addr addr; /* 0: not taken */
    uint32_t epoch;
    uint32_t parent; /* place that feeds it; NONE: nobody (root, holders, lost ones) */
    uint32_t served; /* order in which it got the file; 0: has it not */
    sim_time rest;   /* no parent before */
    uint32_t children;
    bool holds;
    bool gone; /* has no parent and holds nothing; stays only while somebody sits below */
};

struct pfs_table {
    struct place *places;
    uint32_t len, cap;
    uint32_t fanout;
    uint32_t epoch; /* of the latest assignment */
    uint32_t taken;
    uint32_t served;
    uint32_t open;  /* all places below this one are full, while `tidy` */
    uint32_t spare; /* a place not taken, or len */
    bool tidy;      /* no fault or holder yet: places are in breadth-first order */
    uint32_t
        *index; /* hash of addresses: place + 1, 0 empty; open addressing, index_cap a power of 2 */
    uint32_t index_cap;
};

/* ---- Finding a place by its address ---- */

static uint32_t home_of(const struct pfs_table *t, sim_addr addr)
{
    return (addr * UINT32_C(2654435761)) & (t->index_cap - 1);
}

static uint32_t slot_of(const struct pfs_table *t, sim_addr addr)
{
    uint32_t at = home_of(t, addr);
    while (t->index[at] != 0 && t->places[t->index[at] - 1].addr != addr) {
        at = (at + 1) & (t->index_cap - 1);
    }
    return at;
}

static uint32_t find(const struct pfs_table *t, sim_addr addr)
{
    uint32_t found = addr == 0 ? 0 : t->index[slot_of(t, addr)];
    return found == 0 ? NONE : found - 1;
}

static void index_all(struct pfs_table *t)
{
    for (uint32_t i = 0; i < t->index_cap; i++) {
        t->index[i] = 0;
    }
    for (uint32_t i = 0; i < t->len; i++) {
        if (t->places[i].addr != 0) {
            t->index[slot_of(t, t->places[i].addr)] = i + 1;
        }
    }
}

/* Takes an address out. Those behind it that its slot kept from theirs move up, so that none is
 * ever looked for behind a hole. */
static void unindex(struct pfs_table *t, sim_addr addr)
{
    uint32_t mask = t->index_cap - 1, hole = slot_of(t, addr);

    for (uint32_t at = (hole + 1) & mask; t->index[at] != 0; at = (at + 1) & mask) {
        uint32_t home = home_of(t, t->places[t->index[at] - 1].addr);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            t->index[hole] = t->index[at];
            hole = at;
        }
    }
    t->index[hole] = 0;
}

/* Makes room for one more place. 0, SIM_ENOMEM, SIM_ELIMIT. */
static int grow(struct pfs_table *t)
{
    if (t->len < t->cap) {
        return 0;
    }
    if (t->cap >= PFS_TABLE_MAX) {
        return SIM_ELIMIT;
    }
    uint32_t cap = t->cap * 2;
    struct place *places = realloc(t->places, cap * sizeof(*places));
    if (places == NULL) {
        return SIM_ENOMEM;
    }
    t->places = places;
    uint32_t *index = malloc(cap * 2 * sizeof(*index));
    if (index == NULL) {
        return SIM_ENOMEM;
    }
    free(t->index);
    t->index = index;
    t->index_cap = cap * 2;
    t->cap = cap;
    index_all(t);
    return 0;
}

struct pfs_table *pfs_table_new(sim_addr root, uint32_t fanout)
{
    enum { FIRST_CAP = 8 };
    struct pfs_table *t = calloc(1, sizeof(*t));

    assert(fanout > 0);
    if (t == NULL) {
        return NULL;
    }
    t->places = malloc(FIRST_CAP * sizeof(*t->places));
    t->index = malloc(2 * FIRST_CAP * sizeof(*t->index));
    if (t->places == NULL || t->index == NULL) {
        pfs_table_free(t);
        return NULL;
    }
    t->cap = FIRST_CAP;
    t->index_cap = 2 * FIRST_CAP;
    t->fanout = fanout;
    t->places[0] = (struct place){.addr = root, .parent = NONE};
    t->len = 1;
    t->spare = 1;
    t->taken = 1;
    t->tidy = true;
    index_all(t);
    return t;
}

void pfs_table_free(struct pfs_table *t)
{
    if (t != NULL) {
        free(t->places);
        free(t->index);
        free(t);
    }
}

/* ---- The forest ---- */

/* Depth of place `i`: 0 for the root and for holders; NONE when it hangs below somebody who has no
 * parent, as the joiner itself has none while a place is looked for: that keeps it from below
 * itself, and everybody from below the lost. */
static uint32_t depth_of(const struct pfs_table *t, uint32_t i)
{
    uint32_t depth = 0;
    while (i != 0 && !t->places[i].holds) {
        if (t->places[i].parent == NONE) {
            return NONE;
        }
        i = t->places[i].parent;
        depth++;
        assert(depth <= t->len); /* a forest */
    }
    return depth;
}

/* Frees place `i` when nobody needs it; then whoever it kept alive. */
static void drop_if_unused(struct pfs_table *t, uint32_t i)
{
    struct place *p = &t->places[i];
    if (i == 0 || !p->gone || p->children > 0 || p->parent != NONE || p->addr == 0) {
        return;
    }
    unindex(t, p->addr);
    p->addr = 0;
    t->taken--;
    t->spare = i < t->spare ? i : t->spare;
}

static void detach(struct pfs_table *t, uint32_t i)
{
    uint32_t parent = t->places[i].parent;
    if (parent == NONE) {
        return;
    }
    t->places[i].parent = NONE;
    assert(t->places[parent].children > 0);
    t->places[parent].children--;
    drop_if_unused(t, parent);
}

/* All who sit right below `i` have lost it. */
static void detach_children(struct pfs_table *t, uint32_t i)
{
    for (uint32_t k = 1; k < t->len && t->places[i].children > 0; k++) {
        if (t->places[k].addr != 0 && t->places[k].parent == i) {
            detach(t, k);
        }
    }
}

static bool can_feed(const struct pfs_table *t, uint32_t i, sim_time now,
                     const struct pfs_table_request *request)
{
    const struct place *p = &t->places[i];
    if (p->addr == 0 || now < p->rest || p->addr == request->addr) {
        return false;
    }
    if (i == 0 ? request->root_free == 0 : p->children >= t->fanout) {
        return false;
    }
    for (uint32_t k = 0; k < request->avoid_len; k++) {
        if (request->avoid[k] == p->addr) {
            return false;
        }
    }
    return true;
}

/* The place that should feed the joiner, which has been detached; NONE when there is none. */
static uint32_t choose_parent(struct pfs_table *t, sim_time now,
                              const struct pfs_table_request *request)
{
    uint32_t best = NONE, best_depth = NONE;

    if (t->tidy && request->avoid_len == 0) {
        while (t->open < t->len && (t->open == 0 ? request->root_free == 0
                                                 : t->places[t->open].children >= t->fanout)) {
            t->open++;
        }
        if (t->open < t->len && can_feed(t, t->open, now, request)) {
            return t->open;
        }
    }
    for (uint32_t i = 0; i < t->len && best_depth > 0; i++) {
        if (can_feed(t, i, now, request)) {
            uint32_t depth = depth_of(t, i);
            if (depth < best_depth) {
                best = i;
                best_depth = depth;
            }
        }
    }
    return best;
}

static int take_place(struct pfs_table *t, sim_addr addr, uint32_t *out)
{
    while (t->spare < t->len && t->places[t->spare].addr != 0) {
        t->spare++;
    }
    if (t->spare == t->len) {
        int rc = grow(t);
        if (rc != 0) {
            return rc;
        }
        t->len++;
    }
    *out = t->spare++;
    t->places[*out] = (struct place){.addr = addr, .parent = NONE};
    t->index[slot_of(t, addr)] = *out + 1;
    t->taken++;
    return 0;
}

int pfs_table_assign(struct pfs_table *t, sim_time now, const struct pfs_table_request *request,
                     struct pfs_table_place *out)
{
    assert(request->addr != 0);
    uint32_t self = find(t, request->addr);
    bool known = self != NONE;

    if (self == 0) {
        return SIM_EFULL; /* the root feeds itself */
    }
    if (known) {
        /* Whatever it had before is over: it asks only when it has no parent. */
        t->tidy = false;
        t->places[self].gone = false;
        t->places[self].holds = false;
        detach(t, self);
        if (!request->has_children) {
            detach_children(t, self);
        }
    }
    uint32_t parent = choose_parent(t, now, request);
    if (parent == NONE) {
        struct pfs_table_request tolerant = *request;
        tolerant.avoid_len = 0;
        return request->avoid_len > 0 && choose_parent(t, now, &tolerant) != NONE ? SIM_EACCES
                                                                                  : SIM_EFULL;
    }
    int rc = known ? 0 : take_place(t, request->addr, &self);
    if (rc != 0) {
        return rc;
    }
    struct place *p = &t->places[self];
    p->parent = parent;
    p->epoch = ++t->epoch;
    t->places[parent].children++;
    *out = (struct pfs_table_place){
        .place = self,
        .epoch = p->epoch,
        .parent = t->places[parent].addr,
        .parent_epoch = t->places[parent].epoch,
        .depth = depth_of(t, parent) + 1,
        .keep_children = known && request->has_children,
    };
    return 0;
}

void pfs_table_lost(struct pfs_table *t, sim_addr parent, sim_addr addr, uint32_t epoch)
{
    uint32_t i = find(t, addr), from = find(t, parent);
    if (i == NONE || i == 0 || from == NONE || t->places[i].parent != from ||
        t->places[i].epoch != epoch) {
        return;
    }
    t->tidy = false;
    t->places[i].gone = true;
    detach(t, i);
    drop_if_unused(t, i);
}

void pfs_table_holds(struct pfs_table *t, sim_addr addr)
{
    uint32_t i = find(t, addr);
    if (i == NONE || i == 0) {
        return;
    }
    t->tidy = false;
    detach(t, i);
    t->places[i].holds = true;
    t->places[i].gone = false;
    if (t->places[i].served == 0) {
        t->places[i].served = ++t->served;
    }
}

void pfs_table_leave(struct pfs_table *t, sim_addr addr)
{
    uint32_t i = find(t, addr);
    if (i == NONE || i == 0) {
        return;
    }
    t->tidy = false;
    t->places[i].gone = true;
    t->places[i].holds = false;
    detach(t, i);
    drop_if_unused(t, i);
}

void pfs_table_rest(struct pfs_table *t, sim_addr addr, sim_time until)
{
    uint32_t i = find(t, addr);
    if (i != NONE) {
        t->tidy = false;
        t->places[i].rest = until;
    }
}

sim_addr pfs_table_successor(const struct pfs_table *t)
{
    const struct place *best = NULL;
    for (uint32_t i = 1; i < t->len; i++) {
        const struct place *p = &t->places[i];
        if (p->addr != 0 && p->holds && !p->gone && (best == NULL || p->served < best->served)) {
            best = p;
        }
    }
    return best == NULL ? 0 : best->addr;
}

uint32_t pfs_table_count(const struct pfs_table *t)
{
    return t->taken;
}
