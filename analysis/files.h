/* analysis/files.h -- the folder of a run: which files it has, written the same way by whoever has
 * the figures (a run, a merge).
 *
 * Each file is whole or absent (output.h). result.json comes last, so that it speaks for the
 * others. Not here: series.csv, which is written while the run goes on. */
#ifndef ANALYSIS_FILES_H
#define ANALYSIS_FILES_H

#include <cjson/cJSON.h>

#include "analysis/figures.h"
#include "analysis/output.h"
#include "analysis/transfers.h"

/* Files with rows by site or by time, which `merge` can join as they are. Ends with NULL. */
extern const char *const analysis_files_mergeable[];

/* All: 0, or SIM_E* with a sentence. */

/* Takes away the tables of an earlier run, all those that a run writes: what can't be written then
 * is missing, not old. */
int analysis_files_clear(const char *dir, char why[ANALYSIS_WHY_MAX]);
/* phones.csv and sites.csv; the other one also when one fails. */
int analysis_files_tables(const char *dir, const struct analysis_figures *f,
                          char why[ANALYSIS_WHY_MAX]);
/* transfers.csv; `also` may be NULL. */
int analysis_files_transfers(const char *dir, struct analysis_transfers *transfers,
                             const struct analysis_transfers_reader *also,
                             char why[ANALYSIS_WHY_MAX]);
/* scenario.json (as it ran: --set, --seed and --method applied, paths as seen from `dir`; its world
 * is the file's, so that what was measured live can be reckoned too) and result.json. */
int analysis_files_documents(const char *dir, const struct scenario *s, const cJSON *document,
                             char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_FILES_H */
