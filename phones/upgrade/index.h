/* phones/upgrade/index.h -- what a phone remembers of its .loads index: the files' names in order,
 * and of those that nothing better is known of, size and MD5.
 *
 * Thousands of phones of a model read the same index. So a name that the manifest has is a pointer
 * there, eight bytes a file; only others are copied. Reading the text is loads.h's. */
#ifndef PHONES_UPGRADE_INDEX_H
#define PHONES_UPGRADE_INDEX_H

#include <stdint.h>

#include "phones/manifest.h"
#include "phones/provisioning/loads.h"

/* A line that carries both, of a file whose digest the manifest does not know. */
struct upgrade_sum {
    uint32_t file; /* 0.. */
    uint64_t size; /* bytes */
    uint8_t md5[LOADS_MD5_LEN];
};

struct upgrade_index {
    uint32_t len;
    uint32_t sums_len;
    const struct upgrade_sum *sums; /* in order of `file`; behind `names`; NULL: none */
    const char *names[];            /* in the manifest, or behind that */
};

/* Borrows from the manifest, which outlives it. One block: free() it. NULL: out of memory. */
struct upgrade_index *upgrade_index_new(const struct loads *loads, const struct manifest *manifest);
/* Of a file's line; NULL: it has none that counts. */
const struct upgrade_sum *upgrade_index_sum(const struct upgrade_index *index, uint32_t file);

#endif /* PHONES_UPGRADE_INDEX_H */
