/* Goal: no amount is lost or made up, whatever second it falls into, and the peak is that of whole
 * seconds. Method: small amounts by hand, sums of many, runs longer than the table. */
#include <criterion/criterion.h>
#include <string.h>

#include "analysis/bins.h"
#include "sim/rng.h"

static uint64_t sum(const struct analysis_bins *b)
{
    uint64_t all = 0;
    for (size_t i = 0; i < b->len; i++) {
        all += b->amounts[i];
    }
    return all;
}

Test(bins, an_amount_is_spread_evenly_over_its_seconds)
{
    struct analysis_bins b = {0};
    analysis_bins_add(&b, 0, SIM_S, 100);
    analysis_bins_add(&b, SIM_S, 3 * SIM_S, 100);
    analysis_bins_add(&b, 2500 * SIM_MS, 3250 * SIM_MS, 300); /* two thirds before 3 s */
    cr_assert_eq(b.len, 4);
    cr_assert_eq(b.amounts[0], 100);
    cr_assert_eq(b.amounts[1], 50);
    cr_assert_eq(b.amounts[2], 250);
    cr_assert_eq(b.amounts[3], 100);
    cr_assert_eq(analysis_bins_peak(&b), 250);
    analysis_bins_deinit(&b);
}

Test(bins, sites_told_one_after_another_add_up)
{
    struct analysis_bins b = {0};
    for (int site = 0; site < 3; site++) {
        analysis_bins_add(&b, 0, SIM_S, 10);
        analysis_bins_add(&b, SIM_S, 2 * SIM_S, site == 1 ? 50 : 5);
    }
    cr_assert_eq(analysis_bins_peak(&b), 60);
    analysis_bins_deinit(&b);
}

Test(bins, nothing_is_lost_to_rounding)
{
    struct analysis_bins b = {0};
    uint64_t all = 0;
    for (uint64_t i = 1; i < 1000; i++) {
        analysis_bins_add(&b, i * 777777777, i * 777777777 + i * 33333333 + 1, i * 1000003);
        all += i * 1000003;
        analysis_bins_add(&b, i * SIM_S, (i + 7) * SIM_S, i + 3); /* whole seconds */
        all += i + 3;
    }
    cr_assert_eq(sum(&b), all);
    analysis_bins_deinit(&b);
}

Test(bins, a_long_run_has_wider_bins_and_the_same_rate)
{
    struct analysis_bins b = {0};
    for (uint64_t i = 0; i < 200000; i++) {
        analysis_bins_add(&b, i * SIM_S, (i + 1) * SIM_S, 7);
    }
    cr_assert_eq(b.width, 4);
    cr_assert(b.len <= ANALYSIS_BINS_MAX);
    cr_assert_eq(sum(&b), 1400000);
    cr_assert_eq(analysis_bins_peak(&b), 7);
    /* And at once, far out. */
    analysis_bins_add(&b, SIM_NEVER / 4, SIM_NEVER / 4 + SIM_S, 1);
    cr_assert_eq(sum(&b), 1400001);
    cr_assert(b.len <= ANALYSIS_BINS_MAX);
    analysis_bins_deinit(&b);
}

Test(bins, an_empty_one_has_no_peak)
{
    struct analysis_bins b = {0};
    cr_assert_eq(analysis_bins_peak(&b), 0);
    analysis_bins_deinit(&b);
}

/* Parts of a run may be short where the whole is long: their bins are narrower. */
Test(bins, merged_parts_are_the_whole_bit_by_bit)
{
    enum { PARTS = 4, ADDS = 300 };
    struct sim_rng rng;

    sim_rng_init(&rng, 5, SIM_RNG_TEST, 0);
    for (int round = 0; round < 20; round++) {
        struct analysis_bins whole = {0}, parts[PARTS] = {{0}}, merged = {0};
        for (int i = 0; i < ADDS; i++) {
            uint64_t part = sim_rng_below(&rng, PARTS - 1); /* the last one stays empty */
            /* Up to an hour, or 30 or 60 hours: bins of one, two and four seconds. */
            sim_duration most = part == 0 ? 3600 : part * 30 * 3600;
            bool is_whole = sim_rng_below(&rng, 2) == 0; /* seconds */
            uint64_t from = sim_rng_below(&rng, most) * SIM_S, len = 1 + sim_rng_below(&rng, 999);
            uint64_t to = from + (is_whole ? len * SIM_S : len * 777777777);
            uint64_t amount = sim_rng_below(&rng, 1000000007);
            from += is_whole ? 0 : sim_rng_below(&rng, 700000000);
            analysis_bins_add(&whole, from, to, amount);
            analysis_bins_add(&parts[part], from, to, amount);
        }
        for (size_t k = 0; k < PARTS; k++) {
            analysis_bins_merge(&merged, &parts[(k + (size_t)round) % PARTS]);
        }
        cr_assert_eq(merged.width, whole.width);
        cr_assert_eq(merged.len, whole.len);
        cr_assert_eq(memcmp(merged.amounts, whole.amounts, whole.len * sizeof(uint64_t)), 0,
                     "round %d", round);
        cr_assert_eq(analysis_bins_peak(&merged), analysis_bins_peak(&whole));
        for (size_t k = 0; k < PARTS; k++) {
            analysis_bins_deinit(&parts[k]);
        }
        analysis_bins_deinit(&whole);
        analysis_bins_deinit(&merged);
    }
}
