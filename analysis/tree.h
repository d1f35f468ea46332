/* analysis/tree.h -- the sharing trees of a run: one per (site, model, file), told from records.
 *
 * A lane has a table of its own (a site's phones live on one lane), so a lane never waits;
 * reading is for the end of the run. Memory grows with sites x files, not with phones. Not here:
 * who the phones are; see collect.h. */
#ifndef ANALYSIS_TREE_H
#define ANALYSIS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/time.h"

struct analysis_tree {
    uint64_t key;           /* analysis_tree_key() + 1; 0: an empty slot */
    sim_addr root;          /* the phone that was root last */
    sim_time root_at;       /* when it became that; SIM_NEVER: there was none */
    uint32_t roots;         /* times that a root began to wait or to fetch: 1 without trouble */
    uint32_t depth;         /* deepest attachment below the root */
    uint32_t phones;        /* times that the file was held whole and verified */
    uint32_t max_children;  /* open at one phone at once */
    uint32_t server_copies; /* whole copies that came from the server, right or wrong ones */
    uint8_t digest_source;  /* the weakest enum sim_digest_source seen */
    bool has_digest_source;
    bool shared; /* phones claimed, attached or served: it is a tree, not just a file */
};

enum { ANALYSIS_FOREST_RECENT = 64 }; /* a power of two: more than the files of one site */

struct analysis_forest {
    struct analysis_tree *recent[ANALYSIS_FOREST_RECENT]; /* by the key's end: asked for again */
    struct analysis_tree *slots;
    size_t cap; /* a power of two, or 0 */
    size_t len;
};

static inline uint64_t analysis_tree_key(uint32_t site, uint16_t firmware, uint16_t file)
{
    return (uint64_t)site << 32 | (uint64_t)firmware << 16 | file;
}
static inline uint32_t analysis_tree_site(const struct analysis_tree *t)
{
    return (uint32_t)((t->key - 1) >> 32);
}
static inline uint16_t analysis_tree_firmware(const struct analysis_tree *t)
{
    return (uint16_t)((t->key - 1) >> 16);
}
static inline uint16_t analysis_tree_file(const struct analysis_tree *t)
{
    return (uint16_t)(t->key - 1);
}

/* Zero a forest before first use. */
void analysis_forest_deinit(struct analysis_forest *f);
/* The tree of that key, made when it is new; NULL when out of memory. Borrowed until the next
 * call. */
struct analysis_tree *analysis_forest_get(struct analysis_forest *f, uint64_t key);

#endif /* ANALYSIS_TREE_H */
