/* analysis/plan/alone.c -- one copy of a class alone: its trials, and the search with them. Runs in
 * a process of its own (plan.c). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/plan/inner.h"
#include "analysis/quantity.h"
#include "sim/err.h"

struct lone {
    const struct plan *plan;
    struct plan_class *class;
    size_t index;
    uint64_t runs;
    int status; /* why a run could not be */
};

/* The least that any run takes: one copy over the line where phones share, else one for each that
 * may not fail. */
static sim_duration lone_bound(void *context, const struct analysis_measure *m)
{
    const struct lone *l = context;
    const struct plan_class *c = l->class;
    uint64_t rate = plan_best_rate(c->site);
    bool shares = (m->parts & ANALYSIS_MEASURE_PFS) != 0 ||
                  (c->shares && (m->parts & ANALYSIS_MEASURE_TRADITIONAL) == 0);

    if (c->is_lan || (m->parts & ANALYSIS_MEASURE_LOAD_SERVER) != 0) {
        return 0;
    }
    for (size_t i = 0; i < c->site->phones_len; i++) {
        if (c->site->phones[i].load_server != NULL) {
            return 0; /* some of them: no closed form */
        }
    }
    if ((m->parts & ANALYSIS_MEASURE_LIMIT) != 0) {
        rate = m->limit_bit_s < rate || rate == SIM_RATE_NONE ? m->limit_bit_s : rate;
    }
    uint64_t failures = analysis_draft_failures(&l->plan->draft, l->index);
    return analysis_closed_copies(analysis_closed_least_bytes(&c->closed, shares, failures), 1,
                                  rate);
}

/* What a search before has run already is not run again. */
static bool ran_before(const struct plan_class *c, const struct analysis_measure *m,
                       struct analysis_trial *out)
{
    const cJSON *tries = cJSON_GetObjectItemCaseSensitive(c->found, "tries"), *t;
    struct analysis_measure other;

    cJSON_ArrayForEach(t, tries)
    {
        if (analysis_measure_read(cJSON_GetObjectItemCaseSensitive(t, "measure"), &other) &&
            other.parts == m->parts &&
            ((m->parts & ANALYSIS_MEASURE_SPREAD) == 0 || other.spread == m->spread) &&
            ((m->parts & ANALYSIS_MEASURE_LIMIT) == 0 || other.limit_bit_s == m->limit_bit_s) &&
            analysis_trial_parse(cJSON_GetObjectItemCaseSensitive(t, "trial"), out)) {
            return true;
        }
    }
    return false;
}

/* The worst of two seeds, and of each total the most. */
static void take_worse(struct analysis_trial *to, const struct analysis_trial *t)
{
    struct analysis_trial worse = analysis_trial_is_worse(t, to) ? *t : *to;

    for (size_t k = 0; k < ANALYSIS_TOTALS_MAX; k++) {
        worse.totals[k] = fmax(to->totals[k], t->totals[k]);
    }
    *to = worse;
}

/* The worst of the seeds; the first that misses is enough. */
static int lone_run(void *context, const struct analysis_measure *m, struct analysis_trial *out)
{
    struct lone *l = context;
    const struct analysis_plan *config = l->plan->config;
    const struct analysis_reading reading = {
        .site = l->class->site->name,
        .totals = l->plan->draft.totals,
        .totals_len = l->plan->draft.totals_len,
    };
    char *text;

    if (ran_before(l->class, m, out)) {
        return 0;
    }
    text = analysis_draft_class(&l->plan->draft, l->index, m);
    if (text == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = 0; i < config->seeds; i++) {
        struct analysis_trial t;
        cJSON *document;
        l->status = analysis_trial_run(config->program, config->scenario->path, text,
                                       config->scenario->seed + i, NULL, &document);
        if (l->status != ANALYSIS_OK) {
            free(text);
            return SIM_ECANCELED;
        }
        l->runs++;
        analysis_trial_read(&t, document, &reading);
        cJSON_Delete(document);
        if (i == 0) {
            *out = t;
        } else {
            take_worse(out, &t);
        }
        if (!t.met) {
            break;
        }
    }
    free(text);
    return 0;
}

/* More than its share of a total, or tried beside the others and missed there. */
static enum analysis_refusal lone_refuse(void *context, const struct analysis_try *t, double *over,
                                         char *why)
{
    const struct lone *l = context;
    const struct plan_class *c = l->class;
    enum analysis_refusal refusal = ANALYSIS_REFUSAL_NONE;
    char value[ANALYSIS_CELL_MAX], share[ANALYSIS_CELL_MAX];

    *over = 0;
    for (size_t k = 0; k < l->plan->draft.totals_len; k++) {
        const struct analysis_total *total = &l->plan->draft.totals[k];
        double part = (t->trial.totals[k] - c->share[k]) / fmax(c->share[k], 1);
        if (isnan(part) || part <= *over) {
            continue;
        }
        *over = part;
        refusal = total->is_peak || strncmp(total->metric, "phones.", 7) == 0
                      ? ANALYSIS_REFUSAL_TIME
                      : ANALYSIS_REFUSAL_SUM;
        snprintf(why, ANALYSIS_SEARCH_WHY_MAX, "%.40s %.40s, its share of the whole is %.40s",
                 total->metric, analysis_quantity_format(total->metric, t->trial.totals[k], value),
                 analysis_quantity_format(total->metric, c->share[k], share));
    }
    if (refusal == ANALYSIS_REFUSAL_NONE && c->rejected[t->measure.parts]) {
        snprintf(why, ANALYSIS_SEARCH_WHY_MAX, "keeps its own limits, not beside the others");
        refusal = ANALYSIS_REFUSAL_TIME;
    }
    return refusal;
}

char *plan_search_class(const struct plan *p, size_t index)
{
    const struct scenario *s = p->config->scenario;
    struct lone l = {.plan = p, .class = &p->classes[index], .index = index};
    struct analysis_search search = {
        .allowed = l.class->allowed,
        .weights = p->config->weights,
        .spread_now = scenario_site_spread(s, l.class->site),
        .deadline = analysis_draft_deadline(&p->draft, index),
        .limit_bit_s = plan_limit(p, l.class),
        .given = l.class->given,
        .refuse = lone_refuse,
        .bound = lone_bound,
        .run = lone_run,
        .context = &l,
    };
    struct analysis_found *found = calloc(1, sizeof(*found));
    cJSON *json = NULL;

    if (found != NULL) {
        int rc = analysis_search_run(&search, found);
        json = rc == 0               ? plan_found_json(found, l.runs)
               : rc == SIM_ECANCELED ? cJSON_CreateNumber(l.status)
                                     : NULL;
    }
    char *text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    free(found);
    return text;
}
