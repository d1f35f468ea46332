/* analysis/plan/draft.h -- the scenarios that a plan runs, made from the one it was given: a class
 * alone, all of them, and the one that is handed over in the end.
 *
 * Needs are what must hold: the scenario's thresholds and those of the command line, which
 * replace the scenario's own of the whole run; of two on the same figure of a site the tighter one
 * counts. A need of all phones' times, failures or fallbacks is also asked of every class by itself
 * while it is searched (`derived`: enough, but more than it says, as who misses it alone may be
 * outvoted by the others), and does not count once all sites together keep what is needed. Needs of
 * the whole run that classes add up to are `totals`: their values are taken in every run, and
 * balance.c shares them out. What is neither is judged with all sites only. */
#ifndef ANALYSIS_PLAN_DRAFT_H
#define ANALYSIS_PLAN_DRAFT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"
#include "analysis/plan/measure.h"
#include "analysis/plan/trial.h"
#include "scenarios/scenario.h"

struct analysis_needs_asked { /* by the command line */
    sim_duration finish_by;   /* of the last phone, from start.at; SIM_NEVER: not asked */
    const char *finish_text;  /* as it was given, "4 h"; with finish_by only, borrowed */
    double wan_share;         /* of each site's rate, best second; 0: not asked */
    bool has_max_failures;
    uint32_t max_failures; /* phones that may fail in all */
};

struct analysis_need {
    char metric[SCENARIO_NAME_MAX + 80]; /* "sites[branch].completion_s.last" */
    char expression[48];                 /* "<= 14400" */
    char said[48];                       /* for people, "<= 4 h"; of what was asked for only */
    int site;                            /* index of its class; -1: of the whole run */
    bool alone;                          /* of one of its copies: the class keeps it when alone */
    bool derived;                        /* only of all sites together */
    bool asked;                          /* by the command line */
};

struct analysis_draft { /* zero it before first use */
    const struct scenario *scenario;
    cJSON *root; /* its document, thresholds as they shall be handed over */
    struct analysis_need *needs;
    size_t needs_len;
    struct analysis_total totals[ANALYSIS_TOTALS_MAX];
    size_t totals_len;
    bool is_more;         /* what is asked of each class may be more than all together need */
    const char **derived; /* the metrics of such needs; pointers into `needs` */
    size_t derived_len;
};

/* 0, or SIM_EINVAL with a sentence (nothing is asked for; too many classes), SIM_ENOMEM. */
int analysis_draft_init(struct analysis_draft *d, const struct scenario *s,
                        const struct analysis_needs_asked *asked, char why[ANALYSIS_WHY_MAX]);
void analysis_draft_deinit(struct analysis_draft *d);

/* One copy of class `site` alone, with `m`. NULL: no memory. free() it; so the others. */
char *analysis_draft_class(const struct analysis_draft *d, size_t site,
                           const struct analysis_measure *m);
/* All classes with their measures, and every need; `server` (may be NULL): with that setting. */
char *analysis_draft_whole(const struct analysis_draft *d, const struct analysis_measure *measures,
                           const struct analysis_setting *server);
/* The same with the thresholds that people asked for: what is handed over. */
char *analysis_draft_planned(const struct analysis_draft *d,
                             const struct analysis_measure *measures);

/* When class `site` must be done: the least limit of the last phone; SIM_NEVER: none. */
sim_duration analysis_draft_deadline(const struct analysis_draft *d, size_t site);
/* Phones of one copy that may fail or hang; UINT32_MAX: all. */
uint64_t analysis_draft_failures(const struct analysis_draft *d, size_t site);
/* What it may use its line with at most, bit/s; 0: no such need. */
uint64_t analysis_draft_limit(const struct analysis_draft *d, size_t site);

#endif /* ANALYSIS_PLAN_DRAFT_H */
