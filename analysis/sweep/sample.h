/* analysis/sweep/sample.h -- a few runs of one thing: their mean and how far to trust it.
 *
 * The interval is Student's: mean -+ t(0.975, n-1) x s / sqrt(n), where s is the standard deviation
 * with n-1. It takes the runs' figures for draws of one normal distribution, which of 5 seeds
 * nobody can tell; with fewer than two there is none. */
#ifndef ANALYSIS_SWEEP_SAMPLE_H
#define ANALYSIS_SWEEP_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

/* The x that a Student's t of `df` degrees of freedom stays under with probability `p`: df 1 to
 * 2^31, p above 0 and below 1. Good to 1e-9 of itself. */
double analysis_sample_student(uint32_t df, double p);

struct analysis_sample {
    size_t count;
    double mean, low, high; /* low, high: 95 % confidence; NAN with fewer than two values */
    double min, max;
};

/* NAN values (a run without such a figure) are left out. With count 0 all else is NAN. */
struct analysis_sample analysis_sample_of(const double *values, size_t len);

#endif /* ANALYSIS_SWEEP_SAMPLE_H */
