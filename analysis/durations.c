/* analysis/durations.c -- see durations.h. */
#include "analysis/durations.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/err.h"

int analysis_durations_init(struct analysis_durations *d, size_t files)
{
    d->tables = calloc(files * ANALYSIS_VIAS_LEN + 1, sizeof(struct analysis_stats *));
    d->files = d->tables == NULL ? 0 : files;
    return d->tables == NULL ? SIM_ENOMEM : 0;
}

void analysis_durations_deinit(struct analysis_durations *d)
{
    for (size_t i = 0; i < d->files * ANALYSIS_VIAS_LEN; i++) {
        free(d->tables[i]);
    }
    free(d->tables);
    *d = (struct analysis_durations){.tables = NULL};
}

struct analysis_stats *analysis_durations_of(struct analysis_durations *d, size_t file,
                                             enum analysis_via via)
{
    assert(file < d->files);
    struct analysis_stats **table = &d->tables[file * ANALYSIS_VIAS_LEN + via];

    if (*table == NULL) {
        /* Zeroed pages that nobody touches cost nothing: no analysis_stats_init(). */
        if ((*table = calloc(1, sizeof(**table))) == NULL) {
            d->out_of_memory = true;
            return NULL;
        }
        (*table)->min = SIM_NEVER;
    }
    return *table;
}

const struct analysis_stats *analysis_durations_find(const struct analysis_durations *d,
                                                     size_t file, enum analysis_via via)
{
    assert(file < d->files);
    return d->tables[file * ANALYSIS_VIAS_LEN + via];
}
