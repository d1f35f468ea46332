/* analysis/result.h -- the result document of a run: names and meaning are fixed, see
 * result.schema.json.
 *
 * Seconds are numbers with microseconds, rates bits a second, sizes bytes. What has no value (the
 * completion of a run where nobody completed, the utilisation of no line) is null, never 0. At
 * most ANALYSIS_LIST_MAX sites, trees and failures are listed, worst first; the summaries cover
 * all. Not here: thresholds (threshold.h adds them). */
#ifndef ANALYSIS_RESULT_H
#define ANALYSIS_RESULT_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "analysis/figures.h"
#include "analysis/output.h"

enum {
    ANALYSIS_LIST_MAX = 100, /* sites, trees, failures listed */
};

/* The whole document, "thresholds" empty. Owned by the caller; NULL when out of memory. */
cJSON *analysis_result_document(const struct analysis_figures *f);
/* One entry of "sites". Owned by the caller; NULL when out of memory. */
cJSON *analysis_result_site(const struct analysis_figures *f, uint32_t site);
/* One entry of "models". Owned by the caller; NULL when out of memory. */
cJSON *analysis_result_model(const struct analysis_figures *f, const struct analysis_model *model);
/* { "runs": [...], "ratio": {...} }: takes the documents over, also on failure. NULL when out of
 * memory. `ratio` is the first over the second; "ratios" has the first over each of the others by
 * method. */
cJSON *analysis_result_compare(cJSON *const *documents, size_t len);
/* "seed": a number; above 2^53, where JSON's are rounded, a text. */
void analysis_result_add_seed(cJSON *to, uint64_t seed);
/* What that says; 0 where there is none. */
uint64_t analysis_result_seed(const cJSON *document);
/* As text that ends with a newline; free() it. NULL when out of memory. */
char *analysis_result_text(const cJSON *document);

/* result.schema.json as it was at build time. */
const char *analysis_result_schema(void);

/* "upgraded" of an enum sim_outcome. */
const char *analysis_result_outcome(uint32_t outcome);
/* phones.csv and sites.csv, every phone and every site. */
void analysis_result_phones_csv(const struct analysis_figures *f, struct analysis_output *to);
void analysis_result_sites_csv(const struct analysis_figures *f, struct analysis_output *to);

#endif /* ANALYSIS_RESULT_H */
