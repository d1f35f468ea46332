/* analysis/tree.c -- an open-addressing table of trees. */
#include "analysis/tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/rng.h"

void analysis_forest_deinit(struct analysis_forest *f)
{
    free(f->slots);
    *f = (struct analysis_forest){0};
}

/* The slot that holds `key`, or the empty one where it belongs. */
static struct analysis_tree *slot_of(struct analysis_tree *slots, size_t cap, uint64_t key)
{
    size_t at = (size_t)sim_rng_mix(key) & (cap - 1);

    while (slots[at].key != 0 && slots[at].key != key) {
        at = (at + 1) & (cap - 1);
    }
    return &slots[at];
}

static bool grow(struct analysis_forest *f)
{
    size_t cap = f->cap == 0 ? 64 : 2 * f->cap;
    struct analysis_tree *slots = calloc(cap, sizeof(*slots));

    if (slots == NULL) {
        return false;
    }
    for (size_t i = 0; i < f->cap; i++) {
        if (f->slots[i].key != 0) {
            *slot_of(slots, cap, f->slots[i].key) = f->slots[i];
        }
    }
    free(f->slots);
    f->slots = slots;
    f->cap = cap;
    memset(f->recent, 0, sizeof(f->recent));
    return true;
}

struct analysis_tree *analysis_forest_get(struct analysis_forest *f, uint64_t key)
{
    struct analysis_tree **recent = &f->recent[(key ^ key >> 16) & (ANALYSIS_FOREST_RECENT - 1)];

    assert(key != UINT64_MAX);
    if (*recent != NULL && (*recent)->key == key + 1) {
        return *recent;
    }
    if (4 * (f->len + 1) > 3 * f->cap && !grow(f)) {
        return NULL;
    }
    struct analysis_tree *tree = slot_of(f->slots, f->cap, key + 1);
    if (tree->key == 0) {
        tree->key = key + 1;
        tree->root_at = SIM_NEVER;
        f->len++;
    }
    *recent = tree;
    return tree;
}
