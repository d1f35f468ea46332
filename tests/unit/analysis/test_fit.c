/* Goal: least squares find what is there, and say what is not. Method: models in closed form. */
#include <criterion/criterion.h>
#include <math.h>

#include "analysis/fit.h"
#include "analysis/fit_data.h"
#include "sim/err.h"
#include "sim/rng.h"

enum { POINTS = 200 };

/* value = a + b x + c x^2 (c and b may do the same), plus noise. */
struct line {
    double truth[4];
    double noise;
    bool same; /* the third does what the second does */
    unsigned calls, stop_after;
    int fail;
};

static double at(const struct line *l, const double *v, double x)
{
    return v[0] + v[1] * x + (l->same ? v[2] * x : v[2] * x * x);
}

static int differences(void *context, const double *values, double *out)
{
    struct line *l = context;
    struct sim_rng rng;

    sim_rng_init(&rng, 1, SIM_RNG_TEST, 1);
    l->calls++;
    for (int i = 0; i < POINTS; i++) {
        double x = (double)i / POINTS;
        double noise = l->noise * ((double)sim_rng_below(&rng, 2001) / 1000 - 1);
        out[i] = (at(l, values, x) - at(l, l->truth, x) + noise) / sqrt(POINTS);
    }
    return l->fail;
}

static bool stops(void *context)
{
    const struct line *l = context;

    return l->calls >= l->stop_after;
}

static struct analysis_fit_outcome fitted(struct line *l)
{
    const struct analysis_fit fit = {
        .parameters = {{1, -10, 10, 0.1}, {0, -10, 10, 0.1}, {0, 0, 10, 0.1}, {5, 0, 10, 0.1}},
        .parameters_len = 4,
        .residuals_len = POINTS,
        .residuals = differences,
        .stop = l->stop_after > 0 ? stops : NULL,
        .context = l,
        .runs_max = 500,
    };
    struct analysis_fit_outcome out;

    cr_assert_eq(analysis_fit(&fit, &out), l->fail);
    return out;
}

Test(fit, finds_what_made_the_figures)
{
    struct line l = {.truth = {2, -3, 4, 0}};
    struct analysis_fit_outcome o = fitted(&l);

    for (int p = 0; p < 3; p++) {
        cr_assert_eq(o.verdicts[p], ANALYSIS_FIT_FITTED);
        cr_assert(fabs(o.values[p] - l.truth[p]) < 1e-6, "%d: %f", p, o.values[p]);
    }
    cr_assert_eq(o.verdicts[3], ANALYSIS_FIT_NO_EFFECT);
    cr_assert_eq(o.values[3], 5, "what does nothing stays");
    cr_assert(o.before > 0.5 && o.after < 1e-6 && !o.stopped);
}

Test(fit, tells_how_sure_it_is)
{
    struct line l = {.truth = {2, -3, 4, 0}, .noise = 0.5};
    struct analysis_fit_outcome o = fitted(&l);

    for (int p = 0; p < 3; p++) {
        cr_assert(fabs(o.values[p] - l.truth[p]) < 1.5 * o.half[p], "%d: %f +- %f", p, o.values[p],
                  o.half[p]);
    }
    /* The textbook's: 1.96 sigma / sqrt(n), times what sharing with two others costs (3). */
    double mean_alone = 1.96 * 0.5 / sqrt(3) / sqrt(POINTS);
    cr_assert(o.half[0] > 2 * mean_alone && o.half[0] < 4 * mean_alone, "%f, %f", o.half[0],
              mean_alone);
}

/* Hollows every 0.06 on the way to 0.9, where it is 0. */
static int ripples(void *context, const double *values, double *out)
{
    double away = values[0] - 0.9;

    (void)context;
    for (int i = 0; i < POINTS; i++) {
        out[i] = hypot(away, 0.1 * sin(3.14159265 * away / 0.06)) / sqrt(POINTS);
    }
    return 0;
}

Test(fit, does_not_stay_in_a_hollow_that_is_not_the_deepest)
{
    const struct analysis_fit fit = {
        .parameters = {{1.02, 0.05, 1.2, 0.03}},
        .parameters_len = 1,
        .residuals_len = POINTS,
        .residuals = ripples,
        .runs_max = 500,
    };
    struct analysis_fit_outcome o;

    cr_assert_eq(analysis_fit(&fit, &o), 0);
    cr_assert(fabs(o.values[0] - 0.9) < 1e-3, "%f", o.values[0]);
    cr_assert(o.half[0] >= 3e-4 - 1e-12, "not surer than it looked: %g", o.half[0]);
}

Test(fit, leaves_what_others_do_as_well)
{
    struct line l = {.truth = {2, -3, 4, 0}, .same = true};
    struct analysis_fit_outcome o = fitted(&l);

    cr_assert_eq(o.verdicts[2], ANALYSIS_FIT_MIXED);
    cr_assert_eq(o.mixed_with[2], 1);
    cr_assert_eq(o.values[2], 0);
    cr_assert(fabs(o.values[1] - 1) < 1e-6, "both together are 1: %f", o.values[1]);
}

Test(fit, leaves_what_is_right_and_what_is_noise)
{
    struct line right = {.truth = {1, 0, 0, 0}, .noise = 0.3};
    struct line one = {.truth = {1, 0.9, 0, 0}, .noise = 0.05};
    struct analysis_fit_outcome o = fitted(&right);

    for (int p = 0; p < 3; p++) {
        cr_assert_eq(o.verdicts[p], ANALYSIS_FIT_AS_IT_WAS, "%d", p);
    }
    cr_assert(o.values[0] == 1 && o.values[1] == 0 && o.values[2] == 0);
    cr_assert_eq(o.after, o.before);
    o = fitted(&one);
    cr_assert_eq(o.verdicts[1], ANALYSIS_FIT_FITTED);
    cr_assert(fabs(o.values[1] - 0.9) < 0.03, "%f", o.values[1]);
    cr_assert_eq(o.verdicts[2], ANALYSIS_FIT_AS_IT_WAS);
}

Test(fit, keeps_within_the_range)
{
    struct line l = {.truth = {2, -3, -4, 0}}; /* the third may not be below 0 */
    struct analysis_fit_outcome o = fitted(&l);

    cr_assert_eq(o.values[2], 0);
    cr_assert(o.after > 0 && o.after < o.before);
}

Test(fit, ends_when_told_and_when_the_model_fails)
{
    struct line l = {.truth = {2, -3, 4, 0}, .stop_after = 7};
    struct analysis_fit_outcome o = fitted(&l);

    cr_assert(o.stopped && o.runs <= 9, "%u runs", o.runs);
    /* In the middle of the first look: nobody knows what the others do, least of all nothing. */
    l = (struct line){.truth = {2, -3, 4, 0}, .stop_after = 3};
    o = fitted(&l);
    cr_assert_neq(o.verdicts[1], ANALYSIS_FIT_UNTRIED);
    cr_assert_eq(o.verdicts[2], ANALYSIS_FIT_UNTRIED);
    cr_assert_eq(o.verdicts[3], ANALYSIS_FIT_UNTRIED);
    cr_assert_eq(o.values[2], 0);
    cr_assert_eq(o.values[3], 5);
    l = (struct line){.truth = {2, -3, 4, 0}, .fail = SIM_ENOMEM};
    o = fitted(&l);
    cr_assert_eq(o.runs, 1);
}

Test(fit, reads_series_between_their_ranks)
{
    struct analysis_fit_data d = {.list = NULL};

    for (int i = 5; i > 0; i--) {
        cr_assert_eq(analysis_fit_data_add(&d, ANALYSIS_FIT_FILE, "b", "x", i), 0);
        cr_assert_eq(analysis_fit_data_add(&d, ANALYSIS_FIT_FILE, "a", "x", 10 * i), 0);
    }
    cr_assert_eq(analysis_fit_data_add(&d, ANALYSIS_FIT_COMPLETION, "b", NULL, 7), 0);
    analysis_fit_data_sort(&d);
    cr_assert_eq(d.len, 3);
    cr_assert_eq(d.list[0].kind, ANALYSIS_FIT_COMPLETION);
    const struct analysis_fit_series *s = analysis_fit_data_find(&d, ANALYSIS_FIT_FILE, "a\tx");
    cr_assert_not_null(s);
    cr_assert_null(analysis_fit_data_find(&d, ANALYSIS_FIT_CONFIG, "a"));
    cr_assert_eq(analysis_fit_data_at(s, 0.1), 10, "the middle of the first of five");
    cr_assert_eq(analysis_fit_data_at(s, 0.5), 30);
    cr_assert(fabs(analysis_fit_data_at(s, 0.6) - 35) < 1e-9);
    cr_assert_eq(analysis_fit_data_at(s, 0), 10);
    cr_assert_eq(analysis_fit_data_at(s, 1), 50);
    analysis_fit_data_free(&d);
}
