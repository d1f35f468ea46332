/* analysis/plan/trial.h -- one scenario, run quietly in virtual time: were its thresholds met, by
 * how much, and the few figures that a planner reads.
 *
 * Not here: which scenario (plan.c), what to try next (search.c). */
#ifndef ANALYSIS_PLAN_TRIAL_H
#define ANALYSIS_PLAN_TRIAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/program.h"

enum {
    ANALYSIS_TRIAL_TEXT_MAX = 200,
    ANALYSIS_TOTALS_MAX = 8, /* limits of the whole run that are shared out among classes; others
                                are judged with all sites only */
};

/* A limit of the whole run that its classes add up to: "wan.bytes <= 2e9". */
struct analysis_total {
    char metric[256];
    char op[3]; /* "<" or "<=" */
    double limit;
    bool is_peak; /* at different instants: together at most the sum */
};

/* NAN: it has no such figure (nobody completed, there is no line). */
struct analysis_trial {
    bool met;         /* every threshold that was asked about */
    bool only_late;   /* all that are missed are times, and nobody failed or was refused */
    bool wan_met;     /* those about the use of the line */
    double margin;    /* least distance to a limit as a share of it; below 0: missed by it */
    double p95, last; /* of completion, s */
    double wan_peak;  /* bit/s towards the site (whole: the sum of all), best second */
    double failed;    /* phones that failed or did not end */
    double refused;   /* requests that the server turned away, in the whole run */
    uint64_t seed;    /* the one that it was with: the worst of several */
    char worst[ANALYSIS_TRIAL_TEXT_MAX]; /* the threshold with that margin, "completion_s.last <=
                                            60" */
    double worst_value;                  /* its value */
    bool rest_met;                       /* every threshold but the totals */
    double totals[ANALYSIS_TOTALS_MAX];  /* of those that were asked about, else NAN; of a class
                                            among others the sum of its copies */
    /* Of a class among others; NAN else. */
    double sites_missing; /* copies that miss something */
    double failed_all;    /* phones of all copies */
    double last_median;   /* of the copies' last phones, s */
};

/* What of a result is to be judged. */
struct analysis_reading {
    const char *site; /* thresholds of this class and of its copies, whose figures are then those
                         that thresholds ask for: completion_s.p95, completion_s.last,
                         wan.peak_bit_s, phones.failed and phones.unfinished; NULL: of the whole
                         run */
    const struct analysis_total *totals; /* with `site` NULL, or when the class was alone: their
                                            values are taken */
    size_t totals_len;
    const char *const *left_out; /* metrics that are not judged */
    size_t left_out_len;
};

/* A trial that says nothing yet: met, no margin. */
void analysis_trial_init(struct analysis_trial *t);
/* Takes one threshold into account. `value` NAN: unknown, so missed. */
void analysis_trial_judge(struct analysis_trial *t, const char *metric, const char *op,
                          double limit, double value);
/* Which of two is worse: missed before met, then the smaller margin. */
bool analysis_trial_is_worse(const struct analysis_trial *a, const struct analysis_trial *b);

/* Runs the scenario `text` (JSON; `path` names it and anchors its folders). 0 and the result's
 * document (the caller's), or an exit status; problems are told on program->err. `copies` (may be
 * NULL) is filled with what copies.h says. */
struct analysis_copies;
int analysis_trial_run(const struct analysis_program *program, const char *path, const char *text,
                       uint64_t seed, struct analysis_copies *copies, cJSON **document);
/* A threshold that asks for a figure and judges nothing: METRIC >= -1. */
#define ANALYSIS_TRIAL_ASKS ">= -1"

/* Judges the document's thresholds. */
void analysis_trial_read(struct analysis_trial *t, const cJSON *document,
                         const struct analysis_reading *how);

/* {"met", "margin", "completion_s": {...}, ...}; its way back, false for what is none. */
cJSON *analysis_trial_json(const struct analysis_trial *t);
bool analysis_trial_parse(const cJSON *json, struct analysis_trial *out);

#endif /* ANALYSIS_PLAN_TRIAL_H */
