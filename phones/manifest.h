/* phones/manifest.h -- what is known beforehand of the files that phones will get.
 *
 * Shared by all phones of a run and read only: names in order of strcmp(), so that a phone's names
 * can point here instead of being copied a million times. */
#ifndef PHONES_MANIFEST_H
#define PHONES_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/digest.h"
#include "sim/trace.h"

struct manifest_file {
    const char *name;
    uint64_t size;
    bool has_digest;
    struct sim_digest digest;
    enum sim_digest_source source;
};

struct manifest {
    const struct manifest_file *files; /* sorted by name */
    size_t len;
};

/* NULL when the name is not there. */
const struct manifest_file *manifest_find(const struct manifest *m, const char *name);

#endif /* PHONES_MANIFEST_H */
