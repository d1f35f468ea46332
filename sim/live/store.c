/* sim/live/store.c -- copies of files and the contents behind them. See inner.h.
 *
 * A copy is the first bytes of a content (struct live_blob). What arrives is compared with what
 * the content has; only new bytes are stored, and hashed once. A copy that differs moves to
 * another variant of its name or begins one. So any number of equal copies costs one, partial
 * copies can be sent from, and the digest of a copy is that of bytes it was compared with one by
 * one. Contents are anonymous files (memfd): sendfile() can take them from there. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/live/inner.h"

enum {
    BLOB_FIRST = 256 * 1024, /* bytes mapped at first; doubles */
    NAMES_FIRST = 64,        /* hash buckets at first; doubles */
};

/* ---- Contents ---- */

static struct live_blob *blob_new(void)
{
    struct live_blob *b = calloc(1, sizeof(*b));

    if (b == NULL) {
        return NULL;
    }
    atomic_init(&b->refs, 0);
    b->run = sim_digest_run_new();
    b->fd = memfd_create("pfsim-content", MFD_CLOEXEC);
    if (b->run == NULL || b->fd < 0) {
        if (b->fd >= 0) {
            close(b->fd);
        }
        sim_digest_run_free(b->run);
        free(b);
        return NULL;
    }
    return b;
}

static void blob_delete(struct live_blob *b)
{
    if (b->map != NULL) {
        munmap(b->map, b->cap);
    }
    close(b->fd);
    sim_digest_run_free(b->run);
    free(b);
}

static int blob_reserve(struct live_blob *b, uint64_t len)
{
    uint64_t cap = b->cap == 0 ? BLOB_FIRST : b->cap;
    void *map;

    if (len > LIVE_FILE_MAX) {
        return SIM_ENOSPC;
    }
    while (cap < len) {
        cap *= 2;
    }
    if (cap == b->cap) {
        return 0;
    }
    /* The file is sparse: pages come when bytes do. */
    if (ftruncate(b->fd, (off_t)cap) != 0) {
        return SIM_ENOSPC;
    }
    map = b->map == NULL ? mmap(NULL, cap, PROT_READ, MAP_SHARED, b->fd, 0)
                         : mremap(b->map, b->cap, cap, MREMAP_MAYMOVE);
    if (map == MAP_FAILED) {
        return SIM_ENOMEM;
    }
    b->map = map;
    b->cap = cap;
    return 0;
}

/* By pwrite, not through the mapping: a machine without memory then says so instead of sending
 * SIGBUS. */
static int blob_extend(struct live_blob *b, const uint8_t *bytes, size_t len)
{
    size_t done = 0;
    int rc = blob_reserve(b, b->len + len);

    assert(!b->sealed);
    if (rc != 0) {
        return rc;
    }
    while (done < len) {
        ssize_t n = pwrite(b->fd, bytes + done, len - done, (off_t)(b->len + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return SIM_ENOSPC;
        }
        done += (size_t)n;
    }
    sim_digest_run_update(b->run, bytes, len);
    b->len += len;
    b->has_digest = false;
    return 0;
}

static void name_forget(struct live_name *name, struct live_blob *b)
{
    for (size_t i = 0; i < name->variants_len; i++) {
        if (name->variants[i] == b) {
            name->variants_len--;
            memmove(&name->variants[i], &name->variants[i + 1],
                    (name->variants_len - i) * sizeof(struct live_blob *));
            return;
        }
    }
}

static void blob_take(struct live_blob *b)
{
    atomic_fetch_add(&b->refs, 1);
}

/* `name`: where an unsealed one is listed without a reference; NULL for a sealed one. */
static void blob_drop(struct live_blob *b, struct live_name *name)
{
    if (atomic_fetch_sub(&b->refs, 1) != 1) {
        return;
    }
    if (name != NULL) {
        name_forget(name, b);
    }
    blob_delete(b);
}

/* ---- Names ---- */

static size_t bucket_of(const struct live_world *w, const char *text)
{
    return (size_t)(sim_rng_hash(text) & (w->names_cap - 1));
}

static bool names_grow(struct live_world *w)
{
    size_t old_cap = w->names_cap;
    struct live_name **old = w->names;

    w->names_cap = old_cap == 0 ? NAMES_FIRST : old_cap * 2;
    w->names = calloc(w->names_cap, sizeof(struct live_name *));
    if (w->names == NULL) {
        w->names = old;
        w->names_cap = old_cap;
        return old_cap > 0; /* full buckets still work */
    }
    for (size_t i = 0; i < old_cap; i++) {
        while (old[i] != NULL) {
            struct live_name *name = old[i];
            size_t bucket = bucket_of(w, name->text);

            old[i] = name->next;
            name->next = w->names[bucket];
            w->names[bucket] = name;
        }
    }
    free(old);
    return true;
}

static struct live_name *name_find(struct live_world *w, const char *text)
{
    size_t bucket, size = strlen(text) + 1;
    struct live_name *name;

    if (w->names_len >= w->names_cap && !names_grow(w)) {
        return NULL;
    }
    bucket = bucket_of(w, text);
    for (name = w->names[bucket]; name != NULL; name = name->next) {
        if (strcmp(name->text, text) == 0) {
            return name;
        }
    }
    name = calloc(1, sizeof(*name) + size);
    if (name == NULL) {
        return NULL;
    }
    memcpy(name->text, text, size);
    name->next = w->names[bucket];
    w->names[bucket] = name;
    w->names_len++;
    return name;
}

/* All copies are gone; what is left are the sealed contents. */
void live_names_deinit(struct live_world *w)
{
    for (size_t i = 0; i < w->names_cap; i++) {
        while (w->names[i] != NULL) {
            struct live_name *name = w->names[i];

            w->names[i] = name->next;
            for (size_t k = 0; k < name->variants_len; k++) {
                assert(name->variants[k]->sealed);
                blob_drop(name->variants[k], NULL);
            }
            free(name);
        }
    }
    free(w->names);
    w->names = NULL;
    w->names_cap = w->names_len = 0;
}

/* ---- The registry of sealed contents ---- */

void live_store_init(struct live_store *store)
{
    pthread_mutex_init(&store->lock, NULL);
    store->sealed = NULL;
}

void live_store_deinit(struct live_store *store)
{
    while (store->sealed != NULL) {
        struct live_blob *b = store->sealed;

        store->sealed = b->registry_next;
        blob_drop(b, NULL);
    }
    pthread_mutex_destroy(&store->lock);
}

/* The sealed content of that digest, with a reference for the caller; else seals `mine`, if
 * given, and puts it in with the same. NULL: there is none and nothing was given. */
static struct live_blob *registry_take(struct live_store *store, const struct sim_digest *digest,
                                       uint64_t len, struct live_blob *mine)
{
    struct live_blob *b;

    pthread_mutex_lock(&store->lock);
    for (b = store->sealed; b != NULL; b = b->registry_next) {
        if (b->len == len && sim_digest_equal(&b->digest, digest)) {
            break;
        }
    }
    if (b == NULL && mine != NULL) {
        assert(mine->len == len && !mine->sealed);
        b = mine;
        b->digest = *digest;
        b->has_digest = true;
        b->sealed = true;
        sim_digest_run_free(b->run);
        b->run = NULL;
        b->registry_next = store->sealed;
        store->sealed = b;
        blob_take(b); /* of the registry */
    }
    if (b != NULL) {
        blob_take(b);
    }
    pthread_mutex_unlock(&store->lock);
    return b;
}

/* ---- Copies: growing ---- */

static void file_attach(struct live_file *f, struct live_blob *b)
{
    struct live_blob *old = f->blob;

    blob_take(b);
    f->blob = b;
    if (old != NULL) {
        blob_drop(old, old->sealed ? NULL : f->name);
    }
}

/* True when `b` begins with the copy's bytes and can go on with `next`. */
static bool variant_fits(const struct live_file *f, const struct live_blob *b, uint8_t next)
{
    if (b == f->blob || b->len < f->size || (b->sealed && b->len == f->size)) {
        return false;
    }
    if (f->size > 0 && memcmp(b->map, f->blob->map, f->size) != 0) {
        return false;
    }
    return b->len == f->size || b->map[f->size] == next;
}

/* The copy goes on with bytes that its content does not have: another variant, or a new one. */
static int file_diverge(struct live_file *f, uint8_t next)
{
    struct live_name *name = f->name;
    struct live_blob *b;
    int rc;

    for (size_t i = 0; i < name->variants_len; i++) {
        if (variant_fits(f, name->variants[i], next)) {
            file_attach(f, name->variants[i]);
            return 0;
        }
    }
    if (name->variants_len == LIVE_VARIANTS_MAX) {
        return SIM_ENOSPC;
    }
    b = blob_new();
    if (b == NULL) {
        return SIM_ENOMEM;
    }
    if (f->size > 0) {
        rc = blob_extend(b, f->blob->map, f->size);
        if (rc != 0) {
            blob_delete(b);
            return rc;
        }
    }
    name->variants[name->variants_len++] = b;
    file_attach(f, b);
    return 0;
}

static size_t common_length(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;

    if (memcmp(a, b, len) == 0) {
        return len;
    }
    while (a[i] == b[i]) {
        i++;
    }
    return i;
}

int live_file_append(struct live_file *f, const uint8_t *bytes, size_t len)
{
    int rc;

    assert(!f->sealed);
    while (len > 0) {
        struct live_blob *b = f->blob;

        if (b != NULL && f->size < b->len) {
            size_t n = b->len - f->size < len ? (size_t)(b->len - f->size) : len;
            size_t same = common_length(b->map + f->size, bytes, n);

            f->size += same;
            bytes += same;
            len -= same;
            if (same == n) {
                continue;
            }
        } else if (b != NULL && !b->sealed) {
            rc = blob_extend(b, bytes, len);
            if (rc != 0) {
                return rc;
            }
            f->size += len;
            return 0;
        }
        rc = file_diverge(f, bytes[0]);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- Copies: asking and sealing ---- */

static void file_value(const struct live_file *f, struct sim_digest *out)
{
    struct live_blob *b = f->blob;

    if (b == NULL) {
        sim_digest_of(NULL, 0, out);
    } else if (f->size < b->len) {
        sim_digest_of(b->map, f->size, out);
    } else {
        if (!b->has_digest) {
            sim_digest_run_value(b->run, &b->digest);
            b->has_digest = true;
        }
        *out = b->digest;
    }
}

int live_file_digest(struct sim_world *base, sim_file file, struct sim_digest *out)
{
    struct live_file *f = live_file_get(live_world_of(base), file);

    if (f == NULL) {
        return SIM_EINVAL;
    }
    file_value(f, out);
    return 0;
}

/* The content of a copy that ends before its blob does: other copies went on with other bytes. */
static int file_separate(struct live_file *f)
{
    struct live_blob *b;
    int rc;

    if (f->blob->len == f->size) {
        return 0;
    }
    if (f->name->variants_len == LIVE_VARIANTS_MAX) {
        return SIM_ENOSPC;
    }
    b = blob_new();
    if (b == NULL) {
        return SIM_ENOMEM;
    }
    rc = blob_extend(b, f->blob->map, f->size);
    if (rc != 0) {
        blob_delete(b);
        return rc;
    }
    f->name->variants[f->name->variants_len++] = b;
    file_attach(f, b);
    return 0;
}

/* A sealed content stays until the run ends, so that later copies find it; the reference is the
 * caller's. */
static void name_keep(struct live_name *name, struct live_blob *b)
{
    for (size_t i = 0; i < name->variants_len; i++) {
        if (name->variants[i] == b) {
            return;
        }
    }
    if (name->variants_len < LIVE_VARIANTS_MAX) {
        memmove(&name->variants[1], &name->variants[0],
                name->variants_len * sizeof(struct live_blob *));
        name->variants[0] = b; /* new copies begin with it */
        name->variants_len++;
        blob_take(b);
    }
}

int live_file_seal(struct sim_world *base, sim_file file)
{
    struct live_world *w = live_world_of(base);
    struct live_file *f = live_file_get(w, file);
    struct sim_digest digest;
    struct live_blob *known;
    int rc;

    if (f == NULL) {
        return SIM_EINVAL;
    }
    if (f->sealed || f->blob == NULL || (f->blob->sealed && f->blob->len == f->size)) {
        f->sealed = true;
        return 0;
    }
    file_value(f, &digest);
    known = registry_take(&w->live->store, &digest, f->size, NULL);
    if (known == NULL) {
        rc = file_separate(f);
        if (rc != 0) {
            return rc;
        }
        known = registry_take(&w->live->store, &digest, f->size, f->blob);
    }
    if (known == f->blob) {
        blob_take(known); /* it was listed without: the list's own from now on */
    } else {
        file_attach(f, known);
        name_keep(f->name, known);
    }
    blob_drop(known, NULL);
    f->sealed = true;
    return 0;
}

size_t live_file_read(struct sim_world *base, sim_file file, uint64_t offset, void *bytes,
                      size_t len)
{
    struct live_file *f = live_file_get(live_world_of(base), file);

    if (f == NULL || offset >= f->size) {
        return 0;
    }
    if (len > f->size - offset) {
        len = (size_t)(f->size - offset);
    }
    memcpy(bytes, f->blob->map + offset, len);
    return len;
}

uint64_t live_file_size(struct sim_world *base, sim_file file)
{
    struct live_file *f = live_file_get(live_world_of(base), file);

    return f != NULL ? f->size : 0;
}

/* ---- Copies: life ---- */

struct live_file *live_file_get(struct live_world *w, sim_file file)
{
    return live_handles_get(&w->files, file);
}

sim_file live_file_new(struct sim_world *base, sim_node node, const char *name)
{
    struct live_world *w = live_world_of(base);
    struct live_node *n = live_node_get(w, node);
    struct live_file *f;

    if (n->down) {
        return 0;
    }
    f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return 0;
    }
    f->node = n;
    f->name = name_find(w, name);
    f->handle = f->name != NULL ? live_handles_add(&w->files, f) : 0;
    if (f->handle == 0) {
        free(f);
        return 0;
    }
    if (f->name->variants_len > 0) {
        file_attach(f, f->name->variants[0]);
    }
    f->next = n->files;
    if (n->files != NULL) {
        n->files->before = f;
    }
    n->files = f;
    return f->handle;
}

void live_file_drop(struct live_file *f)
{
    struct live_node *n = f->node;

    if (f->before != NULL) {
        f->before->next = f->next;
    } else {
        n->files = f->next;
    }
    if (f->next != NULL) {
        f->next->before = f->before;
    }
    live_handles_remove(&n->world->files, f->handle);
    if (f->blob != NULL) {
        blob_drop(f->blob, f->blob->sealed ? NULL : f->name);
    }
    free(f);
}

void live_file_free(struct sim_world *base, sim_file file)
{
    struct live_file *f = live_file_get(live_world_of(base), file);

    if (f == NULL) {
        return;
    }
    for (struct live_stream *s = f->node->streams; s != NULL; s = s->next) {
        if (s->in_file == f || s->out_file == f) {
            live_stream_fail_soon(s, SIM_ECLOSED);
            s->in_file = s->out_file = NULL;
        }
    }
    live_request_lose_file(f->node, f);
    live_file_drop(f);
}
