/* sim/virtual/file.c -- copies of files, and names. See inner.h.
 *
 * A copy holds no bytes: it is the first `size` bytes of what the catalog has under its name, or
 * wrong in the way that `taint` stands for. Its digest is the real one where the bytes are the
 * whole right file; of anything else it is made from (name, size, taint): different from all
 * others, and the same for equal copies, but no SHA-256 of bytes. */
#include <stdlib.h>
#include <string.h>

#include "sim/virtual/inner.h"

/* ---- Names ---- */

enum {
    BUCKETS_FIRST = 64,      /* doubles when there are as many names */
    RECENT = 256,            /* pointers remembered; a power of two */
    BLOCK_BYTES = 32 * 1024, /* names are cut from blocks of so many bytes */
    NAMES_MAX = 1 << 28,     /* our choice */
};

struct name {
    struct name *next; /* of its bucket */
    const struct sim_content *content;
    uint64_t hash;
    uint32_t digest; /* index + 1 in `digests`: of the whole content; 0: not asked for yet */
    char text[];
};

struct block {
    struct block *next;
    uint64_t bytes[]; /* BLOCK_BYTES */
};

struct virtual_names {
    struct name **buckets;
    uint32_t cap, len;
    struct block *blocks, *current; /* NULL: the first */
    size_t used;                    /* bytes of the current one */
    uint64_t bytes;
    struct {
        const char *pointer;
        struct name *name;
    } recent[RECENT];
    struct sim_digest *digests; /* asked for once a name, not once a copy */
    uint32_t digests_len, digests_cap;
    uint8_t *resolved; /* SIM_CONTENT_RESOLVED_MAX bytes: what was made up last */
};

static struct virtual_names *names_of(struct sim_virtual *v)
{
    if (v->names == NULL) {
        v->names = calloc(1, sizeof(*v->names));
    }
    return v->names;
}

void virtual_names_clear(struct sim_virtual *v)
{
    struct virtual_names *names = v->names;

    if (names == NULL) {
        return;
    }
    if (names->len > 0) {
        memset(names->buckets, 0, names->cap * sizeof(struct name *));
    }
    memset(names->recent, 0, sizeof(names->recent));
    names->len = names->digests_len = 0;
    names->current = NULL;
    names->used = 0;
}

void virtual_names_free(struct sim_virtual *v)
{
    struct virtual_names *names = v->names;

    if (names == NULL) {
        return;
    }
    while (names->blocks != NULL) {
        struct block *block = names->blocks;

        names->blocks = block->next;
        free(block);
    }
    free(names->buckets);
    free(names->digests);
    free(names->resolved);
    free(names);
    v->names = NULL;
}

uint64_t virtual_names_bytes(const struct sim_virtual *v)
{
    const struct virtual_names *names = v->names;

    if (names == NULL) {
        return 0;
    }
    return sizeof(*names) + names->bytes + names->cap * sizeof(struct name *) +
           names->digests_cap * sizeof(struct sim_digest) +
           (names->resolved != NULL ? SIM_CONTENT_RESOLVED_MAX : 0);
}

static bool buckets_grow(struct virtual_names *names)
{
    uint32_t cap = names->cap == 0 ? BUCKETS_FIRST : names->cap * 2;
    struct name **buckets;

    if (cap > NAMES_MAX) {
        return false;
    }
    buckets = calloc(cap, sizeof(struct name *));
    if (buckets == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < names->cap; i++) {
        while (names->buckets[i] != NULL) {
            struct name *name = names->buckets[i];
            struct name **bucket = &buckets[name->hash & (cap - 1)];

            names->buckets[i] = name->next;
            name->next = *bucket;
            *bucket = name;
        }
    }
    free(names->buckets);
    names->buckets = buckets;
    names->cap = cap;
    return true;
}

/* Room for a name in the blocks; NULL when out of memory. */
static struct name *name_cut(struct virtual_names *names, size_t size)
{
    struct block *next;
    struct name *name;

    size = (size + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
    if (size > BLOCK_BYTES) {
        return NULL;
    }
    if (names->current == NULL || BLOCK_BYTES - names->used < size) {
        next = names->current == NULL ? names->blocks : names->current->next;
        if (next == NULL) {
            next = malloc(sizeof(*next) + BLOCK_BYTES);
            if (next == NULL) {
                return NULL;
            }
            next->next = NULL;
            if (names->current == NULL) {
                names->blocks = next;
            } else {
                names->current->next = next;
            }
            names->bytes += sizeof(*next) + BLOCK_BYTES;
        }
        names->current = next;
        names->used = 0;
    }
    name = (struct name *)((uint8_t *)names->current->bytes + names->used);
    names->used += size;
    return name;
}

static struct name *name_find(struct sim_virtual *v, struct virtual_names *names, const char *text)
{
    uint64_t hash = sim_rng_hash(text);
    size_t size = strlen(text) + 1;
    struct name *name, **bucket;

    if (names->len >= names->cap && !buckets_grow(names)) {
        return NULL;
    }
    bucket = &names->buckets[hash & (names->cap - 1)];
    for (name = *bucket; name != NULL; name = name->next) {
        if (name->hash == hash && strcmp(name->text, text) == 0) {
            return name;
        }
    }
    name = name_cut(names, sizeof(*name) + size);
    if (name == NULL) {
        return NULL;
    }
    name->hash = hash;
    name->digest = 0;
    name->content = sim_catalog_find(v->config.catalog, text);
    memcpy(name->text, text, size);
    name->next = *bucket;
    *bucket = name;
    names->len++;
    return name;
}

const char *virtual_name(struct sim_virtual *v, const char *name,
                         const struct sim_content **content)
{
    struct virtual_names *names = names_of(v);
    size_t place = (size_t)(sim_rng_mix((uintptr_t)name) & (RECENT - 1));
    struct name *found;

    if (names == NULL) {
        return NULL;
    }
    found = names->recent[place].name;
    /* A pointer seen before may stand for another text now: a buffer that was used again. */
    if (names->recent[place].pointer != name || strcmp(found->text, name) != 0) {
        found = name_find(v, names, name);
        if (found == NULL) {
            return NULL;
        }
        names->recent[place].pointer = name;
        names->recent[place].name = found;
    }
    if (content != NULL) {
        *content = found->content;
    }
    return found->text;
}

/* ---- Life ---- */

sim_file virtual_file_new(struct sim_world *w, sim_node node, const char *name)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t owner = virtual_index(v, node), index;
    const struct sim_content *content;
    struct virtual_file *f;

    if (v->nodes[owner].down) {
        return 0;
    }
    name = virtual_name(v, name, &content);
    index = name != NULL ? virtual_pool_add(&v->files) : VIRTUAL_NONE;
    if (index == VIRTUAL_NONE) {
        v->out_of_memory = true;
        return 0;
    }
    f = virtual_pool_at(&v->files, index);
    f->node = owner;
    f->name = name;
    f->content = content;
    f->next = v->nodes[owner].files;
    v->nodes[owner].files = index + 1;
    return virtual_pool_handle(&v->files, index);
}

struct virtual_file *virtual_file_of(const struct sim_virtual *v, sim_file file)
{
    return virtual_pool_get(&v->files, file, NULL);
}

static void file_drop(struct sim_virtual *v, uint32_t index)
{
    struct virtual_file *f = virtual_pool_at(&v->files, index);
    uint32_t *link = &v->nodes[f->node].files;

    while (*link != index + 1) {
        struct virtual_file *other;

        assert(*link != 0);
        other = virtual_pool_at(&v->files, *link - 1);
        link = &other->next;
    }
    *link = f->next;
    virtual_pool_remove(&v->files, index);
}

void virtual_file_free(struct sim_world *w, sim_file file)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t index;
    struct virtual_file *f = virtual_pool_get(&v->files, file, &index);

    if (f == NULL) {
        return;
    }
    virtual_streams_drop_file(v, f->node, file);
    virtual_fetches_drop_file(v, f->node, file);
    file_drop(v, index);
}

/* Their streams and fetches are gone already. */
void virtual_files_down(struct sim_virtual *v, uint32_t node)
{
    while (v->nodes[node].files != 0) {
        file_drop(v, v->nodes[node].files - 1);
    }
}

/* ---- Growing ---- */

void virtual_file_append(struct sim_virtual *v, sim_file file, uint64_t len, uint64_t taint)
{
    struct virtual_file *f = virtual_file_of(v, file);

    if (f == NULL) {
        return;
    }
    assert(!f->sealed);
    f->size += len;
    if (taint != 0 && len > 0 && taint != f->taint) {
        /* Wrong in two ways is another way to be wrong; whichever came first. */
        f->taint = f->taint == 0 ? taint : sim_rng_mix(f->taint ^ sim_rng_mix(taint)) | 1;
    }
}

/* Bytes that are there now, those of a body under way too. */
static uint64_t size_now(struct sim_virtual *v, const struct virtual_file *f)
{
    uint64_t size = f->size;

    if (f->incoming == 0) {
        return size;
    }
    if (f->from_fetch) {
        const struct virtual_fetch *fetch = virtual_fetch_of(v, f->incoming);

        if (fetch != NULL) {
            size += virtual_fetch_received(v, f->incoming) - fetch->got;
        }
    } else {
        const struct virtual_end *end = virtual_end_of(v, f->incoming);

        if (end != NULL) {
            size += virtual_stream_received(v, f->incoming) - end->in_got;
        }
    }
    return size;
}

/* ---- Asking ---- */

uint64_t virtual_file_size(struct sim_world *w, sim_file file)
{
    struct sim_virtual *v = virtual_of(w);
    const struct virtual_file *f = virtual_file_of(v, file);

    return f != NULL ? size_now(v, f) : 0;
}

/* What the resolver makes of the copy's name, borrowed until the next call; NULL: nothing. */
static const uint8_t *resolve(struct sim_virtual *v, const struct virtual_file *f, size_t *len)
{
    struct virtual_names *names = v->names;

    if (names->resolved == NULL) {
        names->resolved = malloc(SIM_CONTENT_RESOLVED_MAX);
        if (names->resolved == NULL) {
            v->out_of_memory = true;
            return NULL;
        }
    }
    return sim_catalog_resolve(v->config.catalog, f->name, names->resolved, len) == 0
               ? names->resolved
               : NULL;
}

/* The digest of the whole content of that name. */
static int whole_digest(struct sim_virtual *v, const struct virtual_file *f, struct sim_digest *out)
{
    struct virtual_names *names = v->names;
    /* An interned name is the text of its struct. */
    struct name *name = (struct name *)(uintptr_t)(f->name - offsetof(struct name, text));

    if (name->digest == 0) {
        int rc = sim_catalog_digest(v->config.catalog, f->content, out);

        if (rc != 0) {
            return rc;
        }
        if (names->digests_len == names->digests_cap) {
            uint32_t cap = names->digests_cap == 0 ? 16 : names->digests_cap * 2;
            struct sim_digest *digests = realloc(names->digests, cap * sizeof(*digests));

            if (digests == NULL) {
                return 0; /* asked for again next time */
            }
            names->digests = digests;
            names->digests_cap = cap;
        }
        names->digests[names->digests_len++] = *out;
        name->digest = names->digests_len;
    }
    *out = names->digests[name->digest - 1];
    return 0;
}

/* A number that stands for bytes that are not the right ones, or not all of them. */
static void made_up_digest(const struct virtual_file *f, uint64_t size, struct sim_digest *out)
{
    uint64_t x = sim_rng_mix(sim_rng_hash(f->name) ^ sim_rng_mix(size) ^ sim_rng_mix(~f->taint));

    for (size_t i = 0; i < SIM_DIGEST_LEN; i++) {
        if (i % 8 == 0) {
            x = sim_rng_mix(x + UINT64_C(0x9E3779B97F4A7C15));
        }
        out->bytes[i] = (uint8_t)(x >> (8 * (i % 8)));
    }
}

int virtual_file_digest(struct sim_world *w, sim_file file, struct sim_digest *out)
{
    struct sim_virtual *v = virtual_of(w);
    const struct virtual_file *f = virtual_file_of(v, file);
    const uint8_t *bytes;
    uint64_t size;
    size_t len;

    if (f == NULL) {
        return SIM_EINVAL;
    }
    size = size_now(v, f);
    if (size == 0) {
        sim_digest_of(NULL, 0, out);
        return 0;
    }
    if (f->taint == 0 && f->content != NULL && size == f->content->size) {
        return whole_digest(v, f, out);
    }
    if (f->taint == 0 && f->content == NULL) {
        bytes = resolve(v, f, &len);
        if (bytes != NULL && len == size) {
            sim_digest_of(bytes, len, out);
            return 0;
        }
    }
    made_up_digest(f, size, out);
    return 0;
}

int virtual_file_seal(struct sim_world *w, sim_file file)
{
    struct virtual_file *f = virtual_file_of(virtual_of(w), file);

    if (f == NULL) {
        return SIM_EINVAL;
    }
    f->sealed = true;
    return 0;
}

/* The bytes of a copy are the content's, one of them flipped when it is tainted: which one depends
 * on the taint and on the file alone, so that any slice shows the same. */
size_t virtual_file_read(struct sim_world *w, sim_file file, uint64_t offset, void *bytes,
                         size_t len)
{
    struct sim_virtual *v = virtual_of(w);
    const struct virtual_file *f = virtual_file_of(v, file);
    uint64_t size = f != NULL ? size_now(v, f) : 0, whole, wrong;

    if (offset >= size) {
        return 0;
    }
    if (len > size - offset) {
        len = (size_t)(size - offset);
    }
    if (f->content != NULL) {
        whole = f->content->size;
        len = sim_content_read(f->content, offset, bytes, len);
    } else {
        size_t made = 0;
        const uint8_t *from = resolve(v, f, &made);

        if (from == NULL || offset >= made) {
            return 0;
        }
        whole = made;
        len = len > made - offset ? made - (size_t)offset : len;
        memcpy(bytes, from + offset, len);
    }
    if (f->taint != 0 && whole > 0) {
        wrong = sim_rng_mix(f->taint) % whole;
        if (wrong >= offset && wrong - offset < len) {
            ((uint8_t *)bytes)[wrong - offset] ^= 1;
        }
    }
    return len;
}
