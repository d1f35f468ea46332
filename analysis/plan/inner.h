/* analysis/plan/inner.h -- what plan.c and document.c share. Nobody else includes it. */
#ifndef ANALYSIS_PLAN_INNER_H
#define ANALYSIS_PLAN_INNER_H

#include "analysis/plan/closed_forms.h"
#include "analysis/plan/plan.h"
#include "analysis/plan/search.h"

struct plan_class {
    const struct scenario_site *site;
    unsigned allowed; /* parts */
    bool shares;      /* its phones share as it is (some of them at least) */
    bool is_lan;      /* it has a load server already */
    struct analysis_closed_site closed;
    bool rejected[ANALYSIS_MEASURE_SETS];
    struct analysis_measure measure; /* at present */
    struct analysis_trial as_it_is;  /* among the others; the worst seed */
    struct analysis_trial now;       /* with the measures, among the others; the worst seed */
    bool searched, solved;
    cJSON *found; /* the last search, as document.c writes it; NULL: none */
    bool doubled; /* its start is longer than the search's */
};

struct plan {
    const struct analysis_plan *config;
    struct analysis_draft draft;
    struct plan_class *classes;
    size_t classes_len;
    struct analysis_trial whole_as_it_is, whole;
    cJSON *cautions; /* of the last whole run */
    uint64_t runs;
    uint32_t rounds;
};

/* ---- document.c ---- */

/* What a search's process sends: {"tries", "chosen", "closest", "as_it_is", "not_monotone", "full",
 * "runs"}. NULL: no memory. */
cJSON *plan_found_json(const struct analysis_found *found, uint64_t runs);
/* The tried measure of that number; NULL when there is none. */
const cJSON *plan_found_try(const cJSON *found, const char *which);
cJSON *plan_document(const struct plan *p, bool met);

#endif /* ANALYSIS_PLAN_INNER_H */
