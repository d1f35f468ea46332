/* analysis/plan/inner.h -- what the files of a plan share. Nobody else includes it. */
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
    bool tftp;        /* some of its phones fetch by TFTP over the line, as it is */
    unsigned given;   /* parts that the server grants to all, as another class needs them */
    struct analysis_closed_site closed;
    bool rejected[ANALYSIS_MEASURE_SETS];
    struct analysis_measure measure; /* at present */
    struct analysis_trial as_it_is;  /* among the others; the worst seed */
    struct analysis_trial now;       /* with the measures, among the others; the worst seed */
    bool searched, solved;
    cJSON *found; /* the last search, as document.c writes it; NULL: none */
    int twin;     /* class whose search is its own too; -1: none */
    bool doubled; /* its start is longer than the search's */
    bool mixed;   /* its measure is of a mix, not of its search */
    /* Of the totals: what one copy may have, NAN: whatever; it can't have less; what it has with
     * its measure, alone. */
    double share[ANALYSIS_TOTALS_MAX];
    bool spent[ANALYSIS_TOTALS_MAX];
    double has[ANALYSIS_TOTALS_MAX];
};

enum { PLAN_SETTINGS = 2 };

struct plan {
    const struct analysis_plan *config;
    struct analysis_draft draft;
    struct plan_class *classes;
    size_t classes_len;
    struct analysis_trial whole_as_it_is, whole;
    /* All sites as they are with plan_server_settings, as read_whole() writes it; NULL: the server
     * turned nobody away. */
    cJSON *servers[PLAN_SETTINGS];
    cJSON *cautions; /* of the last whole run */
    /* All sites together over the sum of the copies alone, as last run; 0: not known. */
    double factor[ANALYSIS_TOTALS_MAX];
    uint64_t runs;
    uint32_t rounds;
    uint32_t mixes;     /* runs of all sites with mixes */
    uint32_t confirmed; /* seeds of the last run of all sites that kept everything */
    double events;      /* of the last run of all sites */
};

/* Runs that are made side by side. */
struct plan_batch {
    const struct plan *plan;
    const struct analysis_measure *measures; /* of whole runs; NULL: searches */
    size_t stride;         /* 0: the same in all; else of job i the i-th so many, the first seed */
    const uint32_t *which; /* classes to search */
    uint32_t first;        /* seed of the first whole run, from the scenario's on */
    bool is_of_server;     /* whole runs with plan_server_settings instead */
    uint32_t len;          /* classes, seeds, settings, or mixes */
};

/* ---- plan.c ---- */

/* What lets a server that turns phones away at its limit serve them. */
extern const struct analysis_setting plan_server_settings[PLAN_SETTINGS];
/* answers[i] is job i's, the caller's: of a whole run {"whole", "classes", "caution",
 * "peak_transfers", "events"}, of a search as plan_found_json() writes it. An exit status. */
int plan_run_batch(struct plan *p, struct plan_batch *b, cJSON **answers);
/* All sites with these measures and every seed: `*kept` when they keep everything, and then they
 * are the classes' measures; else all is as before. An exit status. */
int plan_try(struct plan *p, const struct analysis_measure *measures, bool *kept);
void plan_tell(const struct plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Searches so many classes anew; their answers become their measures. An exit status. */
int plan_search(struct plan *p, const uint32_t *which, uint32_t len);

/* ---- classes.c ---- */

/* 0 or SIM_ENOMEM. */
int plan_make_classes(struct plan *p);
/* The most that its line ever carries. */
uint64_t plan_best_rate(const struct scenario_site *site);
/* What it may use of its line, by its own needs and its share of the whole; 0: no such need. */
uint64_t plan_limit(const struct plan *p, const struct plan_class *c);
/* Which parts may be taken; again when its share has changed. */
void plan_allow(const struct plan *p, struct plan_class *c);

/* Are two classes equal but for their names and how many copies there are, with all that a search
 * depends on? */
bool plan_are_twins(const struct plan *p, size_t a, size_t b);
/* The answer of class `of`'s search as that of `twin`; the caller's. */
cJSON *plan_found_of_twin(const struct plan *p, size_t of, size_t twin);

/* ---- alone.c ---- */

/* The parcel of a search; NULL: no memory. */
char *plan_search_class(const struct plan *p, size_t index);

/* ---- balance.c ---- */

/* Copies of class `i` together have so much of total `k`, about; NAN: not known. */
double plan_contribution(const struct plan *p, size_t i, size_t k);
/* Are totals over their limits by the classes' own runs? Then the heaviest class is searched for
 * what brings it down, then the next. `*changed`: some measure is another one. An exit status. */
int plan_balance(struct plan *p, bool *changed);
/* Learns from a run of all sites how much the sum is off. */
void plan_learn(struct plan *p);

/* ---- mixes.c ---- */

/* Cheaper measures of several classes at once, or any where there is no plan. An exit status. */
int plan_mix(struct plan *p);

/* ---- document.c ---- */

/* What a search's process sends: {"tries", "chosen", "closest", "as_it_is", "not_monotone", "full",
 * "runs"}. NULL: no memory. */
cJSON *plan_found_json(const struct analysis_found *found, uint64_t runs);
/* The tried measure of that number; NULL when there is none. */
const cJSON *plan_found_try(const cJSON *found, const char *which);
cJSON *plan_document(const struct plan *p, bool met);

#endif /* ANALYSIS_PLAN_INNER_H */
