/* analysis/merge.h -- the results of all shares of a run become the result of the run.
 *
 * The collector of a run is filled again from the shares' shard.txt, and from there on everything
 * goes the way of a run: figures, document, thresholds, files. So what comes out is what one run of
 * all sites would have written, byte for byte where sites don't touch one another (no uplink, no
 * limit of transfers, virtual world); engine.wall_s and peak_rss_bytes are those of the longest and
 * of the largest share. All shares must be of one run: same scenario, version, world, method, seed
 * and number of shares. Not here: the methods of a comparison
 * (merge_compare.h), flags (cmd_merge.c). */
#ifndef ANALYSIS_MERGE_H
#define ANALYSIS_MERGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "analysis/program.h"

struct analysis_merge {
    const struct analysis_program *program;
    const char *const *shares; /* folders, or the result.json in them; in any order */
    size_t shares_len;
    const char *out; /* folder for the files, made when it is missing; NULL: none */
};

struct analysis_merging;

/* Reads all shares and checks them; nothing is published yet. 0 and `*out` (end or free it), or an
 * exit status: 2 when the shares are not one run, 3 when they can't be read; it was told. Keeps
 * `config` until the end. */
int analysis_merge_begin(struct analysis_merging **out, const struct analysis_merge *config);
/* Makes the result, publishes the files and frees `m`. Returns the exit status that the run would
 * have had; problems are told on program->err. `*document` is set (and the caller's) when there is
 * a result. */
int analysis_merge_end(struct analysis_merging *m, cJSON **document);
void analysis_merge_free(struct analysis_merging *m); /* NULL is fine */

/* The folder of a result: of a file the one that it is in. The caller's; NULL: no memory. */
char *analysis_merge_folder(const char *path);
/* Is there such a file or folder in `dir`? */
bool analysis_merge_has(const char *dir, const char *name);

#endif /* ANALYSIS_MERGE_H */
