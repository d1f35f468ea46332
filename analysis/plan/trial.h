/* analysis/plan/trial.h -- one scenario, run quietly in virtual time: were its thresholds met, by
 * how much, and the few figures that a planner reads.
 *
 * Not here: which scenario (plan.c), what to try next (search.c). */
#ifndef ANALYSIS_PLAN_TRIAL_H
#define ANALYSIS_PLAN_TRIAL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "analysis/program.h"

enum { ANALYSIS_TRIAL_TEXT_MAX = 200 };

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
};

/* A trial that says nothing yet: met, no margin. */
void analysis_trial_init(struct analysis_trial *t);
/* Takes one threshold into account. `value` NAN: unknown, so missed. */
void analysis_trial_judge(struct analysis_trial *t, const char *metric, const char *op,
                          double limit, double value);
/* Which of two is worse: missed before met, then the smaller margin. */
bool analysis_trial_is_worse(const struct analysis_trial *a, const struct analysis_trial *b);

/* Runs the scenario `text` (JSON; `path` names it and anchors its folders). 0 and the result's
 * document (the caller's), or an exit status; problems are told on program->err. */
int analysis_trial_run(const struct analysis_program *program, const char *path, const char *text,
                       uint64_t seed, cJSON **document);
/* A threshold that asks for a figure and judges nothing: METRIC >= -1. */
#define ANALYSIS_TRIAL_ASKS ">= -1"

/* Judges the document's thresholds: those of the class `site` ("sites[NAME]." in front) and of its
 * copies ("sites[NAME#2]."), or all of them with `site` NULL, whose figures are then those of the
 * whole run. Of a class the figures are those that thresholds ask for: completion_s.p95,
 * completion_s.last, wan.peak_bit_s, phones.failed and phones.unfinished. */
void analysis_trial_read(struct analysis_trial *t, const cJSON *document, const char *site);

/* {"met", "margin", "completion_s": {...}, ...}; its way back, false for what is none. */
cJSON *analysis_trial_json(const struct analysis_trial *t);
bool analysis_trial_parse(const cJSON *json, struct analysis_trial *out);

#endif /* ANALYSIS_PLAN_TRIAL_H */
