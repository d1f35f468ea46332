/* analysis/names.c -- an open-addressing table of few names, asked very often. */
#include "analysis/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "sim/rng.h"

void analysis_names_deinit(struct analysis_names *n)
{
    for (size_t i = 0; i < n->len; i++) {
        free(n->names[i]);
    }
    free(n->names);
    free(n->table);
    *n = (struct analysis_names){.names = NULL};
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

int analysis_names_add(struct analysis_names *n, const char *name, const char *suffix)
{
    const char *base = base_name(name);
    size_t size = strlen(base) + strlen(suffix) + 1;

    if (n->len == n->cap) {
        size_t cap = n->cap == 0 ? 16 : 2 * n->cap;
        char **grown = realloc(n->names, cap * sizeof(*grown));
        if (grown == NULL) {
            return SIM_ENOMEM;
        }
        n->names = grown;
        n->cap = cap;
    }
    char *copy = malloc(size);
    if (copy == NULL) {
        return SIM_ENOMEM;
    }
    snprintf(copy, size, "%s%s", base, suffix);
    n->names[n->len++] = copy;
    return 0;
}

/* Of the length, the first and the last eight bytes: what differs in real names. */
static size_t slot_of(const struct analysis_names *n, const char *name, size_t len)
{
    uint64_t first = 0, last = 0;
    size_t some = len < sizeof(first) ? len : sizeof(first);

    memcpy(&first, name, some);
    memcpy(&last, name + len - some, some);
    return (size_t)sim_rng_mix(first ^ (last << 1 | last >> 63) ^ len) & (n->table_len - 1);
}

static bool find(const struct analysis_names *n, const char *name, uint16_t *out)
{
    size_t len = strlen(name);

    for (size_t at = slot_of(n, name, len); n->table[at] != 0; at = (at + 1) & (n->table_len - 1)) {
        if (strcmp(n->names[n->table[at] - 1], name) == 0) {
            *out = (uint16_t)(n->table[at] - 1);
            return true;
        }
    }
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int analysis_names_seal(struct analysis_names *n)
{
    size_t kept = 0;

    if (n->len > 0) {
        qsort(n->names, n->len, sizeof(n->names[0]), compare_names);
    }
    for (size_t i = 0; i < n->len; i++) {
        if (kept > 0 && strcmp(n->names[kept - 1], n->names[i]) == 0) {
            free(n->names[i]);
        } else {
            n->names[kept++] = n->names[i];
        }
    }
    n->len = kept;
    if (kept >= UINT16_MAX) {
        return SIM_EINVAL;
    }
    n->table_len = 64;
    while (n->table_len < 4 * kept) {
        n->table_len *= 2;
    }
    n->table = calloc(n->table_len, sizeof(n->table[0]));
    if (n->table == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < kept; i++) {
        size_t at = slot_of(n, n->names[i], strlen(n->names[i]));
        while (n->table[at] != 0) {
            at = (at + 1) & (n->table_len - 1);
        }
        n->table[at] = (uint16_t)(i + 1);
    }
    return 0;
}

bool analysis_names_find(const struct analysis_names *n, struct analysis_names_recent *recent,
                         const char *name, uint16_t *out)
{
    static const size_t mask = ANALYSIS_NAMES_RECENT - 1;
    size_t at = ((uintptr_t)name >> 4 ^ (uintptr_t)name >> 10) & mask; /* texts of malloc() */

    if (name == NULL) {
        return false;
    }
    if (recent != NULL && recent->texts[at] == name &&
        strcmp(n->names[recent->numbers[at]], name) == 0) {
        *out = recent->numbers[at];
        return true;
    }
    if (!find(n, name, out)) {
        return strchr(name, '/') != NULL && find(n, base_name(name), out);
    }
    if (recent != NULL) {
        recent->texts[at] = name;
        recent->numbers[at] = *out;
    }
    return true;
}
