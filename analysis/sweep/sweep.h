/* analysis/sweep/sweep.h -- the order of a sweep: what is not in the store yet is run, stored, and
 * in the end everything is put into tables.
 *
 * One process writes: this one, rank 0 under a launcher. Runs go to its own pool and to the other
 * ranks, whoever is idle; in which order they come back shows nowhere. Finished runs reach the disk
 * within a second. Not here: flags (cmd_sweep.c), the pieces (grid, pool, ranks, store, tables). */
#ifndef ANALYSIS_SWEEP_SWEEP_H
#define ANALYSIS_SWEEP_SWEEP_H

#include "analysis/program.h"
#include "analysis/sweep/grid.h"
#include "analysis/sweep/pool.h"
#include "analysis/sweep/ranks.h"

enum {
    ANALYSIS_SWEEP_RUNS_MAX = 1000000, /* our choice */
};

struct analysis_sweep {
    const struct analysis_program *program;
    const struct analysis_grid *grid;
    struct analysis_pool *pool;
    unsigned jobs;                /* of the pool's slots that are used, >= 1 */
    struct analysis_ranks *ranks; /* NULL: no launcher */
    const char *out;              /* folder, made when it is missing; NULL: no files */
    uint32_t repeat;
    const char *const *metrics; /* of the tables */
    size_t metrics_len;
    size_t columns; /* metrics on the terminal */
    bool fresh, keep, quiet, json;
};

/* Returns an exit status. `*view`: what tables.h makes of it, the caller's; NULL when it did not
 * get that far. `*lost` is set when a rank died: then the ranks can't end together. */
int analysis_sweep_run(const struct analysis_sweep *config, cJSON **view, bool *lost);

/* Instead: tells the other ranks that there is nothing to do. NULL is fine. */
void analysis_sweep_dismiss(struct analysis_ranks *ranks);

/* What the other ranks do: run what rank 0 sends, until it says stop, falls silent, or a signal
 * comes. Jobs of another `version` fail. `*lost`: some rank died. Returns an exit status. */
int analysis_sweep_serve(struct analysis_pool *pool, struct analysis_ranks *ranks,
                         const char *version, bool *lost);

#endif /* ANALYSIS_SWEEP_SWEEP_H */
