/* analysis/merge.h -- the results of all shares of a run become the result of the run.
 *
 * The collector of a run is filled again from the shares' shard.txt, and from there on everything
 * goes the way of a run: figures, document, thresholds, files. So what comes out is what one run of
 * all sites would have written, byte for byte where sites don't touch one another (no uplink, no
 * limit of transfers, virtual world); engine.wall_s and peak_rss_bytes are those of the longest and
 * of the largest share. All shares must be of one run: same scenario, version, world, method, seed
 * and number of shares. Not here: compare's folders and flags (cmd_merge.c). */
#ifndef ANALYSIS_MERGE_H
#define ANALYSIS_MERGE_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "analysis/program.h"

struct analysis_merge {
    const struct analysis_program *program;
    const char *const *shares; /* folders, or the result.json in them; in any order */
    size_t shares_len;
    const char *out; /* folder for the files, made when it is missing; NULL: none */
};

/* Returns the exit status that the run would have had; 2 when the shares are not one run; problems
 * are told on program->err. `*document` is set (and the caller's) when there is a result. Nothing
 * is published in `out` before everything was read and found right. */
int analysis_merge_run(const struct analysis_merge *m, cJSON **document);

#endif /* ANALYSIS_MERGE_H */
