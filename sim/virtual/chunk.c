/* sim/virtual/chunk.c -- bytes on their way, and arrays of things with handles. See inner.h.
 *
 * Both only grow: a run's memory is what it needed at its busiest moment. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/virtual/inner.h"

/* ---- Chunks ---- */

enum {
    SLAB_CHUNKS = 64, /* chunks that are allocated together */
    POOL_FIRST = 16,  /* things of a pool at first */
};

struct virtual_slab {
    struct virtual_slab *next;
    uint64_t chunks[]; /* SLAB_CHUNKS of them, one behind the other, aligned */
};

static size_t room_of(uint32_t large)
{
    return large ? SIM_WORLD_MESSAGE_MAX : VIRTUAL_CHUNK_SMALL;
}

static size_t stride_of(uint32_t large)
{
    size_t size = sizeof(struct virtual_chunk) + room_of(large);

    return (size + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
}

static bool slab_add(struct virtual_chunks *c, uint32_t large)
{
    size_t size = sizeof(struct virtual_slab) + SLAB_CHUNKS * stride_of(large);
    struct virtual_slab *slab = malloc(size);

    if (slab == NULL) {
        return false;
    }
    slab->next = NULL;
    if (c->current[large] == NULL) {
        c->slabs[large] = slab;
    } else {
        c->current[large]->next = slab;
    }
    c->bytes += size;
    return true;
}

/* One that was never used since the beginning; NULL when out of memory. */
static struct virtual_chunk *chunk_cut(struct virtual_chunks *c, uint32_t large)
{
    struct virtual_slab **current = &c->current[large];
    size_t at;

    if (*current == NULL || c->used[large] == SLAB_CHUNKS) {
        struct virtual_slab *next = *current == NULL ? c->slabs[large] : (*current)->next;

        if (next == NULL) {
            if (!slab_add(c, large)) {
                return NULL;
            }
            next = *current == NULL ? c->slabs[large] : (*current)->next;
        }
        *current = next;
        c->used[large] = 0;
    }
    at = c->used[large]++ * stride_of(large);
    return (struct virtual_chunk *)((uint8_t *)(*current)->chunks + at);
}

struct virtual_chunk *virtual_chunk_new(struct virtual_chunks *c, const void *bytes, size_t len)
{
    uint32_t large = len > VIRTUAL_CHUNK_SMALL;
    struct virtual_chunk *chunk = c->free[large];

    assert(len <= SIM_WORLD_MESSAGE_MAX);
    if (chunk != NULL) {
        c->free[large] = chunk->next;
    } else {
        chunk = chunk_cut(c, large);
        if (chunk == NULL) {
            return NULL;
        }
    }
    chunk->next = NULL;
    chunk->len = (uint16_t)len;
    chunk->large = (uint16_t)large;
    chunk->mark = 0;
    if (len > 0) {
        memcpy(chunk->bytes, bytes, len);
    }
    return chunk;
}

void virtual_chunk_free(struct virtual_chunks *c, struct virtual_chunk *chunk)
{
    if (chunk != NULL) {
        assert(chunk->large <= 1);
        chunk->next = c->free[chunk->large];
        c->free[chunk->large] = chunk;
    }
}

void virtual_chunks_clear(struct virtual_chunks *c)
{
    for (int large = 0; large < 2; large++) {
        c->free[large] = NULL;
        c->current[large] = NULL;
        c->used[large] = 0;
    }
}

void virtual_chunks_deinit(struct virtual_chunks *c)
{
    for (int large = 0; large < 2; large++) {
        while (c->slabs[large] != NULL) {
            struct virtual_slab *slab = c->slabs[large];

            c->slabs[large] = slab->next;
            free(slab);
        }
    }
    *c = (struct virtual_chunks){.bytes = 0};
}

/* ---- Pools ---- */

static uint32_t *generation_at(const struct virtual_pool *p, uint32_t index)
{
    return virtual_pool_at(p, index);
}

static bool pool_reserve(struct virtual_pool *p, uint32_t cap)
{
    uint8_t *things = realloc(p->things, (size_t)cap * p->size);

    if (things == NULL) {
        return false;
    }
    p->things = things;
    p->cap = cap;
    return true;
}

int virtual_pool_init(struct virtual_pool *p, uint32_t size, uint32_t cap)
{
    assert(size >= sizeof(uint32_t));
    *p = (struct virtual_pool){.size = size};
    return pool_reserve(p, cap > POOL_FIRST ? cap : POOL_FIRST) ? 0 : SIM_ENOMEM;
}

void virtual_pool_deinit(struct virtual_pool *p)
{
    free(p->things);
    free(p->free);
    *p = (struct virtual_pool){.size = p->size};
}

void virtual_pool_clear(struct virtual_pool *p)
{
    p->len = 0;
    p->free_len = 0;
}

/* Room in the list of free places for all that there are, so that removing never fails. */
static bool free_reserve(struct virtual_pool *p)
{
    uint32_t *list;

    if (p->free_cap >= p->cap) {
        return true;
    }
    list = realloc(p->free, (size_t)p->cap * sizeof(*list));
    if (list == NULL) {
        return false;
    }
    p->free = list;
    p->free_cap = p->cap;
    return true;
}

uint32_t virtual_pool_add(struct virtual_pool *p)
{
    uint32_t index, generation = 0;

    if (p->free_len > 0) {
        index = p->free[--p->free_len];
        generation = *generation_at(p, index);
    } else {
        if (p->len == p->cap && (p->cap > (UINT32_MAX >> 2) || !pool_reserve(p, p->cap * 2))) {
            return VIRTUAL_NONE;
        }
        if (!free_reserve(p)) {
            return VIRTUAL_NONE;
        }
        index = p->len++;
    }
    memset(virtual_pool_at(p, index), 0, p->size);
    *generation_at(p, index) = generation + 1;
    assert(*generation_at(p, index) % 2 == 1);
    return index;
}

void virtual_pool_remove(struct virtual_pool *p, uint32_t index)
{
    assert(index < p->len && *generation_at(p, index) % 2 == 1);
    (*generation_at(p, index))++;
    p->free[p->free_len++] = index;
}

uint64_t virtual_pool_handle(const struct virtual_pool *p, uint32_t index)
{
    assert(index < p->len);
    return (uint64_t)*generation_at(p, index) << 32 | (index + 1);
}

void *virtual_pool_get(const struct virtual_pool *p, uint64_t handle, uint32_t *index)
{
    uint32_t place = (uint32_t)handle - 1; /* 0 finds none: no pool is that large */

    if (place >= p->len || *generation_at(p, place) != (uint32_t)(handle >> 32) ||
        *generation_at(p, place) % 2 == 0) {
        return NULL;
    }
    if (index != NULL) {
        *index = place;
    }
    return virtual_pool_at(p, place);
}
