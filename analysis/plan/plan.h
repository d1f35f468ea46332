/* analysis/plan/plan.h -- the whole plan: which classes of sites don't fit, and the cheapest that
 * makes each fit.
 *
 *  1. All sites as they are: who misses what? (Of a miss two seeds tell, so the rest is not run.)
 *     Where the server turned phones away at its limit: who does without the limit, or with a
 *     queue? That is said beside the plan, which keeps the limit.
 *  2. If anybody does, or all together do: each class alone, one copy of it, is searched for its
 *     cheapest measure (search.h). Sites touch one another only through the server, so alone is
 *     nearly the truth. Limits of the whole run that are then over are shared out (balance.c).
 *  3. All sites with their measures, the server's limits and every need; with the first seed, and
 *     with the others when that keeps everything. A class that misses there gets a longer start
 *     (when that is its measure) or its next measure, and again, until all keep what is needed or
 *     nothing is left to change.
 *
 *  4. Where classes were held to more than all together need (quantiles of all phones): is a
 *     measure needed at all? The dearest first, all sites are run without it.
 *
 *  5. Each class was searched alone: are there cheaper mixes, such as a longer start everywhere
 *     instead of a load server here? In order of their cost, while a budget lasts (mixes.c).
 *
 * TFTP's options are the server's: a class that needs them gives them to all (in step 3 all have
 * them), and those that still need something are searched again with them.
 *
 * Searches and seeds run in processes of their own, as many as there are processors; the plan is
 * the same however many. Not here: words (print.h). */
#ifndef ANALYSIS_PLAN_PLAN_H
#define ANALYSIS_PLAN_PLAN_H

#include <cjson/cJSON.h>

#include "analysis/plan/draft.h"
#include "analysis/plan/measure.h"
#include "analysis/program.h"

enum {
    ANALYSIS_PLAN_SEEDS_MAX = 100,
    ANALYSIS_PLAN_ROUNDS_MAX = 16, /* of step 3; our choice */
    ANALYSIS_PLAN_SHED_MAX = 16,   /* classes tried in step 4; our choice */
    /* All sites must keep everything with so many times the seeds, as far as those after the first
     * ones stay under so many events (some 2 s of a processor); our choice. n seeds without a miss:
     * with 95 % confidence at most 1 - 0.05^(1/n) of all seeds miss, 45 % with 5, 14 % with 20; of
     * a measure that these seeds chose among many somewhat more. */
    ANALYSIS_PLAN_SEEDS_TIMES = 4,
    ANALYSIS_PLAN_SEEDS_EVENTS = 1500000,
    ANALYSIS_PLAN_MIX_RUNS = 400,       /* runs of all sites in step 5, and events in them: */
    ANALYSIS_PLAN_MIX_EVENTS = 3000000, /* whichever is reached first */
};

struct analysis_plan {
    const struct analysis_program *program;
    const struct scenario *scenario;
    struct analysis_needs_asked asked;
    struct analysis_weights weights;
    unsigned methods; /* bits 1 << SCENARIO_*: that may be used instead of the present one */
    uint32_t seeds; /* 1..: the scenario's seed and those after it, in searches; see SEEDS_TIMES */
    unsigned jobs;  /* processes at once; 0: one a processor */
    bool quiet;     /* else steps are told on program->err */
};

/* The plan's document and, as text, the scenario with the measures in it (NULL: there is no plan);
 * both the caller's. Returns an exit status: 0 a plan that keeps everything, 1 none, else no
 * document. Document: see README, "Planning". */
int analysis_plan_make(const struct analysis_plan *plan, cJSON **document, char **planned);

/* plan.schema.json as it was at build time. */
const char *analysis_plan_schema(void);

#endif /* ANALYSIS_PLAN_PLAN_H */
