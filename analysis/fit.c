/* analysis/fit.c -- see fit.h. */
#include "analysis/fit.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"

enum {
    MAX = ANALYSIS_FIT_PARAMETERS_MAX,
    ROUNDS_MAX = 12, /* of Levenberg-Marquardt */
};

/* Our choices, tried on runs whose constants were known. */
#define EFFECT_LEAST 1e-3 /* a step that moves all residuals by less says nothing */
#define ALONE_LEAST 0.1   /* of a parameter's effect, what others can't do */
#define GAIN_LEAST 1e-3   /* of the sum of squares: below it, a round was the last */
#define WORTH_LEAST 0.05  /* of the root of the sum: a fit that gains less changes nothing */
#define MISSED_LEAST 0.05 /* of the sum of squares: what grows it by more is missed */
#define LEAP_FIRST 4      /* steps: over the ridges of a rough function, */
#define LEAP_LAST 0.5     /* then down again, */
#define POLISH_FIRST 0.5  /* and around what was found */
#define POLISH_LAST 0.01

struct work {
    const struct analysis_fit *fit;
    struct analysis_fit_outcome *out;
    size_t n;
    double *now, *trial; /* residuals */
    double *effect;      /* n a parameter: residuals' change for one step of it */
    double x[MAX];
    double sum; /* of squares of `now` */
    bool is_free[MAX];
    bool is_known[MAX]; /* its effect has been looked at */
};

static double squares(const double *r, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += r[i] * r[i];
    }
    return sum;
}

static bool may_run(struct work *w)
{
    if (w->out->runs < w->fit->runs_max &&
        (w->fit->stop == NULL || !w->fit->stop(w->fit->context))) {
        return true;
    }
    w->out->stopped = true;
    return false;
}

static int run(struct work *w, const double *x, double *residuals)
{
    w->out->runs++;
    return w->fit->residuals(w->fit->context, x, residuals);
}

static double clamp(const struct work *w, size_t p, double value)
{
    const struct analysis_fit_parameter *parameter = &w->fit->parameters[p];

    return value < parameter->least  ? parameter->least
           : value > parameter->most ? parameter->most
                                     : value;
}

/* ---- Effects ---- */

/* One step of each free parameter from w->x: to the side where there is room. */
static int look_around(struct work *w)
{
    for (size_t p = 0; p < w->fit->parameters_len; p++) {
        double x[MAX], step = w->fit->parameters[p].step;
        double *effect = w->effect + p * w->n;
        int rc;

        if (!w->is_free[p] || !may_run(w)) {
            continue;
        }
        memcpy(x, w->x, sizeof(x));
        x[p] = clamp(w, p, w->x[p] + step);
        if (x[p] - w->x[p] < step / 2) {
            x[p] = clamp(w, p, w->x[p] - step);
        }
        if ((rc = run(w, x, w->trial)) != 0) {
            return rc;
        }
        for (size_t i = 0; i < w->n; i++) {
            effect[i] = (w->trial[i] - w->now[i]) * step / (x[p] - w->x[p]);
        }
        w->is_known[p] = true;
    }
    return 0;
}

static double product(const struct work *w, size_t p, size_t q)
{
    const double *a = w->effect + p * w->n, *b = w->effect + q * w->n;
    double sum = 0;

    for (size_t i = 0; i < w->n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* Solves the free rows of A d = b in place (Gauss with pivots); false: no single answer. */
static bool solve(double a[MAX][MAX], double b[MAX], size_t len)
{
    for (size_t k = 0; k < len; k++) {
        size_t best = k;
        for (size_t i = k + 1; i < len; i++) {
            best = fabs(a[i][k]) > fabs(a[best][k]) ? i : best;
        }
        if (!(fabs(a[best][k]) > 1e-30)) {
            return false;
        }
        for (size_t j = 0; j < len; j++) {
            double t = a[k][j];
            a[k][j] = a[best][j];
            a[best][j] = t;
        }
        double t = b[k];
        b[k] = b[best];
        b[best] = t;
        for (size_t i = k + 1; i < len; i++) {
            double factor = a[i][k] / a[k][k];
            for (size_t j = k; j < len; j++) {
                a[i][j] -= factor * a[k][j];
            }
            b[i] -= factor * b[k];
        }
    }
    for (size_t k = len; k-- > 0;) {
        for (size_t j = k + 1; j < len; j++) {
            b[k] -= a[k][j] * b[j];
        }
        b[k] /= a[k][k];
    }
    return true;
}

/* Numbers of the free parameters. */
static size_t free_ones(const struct work *w, size_t list[MAX])
{
    size_t len = 0;

    for (size_t p = 0; p < w->fit->parameters_len; p++) {
        if (w->is_free[p]) {
            list[len++] = p;
        }
    }
    return len;
}

/* How much of p's effect the free ones before it can't do, squared; `like`: who does most of it. */
static double alone(const struct work *w, size_t p, size_t *like)
{
    double a[MAX][MAX], b[MAX], own = product(w, p, p), left = own, most = -1;
    size_t list[MAX], len = 0;

    for (size_t q = 0; q < p; q++) {
        if (w->is_free[q]) {
            double common = product(w, p, q) / sqrt(own * product(w, q, q));
            if (fabs(common) > most) {
                most = fabs(common);
                *like = q;
            }
            list[len++] = q;
        }
    }
    for (size_t i = 0; i < len; i++) {
        b[i] = product(w, p, list[i]);
        for (size_t j = 0; j < len; j++) {
            a[i][j] = product(w, list[i], list[j]);
        }
    }
    if (!solve(a, b, len)) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        left -= b[i] * product(w, p, list[i]);
    }
    return left > 0 ? left : 0;
}

/* Which parameters can be told? */
static void choose(struct work *w)
{
    for (size_t p = 0; p < w->fit->parameters_len; p++) {
        double own = product(w, p, p);
        size_t like = 0;

        if (!w->is_known[p]) {
            w->out->verdicts[p] = ANALYSIS_FIT_UNTRIED;
            w->is_free[p] = false;
        } else if (!(own > EFFECT_LEAST * EFFECT_LEAST)) {
            w->out->verdicts[p] = ANALYSIS_FIT_NO_EFFECT;
            w->is_free[p] = false;
        } else if (alone(w, p, &like) < ALONE_LEAST * ALONE_LEAST * own) {
            w->out->verdicts[p] = ANALYSIS_FIT_MIXED;
            w->out->mixed_with[p] = like;
            w->is_free[p] = false;
        }
    }
}

/* ---- Steps ---- */

static void take(struct work *w, const double *x, double sum)
{
    double *t = w->now;

    memcpy(w->x, x, sizeof(w->x));
    w->now = w->trial;
    w->trial = t;
    w->sum = sum;
}

/* Tries to go from w->x by the linear answer, damped; true when it got better. */
static int go_down(struct work *w, double *damping, bool *better)
{
    size_t list[MAX], len = free_ones(w, list);
    double a[MAX][MAX], b[MAX], x[MAX], sum;
    int rc;

    *better = false;
    memcpy(x, w->x, sizeof(x));
    for (size_t i = 0; i < len; i++) {
        const double *effect = w->effect + list[i] * w->n;
        b[i] = 0;
        for (size_t k = 0; k < w->n; k++) {
            b[i] -= effect[k] * w->now[k];
        }
        for (size_t j = 0; j < len; j++) {
            a[i][j] = product(w, list[i], list[j]) * (i == j ? 1 + *damping : 1);
        }
    }
    if (!solve(a, b, len)) {
        return 0;
    }
    for (size_t i = 0; i < len; i++) {
        x[list[i]] = clamp(w, list[i], x[list[i]] + b[i] * w->fit->parameters[list[i]].step);
    }
    if ((rc = run(w, x, w->trial)) != 0) {
        return rc;
    }
    sum = squares(w->trial, w->n);
    if (sum < w->sum) {
        *better = true;
        take(w, x, sum);
    }
    *damping = *better ? *damping / 4 : *damping * 8;
    return 0;
}

static int descend(struct work *w)
{
    double damping = 1e-3;
    bool better = true;
    int rc = 0;

    for (int round = 0; round < ROUNDS_MAX && w->sum > 0; round++) {
        double before = w->sum;

        if (!may_run(w)) {
            return 0;
        }
        if ((rc = go_down(w, &damping, &better)) != 0) {
            return rc;
        }
        if (!better) {
            if (damping > 1e3) {
                return 0;
            }
            continue;
        }
        if (before - w->sum < GAIN_LEAST * before) {
            return 0;
        }
        if ((rc = look_around(w)) != 0) {
            return rc;
        }
    }
    return 0;
}

/* Up and down by shrinking steps while it helps. */
static int polish(struct work *w, double first, double last)
{
    size_t list[MAX], len = free_ones(w, list);

    for (double size = first; size >= last && w->sum > 0;) {
        bool better = false;
        for (size_t i = 0; i < 2 * len; i++) {
            size_t p = list[i / 2];
            double x[MAX], sum;
            int rc;

            memcpy(x, w->x, sizeof(x));
            x[p] = clamp(w, p, x[p] + (i % 2 == 0 ? size : -size) * w->fit->parameters[p].step);
            if (x[p] == w->x[p]) {
                continue;
            }
            if (!may_run(w)) {
                return 0;
            }
            if ((rc = run(w, x, w->trial)) != 0) {
                return rc;
            }
            sum = squares(w->trial, w->n);
            if (sum < w->sum) {
                take(w, x, sum);
                better = true;
            }
        }
        size = better ? size : size / 2;
    }
    return 0;
}

/* Far steps out of a hollow that is not the deepest, and down from where they led. */
static int leap(struct work *w)
{
    double before = w->sum;
    int rc = polish(w, LEAP_FIRST, LEAP_LAST);

    if (rc != 0 || w->sum >= before) {
        return rc;
    }
    rc = look_around(w);
    return rc == 0 ? descend(w) : rc;
}

/* ---- Errors ---- */

/* Of the free parameters: (J'J)^-1 J' R^2 J (J'J)^-1, which needs no equal weights. */
static void find_errors(struct work *w)
{
    size_t list[MAX], len = free_ones(w, list);
    double inverse[MAX][MAX] = {{0}}, middle[MAX][MAX] = {{0}};

    for (size_t k = 0; k < len; k++) {
        double a[MAX][MAX], b[MAX] = {0};
        for (size_t i = 0; i < len; i++) {
            for (size_t j = 0; j < len; j++) {
                a[i][j] = product(w, list[i], list[j]);
            }
        }
        b[k] = 1;
        if (!solve(a, b, len)) {
            return;
        }
        for (size_t i = 0; i < len; i++) {
            inverse[i][k] = b[i];
        }
    }
    for (size_t i = 0; i < len; i++) {
        for (size_t j = 0; j < len; j++) {
            const double *a = w->effect + list[i] * w->n, *b = w->effect + list[j] * w->n;
            for (size_t k = 0; k < w->n; k++) {
                middle[i][j] += a[k] * b[k] * w->now[k] * w->now[k];
            }
        }
    }
    for (size_t k = 0; k < len; k++) {
        double variance = 0;
        for (size_t i = 0; i < len; i++) {
            for (size_t j = 0; j < len; j++) {
                variance += inverse[k][i] * middle[i][j] * inverse[j][k];
            }
        }
        w->out->half[list[k]] =
            fmax(1.96 * sqrt(variance > 0 ? variance : 0), POLISH_LAST) *
            w->fit->parameters[list[k]].step; /* no finer than it was searched */
    }
}

/* Of those not yet tried, the one that is furthest within its error of the start; MAX: none is. */
static size_t least_sure(const struct work *w, const bool *tried)
{
    size_t found = MAX;
    double least = 1;

    for (size_t p = 0; p < w->fit->parameters_len; p++) {
        double away = fabs(w->x[p] - w->fit->parameters[p].start);
        double ratio = away <= 0 ? 0 : w->out->half[p] > 0 ? away / w->out->half[p] : 1;

        if (w->is_free[p] && !tried[p] && ratio < least) {
            least = ratio;
            found = p;
        }
    }
    return found;
}

/* Puts back, one after another, what is within its error of the start and is not missed when the
 * others take over what it did. */
static int put_back(struct work *w)
{
    bool tried[MAX] = {false};

    for (size_t p; find_errors(w), (p = least_sure(w, tried)) != MAX;) {
        double x[MAX], sum = w->sum;
        int rc;

        tried[p] = true;
        memcpy(x, w->x, sizeof(x));
        w->is_free[p] = false;
        w->x[p] = w->fit->parameters[p].start;
        if ((rc = run(w, w->x, w->now)) != 0) {
            return rc;
        }
        w->sum = squares(w->now, w->n);
        if ((rc = polish(w, POLISH_FIRST, POLISH_LAST)) != 0) {
            return rc;
        }
        if (w->sum <= (1 + MISSED_LEAST) * sum) {
            w->out->verdicts[p] = ANALYSIS_FIT_AS_IT_WAS;
            continue;
        }
        w->is_free[p] = true;
        memcpy(w->x, x, sizeof(x));
        if ((rc = run(w, w->x, w->now)) != 0) {
            return rc;
        }
        w->sum = sum;
    }
    return 0;
}

/* Not worth a change: everything stays. */
static void give_up(struct work *w)
{
    for (size_t p = 0; p < w->fit->parameters_len; p++) {
        w->x[p] = w->fit->parameters[p].start;
        if (w->is_free[p]) {
            w->is_free[p] = false;
            w->out->verdicts[p] = ANALYSIS_FIT_AS_IT_WAS;
        }
    }
    w->sum = w->out->before * w->out->before;
}

/* ---- All of it ---- */

static int search(struct work *w)
{
    int rc = run(w, w->x, w->now);

    if (rc != 0) {
        return rc;
    }
    w->sum = squares(w->now, w->n);
    w->out->before = sqrt(w->sum);
    if ((rc = look_around(w)) != 0) {
        return rc;
    }
    choose(w);
    if ((rc = descend(w)) != 0 || (rc = leap(w)) != 0 ||
        (rc = polish(w, POLISH_FIRST, POLISH_LAST)) != 0) {
        return rc;
    }
    if ((rc = put_back(w)) != 0) {
        return rc;
    }
    if (sqrt(w->sum) > (1 - WORTH_LEAST) * w->out->before) {
        give_up(w);
    }
    return 0;
}

int analysis_fit(const struct analysis_fit *fit, struct analysis_fit_outcome *out)
{
    size_t n = fit->residuals_len;
    struct work w = {.fit = fit, .out = out, .n = n};
    int rc = SIM_ENOMEM;

    assert(fit->parameters_len > 0 && fit->parameters_len <= MAX);
    assert(n > 0 && n <= ANALYSIS_FIT_RESIDUALS_MAX && fit->runs_max > 0);
    *out = (struct analysis_fit_outcome){.runs = 0};
    for (size_t p = 0; p < fit->parameters_len; p++) {
        w.x[p] = fit->parameters[p].start;
        w.is_free[p] = true;
    }
    double *memory = calloc((2 + fit->parameters_len) * n, sizeof(*memory));
    if (memory != NULL) {
        w.now = memory;
        w.trial = memory + n;
        w.effect = memory + 2 * n;
        rc = search(&w);
        memcpy(out->values, w.x, sizeof(out->values));
        out->after = sqrt(w.sum);
    }
    free(memory);
    return rc;
}
