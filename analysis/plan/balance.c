/* analysis/plan/balance.c -- limits of the whole run, shared out among classes.
 *
 * One copy of a class alone says how much of a total (wan.bytes, server.peak_transfers) it makes;
 * the sum over copies is what all make together, where sites touch one another only through the
 * server. If that is over the limit, the class that contributes most gets a share that would mend
 * it all, or, if that is the larger one, a share as much smaller as the sum is too large, and is
 * searched again; then the next. Who can't have less is left with its least. A peak is at most the
 * sum of peaks: it is shared out when a run of all sites has missed it, scaled to what that run
 * had; so are sums that a run proves wrong. Whether it all fits is said by a run of all sites only.
 */
#include <math.h>

#include "analysis/plan/inner.h"

#define STEP_LEAST 0.05 /* of what a class has; our choice */

double plan_contribution(const struct plan *p, size_t i, size_t k)
{
    const struct plan_class *c = &p->classes[i];
    double factor = p->factor[k] > 0 ? p->factor[k] : 1;

    return c->has[k] * (double)c->site->count * factor;
}

static double sum_of(const struct plan *p, size_t k)
{
    double sum = 0;

    for (size_t i = 0; i < p->classes_len; i++) {
        double part = plan_contribution(p, i, k);
        sum += isnan(part) ? 0 : part;
    }
    return sum;
}

static bool is_over(const struct plan *p, size_t k, double value)
{
    const struct analysis_total *t = &p->draft.totals[k];

    if (t->is_peak && p->factor[k] == 0) {
        return false; /* the sum would say too much */
    }
    return t->op[1] == '=' ? value > t->limit * (1 + 1e-9) : value >= t->limit;
}

/* The class with most of total `k` among those that may still come down; NULL: none. */
static struct plan_class *heaviest(struct plan *p, size_t k, double *part)
{
    struct plan_class *most = NULL;

    *part = 0;
    for (size_t i = 0; i < p->classes_len; i++) {
        double own = plan_contribution(p, i, k);
        if (!p->classes[i].spent[k] && p->classes[i].searched && own > *part) {
            most = &p->classes[i];
            *part = own;
        }
    }
    return most;
}

/* One class for one total. */
static int bring_down(struct plan *p, size_t k, struct plan_class *c, double part, bool *changed)
{
    const struct analysis_total *t = &p->draft.totals[k];
    double sum = sum_of(p, k), before = c->has[k];
    double need = t->limit - (sum - part), fair = part * t->limit / sum;
    struct analysis_measure had = c->measure;
    uint32_t which = (uint32_t)(c - p->classes);

    if (need < fair) { /* others must come down too: no step so small that it takes for ever */
        need = fmin(fair, part * (1 - STEP_LEAST));
    }
    c->share[k] = need / part * before * (t->op[1] == '=' ? 1 : 1 - 1e-9);
    plan_allow(p, c);
    int status = plan_search(p, &which, 1);
    c->spent[k] = !c->solved || !(c->has[k] < before);
    if (!c->solved) {
        c->share[k] = (double)NAN; /* the least that there is has been taken: it may keep that */
        c->solved = c->has[k] < before || plan_found_try(c->found, "least") != NULL;
    }
    *changed = *changed || c->measure.parts != had.parts || c->measure.spread != had.spread ||
               c->measure.limit_bit_s != had.limit_bit_s;
    return status;
}

int plan_balance(struct plan *p, bool *changed)
{
    int status = ANALYSIS_OK;

    for (size_t k = 0; k < p->draft.totals_len; k++) {
        struct plan_class *c;
        double part;
        while (status == ANALYSIS_OK && is_over(p, k, sum_of(p, k)) &&
               (c = heaviest(p, k, &part)) != NULL) {
            plan_tell(p, "%s is too much in all: searching what brings %s down\n",
                      p->draft.totals[k].metric, c->site->name);
            status = bring_down(p, k, c, part, changed);
        }
    }
    return status;
}

void plan_learn(struct plan *p)
{
    for (size_t k = 0; k < p->draft.totals_len; k++) {
        p->factor[k] = 1;
        double sum = sum_of(p, k), whole = p->whole.totals[k];
        p->factor[k] = sum > 0 && whole > 0 ? whole / sum : 0;
        if (!p->draft.totals[k].is_peak && whole <= p->draft.totals[k].limit) {
            p->factor[k] = 0; /* nothing to learn */
        }
    }
}
