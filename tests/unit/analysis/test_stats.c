/* Goal: the histogram of analysis/stats.c keeps its promise of 0.2 %, and merging loses nothing.
 * Method: values over the whole range against exact quantiles of the sorted list. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/stats.h"
#include "sim/rng.h"

enum { VALUES = 20000 };

static int compare(const void *a, const void *b)
{
    sim_duration x = *(const sim_duration *)a, y = *(const sim_duration *)b;
    return x < y ? -1 : x > y;
}

/* Log-uniform over 1 us .. 1e6 s. */
static void fill(sim_duration *values, uint64_t seed)
{
    struct sim_rng rng;

    sim_rng_init(&rng, seed, SIM_RNG_TEST, 0);
    for (size_t i = 0; i < VALUES; i++) {
        uint64_t low = UINT64_C(1) << sim_rng_between(&rng, 10, 48);
        values[i] = low + sim_rng_below(&rng, low);
    }
}

Test(stats, every_quantile_is_within_a_500th)
{
    static sim_duration values[VALUES];
    static struct analysis_stats s;

    fill(values, 1);
    analysis_stats_init(&s);
    for (size_t i = 0; i < VALUES; i++) {
        analysis_stats_add(&s, values[i]);
    }
    qsort(values, VALUES, sizeof(values[0]), compare);
    for (uint32_t q = 0; q <= ANALYSIS_STATS_ALL; q += 1000) {
        uint64_t rank = ((uint64_t)q * VALUES + ANALYSIS_STATS_ALL - 1) / ANALYSIS_STATS_ALL;
        sim_duration exact = values[rank == 0 ? 0 : rank - 1];
        sim_duration got = analysis_stats_quantile(&s, q);
        sim_duration error = got > exact ? got - exact : exact - got;
        cr_assert(error * 500 <= exact, "q %u: %lu for %lu", q, got, exact);
    }
    cr_assert_eq(s.min, values[0]);
    cr_assert_eq(s.max, values[VALUES - 1]);
}

Test(stats, every_value_alone_is_within_a_500th_of_itself)
{
    static struct analysis_stats s;

    for (unsigned bit = 0; bit < 50; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            sim_duration value = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta;
            analysis_stats_init(&s);
            /* Three, so that neither the exact minimum nor the maximum answers. */
            analysis_stats_add(&s, 0);
            analysis_stats_add(&s, value);
            analysis_stats_add(&s, SIM_NEVER);
            sim_duration got = analysis_stats_quantile(&s, 500000);
            sim_duration error = got > value ? got - value : value - got;
            cr_assert(error * 500 <= value, "%lu for %lu", got, value);
        }
    }
}

Test(stats, merged_parts_are_the_whole_bit_by_bit)
{
    static sim_duration values[VALUES];
    static struct analysis_stats whole, parts[3], merged;

    fill(values, 2);
    analysis_stats_init(&whole);
    analysis_stats_init(&merged);
    for (size_t k = 0; k < 3; k++) {
        analysis_stats_init(&parts[k]);
    }
    for (size_t i = 0; i < VALUES; i++) {
        analysis_stats_add(&whole, values[i]);
        analysis_stats_add(&parts[i % 7 % 3], values[i]);
    }
    for (size_t k = 3; k-- > 0;) {
        analysis_stats_merge(&merged, &parts[k]);
    }
    cr_assert_eq(memcmp(&whole, &merged, sizeof(whole)), 0);
}

Test(stats, nothing_has_no_times_and_one_value_is_all_of_them)
{
    static struct analysis_stats s;

    analysis_stats_init(&s);
    cr_assert_eq(analysis_stats_quantile(&s, 500000), 0);
    cr_assert_eq(analysis_stats_mean(&s), 0);
    analysis_stats_add(&s, 12345678901);
    for (uint32_t q = 0; q <= ANALYSIS_STATS_ALL; q += 250000) {
        cr_assert_eq(analysis_stats_quantile(&s, q), 12345678901);
    }
    cr_assert_eq(analysis_stats_mean(&s), 12345678901);
}

Test(stats, the_mean_is_exact_where_sums_pass_64_bits)
{
    static struct analysis_stats s;

    analysis_stats_init(&s);
    for (int i = 0; i < 8; i++) {
        analysis_stats_add(&s, SIM_NEVER / 2 + (uint64_t)i);
    }
    cr_assert_eq(analysis_stats_mean(&s), SIM_NEVER / 2 + 3);
}
