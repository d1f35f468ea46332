/* sim/tap/map.c -- open addressing, linear probing, no tombstones. See inner.h. */
#include <stdlib.h>

#include "sim/rng.h"
#include "sim/tap/inner.h"

enum { FIRST_CAP = 64 };

void tap_map_deinit(struct tap_map *m)
{
    free(m->slots);
    *m = (struct tap_map){.slots = NULL};
}

static size_t place_of(const struct tap_map *m, uint64_t key)
{
    size_t at = (size_t)sim_rng_mix(key) & (m->cap - 1);

    while (m->slots[at].key != 0 && m->slots[at].key != key) {
        at = (at + 1) & (m->cap - 1);
    }
    return at;
}

static bool grow(struct tap_map *m)
{
    struct tap_map grown = {.len = m->len, .cap = m->cap == 0 ? FIRST_CAP : 2 * m->cap};

    grown.slots = calloc(grown.cap, sizeof(*grown.slots));
    if (grown.slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].key != 0) {
            grown.slots[place_of(&grown, m->slots[i].key)] = m->slots[i];
        }
    }
    free(m->slots);
    *m = grown;
    return true;
}

bool tap_map_put(struct tap_map *m, uint64_t key, void *value)
{
    if (2 * (m->len + 1) > m->cap && !grow(m)) {
        return false;
    }
    struct tap_slot *slot = &m->slots[place_of(m, key)];

    m->len += slot->key == 0;
    *slot = (struct tap_slot){key, value};
    return true;
}

void *tap_map_get(const struct tap_map *m, uint64_t key)
{
    return m->cap == 0 ? NULL : m->slots[place_of(m, key)].value;
}

/* What probing had moved past the gap moves back into it. */
void tap_map_remove(struct tap_map *m, uint64_t key)
{
    size_t gap = m->cap == 0 ? 0 : place_of(m, key);

    if (m->cap == 0 || m->slots[gap].key == 0) {
        return;
    }
    m->len--;
    m->slots[gap] = (struct tap_slot){0, NULL};
    for (size_t at = (gap + 1) & (m->cap - 1); m->slots[at].key != 0;
         at = (at + 1) & (m->cap - 1)) {
        struct tap_slot moved = m->slots[at];

        m->slots[at] = (struct tap_slot){0, NULL};
        m->slots[place_of(m, moved.key)] = moved;
    }
}
