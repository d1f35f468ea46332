/* analysis/merge_tables.h -- CSV files of neighbouring shares become one of all.
 *
 * Either one behind the other (files with rows by site), or by the time in their first column (a
 * series of sites that ran together). A file that is not what shard.txt says it was is refused.
 * Not here: what a row says. */
#ifndef ANALYSIS_MERGE_TABLES_H
#define ANALYSIS_MERGE_TABLES_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/output.h"
#include "analysis/shard.h"

struct analysis_merge_part {
    const char *dir;                          /* of a share, in order */
    const struct analysis_shard_table *table; /* what the file must be */
};

/* Writes the file that all parts have to OUT under the same name, without publishing it: that is
 * `*to`'s analysis_output_commit(). 0, or SIM_E* with a sentence. */
int analysis_merge_tables(struct analysis_output **to, const char *out,
                          const struct analysis_merge_part *parts, size_t parts_len, bool by_time,
                          char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_MERGE_TABLES_H */
