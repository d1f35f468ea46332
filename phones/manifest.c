/* phones/manifest.c -- see manifest.h. */
#include "phones/manifest.h"

#include <string.h>

const struct manifest_file *manifest_find(const struct manifest *m, const char *name)
{
    size_t low = 0;
    size_t high = m->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(m->files[middle].name, name);
        if (order == 0) {
            return &m->files[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}
