/* Goal: the histogram of analysis/stats.c keeps its promise of 0.2 %, and merging loses nothing.
 * Method: values over the whole range against exact quantiles of the sorted list. */
#include <criterion/criterion.h>
#include <stddef.h>
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

/* However values are dealt to lanes and shards, and in whatever order those are joined. */
Test(stats, any_split_in_any_order_gives_the_same_bits)
{
    enum { PARTS = 9, ROUNDS = 40, SOME = 500 };
    static struct analysis_stats whole, parts[PARTS], merged;
    struct sim_rng rng;

    sim_rng_init(&rng, 3, SIM_RNG_TEST, 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t used = 1 + sim_rng_below(&rng, PARTS); /* some stay empty */
        analysis_stats_init(&whole);
        for (size_t k = 0; k < PARTS; k++) {
            analysis_stats_init(&parts[k]);
        }
        for (int i = 0; i < SOME; i++) {
            uint64_t low = UINT64_C(1) << sim_rng_between(&rng, 0, 49);
            sim_duration value = low - 1 + sim_rng_below(&rng, low);
            analysis_stats_add(&whole, value);
            analysis_stats_add(&parts[sim_rng_below(&rng, used)], value);
        }
        analysis_stats_init(&merged);
        size_t first = (size_t)sim_rng_below(&rng, PARTS);
        for (size_t k = 0; k < PARTS; k++) {
            size_t at = (first + 2 * k) % PARTS; /* PARTS is odd: each of them once */
            analysis_stats_merge(&merged, &parts[at]);
        }
        cr_assert_eq(memcmp(&whole, &merged, sizeof(whole)), 0, "round %d", round);
        cr_assert(analysis_stats_is_sound(&merged));
    }
}

Test(stats, what_contradicts_itself_is_not_sound)
{
    static struct analysis_stats s, bad;

    analysis_stats_init(&s);
    cr_assert(analysis_stats_is_sound(&s));
    cr_assert_eq(analysis_stats_next(&s, 0), ANALYSIS_STATS_BUCKETS);
    analysis_stats_add(&s, 300);
    analysis_stats_add(&s, 700);
    cr_assert(analysis_stats_is_sound(&s));
    cr_assert_eq(analysis_stats_next(&s, 0), 300);
    unsigned last = analysis_stats_next(&s, 301);
    cr_assert_lt(last, ANALYSIS_STATS_BUCKETS);
    cr_assert_eq(analysis_stats_next(&s, last + 1), ANALYSIS_STATS_BUCKETS);

    const struct {
        const char *what;
        size_t offset;
        uint64_t value;
    } faults[] = {
        {"count", offsetof(struct analysis_stats, count), 3},
        {"min", offsetof(struct analysis_stats, min), 299},
        {"min over max", offsetof(struct analysis_stats, min), 701},
        {"max", offsetof(struct analysis_stats, max), 720},
        {"sum too small", offsetof(struct analysis_stats, sum), 599},
        {"sum too large", offsetof(struct analysis_stats, sum), 1401},
        {"a bucket before min", offsetof(struct analysis_stats, buckets), 1},
        {"a bucket of all", offsetof(struct analysis_stats, buckets) + 300 * 8, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        bad = s;
        memcpy((char *)&bad + faults[i].offset, &faults[i].value, sizeof(faults[i].value));
        cr_assert(!analysis_stats_is_sound(&bad), "%s", faults[i].what);
    }
}
