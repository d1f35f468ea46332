/* sim/wan/timers.c -- see timers.h. */
#include "sim/wan/timers.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/err.h"

enum { ARITY = 4 };

void wan_timers_deinit(struct wan_timers *t)
{
    free(t->timers);
    free(t->heap);
    *t = (struct wan_timers){0};
}

int wan_timers_grow(struct wan_timers *t, uint32_t count)
{
    if (count <= t->cap) {
        return 0;
    }
    struct wan_timer *timers = realloc(t->timers, count * sizeof(*timers));
    if (timers == NULL) {
        return SIM_ENOMEM;
    }
    t->timers = timers;
    struct wan_timer_entry *heap = realloc(t->heap, count * sizeof(*heap));
    if (heap == NULL) {
        return SIM_ENOMEM;
    }
    t->heap = heap;
    for (uint32_t i = t->cap; i < count; i++) {
        timers[i] = (struct wan_timer){.due = SIM_NEVER};
    }
    t->cap = count;
    return 0;
}

static bool before(const struct wan_timer_entry *a, const struct wan_timer_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->order > b->order;
}

static void put(struct wan_timers *t, uint32_t place, struct wan_timer_entry entry)
{
    t->heap[place] = entry;
    t->timers[entry.id].slot = place + 1;
}

static void sift_up(struct wan_timers *t, uint32_t place, struct wan_timer_entry entry)
{
    while (place > 0) {
        uint32_t parent = (place - 1) / ARITY;
        if (!before(&entry, &t->heap[parent])) {
            break;
        }
        put(t, place, t->heap[parent]);
        place = parent;
    }
    put(t, place, entry);
}

static void sift_down(struct wan_timers *t, uint32_t place, struct wan_timer_entry entry)
{
    for (;;) {
        uint32_t first = place * ARITY + 1;
        if (first >= t->len) {
            break;
        }
        uint32_t end = first + ARITY < t->len ? first + ARITY : t->len;
        uint32_t least = first;
        for (uint32_t child = first + 1; child < end; child++) {
            if (before(&t->heap[child], &t->heap[least])) {
                least = child;
            }
        }
        if (!before(&t->heap[least], &entry)) {
            break;
        }
        put(t, place, t->heap[least]);
        place = least;
    }
    put(t, place, entry);
}

static void remove_first(struct wan_timers *t)
{
    t->timers[t->heap[0].id].slot = 0;
    t->len--;
    if (t->len > 0) {
        sift_down(t, 0, t->heap[t->len]);
    }
}

void wan_timers_set(struct wan_timers *t, uint32_t id, sim_time due)
{
    assert(id < t->cap);
    assert(due != SIM_NEVER);
    struct wan_timer *timer = &t->timers[id];

    if (timer->due == due) {
        return; /* keeps its place among its ties */
    }
    timer->due = due;
    timer->order = t->order++;
    struct wan_timer_entry entry = {.at = due, .order = timer->order, .id = id};
    if (timer->slot == 0) {
        t->len++;
        sift_up(t, t->len - 1, entry);
    } else if (before(&entry, &t->heap[timer->slot - 1])) {
        sift_up(t, timer->slot - 1, entry);
    }
}

void wan_timers_clear(struct wan_timers *t, uint32_t id)
{
    assert(id < t->cap);
    t->timers[id].due = SIM_NEVER;
}

bool wan_timers_take(struct wan_timers *t, sim_time now, uint32_t *id, sim_time *due)
{
    while (t->len > 0) {
        struct wan_timer_entry entry = t->heap[0];
        struct wan_timer *timer = &t->timers[entry.id];

        if (timer->due == SIM_NEVER) {
            remove_first(t);
        } else if (timer->due != entry.at || timer->order != entry.order) {
            entry.at = timer->due; /* put off meanwhile */
            entry.order = timer->order;
            sift_down(t, 0, entry);
        } else if (entry.at > now) {
            return false;
        } else {
            remove_first(t);
            *id = entry.id;
            *due = entry.at;
            timer->due = SIM_NEVER;
            return true;
        }
    }
    return false;
}
