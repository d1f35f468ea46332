/* analysis/merge_compare.h -- the shares of a comparison (pfsim compare --shard) become the
 * comparison: each method's shares are merged by themselves (merge.h), and what compare would have
 * made of the results is made of them, the same bytes under the same conditions.
 *
 * A share is a folder with compare.json, which says what its methods are and in which order; all
 * shares must have the same ones. Not here: flags (cmd_merge.c). */
#ifndef ANALYSIS_MERGE_COMPARE_H
#define ANALYSIS_MERGE_COMPARE_H

#include "analysis/merge.h"

/* Is it the folder (or the compare.json) of a comparison? */
bool analysis_merge_is_comparison(const char *share);
/* As analysis_merge_begin() and analysis_merge_end() for one run: nothing is published before the
 * shares of all methods were read and found right. `*document` is compare.json's, without having
 * been written: analysis_comparison_tell(). */
int analysis_merge_comparison(const struct analysis_merge *config, cJSON **document);

#endif /* ANALYSIS_MERGE_COMPARE_H */
