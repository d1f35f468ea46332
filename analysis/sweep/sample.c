/* analysis/sweep/sample.c -- see sample.h. */
#include "analysis/sweep/sample.h"

#include <assert.h>
#include <math.h>

enum {
    SERIES_MAX = 2000, /* degrees of freedom whose series is summed; above, t is close to normal */
    HALVINGS = 200,    /* of the bracket: far beyond a double's 53 bits */
};

/* P(T <= t) for t >= 0: Abramowitz and Stegun 26.7.3 (odd) and 26.7.4 (even), finite series. */
static double cumulative_series(uint32_t df, double t)
{
    double theta = atan(t / sqrt((double)df));
    double c2 = cos(theta) * cos(theta);
    double term, sum;

    if (df % 2 == 1) {
        term = cos(theta);
        sum = df > 1 ? term : 0;
        for (uint32_t k = 3; k + 2 <= df; k += 2) {
            term *= c2 * (double)(k - 1) / (double)k;
            sum += term;
        }
        return 0.5 + (theta + sin(theta) * sum) / M_PI;
    }
    term = 1;
    sum = 1;
    for (uint32_t k = 2; k + 2 <= df; k += 2) {
        term *= c2 * (double)(k - 1) / (double)k;
        sum += term;
    }
    return 0.5 + sin(theta) * sum / 2;
}

/* From SERIES_MAX on by the normal distribution of a transformed t (Wallace 1959): its error goes
 * with 1 / df^2. */
static double cumulative(uint32_t df, double t)
{
    if (df <= SERIES_MAX) {
        return cumulative_series(df, t);
    }
    double n = (double)df;
    double w = (8 * n + 1) / (8 * n + 3) * sqrt(n * log1p(t * t / n));
    return 0.5 * erfc(-w / M_SQRT2);
}

double analysis_sample_student(uint32_t df, double p)
{
    assert(df > 0 && p > 0 && p < 1);
    if (p < 0.5) {
        return -analysis_sample_student(df, 1 - p);
    }
    double low = 0, high = 1;
    while (cumulative(df, high) < p && high < 1e300) {
        low = high;
        high *= 2;
    }
    for (int i = 0; i < HALVINGS && low < high; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) {
            break;
        }
        if (cumulative(df, middle) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high;
}

struct analysis_sample analysis_sample_of(const double *values, size_t len)
{
    struct analysis_sample s = {.mean = NAN, .low = NAN, .high = NAN, .min = NAN, .max = NAN};
    double sum = 0, squares = 0;

    for (size_t i = 0; i < len; i++) {
        if (!isnan(values[i])) {
            s.min = s.count == 0 || values[i] < s.min ? values[i] : s.min;
            s.max = s.count == 0 || values[i] > s.max ? values[i] : s.max;
            sum += values[i];
            s.count++;
        }
    }
    if (s.count == 0) {
        return s;
    }
    s.mean = sum / (double)s.count;
    s.mean = s.mean < s.min ? s.min : s.mean > s.max ? s.max : s.mean; /* rounding */
    if (s.count < 2) {
        return s;
    }
    for (size_t i = 0; i < len; i++) {
        if (!isnan(values[i])) {
            squares += (values[i] - s.mean) * (values[i] - s.mean);
        }
    }
    double n = (double)s.count;
    double half =
        analysis_sample_student((uint32_t)(s.count - 1), 0.975) * sqrt(squares / (n - 1) / n);
    s.low = s.mean - half;
    s.high = s.mean + half;
    return s;
}
