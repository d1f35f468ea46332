/* sim/virtual/fluid_class.c -- classes of flows: the flows of one site with one cap
 * (fluid_inner.h).
 *
 * The class without a cap of a site has the site's number and stays; others are made for their
 * first flow, found again through a hash table, and freed with their last. A flow that is stopped
 * leaves its entry behind in the class's heap: it is thrown out when it comes to the head, or when
 * the heap is full. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/virtual/fluid_inner.h"

enum { HEAP_ROOM = 4, CLASSES_ROOM = 16 }; /* at first */

/* ---- By site and cap ---- */

static uint32_t hash_of(const struct sim_fluid *f, uint32_t site, uint64_t cap)
{
    uint64_t mixed =
        (cap + (uint64_t)site * UINT64_C(0xd6e8feb86659fd93)) * UINT64_C(0x9e3779b97f4a7c15);

    return (uint32_t)((mixed ^ mixed >> 29) >> 8) & (f->hashed - 1);
}

static void hash_put(struct sim_fluid *f, uint32_t class)
{
    const struct fluid_class *c = &f->classes[class];
    uint32_t at = hash_of(f, c->site, c->cap);

    while (f->class_hash[at] != 0) {
        at = (at + 1) & (f->hashed - 1);
    }
    f->class_hash[at] = class + 1;
}

static uint32_t hash_find(const struct sim_fluid *f, uint32_t site, uint64_t cap)
{
    uint32_t at = hash_of(f, site, cap);

    for (;; at = (at + 1) & (f->hashed - 1)) {
        const struct fluid_class *c;

        if (f->class_hash[at] == 0) {
            return FLUID_NONE;
        }
        c = &f->classes[f->class_hash[at] - 1];
        if (c->site == site && c->cap == cap) {
            return f->class_hash[at] - 1;
        }
    }
}

/* What stands behind moves up, so that there are no graves. */
static void hash_remove(struct sim_fluid *f, uint32_t class)
{
    uint32_t mask = f->hashed - 1;
    uint32_t at = hash_of(f, f->classes[class].site, f->classes[class].cap);

    while (f->class_hash[at] != class + 1) {
        at = (at + 1) & mask;
    }
    for (uint32_t i = (at + 1) & mask; f->class_hash[i] != 0; i = (i + 1) & mask) {
        const struct fluid_class *c = &f->classes[f->class_hash[i] - 1];

        if (((i - hash_of(f, c->site, c->cap)) & mask) >= ((i - at) & mask)) {
            f->class_hash[at] = f->class_hash[i];
            at = i;
        }
    }
    f->class_hash[at] = 0;
}

/* ---- Life ---- */

/* Room for `cap` classes. Each array that has grown is kept even when the next one can't. */
static int reserve(struct sim_fluid *f, uint32_t cap)
{
    struct fluid_class *classes;
    struct fluid_node *nodes;
    uint32_t *hash;
    uint32_t hashed = CLASSES_ROOM;

    while (hashed < 2 * (uint64_t)cap) {
        hashed *= 2;
    }
    if ((classes = realloc(f->classes, cap * sizeof(*classes))) == NULL) {
        return SIM_ENOMEM;
    }
    f->classes = classes;
    if ((nodes = realloc(f->class_ends, cap * sizeof(*nodes))) == NULL) {
        return SIM_ENOMEM;
    }
    f->class_ends = nodes;
    if ((nodes = realloc(f->class_caps, cap * sizeof(*nodes))) == NULL) {
        return SIM_ENOMEM;
    }
    f->class_caps = nodes;
    if ((hash = calloc(hashed, sizeof(*hash))) == NULL) {
        return SIM_ENOMEM;
    }
    free(f->class_hash);
    f->class_hash = hash;
    f->hashed = hashed;
    for (uint32_t i = f->classes_cap; i < cap; i++) {
        classes[i].heap = NULL;
        classes[i].room = 1;
    }
    f->classes_cap = cap;
    for (uint32_t i = 0; i < f->classes_len; i++) {
        if (f->classes[i].cap != SIM_FLUID_NO_LIMIT && f->classes[i].site != FLUID_NONE) {
            hash_put(f, i);
        }
    }
    return 0;
}

static void class_init(struct sim_fluid *f, uint32_t class, uint32_t site, uint64_t cap)
{
    struct fluid_class *c = &f->classes[class];

    c->base = 0;
    c->since = 0;
    c->cap = cap;
    c->site = site;
    c->flows = c->len = 0;
    c->capped = false;
    f->class_ends[class].in = f->class_caps[class].in = false;
}

int fluid_classes_reset(struct sim_fluid *f)
{
    if (f->classes_cap < f->sites_len) {
        f->classes_len = 0;
        if (reserve(f, f->sites_len + CLASSES_ROOM) != 0) {
            return SIM_ENOMEM;
        }
    }
    memset(f->class_hash, 0, f->hashed * sizeof(*f->class_hash));
    f->classes_len = f->sites_len;
    f->classes_free = FLUID_NONE;
    for (uint32_t i = 0; i < f->sites_len; i++) {
        class_init(f, i, i, SIM_FLUID_NO_LIMIT);
    }
    return 0;
}

void fluid_classes_deinit(struct sim_fluid *f)
{
    for (uint32_t i = 0; i < f->classes_cap; i++) {
        fluid_entries_free(f->classes[i].heap);
    }
    free(f->classes);
    free(f->class_ends);
    free(f->class_caps);
    free(f->class_hash);
}

static uint32_t class_new(struct sim_fluid *f, uint32_t site, uint64_t cap)
{
    struct fluid_site *s = &f->sites[site];
    struct fluid_level level = fluid_site_level(f, s);
    uint32_t class = f->classes_free;

    if (class != FLUID_NONE) {
        f->classes_free = f->classes[class].next_free;
    } else {
        if (f->classes_len == f->classes_cap && reserve(f, 2 * f->classes_cap) != 0) {
            return FLUID_NONE;
        }
        class = f->classes_len++;
    }
    class_init(f, class, site, cap);
    /* A guess that spares most of them a turn at once. */
    f->classes[class].capped = cap * level.flows <= level.rate &&
                               (s->rate == SIM_FLUID_NO_LIMIT || s->capped + cap <= s->rate);
    f->classes[class].since = f->at;
    hash_put(f, class);
    return class;
}

static void class_free(struct sim_fluid *f, uint32_t class)
{
    struct fluid_class *c = &f->classes[class];

    hash_remove(f, class);
    if (f->sites[c->site].recent == class) {
        f->sites[c->site].recent = FLUID_NONE;
    }
    c->site = FLUID_NONE;
    c->next_free = f->classes_free;
    f->classes_free = class;
}

/* ---- Flows in it ---- */

static bool is_stale(const struct sim_fluid *f, uint32_t class, fluid_key entry)
{
    const struct fluid_flow *flow = &f->flows[(uint32_t)entry];

    return flow->class != class || flow->entry != entry;
}

/* Room for one entry more: by throwing stale ones out, when they are many, else by growing. */
static int make_room(struct sim_fluid *f, uint32_t class)
{
    struct fluid_class *c = &f->classes[class];
    fluid_key *heap = fluid_class_heap(c);
    uint32_t room = c->room < HEAP_ROOM ? HEAP_ROOM : 2 * c->room;

    if (c->len < c->room) {
        return 0;
    }
    if (c->flows <= c->len / 2) {
        uint32_t kept = 0;

        for (uint32_t i = 0; i < c->len; i++) {
            if (!is_stale(f, class, heap[i])) {
                heap[kept++] = heap[i];
            }
        }
        c->len = kept;
        fluid_entry_heapify(heap, kept);
        if (c->len < c->room) { /* not so when a flow left and came back to its old mark */
            return 0;
        }
    }
    if ((heap = fluid_entries_new(room)) == NULL) {
        return SIM_ENOMEM;
    }
    memcpy(heap, fluid_class_heap(c), c->len * sizeof(*heap));
    fluid_entries_free(c->heap);
    c->heap = heap;
    c->room = room;
    return 0;
}

uint32_t fluid_class_for(struct sim_fluid *f, uint32_t site, uint64_t cap)
{
    struct fluid_site *s = &f->sites[site];
    uint32_t class = site;

    if (cap != SIM_FLUID_NO_LIMIT) {
        class = s->recent;
        if (class == FLUID_NONE || f->classes[class].cap != cap) {
            class = hash_find(f, site, cap);
        }
        if (class == FLUID_NONE) {
            class = class_new(f, site, cap);
        }
        s->recent = class;
    }
    if (class != FLUID_NONE && make_room(f, class) != 0) {
        if (class != site && f->classes[class].flows == 0) {
            class_free(f, class);
        }
        return FLUID_NONE;
    }
    return class;
}

void fluid_class_add(struct sim_fluid *f, uint32_t class, uint32_t flow, fluid_service mark)
{
    struct fluid_class *c = &f->classes[class];
    struct fluid_site *s = &f->sites[c->site];

    f->flows[flow].entry = mark | flow;
    f->flows[flow].class = class;
    fluid_entry_push(fluid_class_heap(c), &c->len, mark | flow);
    c->flows++;
    s->flows++;
    if (c->capped) {
        s->capped += c->cap;
    } else {
        s->followers++;
    }
}

void fluid_class_drop(struct sim_fluid *f, uint32_t class)
{
    struct fluid_class *c = &f->classes[class];
    struct fluid_site *s = &f->sites[c->site];

    assert(c->flows > 0);
    c->flows--;
    s->flows--;
    if (c->capped) {
        s->capped -= c->cap;
    } else {
        s->followers--;
    }
}

/* ---- Keys ---- */

static void set_keys(struct sim_fluid *f, uint32_t class)
{
    struct fluid_class *c = &f->classes[class];
    struct fluid_site *s = &f->sites[c->site];
    fluid_service mark = fluid_mark(fluid_class_heap(c)[0]);

    if (!c->capped) {
        fluid_node_set(f->class_ends, &s->ends_following, class, mark - c->base);
        if (c->cap != SIM_FLUID_NO_LIMIT) {
            fluid_node_set(f->class_caps, &s->caps_following, class, c->cap);
        }
        return;
    }
    fluid_node_set(
        f->class_ends, &s->ends_capped, class,
        fluid_reach((struct fluid_level){c->cap, 1}, c->since, fluid_remaining(c->base, mark)));
    fluid_node_set(f->class_caps, &s->caps_capped, class, UINT64_MAX - c->cap);
}

static void remove_keys(struct sim_fluid *f, uint32_t class)
{
    struct fluid_class *c = &f->classes[class];
    struct fluid_site *s = &f->sites[c->site];

    fluid_node_remove(f->class_ends, c->capped ? &s->ends_capped : &s->ends_following, class);
    fluid_node_remove(f->class_caps, c->capped ? &s->caps_capped : &s->caps_following, class);
}

void fluid_class_settle(struct sim_fluid *f, uint32_t class)
{
    struct fluid_class *c = &f->classes[class];
    fluid_key *heap = fluid_class_heap(c);

    if (c->flows > 0) {
        while (c->len > c->flows && is_stale(f, class, heap[0])) {
            fluid_entry_pop(heap, &c->len);
        }
        __builtin_prefetch(&f->flows[(uint32_t)heap[0]]); /* it ends next */
        set_keys(f, class);
        return;
    }
    c->len = 0;
    remove_keys(f, class);
    if (c->cap != SIM_FLUID_NO_LIMIT) {
        class_free(f, class);
    }
}

void fluid_class_turn(struct sim_fluid *f, uint32_t class, fluid_time at)
{
    struct fluid_class *c = &f->classes[class];
    struct fluid_site *s = &f->sites[c->site];
    fluid_service v = fluid_class_v(f, c, at);
    uint64_t rate = c->cap * c->flows;

    assert(c->cap != SIM_FLUID_NO_LIMIT && c->flows > 0);
    remove_keys(f, class);
    if (c->capped) {
        c->base = v - fluid_site_v(f, s, at);
        s->capped -= rate;
        s->followers += c->flows;
    } else {
        c->base = v;
        c->since = at;
        s->capped += rate;
        s->followers -= c->flows;
    }
    c->capped = !c->capped;
    set_keys(f, class);
}
