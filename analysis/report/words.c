/* analysis/report/words.c -- open addressing, at most half full; FNV-1a, mixed. */
#include "analysis/report/words.h"

#include <stdlib.h>
#include <string.h>

#include "sim/rng.h"

void analysis_words_deinit(struct analysis_words_table *w)
{
    for (size_t i = 0; i < w->len; i++) {
        free(w->words[i]);
    }
    free(w->words);
    free(w->slots);
    *w = (struct analysis_words_table){.words = NULL};
}

static size_t slot_of(const struct analysis_words_table *w, const char *word)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* the FNV-1a parameters for 64 bits */

    for (const char *c = word; *c != '\0'; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    size_t slot = (size_t)sim_rng_mix(hash) & (w->slots_len - 1);
    while (w->slots[slot] != 0 && strcmp(w->words[w->slots[slot] - 1], word) != 0) {
        slot = (slot + 1) & (w->slots_len - 1);
    }
    return slot;
}

uint32_t analysis_words_find(const struct analysis_words_table *w, const char *word)
{
    return w->len == 0 ? ANALYSIS_WORDS_NONE : w->slots[slot_of(w, word)] - 1;
}

static int grow(struct analysis_words_table *w)
{
    size_t cap = w->cap == 0 ? 64 : 2 * w->cap;
    char **words = realloc(w->words, cap * sizeof(*words));

    if (words == NULL) {
        return -1;
    }
    w->words = words;
    uint32_t *slots = calloc(2 * cap, sizeof(*slots));
    if (slots == NULL) {
        return -1;
    }
    free(w->slots);
    w->slots = slots;
    w->slots_len = 2 * cap;
    w->cap = cap;
    for (size_t i = 0; i < w->len; i++) {
        w->slots[slot_of(w, w->words[i])] = (uint32_t)i + 1;
    }
    return 0;
}

uint32_t analysis_words_put(struct analysis_words_table *w, const char *word)
{
    uint32_t found = analysis_words_find(w, word);

    if (found != ANALYSIS_WORDS_NONE) {
        return found;
    }
    if (w->len == w->cap && grow(w) != 0) {
        return ANALYSIS_WORDS_NONE;
    }
    char *copy = strdup(word);
    if (copy == NULL) {
        return ANALYSIS_WORDS_NONE;
    }
    w->words[w->len++] = copy;
    w->slots[slot_of(w, copy)] = (uint32_t)w->len;
    return (uint32_t)w->len - 1;
}
