/* analysis/comparison.h -- what is told and written of several runs side by side: compare.json, the
 * report over all of them, the table. For `compare`, which ran them, and `merge`, which put them
 * together. Not here: the document (result.h), the files of each run (session.h, merge.h). */
#ifndef ANALYSIS_COMPARISON_H
#define ANALYSIS_COMPARISON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "analysis/program.h"

/* Writes compare.json and report.html to `out` (NULL: no files), and the table, or with `json` the
 * document, to standard output. `document`: analysis_result_compare(). `status` is what the runs
 * came to; returns that or a worse one. What went wrong is told. */
int analysis_comparison_tell(const struct analysis_program *program, const char *command,
                             const cJSON *document, const char *out, bool json, int status);

#endif /* ANALYSIS_COMPARISON_H */
