/* sim/live/tools.c -- handles with a generation. See inner.h. */
#include <assert.h>
#include <stdlib.h>

#include "sim/live/inner.h"

enum {
    HANDLES_FIRST = 64,
    HANDLES_MAX = 1 << 24, /* far above what descriptors and memory allow */
};

static bool handles_grow(struct live_handles *h)
{
    uint32_t cap = h->cap == 0 ? HANDLES_FIRST : h->cap * 2;
    struct live_slot *slots;

    if (cap > HANDLES_MAX) {
        return false;
    }
    slots = realloc(h->slots, cap * sizeof(*slots));
    if (slots == NULL) {
        return false;
    }
    for (uint32_t i = cap; i > h->cap; i--) {
        slots[i - 1] = (struct live_slot){.generation = 1, .next_free = h->first_free};
        h->first_free = i;
    }
    h->slots = slots;
    h->cap = cap;
    return true;
}

uint64_t live_handles_add(struct live_handles *h, void *what)
{
    struct live_slot *slot;
    uint32_t index;

    assert(what != NULL);
    if (h->first_free == 0 && !handles_grow(h)) {
        return 0;
    }
    index = h->first_free - 1;
    slot = &h->slots[index];
    h->first_free = slot->next_free;
    slot->what = what;
    slot->next_free = 0;
    return (uint64_t)slot->generation << 32 | (index + 1);
}

static struct live_slot *slot_of(const struct live_handles *h, uint64_t handle)
{
    uint32_t index = (uint32_t)handle;
    struct live_slot *slot;

    if (index == 0 || index > h->cap) {
        return NULL;
    }
    slot = &h->slots[index - 1];
    return slot->what != NULL && slot->generation == handle >> 32 ? slot : NULL;
}

void *live_handles_get(const struct live_handles *h, uint64_t handle)
{
    struct live_slot *slot = slot_of(h, handle);

    return slot != NULL ? slot->what : NULL;
}

void live_handles_remove(struct live_handles *h, uint64_t handle)
{
    struct live_slot *slot = slot_of(h, handle);

    if (slot == NULL) {
        return;
    }
    slot->what = NULL;
    slot->generation++;
    slot->next_free = h->first_free;
    h->first_free = (uint32_t)handle;
}

void live_handles_deinit(struct live_handles *h)
{
    free(h->slots);
    *h = (struct live_handles){0};
}
