/* sim/content.c -- the catalog of what a server has, and the bytes of synthetic files; see
 * content.h.
 *
 * Leaves out: how files travel (sim/server, sim/live), and folders served as they are (sim/server).
 */
#include "sim/content.h"

#include <assert.h>
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/rng.h"

enum {
    SLOTS_FIRST = 64,              /* of the hash table; a power of two */
    DIRECTORY_FILES_MAX = 100000,  /* in one folder: more is a wrong folder */
    DIGEST_CHUNK_BYTES = 64 * 1024 /* of synthetic bytes hashed at a time: fits the cache */
};

struct entry {
    struct sim_content content; /* its name and bytes belong to the entry */
    char *name;
    void *bytes;     /* MEMORY: from malloc */
    void *mapping;   /* FILE: from mmap; NULL for an empty file */
    bool has_digest; /* both under the catalog's lock */
    struct sim_digest digest;
};

struct sim_catalog {
    struct entry **entries; /* in the order of adding; each allocated alone: pointers stay good */
    size_t len, cap;
    uint32_t *slots; /* open addressing; 0: free, else 1 + the entry's index */
    size_t slots_len;
    sim_content_resolver resolve;
    void *resolve_context;
    char clash[SIM_CONTENT_NAME_MAX]; /* see sim_catalog_clash() */
    pthread_mutex_t lock;             /* of the digests */
};

struct sim_catalog *sim_catalog_new(void)
{
    struct sim_catalog *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    c->slots = calloc(SLOTS_FIRST, sizeof(*c->slots));
    if (c->slots == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c->slots);
        free(c);
        return NULL;
    }
    c->slots_len = SLOTS_FIRST;
    return c;
}

static void free_entry(struct entry *entry)
{
    if (entry != NULL) {
        if (entry->mapping != NULL) {
            munmap(entry->mapping, (size_t)entry->content.size);
        }
        free(entry->bytes);
        free(entry->name);
        free(entry);
    }
}

void sim_catalog_free(struct sim_catalog *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < c->len; i++) {
        free_entry(c->entries[i]);
    }
    pthread_mutex_destroy(&c->lock);
    free(c->entries);
    free(c->slots);
    free(c);
}

/* A relative name of non-empty components, none of them "." or "..". */
static bool is_name(const char *name)
{
    if (name == NULL || strlen(name) >= SIM_CONTENT_NAME_MAX) {
        return false;
    }
    for (const char *part = name;; part++) {
        size_t len = strcspn(part, "/");
        if (len == 0 || (len == 1 && part[0] == '.') ||
            (len == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
        part += len;
        if (*part == '\0') {
            return true;
        }
    }
}

/* The slot that holds `name`, or the free one where it would go. */
static size_t find_slot(const struct sim_catalog *c, const char *name)
{
    size_t mask = c->slots_len - 1;
    size_t slot = (size_t)sim_rng_hash(name) & mask;
    while (c->slots[slot] != 0 && strcmp(c->entries[c->slots[slot] - 1]->name, name) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static int grow_slots(struct sim_catalog *c)
{
    size_t len = c->slots_len * 2;
    uint32_t *old = c->slots;
    uint32_t *slots = calloc(len, sizeof(*slots));
    if (slots == NULL) {
        return SIM_ENOMEM;
    }
    c->slots = slots;
    c->slots_len = len;
    for (size_t i = 0; i < c->len; i++) {
        c->slots[find_slot(c, c->entries[i]->name)] = (uint32_t)(i + 1);
    }
    free(old);
    return 0;
}

static int grow_entries(struct sim_catalog *c)
{
    size_t cap = c->cap == 0 ? 16 : c->cap * 2;
    struct entry **entries = realloc(c->entries, cap * sizeof(struct entry *));
    if (entries == NULL) {
        return SIM_ENOMEM;
    }
    c->entries = entries;
    c->cap = cap;
    return 0;
}

/* Adds `entry`, which it owns from here on, and frees when it fails. */
static int add_entry(struct sim_catalog *c, struct entry *entry)
{
    int rc = 0;
    if (c->len == c->cap) {
        rc = grow_entries(c);
    }
    if (rc == 0 && (c->len + 1) * 2 > c->slots_len) {
        rc = grow_slots(c);
    }
    if (rc != 0) {
        free_entry(entry);
        return rc;
    }
    c->slots[find_slot(c, entry->name)] = (uint32_t)(c->len + 1);
    c->entries[c->len++] = entry;
    return 0;
}

/* A new entry with its name, not yet in the catalog. */
static int make_entry(const struct sim_catalog *c, const char *name, bool is_firmware,
                      enum sim_content_kind kind, struct entry **out)
{
    if (!is_name(name)) {
        return SIM_EINVAL;
    }
    if (sim_catalog_find(c, name) != NULL) {
        return SIM_EEXIST;
    }
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL) {
        return SIM_ENOMEM;
    }
    entry->name = strdup(name);
    if (entry->name == NULL) {
        free(entry);
        return SIM_ENOMEM;
    }
    entry->content.name = entry->name;
    entry->content.kind = kind;
    entry->content.is_firmware = is_firmware;
    *out = entry;
    return 0;
}

int sim_catalog_add_memory(struct sim_catalog *c, const char *name, bool is_firmware,
                           const void *bytes, size_t len)
{
    struct entry *entry;
    int rc = make_entry(c, name, is_firmware, SIM_CONTENT_MEMORY, &entry);
    if (rc != 0) {
        return rc;
    }
    entry->bytes = malloc(len > 0 ? len : 1);
    if (entry->bytes == NULL) {
        free_entry(entry);
        return SIM_ENOMEM;
    }
    if (len > 0) {
        memcpy(entry->bytes, bytes, len);
    }
    entry->content.bytes = entry->bytes;
    entry->content.size = len;
    return add_entry(c, entry);
}

int sim_catalog_add_synthetic(struct sim_catalog *c, const char *name, bool is_firmware,
                              uint64_t size, uint64_t seed)
{
    struct entry *entry;
    int rc = make_entry(c, name, is_firmware, SIM_CONTENT_SYNTHETIC, &entry);
    if (rc != 0) {
        return rc;
    }
    entry->content.size = size;
    entry->content.key = sim_content_key(name, size, seed);
    return add_entry(c, entry);
}

/* Maps what `path` is, when it is a regular file. */
static int map_file(struct entry *entry, const char *path)
{
    static const uint8_t nothing[1];
    struct stat st;
    int rc = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not block */
    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    if (fstat(fd, &st) != 0) {
        rc = sim_err_from_errno(errno);
    } else if (!S_ISREG(st.st_mode)) {
        rc = SIM_EINVAL;
    } else if (st.st_size == 0) {
        entry->content.bytes = nothing;
    } else {
        void *mapping = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (mapping == MAP_FAILED) {
            rc = sim_err_from_errno(errno);
        } else {
            entry->mapping = mapping;
            entry->content.bytes = mapping;
            entry->content.size = (uint64_t)st.st_size;
        }
    }
    close(fd);
    return rc;
}

int sim_catalog_add_file(struct sim_catalog *c, const char *name, bool is_firmware,
                         const char *path)
{
    struct entry *entry;
    int rc = make_entry(c, name, is_firmware, SIM_CONTENT_FILE, &entry);
    if (rc != 0) {
        return rc;
    }
    rc = map_file(entry, path);
    if (rc != 0) {
        free_entry(entry);
        return rc;
    }
    return add_entry(c, entry);
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* not alphasort: that depends on the locale */
}

/* Joins a and b, with a '/' between them when `slash`. NULL when it does not fit. */
static char *join(char *out, size_t cap, const char *a, const char *b, bool slash)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len + slash + b_len + 1 > cap) {
        return NULL;
    }
    memcpy(out, a, a_len);
    out[a_len] = '/';
    memcpy(out + a_len + slash, b, b_len + 1);
    return out;
}

bool sim_content_is_configuration(const char *name)
{
    size_t len = strlen(name);

    return (len >= 4 &&
            (strcasecmp(name + len - 4, ".xml") == 0 || strcasecmp(name + len - 4, ".tlv") == 0)) ||
           strcasestr(name, ".cnf") != NULL;
}

/* A name that is there already is fine when it stands for the same bytes. */
static int add_or_compare(struct sim_catalog *c, const char *name, bool is_firmware,
                          const char *path)
{
    const struct sim_content *old = sim_catalog_find(c, name);
    if (old == NULL) {
        return sim_catalog_add_file(c, name, is_firmware && !sim_content_is_configuration(name),
                                    path);
    }
    struct entry mapped = {.content = {.kind = SIM_CONTENT_FILE}};
    int rc = map_file(&mapped, path);
    if (rc != 0) {
        return rc;
    }
    if (!sim_content_equal(old, &mapped.content) && c->clash[0] == '\0') {
        memcpy(c->clash, name, strlen(name) + 1); /* shorter than that: find() knows it */
    }
    if (mapped.mapping != NULL) {
        munmap(mapped.mapping, (size_t)mapped.content.size);
    }
    return 0;
}

int sim_catalog_add_directory(struct sim_catalog *c, const char *prefix, bool is_firmware,
                              const char *path)
{
    struct dirent **found = NULL;
    int rc = 0;
    int count = scandir(path, &found, NULL, compare_names);
    if (count < 0) {
        return sim_err_from_errno(errno);
    }
    if (count > DIRECTORY_FILES_MAX) {
        rc = SIM_ELIMIT;
    }
    for (int i = 0; i < count && rc == 0; i++) {
        char file[4096];
        char name[SIM_CONTENT_NAME_MAX];
        struct stat st;
        if (join(file, sizeof(file), path, found[i]->d_name, true) == NULL) {
            rc = SIM_EINVAL;
        } else if (stat(file, &st) != 0) {
            rc = errno == ENOENT ? 0 : sim_err_from_errno(errno); /* a dangling link is no file */
        } else if (S_ISREG(st.st_mode)) {
            rc = join(name, sizeof(name), prefix, found[i]->d_name, false) == NULL
                     ? SIM_EINVAL
                     : add_or_compare(c, name, is_firmware, file);
        }
    }
    rc = rc == 0 && c->clash[0] != '\0' ? SIM_EEXIST : rc;
    for (int i = 0; i < count; i++) {
        free(found[i]);
    }
    free(found);
    return rc;
}

const char *sim_catalog_clash(const struct sim_catalog *c)
{
    return c->clash;
}

void sim_catalog_set_resolver(struct sim_catalog *c, sim_content_resolver resolve, void *context)
{
    c->resolve = resolve;
    c->resolve_context = context;
}

void *sim_catalog_resolver_context(const struct sim_catalog *c)
{
    return c->resolve_context;
}

const struct sim_content *sim_catalog_find(const struct sim_catalog *c, const char *name)
{
    uint32_t slot = c->slots[find_slot(c, name)];
    return slot == 0 ? NULL : &c->entries[slot - 1]->content;
}

int sim_catalog_resolve(const struct sim_catalog *c, const char *name, uint8_t *bytes, size_t *len)
{
    size_t got = 0;
    int rc = c->resolve == NULL ? SIM_ENOTFOUND : c->resolve(c->resolve_context, name, bytes, &got);
    if (rc == 0) {
        assert(got <= SIM_CONTENT_RESOLVED_MAX);
        *len = got;
    }
    return rc;
}

size_t sim_catalog_count(const struct sim_catalog *c)
{
    return c->len;
}

const struct sim_content *sim_catalog_at(const struct sim_catalog *c, size_t index)
{
    assert(index < c->len);
    return &c->entries[index]->content;
}

size_t sim_content_read(const struct sim_content *content, uint64_t offset, void *bytes, size_t len)
{
    if (offset >= content->size) {
        return 0;
    }
    if (len > content->size - offset) {
        len = (size_t)(content->size - offset);
    }
    if (content->kind == SIM_CONTENT_SYNTHETIC) {
        sim_content_synthetic(content->key, offset, bytes, len);
    } else if (len > 0) {
        memcpy(bytes, content->bytes + offset, len);
    }
    return len;
}

bool sim_content_equal(const struct sim_content *a, const struct sim_content *b)
{
    uint8_t left[4096], right[4096];
    bool is_equal = a->size == b->size;

    if (a->kind == SIM_CONTENT_SYNTHETIC && b->kind == SIM_CONTENT_SYNTHETIC && a->key == b->key) {
        return is_equal;
    }
    for (uint64_t at = 0; is_equal && at < a->size; at += sizeof(left)) {
        size_t len = sim_content_read(a, at, left, sizeof(left));
        is_equal =
            sim_content_read(b, at, right, sizeof(right)) == len && memcmp(left, right, len) == 0;
    }
    return is_equal;
}

static int digest_synthetic(const struct sim_content *content, struct sim_digest *out)
{
    struct sim_digest_run *run = sim_digest_run_new();
    uint8_t *chunk = malloc(DIGEST_CHUNK_BYTES);
    int rc = SIM_ENOMEM;
    if (run != NULL && chunk != NULL) {
        size_t len;
        for (uint64_t at = 0; (len = sim_content_read(content, at, chunk, DIGEST_CHUNK_BYTES)) > 0;
             at += len) {
            sim_digest_run_update(run, chunk, len);
        }
        sim_digest_run_value(run, out);
        rc = 0;
    }
    free(chunk);
    sim_digest_run_free(run);
    return rc;
}

int sim_catalog_digest(struct sim_catalog *c, const struct sim_content *content,
                       struct sim_digest *out)
{
    /* `content` is the first member of an entry: find() and at() are the only places it comes from.
     */
    uint32_t slot = c->slots[find_slot(c, content->name)];
    assert(slot != 0);
    struct entry *entry = c->entries[slot - 1];
    assert(&entry->content == content);

    int rc = 0;
    pthread_mutex_lock(&c->lock);
    if (!entry->has_digest) {
        if (content->kind == SIM_CONTENT_SYNTHETIC) {
            rc = digest_synthetic(content, &entry->digest);
        } else {
            sim_digest_of(content->bytes, (size_t)content->size, &entry->digest);
        }
        entry->has_digest = rc == 0;
    }
    if (rc == 0) {
        *out = entry->digest;
    }
    pthread_mutex_unlock(&c->lock);
    return rc;
}

/* Eight bytes of the stream at a time: a mixed counter, so any offset is as cheap as the first. */
static uint64_t synthetic_word(uint64_t key, uint64_t index)
{
    return htole64(sim_rng_mix(key + index * UINT64_C(0x9e3779b97f4a7c15)));
}

void sim_content_synthetic(uint64_t key, uint64_t offset, void *bytes, size_t len)
{
    uint8_t *out = bytes;
    uint64_t index = offset / 8;
    size_t skip = (size_t)(offset % 8);

    if (skip > 0 && len > 0) {
        uint64_t word = synthetic_word(key, index++);
        size_t part = 8 - skip < len ? 8 - skip : len;
        memcpy(out, (const uint8_t *)&word + skip, part);
        out += part;
        len -= part;
    }
    for (; len >= 8; len -= 8, out += 8) {
        uint64_t word = synthetic_word(key, index++);
        memcpy(out, &word, 8);
    }
    if (len > 0) {
        uint64_t word = synthetic_word(key, index);
        memcpy(out, &word, len);
    }
}

uint64_t sim_content_key(const char *name, uint64_t size, uint64_t seed)
{
    struct sim_rng rng;
    sim_rng_init(&rng, seed, SIM_RNG_CONTENT, sim_rng_hash(name) ^ sim_rng_mix(size + 1));
    return sim_rng_next(&rng);
}
