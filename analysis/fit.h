/* analysis/fit.h -- which values of a few parameters make a model's figures most like given ones:
 * least squares over a function that is costly and a little rough.
 *
 * Levenberg-Marquardt with differences over whole steps (a simulation's figures jump when events
 * change places, so that a tiny difference says nothing), then a search with shrinking steps around
 * what it found: far ones first, as such a function has hollows that are not the deepest. First it
 * is found out which parameters the figures can tell at all: one whose step changes nothing is left
 * alone, and one that does nothing that others don't do as well is left at its value. Every start
 * with the same figures takes the same way.
 *
 * Not here: what the parameters mean (cmd_calibrate.c), where figures come from (fit_data.h). */
#ifndef ANALYSIS_FIT_H
#define ANALYSIS_FIT_H

#include <stdbool.h>
#include <stddef.h>

enum {
    ANALYSIS_FIT_PARAMETERS_MAX = 4,
    ANALYSIS_FIT_RESIDUALS_MAX = 1 << 16,
};

struct analysis_fit_parameter {
    double start, least, most; /* where it is, and its range */
    double step;               /* > 0: a change that is worth telling from none */
};

enum analysis_fit_verdict {
    ANALYSIS_FIT_FITTED,
    ANALYSIS_FIT_NO_EFFECT, /* no figure depends on it */
    ANALYSIS_FIT_MIXED,     /* others do the same: see `mixed_with` */
    ANALYSIS_FIT_AS_IT_WAS, /* the best value is within its error of the start, and not missed */
    ANALYSIS_FIT_UNTRIED,   /* the fit was stopped before it could be found out what it does */
};

struct analysis_fit {
    struct analysis_fit_parameter parameters[ANALYSIS_FIT_PARAMETERS_MAX];
    size_t parameters_len; /* the first ones are believed first where several do the same */
    size_t residuals_len;  /* 1..ANALYSIS_FIT_RESIDUALS_MAX */
    /* Fills residuals[residuals_len]: the model's figures less the given ones, weighed so that 1 is
     * equally bad in each. 0, or SIM_E* and the fit ends with it. */
    int (*residuals)(void *context, const double *values, double *residuals);
    /* No more runs now? Asked between runs. NULL: never. */
    bool (*stop)(void *context);
    void *context;
    unsigned runs_max;
};

struct analysis_fit_outcome {
    double values[ANALYSIS_FIT_PARAMETERS_MAX];
    /* Half of the 95 % interval, as far as residuals are independent of one another, and a
     * hundredth of a step at least; of fitted ones. */
    double half[ANALYSIS_FIT_PARAMETERS_MAX];
    enum analysis_fit_verdict verdicts[ANALYSIS_FIT_PARAMETERS_MAX];
    size_t mixed_with[ANALYSIS_FIT_PARAMETERS_MAX];
    double before, after; /* root of the sum of squares, at the start and in the end */
    unsigned runs;        /* of the model */
    bool stopped;         /* before it was done: by `stop` or runs_max */
};

/* 0; SIM_ENOMEM; what `residuals` said. */
int analysis_fit(const struct analysis_fit *fit, struct analysis_fit_outcome *out);

#endif /* ANALYSIS_FIT_H */
