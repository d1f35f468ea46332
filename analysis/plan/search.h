/* analysis/plan/search.h -- the cheapest measure for one class of sites, and what else would do.
 *
 * Sets of parts are tried in order of their cost. A set is left out when a smaller set in it does
 * already (so everything listed is minimal), when a closed form says that it can't do, or when its
 * part can't help: a longer start helps nobody to end earlier unless phones fail, are turned away
 * or use too much of the line. A start's length is looked for from short to long, doubling, and the
 * last step is halved until it is known to a tenth; the limit of a line from above in the same way.
 * When a longer start that does is followed by one that does not and then by one that does, the
 * answer is still one that was tried, and the search says that it is not the end of a range.
 *
 * What all sites have anyway (`given`: the server's TFTP options, once a class needs them) costs
 * nothing and is in every set whose phones fetch from there.
 *
 * The runner is asked for the worst of all seeds, so whatever is said to do did for every one of
 * them. Not here: how a trial is run (plan.c). */
#ifndef ANALYSIS_PLAN_SEARCH_H
#define ANALYSIS_PLAN_SEARCH_H

#include "analysis/plan/measure.h"
#include "analysis/plan/trial.h"

enum {
    ANALYSIS_SEARCH_TRIES_MAX =
        200, /* per class; our choice: all sets with their ladders are fewer */
    ANALYSIS_SEARCH_WHY_MAX = 160,
};

struct analysis_try {
    struct analysis_measure measure;
    double cost;
    bool ran;                    /* else `why` says why not */
    struct analysis_trial trial; /* when it ran */
    sim_duration bound;          /* the closed form's least, 0 when there is none */
    bool refused;                /* its trial is met and yet it does not do: `why` */
    bool no_time;                /* refused, and another time of starts changes nothing */
    double over;                 /* refused: how far over its share of the whole, as a part of it;
                                    0: for another reason */
    char why[ANALYSIS_SEARCH_WHY_MAX];
};

enum analysis_refusal {
    ANALYSIS_REFUSAL_NONE,
    ANALYSIS_REFUSAL_TIME, /* another time of starts or less of the line may help */
    ANALYSIS_REFUSAL_SUM,  /* they change nothing about it */
};

struct analysis_search {
    unsigned allowed; /* parts that may be taken */
    struct analysis_weights weights;
    sim_duration spread_now; /* of the class */
    sim_duration deadline;   /* of the last phone; SIM_NEVER: none, then starts over up to 8 h */
    uint64_t limit_bit_s;    /* what the line may be used with; 0: no part LIMIT */
    unsigned given;          /* parts that are there already: BLOCK, BLOCK | WINDOW or none */
    /* Is a trial that is met not enough, and why (ANALYSIS_SEARCH_WHY_MAX)? May be NULL. */
    enum analysis_refusal (*refuse)(void *context, const struct analysis_try *t, double *over,
                                    char *why);
    /* Least time that any run with these parts takes; 0: unknown. May be NULL. */
    sim_duration (*bound)(void *context, const struct analysis_measure *m);
    /* 0, or SIM_ECANCELED and other errors, which end the search. */
    int (*run)(void *context, const struct analysis_measure *m, struct analysis_trial *out);
    void *context;
};

struct analysis_found { /* zero it before first use */
    struct analysis_try tries[ANALYSIS_SEARCH_TRIES_MAX];
    size_t len;
    bool full;         /* the list ended the search */
    int chosen;        /* number of the cheapest that does; -1: none does */
    int closest;       /* of those that ran and don't do, the nearest; -1: none */
    int least;         /* of those refused for their share, the least over it; -1: none */
    int as_it_is;      /* the empty set; -1: not run */
    bool not_monotone; /* said above */
};

/* Starts that are tried, from short to long, doubling: 0..ANALYSIS_SEARCH_STARTS - 1 is from a 64th
 * of the deadline to its half; SIM_NEVER: of 16 h. Whole seconds, as people would write them. */
enum { ANALYSIS_SEARCH_STARTS = 6, ANALYSIS_SEARCH_HALVINGS = 4 };
sim_duration analysis_search_start(sim_duration deadline, int step);
/* Between two starts, as people would write it. */
sim_duration analysis_search_between(sim_duration shorter, sim_duration longer);

/* 0, or what `run` said. */
int analysis_search_run(const struct analysis_search *search, struct analysis_found *found);

#endif /* ANALYSIS_PLAN_SEARCH_H */
